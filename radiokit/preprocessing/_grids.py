"""Where the voxels of one grid lie in another, with the arithmetic of ITK, step by step.

Values at a border between two voxels, and the last bits of an interpolation, depend on how a position is computed. For
grids along the axes of the patient a few products are enough, done here; for turned grids ITK gives its matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.io import Grid as Voxels
from radiokit.io import to_sitk

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """A grid in ITK's terms: everything in the order x, y, z.

    Parameters
    ----------
    size : tuple of 3 int
        Number of voxels.
    spacing : tuple of 3 float
        In mm.
    origin : tuple of 3 float
        In mm.
    direction : tuple of 9 float
        Direction cosines, row-major.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, voxels: Voxels) -> Grid:
        """Return the grid of an image or a mask."""
        (nz, ny, nx), (sz, sy, sx), (oz, oy, ox) = voxels.shape, voxels.spacing, voxels.origin
        return cls((nx, ny, nz), (sx, sy, sz), (ox, oy, oz), voxels.direction[::-1])

    @cached_property
    def straight(self) -> bool:
        """Whether the axes are those of the patient, in either sense."""
        cosines = np.reshape(self.direction, (3, 3))
        return bool((np.abs(cosines) == np.eye(3)).all())

    @cached_property
    def matrices(self) -> tuple[Floats, Floats]:
        """ITK's own matrices, from index to mm and back."""
        if self.straight:
            steps = np.diag(np.reshape(self.direction, (3, 3))) * self.spacing
            return np.diag(steps), np.diag(1 / steps)
        import SimpleITK as sitk

        grid = sitk.Image(1, 1, 1, sitk.sitkUInt8)
        grid.SetSpacing(self.spacing)
        grid.SetDirection(self.direction)
        units = np.eye(3)
        forward = [grid.TransformIndexToPhysicalPoint([int(v) for v in unit]) for unit in units]
        backward = [grid.TransformPhysicalPointToContinuousIndex(unit.tolist()) for unit in units]
        return np.array(forward).T, np.array(backward).T

    def point(self, index: NDArray[np.generic]) -> tuple[float, float, float]:
        """Return the place of a continuous index in mm."""
        x, y, z = (sum_of(0.0, row, tuple(index)) + o for row, o in zip(self.matrices[0], self.origin, strict=True))
        return float(x), float(y), float(z)


def line_ends(image: Grid, target: Grid) -> tuple[Floats, Floats]:
    """Place the first voxel of each line of the target, and the one past its end, in the image (index x, y, z)."""
    forward, backward = target.matrices[0], image.matrices[1]
    n, rows, planes = target.size
    k, j = np.meshgrid(np.arange(float(planes)), np.arange(float(rows)), indexing="ij")
    found = []
    for i in (0.0, float(n)):
        index = (np.full(k.shape, i), j, k)
        point = [sum_of(target.origin[a], forward[a], index) for a in range(3)]
        offset = tuple(p - o for p, o in zip(point, image.origin, strict=True))
        found.append(np.stack([sum_of(0.0, backward[a], offset) for a in range(3)], axis=-1))
    return found[0], found[1]


def sum_of(start: float, weights: Floats, terms: tuple[Floats, ...]) -> Floats:
    """Sum from left to right: the order decides the last bit."""
    total = np.full(np.shape(terms[0]), start)
    for weight, term in zip(weights, terms, strict=True):
        total = total + weight * term
    return total


def along_axes(image: Grid, target: Grid) -> tuple[Floats, Floats, Floats]:
    """Place the target's columns, rows and planes in the image (x, y, z); both grids have to be straight."""
    first, last = line_ends(image, target)
    start, end, n = first[0, 0, 0], last[0, 0, 0], target.size[0]
    return start + (end - start) * (np.arange(n) / n), first[0, :, 1], first[:, 0, 2]


def is_inside(places: Floats, n: int) -> NDArray[np.bool_]:
    """Whether a continuous index lies in one of n voxels."""
    inside: NDArray[np.bool_] = (places >= -0.5) & (places < n - 0.5)
    return inside


def nearest(mask: Voxels, target: Grid) -> NDArray[np.bool_]:
    """Sample a mask at the voxel centres of another grid: each takes the value of the nearest voxel, 0 outside."""
    source = Grid.of(mask)
    if source.straight and target.straight:
        places = along_axes(source, target)
        # ITK's rounding of half a voxel.
        index = [np.rint(2 * p + 0.5).astype(np.int64) >> 1 for p in places]
        inside = [is_inside(p, n) for p, n in zip(places, source.size, strict=True)]
        x, y, z = (np.clip(i, 0, n - 1) for i, n in zip(index, source.size, strict=True))
        found = mask.array[np.ix_(z, y, x)]
        return np.asarray(found & inside[2][:, None, None] & inside[1][:, None] & inside[0], dtype=bool)
    import SimpleITK as sitk

    grid = resampler(target)
    grid.SetInterpolator(sitk.sitkNearestNeighbor)
    return np.asarray(sitk.GetArrayFromImage(grid.Execute(to_sitk(mask))) > 0, dtype=bool)


def resampler(target: Grid) -> Any:
    """Return ITK's resampling filter for a grid."""
    import SimpleITK as sitk

    grid = sitk.ResampleImageFilter()
    grid.SetSize(target.size)
    grid.SetOutputSpacing(target.spacing)
    grid.SetOutputOrigin(target.origin)
    grid.SetOutputDirection(target.direction)
    return grid
