"""Statistics of intensities (IBSI UHIW) and of grey levels (ZVCW): one set of formulas for both."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np


class Sample:
    """Values x of N voxels, with what several formulas need.

    Parameters
    ----------
    values : ndarray
        Intensities or grey levels.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.x = np.sort(values).astype(float)

    @cached_property
    def mean(self) -> float:
        """Mean of x."""
        return float(self.x.mean())

    @cached_property
    def centred(self) -> np.ndarray:
        """Return x - mean."""
        return self.x - self.mean

    @cached_property
    def variance(self) -> float:
        """Mean of (x - mean)²."""
        return float((self.centred**2).mean())

    def percentile(self, percent: float) -> float:
        """Value below which `percent` of the sample lie, linearly interpolated."""
        return float(np.interp(percent / 100 * (self.x.size - 1), np.arange(self.x.size), self.x))

    @cached_property
    def quartiles(self) -> tuple[float, float]:
        """25th and 75th percentile."""
        return self.percentile(25), self.percentile(75)


def standardised_moment(s: Sample, power: int) -> float:
    """Mean of (x - mean)^power / σ^power; 0 for a constant sample."""
    return float((s.centred**power).mean()) / s.variance ** (power / 2) if s.variance else 0.0


def robust_mean_absolute_deviation(s: Sample) -> float:
    """Mean absolute deviation of the values from the 10th to the 90th percentile from their mean."""
    middle = s.x[(s.x >= s.percentile(10)) & (s.x <= s.percentile(90))]
    return float(np.abs(middle - middle.mean()).mean()) if middle.size else float("nan")


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


FEATURES: dict[str, Callable[[Sample], float]] = {
    "mean": lambda s: s.mean,
    "variance": lambda s: s.variance,
    "skewness": lambda s: standardised_moment(s, 3),
    "kurtosis": lambda s: standardised_moment(s, 4) - 3 if s.variance else 0.0,
    "median": lambda s: s.percentile(50),
    "minimum": lambda s: float(s.x[0]),
    "percentile_10": lambda s: s.percentile(10),
    "percentile_90": lambda s: s.percentile(90),
    "maximum": lambda s: float(s.x[-1]),
    "interquartile_range": lambda s: s.quartiles[1] - s.quartiles[0],
    "range": lambda s: float(s.x[-1] - s.x[0]),
    "mean_absolute_deviation": lambda s: float(np.abs(s.centred).mean()),
    "robust_mean_absolute_deviation": robust_mean_absolute_deviation,
    "median_absolute_deviation": lambda s: float(np.abs(s.x - s.percentile(50)).mean()),
    "coefficient_of_variation": lambda s: _share(float(np.sqrt(s.variance)), s.mean),
    "quartile_coefficient_of_dispersion": lambda s: _share(s.quartiles[1] - s.quartiles[0], sum(s.quartiles)),
    "energy": lambda s: float((s.x**2).sum()),
    "root_mean_square": lambda s: float(np.sqrt((s.x**2).mean())),
}
