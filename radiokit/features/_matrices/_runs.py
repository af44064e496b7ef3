"""Grey level runs: how many voxels in a straight line have one level (IBSI TP0I)."""

from __future__ import annotations

import numpy as np

from radiokit.features._matrices._counts import TABLE_BYTES, CountMatrix
from radiokit.utils.jit import compiled


def run_lengths(field: np.ndarray, rows: np.ndarray, steps: np.ndarray, n_levels: int, longest: int) -> CountMatrix:
    """Count runs (level, length), one matrix for each step.

    Parameters
    ----------
    field : ndarray, flat
        Grey levels of a lattice; 0 is outside the region.
    rows : ndarray of int64, shape (n_rows, 2)
        First place and length of each unbroken row of voxels, ascending.
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
    if 4 * len(steps) * (n_levels + 1) * (longest + 1) > TABLE_BYTES:
        first, n = rows.T
        index = np.arange(n.sum()) + np.repeat(first - np.cumsum(n) + n, n)
        window = 1 << int(steps.max()).bit_length()  # how far back a run may have to be looked up, as a power of 2
        events = []
        for step in steps:
            lengths = np.zeros(len(index), dtype=np.int32)
            _end_runs(field, index, step, np.zeros(window, dtype=np.int32), lengths)
            events.append((field[index], lengths))
        return CountMatrix.from_events(events)
    table = np.zeros((len(steps), n_levels + 1, longest + 1), dtype=np.uint32)
    _count_runs(field, rows, steps, np.zeros(len(field), dtype=np.uint16), table)
    return CountMatrix.from_table(table)


@compiled
def _count_runs(field, rows, steps, lengths, table):  # type: ignore[no-untyped-def]
    # `lengths` holds how long the run through each place is so far; a run is counted where it ends. Runs that go on
    # are counted as length 0, which is not read: no branch.
    for a in range(steps.size):
        step = steps[a]
        counts = table[a]
        for start, n in rows:
            here, before = field[start : start + n], field[start - step : start - step + n]
            ahead = field[start + step : start + step + n]
            length, earlier = lengths[start : start + n], lengths[start - step : start - step + n]
            if step == 1:
                for k in range(n):
                    length[k] = 1 + (before[k] == here[k]) * earlier[k]
            else:
                for k in range(n):
                    length[k] = 1 + (before[k] == here[k]) * earlier[k]
            for k in range(n):
                counts[here[k], (ahead[k] != here[k]) * length[k]] += 1


@compiled
def _end_runs(field, index, step, recent, lengths):  # type: ignore[no-untyped-def]
    last = recent.shape[0] - 1
    for n in range(index.size):
        place = index[n]
        here = field[place]
        length = 1 + (field[place - step] == here) * recent[(place - step) & last]
        recent[place & last] = length
        lengths[n] = (field[place + step] != here) * length
