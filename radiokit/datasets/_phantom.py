"""A tumour in tissue: smooth irregular outline, texture of known correlation length, seen by a scanner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import distance_transform_edt, gaussian_filter

Array = NDArray[np.float64]

SIZE = 64  # voxels of the fine grid along each axis
FINE = 1.5  # mm between them
TUMOUR_HU, TEXTURE_HU = 60.0, 45.0


@dataclass(frozen=True)
class Scanner:
    """What a centre does to the true Hounsfield units."""

    gain: float
    offset: float
    noise: float
    slices: int  # fine slices averaged into one: thickness is slices * FINE

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm, (z, y, x)."""
        return (self.slices * FINE, FINE, FINE)


@dataclass(frozen=True)
class Lesion:
    """The latent variables of one lesion (standard normal) and where it lies (fine voxels, z, y, x)."""

    heterogeneity: float
    irregularity: float
    log_volume: float
    center: tuple[float, float, float]


def correlation_length(heterogeneity: float) -> float:
    """Return the texture's Gaussian correlation length in mm: the more heterogeneous, the shorter."""
    return float(np.clip(3.0 * np.exp(-0.45 * heterogeneity), 0.9, 9.0))


def core_radius(heterogeneity: float) -> float:
    """Return the radius of a necrotic core as a part of the tumour's: the more heterogeneous, the larger."""
    return float(np.clip(0.5 + 0.2 * heterogeneity, 0.05, 0.9))


def draw_tissue(lesions: list[Lesion], rng: np.random.Generator, *, necrosis: float = 0.0) -> tuple[Array, list[Array]]:
    """Draw Hounsfield units on the fine grid, and each lesion's occupancy (0 or 1); cores are `necrosis` darker."""
    organ = 105 + 12 * _field(4.0, rng)
    fat = 1 / (1 + np.exp(-6 * (_field(14.0, rng) - 1.6)))
    tissue = organ + fat * (-95 - organ)
    occupancies = []
    for lesion in lesions:
        inside = _outline(lesion, rng)
        texture = _field(correlation_length(lesion.heterogeneity), rng)
        mean = TUMOUR_HU + 6 * rng.standard_normal()
        share = gaussian_filter(inside, 0.5)
        tissue = tissue + share * (mean + TEXTURE_HU * texture - tissue)
        if necrosis:
            depth = distance_transform_edt(inside)
            core = depth > (1 - core_radius(lesion.heterogeneity)) * depth.max()
            tissue = tissue - necrosis * gaussian_filter(core.astype(float), 0.5)
        occupancies.append(inside)
    return tissue, occupancies


def _field(length_mm: float, rng: np.random.Generator) -> Array:
    """Return Gaussian noise of unit variance with Gaussian correlation of the given length."""
    # A Gaussian kernel of standard deviation s voxels has the transform exp(-2 (pi s k)^2), a product over the axes.
    along, half = (np.exp(-2 * (np.pi * length_mm / FINE * k) ** 2) for k in (fft.fftfreq(SIZE), fft.rfftfreq(SIZE)))
    spectrum = fft.rfftn(rng.standard_normal((SIZE,) * 3))
    spectrum *= along[:, None, None] * along[:, None] * half
    smooth = fft.irfftn(spectrum, s=(SIZE,) * 3, overwrite_x=True)
    return smooth / smooth.std()


def _outline(lesion: Lesion, rng: np.random.Generator) -> Array:
    """Occupancy of a star-shaped body: r(u) = R exp(a f(u)) in direction u, f smooth, random, of unit variance.

    R is set so that the volume depends on `log_volume` alone: irregularity must not be volume in disguise.
    """
    amplitude = float(np.clip(0.17 * np.exp(0.5 * lesion.irregularity), 0.03, 0.38))
    radius = 12.5 * np.exp(0.12 * np.clip(lesion.log_volume, -2.5, 2.0)) / FINE
    waves = rng.standard_normal((24, 3))
    waves *= (rng.uniform(2.0, 5.5, size=24) / np.linalg.norm(waves, axis=1))[:, None]
    phases = rng.uniform(0, 2 * np.pi, size=24)

    def bumps(direction: Array) -> Array:
        return np.sqrt(2 / 24) * np.cos(direction @ waves.T + phases).sum(axis=-1)

    shape = bumps(_sphere_points(600))
    shape_mean, shape_sd = shape.mean(), shape.std()
    radius /= np.mean(np.exp(3 * amplitude * (shape - shape_mean) / shape_sd)) ** (1 / 3)

    place = np.indices((SIZE,) * 3).reshape(3, -1).T - np.array(lesion.center)
    distance = np.linalg.norm(place, axis=1)
    # The margin covers directions between the points of the sphere.
    near = distance < radius * np.exp(amplitude * ((shape.max() - shape_mean) / shape_sd + 0.3))
    direction = place[near] / np.maximum(distance[near], 1e-9)[:, None]
    reach = radius * np.exp(amplitude * (bumps(direction) - shape_mean) / shape_sd)
    inside = np.zeros(distance.size)
    inside[near] = distance[near] <= reach
    return inside.reshape((SIZE,) * 3)


def _sphere_points(n: int) -> Array:
    """Nearly even directions on the unit sphere (Fibonacci lattice)."""
    height = 1 - (2 * np.arange(n) + 1) / n
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    ring = np.sqrt(1 - height**2)
    return np.stack([height, ring * np.cos(angle), ring * np.sin(angle)], axis=1)


def scan_ct(tissue: Array, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return what the scanner reports: averaged slices, gain, offset, noise, whole Hounsfield units."""
    seen = average_slices(tissue, scanner.slices)
    seen = scanner.gain * seen + scanner.offset + scanner.noise * rng.standard_normal(seen.shape)
    return np.round(seen).astype(np.int16)


def scan_mr(tissue: Array, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return the same anatomy in arbitrary units: inverted contrast, a scale of its own in every examination."""
    seen = average_slices(tissue, scanner.slices)
    scale = scanner.gain * np.exp(0.15 * rng.standard_normal())
    seen = scale * (500 - 2.0 * seen) + 2.0 * scanner.noise * rng.standard_normal(seen.shape)
    return np.round(np.clip(seen, 0, 4000)).astype(np.int16)


def average_slices(array: Array, slices: int) -> Array:
    """Average each `slices` neighbouring planes into one; a remainder at the end is dropped."""
    whole = len(array) // slices * slices
    return array[:whole].reshape(-1, slices, *array.shape[1:]).mean(axis=1)
