"""The processing chain of the IBSI reference manual: resample, resegment, filter, discretise, measure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.features import _histogram, _ibsi_texture, _ivh, _local_intensity, _morphology, _statistics
from radiokit.features._admissible import (
    Prepared,
    as_measurable,
    defined,
    provenance,
    require_extent,
    require_finite,
    without_infinite,
)
from radiokit.features._histogram import Histogram
from radiokit.features._ibsi_levels import Bounds, grey_levels, intensity_volume
from radiokit.features._ibsi_texture import AGGREGATIONS, IbsiTexture, border_distance
from radiokit.features._local_intensity import Peaks
from radiokit.features._morphology import Morphology
from radiokit.features._plan import Discretization, Measured, Plan, as_discretization
from radiokit.features._region import Region
from radiokit.features._statistics import Sample
from radiokit.filters import Original
from radiokit.io import Mask, Volume
from radiokit.preprocessing import bounding_box, resegment, standardize
from radiokit.preprocessing.boxes import Box
from radiokit.preprocessing.ibsi_grid import resample_centred
from radiokit.utils import CaseResult

FEATURES: dict[str, Mapping[str, Callable[[Any], Any]]] = {
    "morphology": _morphology.FEATURES,
    "local_intensity": _local_intensity.FEATURES,
    "statistics": _statistics.FEATURES,
    "histogram": _histogram.FEATURES,
    "ivh": _ivh.FEATURES,
    **_ibsi_texture.FEATURES,
}
TEXTURES = tuple(_ibsi_texture.FEATURES)
DEFAULT_AGGREGATION = "3D_merge"
ONE_SLICE_AGGREGATION = "2D_merge"
LOCAL_MM = 10.0  # local intensity looks 6.2 mm beyond the region


class IbsiPipeline:
    """From an image and a mask to the columns ``<filter>_<family>_<feature>`` of the catalogue.

    Parameters
    ----------
    plan : Plan
        What is asked for.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.families = _families(plan)
        if plan.aggregation not in (None, *AGGREGATIONS):
            raise ParameterError(f"aggregation={plan.aggregation!r}; required: one of {', '.join(AGGREGATIONS)}.")
        if plan.texture.force2d or plan.texture.weighting_norm or not plan.texture.symmetrical_glcm:
            raise ParameterError(
                "force2d, weighting_norm and symmetrical_glcm are settings of the pyradiomics standard; the IBSI "
                f"standard has aggregation, one of {', '.join(AGGREGATIONS)}."
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every column: morphology once, then image by image."""
        body = [f"original_morphology_{f}" for f in self.families.get("morphology", ())]
        images = [name for m in self.plan.filters for name in m.filter.names]
        measured = [f"{family}_{f}" for family, fs in self.families.items() if family != "morphology" for f in fs]
        columns = (*body, *(f"{image}_{name}" for image in images for name in measured))
        if len(set(columns)) != len(columns):
            raise ParameterError(f"filters={self.plan.filters!r} give two images of one name; each needs its own.")
        return columns

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row."""
        ready = self.prepare(image, mask)
        region = Region(ready.mask.array, ready.mask.spacing)
        body = Region(ready.whole.array, ready.whole.spacing)
        border = partial(_border, body.mask, body.box, region)
        aggregation = self._aggregation(body)
        found: dict[str, float] = {}
        if "morphology" in self.families:
            solid = Morphology(body, region, region.pick(ready.image.array).astype(float))
            row = {f: float(_morphology.FEATURES[f](solid)) for f in self.families["morphology"]}
            found |= {f"original_morphology_{name}": value for name, value in row.items()}
        if set(self.families) - {"morphology"}:
            for measured in self.plan.filters:
                for name, volume in measured.filter.images_in(ready.image, _around(ready)):
                    if defined(name, region.pick(volume.array)):
                        row = self._measure_image(region, volume.array, measured, border, aggregation)
                        found |= {f"{name}_{feature}": value for feature, value in row.items()}
        return CaseResult(dict.fromkeys(self.names, np.nan) | without_infinite(found), provenance(image, mask, ready))

    def prepare(self, image: Volume, mask: Mask) -> Prepared:
        """Carry out everything that comes before filtering."""
        plan, rules, how = self.plan, self.plan.region, self.plan.resampling
        image = as_measurable(image)
        deep = [m.filter for m in plan.filters if getattr(m.filter, "dimension", None) == "3D"]
        if image.shape[0] == 1 and deep:
            warnings.warn(
                f"The image has one slice, and {deep[0]!r} looks along three axes; dimension='2D' filters the slice.",
                DataWarning,
                stacklevel=3,
            )
        plain = all(isinstance(m.filter, Original) for m in plan.filters)
        far = "local_intensity" in self.families
        require_finite(image, mask, everywhere=not plain or far or how is not None or plan.normalization is not None)
        if plan.normalization is not None:
            image = standardize(image, scale=plan.normalization.scale, outlier_sigma=plan.normalization.outlier_sigma)
        if how is not None:
            image, mask = resample_centred(
                image,
                mask,
                how.spacing,
                interpolator=how.interpolator,
                mask_interpolator=how.mask_interpolator or "linear",
                anti_aliasing=how.anti_aliasing,
            )
            image = image.with_array(np.rint(image.array)) if how.round_intensities else image
        box = require_extent(mask, rules.minimum_dimensions, rules.minimum_size)
        if plan.resegmentation is None:
            return Prepared(image, mask, mask, box)
        limits = plan.resegmentation
        smaller = resegment(image, mask, range=limits.range, outlier_sigma=limits.outlier_sigma, mode=limits.mode)
        return Prepared(image, smaller if limits.shape else mask, smaller, bounding_box(smaller))

    def _aggregation(self, body: Region) -> str:
        """Return how the textures of a case are combined: a region of one slice has no neighbours in space."""
        asked = self.plan.aggregation
        if body.mask.shape[0] > 1 or not set(self.families) & set(TEXTURES):
            return asked or DEFAULT_AGGREGATION
        if asked is None:
            warnings.warn(
                f"The region lies in one slice: its textures are those of the slice (aggregation="
                f"{ONE_SLICE_AGGREGATION!r}), not of a volume ({DEFAULT_AGGREGATION!r}).",
                DataWarning,
                stacklevel=3,
            )
        elif asked.startswith("3D"):
            warnings.warn(
                f"The region lies in one slice, and aggregation={asked!r} looks for neighbours above and below: every "
                "voxel touches the border in GLDZM, and has runs of length 1 in GLRLM. 2D_merge measures the slice.",
                DataWarning,
                stacklevel=3,
            )
        return asked or ONE_SLICE_AGGREGATION

    def _measure_image(
        self,
        region: Region,
        image: np.ndarray,
        measured: Measured,
        border: Callable[[bool], np.ndarray],
        aggregation: str,
    ) -> dict[str, float]:
        x = region.pick(image).astype(float)
        own = self.plan.discretization if measured.discretization is None else measured.discretization
        bins = as_discretization(own)
        # What is known of intensities before filtering says nothing of a filtered image.
        bounds = self._bounds if isinstance(measured.filter, Original) else (None, None)
        found: dict[str, float] = {}
        for family, names in self.families.items():
            if family == "morphology":
                continue
            if family in TEXTURES:
                options = measured.texture or self.plan.texture
                levels = grey_levels(x, _binning(bins, family), bounds)
                row = IbsiTexture(region, levels, border, aggregation, options).measure(family, names)
            else:
                subject = self._subject(family, region, image, x, bins, bounds, self._whole(measured, bins))
                row = {name: float(FEATURES[family][name](subject)) for name in names}
            found |= {f"{family}_{name}": value for name, value in row.items()}
        return found

    def _subject(
        self,
        family: str,
        region: Region,
        image: np.ndarray,
        x: np.ndarray,
        bins: Mapping[str, Any],
        bounds: Bounds,
        whole: bool,
    ) -> Any:
        if family == "local_intensity":
            return Peaks(region, image)
        if family == "statistics":
            return Sample(x)
        if family == "histogram":
            return Histogram(grey_levels(x, _binning(bins, family), bounds))
        return intensity_volume(x, bins.get("ivh"), bounds, whole=whole)

    def _whole(self, measured: Measured, bins: Mapping[str, Any]) -> bool:
        """Say whether settings make intensities whole numbers: rounded, or ``"ivh": None`` of an image as it is."""
        if not isinstance(measured.filter, Original):
            return False
        rounded = self.plan.resampling is not None and bool(self.plan.resampling.round_intensities)
        return rounded or ("ivh" in bins and self.plan.normalization is None)

    @property
    def _bounds(self) -> Bounds:
        how = self.plan.resegmentation
        return (None, None) if how is None or how.range is None or how.mode != "absolute" else how.range


def _around(ready: Prepared) -> Box:
    """Return the box of the region with what local intensities look at around it."""
    margin = [int(np.ceil(LOCAL_MM / step)) for step in ready.image.spacing]
    limits = zip(ready.box, margin, ready.image.shape, strict=True)
    z, y, x = (slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in limits)
    return z, y, x


def _border(body: np.ndarray, box: tuple[slice, ...], region: Region, flat: bool) -> np.ndarray:
    """Distance of each voxel of the region to the border of the body."""
    inner = tuple(slice(r.start - b.start, r.stop - b.start) for r, b in zip(region.box, box, strict=True))
    return border_distance(body, flat=flat)[inner][region.mask]


def _binning(bins: Mapping[str, Discretization | None], family: str) -> Discretization:
    binning = bins.get(family) or bins["default"]
    if binning is None:
        raise ParameterError(f"No discretisation for {family}; required: FixedBinWidth(width) or FixedBinCount(count).")
    return binning


def _families(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Families and their features, checked, in the order asked for."""
    chosen = dict.fromkeys(FEATURES) if plan.families == "all" else plan.families
    return {family: tuple(_features(family, names)) for family, names in chosen.items()}


def _features(family: str, names: tuple[str, ...] | None) -> Iterator[str]:
    if family not in FEATURES:
        raise ParameterError(f"The feature family {family!r} is not known; known are {', '.join(FEATURES)}.")
    lost = [name for name in names or () if name not in FEATURES[family]]
    if lost:
        raise ParameterError(f"{family} has no feature {', '.join(lost)}; it has {', '.join(FEATURES[family])}.")
    yield from names or FEATURES[family]
