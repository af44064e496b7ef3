"""The log-rank sums: observed minus expected events of each group, their covariance, and the statistic of both."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray


def observed_minus_expected(
    time: FloatArray, event: NDArray[np.bool_], codes: NDArray[np.intp], k: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Observed minus expected events of each group, their covariance, and the expected events."""
    times = np.unique(time[event])
    member = np.eye(k)[codes]
    # Rank r means: at risk at the first r event times.
    rank = np.searchsorted(times, time, side="right")
    joined = np.zeros((times.size + 1, k))
    np.add.at(joined, rank, member)
    at_risk = np.cumsum(joined[::-1], axis=0)[::-1][1:]
    observed = np.zeros((times.size + 1, k))
    np.add.at(observed, rank[event], member[event])
    events, n = observed[1:].sum(axis=1), at_risk.sum(axis=1)
    share = at_risk / n[:, None]
    spread = events * (n - events) / np.maximum(n - 1, 1)
    expected = (events[:, None] * share).sum(axis=0)
    covariance = np.diag(spread @ share) - (spread[:, None] * share).T @ share
    return observed[1:].sum(axis=0) - expected, covariance, expected


def rank_statistic(difference: FloatArray, covariance: FloatArray) -> float:
    """Return the quadratic form of the sums in the inverse of their covariance; NaN where nothing varies."""
    if not difference.size or not np.trace(covariance) > 0:
        return math.nan
    return float(difference @ np.linalg.lstsq(covariance, difference, rcond=None)[0])
