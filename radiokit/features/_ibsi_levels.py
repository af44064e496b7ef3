"""Discretisation as the IBSI manual has it (chapter 2.7), for textures, histogram and intensity-volume histogram."""

from __future__ import annotations

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.features._binning import MAX_LEVELS, GreyLevels, require_levels
from radiokit.features._ivh import IntensityVolume
from radiokit.features._settings import FixedBinCount, FixedBinWidth

Bounds = tuple[float | None, float | None]
# Steps of an intensity-volume histogram that nothing else decides (IBSI's number for intensities of arbitrary unit).
IVH_STEPS = 1000


def grey_levels(x: np.ndarray, binning: FixedBinWidth | FixedBinCount, bounds: Bounds) -> GreyLevels:
    """Return the grey levels of the intensities of a region.

    Fixed bin size: floor((x - x_0) / w) + 1, x_0 the origin, or else the lower bound of the resegmentation, or else the
    minimum. Fixed bin number: floor(N (x - min) / (max - min)) + 1, and N for the maximum.
    """
    if isinstance(binning, FixedBinCount):
        return _by_count(x, int(binning.count))
    origin = _origin(x, binning, bounds)
    _require_levels((x.max() - origin) / binning.width, f"Bin width {binning.width:g} makes", "a width")
    level = np.maximum(np.floor((x - origin) / binning.width).astype(np.int64) + 1, 1)
    return GreyLevels(level, int(level.max()))


def intensity_volume(
    x: np.ndarray, binning: FixedBinWidth | FixedBinCount | None, bounds: Bounds, *, whole: bool = False
) -> IntensityVolume:
    """Return the intensity-volume histogram, between the bounds of the resegmentation where it has any.

    Settings decide its steps and its unit, never the voxels: two cases of a cohort are always in one unit.

    | setting | intensities of the histogram |
    |---|---|
    | bin width | centres of the bins |
    | `whole` | every whole number |
    | none | centres of 1,000 steps |
    | number of bins | grey levels 1, 2, ..., as IBSI has it for images of arbitrary unit |
    """
    if isinstance(binning, FixedBinCount):
        levels = _by_count(x, int(binning.count))
        return IntensityVolume(levels.level.astype(float), np.arange(1.0, levels.n_levels + 1))
    low, high = (
        (float(x.min()) if bounds[0] is None else bounds[0]),
        (float(x.max()) if bounds[1] is None else bounds[1]),
    )
    if binning is not None:
        origin = _origin(x, binning, bounds)
        levels = grey_levels(x, binning, bounds)
        n_bins = max(int(np.ceil((high - origin) / binning.width - 1e-9)), 1)
        level = np.minimum(levels.level, n_bins)  # the upper bound itself belongs to the last bin
        return _of_centres(level, origin + (np.arange(1, n_bins + 1) - 0.5) * binning.width)
    if whole:
        _require_levels(high - low, "Steps of 1 of the intensity-volume histogram make", "a bin width, {'ivh': ...},")
        return IntensityVolume(x.astype(float), np.arange(np.floor(low), np.ceil(high) + 1))
    if low == high:
        return IntensityVolume(x.astype(float), np.array([low]))
    level = np.floor(IVH_STEPS * (x - low) / (high - low)).astype(np.int64) + 1
    centres = low + (np.arange(1, IVH_STEPS + 1) - 0.5) * (high - low) / IVH_STEPS
    return _of_centres(np.clip(level, 1, IVH_STEPS), centres)


def _of_centres(level: np.ndarray, centres: np.ndarray) -> IntensityVolume:
    return IntensityVolume(centres[level - 1], centres)


def _require_levels(number: float, what: str, required: str) -> None:
    if number > MAX_LEVELS:
        raise ParameterError(f"{what} {number:.3g} grey levels; required: {required} that fits the image.")


def _origin(x: np.ndarray, binning: FixedBinWidth, bounds: Bounds) -> float:
    if binning.origin is not None:
        return float(binning.origin)
    return float(x.min()) if bounds[0] is None else float(bounds[0])


def _by_count(x: np.ndarray, count: int) -> GreyLevels:
    require_levels(count)
    low, high = float(x.min()), float(x.max())
    if low == high:
        return GreyLevels(np.ones(x.size, dtype=np.int64), 1)
    level = np.floor(count * (x - low) / (high - low)).astype(np.int64) + 1
    return GreyLevels(np.minimum(level, count), count)
