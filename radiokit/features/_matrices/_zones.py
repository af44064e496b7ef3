"""Zones: connected voxels of one grey level (IBSI 9SAK, VMDZ)."""

from __future__ import annotations

import numpy as np

from radiokit.features._matrices._lattice import Lattice
from radiokit.utils.jit import compiled


def label_zones(
    field: np.ndarray, lattice: Lattice, offsets: np.ndarray, index: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the zones of equal grey level.

    Parameters
    ----------
    field : ndarray, flat
        Grey levels in the lattice; 0 is outside the region.
    lattice : Lattice
        The layout.
    offsets : ndarray of int, shape (n_directions, 3)
        Neighbours that connect, one of each pair of opposites, all at distance 1.
    index : ndarray of int64, optional
        Places to look at, ascending; None is all of the region.

    Returns
    -------
    zone : ndarray of int32, shape (n_voxels,)
        Number of the zone of each voxel of the index, from 0.
    first : ndarray of int32, shape (n_zones,)
        Position in the index of the first voxel of each zone.
    """
    index = lattice.index if index is None else index
    # Two earlier neighbours that are neighbours of each other are united already: one of them is enough. Those with
    # most such friends are looked at first.
    friends = np.abs(offsets[:, None] - offsets[None]).max(axis=2, initial=0) <= 1
    offsets = offsets[np.argsort(-friends.sum(axis=1), kind="stable")]
    friends = np.abs(offsets[:, None] - offsets[None]).max(axis=2, initial=0) <= 1
    others = ~(friends @ (1 << np.arange(len(offsets))))
    steps = lattice.steps(offsets)
    window = 1 << (int(steps.max()).bit_length() if len(steps) else 0)
    zone = np.empty(len(index), dtype=np.int32)
    n_zones = _unite(field, index, steps, others, np.zeros(window, dtype=np.int32), zone)
    first = np.empty(n_zones, dtype=np.int32)
    _number(zone, first)
    return zone, first


@compiled
def _root(parent, n):  # type: ignore[no-untyped-def]
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@compiled
def _unite(field, index, steps, others, recent, parent):  # type: ignore[no-untyped-def]
    # Union-find over positions in the index. A parent always comes before its child, so roots are first voxels.
    last = recent.size - 1
    everyone = (1 << steps.size) - 1
    for n in range(index.size):
        place = index[n]
        here = field[place]
        root = n
        parent[n] = n
        waiting = everyone
        for a in range(steps.size):
            if waiting >> a & 1 and field[place - steps[a]] == here:
                waiting &= others[a]
                other = _root(parent, recent[(place - steps[a]) & last])
                if other < root:
                    parent[root] = other
                    root = other
                elif other > root:
                    parent[other] = root
                if waiting == 0:
                    break
        recent[place & last] = root
    n_zones = 0
    for n in range(index.size):
        n_zones += parent[n] == n
    return n_zones


@compiled
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
