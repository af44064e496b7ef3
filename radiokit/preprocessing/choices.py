"""Checks of settings, and the names that several settings share."""

from __future__ import annotations

from collections.abc import Sequence

from radiokit.exceptions import ParameterError

# Beyond it squares and fourth powers leave the range of numbers, and features would be infinite.
LARGEST = 1e30
# Our names of interpolators, and those of SimpleITK; in the order of SimpleITK's numbers, which begin with 1.
SITK_NAMES = {
    "nearest": "sitkNearestNeighbor",
    "linear": "sitkLinear",
    "bspline": "sitkBSpline",
    "gaussian": "sitkGaussian",
    "label_gaussian": "sitkLabelGaussian",
    "hamming_sinc": "sitkHammingWindowedSinc",
    "cosine_sinc": "sitkCosineWindowedSinc",
    "welch_sinc": "sitkWelchWindowedSinc",
    "lanczos_sinc": "sitkLanczosWindowedSinc",
    "blackman_sinc": "sitkBlackmanWindowedSinc",
}


def sitk_name(interpolator: str) -> str:
    """Return SimpleITK's name; cubic is the cubic B-spline."""
    return SITK_NAMES["bspline" if interpolator == "cubic" else interpolator]


def check_setting(owner: str, name: str, value: object, known: Sequence[object]) -> None:
    """Raise ParameterError unless `value` is one of `known`; `owner` is the class that has the setting, or empty."""
    if value not in known:
        raise ParameterError(f"{_setting(owner, name, value)}; required: one of {', '.join(map(repr, known))}.")


def check_positive(owner: str, name: str, value: float) -> None:
    """Raise ParameterError unless `value` is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ParameterError(f"{_setting(owner, name, value)}; required: a number above 0.")
    if value > LARGEST:
        raise ParameterError(f"{_setting(owner, name, value)}; required: a number of at most {LARGEST:g}.")


def _setting(owner: str, name: str, value: object) -> str:
    return f"{owner}({name}={value!r})" if owner else f"{name}={value!r}"
