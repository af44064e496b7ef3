"""Where the cells of a network's map lie over the voxels of its crop, for pooling and for maps of attribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates


@dataclass(frozen=True)
class Stage:
    """A stage of a network: its name, the channels of its map, and which voxels its cells lie over.

    Cell i of an axis lies over voxel ``offset + stride * i`` (0, 1, ... as voxels are counted): a strided convolution
    of odd width with padding starts over voxel 0; where pairs are averaged, as between the blocks of a dense network,
    the middle moves by half a cell.
    """

    name: str
    channels: int
    stride: int
    offset: float = 0.0

    def cells_of(self, voxels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions of voxels, counted in cells."""
        return (voxels - self.offset) / self.stride

    def shares(self, n_voxels: int, n_cells: int) -> NDArray[np.float64]:
        """Return how much of each voxel belongs to each cell along an axis, shape (cells, voxels).

        A voxel belongs to the nearest cell; one that lies across the middle between two cells, to both in part. The
        outer cells reach to the border and beyond. Columns sum to 1.
        """
        cell = np.arange(n_cells)[:, None]
        middle = self.offset + self.stride * (cell - 0.5)  # between a cell and the one before it
        low = np.where(cell == 0, -np.inf, middle)
        high = np.where(cell == n_cells - 1, np.inf, middle + self.stride)
        voxel = np.arange(n_voxels)[None, :]
        return np.clip(np.minimum(voxel + 0.5, high) - np.maximum(voxel - 0.5, low), 0.0, 1.0)


def along_axes(stage: Stage, *, slices_alone: bool) -> tuple[Stage, Stage, Stage]:
    """Return the stage along z, y, x; where a network sees every slice alone, each slice is a cell of its own."""
    return (Stage(stage.name, stage.channels, 1) if slices_alone else stage, stage, stage)


def share_in_cells(stage: Stage, region: NDArray[np.float32], cells: Sequence[int]) -> NDArray[np.float64]:
    """Return how much of each cell of a map of a shape is region, 0 to 1; `region` is (z, y, x) or (y, x)."""
    found = region.astype(float)
    for axis, n in enumerate(cells):
        shares = stage.shares(region.shape[axis], n)
        mean = np.tensordot(shares / shares.sum(axis=1, keepdims=True), found, axes=(1, axis))
        found = np.moveaxis(mean, 0, axis)
    return found


def spread(stages: Sequence[Stage], cells: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.float64]:
    """Interpolate a map linearly to the voxels of its crop, (z, y, x); beyond the outer cells it is constant."""
    along = [stage.cells_of(np.arange(n, dtype=float)) for stage, n in zip(stages, shape, strict=True)]
    return map_coordinates(cells, np.meshgrid(*along, indexing="ij"), order=1, mode="nearest")
