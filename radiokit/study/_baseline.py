"""The one baseline hazard of a Cox model of a study: that of its fit, for predictions, nomogram, report and file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.stats._cox_fit import partial_likelihood, risk_sets
from radiokit.study._frozen import Frozen

COLUMNS = ("time", "cumulative_hazard", "survival")


def baseline_table(y: NDArray[np.void], risk: NDArray[np.float64]) -> pd.DataFrame:
    r"""Return the cumulative hazard and the survival of a patient with log relative hazard 0, a row an event time.

    Efron's estimator, as the fits are Efron's: of d patients who die at a time, the k-th leaves a risk set without
    (k - 1)/d of all d, :math:`\sum_t \sum_{k=1}^{d_t} 1 / (\sum_{at risk} e^{risk} - \frac{k-1}{d} \sum_{dying}
    e^{risk})`; R: ``survival::basehaz`` of a ``coxph`` with the risk as offset.
    """
    sets = risk_sets(y["time"].astype(float), y["event"].astype(bool))
    state = partial_likelihood(sets, np.zeros((risk.size, 0)), np.asarray(risk, dtype=float)[sets.order])
    hazard = np.cumsum(sets.by_block(state.hazard))
    return pd.DataFrame(
        {"time": sets.block_time, "cumulative_hazard": hazard, "survival": np.exp(-hazard)}, columns=list(COLUMNS)
    )


def survival_of(risk: NDArray[np.float64], baseline: pd.DataFrame, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the survival of patients with these risks at these times, shape (n, m)."""
    place = np.searchsorted(baseline["time"].to_numpy(), times, side="right")
    hazard = np.append(0.0, baseline["cumulative_hazard"].to_numpy())[place]
    survival: NDArray[np.float64] = np.exp(-hazard[None, :] * np.exp(np.minimum(risk, 600.0))[:, None])
    return survival


def fitted_risk(frozen: Frozen, design: pd.DataFrame, X: pd.DataFrame) -> NDArray[np.float64]:
    """Return the log relative hazards that the final model was fitted with.

    A model of several parts was fitted to cross-fitted scores, which `design` holds: those of the refitted signatures
    would be too good for the patients they were fitted to. A signature alone has no others.
    """
    if design.empty:
        risk: NDArray[np.float64] = frozen.predict(X)["risk"].to_numpy(dtype=float)
        return risk
    weights: Any = np.array([weight for _, weight in frozen.weights])
    values = design[[name for name, _ in frozen.weights]].to_numpy(dtype=float)
    return np.asarray(frozen.intercept + values @ weights, dtype=float)
