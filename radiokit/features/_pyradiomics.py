"""The processing chain of pyradiomics 3.0.1: mask, normalise, resample, resegment, filter, measure, in this order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.features._admissible import Prepared, defined, naming_image, provenance, without_infinite
from radiokit.features._binning import MAX_LEVELS
from radiokit.features._checked import Discretization, Measured, Names, features_of
from radiokit.features._measure import measure_image, measure_shape
from radiokit.features._names import ALL_FEATURES, DEPRECATED_FEATURES
from radiokit.features._pipeline import StandardPipeline, binning_of
from radiokit.features._region import Region
from radiokit.features._settings import FixedBinWidth, Resampling
from radiokit.features._texture import seconds_of
from radiokit.filters import Scene, Wavelet, pyradiomics_images, pyradiomics_names
from radiokit.io import Mask, Volume
from radiokit.preprocessing import bounding_box, crop, resample_around
from radiokit.preprocessing.budget import MOST_SECONDS_OF_A_WAVELET, require
from radiokit.utils import CaseResult

SHAPES = ("shape", "shape2D")
MANY_LEVELS = 2000  # fewer are always measured in time


@dataclass(frozen=True)
class PyradiomicsPipeline(StandardPipeline):
    """From an image and a mask to the columns of pyradiomics; what pyradiomics has no counterpart of is refused."""

    def __post_init__(self) -> None:
        _refuse_ibsi(self)
        _ = self.classes

    @cached_property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Features of each class, in pyradiomics' order."""
        if self.families is None:
            return {name: features for name, features in ALL_FEATURES.items() if name != "shape2D"}
        if "shape2D" in self.families and not self.texture.force2d:
            raise ParameterError("shape2D is for flat regions: it needs texture=TextureOptions(force2d=True).")
        return features_of(self.families, ALL_FEATURES, more=DEPRECATED_FEATURES)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every column, shape first, then image by image."""
        shape = [f"original_{name}" for name in _feature_names(self.classes, SHAPES)]
        measured = _feature_names(self.classes, tuple(c for c in ALL_FEATURES if c not in SHAPES))
        images = [name for m in self.filters for name in pyradiomics_names(m.filter, self.texture.flat_axis)]
        return self.unique([*shape, *(f"{image}_{name}" for image in images for name in measured)])

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row; the mask may lie on another grid only if the region's rules correct it."""
        ready = self.prepare(image, mask)
        found: dict[str, float] = {}
        if any(c in self.classes for c in SHAPES):
            axis = self.texture.force2d_dimension
            region = Region(ready.whole.array[ready.box], ready.whole.spacing)
            shape = measure_shape(region, classes=self.classes, force2d_dimension=axis)
            found.update({f"original_{name}": value for name, value in shape.items()})
        region = Region(ready.mask.array[ready.box], ready.mask.spacing)
        scene = Scene(ready.image, ready.mask, ready.box, self.texture.flat_axis)
        if any(c not in SHAPES for c in self.classes):
            for measured in self.filters:
                self._require_levels(measured, scene, region)
                for name, values in pyradiomics_images(measured.filter, scene):
                    if defined(name, region.pick(values)):
                        with naming_image(name):
                            row = self._measure_image(region, values, measured)
                        found.update({f"{name}_{feature}": value for feature, value in row.items()})
        # Columns of an image that could not be made, or is undefined, are NaN; a warning was given.
        return CaseResult(dict.fromkeys(self.names, np.nan) | without_infinite(found), provenance(image, mask, ready))

    def _require_levels(self, measured: Measured, scene: Scene, region: Region) -> None:
        """Refuse a wavelet with too many grey levels before its images are measured: the smoothest has the most.

        Each level multiplies intensities by up to the square root of 2 along each axis.
        """
        kind = measured.filter
        if not isinstance(kind, Wavelet):
            return
        smooth = "L" * (3 if self.texture.flat_axis is None else 2)
        depth, step = kind.level + kind.start_level, 2.0 ** (len(smooth) / 2)
        peak = float(np.abs(scene.image.array[scene.box].astype(float)).max()) * step**depth
        narrow = [
            (binning.width, classes)
            for binning, classes in _by_binning(self.classes, self.bins(measured))
            if isinstance(binning, FixedBinWidth) and not peak / binning.width <= MANY_LEVELS
        ]
        if not narrow or kind.subband not in (None, smooth):
            return
        ((_, values),) = pyradiomics_images(replace(kind, level=1, start_level=depth - 1, subband=smooth), scene)
        spread = float(np.ptp(region.pick(values).astype(float)))
        n_others = 0 if kind.subband else 2 ** len(smooth) - 1
        options = measured.texture or self.texture
        for width, classes in narrow:
            # Details of a level have about as many grey levels as the approximation of the level before.
            others = [seconds_of(classes, region, options, spread / width / step**k) for k in range(1, kind.level + 1)]
            what = (
                f"{depth} levels of {kind.wavelet} wavelets multiply intensities by up to {step**depth:.2g}: bins of "
                f"width {width:g} make {spread / width:.3g} grey levels of wavelet-{smooth}"
            )
            instead = "Use wider bins, fewer levels of the wavelet, or FixedBinCount (binCount)."
            if not spread / width <= MAX_LEVELS:
                raise ParameterError(f"{what}; required: at most {MAX_LEVELS:,}. {instead}")
            require(
                f"{what}. Their texture",
                seconds=seconds_of(classes, region, options, spread / width) + n_others * sum(others),
                most_seconds=MOST_SECONDS_OF_A_WAVELET,
                instead=instead,
            )

    def _measure_image(self, region: Region, values: np.ndarray, measured: Measured) -> dict[str, float]:
        found: dict[str, float] = {}
        for binning, classes in _by_binning(self.classes, self.bins(measured)):
            found |= measure_image(
                region,
                values,
                classes=classes,
                binning=binning,
                options=measured.texture or self.texture,
                voxel_array_shift=self.shift(measured),
            )
        return found

    def prepare(self, image: Volume, mask: Mask) -> Prepared:
        """Carry out everything that comes before filtering."""
        how, rules = self.preparation, self.preparation.region
        image = how.normalised(image, mask, everywhere=not self.only_original)
        if how.resampling is not None:
            image, mask = _resample(how.resampling, image, mask, padding=rules.padding)
        elif rules.pre_crop:
            box = bounding_box(mask)
            image, mask = crop(image, box, padding=rules.padding), crop(mask, box, padding=rules.padding)
        box = how.box(mask)
        if how.resegmentation is None:
            return Prepared(image, mask, mask, box)
        whole, smaller = how.resegmented(image, mask)
        # As pyradiomics: the shape of the region before resegmentation, cut to the box after it.
        return Prepared(image, whole, smaller, how.box(smaller))


