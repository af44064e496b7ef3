"""First order statistics of the intensities x of N voxels (IBSI UHIW, and ZVCW for entropy and uniformity)."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from radiokit.features._binning import GreyLevels
from radiokit.features._emphasis import entropy_of

PERCENTILES = (10, 25, 50, 75, 90, 100)


class Intensities:
    """The intensities of a region, with what several formulas need.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities, in the image's own type.
    levels : GreyLevels
        The same, discretised.
    voxel_volume : float
        In mm³.
    shift : float
        Added to x in the features of energy.
    """

    def __init__(self, values: np.ndarray, levels: GreyLevels, voxel_volume: float, shift: float = 0.0) -> None:
        ends = [(values.size - 1) * percent // 100 for percent in PERCENTILES]
        places = [0, *ends, *(min(place + 1, values.size - 1) for place in ends)]
        # Not sorted, which would take twice as long, but with the order statistics that are asked for in their places.
        self.x = np.partition(values, places).astype(float)
        self.levels, self.voxel_volume, self.shift = levels, voxel_volume, shift

    @cached_property
    def mean(self) -> float:
        """Mean of x."""
        return float(self.x.mean())

    @cached_property
    def centred(self) -> np.ndarray:
        """X - mean."""
        return self.x - self.mean

    @cached_property
    def square(self) -> np.ndarray:
        """(x - mean)²."""
        return self.centred**2

    @cached_property
    def variance(self) -> float:
        """Mean of (x - mean)²."""
        return float(self.square.mean())

    def percentile(self, percent: int) -> float:
        """Value below which `percent` (one of `PERCENTILES`) of the intensities lie, linearly interpolated."""
        below = (self.x.size - 1) * percent // 100
        low, high = self.x[below], self.x[min(below + 1, self.x.size - 1)]
        return float(low + (high - low) * ((self.x.size - 1) * percent / 100 - below))

    @cached_property
    def energy(self) -> float:
        """Σ (x + shift)²."""
        return float(((self.x + self.shift) ** 2).sum())


def entropy(v: Intensities) -> float:
    """-Σ p log2 p over grey levels."""
    return float(entropy_of(v.levels.probability))


def uniformity(v: Intensities) -> float:
    """Σ p² over grey levels."""
    return float((v.levels.probability**2).sum())


def skewness(v: Intensities) -> float:
    """Third central moment / variance^1.5; 0 for a constant region."""
    return float((v.square * v.centred).mean()) / v.variance**1.5 if v.variance else 0.0


def kurtosis(v: Intensities) -> float:
    """Fourth central moment / variance² (3 for a normal distribution); 0 for a constant region."""
    return float((v.square**2).mean()) / v.variance**2 if v.variance else 0.0


def mean_absolute_deviation(v: Intensities) -> float:
    """Mean of abs(x - mean)."""
    return float(np.abs(v.centred).mean())


def robust_mean_absolute_deviation(v: Intensities) -> float:
    """Mean absolute deviation of the values from the 10th to the 90th percentile."""
    middle = v.x[(v.x >= v.percentile(10)) & (v.x <= v.percentile(90))]
    return float(np.abs(middle - middle.mean()).mean()) if middle.size else float("nan")


FEATURES = {
    "10Percentile": lambda v: v.percentile(10),
    "90Percentile": lambda v: v.percentile(90),
    "Energy": lambda v: v.energy,
    "Entropy": entropy,
    "InterquartileRange": lambda v: v.percentile(75) - v.percentile(25),
    "Kurtosis": kurtosis,
    "Maximum": lambda v: float(v.x[-1]),
    "MeanAbsoluteDeviation": mean_absolute_deviation,
    "Mean": lambda v: v.mean,
    "Median": lambda v: v.percentile(50),
    "Minimum": lambda v: float(v.x[0]),
    "Range": lambda v: float(v.x[-1] - v.x[0]),
    "RobustMeanAbsoluteDeviation": robust_mean_absolute_deviation,
    "RootMeanSquared": lambda v: float(np.sqrt(v.energy / v.x.size)),
    "Skewness": skewness,
    "TotalEnergy": lambda v: v.energy * v.voxel_volume,
    "Uniformity": uniformity,
    "Variance": lambda v: v.variance,
    "StandardDeviation": lambda v: float(np.sqrt(v.variance)),
}
