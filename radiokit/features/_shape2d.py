"""Shape of a region in a plane: a contour through half way between pixels inside and outside (marching squares)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from radiokit.exceptions import MaskError
from radiokit.features._diameters import longest_distances
from radiokit.features._region import Region
from radiokit.features._shape import principal_variances

# Share of a square of four pixel centres that is inside, by code: bit k for the corners in a circle. Corners that
# touch only across the square stay apart.
AREA = np.array([0, 1, 1, 4, 1, 2, 4, 7, 1, 4, 2, 7, 4, 7, 7, 8]) / 8


class PlaneShape:
    """What the formulas of shape in a plane need.

    Parameters
    ----------
    region : Region
        A region that is one voxel thick along `flat_axis`.
    flat_axis : {0, 1, 2}
        Axis (z, y, x) perpendicular to the plane.
    """

    def __init__(self, region: Region, flat_axis: int = 0) -> None:
        thickness = region.mask.shape[flat_axis]
        if thickness > 1:
            raise MaskError(
                f"The region is {thickness} voxels thick along axis {flat_axis}; required: 1 for shape2D. "
                "Leave one slice in the mask, or measure the class shape."
            )
        self.mask = region.mask.squeeze(axis=flat_axis)
        self.spacing = np.delete(region.spacing, flat_axis)
        self.n_pixels = region.n_voxels

    @cached_property
    def contour(self) -> tuple[float, float]:
        """Perimeter in mm and area in mm² of the contour."""
        m = np.pad(self.mask, 1).astype(np.int64)
        code = m[:-1, :-1] + 2 * m[:-1, 1:] + 4 * m[1:, 1:] + 8 * m[1:, :-1]
        count = np.bincount(code.ravel(), minlength=16)
        height, width = self.spacing
        along_x, along_y = count[[3, 12]].sum(), count[[6, 9]].sum()
        slanted = count[[1, 2, 4, 8, 7, 11, 13, 14]].sum() + 2 * count[[5, 10]].sum()
        perimeter = slanted * np.hypot(height, width) / 2 + along_x * width + along_y * height
        return float(perimeter), float(count @ AREA * height * width)

    @property
    def perimeter(self) -> float:
        """Length of the contour, P."""
        return self.contour[0]

    @property
    def area(self) -> float:
        """Area inside the contour, A."""
        return self.contour[1]

    @cached_property
    def axes(self) -> np.ndarray:
        """Eigenvalues of the covariance of the pixel centres, ascending, in mm²."""
        return principal_variances(self.mask, self.spacing)

    @cached_property
    def diameter(self) -> float:
        """Longest distance between corners of the contour."""
        return longest_distances(self.mask[None], np.array([1.0, *self.spacing]))[0]


def circularity(s: PlaneShape) -> float:
    """2 sqrt(π A) / P: circumference of the disc of the same area over the perimeter."""
    return float(2 * np.sqrt(np.pi * s.area) / s.perimeter)


SHAPE2D_FEATURES: dict[str, Callable[[PlaneShape], float]] = {
    "Elongation": lambda s: float(np.sqrt(s.axes[0] / s.axes[1])) if s.axes[1] > 0 else float("nan"),
    "MajorAxisLength": lambda s: 4 * np.sqrt(s.axes[1]),
    "MaximumDiameter": lambda s: s.diameter,
    "MeshSurface": lambda s: s.area,
    "MinorAxisLength": lambda s: 4 * np.sqrt(s.axes[0]),
    "Perimeter": lambda s: s.perimeter,
    "PerimeterSurfaceRatio": lambda s: s.perimeter / s.area,
    "PixelSurface": lambda s: s.n_pixels * float(np.prod(s.spacing)),
    "Sphericity": circularity,
    "SphericalDisproportion": lambda s: 1 / circularity(s),
}
