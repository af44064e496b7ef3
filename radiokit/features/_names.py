"""The feature classes of pyradiomics 3.0.1 and their names."""

from __future__ import annotations

# In the order in which pyradiomics returns them.
ALL_FEATURES: dict[str, tuple[str, ...]] = {
    "shape": tuple(
        """
        Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow
        Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea
        SurfaceVolumeRatio VoxelVolume
        """.split()
    ),
    "shape2D": tuple(
        """
        Elongation MajorAxisLength MaximumDiameter MeshSurface MinorAxisLength Perimeter
        PerimeterSurfaceRatio PixelSurface Sphericity
        """.split()
    ),
    "firstorder": tuple(
        """
        10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum MeanAbsoluteDeviation
        Mean Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy
        Uniformity Variance
        """.split()
    ),
    "glcm": tuple(
        """
        Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation
        DifferenceAverage DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance
        JointAverage JointEnergy JointEntropy MCC MaximumProbability SumAverage SumEntropy SumSquares
        """.split()
    ),
    "glrlm": tuple(
        """
        GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis
        LongRunEmphasis LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis
        RunEntropy RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage RunVariance
        ShortRunEmphasis ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis
        """.split()
    ),
    "glszm": tuple(
        """
        GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis
        LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis
        LowGrayLevelZoneEmphasis SizeZoneNonUniformity SizeZoneNonUniformityNormalized SmallAreaEmphasis
        SmallAreaHighGrayLevelEmphasis SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance
        """.split()
    ),
    "gldm": tuple(
        """
        DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance
        GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis
        LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis
        SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis
        """.split()
    ),
    "ngtdm": tuple(
        """
        Busyness Coarseness Complexity Contrast Strength
        """.split()
    ),
}
# Equal to another feature up to a constant factor or exactly; measured only when named.
DEPRECATED_FEATURES: dict[str, tuple[str, ...]] = {
    "shape": tuple(
        """
        Compactness1 Compactness2 SphericalDisproportion
        """.split()
    ),
    "shape2D": tuple(
        """
        SphericalDisproportion
        """.split()
    ),
    "firstorder": tuple(
        """
        StandardDeviation
        """.split()
    ),
    "glcm": tuple(
        """
        Dissimilarity Homogeneity1 Homogeneity2 SumVariance
        """.split()
    ),
    "gldm": tuple(
        """
        DependencePercentage GrayLevelNonUniformityNormalized
        """.split()
    ),
}
