"""Gabor filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter, tag
from radiokit.filters._fourier import continued
from radiokit.filters._separable import Array, pool
from radiokit.io import Volume
from radiokit.preprocessing.budget import by, require
from radiokit.preprocessing.choices import check_positive

REACH = 7.0  # the kernel ends where the envelope is below exp(-24)


@dataclass(frozen=True)
class Gabor(Filter):
    """Modulus of the response to a plane wave under a Gaussian, within slices.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian along the wave in mm.
    wavelength : float
        In mm.
    gamma : float
        Spatial aspect ratio: the Gaussian is sigma / gamma wide across the wave.
    theta : float
        Orientation in radians, clockwise in the slice.
    theta_step : float, optional
        Pool over the orientations 0, theta_step, ... below 2 pi; `theta` is then not used.
    orthogonal_planes : bool
        Pool over slices across z, y and x rather than across z alone.
    pooling : {"mean", "max", "min"}
        How.
    {boundary}

    Notes
    -----
    g(k) = exp(-(k1² + gamma² k2²) / (2 sigma²) + 2 pi i k1 / wavelength), with k1 along and k2 across the wave (IBSI 2,
    Q88H, arXiv 2006.05470). Slices need square pixels.

    Examples
    --------
    >>> waves = Volume(np.sin(np.arange(32) * np.pi / 2) * np.ones((1, 32, 1)))
    >>> along = Gabor(sigma=2.0, wavelength=4.0, gamma=1.0).apply(waves).array[0, 16, 16]
    >>> across = Gabor(sigma=2.0, wavelength=4.0, gamma=1.0, theta=np.pi / 2).apply(waves).array[0, 16, 16]
    >>> bool(along > 1000 * across)
    True
    """

    sigma: float
    wavelength: float
    gamma: float = 1.0
    theta: float = 0.0
    theta_step: float | None = None
    orthogonal_planes: bool = False
    pooling: str = "mean"
    boundary: str = "mirror"

    def __post_init__(self) -> None:
        for name in ("sigma", "wavelength", "gamma"):
            check_positive("Gabor", name, getattr(self, name))
        if self.theta_step is not None:
            check_positive("Gabor", "theta_step", self.theta_step)
        self._check_choices()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        angle = self.theta if self.theta_step is None else self.theta_step
        turn = f"theta-{tag(round(angle, 4))}" if self.theta_step is None else f"step-{tag(round(angle, 4))}"
        planes = "-planes" if self.orthogonal_planes else ""
        return (f"gabor-{tag(self.sigma)}-{tag(self.wavelength)}-{tag(self.gamma)}-{turn}{planes}",)

    @property
    def orientations(self) -> list[float]:
        """The angles, in radians."""
        if self.theta_step is None:
            return [self.theta]
        n = round(2 * np.pi / self.theta_step)
        # Half a turn on, the response is the conjugate: its modulus is the same, and counts as often as the first half.
        return [k * self.theta_step for k in range(n // 2 if n % 2 == 0 else n)]

    def _reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        edge = self._edge(spacing[2])
        return (edge if self.orthogonal_planes else 0, edge, edge)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        array = volume.array.astype(np.float64)
        axes = (0, 1, 2) if self.orthogonal_planes else (0,)
        yield pool(self._in_planes(array, volume.spacing, axes), self.pooling)

    def _in_planes(self, array: Array, spacing: tuple[float, ...], axes: tuple[int, ...]) -> Iterator[Array]:
        for axis in axes:
            rows, columns = (spacing[a] for a in range(3) if a != axis)
            if not np.isclose(rows, columns, rtol=1e-3):
                raise ParameterError(
                    f"Slices across axis {axis} (z, y, x) have pixels of {rows:g} x {columns:g} mm; Gabor needs square "
                    "ones. Resample, or leave orthogonal_planes off."
                )
            planes = np.moveaxis(array, axis, 0)
            self._require(planes.shape, self._edge(columns))
            spectrum = _Spectrum(planes, self._edge(columns), self.boundary)
            for theta in self.orientations:
                yield np.moveaxis(np.abs(spectrum.convolve(self._kernel(theta, spectrum.reach, columns))), 0, axis)

    def _require(self, shape: tuple[int, ...], edge: int) -> None:
        """Refuse slices that are too large with their padding; the spectrum, a response and a copy are held."""
        padded = (shape[0], *(n + 2.0 * edge for n in shape[1:]))
        pixels = float(np.prod(padded))
        require(
            f"{self!r}, slices of {by(padded)} voxels with their padding,",
            memory=16 * 3 * pixels,
            seconds=5e-8 * pixels * len(self.orientations),
            instead="Use a smaller sigma, or a coarser grid.",
        )

    def _edge(self, pixel: float) -> int:
        return int(REACH * self.sigma / pixel / min(self.gamma, 1) + 0.5)

    def _kernel(self, theta: float, reach: int, pixel: float) -> NDArray[np.complex128]:
        k = np.arange(-reach, reach + 1) * pixel
        y, x = np.meshgrid(k, k, indexing="ij")
        along = x * np.cos(theta) + y * np.sin(theta)
        across = -x * np.sin(theta) + y * np.cos(theta)
        envelope = np.exp(-(along**2 + self.gamma**2 * across**2) / (2 * self.sigma**2))
        return envelope * np.exp(2j * np.pi * along / self.wavelength)


class _Spectrum:
    """The spectrum of padded slices, worked out once for all orientations."""

    def __init__(self, planes: Array, reach: int, boundary: str) -> None:
        self.shape, self.reach = planes.shape, reach
        padded = continued(planes, (0, reach, reach), boundary)
        from scipy import fft

        self.fft = fft
        self.size = [fft.next_fast_len(n) for n in padded.shape[1:]]
        self.spectrum = fft.fft2(padded, self.size)

    def convolve(self, kernel: NDArray[np.complex128]) -> NDArray[np.complex128]:
        response = self.fft.ifft2(self.spectrum * self.fft.fft2(kernel, self.size)[None], overwrite_x=True)
        first, rows, columns = 2 * self.reach, self.shape[1], self.shape[2]
        return response[:, first : first + rows, first : first + columns]
