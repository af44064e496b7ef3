"""Morphology (IBSI HCUG): the body of a region, and how intensities are spread in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from radiokit.features._diameters import extreme_corners, longest_distances
from radiokit.features._mesh import mesh_area_volume
from radiokit.features._region import Region
from radiokit.features._shape import principal_variances, sphericity
from radiokit.features._solids import ellipsoid_area, ellipsoid_volume, enclosing_ellipsoid, oriented_box
from radiokit.features._spatial import PairSums, gearys_c, morans_i, pair_sums

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull


class Morphology:
    """What the formulas of morphology need.

    Parameters
    ----------
    body : Region
        The region as segmented (morphological mask).
    region : Region
        The region after resegmentation (intensity mask), made from an array of the same shape.
    x : ndarray of float
        Intensities of `region`.
    """

    def __init__(self, body: Region, region: Region, x: np.ndarray) -> None:
        self.body, self.region, self.x = body, region, x

    @cached_property
    def mesh(self) -> tuple[float, float]:
        """Area and volume of a mesh without holes."""
        return mesh_area_volume(self.body.mask, self.body.spacing, closed=True)

    @property
    def area(self) -> float:
        """Area of the mesh, A."""
        return self.mesh[0]

    @property
    def volume(self) -> float:
        """Volume of the mesh, V."""
        return self.mesh[1]

    @cached_property
    def axes(self) -> np.ndarray:
        """Semi-axes of the ellipsoid of the principal components, 2 sqrt(λ), ascending.

        λ are eigenvalues of the sample covariance (divided by N - 1), which the reference values imply.
        """
        n = self.body.n_voxels
        sample = n / (n - 1) if n > 1 else np.nan
        return 2 * np.sqrt(sample * principal_variances(self.body.mask, self.body.spacing))

    @cached_property
    def box(self) -> np.ndarray:
        """Lengths of the box along the axes around the mesh, mm."""
        return np.array(self.body.mask.shape) * self.body.spacing

    @cached_property
    def hull(self) -> ConvexHull:
        """Convex hull of the corners of the mesh."""
        from scipy.spatial import ConvexHull

        return ConvexHull(extreme_corners(self.body.mask)[0] * self.body.spacing / 2)

    @cached_property
    def oriented(self) -> np.ndarray:
        """Lengths of the oriented box."""
        return oriented_box(self.hull)

    @cached_property
    def enclosing(self) -> np.ndarray:
        """Semi-axes of the smallest enclosing ellipsoid."""
        return enclosing_ellipsoid(self.hull.points[self.hull.vertices])

    @cached_property
    def pairs(self) -> PairSums:
        """Sums over pairs of voxels."""
        return pair_sums(self.region.mask, self.x, self.region.spacing)


def centre_of_mass_shift(m: Morphology) -> float:
    """Distance between the centre of the body and the centre weighted by intensity."""
    body = m.body.coordinates.mean(axis=0) + [s.start for s in m.body.box]
    total = m.x.sum()
    if total == 0:
        return float("nan")
    weighted = m.x @ m.region.coordinates / total + [s.start for s in m.region.box]
    return float(np.linalg.norm((body - weighted) * m.body.spacing))


def box_area(lengths: np.ndarray) -> float:
    """2 (ab + bc + ca)."""
    a, b, c = lengths
    return float(2 * (a * b + b * c + c * a))


def _ratio(smaller: float, larger: float) -> float:
    return float(smaller / larger) if larger > 0 else float("nan")


FEATURES: dict[str, Callable[[Morphology], float]] = {
    "volume": lambda m: m.volume,
    "approximate_volume": lambda m: m.body.n_voxels * m.body.voxel_volume,
    "surface_area": lambda m: m.area,
    "surface_to_volume_ratio": lambda m: m.area / m.volume,
    "compactness_1": lambda m: m.volume / (np.sqrt(np.pi) * m.area**1.5),
    "compactness_2": lambda m: 36 * np.pi * m.volume**2 / m.area**3,
    "spherical_disproportion": lambda m: 1 / sphericity(m.volume, m.area),
    "sphericity": lambda m: sphericity(m.volume, m.area),
    "asphericity": lambda m: 1 / sphericity(m.volume, m.area) - 1,
    "centre_of_mass_shift": centre_of_mass_shift,
    "maximum_3d_diameter": lambda m: longest_distances(m.body.mask, m.body.spacing)[3],
    "major_axis_length": lambda m: 2 * m.axes[2],
    "minor_axis_length": lambda m: 2 * m.axes[1],
    "least_axis_length": lambda m: 2 * m.axes[0],
    "elongation": lambda m: _ratio(m.axes[1], m.axes[2]),
    "flatness": lambda m: _ratio(m.axes[0], m.axes[2]),
    "volume_density_axis_aligned_box": lambda m: m.volume / float(np.prod(m.box)),
    "area_density_axis_aligned_box": lambda m: m.area / box_area(m.box),
    "volume_density_oriented_box": lambda m: m.volume / float(np.prod(m.oriented)),
    "area_density_oriented_box": lambda m: m.area / box_area(m.oriented),
    "volume_density_approximate_ellipsoid": lambda m: _ratio(m.volume, ellipsoid_volume(m.axes)),
    "area_density_approximate_ellipsoid": lambda m: m.area / ellipsoid_area(m.axes),
    "volume_density_enclosing_ellipsoid": lambda m: m.volume / ellipsoid_volume(m.enclosing),
    "area_density_enclosing_ellipsoid": lambda m: m.area / ellipsoid_area(m.enclosing),
    "volume_density_convex_hull": lambda m: m.volume / m.hull.volume,
    "area_density_convex_hull": lambda m: m.area / m.hull.area,
    "integrated_intensity": lambda m: float(m.x.mean()) * m.volume,
    "morans_i": lambda m: morans_i(m.pairs),
    "gearys_c": lambda m: gearys_c(m.pairs),
}
