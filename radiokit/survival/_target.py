"""The survival target: one structured array for all of the library."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiokit.utils import as_survival_target


def as_target(event: ArrayLike, time: ArrayLike) -> NDArray[np.void]:
    """Build the survival target from an event indicator and a time.

    Parameters
    ----------
    event : array-like of shape (n,)
        True or 1 where the event was observed, False or 0 where follow-up ended without it.
    time : array-like of shape (n,)
        Time to event or censoring, in any one unit, not negative.

    Returns
    -------
    ndarray of dtype ``[("event", bool), ("time", float)]``, shape (n,)
        The target that every survival function and estimator takes.

    Raises
    ------
    OutcomeError
        If lengths differ, values are missing or infinite, a time is negative, or events are not 0/1.

    Examples
    --------
    >>> as_target([1, 0], [5.0, 8.0])
    array([( True, 5.), (False, 8.)], dtype=[('event', '?'), ('time', '<f8')])
    """
    return as_survival_target(event, time)
