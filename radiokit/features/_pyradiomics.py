"""The processing chain of pyradiomics 3.0.1: mask, normalise, resample, resegment, filter, measure, in this order."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from radiokit.exceptions import DataWarning, InputError, MaskError, ParameterError
from radiokit.features._measure import ALL_FEATURES, DEPRECATED_FEATURES, measure_image, measure_shape
from radiokit.features._plan import Discretization, Measured, Plan, as_discretization
from radiokit.features._region import Region
from radiokit.features._settings import Resampling
from radiokit.filters import Original, Scene, pyradiomics_images, pyradiomics_names
from radiokit.io import Mask, Volume
from radiokit.preprocessing import bounding_box, crop, resample_around, resegment, standardize
from radiokit.preprocessing._crop import Box
from radiokit.utils import CaseResult

SHAPES = ("shape", "shape2D")
Classes = dict[str, tuple[str, ...] | None]


@dataclass(frozen=True)
class Prepared:
    """An image ready to be filtered and measured."""

    image: Volume
    whole: Mask  # the region before resegmentation, whose shape is measured
    mask: Mask  # the region that is measured
    box: Box


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
                for name, values in pyradiomics_images(measured.filter, scene):
                    if _defined(name, region.pick(values)):
                        row = self._measure_image(region, values, measured)
                        found.update({f"{name}_{feature}": value for feature, value in row.items()})
        _warn_undefined(found)
        # An image that could not be made or is not defined has said so; its columns are NaN.
        return CaseResult(dict.fromkeys(self.names, np.nan) | found, _provenance(image, mask, ready))

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
        _require_finite(image, mask, everywhere=self._looks_beyond_the_region)
        if plan.normalization is not None:
            image = standardize(image, scale=plan.normalization.scale, outlier_sigma=plan.normalization.outlier_sigma)
        if plan.resampling is not None:
            image, mask = self._resample(plan.resampling, image, mask)
        elif rules.pre_crop:
            box = bounding_box(mask)
            image, mask = crop(image, box, padding=rules.padding), crop(mask, box, padding=rules.padding)
        box = _require_extent(mask, rules.minimum_dimensions, rules.minimum_size)
        if plan.resegmentation is None:
            return Prepared(image, mask, mask, box)
        how = plan.resegmentation
        smaller = resegment(image, mask, range=how.range, outlier_sigma=how.outlier_sigma, mode=how.mode)
        box = _require_extent(smaller, rules.minimum_dimensions, rules.minimum_size)
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


def _require_finite(image: Volume, mask: Mask, *, everywhere: bool) -> None:
    """Refuse NaN and infinite voxels wherever they would reach a feature."""
    if image.array.dtype.kind != "f":
        return
    values = image.array[mask.array] if image.shape == mask.shape else image.array
    inside = int(values.size - np.count_nonzero(np.isfinite(values)))
    where, bad = "inside the region", inside
    if not bad and everywhere:
        where, bad = "of the image", int(image.array.size - np.count_nonzero(np.isfinite(image.array)))
    if bad:
        raise InputError(
            f"{bad} voxels {where} are NaN or infinite; features need finite values"
            + ("" if inside else ", and filters, resampling and normalisation reach beyond the region")
            + ". Export the image again, give these voxels a value, or take them out of the mask."
        )


def _require_extent(mask: Mask, minimum_dimensions: int, minimum_size: int | None) -> Box:
    """Return the box of the region, or say why it cannot be measured."""
    box = bounding_box(mask)
    n_voxels = int(np.count_nonzero(mask.array[box]))
    long_axes = sum(s.stop - s.start > 1 for s in box)
    if n_voxels == 1:
        raise MaskError("The region holds 1 voxel; at least 2 are required, since nothing varies within one.")
    if long_axes < minimum_dimensions:
        raise MaskError(
            f"The region is longer than one voxel along {long_axes} of 3 axes; required: {minimum_dimensions} "
            "(RegionRules(minimum_dimensions=...), minimumROIDimensions in a parameter file)."
        )
    if minimum_size is not None and n_voxels <= minimum_size:
        raise MaskError(
            f"The region holds {n_voxels} voxels; required: more than {minimum_size} (RegionRules(minimum_size=...), "
            "minimumROISize in a parameter file)."
        )
    return box


def _defined(name: str, values: np.ndarray) -> bool:
    """Tell whether a filtered image has a value in every voxel of the region; its features are NaN where not."""
    lost = int(values.size - np.count_nonzero(np.isfinite(values)))
    if lost:
        warnings.warn(
            f"{name} is not defined in {lost} of {values.size} voxels of the region; its features are NaN.",
            DataWarning,
            stacklevel=4,
        )
    return not lost


def _warn_undefined(found: Mapping[str, float]) -> None:
    """Say which features are not defined for this region; they stay NaN."""
    lost = [name for name, value in found.items() if not np.isfinite(value)]
    if lost:
        some = ", ".join(lost[:4]) + (f", ... ({len(lost)} in all)" if len(lost) > 4 else "")
        warnings.warn(f"Features that are not defined for this region are NaN: {some}.", DataWarning, stacklevel=3)


def _provenance(image: Volume, mask: Mask, ready: Prepared) -> dict[str, Any]:
    z, y, x = ready.image.spacing
    return {
        "label": mask.metadata.get("label"),
        "n_voxels": int(np.count_nonzero(mask.array)),
        "n_voxels_measured": int(np.count_nonzero(ready.mask.array[ready.box])),
        "modality": str(image.metadata.get("modality") or ""),
        "image_shape": " ".join(map(str, image.shape)),
        **{f"image_spacing_{axis}": size for axis, size in zip("zyx", image.spacing, strict=True)},
        "spacing_z": z,
        "spacing_y": y,
        "spacing_x": x,
    }
