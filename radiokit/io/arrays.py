"""Images and masks of any kind as volumes: paths, volumes, SimpleITK images, arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import InputError, MaskError, ParameterError
from radiokit.io._mask import as_label, select_label
from radiokit.io._pair import mask_for
from radiokit.io._read import READERS, load_channels, read_volume, suffix_of
from radiokit.io._volume import Grid, Mask, Volume
from radiokit.io.sitk import from_sitk

if TYPE_CHECKING:
    import SimpleITK as sitk


class ITKImage(Protocol):
    """An image of SimpleITK, which is not loaded only to be named here."""

    def GetSize(self) -> Sequence[int]:  # noqa: N802 - ITK's name
        """Voxels along x, y, z."""

    def GetSpacing(self) -> Sequence[float]:  # noqa: N802
        """Distance between voxel centres in mm along x, y, z."""


ImageLike = str | os.PathLike[str] | Volume | ITKImage | NDArray[Any]
MaskLike = str | os.PathLike[str] | Mask | Volume | ITKImage | NDArray[Any]
Spacing = Sequence[float] | None


def as_volume(
    image: ImageLike, spacing: Spacing = None, *, series: int | str | None = None, suv: str | None = None
) -> Volume:
    """Return an image as a Volume; arrays are (z, y, x) or one slice (y, x), and have to come with a spacing.

    Raises ParameterError for an array without spacing, or anything but arrays and pictures with one; InputError for
    anything that is no image.

    Examples
    --------
    >>> as_volume(np.zeros((4, 4)), spacing=(0.5, 0.5)).spacing
    (1.0, 0.5, 0.5)
    """
    if isinstance(image, np.ndarray):
        return _volume_of_array("image", image, spacing)
    if isinstance(image, str | os.PathLike):
        return read_volume(image, series=series, suv=suv, spacing=spacing)
    if spacing is not None:
        raise ParameterError("spacing= is for arrays and pictures; volumes and SimpleITK images have their own.")
    if isinstance(image, Volume):
        return image
    if _is_sitk(image):
        return from_sitk(image)
    raise InputError(f"The image is {type(image).__name__}; required: a path, a Volume, a SimpleITK image or an array.")


def as_mask(
    mask: MaskLike,
    image: Volume,
    label: int | str | float | None = None,
    spacing: Spacing = None,
    roi: int | str | None = None,
) -> Mask:
    """Return a region, or a label of a label map, as a Mask on its own grid; an array lies on the grid of the image.

    Raises MaskError if the region is empty or the label is not there, InputError for anything that is no mask.

    Examples
    --------
    >>> image = as_volume(np.zeros((1, 2, 2)), spacing=(1, 1, 1))
    >>> as_mask(np.array([[[0, 2], [2, 2]]]), image).metadata["label"]
    2
    """
    if isinstance(mask, str | os.PathLike):
        return mask_for(image, mask, label=label, roi=roi)
    if isinstance(mask, Mask):
        return mask
    if isinstance(mask, np.ndarray):
        grid: Grid = _volume_of_array("mask", mask, spacing if spacing is not None else image.spacing[-mask.ndim :])
        if grid.shape == image.shape:
            grid = image.with_array(grid.array)
    elif isinstance(mask, Grid):
        grid = mask
    elif _is_sitk(mask):
        grid = from_sitk(mask)
    else:
        raise InputError(f"The mask is {type(mask).__name__}; required: a path, a Mask, a SimpleITK image or an array.")
    labels = Volume(grid.array.astype(np.uint8) if grid.array.dtype == bool else grid.array)
    found, region = select_label(labels, as_label(label), Path("The mask"))
    return Mask(region, grid.spacing, grid.origin, grid.direction, {"label": found})


def channel_of(mask: MaskLike, channel: int) -> MaskLike:
    """Return one channel (from 0 on) of a mask that holds several; any other mask as it is. MaskError beyond the last.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> both = sitk.Compose(sitk.Image(4, 4, 4, sitk.sitkUInt8), sitk.Image(4, 4, 4, sitk.sitkUInt8) + 1)
    >>> channel_of(both, 1)[0, 0, 0]
    1
    """
    if isinstance(mask, str | os.PathLike):
        path = Path(mask)
        if not path.is_file() or suffix_of(path) not in READERS:
            return mask
        channels = load_channels(path)
        _require_channel(channel, len(channels.array))
        return channels.volume(channel) if len(channels.array) > 1 else mask
    if not _is_sitk(mask) or mask.GetNumberOfComponentsPerPixel() == 1:
        return mask
    import SimpleITK as sitk

    _require_channel(channel, mask.GetNumberOfComponentsPerPixel())
    return sitk.VectorIndexSelectionCast(mask, channel)


def _require_channel(channel: int, found: int) -> None:
    if 1 < found <= channel:
        raise MaskError(f"The mask holds {found} channels; channel {channel} (counted from 0) is asked for.")


def _volume_of_array(name: str, array: NDArray[Any], spacing: Spacing) -> Volume:
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf":
        raise InputError(
            f"The {name} is an array of shape {array.shape} and type {array.dtype}; "
            "required: numbers, (z, y, x) or (y, x)."
        )
    if spacing is None or len(spacing) != array.ndim:
        raise ParameterError(
            f"spacing={spacing!r} with an array of {array.ndim} axes; required: {array.ndim} numbers of mm in "
            f"the order {'z, y, x' if array.ndim == 3 else 'y, x'}."
        )
    z, y, x = (1.0, *spacing)[-3:]
    return Volume(array if array.ndim == 3 else array[None], (z, y, x))


def _is_sitk(thing: object) -> TypeGuard[sitk.Image]:
    return type(thing).__module__.startswith("SimpleITK") and type(thing).__name__ == "Image"
