"""Intensity-volume histogram (IBSI P88C): which share of the volume has at least an intensity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class IntensityVolume:
    """The histogram on equally spaced intensities.

    Parameters
    ----------
    x : ndarray of float
        Intensities (or bin centres, or grey levels) of the region.
    intensity : ndarray of float
        The intensities i at which the histogram is known, ascending.
    """

    def __init__(self, x: np.ndarray, intensity: np.ndarray) -> None:
        self.intensity = intensity
        span = intensity[-1] - intensity[0]
        self.fraction = (intensity - intensity[0]) / span if span else np.zeros(len(intensity))
        ordered = np.sort(x)
        # A tolerance, since an intensity may be a sum of a start and many steps.
        step = span / (len(intensity) - 1) if len(intensity) > 1 else 1.0
        self.volume = 1 - np.searchsorted(ordered, intensity - 1e-6 * step) / x.size

    def volume_at(self, fraction: float) -> float:
        """Largest share of the volume whose intensity fraction is at least `fraction`."""
        found = self.fraction >= fraction - 1e-12
        return float(self.volume[found].max()) if found.any() else 0.0

    def intensity_at(self, share: float) -> float:
        """Lowest intensity that at most `share` of the volume reaches; one step above the highest if there is none."""
        found = self.intensity[self.volume <= share + 1e-12]
        if found.size:
            return float(found[0])
        return float(2 * self.intensity[-1] - self.intensity[-2]) if len(self.intensity) > 1 else float("nan")


FEATURES: dict[str, Callable[[IntensityVolume], float]] = {
    "volume_at_intensity_fraction_10": lambda h: h.volume_at(0.10),
    "volume_at_intensity_fraction_90": lambda h: h.volume_at(0.90),
    "intensity_at_volume_fraction_10": lambda h: h.intensity_at(0.10),
    "intensity_at_volume_fraction_90": lambda h: h.intensity_at(0.90),
    "volume_fraction_difference": lambda h: h.volume_at(0.10) - h.volume_at(0.90),
    "intensity_fraction_difference": lambda h: h.intensity_at(0.10) - h.intensity_at(0.90),
    "area_under_curve": lambda h: float(np.trapezoid(h.volume, h.fraction)),
}
