"""How many events there are for what is learnt from them: the numbers behind warnings, checklists and headline."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit import stats
from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint
from radiokit.study.deep import is_deep
from radiokit.validation.facts import SampleSize


def sample_size(endpoint: Endpoint, data: Patients, name: str) -> SampleSize:
    """Count events, candidate predictors and parameters in training, and ask Riley's criteria for binary outcomes."""
    training = endpoint.y[data.training]
    frozen = endpoint.main.frozen
    parameters = len(frozen.weights) + sum(len(score.features) for score in frozen.scores)
    return SampleSize(
        endpoint=name,
        patients=int(training.size),
        events=rarer_outcome(training),
        candidates=candidate_predictors(endpoint, data),
        parameters=parameters,
        required=float("nan") if endpoint.survival else _riley(endpoint, parameters, float(training.mean())),
    )


def rarer_outcome(y: NDArray[Any]) -> int:
    """Return the number of events, or for a binary outcome of patients of the rarer class."""
    return int(y["event"].sum()) if y.dtype.names else int(min(y.sum(), (~y).sum()))


def candidate_predictors(endpoint: Endpoint, data: Patients) -> int:
    """Return the number of predictors to choose from; a network chooses among none."""
    networks = {name for m in endpoint.models for name, (estimator, _) in m.signatures.items() if is_deep(estimator)}
    return sum(len(v) for name, v in data.features.items() if name not in networks) + len(data.clinical)


def _riley(endpoint: Endpoint, parameters: int, prevalence: float) -> float:
    """Return the patients that Riley's criteria ask for, at the accuracy that was found out-of-fold."""
    found = float(endpoint.main.cv.summary.loc[0, "estimate"])
    if parameters == 0 or not 0.5 < found < 1:
        return float("nan")
    needed = stats.sample_size_binary(n_parameters=parameters, prevalence=prevalence, c_statistic=min(found, 0.95))
    return float(np.ceil(needed.n))
