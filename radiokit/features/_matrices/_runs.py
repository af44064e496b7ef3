"""Grey level runs: how long one level goes on in a straight line (IBSI TP0I)."""

from __future__ import annotations

import numpy as np
from numba import njit

from radiokit.features._matrices._counts import TABLE_BYTES, CountMatrix


def run_lengths(field: np.ndarray, index: np.ndarray, steps: np.ndarray, n_levels: int, longest: int) -> CountMatrix:
    """Count runs (level, length), one matrix for each step.

    Parameters
    ----------
    field : ndarray, flat
        Grey levels of a lattice; 0 is outside the region.
    index : ndarray of int64
        Voxels of the region, ascending.
    steps : ndarray of int64
        Flat distance to the next voxel, positive, one for each direction.
    n_levels : int
        Highest grey level.
    longest : int
        Longest side of the region in voxels.

    Returns
    -------
    CountMatrix
        i is the grey level, j the number of voxels of the run.
    """
    if not len(steps):
        return CountMatrix(np.empty(0), np.empty(0), np.empty((0, 0)))
    window = 1 << int(steps.max()).bit_length()  # how far back a run may have to be looked up, as a power of 2
    if 4 * len(steps) * (n_levels + 1) * (longest + 1) > TABLE_BYTES:
        events = []
        for step in steps:
            lengths = np.zeros(len(index), dtype=np.int32)
            _end_runs(field, index, step, np.zeros(window, dtype=np.int32), lengths)
            events.append((field[index], lengths))
        return CountMatrix.from_events(events)
    table = np.zeros((len(steps), n_levels + 1, longest + 1), dtype=np.uint32)
    _count_runs(field, index, steps, np.zeros((window, len(steps)), dtype=np.uint16), table)
    return CountMatrix.from_table(table)


@njit(cache=True, nogil=True)
def _count_runs(field, index, steps, recent, table):  # type: ignore[no-untyped-def]
    # `recent` remembers how long the run through each of the last places is; a run is counted where it ends.
    # Runs that go on are counted as length 0, which nobody reads: no branch.
    last = recent.shape[0] - 1
    for place in index:
        here = field[place]
        for a in range(steps.size):
            step = steps[a]
            length = 1 + (field[place - step] == here) * recent[(place - step) & last, a]
            recent[place & last, a] = length
            table[a, here, (field[place + step] != here) * length] += 1


@njit(cache=True, nogil=True)
def _end_runs(field, index, step, recent, lengths):  # type: ignore[no-untyped-def]
    last = recent.shape[0] - 1
    for n in range(index.size):
        place = index[n]
        here = field[place]
        length = 1 + (field[place - step] == here) * recent[(place - step) & last]
        recent[place & last] = length
        lengths[n] = (field[place + step] != here) * length
