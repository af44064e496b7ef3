"""The processing chain of pyradiomics 3.0.1: mask, normalise, resample, resegment, filter, measure, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.features._admissible import (
    Prepared,
    as_measurable,
    defined,
    provenance,
    require_extent,
    require_finite,
    without_infinite,
)
from radiokit.features._binning import MAX_LEVELS
from radiokit.features._measure import ALL_FEATURES, DEPRECATED_FEATURES, measure_image, measure_shape
from radiokit.features._plan import Discretization, Measured, Plan, as_discretization
from radiokit.features._region import Region
from radiokit.features._settings import FixedBinWidth, Resampling
from radiokit.filters import Original, Scene, Wavelet, pyradiomics_images, pyradiomics_names
from radiokit.io import Mask, Volume
from radiokit.preprocessing import bounding_box, crop, resample_around, resegment, standardize
from radiokit.utils import CaseResult

SHAPES = ("shape", "shape2D")
Classes = dict[str, tuple[str, ...] | None]


class PyradiomicsPipeline:
    """From an image and a mask to the columns of pyradiomics.

    Parameters
    ----------
    plan : Plan
        What is asked for; what pyradiomics has no counterpart of is refused.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.classes = _classes(plan)
        _refuse_ibsi(plan)

    @cached_property
    def flat_axis(self) -> int | None:
        """Axis across which nothing is computed."""
        return self.plan.texture.force2d_dimension if self.plan.texture.force2d else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every column, shape first, then image by image."""
        shape = [f"original_{name}" for name in _feature_names(self.classes, SHAPES)]
        measured = _feature_names(self.classes, tuple(c for c in ALL_FEATURES if c not in SHAPES))
        images = [name for m in self.plan.filters for name in pyradiomics_names(m.filter, self.flat_axis)]
        columns = (*shape, *(f"{image}_{name}" for image in images for name in measured))
        if len(set(columns)) != len(columns):
            raise ParameterError(f"filters={self.plan.filters!r} give two images of one name; each needs its own.")
        return columns

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row; the mask may lie on another grid only if the region's rules correct it."""
        ready = self.prepare(image, mask)
        found: dict[str, float] = {}
        if any(c in self.classes for c in SHAPES):
            axis = self.plan.texture.force2d_dimension
            region = Region(ready.whole.array[ready.box], ready.whole.spacing)
            shape = measure_shape(region, classes=self.classes, force2d_dimension=axis)
            found.update({f"original_{name}": value for name, value in shape.items()})
        region = Region(ready.mask.array[ready.box], ready.mask.spacing)
        scene = Scene(ready.image, ready.mask, ready.box, self.flat_axis)
        if any(c not in SHAPES for c in self.classes):
            for measured in self.plan.filters:
                self._require_levels(measured, scene, region)
                for name, values in pyradiomics_images(measured.filter, scene):
                    if defined(name, region.pick(values)):
                        row = self._measure_image(region, values, measured)
                        found.update({f"{name}_{feature}": value for feature, value in row.items()})
        # An image that could not be made or is not defined has said so; its columns are NaN.
        return CaseResult(dict.fromkeys(self.names, np.nan) | without_infinite(found), provenance(image, mask, ready))

    def _require_levels(self, measured: Measured, scene: Scene, region: Region) -> None:
        """Refuse a wavelet whose smoothest image has too many grey levels, before its other images are measured.

        Each level multiplies intensities by up to the square root of 2 along each axis.
        """
        kind, own = measured.filter, measured.discretization
        if not isinstance(kind, Wavelet):
            return
        bins = self.plan.discretization if own is None else as_discretization(own)
        widths = [b.width for b in bins.values() if isinstance(b, FixedBinWidth)]
        smooth = "L" * (3 if self.flat_axis is None else 2)
        depth = kind.level + kind.start_level
        gain = 2.0 ** (len(smooth) * depth / 2)
        peak = float(np.abs(scene.image.array[scene.box].astype(float)).max())
        if not widths or kind.subband not in (None, smooth) or peak * gain / min(widths) <= MAX_LEVELS:
            return
        deepest = replace(kind, level=1, start_level=depth - 1, subband=smooth)
        ((_, values),) = pyradiomics_images(deepest, scene)
        spread = float(np.ptp(region.pick(values).astype(float)))
        if not spread / min(widths) <= MAX_LEVELS:
            raise ParameterError(
                f"{depth} levels of {kind.wavelet} wavelets multiply intensities by up to {gain:.2g}: bins of width "
                f"{min(widths):g} make {spread / min(widths):.3g} grey levels of wavelet-{smooth}; required: at most "
                f"{MAX_LEVELS:,}. Use fewer levels, or FixedBinCount (binCount)."
            )

    def _measure_image(self, region: Region, values: np.ndarray, measured: Measured) -> dict[str, float]:
        plan = self.plan
        own = measured.discretization
        bins = plan.discretization if own is None else as_discretization(own)
        shift = plan.voxel_array_shift if measured.voxel_array_shift is None else measured.voxel_array_shift
        found: dict[str, float] = {}
        for binning, classes in _by_binning(self.classes, bins):
            part = measure_image(
                region,
                values,
                classes=classes,
                binning=binning,
                options=measured.texture or plan.texture,
                voxel_array_shift=shift,
            )
            found.update(part)
        return found

    def prepare(self, image: Volume, mask: Mask) -> Prepared:
        """Carry out everything that comes before filtering."""
        plan, rules = self.plan, self.plan.region
        image = as_measurable(image)
        require_finite(image, mask, everywhere=self._looks_beyond_the_region)
        if plan.normalization is not None:
            image = standardize(image, scale=plan.normalization.scale, outlier_sigma=plan.normalization.outlier_sigma)
        if plan.resampling is not None:
            image, mask = self._resample(plan.resampling, image, mask)
        elif rules.pre_crop:
            box = bounding_box(mask)
            image, mask = crop(image, box, padding=rules.padding), crop(mask, box, padding=rules.padding)
        box = require_extent(mask, rules.minimum_dimensions, rules.minimum_size)
        if plan.resegmentation is None:
            return Prepared(image, mask, mask, box)
        how = plan.resegmentation
        smaller = resegment(image, mask, range=how.range, outlier_sigma=how.outlier_sigma, mode=how.mode)
        box = require_extent(smaller, rules.minimum_dimensions, rules.minimum_size)
        # As pyradiomics: the shape of the region before resegmentation, cut to the box after it.
        return Prepared(image, smaller if how.shape else mask, smaller, box)

    def _resample(self, how: Resampling, image: Volume, mask: Mask) -> tuple[Volume, Mask]:
        image, mask = resample_around(
            image,
            mask,
            how.spacing,
            interpolator=how.interpolator,
            padding=self.plan.region.padding,
            keep_type=how.round_intensities is None,
        )
        return (image.with_array(np.rint(image.array)) if how.round_intensities else image), mask

    @cached_property
    def _looks_beyond_the_region(self) -> bool:
        plain = all(isinstance(m.filter, Original) for m in self.plan.filters)
        return not plain or self.plan.resampling is not None or self.plan.normalization is not None


