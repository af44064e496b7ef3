"""From the image as scanned to the image as measured: resample, normalise, resegment, discretise, crop."""

from radiokit.preprocessing._crop import bounding_box, crop
from radiokit.preprocessing._pyradiomics_grid import on_grid_of, require_inside, resample_around
from radiokit.preprocessing._resegment import resegment
from radiokit.preprocessing._standardize import standardize

__all__ = [
    "bounding_box",
    "crop",
    "on_grid_of",
    "require_inside",
    "resample_around",
    "resegment",
    "standardize",
]
