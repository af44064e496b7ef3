"""How an image is made ready to be measured, as value objects. Axis order z, y, x; millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from radiokit.exceptions import ParameterError
from radiokit.preprocessing.choices import SITK_NAMES, check_positive, check_setting

INTERPOLATORS = (*SITK_NAMES, "cubic")
RESEGMENTATION_MODES = ("absolute", "relative", "sigma")


@dataclass(frozen=True)
class Resampling:
    """A new grid for image and mask.

    Parameters
    ----------
    spacing : tuple of 3 float or None
        New distance between voxel centres in mm, (z, y, x); None keeps an axis as it is.
    interpolator : str
        For the image: ``"linear"``, ``"cubic"`` and ``"bspline"`` (both the cubic B-spline), ``"nearest"``, and, in the
        pyradiomics standard, the other interpolators of SimpleITK (``"gaussian"``, ``"label_gaussian"``,
        ``"hamming_sinc"``, ``"cosine_sinc"``, ``"welch_sinc"``, ``"lanczos_sinc"``, ``"blackman_sinc"``).
    mask_interpolator : {"linear", "nearest"}, optional
        For the mask; with ``"linear"`` a voxel counts from one half on. None is nearest in the pyradiomics standard and
        linear in the IBSI standard.
    anti_aliasing : bool
        Smooth with a Gaussian before the grid becomes coarser (IBSI standard only).
    round_intensities : bool, optional
        Make whole numbers of the new values. None leaves it to the standard: pyradiomics keeps the type of the image,
        so an image of integers stays one (ITK drops the fraction); IBSI keeps fractions.

    Examples
    --------
    >>> Resampling(spacing=(None, 1, 1)).spacing
    (None, 1.0, 1.0)
    """

    spacing: tuple[float | None, float | None, float | None]
    interpolator: str = "bspline"
    mask_interpolator: str | None = None
    anti_aliasing: bool = False
    round_intensities: bool | None = None

    def __post_init__(self) -> None:
        spacing = tuple(self.spacing) if isinstance(self.spacing, Sequence) else (self.spacing,)
        if len(spacing) != 3:
            raise ParameterError(f"Resampling(spacing={self.spacing!r}); required: 3 numbers or None, (z, y, x) in mm.")
        for value in spacing:
            if value is not None:
                check_positive("Resampling", "spacing", value)
        object.__setattr__(self, "spacing", tuple(None if v is None else float(v) for v in spacing))
        check_setting("Resampling", "interpolator", self.interpolator, INTERPOLATORS)
        if self.mask_interpolator is not None:
            check_setting("Resampling", "mask_interpolator", self.mask_interpolator, ("linear", "nearest"))


@dataclass(frozen=True)
class FixedBinWidth:
    """Grey levels of equal width.

    Parameters
    ----------
    width : float
        Width of a bin in units of the image.
    origin : float, optional
        First bin edge. None leaves it to the standard: pyradiomics puts the edges at multiples of the width, counted
        from zero; IBSI starts at the lower bound of the resegmentation range, or at the minimum of the region.

    Examples
    --------
    >>> FixedBinWidth(25)
    FixedBinWidth(width=25, origin=None)
    """

    width: float
    origin: float | None = None

    def __post_init__(self) -> None:
        check_positive("FixedBinWidth", "width", self.width)


@dataclass(frozen=True)
class FixedBinCount:
    """A fixed number of grey levels between the minimum and the maximum of the region.

    Parameters
    ----------
    count : int
        Number of bins.

    Examples
    --------
    >>> FixedBinCount(32)
    FixedBinCount(count=32)
    """

    count: int

    def __post_init__(self) -> None:
        check_positive("FixedBinCount", "count", self.count)
        if self.count != int(self.count):
            raise ParameterError(f"FixedBinCount(count={self.count!r}); required: a whole number.")


@dataclass(frozen=True)
class Resegmentation:
    """Which intensities stay in the region.

    Parameters
    ----------
    range : tuple of 2 float or None, optional
        Lowest and highest intensity that stay, both included; None on a side leaves it open.
    outlier_sigma : float, optional
        Voxels further than this many standard deviations from the mean of the region leave it (after `range`).
    mode : {"absolute", "relative", "sigma"}
        Unit of `range`: intensities, fractions of the region's maximum, or standard deviations from its mean.
    shape : bool
        Measure the shape on the resegmented region too (pyradiomics' ``resegmentShape``).

    Examples
    --------
    >>> Resegmentation(range=(-1000, 400)).range
    (-1000.0, 400.0)
    """

    range: tuple[float | None, float | None] | None = None
    outlier_sigma: float | None = None
    mode: str = "absolute"
    shape: bool = False

    def __post_init__(self) -> None:
        if self.range is not None:
            bounds = tuple(None if v is None else float(v) for v in self.range)
            both = [v for v in bounds if v is not None]
            if len(bounds) != 2 or not both or any(math.isnan(v) for v in both) or both != sorted(both):
                raise ParameterError(
                    f"Resegmentation(range={self.range!r}); required: (lowest, highest), None for an open side."
                )
            object.__setattr__(self, "range", bounds)
        if self.outlier_sigma is not None:
            check_positive("Resegmentation", "outlier_sigma", self.outlier_sigma)
        check_setting("Resegmentation", "mode", self.mode, RESEGMENTATION_MODES)


@dataclass(frozen=True)
class Normalization:
    """Z-scores of the whole image: ``scale * (x - mean) / sd``, optionally clipped.

    Parameters
    ----------
    scale : float
        Factor after standardisation.
    outlier_sigma : float, optional
        Values beyond this many standard deviations are set to that limit, before the factor.

    Examples
    --------
    >>> Normalization(scale=100, outlier_sigma=3)
    Normalization(scale=100, outlier_sigma=3)
    """

    scale: float = 1.0
    outlier_sigma: float | None = None

    def __post_init__(self) -> None:
        check_positive("Normalization", "scale", self.scale)
        if self.outlier_sigma is not None:
            check_positive("Normalization", "outlier_sigma", self.outlier_sigma)


@dataclass(frozen=True)
class RegionRules:
    """Which voxels are the region, and what a region has to be before it is measured.

    Parameters
    ----------
    label : int, optional
        Label of the region in a label map, where the case table has none. None takes the only label of the mask.
    correct_mask : bool
        Put a mask of another grid onto the grid of the image (nearest neighbour) instead of refusing it.
    minimum_dimensions : int
        Along how many axes the region has to be longer than one voxel; 1, 2 or 3.
    minimum_size : int, optional
        A region needs more voxels than this.
    padding : int
        Voxels around the region that filters see after resampling or `pre_crop` (pyradiomics' ``padDistance``).
    pre_crop : bool
        Cut the image to the region and its padding before filtering, where it is not resampled.
    channel : int, optional
        Which channel of a mask that holds several (overlapping regions in one NRRD file) is the label map.
    geometry_tolerance : float
        How far a voxel of the mask may lie from its partner in the image, as a part of the smallest voxel edge.

    Examples
    --------
    >>> RegionRules(label=2).minimum_dimensions
    2
    """

    label: int | None = None
    correct_mask: bool = False
    minimum_dimensions: int = 2
    minimum_size: int | None = None
    padding: int = 5
    pre_crop: bool = False
    channel: int | None = None
    geometry_tolerance: float = 0.01

    def __post_init__(self) -> None:
        if self.minimum_dimensions not in (1, 2, 3):
            raise ParameterError(f"RegionRules(minimum_dimensions={self.minimum_dimensions!r}); required: 1, 2 or 3.")
        if self.padding < 0:
            raise ParameterError(f"RegionRules(padding={self.padding!r}); required: 0 or more voxels.")
        check_positive("RegionRules", "geometry_tolerance", self.geometry_tolerance)
