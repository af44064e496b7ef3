"""Grey level co-occurrence: which levels lie side by side (IBSI LFYI)."""

from __future__ import annotations

import numpy as np

from radiokit.features._matrices._counts import ADVICE, TABLE_BYTES, CountMatrix
from radiokit.preprocessing.budget import require
from radiokit.utils.jit import compiled


def cooccurrence(field: np.ndarray, index: np.ndarray, steps: np.ndarray, n_levels: int) -> CountMatrix:
    """Count pairs (level here, level one step on), one matrix for each step.

    Parameters
    ----------
    field : ndarray, flat
        Grey levels of a lattice; 0 is outside the region.
    index : ndarray of int64
        Voxels to start from.
    steps : ndarray of int64
        Flat distance to the neighbour, one for each direction.
    n_levels : int
        Highest grey level.

    Returns
    -------
    CountMatrix
        Not symmetrical: i is the level here, j the level of the neighbour.
    """
    if 4 * len(steps) * (n_levels + 1) ** 2 > TABLE_BYTES:
        require(
            f"The GLCM of {n_levels:,} grey levels and {len(steps):,} directions",
            memory=field.itemsize * len(steps) * len(index),
            instead=ADVICE,
        )
        here = field[index]
        return CountMatrix.from_events([(here, field[index + step]) for step in steps])
    table = np.zeros((len(steps), n_levels + 1, n_levels + 1), dtype=np.uint32)
    _count_pairs(field, index, steps, table)
    return CountMatrix.from_table(table)


@compiled
def _count_pairs(field, index, steps, table):  # type: ignore[no-untyped-def]
    # Level 0 fills row and column 0, which nobody reads: no branch for neighbours outside the region.
    for place in index:
        here = field[place]
        for a in range(steps.size):
            table[a, here, field[place + steps[a]]] += 1
