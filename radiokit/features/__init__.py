"""Handcrafted radiomics: from an image and a mask to one row of named numbers."""

from radiokit.features._catalogue import catalogue
from radiokit.features._checked import Measured
from radiokit.features._delta import delta_features
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.features._habitats import Habitats
from radiokit.features._map_volumes import FeatureMaps
from radiokit.features._maps import feature_maps
from radiokit.features._options import TextureOptions
from radiokit.features._robustness import Repeats, remeasure, robustness
from radiokit.features._settings import (
    FixedBinCount,
    FixedBinWidth,
    Normalization,
    RegionRules,
    Resampling,
    Resegmentation,
)
from radiokit.features.params_file import read_params, write_params
from radiokit.utils import Extraction, ExtractionFile, Limits
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "Extraction",
    "ExtractionFile",
    "FeatureMaps",
    "FixedBinCount",
    "FixedBinWidth",
    "Habitats",
    "Limits",
    "Measured",
    "Normalization",
    "RadiomicsExtractor",
    "RegionRules",
    "Repeats",
    "Resampling",
    "Resegmentation",
    "TextureOptions",
    "catalogue",
    "delta_features",
    "feature_maps",
    "read_params",
    "remeasure",
    "robustness",
    "write_params",
]

fill_docstrings(__name__)
