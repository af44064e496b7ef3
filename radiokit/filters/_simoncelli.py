"""Non-separable wavelets, defined by their radial spectrum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter
from radiokit.filters._fourier import Transfer, apply_transfer, radius
from radiokit.filters._separable import Array
from radiokit.io import Volume
from radiokit.preprocessing.choices import check_setting

MOST_LEVELS = 64
FAMILIES = ("simoncelli",)


@dataclass(frozen=True)
class NonSeparableWavelet(Filter):
    """Isotropic band-pass wavelet.

    Parameters
    ----------
    family : {"simoncelli"}
        The radial profile.
    level : int
        The band: level 1 holds the highest frequencies, each further level is one octave lower.
    {filter_dimension}
    boundary : {"periodic", "mirror", "nearest", "zero"}
        Makes no difference here, and is kept because tables of settings name one: the filter is defined on the
        frequencies of the image itself, so nothing is added beyond the border and the image repeats.

    Notes
    -----
    Transfer function of level j: cos(pi/2 log2(2 nu / nu_max)) for nu_max / 4 < nu <= nu_max, else 0, with nu_max =
    2^(1-j) and nu the radial frequency where 1 is the Nyquist frequency of an axis (IBSI 2, PRT7 and LODD, arXiv
    2006.05470; Simoncelli and Freeman 1995, doi 10.1109/ICIP.1995.537667). Its support is that of the image, so the
    response at a voxel depends on the whole image: crop images of a cohort in one way.

    Examples
    --------
    >>> flat = Volume(np.full((8, 8, 8), 3.0))
    >>> float(np.abs(NonSeparableWavelet().apply(flat).array).max()) < 1e-12
    True
    """

    family: str = "simoncelli"
    level: int = 1
    dimension: str = "3D"
    boundary: str = "periodic"

    def __post_init__(self) -> None:
        check_setting("NonSeparableWavelet", "family", self.family, FAMILIES)
        self._check_choices()
        if not 1 <= self.level <= MOST_LEVELS or self.level != int(self.level):
            raise ParameterError(
                f"NonSeparableWavelet(level={self.level!r}); required: a whole number from 1 to {MOST_LEVELS}."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return (f"{self.family}-level-{self.level}-{self.dimension}",)

    def transfer(self, frequencies: tuple[Array, ...]) -> Array:
        """Transfer function on a grid of frequencies in units of Nyquist's, one broadcastable array an axis."""
        nu = radius(frequencies)
        top = 2.0 ** (1 - self.level)
        inside = (nu > top / 4) & (nu <= top)
        return np.where(inside, np.cos(np.pi / 2 * np.log2(2 * np.where(inside, nu, top) / top)), 0.0)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        transfer: Transfer = self.transfer
        yield apply_transfer(volume.array, transfer, self.dimension)
