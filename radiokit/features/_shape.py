"""Shape of a region in space (IBSI HCUG), from its mesh, its voxel centres and the corners of its mesh."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from radiokit.features._diameters import longest_distances
from radiokit.features._mesh import mesh_area_volume
from radiokit.features._region import Region


class Shape:
    """What the formulas of shape need.

    Parameters
    ----------
    region : Region
        The region.
    """

    def __init__(self, region: Region) -> None:
        self.region = region

    @cached_property
    def mesh(self) -> tuple[float, float]:
        """Area and volume of pyradiomics' mesh, in mm² and mm³."""
        return mesh_area_volume(self.region.mask, self.region.spacing)

    @cached_property
    def area(self) -> float:
        """Area of the mesh, A."""
        return self.mesh[0]

    @cached_property
    def volume(self) -> float:
        """Volume of the mesh, V."""
        return self.mesh[1]

    @cached_property
    def axes(self) -> np.ndarray:
        """Eigenvalues λ of the covariance of the voxel centres, ascending, in mm²."""
        return principal_variances(self.region.mask, self.region.spacing)

    @cached_property
    def diameters(self) -> tuple[float, float, float, float]:
        """Longest distances in planes of constant z, y, x and in space."""
        return longest_distances(self.region.mask, self.region.spacing)


def principal_variances(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the covariance (divided by N) of the voxel centres, ascending, in mm²."""
    covariance = np.empty((mask.ndim, mask.ndim))
    for a in range(mask.ndim):
        for b in range(a, mask.ndim):
            others = tuple(k for k in range(mask.ndim) if k not in (a, b))
            covariance[a, b] = covariance[b, a] = _covariance(mask.sum(axis=others), a == b)
    eigenvalues = np.linalg.eigvalsh(covariance * np.multiply.outer(spacing, spacing))
    return np.where(eigenvalues < 1e-14 * eigenvalues[-1], 0.0, eigenvalues)


def _covariance(weight: np.ndarray, same: bool) -> float:
    """Covariance of two coordinates from how many voxels have each pair of them, in whole numbers to the end."""
    if same:
        (place,) = (np.arange(len(weight)),)
        n, first, second = int(weight.sum()), int(weight @ place), int(weight @ place**2)
        return (n * second - first**2) / n**2
    rows, columns = np.arange(weight.shape[0]), np.arange(weight.shape[1])
    n, row, column = int(weight.sum()), int(weight.sum(axis=1) @ rows), int(weight.sum(axis=0) @ columns)
    return (n * int(rows @ weight @ columns) - row * column) / n**2


def sphericity(volume: float, area: float) -> float:
    """(36 π V²)^(1/3) / A: area of the ball of the same volume over the area."""
    return float((36 * np.pi * volume**2) ** (1 / 3) / area)


SHAPE_FEATURES: dict[str, Callable[[Shape], float]] = {
    "Elongation": lambda s: _ratio(s.axes[1], s.axes[2]),
    "Flatness": lambda s: _ratio(s.axes[0], s.axes[2]),
    "LeastAxisLength": lambda s: 4 * np.sqrt(s.axes[0]),
    "MajorAxisLength": lambda s: 4 * np.sqrt(s.axes[2]),
    "Maximum2DDiameterColumn": lambda s: s.diameters[1],
    "Maximum2DDiameterRow": lambda s: s.diameters[2],
    "Maximum2DDiameterSlice": lambda s: s.diameters[0],
    "Maximum3DDiameter": lambda s: s.diameters[3],
    "MeshVolume": lambda s: s.volume,
    "MinorAxisLength": lambda s: 4 * np.sqrt(s.axes[1]),
    "Sphericity": lambda s: sphericity(s.volume, s.area),
    "SurfaceArea": lambda s: s.area,
    "SurfaceVolumeRatio": lambda s: s.area / s.volume,
    "VoxelVolume": lambda s: s.region.n_voxels * s.region.voxel_volume,
    # As pyradiomics has it; IBSI's compactness 1 is V / sqrt(π A³).
    "Compactness1": lambda s: s.volume / (s.area**1.5 * np.sqrt(np.pi)),
    "Compactness2": lambda s: 36 * np.pi * s.volume**2 / s.area**3,
    "SphericalDisproportion": lambda s: 1 / sphericity(s.volume, s.area),
}


def _ratio(smaller: float, larger: float) -> float:
    """Square root of the ratio of two variances; NaN for a single voxel."""
    return float(np.sqrt(smaller / larger)) if larger > 0 else float("nan")
