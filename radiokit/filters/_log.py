"""Laplacian of Gaussian."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.filters._base import Filter, require_taps, tag
from radiokit.filters._separable import Array, convolve
from radiokit.io import Volume
from radiokit.preprocessing.choices import check_positive


@dataclass(frozen=True)
class LoG(Filter):
    """Laplacian of Gaussian.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian in mm. In the pyradiomics standard names have it as it is given:
        1 is ``log-sigma-1-mm-3D``, 1.0 is ``log-sigma-1-0-mm-3D``.
    truncate : float
        The kernel ends after this many sigma.
    {filter_dimension} {boundary}

    Notes
    -----
    h(r) = -1/sigma² (1 / (sqrt(2 pi) sigma))^D (D - r²/sigma²) exp(-r²/(2 sigma²)) on 1 + 2 floor(truncate sigma + 0.5)
    voxels an axis, sigma and r in voxels of that axis (IBSI 2, L6PA, arXiv 2006.05470). It is a sum of D separable
    kernels. The pyradiomics standard uses ITK's recursive approximation instead, times sigma², and only `sigma`.

    Examples
    --------
    >>> import numpy as np
    >>> impulse = np.zeros((9, 9, 9)); impulse[4, 4, 4] = 1.0
    >>> response = LoG(sigma=1.0).apply(Volume(impulse)).array
    >>> bool(response[4, 4, 4] < 0 < response[4, 4, 6])
    True
    """

    sigma: float
    truncate: float = 4.0
    dimension: str = "3D"
    boundary: str = "mirror"

    def __post_init__(self) -> None:
        check_positive("LoG", "sigma", self.sigma)
        if isinstance(self.sigma, float):
            object.__setattr__(self, "sigma", float(self.sigma))  # numpy's is written otherwise
        check_positive("LoG", "truncate", self.truncate)
        self._check_choices()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return (f"log-sigma-{tag(self.sigma)}-mm-{self.dimension}",)

    def _reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        z, y, x = (self._edge(self.sigma / step) for step in spacing)
        return (z if self.dimension == "3D" else 0, y, x)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        axes = (0, 1, 2) if self.dimension == "3D" else (1, 2)
        taps = [2 * self._edge(self.sigma / volume.spacing[axis]) + 1 for axis in axes]
        require_taps(self, volume.shape, taps, passes=len(axes))
        pairs = [self._kernels(self.sigma / volume.spacing[axis]) for axis in axes]
        array = volume.array.astype(np.float64)
        total = np.zeros(array.shape)
        for curved in range(len(axes)):
            kernels = [pair[i == curved] for i, pair in enumerate(pairs)]
            total += convolve(array, kernels, axes, self.boundary)
        yield total

    def _edge(self, sigma: float) -> int:
        return int(self.truncate * sigma + 0.5)

    def _kernels(self, sigma: float) -> tuple[Array, Array]:
        """Gaussian and its second derivative along one axis, sigma in voxels."""
        edge = self._edge(sigma)
        k = np.arange(-edge, edge + 1.0)
        gauss = np.exp(-(k**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
        return gauss, gauss * (k**2 / sigma**2 - 1) / sigma**2
