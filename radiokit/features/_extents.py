"""Features of the matrices of grey level and extent, under pyradiomics' names.

GLRLM: grey level run length matrix (IBSI TP0I; Galloway 1975, doi 10.1016/S0146-664X(75)80008-6). GLSZM: grey level
size zone matrix (IBSI 9SAK; Thibault 2014, doi 10.1109/TBME.2013.2284600). GLDM: grey level dependence matrix (in IBSI
the NGLDM, REK0; Sun & Wee 1983, doi 10.1016/0734-189X(83)90032-4), where j is the number of dependent neighbours plus
the voxel itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiokit.features import _emphasis as formula
from radiokit.features._matrices._counts import CountMatrix

Formula = Callable[[CountMatrix], np.ndarray]


def dependence_percentage(m: CountMatrix) -> np.ndarray:
    """N divided by the number of voxels: 1 by definition, since every voxel has a neighbourhood."""
    return m.total / m.n.sum(axis=1)


_NAMES: dict[str, Formula] = {
    "{small}Emphasis": formula.small_emphasis,
    "{large}Emphasis": formula.large_emphasis,
    "LowGrayLevel{level}Emphasis": formula.low_level_emphasis,
    "HighGrayLevel{level}Emphasis": formula.high_level_emphasis,
    "{small}LowGrayLevelEmphasis": formula.small_low_emphasis,
    "{small}HighGrayLevelEmphasis": formula.small_high_emphasis,
    "{large}LowGrayLevelEmphasis": formula.large_low_emphasis,
    "{large}HighGrayLevelEmphasis": formula.large_high_emphasis,
    "GrayLevelNonUniformity": formula.level_nonuniformity,
    "GrayLevelNonUniformityNormalized": formula.level_nonuniformity_normalised,
    "{length}NonUniformity": formula.extent_nonuniformity,
    "{length}NonUniformityNormalized": formula.extent_nonuniformity_normalised,
    "GrayLevelVariance": formula.level_variance,
    "{extent}Variance": formula.extent_variance,
    "{extent}Entropy": formula.entropy,
    "{extent}Percentage": formula.percentage,
}


def _named(**words: str) -> dict[str, Formula]:
    return {name.format(**words): compute for name, compute in _NAMES.items()}


GLRLM = _named(small="ShortRun", large="LongRun", level="Run", length="RunLength", extent="Run")
GLSZM = _named(small="SmallArea", large="LargeArea", level="Zone", length="SizeZone", extent="Zone")
GLDM = {
    **_named(small="SmallDependence", large="LargeDependence", level="", length="Dependence", extent="Dependence"),
    "DependencePercentage": dependence_percentage,
}