def _resample(how: Resampling, image: Volume, mask: Mask, *, padding: int) -> tuple[Volume, Mask]:
    keep_type = how.round_intensities is None
    image, mask = resample_around(
        image, mask, how.spacing, interpolator=how.interpolator, padding=padding, keep_type=keep_type
    )
    return (image.with_array(np.rint(image.array)) if how.round_intensities else image), mask


def _refuse_ibsi(pipeline: StandardPipeline) -> None:
    """Refuse what has no counterpart in pyradiomics, rather than pass over it."""
    how = pipeline.preparation.resampling
    bins = [pipeline.discretization, *(pipeline.bins(m) for m in pipeline.filters)]
    origins = [b.origin for by_family in bins for b in by_family.values() if isinstance(b, FixedBinWidth)]
    refused = {
        "aggregation": pipeline.aggregation is not None,
        "Resampling(anti_aliasing=True)": how is not None and how.anti_aliasing,
        "Resampling(mask_interpolator='linear')": how is not None and how.mask_interpolator not in (None, "nearest"),
        "FixedBinWidth(origin=...)": any(origin is not None for origin in origins),
    }
    found = [name for name, given in refused.items() if given]
    if found:
        raise ParameterError(f"{', '.join(found)}: not part of the pyradiomics standard; use standard='ibsi'.")
    unknown = {family for by_family in bins for family in by_family} - {"default", *ALL_FEATURES}
    if unknown:
        raise ParameterError(
            f"discretization names {', '.join(sorted(unknown))}; known are default, {', '.join(ALL_FEATURES)}."
        )


def _feature_names(classes: Names, of: tuple[str, ...]) -> list[str]:
    """Names ``class_Feature`` in the order of `classes`."""
    return [f"{name}_{feature}" for name, features in classes.items() if name in of for feature in features]


def _by_binning(classes: Names, bins: Mapping[str, Discretization | None]) -> Iterable[tuple[Discretization, Names]]:
    """Group the classes that share a discretisation."""
    groups: dict[Discretization, dict[str, Sequence[str]]] = {}
    for name, features in classes.items():
        if name not in SHAPES:
            groups.setdefault(binning_of(bins, name), {})[name] = features
    return groups.items()
