"""Neighbours: directions, and a padded layout in which a neighbour is one addition away."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np

from radiokit.preprocessing.budget import MOST_SECONDS_OF_A_TEXTURE, require
from radiokit.utils.jit import compiled


def directions(shape: tuple[int, ...], distances: Sequence[int] = (1,), *, flat_axis: int | None = None) -> np.ndarray:
    """Return one of each pair of opposite neighbour offsets.

    Parameters
    ----------
    shape : tuple of 3 int
        Bounding box of the region: offsets that leave it everywhere are left out, as pyradiomics does.
    distances : sequence of int
        Chebyshev lengths of the offsets, in voxels.
    flat_axis : int, optional
        Axis along which no offset moves.

    Returns
    -------
    ndarray of int, shape (n_directions, 3)
        Offsets (z, y, x) whose first component that is not zero is positive.
    """
    reach = max(distances)
    cube = float(np.prod([2 * min(size - 1, reach) + 1 for size in shape]))
    require(f"distances={short(distances)}, {cube:.3g} offsets,", memory=100 * cube, instead="Use shorter distances.")
    return _directions(tuple(min(size, reach + 1) for size in shape), tuple(distances), flat_axis)


def short(distances: Sequence[int]) -> str:
    """Return distances as text: ``(1, 2, ..., 30)``."""
    listed = [str(d) for d in distances]
    return f"({', '.join(listed if len(listed) < 5 else [*listed[:2], '...', listed[-1]])})"


@lru_cache(maxsize=32)
def _directions(shape: tuple[int, ...], distances: tuple[int, ...], flat_axis: int | None) -> np.ndarray:
    reach = [0 if axis == flat_axis else size - 1 for axis, size in enumerate(shape)]
    steps = [np.arange(r, -r - 1, -1, dtype=np.int64) for r in reach]
    offsets = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = offsets[: len(offsets) // 2]  # descending: the first half has the opposites of the second
    offsets = offsets[np.isin(np.abs(offsets).max(axis=1), distances)]
    offsets.flags.writeable = False
    return offsets


def require_visits(n_voxels: int, n_offsets: int, distances: Sequence[int]) -> None:
    """Refuse neighbourhoods that are too large to be visited from every voxel, in GLCM, GLDM (NGLDM) and NGTDM."""
    require(
        f"distances={short(distances)}: visiting {2 * n_offsets:,} neighbours of each of {n_voxels:,} voxels",
        seconds=1e-9 * n_offsets * n_voxels,
        most_seconds=MOST_SECONDS_OF_A_TEXTURE,
        instead="Use shorter distances, or a coarser grid.",
    )


class Lattice:
    """A region in a flat array with empty voxels around it, as many as the longest step needs.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region.
    reach : int
        Longest step along an axis that must stay inside the array; steps longer than the region lead nowhere.

    Attributes
    ----------
    index : ndarray of int64
        Flat places of the voxels of the region, ascending.
    """

    def __init__(self, mask: np.ndarray, reach: int) -> None:
        self.mask = mask
        margin = [min(reach, max(size - 1, 1)) for size in mask.shape]
        self.shape = tuple(size + 2 * m for size, m in zip(mask.shape, margin, strict=True))
        self.strides = np.array([self.shape[1] * self.shape[2], self.shape[2], 1], dtype=np.int64)
        self.index = np.flatnonzero(np.pad(mask, [(m, m) for m in margin]))
        self.starts = np.concatenate(([0], np.cumsum(mask.sum(axis=(1, 2)))))

    def steps(self, offsets: np.ndarray) -> np.ndarray:
        """Return the flat distance of each offset (z, y, x)."""
        return np.asarray(offsets, dtype=np.int64).reshape(-1, 3) @ self.strides

    def place(self, levels: np.ndarray) -> np.ndarray:
        """Return a flat array with the grey levels of the region in place and 0 elsewhere, in the smallest type."""
        top = int(levels.max())
        dtype = np.uint8 if top < 2**8 else np.uint16 if top < 2**16 else np.int32
        field = np.zeros(int(np.prod(self.shape)), dtype=dtype)
        field[self.index] = levels
        return field

    @cached_property
    def inside(self) -> np.ndarray:
        """1 in the region and 0 elsewhere, flat."""
        return self.place(np.ones(len(self.index), dtype=np.uint8))

    @cached_property
    def rows(self) -> np.ndarray:
        """Where each unbroken row of voxels starts and how long it is, shape (n_rows, 2)."""
        first = np.flatnonzero(np.diff(self.index, prepend=-2) != 1)
        return np.stack([self.index[first], np.diff(first, append=len(self.index))], axis=1)

    def rows_of(self, part: slice) -> np.ndarray:
        """Return the rows of some whole slices, given as a range of the index."""
        starts = self.rows[:, 0]
        return self.rows[(starts >= self.index[part.start]) & (starts <= self.index[part.stop - 1])]

    def has_lines(self, offset: np.ndarray) -> bool:
        """Whether any straight line along `offset` holds more than one voxel of the region."""
        step = int(self.steps(offset)[0])
        if _touches(self.inside, self.index, step):
            return True
        coordinates = np.argwhere(self.mask)
        axis = int(np.flatnonzero(offset)[0])
        along = coordinates[:, axis] * offset[axis]
        feet = coordinates - along[:, None] * np.asarray(offset)
        return len(np.unique(feet, axis=0)) < len(feet)


@compiled
def _touches(inside, index, step):  # type: ignore[no-untyped-def]
    for place in index:  # noqa: SIM110 - a loop that stops early, compiled
        if inside[place + step]:
            return True
    return False
