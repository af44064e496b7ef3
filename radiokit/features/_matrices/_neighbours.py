"""What surrounds a voxel: the neighbours that resemble it (GLDM, NGLDM) and their mean (NGTDM)."""

from __future__ import annotations

import numpy as np
from numba import njit


def dependence(field: np.ndarray, index: np.ndarray, steps: np.ndarray, alpha: int) -> np.ndarray:
    """Count for each voxel the neighbours whose grey level differs by at most `alpha` (IBSI REK0).

    Parameters
    ----------
    field : ndarray, flat
        Grey levels of a lattice; 0 is outside the region.
    index : ndarray of int64
        Voxels of the region.
    steps : ndarray of int64
        Flat distances to the neighbours, one of each pair of opposites.
    alpha : int
        Largest difference that still counts.

    Returns
    -------
    ndarray of int64, shape (n_voxels,)
        Numbers of neighbours, the voxel itself not included.
    """
    count = np.zeros(len(index), dtype=np.int64)
    _count_dependent(field, index, steps, alpha, count)
    return count


def neighbour_sum(field: np.ndarray, index: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Sum the grey levels around each voxel; outside the region they are 0 (for IBSI IPET)."""
    total = np.zeros(len(index), dtype=np.int64)
    _sum_levels(field, index, steps, total)
    return total


@njit(cache=True, nogil=True)
def _count_dependent(field, index, steps, alpha, count):  # type: ignore[no-untyped-def]
    for n in range(index.size):
        place = index[n]
        here = np.int64(field[place])
        found = 0
        for a in range(steps.size):
            for side in (place + steps[a], place - steps[a]):
                there = np.int64(field[side])
                found += (there != 0) & (abs(here - there) <= alpha)
        count[n] = found


@njit(cache=True, nogil=True)
def _sum_levels(field, index, steps, total):  # type: ignore[no-untyped-def]
    for n in range(index.size):
        place = index[n]
        around = 0
        for a in range(steps.size):
            around += np.int64(field[place + steps[a]]) + np.int64(field[place - steps[a]])
        total[n] = around
