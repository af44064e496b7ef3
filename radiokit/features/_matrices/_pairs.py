"""Grey level co-occurrence: which levels lie side by side (IBSI LFYI)."""

from __future__ import annotations

import numpy as np

from radiokit.features._matrices._counts import ADVICE, TABLE_BYTES, TIMES_HELD, CountMatrix
from radiokit.preprocessing.budget import MOST_SECONDS_OF_A_TEXTURE, require
from radiokit.utils.jit import compiled

DENSE_LEVELS = 400  # up to here formulas may fill a table of all levels; beyond, singular values do without


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
    if _needs_sorting(len(steps), n_levels):
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


def _needs_sorting(n_steps: int, n_levels: float) -> bool:
    return 4 * n_steps * (n_levels + 1) ** 2 > TABLE_BYTES


def seconds_of_pairs(n_voxels: int, n_steps: int, n_levels: float, n_present: float) -> float:
    """Return about how long a GLCM takes.

    Parameters
    ----------
    n_voxels : int
        Voxels of the region.
    n_steps : int
        Directions, each of which has a matrix.
    n_levels : float
        Highest grey level.
    n_present : float
        How many grey levels occur.
    """
    per_cell, per_pair = (7e-7, 6e-9) if _needs_sorting(n_steps, n_levels) else (2.5e-7, 4e-9)
    cells = min(n_present**2, 2.0 * n_steps * n_voxels)  # that any direction may fill
    singular_values = 2e-10 * n_present**3 if n_present <= DENSE_LEVELS else 0.0
    return n_steps * (n_voxels * per_pair + cells * per_cell + singular_values)


def require_pairs(n_voxels: int, n_steps: int, n_levels: int, n_present: int) -> None:
    """Refuse a GLCM that takes too long, or whose tables of all levels need too much memory."""
    require(
        f"The GLCM of {n_present:,} grey levels, {n_voxels:,} voxels and {n_steps:,} directions",
        memory=TIMES_HELD * 8 * n_steps * n_present**2 if n_present <= DENSE_LEVELS else 0.0,
        seconds=seconds_of_pairs(n_voxels, n_steps, n_levels, n_present),
        most_seconds=MOST_SECONDS_OF_A_TEXTURE,
        instead=ADVICE,
    )


@compiled
def _count_pairs(field, index, steps, table):  # type: ignore[no-untyped-def]
    # Level 0 fills row and column 0, which is not read: no branch for neighbours outside the region.
    for place in index:
        here = field[place]
        for a in range(steps.size):
            table[a, here, field[place + steps[a]]] += 1
