"""What surrounds a voxel: the neighbours that resemble it (GLDM, NGLDM) and their sum (NGTDM).

The kernels go along unbroken rows of voxels, so that the machine takes many voxels at a time.
"""

from __future__ import annotations

import numpy as np

from radiokit.utils.jit import compiled


def count_dependent(field: np.ndarray, rows: np.ndarray, steps: np.ndarray, alpha: int) -> np.ndarray:
    """Count for each voxel the neighbours whose grey level differs by at most `alpha` (IBSI REK0).

    Parameters
    ----------
    field : ndarray, flat
        Grey levels of a lattice; 0 is outside the region.
    rows : ndarray of int64, shape (n_rows, 2)
        First place and length of each row of voxels.
    steps : ndarray of int64
        Flat distances to the neighbours, one of each pair of opposites.
    alpha : int
        Largest difference that still counts.

    Returns
    -------
    ndarray of int, shape (n_voxels,)
        Numbers of neighbours, the voxel itself not included.
    """
    few = 2 * len(steps) < 2**15
    count = np.zeros(int(rows[:, 1].sum()), dtype=np.int16 if few else np.int32)
    both = np.concatenate([steps, -steps])
    if alpha == 0:
        _count_equal(field, rows, both, count)
    else:
        _count_close(field, rows, both, alpha, count)
    return count


def sum_neighbours(field: np.ndarray, rows: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Sum the grey levels around each voxel; outside the region they are 0 (for IBSI IPET)."""
    low = 2 * len(steps) * int(field.max()) < 2**31
    total = np.zeros(int(rows[:, 1].sum()), dtype=np.int32 if low else np.int64)
    _sum_levels(field, rows, np.concatenate([steps, -steps]), total)
    return total


@compiled
def _count_equal(field, rows, steps, count):  # type: ignore[no-untyped-def]
    done = 0
    for start, length in rows:
        here = field[start : start + length]
        found = count[done : done + length]
        for step in steps:
            there = field[start + step : start + step + length]
            for k in range(length):
                found[k] += there[k] == here[k]
        done += length


@compiled
def _count_close(field, rows, steps, alpha, count):  # type: ignore[no-untyped-def]
    done = 0
    for start, length in rows:
        here = field[start : start + length]
        found = count[done : done + length]
        for step in steps:
            there = field[start + step : start + step + length]
            for k in range(length):
                gap = np.int64(there[k]) - np.int64(here[k])
                found[k] += (there[k] != 0) & (abs(gap) <= alpha)
        done += length


@compiled
def _sum_levels(field, rows, steps, total):  # type: ignore[no-untyped-def]
    done = 0
    for start, length in rows:
        around = total[done : done + length]
        for step in steps:
            there = field[start + step : start + step + length]
            for k in range(length):
                around[k] += there[k]
        done += length
