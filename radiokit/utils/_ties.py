"""Times that are equal but for rounding are equal: 0.1 + 0.2 years is 0.3 years."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Times = NDArray[np.float64]

TOLERANCE = float(np.sqrt(np.finfo(float).eps))


def tie_times(time: ArrayLike) -> Times:
    """Return times of which those that differ by rounding only are made equal, to the earliest of them.

    Parameters
    ----------
    time : array-like of shape (n,)
        Finite times.

    Returns
    -------
    ndarray of shape (n,)
        The times; the very same numbers where none is tied up to rounding.

    Notes
    -----
    The rule of survival::aeqSurv (`timefix`), which coxph, survfit and survdiff apply to every outcome: of the sorted
    distinct times, one that follows the one before by at most the square root of the machine's precision, absolutely or
    relative to the mean of the distinct times, is the same time. Source: Therneau, A Package for Survival Analysis in
    R, vignette "Roundoff error and tied times".

    Examples
    --------
    >>> tie_times([0.3, 0.1 + 0.2, 0.4])
    array([0.3, 0.3, 0.4])
    """
    given = np.asarray(time, dtype=float)
    distinct = np.unique(given)
    tied = _tied(distinct, np.diff(distinct))
    if not tied.any():
        return given
    first = distinct[np.append(True, ~tied)]
    return first[np.searchsorted(first, given, side="right") - 1]


def tie_to(times: ArrayLike, known: ArrayLike) -> Times:
    """Return times of which those that differ by rounding only from a known time are made equal to it.

    Parameters
    ----------
    times : array-like
        Finite times at which something is asked: horizons, or the times of a curve.
    known : array-like of shape (n,)
        Times of the follow-up.

    Returns
    -------
    ndarray
        The times, as given where no known time is near, by the tolerance of `tie_times`.

    Examples
    --------
    >>> tie_to([0.1 + 0.2, 0.35], [0.3, 0.4])
    array([0.3 , 0.35])
    """
    asked, distinct = np.asarray(times, dtype=float), np.unique(np.asarray(known, dtype=float))
    if not distinct.size or not asked.size:
        return asked
    place = np.searchsorted(distinct, asked)
    below, above = distinct[np.maximum(place - 1, 0)], distinct[np.minimum(place, distinct.size - 1)]
    near = np.where(np.abs(above - asked) < np.abs(asked - below), above, below)
    return np.where(_tied(distinct, np.abs(near - asked)), near, asked)


def _tied(distinct: Times, gap: Times) -> NDArray[np.bool_]:
    """Whether a gap between times is rounding, given the distinct times it is found among."""
    if not distinct.size:
        return np.zeros(gap.shape, dtype=bool)
    return (gap <= TOLERANCE) | (gap <= TOLERANCE * np.abs(distinct).mean())
