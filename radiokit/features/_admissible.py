"""Checks of an image and a region before they are measured, and of the values after."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiokit.exceptions import DataWarning, InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.preprocessing import bounding_box
from radiokit.preprocessing.boxes import Box

LARGEST = 1e60  # fourth powers of intensities stay numbers
EXACT = 2**53  # whole numbers up to here are exact in double precision
SPACINGS = (1e-6, 1e6)  # mm


@dataclass(frozen=True)
class Prepared:
    """An image ready to be filtered and measured."""

    image: Volume
    whole: Mask  # the region before resegmentation, whose shape is measured
    mask: Mask  # the region that is measured
    box: Box


def as_measurable(image: Volume) -> Volume:
    """Return an image in a type that numbers can be computed in; what no scanner produces is an error.

    True and False become 1 and 0, and half precision becomes single, in which both are exact.
    """
    low, high = SPACINGS
    if not all(low <= step <= high for step in image.spacing):
        raise InputError(f"Voxels of {image.spacing} mm (z, y, x); required: from {low:g} to {high:g} mm.")
    array = image.array
    if array.dtype == bool:
        return image.with_array(array.astype(np.uint8))
    if array.dtype == np.float16:
        return image.with_array(array.astype(np.float32))
    wide = array.dtype.kind in "iu" and array.dtype.itemsize == 8
    if (wide and max(int(array.max()), -int(array.min())) > EXACT) or (
        array.dtype == np.float64 and _magnitude(array) > LARGEST
    ):
        raise InputError(
            f"Intensities from {array.min():g} to {array.max():g}; required: magnitudes of at most {LARGEST:g}, whole "
            "numbers of at most 2^53. Are these the stored values of the image?"
        )
    return image


def _magnitude(array: np.ndarray) -> float:
    """Return the largest finite magnitude."""
    with np.errstate(invalid="ignore"):
        ends = np.array([np.nanmin(array), np.nanmax(array)]) if np.isfinite(array).any() else np.zeros(1)
    return float(np.abs(ends[np.isfinite(ends)]).max(initial=0.0))


def require_finite(image: Volume, mask: Mask, *, everywhere: bool) -> None:
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


def require_extent(mask: Mask, minimum_dimensions: int, minimum_size: int | None) -> Box:
    """Return the box of the region; MaskError where it cannot be measured."""
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


def defined(name: str, values: np.ndarray) -> bool:
    """Whether a filtered image has a value in every voxel of the region; its features are NaN where not."""
    known = np.abs(values) <= LARGEST if values.dtype == np.float64 else np.isfinite(values)
    lost = int(values.size - np.count_nonzero(known))
    if lost:
        warnings.warn(
            f"{name} is not defined in {lost} of {values.size} voxels of the region; its features are NaN.",
            DataWarning,
            stacklevel=4,
        )
    return not lost


@contextmanager
def naming_image(name: str) -> Iterator[None]:
    """Say in an error of settings which image it concerns."""
    try:
        yield
    except ParameterError as error:
        raise ParameterError(f"{name}: {error}") from error


def without_infinite(found: Mapping[str, float]) -> dict[str, float]:
    """Return features with NaN where they are not defined for this region, and warn of them."""
    lost = [name for name, value in found.items() if not np.isfinite(value)]
    if lost:
        some = ", ".join(lost[:4]) + (f", ... ({len(lost)} in all)" if len(lost) > 4 else "")
        warnings.warn(f"Features that are not defined for this region are NaN: {some}.", DataWarning, stacklevel=3)
    return {**found, **dict.fromkeys(lost, np.nan)}


def provenance(image: Volume, mask: Mask, ready: Prepared) -> dict[str, Any]:
    z, y, x = ready.image.spacing
    return {
        "label": mask.metadata.get("label"),
        "n_voxels": int(np.count_nonzero(mask.array)),
        "n_voxels_measured": int(np.count_nonzero(ready.mask.array[ready.box])),
        "modality": str(image.metadata.get("modality") or ""),
        "unit": str(image.metadata.get("unit") or ""),
        "image_shape": " ".join(map(str, image.shape)),
        **{f"image_spacing_{axis}": size for axis, size in zip("zyx", image.spacing, strict=True)},
        "spacing_z": z,
        "spacing_y": y,
        "spacing_x": x,
    }
