"""Mean filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter, require_taps
from radiokit.filters._separable import SCIPY_MODES
from radiokit.io import Volume
from radiokit.preprocessing.choices import check_positive


@dataclass(frozen=True)
class Mean(Filter):
    """Mean of the voxels around each voxel.

    Parameters
    ----------
    support : int
        Edge of the cube (or square) in voxels, odd.
    {filter_dimension} {boundary}

    Notes
    -----
    h(k) = 1 / M^D inside the support (IBSI 2, S60F, arXiv 2006.05470).

    Examples
    --------
    >>> impulse = np.zeros((3, 3, 3)); impulse[1, 1, 1] = 27.0
    >>> float(Mean(support=3, boundary="zero").apply(Volume(impulse)).array[0, 0, 0])
    1.0
    """

    support: int
    dimension: str = "3D"
    boundary: str = "mirror"

    def __post_init__(self) -> None:
        check_positive("Mean", "support", self.support)
        if self.support % 2 != 1:
            raise ParameterError(f"Mean(support={self.support!r}); required: an odd number of voxels.")
        self._check_choices()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return (f"mean-{self.support}-{self.dimension}",)

    def _reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        edge = self.support // 2
        return (edge if self.dimension == "3D" else 0, edge, edge)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        from scipy import ndimage

        require_taps(self, volume.shape, [self.support], passes=0)
        size = (self.support if self.dimension == "3D" else 1, self.support, self.support)
        array = volume.array.astype(np.float64)
        yield ndimage.uniform_filter(array, size, mode=SCIPY_MODES[self.boundary])
