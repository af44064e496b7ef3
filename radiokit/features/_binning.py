"""From intensities to grey levels 1, 2, ... (discretisation)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from radiokit.exceptions import InputError, ParameterError
from radiokit.features._settings import FixedBinCount, FixedBinWidth
from radiokit.utils.jit import compiled

MAX_LEVELS = 2**24


@dataclass(frozen=True)
class GreyLevels:
    """The grey levels of the voxels of a region.

    Parameters
    ----------
    level : ndarray of int, shape (n_voxels,)
        Grey level of each voxel, from 1.
    n_levels : int
        Highest grey level that a voxel has, or that the method provides for.
    """

    level: np.ndarray
    n_levels: int

    @cached_property
    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Levels that occur and their numbers of voxels."""
        counts = np.bincount(self.level)
        present = np.flatnonzero(counts)
        return present, counts[present]

    @cached_property
    def probability(self) -> np.ndarray:
        """Share of the voxels of each level that occurs."""
        return self.histogram[1] / self.level.size


def bin_by_width(values: np.ndarray, width: float) -> GreyLevels:
    """Bins [edge, edge + width) whose edges are multiples of the width counted from zero, as pyradiomics has them.

    level = floor(x / width) - floor(min(x) / width) + 1, up to rounding of the edges: they are formed in the type of
    the image, so that a value on an edge falls where pyradiomics 3.0.1 puts it.
    """
    low, high = (_scalar(v) for v in (values.min(), values.max()))
    if (high - low) / width > MAX_LEVELS:
        raise ParameterError(
            f"Bin width {width:g} makes {(high - low) / width:.3g} grey levels of the range [{low:g}, {high:g}]; "
            "required: a width that fits the image, often range / 32 to range / 128."
        )
    edges = np.arange(low - low % width, high + 2 * width, width)
    return _digitise(values, edges)


def require_levels(count: int) -> None:
    """Refuse more bins than any image has grey levels."""
    if count > MAX_LEVELS:
        raise ParameterError(f"{count:.3g} bins (FixedBinCount, binCount); required: at most {MAX_LEVELS:,}.")


def bin_by_count(values: np.ndarray, count: int) -> GreyLevels:
    """`count` bins of equal width from minimum to maximum; the maximum belongs to the last (``binCount``)."""
    require_levels(count)
    edges = np.histogram_bin_edges(values, int(count))
    edges[-1] += 1
    return _digitise(values, edges)


def bin_values(values: np.ndarray, binning: FixedBinWidth | FixedBinCount) -> GreyLevels:
    """Discretise by width or by count.

    Raises
    ------
    InputError
        If an intensity is not finite.
    ParameterError
        If there would be too many grey levels.
    """
    if not np.isfinite(values).all():
        raise InputError("The region holds voxels without a finite intensity; required: finite values throughout.")
    if isinstance(binning, FixedBinCount):
        return bin_by_count(values, binning.count)
    return bin_by_width(values, binning.width)


def _scalar(value: Any) -> Any:
    """Integers without a limit; floats in their own precision."""
    return int(value) if np.issubdtype(value.dtype, np.integer) else value


def _digitise(values: np.ndarray, edges: np.ndarray) -> GreyLevels:
    level = np.empty(values.shape, dtype=np.int64)
    top = _find_bins(np.asarray(values, dtype=float), edges.astype(float), level)
    return GreyLevels(level, int(top))


@compiled
def _find_bins(values, edges, level):  # type: ignore[no-untyped-def]
    # Equals np.digitize: a first guess from the mean width, then a step or two along the edges as they are.
    last = edges.size - 2
    per_unit = last / (edges[last] - edges[0]) if last > 0 else 0.0
    top = 0
    for n in range(values.size):
        value = values[n]
        k = min(max(int((value - edges[0]) * per_unit), 0), last)
        while k > 0 and value < edges[k]:
            k -= 1
        while k < last and value >= edges[k + 1]:
            k += 1
        level[n] = k + 1
        top = max(top, k + 1)
    return top
