"""The statistics as pure functions: ROC, calibration, decision curves, agreement, survival curves."""
