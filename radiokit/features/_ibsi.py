"""The processing chain of the IBSI reference manual: resample, resegment, filter, discretise, measure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.features import _histogram, _ibsi_texture, _ivh, _local_intensity, _morphology, _statistics
from radiokit.features._admissible import Prepared, defined, naming_image, provenance, without_infinite
from radiokit.features._checked import Measured, features_of
from radiokit.features._histogram import Histogram
from radiokit.features._ibsi_levels import Bounds, grey_levels, intensity_volume
from radiokit.features._ibsi_texture import AGGREGATIONS, IbsiTexture, border_distance
from radiokit.features._local_intensity import Peaks
from radiokit.features._morphology import Morphology
from radiokit.features._pipeline import StandardPipeline, binning_of
from radiokit.features._region import Region
from radiokit.features._settings import Resampling
from radiokit.features._statistics import Sample
from radiokit.filters import Original
from radiokit.io import Mask, Volume
from radiokit.preprocessing import bounding_box
from radiokit.preprocessing.boxes import widen
from radiokit.preprocessing.choices import check_setting
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


@dataclass(frozen=True)
class IbsiPipeline(StandardPipeline):
    """From an image and a mask to the columns ``<filter>_<family>_<feature>`` of the catalogue."""

    def __post_init__(self) -> None:
        if self.aggregation is not None:
            check_setting("", "aggregation", self.aggregation, AGGREGATIONS)
        if self.texture.force2d or self.texture.weighting_norm or not self.texture.symmetrical_glcm:
            raise ParameterError(
                "force2d, weighting_norm and symmetrical_glcm are settings of the pyradiomics standard; the IBSI "
                f"standard has aggregation, one of {', '.join(AGGREGATIONS)}."
            )
        _ = self.chosen

    @cached_property
    def chosen(self) -> dict[str, tuple[str, ...]]:
        """Features of each family, in the order asked for."""
        return features_of(self.families, {family: tuple(features) for family, features in FEATURES.items()})

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every column: morphology once, then image by image."""
        body = [f"original_morphology_{f}" for f in self.chosen.get("morphology", ())]
        images = [name for m in self.filters for name in m.filter.names]
        measured = [f"{family}_{f}" for family, fs in self.chosen.items() if family != "morphology" for f in fs]
        return self.unique([*body, *(f"{image}_{name}" for image in images for name in measured)])

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row."""
        ready = self.prepare(image, mask)
        region = Region(ready.mask.array, ready.mask.spacing)
        body = Region(ready.whole.array, ready.whole.spacing)
        border = partial(_border, body.mask, body.box, region)
        aggregation = self._aggregation(body)
        found: dict[str, float] = {}
        if "morphology" in self.chosen:
            solid = Morphology(body, region, region.pick(ready.image.array).astype(float))
            row = {f: float(_morphology.FEATURES[f](solid)) for f in self.chosen["morphology"]}
            found |= {f"original_morphology_{name}": value for name, value in row.items()}
        if set(self.chosen) - {"morphology"}:
            for measured in self.filters:
                for name, volume in measured.filter.images_in(ready.image, widen(ready.box, LOCAL_MM, ready.image)):
                    if defined(name, region.pick(volume.array)):
                        with naming_image(name):
                            row = self._measure_image(region, volume.array, measured, border, aggregation)
                        found |= {f"{name}_{feature}": value for feature, value in row.items()}
        return CaseResult(dict.fromkeys(self.names, np.nan) | without_infinite(found), provenance(image, mask, ready))

    def prepare(self, image: Volume, mask: Mask) -> Prepared:
        """Carry out everything that comes before filtering."""
        how = self.preparation
        in_space = [m.filter for m in self.filters if getattr(m.filter, "dimension", None) == "3D"]
        if image.shape[0] == 1 and in_space:
            warnings.warn(
                f"The image has one slice, and {in_space[0]!r} looks along three axes; dimension='2D' filters the "
                "slice.",
                DataWarning,
                stacklevel=3,
            )
        far = "local_intensity" in self.chosen
        image = how.normalised(image, mask, everywhere=far or not self.only_original)
        if how.resampling is not None:
            image, mask = _resample(how.resampling, image, mask)
        box = how.box(mask)
        if how.resegmentation is None:
            return Prepared(image, mask, mask, box)
        whole, smaller = how.resegmented(image, mask)
        return Prepared(image, whole, smaller, bounding_box(smaller))

    def _aggregation(self, body: Region) -> str:
        """Return how the textures of a case are combined: a region of one slice has no neighbours in space."""
        asked = self.aggregation
        if body.mask.shape[0] > 1 or not set(self.chosen) & set(TEXTURES):
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
        bins = self.bins(measured)
        # Bounds of the original intensities do not apply to a filtered image.
        bounds = self._bounds if isinstance(measured.filter, Original) else (None, None)
        found: dict[str, float] = {}
        for family, names in self.chosen.items():
            if family == "morphology":
                continue
            if family in TEXTURES:
                options = measured.texture or self.texture
                levels = grey_levels(x, binning_of(bins, family), bounds)
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
            return Histogram(grey_levels(x, binning_of(bins, family), bounds))
        return intensity_volume(x, bins.get("ivh"), bounds, whole=whole)

    def _whole(self, measured: Measured, bins: Mapping[str, Any]) -> bool:
        """Say whether settings make intensities whole numbers: rounded, or ``"ivh": None`` of an image as it is."""
        if not isinstance(measured.filter, Original):
            return False
        how = self.preparation
        rounded = how.resampling is not None and bool(how.resampling.round_intensities)
        return rounded or ("ivh" in bins and how.normalization is None)

    @property
    def _bounds(self) -> Bounds:
        how = self.preparation.resegmentation
        return (None, None) if how is None or how.range is None or how.mode != "absolute" else how.range


def _border(body: np.ndarray, box: tuple[slice, ...], region: Region, flat: bool) -> np.ndarray:
    """Distance of each voxel of the region to the border of the body."""
    inner = tuple(slice(r.start - b.start, r.stop - b.start) for r, b in zip(region.box, box, strict=True))
    return border_distance(body, flat=flat)[inner][region.mask]


def _resample(how: Resampling, image: Volume, mask: Mask) -> tuple[Volume, Mask]:
    image, mask = resample_centred(
        image,
        mask,
        how.spacing,
        interpolator=how.interpolator,
        mask_interpolator=how.mask_interpolator or "linear",
        anti_aliasing=how.anti_aliasing,
    )
    return (image.with_array(np.rint(image.array)) if how.round_intensities else image), mask