def _classes(plan: Plan) -> Classes:
    """Feature classes in pyradiomics' order of names, checked."""
    if plan.families == "all":
        return {name: None for name in ALL_FEATURES if name != "shape2D"}
    classes: Classes = dict(plan.families)
    for name, features in classes.items():
        if name not in ALL_FEATURES:
            raise ParameterError(f"The feature class {name!r} is not known; known are {', '.join(ALL_FEATURES)}.")
        known = (*ALL_FEATURES[name], *DEPRECATED_FEATURES.get(name, ()))
        lost = [f for f in features or () if f not in known]
        if lost:
            raise ParameterError(f"{name} has no feature {', '.join(lost)}; it has {', '.join(known)}.")
    if "shape2D" in classes and not plan.texture.force2d:
        raise ParameterError("shape2D is for flat regions: it needs texture=TextureOptions(force2d=True).")
    return classes


def _refuse_ibsi(plan: Plan) -> None:
    """Refuse what has no counterpart in pyradiomics, rather than pass over it."""
    found = []
    if plan.aggregation is not None:
        found.append("aggregation")
    if plan.resampling is not None and plan.resampling.anti_aliasing:
        found.append("Resampling(anti_aliasing=True)")
    if plan.resampling is not None and plan.resampling.mask_interpolator not in (None, "nearest"):
        found.append("Resampling(mask_interpolator='linear')")
    bins = [plan.discretization, *(as_discretization(m.discretization) for m in plan.filters if m.discretization)]
    if any(getattr(b, "origin", None) is not None for by_family in bins for b in by_family.values()):
        found.append("FixedBinWidth(origin=...)")
    if found:
        raise ParameterError(f"{', '.join(found)}: not part of the pyradiomics standard; use standard='ibsi'.")
    unknown = {family for by_family in bins for family in by_family} - {"default", *ALL_FEATURES}
    if unknown:
        raise ParameterError(
            f"discretization names {', '.join(sorted(unknown))}; known are default, {', '.join(ALL_FEATURES)}."
        )


def _feature_names(classes: Classes, of: tuple[str, ...]) -> list[str]:
    """Names ``class_Feature`` in the order of `classes`."""
    return [f"{c}_{feature}" for c, chosen in classes.items() if c in of for feature in chosen or ALL_FEATURES[c]]


def _by_binning(
    classes: Classes, bins: Mapping[str, Discretization | None]
) -> list[tuple[Discretization, Mapping[str, Any]]]:
    """Group the classes that share a discretisation."""
    given = {family: binning for family, binning in bins.items() if binning is not None}
    groups: dict[Discretization, dict[str, Any]] = {}
    for name, features in classes.items():
        if name not in SHAPES:
            groups.setdefault(given.get(name, given["default"]), {})[name] = features
    return list(groups.items())
