"""The region of a case: what every feature of every filtered image shares, worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from radiokit.exceptions import MaskError, ParameterError
from radiokit.features._matrices._lattice import Lattice, directions
from radiokit.features._matrices._neighbours import sum_neighbours
from radiokit.preprocessing import bounding_box


class Region:
    """The voxels that are measured, and what follows from their places alone.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        True inside the region. Any crop that holds the region will do; it is cut to the bounding box.
    spacing : tuple of 3 float
        Distance between voxel centres in mm, (z, y, x).

    Attributes
    ----------
    box : tuple of 3 slices
        Bounding box of the region in `mask`.
    mask : ndarray of bool
        The region cut to its bounding box.
    spacing : ndarray of shape (3,)
        In mm, (z, y, x).
    n_voxels : int
        Number of voxels.

    Raises
    ------
    MaskError
        If no voxel is inside.
    ParameterError
        If the spacing is not three positive numbers.

    Examples
    --------
    >>> region = Region(np.ones((2, 3, 4), bool), (2.0, 1.0, 1.0))
    >>> region.n_voxels, region.voxel_volume
    (24, 2.0)
    """

    def __init__(self, mask: np.ndarray, spacing: tuple[float, float, float]) -> None:
        mask = np.asarray(mask, dtype=bool)
        if mask.ndim != 3:
            raise MaskError(f"The mask has {mask.ndim} axes; required: 3 (z, y, x).")
        if not mask.any():
            raise MaskError("The region has no voxels; required: at least one.")
        self.spacing = np.asarray(spacing, dtype=float)
        if self.spacing.shape != (3,) or not (np.isfinite(self.spacing) & (self.spacing > 0)).all():
            raise ParameterError(f"spacing={spacing!r}; required: three positive numbers (z, y, x) in mm.")
        self.box = bounding_box(mask)
        self.mask = np.ascontiguousarray(mask[self.box])
        self.n_voxels = int(np.count_nonzero(self.mask))
        self._lattices: dict[int, Lattice] = {}
        self._neighbours: dict[tuple[tuple[int, ...], int | None], np.ndarray] = {}
        self._lines: dict[int | None, np.ndarray] = {}

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm³."""
        return float(np.prod(self.spacing))

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Voxel indices inside the bounding box, shape (n_voxels, 3), in the order z, y, x."""
        return np.argwhere(self.mask)

    @cached_property
    def places(self) -> np.ndarray:
        """Flat places of the voxels in the bounding box, ascending."""
        return np.flatnonzero(self.mask)

    def lattice(self, reach: int) -> Lattice:
        """Return the flat layout with `reach` empty voxels around; worked out once."""
        if reach not in self._lattices:
            self._lattices[reach] = Lattice(self.mask, reach)
        return self._lattices[reach]

    def directions(self, distances: Sequence[int] = (1,), flat_axis: int | None = None) -> np.ndarray:
        """Return the neighbour offsets that fit into the bounding box, one of each pair of opposites."""
        return directions(self.mask.shape, distances, flat_axis=flat_axis)

    def line_directions(self, flat_axis: int | None = None) -> np.ndarray:
        """Return the directions in which at least two voxels lie on one line; worked out once."""
        if flat_axis not in self._lines:
            offsets = self.directions((1,), flat_axis)
            self._lines[flat_axis] = offsets[[self.lattice(1).has_lines(o) for o in offsets]]
        return self._lines[flat_axis]

    def neighbours(self, distances: tuple[int, ...], flat_axis: int | None = None) -> np.ndarray:
        """Return how many neighbours of each voxel belong to the region; worked out once."""
        key = (distances, flat_axis)
        if key not in self._neighbours:
            offsets = self.directions(distances, flat_axis)
            lattice = self.lattice(max(distances))
            self._neighbours[key] = sum_neighbours(lattice.inside, lattice.rows, lattice.steps(offsets))
        return self._neighbours[key]

    def pick(self, values: np.ndarray) -> np.ndarray:
        """Return the intensities inside the region, z slowest, from an array on the grid of the mask given."""
        return np.ascontiguousarray(np.asarray(values)[self.box]).reshape(-1)[self.places]
