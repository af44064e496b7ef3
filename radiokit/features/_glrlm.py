"""Grey level run length matrix (GLRLM; IBSI TP0I; Galloway 1975, doi 10.1016/S0146-664X(75)80008-6)."""

from __future__ import annotations

from radiokit.features import _emphasis as formula

FEATURES = {
    "GrayLevelNonUniformity": formula.level_nonuniformity,
    "GrayLevelNonUniformityNormalized": formula.level_nonuniformity_normalised,
    "GrayLevelVariance": formula.level_variance,
    "HighGrayLevelRunEmphasis": formula.high_level_emphasis,
    "LongRunEmphasis": formula.large_emphasis,
    "LongRunHighGrayLevelEmphasis": formula.large_high_emphasis,
    "LongRunLowGrayLevelEmphasis": formula.large_low_emphasis,
    "LowGrayLevelRunEmphasis": formula.low_level_emphasis,
    "RunEntropy": formula.entropy,
    "RunLengthNonUniformity": formula.extent_nonuniformity,
    "RunLengthNonUniformityNormalized": formula.extent_nonuniformity_normalised,
    "RunPercentage": formula.percentage,
    "RunVariance": formula.extent_variance,
    "ShortRunEmphasis": formula.small_emphasis,
    "ShortRunHighGrayLevelEmphasis": formula.small_high_emphasis,
    "ShortRunLowGrayLevelEmphasis": formula.small_low_emphasis,
}
