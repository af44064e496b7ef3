"""Who trains, who stops the training, and who goes through the network together: numbers only, no torch."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import DataWarning

Rows = NDArray[np.intp]


def stopping_split(
    events: NDArray[np.bool_], groups: NDArray[np.generic], share: float, seed: int, *, both: bool
) -> tuple[Rows, Rows]:
    """Return rows that train and rows that stop the training: whole patients, those with events dealt evenly.

    Parameters
    ----------
    events : ndarray of bool, shape (n,)
        Where the outcome is positive.
    groups : ndarray of shape (n,)
        Patients.
    share : float
        Share of the patients that stop the training.
    seed : int
        Of the choice.
    both : bool
        Whether both sides need patients without the event too, as a binary outcome does.

    Returns
    -------
    tuple of 2 ndarray of int
        Both sorted. With too few patients to part, all rows and none, and a warning.
    """
    patients, codes = np.unique(groups, return_inverse=True)
    event = np.zeros(patients.size, dtype=bool)
    np.logical_or.at(event, codes, events)
    rng = np.random.default_rng(seed)
    chosen = np.zeros(patients.size, dtype=bool)
    for kind in (True, False):
        found = rng.permutation(np.flatnonzero(event == kind))
        least = min(1, found.size - 1) if kind or both else 0
        chosen[found[: max(round(share * found.size), least)]] = True
    sides = ~chosen[codes], chosen[codes]
    if all(events[side].any() and not (both and events[side].all()) for side in sides):
        return np.flatnonzero(sides[0]), np.flatnonzero(sides[1])
    warnings.warn(
        f"{int(event.sum())} of {patients.size} patients have the event: none can be spared to stop training early, "
        "all train for all epochs.",
        DataWarning,
        stacklevel=2,
    )
    return np.arange(codes.size), np.arange(0)


def epoch_batches(events: NDArray[np.bool_], size: int, seed: tuple[int, ...]) -> list[Rows]:
    """Deal positions into batches of `size` or a little more, events evenly.

    No batch is smaller than `size` (a batch of one has no variance for batch normalisation), and as long as there are
    as many events as batches each holds one (a batch without has no partial likelihood).
    """
    rng = np.random.default_rng(seed)
    count = max(1, min(events.size // size, int(events.sum())))
    dealt = np.concatenate([rng.permutation(np.flatnonzero(events == kind)) for kind in (True, False)])
    return [rng.permutation(dealt[k::count]) for k in rng.permutation(count)]
