"""Grey level size zone matrix (GLSZM; IBSI 9SAK; Thibault 2014, doi 10.1109/TBME.2013.2284600)."""

from __future__ import annotations

from radiokit.features import _emphasis as formula

FEATURES = {
    "GrayLevelNonUniformity": formula.level_nonuniformity,
    "GrayLevelNonUniformityNormalized": formula.level_nonuniformity_normalised,
    "GrayLevelVariance": formula.level_variance,
    "HighGrayLevelZoneEmphasis": formula.high_level_emphasis,
    "LargeAreaEmphasis": formula.large_emphasis,
    "LargeAreaHighGrayLevelEmphasis": formula.large_high_emphasis,
    "LargeAreaLowGrayLevelEmphasis": formula.large_low_emphasis,
    "LowGrayLevelZoneEmphasis": formula.low_level_emphasis,
    "SizeZoneNonUniformity": formula.extent_nonuniformity,
    "SizeZoneNonUniformityNormalized": formula.extent_nonuniformity_normalised,
    "SmallAreaEmphasis": formula.small_emphasis,
    "SmallAreaHighGrayLevelEmphasis": formula.small_high_emphasis,
    "SmallAreaLowGrayLevelEmphasis": formula.small_low_emphasis,
    "ZoneEntropy": formula.entropy,
    "ZonePercentage": formula.percentage,
    "ZoneVariance": formula.extent_variance,
}
