"""Separable undecimated wavelets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter, require_taps
from radiokit.filters._separable import Array, Rotation, centred, convolve, distinct, pool, rotations, turned
from radiokit.filters._stationary import band_names
from radiokit.io import Volume
from radiokit.preprocessing.choices import check_positive, check_setting

MOST_LEVELS = 64


@lru_cache(maxsize=32)
def analysis_taps(wavelet: str, dtype: DTypeLike = np.float64) -> tuple[NDArray[Any], NDArray[Any]]:
    """Low- and high-pass decomposition filter of a wavelet, as PyWavelets uses them for images of this type."""
    import pywt  # takes 50 ms: only where wavelets are used

    try:
        kind = pywt.Wavelet(wavelet)
    except ValueError as error:
        raise ParameterError(
            f"Wavelet(wavelet={wavelet!r}) is not known to PyWavelets; see pywt.wavelist(kind='discrete')."
        ) from error
    # Read off the response to an impulse: in single precision PyWavelets' taps are not always the rounded double ones.
    length = kind.dec_len
    impulse = np.zeros(2 * length, dtype=dtype)
    impulse[length] = 1
    ((low, high),) = pywt.swt(impulse, kind, level=1)
    start = length - length // 2
    return low[start : start + length].copy(), high[start : start + length].copy()


@dataclass(frozen=True)
class Wavelet(Filter):
    """Separable undecimated (stationary) wavelet.

    Parameters
    ----------
    wavelet : str
        A discrete wavelet of PyWavelets: ``"haar"``, ``"db2"``, ``"coif1"``, ``"bior2.2"``, ...
    subband : str, optional
        Low (L) or high (H) pass along x, y and z: ``"LLH"``; two letters in 2D. None makes all of them, one image each.
    level : int
        Level of the transform. In the pyradiomics standard: number of levels, each with its own images.
    {rotation_invariant} {pooling}
    {filter_dimension} {boundary}
        The pyradiomics standard is always periodic.
    start_level : int
        Number of first levels that are left out (pyradiomics standard only).

    Notes
    -----
    Level j convolves the approximation of level j - 1 with the decomposition filters upsampled by 2^(j-1) (algorithme à
    trous; IBSI 2, arXiv 2006.05470). pyradiomics does not upsample: it applies level 1 again.

    Examples
    --------
    >>> import numpy as np
    >>> flat = Volume(np.full((4, 4, 4), 2.0))
    >>> float(Wavelet("haar", subband="HLL").apply(flat).array.max())
    0.0
    >>> len(Wavelet().names)
    8
    """

    wavelet: str = "coif1"
    subband: str | None = None
    level: int = 1
    rotation_invariant: bool = False
    pooling: str = "mean"
    dimension: str = "3D"
    boundary: str = "mirror"
    start_level: int = 0

    def __post_init__(self) -> None:
        self._check_choices()
        check_positive("Wavelet", "level", self.level)
        if self.level + self.start_level > MOST_LEVELS:
            raise ParameterError(f"{self!r}; required: at most {MOST_LEVELS} levels.")
        if self.start_level < 0 or self.start_level != int(self.start_level) or self.level != int(self.level):
            raise ParameterError(f"{self!r}; required: whole numbers, level from 1 and start_level from 0 on.")
        if self.subband is not None and (not set(self.subband) <= {"L", "H"} or len(self.subband) not in (2, 3)):
            raise ParameterError(f"Wavelet(subband={self.subband!r}); required: L or H for each axis, such as 'LLH'.")

    @property
    def subbands(self) -> tuple[str, ...]:
        """The sub-bands that are computed."""
        known = band_names(3 if self.dimension == "3D" else 2)
        if self.subband is None:
            return known
        check_setting("Wavelet", "subband", self.subband, known)
        return (self.subband,)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each sub-band's image."""
        tail = ("" if self.level == 1 else f"-level-{self.level}") + ("" if self.dimension == "3D" else "-2D")
        tail += f"-rotated-{self.pooling}" if self.rotation_invariant else ""
        return tuple(f"wavelet-{self.wavelet.replace('.', '-')}-{band}{tail}" for band in self.subbands)

    def _reach(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        edge = analysis_taps(self.wavelet)[0].size * (2**self.level - 1)
        return (edge if self.dimension == "3D" else 0, edge, edge)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        taps = [float(analysis_taps(self.wavelet)[0].size) * (2**self.level - 1)] * len(self.subbands[0])
        n_turns = len(rotations(len(taps))) if self.rotation_invariant else 1
        require_taps(self, volume.shape, taps, passes=n_turns * len(self.subbands))
        array = volume.array.astype(np.float64)
        for band in self.subbands:
            levels = self._kernels(band)
            turns = rotations(len(band)) if self.rotation_invariant else rotations(len(band))[:1]
            responses = (self._response(array, levels, turn) for turn in distinct(turns, *levels))
            yield pool(responses, self.pooling)

    def _kernels(self, band: str) -> list[list[Array]]:
        """Kernels of x, y, z at each level: low passes up to the last, which has the band."""
        taps = dict(zip("LH", analysis_taps(self.wavelet), strict=True))
        letters = ["L" * len(band)] * (self.level - 1) + [band]
        return [[centred(upsampled(taps[c], 2**k)) for c in names] for k, names in enumerate(letters)]

    def _response(self, array: Array, levels: list[list[Array]], turn: Rotation) -> Array:
        for kernels in levels:
            array = convolve(array, turned(kernels, turn), (2, 1, 0)[: len(kernels)], self.boundary)
        return array


def upsampled(kernel: Array, step: int) -> Array:
    """Put step - 1 zeros after each tap."""
    out = np.zeros(kernel.size * step)
    out[::step] = kernel
    return out
