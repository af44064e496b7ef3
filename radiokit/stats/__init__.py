"""The statistics as pure functions: ROC, calibration, decision curves, agreement, survival curves."""

from radiokit.stats._results import Test

__all__ = [
    "Test",
]
