"""Local binary patterns on spheres, described by spherical harmonics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter
from radiokit.io import Volume
from radiokit.preprocessing.budget import require
from radiokit.preprocessing.choices import check_positive

MOST_DEGREES = 86  # scipy's and pyradiomics' harmonics have no value beyond
BATCH = 4096  # voxels at a time: a sphere of 42 samples each


@dataclass(frozen=True)
class LBP3D(Filter):
    """Local binary pattern on a sphere around each voxel: the energy of its spherical harmonics, and a kurtosis.

    Parameters
    ----------
    levels : int
        Degrees of the spherical harmonics, from 0 on: one image each.
    radius : float
        Radius of the sphere in voxels.
    subdivision : int
        How often the faces of the icosahedron of samples are divided in four (1: 42 samples).

    Notes
    -----
    With s(v) = 1 where the sample v is not below the centre, and c(n, m) = sum over v of s(v) Y(n, m, v), image
    ``lbp-3D-m<n+1>`` is the root of the sum over v of (sum over m of c(n, m) Y(n, m, v))². Image ``lbp-3D-k`` is the
    excess kurtosis of the samples. Banerjee et al. 2013, doi 10.1007/978-3-642-37410-4_3, as in pyradiomics, which
    exchanges polar angle and azimuth, keeps samples in the type of the image, and sees the region alone.

    Examples
    --------
    >>> LBP3D().names
    ('lbp-3D-m1', 'lbp-3D-m2', 'lbp-3D-k')
    """

    levels: int = 2
    radius: float = 1.0
    subdivision: int = 1

    def __post_init__(self) -> None:
        check_positive("LBP3D", "levels", self.levels)
        check_positive("LBP3D", "radius", self.radius)
        if self.levels > MOST_DEGREES:
            raise ParameterError(
                f"LBP3D(levels={self.levels!r}); required: at most {MOST_DEGREES} (lbp3DLevels): the factorials of "
                "higher degrees leave the range of numbers, and 42 samples carry no more than a few."
            )
        if self.subdivision not in range(6) or self.levels != int(self.levels):
            raise ParameterError(f"{self!r}; required: levels a whole number, subdivision a whole number from 0 to 5.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        return (*(f"lbp-3D-m{n + 1}" for n in range(self.levels)), "lbp-3D-k")

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        everywhere = np.ones(volume.shape, dtype=bool)
        columns = self.at_voxels(volume.array.astype(np.float64), everywhere)
        for column in columns.T:
            yield column.reshape(volume.shape)

    def at_voxels(self, array: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Values of the voxels of a mask, shape (n_voxels, n_images), in the order of ``np.nonzero(mask)``."""
        from scipy import ndimage

        vertices = icosphere(self.subdivision, self.radius)
        harmonics = self._harmonics(vertices)
        coefficients = ndimage.spline_filter(array, order=3, output=np.float64)
        voxels = np.argwhere(mask)
        require(
            f"{self!r}: harmonics of {self.levels} degrees at {len(vertices)} samples around {len(voxels):,} voxels",
            memory=8.0 * (2 * array.size + len(voxels) * (self.levels + 4)),
            seconds=len(voxels) * len(vertices) * (1e-7 + 4e-9 * self.levels**2),
            instead="Use fewer levels, or a smaller subdivision.",
        )
        out = np.empty((len(voxels), self.levels + 1))
        for start in range(0, len(voxels), BATCH):
            part = voxels[start : start + BATCH]
            points = (part[:, None, :] + vertices[None]).reshape(-1, 3).T
            samples = ndimage.map_coordinates(coefficients, points, output=array.dtype, order=3, prefilter=False)
            samples = samples.reshape(len(part), -1)
            centres = array[tuple(part.T)]
            out[start : start + BATCH, -1] = _excess_kurtosis(samples)
            out[start : start + BATCH, :-1] = _energies(samples >= centres[:, None], harmonics)
        return out

    def _harmonics(self, vertices: NDArray[np.float64]) -> list[NDArray[np.complex128]]:
        """Y(n, m, v) of each degree, shape (2 n + 1, n_vertices)."""
        polar = np.arccos(np.clip(vertices[:, 2] / self.radius, -1, 1))
        azimuth = np.arctan2(vertices[:, 1], vertices[:, 0])
        return [
            np.array([harmonic(m, n, azimuth=polar, polar=azimuth) for m in range(-n, n + 1)])
            for n in range(self.levels)
        ]


