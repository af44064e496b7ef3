"""Which rows train, which stop the training early, and which take a step together. Numbers only, no torch."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from radiokit.deep._losses import Loss, Rows
from radiokit.exceptions import DataWarning

TRIES = 50


def stopping_split(loss: Loss, rows: Rows, groups: NDArray[np.generic], share: float, seed: int) -> tuple[Rows, Rows]:
    """Return rows that train and rows that stop the training: whole patients, those with events dealt evenly.

    `groups` are the patients of all rows of the table, `share` is the part of the patients that stop the training. A
    choice that leaves one side with rows of which the loss cannot be computed is made again; where none is found, all
    rows train, with a warning.
    """
    patients, codes = np.unique(groups[rows], return_inverse=True)
    event = np.zeros(patients.size, dtype=bool)
    np.logical_or.at(event, codes, loss.events[rows])
    both = not loss.usable(rows[loss.events[rows]])  # rows with the event alone define no loss
    rng = np.random.default_rng(seed)
    for attempt in range(TRIES):
        some = 1 + 3 * attempt // TRIES  # one event at least; then two, then three
        chosen = np.zeros(patients.size, dtype=bool)
        for kind in (True, False):
            found = rng.permutation(np.flatnonzero(event == kind))
            least = min(some, found.size - 1) if kind or both else 0
            chosen[found[: max(round(share * found.size), least)]] = True
        sides = rows[~chosen[codes]], rows[chosen[codes]]
        if all(side.size and loss.usable(side) for side in sides):
            return sides
    warnings.warn(
        f"{int(event.sum())} of {patients.size} patients have the event: none can be spared to stop training early, "
        "all train for all epochs.",
        DataWarning,
        stacklevel=2,
    )
    return rows, rows[:0]


def epoch_steps(loss: Loss, rows: Rows, size: int, seed: tuple[int, ...]) -> list[list[Rows]]:
    """Deal rows into steps, and each step into batches of no more than `size`, events evenly.

    A step takes one batch, or several where the loss needs more rows than a batch holds: then their gradients are
    added up. No batch is a single row as long as there are two (it has no variance for batch normalisation): with
    ``size=2`` one of an odd number of rows waits for another epoch.
    """
    rng = np.random.default_rng(seed)
    events = loss.events[rows]
    count = -(-rows.size // size)
    if not loss.has_gradient(rows[~events]):
        count = max(1, min(count, int(events.sum())))  # an event for each step
    dealt = np.concatenate([rng.permutation(np.flatnonzero(events == kind)) for kind in (True, False)])
    steps: list[Rows] = []
    for k in rng.permutation(count):
        part = rows[rng.permutation(dealt[k::count])]
        if steps and not (loss.has_gradient(steps[-1]) and loss.has_gradient(part)):
            steps[-1] = np.concatenate([steps[-1], part])  # no gradient of its own: it joins the step before
        else:
            steps.append(part)
    return [_parted(step, size, loss.events) for step in steps if step.size > 1 or rows.size == 1]


def _parted(step: Rows, size: int, events: NDArray[np.bool_]) -> list[Rows]:
    """Part a step into batches; of an odd number of rows in pairs the last one without the event waits."""
    if size == 2 and step.size > 1 and step.size % 2:
        step = step[np.argsort(~events[step], kind="stable")][:-1]
    return np.array_split(step, -(-step.size // size))
