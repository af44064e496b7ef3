"""What a network sees of a case: the intensities and the region of a crop. numpy and SimpleITK, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiokit.deep._frames import TOLERANCE, CropShape, Frame
from radiokit.exceptions import GeometryError, InputError, ParameterError
from radiokit.io import Grid, Mask, Volume, to_sitk
from radiokit.io.sitk import indices_at, positions
from radiokit.preprocessing import bounding_box, crop

Window = tuple[float, float] | str | None


def patch(
    image: Volume,
    mask: Mask,
    *,
    size: Sequence[int] = (48, 48, 48),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    dimension: str = "3D",
    planes: str = "orthogonal",
    window: Window = None,
    background: float | None = None,
    too_large: str = "crop",
) -> NDArray[np.float32]:
    """Cut what a network sees of a case.

    Parameters
    ----------
    image : Volume
        The image. It may lie on another grid than the mask: patient coordinates count.
    mask : Mask
        The region; the crop is centred on its box.
    size : sequence of 3 int
        Voxels of the crop, (z, y, x). Slices (2.5D, 2D) take the last two.
    spacing : sequence of 3 float
        mm between voxel centres of the crop, (z, y, x).
    dimension : {"3D", "2.5D", "2D"}
        A volume; three slices; the slice with the largest cross-section.
    planes : {"orthogonal", "adjacent"}
        Slices of 2.5D: the largest axial, coronal and sagittal cross-section, or the largest axial one between its
        two neighbours at ``spacing[0]``.
    window : (float, float), "zscore" or None
        ``(low, high)``: cut intensities there and scale to 0...1. ``"zscore"``: mean 0 and standard deviation 1 over
        the voxels of the crop (0 everywhere if they are all equal). None: intensities as they are.
    background : float, optional
        Intensity beyond the image, on the image's scale. None takes ``low`` of the window, or the lowest of the crop.
    too_large : {"crop", "zoom", "error"}
        What happens to a region larger than the crop: only its middle is seen, the spacing grows until all of it is
        seen (by one factor along all axes), or an error.

    Returns
    -------
    ndarray of float32
        Shape (z, y, x) in 3D, (3, y, x) in 2.5D, (1, y, x) in 2D.

    Raises
    ------
    MaskError
        If the mask is empty, or too large and ``too_large="error"``.
    GeometryError
        If the region lies outside the image.
    InputError
        If voxels that the crop needs are NaN or infinite, or the image is one slice and 3D is asked for.
    ParameterError
        If a setting is not as above.

    Notes
    -----
    Linear interpolation, as public weights expect it.

    Examples
    --------
    >>> values = np.arange(1000.0).reshape(10, 10, 10)
    >>> region = np.zeros((10, 10, 10), bool); region[4:7, 4:7, 4:7] = True
    >>> cut = patch(Volume(values), Mask(region), size=(3, 3, 3), window=(0, 1000))
    >>> cut.shape, round(float(cut[1, 1, 1]), 3)
    ((3, 3, 3), 0.555)
    """
    shape = CropShape(size, spacing, dimension, planes, too_large)  # type: ignore[arg-type]
    check_intensities(window, background)
    require_volume(image, dimension)
    return cut_image(image, shape.frames(mask), window=window, background=background)


def require_volume(image: Volume, dimension: str) -> None:
    """Raise InputError where a volume is needed and the image is one slice."""
    if dimension == "3D" and 1 in image.shape:
        raise InputError(
            f"The image has shape {image.shape}, one slice; dimension='3D' needs a volume. Use dimension='2D'."
        )


def cut_image(
    image: Volume, frames: Sequence[Frame], *, window: Window, background: float | None
) -> NDArray[np.float32]:
    """Cut frames out of an image, stacked along z, with intensities as `patch` scales them."""
    return _scaled(np.concatenate([_values(image, frame) for frame in frames]), window, background)


def patch_mask(
    mask: Mask,
    *,
    size: Sequence[int] = (48, 48, 48),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    dimension: str = "3D",
    planes: str = "orthogonal",
    too_large: str = "crop",
) -> NDArray[np.bool_]:
    """Cut the region as `patch` cuts its image: True where the crop shows the region.

    Parameters
    ----------
    mask : Mask
        The region.
    size, spacing : sequence of 3 numbers
        As in `patch`.
    dimension, planes, too_large : str
        As in `patch`.

    Returns
    -------
    ndarray of bool
        Of the shape of the patch; a voxel belongs to the region from one half on.

    Raises
    ------
    MaskError, ParameterError
        As `patch`.

    Examples
    --------
    >>> region = np.zeros((10, 10, 10), bool); region[4:7, 4:7, 4:7] = True
    >>> int(patch_mask(Mask(region), size=(5, 5, 5)).sum())
    27
    """
    shape = CropShape(size, spacing, dimension, planes, too_large)  # type: ignore[arg-type]
    return cut_shares(mask, shape.frames(mask)) >= 0.5


def cut_shares(mask: Mask, frames: Sequence[Frame]) -> NDArray[np.float32]:
    """Cut frames out of a region, stacked along z: 1 inside, 0 outside, in between at its edge."""
    labels = to_sitk(crop(mask, bounding_box(mask), padding=1))
    return np.concatenate([frame.sample(labels, sitk.sitkLinear, 0.0) for frame in frames])


def check_intensities(window: Window, background: float | None = None) -> None:
    """Raise ParameterError where `window` or `background` are not as `patch` describes them."""
    if background is not None and not np.isfinite(background):
        raise ParameterError(f"background={background!r}; required: a finite number, or None.")
    if window is None or (isinstance(window, str) and window == "zscore"):
        return
    if isinstance(window, str) or np.shape(window) != (2,) or not -np.inf < window[0] < window[1] < np.inf:
        raise ParameterError(f"window={window!r}; required: (low, high) with low below high, 'zscore', or None.")


def _values(image: Volume, frame: Frame) -> NDArray[np.float32]:
    """Sample an image on a frame; NaN beyond the image."""
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(frame.size) - 1)
    reach = indices_at(image, positions(frame, corners))
    start = np.floor(reach.min(axis=0)).astype(int)
    stop = np.ceil(reach.max(axis=0)).astype(int) + 1
    if (stop <= 0).any() or (start >= np.array(image.shape)).any():
        raise GeometryError("The region lies outside the image: do image and mask belong together?")
    box = tuple(slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(start, stop, image.shape, strict=True))
    part: Grid = crop(image, box)  # type: ignore[arg-type]
    if part.array.dtype.kind not in "biuf":
        raise InputError(f"The image has type {part.array.dtype}; required: numbers.")
    bad = int(np.count_nonzero(~np.isfinite(part.array)))
    if bad:
        raise InputError(
            f"{bad} of {part.array.size} voxels that the crop needs are NaN or infinite; required: numbers. Export the "
            "image again, or fill them."
        )
    values = part.with_array(part.array.astype(np.float32))
    if (start >= 0).all() and (stop <= np.array(image.shape)).all():
        return frame.sample(to_sitk(values), sitk.sitkLinear, np.nan)
    # SimpleITK counts half a voxel beyond the first one to the image, and half a voxel beyond the last one not: which
    # is first depends on how the file stores the image. Here both count.
    found = frame.sample(to_sitk(_bordered(values)), sitk.sitkLinear, np.nan)
    return np.where(_within(image, frame), found, np.float32(np.nan))


def _bordered(part: Grid) -> Grid:
    """Return a grid with one more voxel all around that repeats the border."""
    z, y, x = (float(v) for v in positions(part, np.array([[-1, -1, -1]]))[0])
    return replace(part, array=np.pad(part.array, 1, mode="edge"), origin=(z, y, x))


def _within(image: Volume, frame: Frame) -> NDArray[np.bool_]:
    """Return which voxels of a frame lie inside an image, whose outer voxels count to their full width."""
    first, *steps = indices_at(image, positions(frame, np.vstack([np.zeros(3), np.eye(3)])))
    along = [np.arange(n)[:, None] * (step - first) for n, step in zip(frame.size, steps, strict=True)]
    index = first + along[0][:, None, None] + along[1][None, :, None] + along[2][None, None, :]
    return ((index >= -0.5 - TOLERANCE) & (index <= np.array(image.shape) - 0.5 + TOLERANCE)).all(axis=-1)


def _scaled(cut: NDArray[np.float32], window: Window, background: float | None) -> NDArray[np.float32]:
    beyond = np.isnan(cut)
    inside = cut[~beyond]
    if not inside.size:
        raise GeometryError("The crop lies outside the image: do image and mask belong together?")
    if isinstance(window, tuple | list):
        low, high = window
        filled = np.where(beyond, low if background is None else background, cut)
        return ((np.clip(filled, low, high) - low) / (high - low)).astype(np.float32)
    filled = np.where(beyond, inside.min() if background is None else background, cut)
    if window is None:
        return filled.astype(np.float32)
    mean, sd = float(inside.mean(dtype=float)), float(inside.std(dtype=float))
    # What is left of a constant image after interpolation is rounding.
    if sd <= 1e-6 * max(abs(mean), 1e-30):
        return np.zeros_like(cut)
    return ((filled - mean) / sd).astype(np.float32)
