"""From the image as scanned to the image as measured: resample, normalise, resegment, repair, align, perturb, crop."""

from radiokit.preprocessing._align import Alignment, align, on_grid_of
from radiokit.preprocessing._contours import grow, randomize_contour
from radiokit.preprocessing._intensities import NyulNormalizer, correct_bias, window
from radiokit.preprocessing._noise import estimate_noise
from radiokit.preprocessing._perturb import Perturbation, Perturbed, perturb
from radiokit.preprocessing._pyradiomics_grid import require_inside, resample_around
from radiokit.preprocessing._repair import drop_small, fill_holes, largest_component
from radiokit.preprocessing._resample import resample, resample_mask
from radiokit.preprocessing._resegment import resegment
from radiokit.preprocessing._ring import ring
from radiokit.preprocessing._standardize import standardize
from radiokit.preprocessing.boxes import bounding_box, crop
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "Alignment",
    "NyulNormalizer",
    "Perturbation",
    "Perturbed",
    "align",
    "bounding_box",
    "correct_bias",
    "crop",
    "drop_small",
    "estimate_noise",
    "fill_holes",
    "grow",
    "largest_component",
    "on_grid_of",
    "perturb",
    "randomize_contour",
    "require_inside",
    "resample",
    "resample_around",
    "resample_mask",
    "resegment",
    "ring",
    "standardize",
    "window",
]

fill_docstrings(__name__)
