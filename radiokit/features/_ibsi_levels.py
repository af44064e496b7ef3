"""Discretisation as the IBSI manual has it (chapter 2.7), for textures, histogram and intensity-volume histogram."""

from __future__ import annotations

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.features._binning import MAX_LEVELS, GreyLevels
from radiokit.features._ivh import IntensityVolume
from radiokit.features._settings import FixedBinCount, FixedBinWidth

Bounds = tuple[float | None, float | None]
# Bins of an intensity-volume histogram where intensities are not whole numbers and no discretisation is given.
IVH_BINS = 1000


def grey_levels(x: np.ndarray, binning: FixedBinWidth | FixedBinCount, bounds: Bounds) -> GreyLevels:
    """Return the grey levels of the intensities of a region.

    Fixed bin size: floor((x - x_0) / w) + 1, x_0 the origin, or else the lower bound of the resegmentation, or else the
    minimum. Fixed bin number: floor(N (x - min) / (max - min)) + 1, and N for the maximum.
    """
    if isinstance(binning, FixedBinCount):
        return _by_count(x, int(binning.count))
    origin = _origin(x, binning, bounds)
    if (x.max() - origin) / binning.width > MAX_LEVELS:
        raise ParameterError(
            f"Bin width {binning.width:g} makes {(x.max() - origin) / binning.width:.3g} grey levels; required: a "
            "width that fits the image."
        )
    level = np.maximum(np.floor((x - origin) / binning.width).astype(np.int64) + 1, 1)
    return GreyLevels(level, int(level.max()))


def intensity_volume(x: np.ndarray, binning: FixedBinWidth | FixedBinCount | None, bounds: Bounds) -> IntensityVolume:
    """Return the intensity-volume histogram.

    Without discretisation, whole numbers are taken as they are, between the bounds of the resegmentation where it has
    any. With a bin width, intensities are the centres of bins between these bounds. With a number of bins they are the
    grey levels themselves.
    """
    if binning is None and not np.array_equal(x, np.rint(x)):
        binning = FixedBinCount(IVH_BINS)
    if isinstance(binning, FixedBinCount):
        levels = _by_count(x, int(binning.count))
        return IntensityVolume(levels.level.astype(float), np.arange(1.0, levels.n_levels + 1))
    low, high = (
        (float(x.min()) if bounds[0] is None else bounds[0]),
        (float(x.max()) if bounds[1] is None else bounds[1]),
    )
    if binning is None:
        return IntensityVolume(x.astype(float), np.arange(np.floor(low), np.ceil(high) + 1))
    origin = _origin(x, binning, bounds)
    levels = grey_levels(x, binning, bounds)
    n_bins = max(int(np.ceil((high - origin) / binning.width - 1e-9)), 1)
    level = np.minimum(levels.level, n_bins)  # the upper bound itself belongs to the last bin
    centres = origin + (np.arange(1, n_bins + 1) - 0.5) * binning.width
    return IntensityVolume(centres[level - 1], centres)


def _origin(x: np.ndarray, binning: FixedBinWidth, bounds: Bounds) -> float:
    if binning.origin is not None:
        return float(binning.origin)
    return float(x.min()) if bounds[0] is None else float(bounds[0])


def _by_count(x: np.ndarray, count: int) -> GreyLevels:
    low, high = float(x.min()), float(x.max())
    if low == high:
        return GreyLevels(np.ones(x.size, dtype=np.int64), 1)
    level = np.floor(count * (x - low) / (high - low)).astype(np.int64) + 1
    return GreyLevels(np.minimum(level, count), count)
