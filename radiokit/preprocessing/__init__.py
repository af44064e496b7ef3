"""From the image as scanned to the image as measured: resample, normalise, resegment, discretise, crop."""

from radiokit.preprocessing._crop import bounding_box, crop
from radiokit.preprocessing._intensities import NyulNormalizer, correct_bias, window
from radiokit.preprocessing._pyradiomics_grid import on_grid_of, require_inside, resample_around
from radiokit.preprocessing._repair import drop_small, fill_holes, largest_component
from radiokit.preprocessing._resample import resample, resample_mask
from radiokit.preprocessing._resegment import resegment
from radiokit.preprocessing._standardize import standardize

__all__ = [
    "NyulNormalizer",
    "bounding_box",
    "correct_bias",
    "crop",
    "drop_small",
    "fill_holes",
    "largest_component",
    "on_grid_of",
    "require_inside",
    "resample",
    "resample_around",
    "resample_mask",
    "resegment",
    "standardize",
    "window",
]
