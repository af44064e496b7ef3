"""Intensity histogram (IBSI ZVCW): statistics of grey levels, and the shape of their histogram."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from radiokit.features import _statistics
from radiokit.features._binning import GreyLevels
from radiokit.features._emphasis import entropy_of
from radiokit.features._statistics import Sample


class Histogram(Sample):
    """Counts of every level from the lowest to the highest.

    Parameters
    ----------
    levels : GreyLevels
        Grey levels of the region.
    """

    def __init__(self, levels: GreyLevels) -> None:
        super().__init__(levels.level)
        self.p = levels.probability
        self.levels = np.arange(1, levels.n_levels + 1)
        self.counts = np.bincount(levels.level, minlength=levels.n_levels + 1)[1:]

    @cached_property
    def gradient(self) -> np.ndarray:
        """Half the difference of the counts on both sides; at the ends, the difference to the neighbour."""
        return np.gradient(self.counts.astype(float)) if len(self.counts) > 1 else np.zeros(1)


def mode(h: Histogram) -> float:
    """Most frequent level; of several, the one closest to the mean, and of these the lowest."""
    frequent = h.levels[h.counts == h.counts.max()]
    return float(frequent[np.argmin(np.abs(frequent - h.mean))])


FEATURES: dict[str, Callable[[Histogram], float]] = {
    **{k: f for k, f in _statistics.FEATURES.items() if k not in ("energy", "root_mean_square")},
    "mode": mode,
    "entropy": lambda h: float(entropy_of(h.p)),
    "uniformity": lambda h: float((h.p**2).sum()),
    "maximum_gradient": lambda h: float(h.gradient.max()),
    "maximum_gradient_level": lambda h: float(h.levels[h.gradient.argmax()]),
    "minimum_gradient": lambda h: float(h.gradient.min()),
    "minimum_gradient_level": lambda h: float(h.levels[h.gradient.argmin()]),
}
