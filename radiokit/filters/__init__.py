"""Image filters; each file holds one."""

from radiokit.filters._base import Filter
from radiokit.filters._gabor import Gabor
from radiokit.filters._gradient import Gradient
from radiokit.filters._laws import Laws
from radiokit.filters._lbp2d import LBP2D
from radiokit.filters._lbp3d import LBP3D
from radiokit.filters._log import LoG
from radiokit.filters._mean import Mean
from radiokit.filters._original import Original
from radiokit.filters._pointwise import Exponential, Logarithm, Square, SquareRoot
from radiokit.filters._pyradiomics import Scene, pyradiomics_images, pyradiomics_names
from radiokit.filters._registry import as_filter
from radiokit.filters._riesz import Riesz
from radiokit.filters._simoncelli import NonSeparableWavelet
from radiokit.filters._wavelet import Wavelet
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "LBP2D",
    "LBP3D",
    "Exponential",
    "Filter",
    "Gabor",
    "Gradient",
    "Laws",
    "LoG",
    "Logarithm",
    "Mean",
    "NonSeparableWavelet",
    "Original",
    "Riesz",
    "Scene",
    "Square",
    "SquareRoot",
    "Wavelet",
    "as_filter",
    "pyradiomics_images",
    "pyradiomics_names",
]

fill_docstrings(__name__)
