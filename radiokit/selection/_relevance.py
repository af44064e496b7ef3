"""How strongly each feature alone is associated with the outcome, for thousands of features at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from radiokit.engine.inputs import FloatArray
from radiokit.utils import is_survival_target


def relevance(X: FloatArray, y: NDArray[Any]) -> FloatArray:
    """Distance of the AUC from 0.5 (binary), or the absolute log-rank z of the ranks (survival), for each feature."""
    ranks = rankdata(X, axis=0)
    if is_survival_target(y):
        return np.abs(score_z(ranks, y))
    n1, n0 = int(y.sum()), int((~y).sum())
    area = (ranks[y].sum(axis=0) - n1 * (n1 + 1) / 2) / (n1 * n0)
    return np.abs(area - 0.5)


def score_z(X: FloatArray, y: NDArray[Any]) -> FloatArray:
    """Score test of Cox's model (Breslow ties) at coefficient 0, as a z value; 0 for constant features."""
    order = np.argsort(y["time"], kind="stable")
    Z, event, time = X[order], y["event"][order], y["time"][order]
    Z = Z - Z.mean(axis=0)
    start = np.searchsorted(time, time, side="left")
    size = (len(time) - start)[event][:, None]
    total = np.cumsum(Z[::-1], axis=0)[::-1][start[event]] / size
    square = np.cumsum(Z[::-1] ** 2, axis=0)[::-1][start[event]] / size
    variance = np.sum(square - total**2, axis=0)
    score = np.sum(Z[event] - total, axis=0)
    safe = variance > 1e-12 * np.maximum(np.sum(Z**2, axis=0), np.finfo(float).tiny)
    return np.where(safe, score / np.sqrt(np.where(safe, variance, 1.0)), 0.0)


def residuals(y: NDArray[Any]) -> FloatArray:
    """Return what features can be correlated with: the class, or the martingale residual of the null model.

    Therneau et al. 1990 (doi:10.1093/biomet/77.1.147): event minus the Nelson-Aalen hazard at the case's time.
    """
    if not is_survival_target(y):
        return y.astype(float)
    time, event = y["time"], y["event"]
    at, deaths = np.unique(time[event], return_counts=True)
    at_risk = np.array([np.sum(time >= t) for t in at])
    hazard = np.append(0.0, np.cumsum(deaths / at_risk))
    return event - hazard[np.searchsorted(at, time, side="right")]
