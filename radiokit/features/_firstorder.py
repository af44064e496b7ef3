"""First order statistics of the intensities x of N voxels (IBSI UHIW, and ZVCW for entropy and uniformity)."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from radiokit.features._binning import GreyLevels
from radiokit.features._emphasis import EPS


class Intensities:
    """The intensities of a region, with what several formulas need.

    Parameters
    ----------
    x : ndarray of float, shape (n_voxels,)
        Intensities.
    levels : GreyLevels
        The same, discretised.
    voxel_volume : float
        In mm³.
    shift : float
        Added to x in the features of energy.
    """

    def __init__(self, x: np.ndarray, levels: GreyLevels, voxel_volume: float, shift: float = 0.0) -> None:
        self.x, self.levels, self.voxel_volume, self.shift = x, levels, voxel_volume, shift

    @cached_property
    def mean(self) -> float:
        """Mean of x."""
        return float(self.x.mean())

    @cached_property
    def centred(self) -> np.ndarray:
        """X - mean."""
        return self.x - self.mean

    @cached_property
    def variance(self) -> float:
        """Mean of (x - mean)²."""
        return float(np.dot(self.centred, self.centred)) / self.x.size

    @cached_property
    def percentiles(self) -> dict[int, float]:
        """10th, 25th, 50th, 75th and 90th percentile, linearly interpolated."""
        points = (10, 25, 50, 75, 90)
        return dict(zip(points, map(float, np.percentile(self.x, points)), strict=True))

    @cached_property
    def energy(self) -> float:
        """Σ (x + shift)²."""
        shifted = self.x + self.shift if self.shift else self.x
        return float(np.dot(shifted, shifted))


def entropy(v: Intensities) -> float:
    """-Σ p log2 p over grey levels."""
    p = v.levels.probability
    return float(-(p * np.log2(p + EPS)).sum())


def uniformity(v: Intensities) -> float:
    """Σ p² over grey levels."""
    return float((v.levels.probability**2).sum())


def skewness(v: Intensities) -> float:
    """Third central moment / variance^1.5; 0 for a constant region."""
    square = v.centred**2
    return float(np.dot(square, v.centred)) / v.x.size / v.variance**1.5 if v.variance else 0.0


def kurtosis(v: Intensities) -> float:
    """Fourth central moment / variance² (3 for a normal distribution); 0 for a constant region."""
    square = v.centred**2
    return float(np.dot(square, square)) / v.x.size / v.variance**2 if v.variance else 0.0


def mean_absolute_deviation(v: Intensities) -> float:
    """Mean of abs(x - mean)."""
    return float(np.abs(v.centred).mean())


def robust_mean_absolute_deviation(v: Intensities) -> float:
    """Mean absolute deviation of the values from the 10th to the 90th percentile."""
    middle = v.x[(v.x >= v.percentiles[10]) & (v.x <= v.percentiles[90])]
    return float(np.abs(middle - middle.mean()).mean())


FEATURES = {
    "10Percentile": lambda v: v.percentiles[10],
    "90Percentile": lambda v: v.percentiles[90],
    "Energy": lambda v: v.energy,
    "Entropy": entropy,
    "InterquartileRange": lambda v: v.percentiles[75] - v.percentiles[25],
    "Kurtosis": kurtosis,
    "Maximum": lambda v: float(v.x.max()),
    "MeanAbsoluteDeviation": mean_absolute_deviation,
    "Mean": lambda v: v.mean,
    "Median": lambda v: v.percentiles[50],
    "Minimum": lambda v: float(v.x.min()),
    "Range": lambda v: float(v.x.max() - v.x.min()),
    "RobustMeanAbsoluteDeviation": robust_mean_absolute_deviation,
    "RootMeanSquared": lambda v: float(np.sqrt(v.energy / v.x.size)),
    "Skewness": skewness,
    "TotalEnergy": lambda v: v.energy * v.voxel_volume,
    "Uniformity": uniformity,
    "Variance": lambda v: v.variance,
    "StandardDeviation": lambda v: float(np.sqrt(v.variance)),
}
