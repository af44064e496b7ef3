"""Grey level dependence matrix (GLDM; in IBSI the NGLDM, REK0; Sun & Wee 1983, doi 10.1016/0734-189X(83)90032-4).

j is the number of dependent neighbours plus the voxel itself.
"""

from __future__ import annotations

import numpy as np

from radiokit.features import _emphasis as formula
from radiokit.features._matrices._counts import CountMatrix


def dependence_percentage(m: CountMatrix) -> np.ndarray:
    """N divided by the number of voxels: 1 by construction, kept since parameter files may name it."""
    return m.total / m.n.sum(axis=1)


FEATURES = {
    "DependenceEntropy": formula.entropy,
    "DependenceNonUniformity": formula.extent_nonuniformity,
    "DependenceNonUniformityNormalized": formula.extent_nonuniformity_normalised,
    "DependenceVariance": formula.extent_variance,
    "GrayLevelNonUniformity": formula.level_nonuniformity,
    "GrayLevelVariance": formula.level_variance,
    "HighGrayLevelEmphasis": formula.high_level_emphasis,
    "LargeDependenceEmphasis": formula.large_emphasis,
    "LargeDependenceHighGrayLevelEmphasis": formula.large_high_emphasis,
    "LargeDependenceLowGrayLevelEmphasis": formula.large_low_emphasis,
    "LowGrayLevelEmphasis": formula.low_level_emphasis,
    "SmallDependenceEmphasis": formula.small_emphasis,
    "SmallDependenceHighGrayLevelEmphasis": formula.small_high_emphasis,
    "SmallDependenceLowGrayLevelEmphasis": formula.small_low_emphasis,
    "DependencePercentage": dependence_percentage,
    "GrayLevelNonUniformityNormalized": formula.level_nonuniformity_normalised,
}
