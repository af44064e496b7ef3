"""Zones: connected voxels of one grey level (IBSI 9SAK, VMDZ)."""

from __future__ import annotations

import numpy as np
from numba import njit


def label_zones(field: np.ndarray, index: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the zones of equal grey level.

    Parameters
    ----------
    field : ndarray, flat
        Grey levels of a lattice; 0 is outside the region.
    index : ndarray of int64
        Voxels of the region, ascending.
    steps : ndarray of int64
        Flat distances to the neighbours that connect, positive, one of each pair of opposites.

    Returns
    -------
    zone : ndarray of int32, shape (n_voxels,)
        Number of the zone of each voxel of the index, from 0.
    first : ndarray of int32, shape (n_zones,)
        Position in the index of the first voxel of each zone.
    """
    window = 1 << (int(steps.max()).bit_length() if len(steps) else 0)
    zone = np.empty(len(index), dtype=np.int32)
    n_zones = _unite(field, index, steps, np.zeros(window, dtype=np.int32), zone)
    first = np.empty(n_zones, dtype=np.int32)
    _number(zone, first)
    return zone, first


@njit(cache=True, nogil=True)
def _root(parent, n):  # type: ignore[no-untyped-def]
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@njit(cache=True, nogil=True)
def _unite(field, index, steps, recent, parent):  # type: ignore[no-untyped-def]
    # Union-find over positions in the index. A parent always comes before its child, so roots are first voxels.
    last = recent.size - 1
    n_zones = 0
    for n in range(index.size):
        place = index[n]
        here = field[place]
        recent[place & last] = n
        parent[n] = n
        root = n
        for a in range(steps.size):
            back = place - steps[a]
            if field[back] == here:
                other = _root(parent, recent[back & last])
                if other < root:
                    parent[root] = other
                    root = other
                elif other > root:
                    parent[other] = root
        n_zones += 1
    for n in range(index.size):
        n_zones -= parent[n] != n
    return n_zones


@njit(cache=True, nogil=True)
def _number(parent, first):  # type: ignore[no-untyped-def]
    # Replaces parents by zone numbers in place: a parent comes before its child and is numbered already.
    n_zones = 0
    for n in range(parent.size):
        if parent[n] == n:
            first[n_zones] = n
            parent[n] = n_zones
            n_zones += 1
        else:
            parent[n] = parent[parent[n]]
