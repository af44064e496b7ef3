"""Scores in the forms a user may give them: one array, several by name, or a fitted classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError
from radiokit.utils import same_rows
from radiokit.utils.estimators import Cases, Outcome, has_decision, has_probabilities

Scores: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | pd.DataFrame


def named_scores(outcome: Outcome, scores: Scores) -> dict[str, NDArray[np.float64]]:
    """Return scores by model, of the cases of the outcome; a single array is called ``model``."""
    given = dict(scores.items()) if isinstance(scores, Mapping | pd.DataFrame) else {"model": scores}
    if not given:
        raise InputError("There are no scores; required: at least one model.")
    for name, score in given.items():
        same_rows(**{"the outcome": outcome, f"scores of {name}": score})
    return {str(name): np.asarray(score, dtype=float) for name, score in given.items()}


def positive_score(estimator: object, X: Cases) -> NDArray[np.float64]:
    """Return the probability of the second class, or the decision function where there is none."""
    if has_probabilities(estimator):
        return np.asarray(estimator.predict_proba(X))[:, 1]
    if has_decision(estimator):
        return np.asarray(estimator.decision_function(X))
    raise InputError(
        f"{type(estimator).__name__} has neither predict_proba nor decision_function; required: a fitted classifier."
    )


def positive_probability(estimator: object, X: Cases) -> NDArray[np.float64]:
    """Return the probability of the second class; a score is no probability."""
    if not has_probabilities(estimator):
        raise InputError(f"{type(estimator).__name__} has no predict_proba; required: a classifier with probabilities.")
    return np.asarray(estimator.predict_proba(X))[:, 1]
