"""Laws kernels and their energy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter, require_taps
from radiokit.filters._separable import SCIPY_MODES, convolve, distinct, pool, rotations, turned
from radiokit.io import Volume

# Level, edge, spot, wave, ripple; each is divided by its Euclidean norm (IBSI 2, table of section JTXT).
TAPS = {
    "L3": (1, 2, 1),
    "L5": (1, 4, 6, 4, 1),
    "E3": (-1, 0, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S3": (-1, 2, -1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
}


@dataclass(frozen=True)
class Laws(Filter):
    """Product of short kernels that respond to levels, edges, spots, waves and ripples.

    Parameters
    ----------
    kernel : str
        One name for x, y and z, such as ``"L5E5E5"``; two for 2D. Known are L3, L5, E3, E5, S3, S5, W5, R5.
    {rotation_invariant} {pooling}
    energy_distance : int, optional
        Return the energy: the mean of the absolute response within this Chebyshev distance, in voxels. None returns
        the response.
    {filter_dimension} {boundary}

    Notes
    -----
    IBSI 2, JTXT and PQSD, arXiv 2006.05470; Laws 1980, doi 10.1117/12.959169.

    Examples
    --------
    >>> ramp = Volume(np.arange(9.0) * np.ones((9, 9, 1)))
    >>> round(float(Laws("E3L3L3").apply(ramp).array[4, 4, 4]), 9)
    -3.771236166
    """

    kernel: str
    rotation_invariant: bool = False
    pooling: str = "max"
    energy_distance: int | None = None
    dimension: str = "3D"
    boundary: str = "mirror"

    def __post_init__(self) -> None:
        self._check_choices()
        n_axes = 3 if self.dimension == "3D" else 2
        parts = self._parts
        if "".join(parts) != self.kernel or len(parts) != n_axes or not set(parts) <= set(TAPS):
            raise ParameterError(
                f"Laws(kernel={self.kernel!r}); required: {n_axes} of {', '.join(TAPS)}, one for each axis."
            )
        if self.energy_distance is not None and self.energy_distance < 1:
            raise ParameterError(f"Laws(energy_distance={self.energy_distance!r}); required: 1 or more voxels.")

    @property
    def _parts(self) -> list[str]:
        return re.findall("[A-Z][0-9]", str(self.kernel))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        turned_ = f"-rotated-{self.pooling}" if self.rotation_invariant else ""
        energy = "" if self.energy_distance is None else f"-energy-{self.energy_distance}"
        return (f"laws-{self.kernel}{turned_}{energy}",)

    def _reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        edge = 2 + (self.energy_distance or 0)
        return (edge if self.dimension == "3D" else 0, edge, edge)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        kernels = [np.array(TAPS[part], dtype=float) for part in self._parts]
        kernels = [kernel / np.linalg.norm(kernel) for kernel in kernels]
        axes = (2, 1, 0)[: len(kernels)]  # names are for x, y, z
        turns = rotations(len(kernels)) if self.rotation_invariant else rotations(len(kernels))[:1]
        array = volume.array.astype(np.float64)
        responses = (convolve(array, turned(kernels, t), axes, self.boundary) for t in distinct(turns, kernels))
        response = pool(responses, self.pooling)
        if self.energy_distance is not None:
            require_taps(self, volume.shape, [2 * self.energy_distance + 1], passes=0)
            from scipy import ndimage

            edge = 2 * self.energy_distance + 1
            size = (edge if self.dimension == "3D" else 1, edge, edge)
            response = ndimage.uniform_filter(np.abs(response), size, mode=SCIPY_MODES[self.boundary])
        yield response