def harmonic(m: int, n: int, *, azimuth: NDArray[np.float64], polar: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Spherical harmonic of degree n and order m with the Condon-Shortley phase."""
    from scipy import special

    k = abs(m)
    scale = np.sqrt((2 * n + 1) / (4 * np.pi) * special.factorial(n - k) / special.factorial(n + k))
    value = scale * special.lpmv(k, n, np.cos(polar)) * np.exp(1j * k * azimuth)
    return value if m >= 0 else (-1) ** k * np.conj(value)


def _energies(signs: NDArray[np.bool_], harmonics: list[NDArray[np.complex128]]) -> NDArray[np.float64]:
    columns = [_constant_energies(harmonics[0][0].real)[signs.sum(axis=1)]]
    for basis in harmonics[1:]:
        coefficients = signs.astype(float) @ basis.T  # (voxels, orders)
        on_sphere = coefficients @ basis  # (voxels, vertices)
        columns.append(np.sqrt((on_sphere**2).sum(axis=1)).real)
    return np.stack(columns, axis=1)


def _constant_energies(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy of degree 0, which is constant, for 0, 1, 2, ... samples that are not below the centre.

    Added one by one: the few values are evenly spaced, so that edges of bins fall on them, where rounding decides.
    """
    coefficients = np.concatenate([[0.0], np.cumsum(basis)])
    on_sphere = coefficients[:, None] * basis
    return np.sqrt(np.cumsum(on_sphere**2, axis=1)[:, -1])


def _excess_kurtosis(samples: NDArray[Any]) -> NDArray[np.float64]:
    mean = samples.mean(axis=1, keepdims=True)
    squares = (samples - mean) ** 2
    second, fourth = squares.mean(axis=1), (squares**2).mean(axis=1)
    flat = second <= (np.finfo(second.dtype).eps * mean[:, 0]) ** 2
    return np.where(flat, np.nan, fourth / np.where(flat, 1, second) ** 2 - 3)


def icosphere(subdivision: int, radius: float) -> NDArray[np.float64]:
    """Vertices of an icosahedron whose faces are divided in four again and again, pushed out to the sphere.

    In the order of trimesh, which pyradiomics samples with: in single precision the order of a sum shows.
    """
    golden = (1 + np.sqrt(5)) / 2
    corners = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)]
    vertices = np.array([np.roll(corner, shift) for shift in range(3) for corner in corners])
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    for _ in range(subdivision):
        edges = _edges(np.linalg.norm(vertices[:, None] - vertices[None], axis=2))
        vertices = _pushed_out(np.vstack([vertices, vertices[edges].mean(axis=1)]), radius)
    return vertices if subdivision else _pushed_out(vertices, radius)


def _pushed_out(vertices: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    length = np.sqrt(vertices**2 @ np.ones(3))[:, None]
    return vertices + vertices / length * (radius - length)


def _edges(gaps: NDArray[np.float64]) -> NDArray[np.intp]:
    """Pairs (i < j) of neighbours, ordered by j: five for each corner of the icosahedron, six for other vertices."""
    n = len(gaps)
    order = np.argsort(gaps, axis=1, kind="stable")
    near = np.zeros_like(gaps, dtype=bool)
    for i in range(n):
        near[i, order[i, 1 : 6 if i < 12 else 7]] = True
    return np.argwhere(np.tril(near & near.T))[:, ::-1]
