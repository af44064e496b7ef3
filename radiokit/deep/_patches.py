"""Crops of one size in voxels and mm around a region: what a network sees of a case. numpy and SimpleITK, no torch.

A crop lies on a grid of its own, its *frame*: centred on the region, its axes those of the image in the order and
direction nearest to the patient's (feet to head, front to back, right to left), so that files which store the same
image turned over give the same crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiokit.exceptions import GeometryError, InputError, MaskError, ParameterError
from radiokit.io import Grid, Mask, Volume, to_sitk
from radiokit.io.sitk import indices_at, positions
from radiokit.preprocessing import bounding_box, crop

PLANES = ("orthogonal", "adjacent")
TOO_LARGE = ("crop", "zoom", "error")
# A region that is larger than the crop by less than this part of a voxel fits.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Frame:
    """The grid of a crop: size in voxels, the rest as in `radiokit.io.Grid`, all in (z, y, x) order."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]
    fill: float = 0.0  # extent of the region in the crop that was asked for; above 1 it is larger

    def sample(self, image: sitk.Image, interpolator: int, outside: float) -> NDArray[np.float32]:
        """Values of an image at the voxels of the frame, float32 (z, y, x); `outside` beyond the image."""
        grid = sitk.ResampleImageFilter()
        grid.SetSize([int(n) for n in self.size[::-1]])
        grid.SetOutputSpacing(self.spacing[::-1])
        grid.SetOutputOrigin(self.origin[::-1])
        grid.SetOutputDirection(self.direction[::-1])
        grid.SetOutputPixelType(sitk.sitkFloat32)
        grid.SetInterpolator(interpolator)
        grid.SetDefaultPixelValue(outside)
        return sitk.GetArrayFromImage(grid.Execute(image))


def patch(
    image: Volume,
    mask: Mask,
    *,
    size: Sequence[int] = (48, 48, 48),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    dimension: str = "3D",
    planes: str = "orthogonal",
    window: tuple[float, float] | str | None = None,
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
        If the region lies outside of the image.
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
    check_settings(size, spacing, dimension, planes, window, background, too_large)
    require_volume(image, dimension)
    frames = patch_frames(mask, size=size, spacing=spacing, dimension=dimension, planes=planes, too_large=too_large)
    return cut_image(image, frames, window=window, background=background)


def require_volume(image: Volume, dimension: str) -> None:
    """Raise InputError where a volume is needed and the image is one slice."""
    if dimension == "3D" and 1 in image.shape:
        raise InputError(
            f"The image has shape {image.shape}, one slice; dimension='3D' needs a volume. Use dimension='2D'."
        )


def cut_image(
    image: Volume, frames: Sequence[Frame], *, window: tuple[float, float] | str | None, background: float | None
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
    size, spacing, dimension, planes, too_large
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
    frames = patch_frames(mask, size=size, spacing=spacing, dimension=dimension, planes=planes, too_large=too_large)
    return cut_shares(mask, frames) >= 0.5


def cut_shares(mask: Mask, frames: Sequence[Frame]) -> NDArray[np.float32]:
    """Cut frames out of a region, stacked along z: 1 inside, 0 outside, in between at its edge."""
    labels = to_sitk(crop(mask, bounding_box(mask), padding=1))
    return np.concatenate([frame.sample(labels, sitk.sitkLinear, 0.0) for frame in frames])


def patch_frames(
    mask: Mask,
    *,
    size: Sequence[int] = (48, 48, 48),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    dimension: str = "3D",
    planes: str = "orthogonal",
    too_large: str = "crop",
) -> list[Frame]:
    """Return where the crop lies in the patient: one frame, or one for each orthogonal slice.

    Parameters
    ----------
    mask : Mask
        The region.
    size, spacing, dimension, planes, too_large
        As in `patch`.

    Returns
    -------
    list of Frame
        Stacked along z they are the patch.

    Raises
    ------
    MaskError, ParameterError
        As `patch`.
    """
    check_settings(size, spacing, dimension, planes, None, None, too_large)
    upright = _upright(mask)
    n, step = _triple(size), np.array([float(s) for s in spacing])
    if dimension == "3D":
        return [_frame(upright, bounding_box(upright), np.array(n), step, too_large)]
    if dimension == "2.5D" and planes == "orthogonal":
        plane = np.array([1, n[1], n[2]])
        return [
            _frame(view, _largest_slice(view), plane, step, too_large)
            for view in (upright, _turned(upright, (1, 0, 2)), _turned(upright, (2, 0, 1)))
        ]
    slices = 1 if dimension == "2D" else 3
    return [_frame(upright, _largest_slice(upright), np.array([slices, n[1], n[2]]), step, too_large)]


def check_settings(
    size: Any, spacing: Any, dimension: Any, planes: Any, window: Any, background: Any, too_large: Any
) -> None:
    """Raise ParameterError where a setting of `patch` is not as it has to be."""
    for name, value, known in (
        ("dimension", dimension, ("3D", "2.5D", "2D")),
        ("planes", planes, PLANES),
        ("too_large", too_large, TOO_LARGE),
    ):
        if value not in known:
            raise ParameterError(f"{name}={value!r}; required: one of {', '.join(map(repr, known))}.")
    if np.shape(size) != (3,) or not all(isinstance(n, int | np.integer) and n > 0 for n in size):
        raise ParameterError(f"size={size!r}; required: 3 whole numbers of voxels from 1 on, (z, y, x).")
    if np.shape(spacing) != (3,) or not all(0 < float(s) < np.inf for s in spacing):
        raise ParameterError(f"spacing={spacing!r}; required: 3 positive numbers of mm, (z, y, x).")
    if background is not None and not np.isfinite(background):
        raise ParameterError(f"background={background!r}; required: a finite number, or None.")
    if window is None or (isinstance(window, str) and window == "zscore"):
        return
    if isinstance(window, str) or np.shape(window) != (2,) or not -np.inf < window[0] < window[1] < np.inf:
        raise ParameterError(f"window={window!r}; required: (low, high) with low below high, 'zscore', or None.")


def _triple(values: Sequence[Any]) -> tuple[int, int, int]:
    z, y, x = (int(v) for v in values)
    return (z, y, x)


def _upright(mask: Mask) -> Mask:
    """Turn the axes of a mask over and round until they are nearest to the patient's; no voxel moves in the patient."""
    cosines = np.reshape(mask.direction, (3, 3))
    order = max(permutations(range(3)), key=lambda p: sum(abs(cosines[i, p[i]]) for i in range(3)))
    turned = _turned(mask, order)
    cosines = np.reshape(turned.direction, (3, 3)).copy()
    flips = [i for i in range(3) if cosines[i, i] < 0]
    if not flips:
        return turned
    corner = [turned.shape[i] - 1 if i in flips else 0 for i in range(3)]
    z, y, x = (float(v) for v in positions(turned, np.array([corner]))[0])
    cosines[:, flips] *= -1
    return replace(turned, array=np.flip(turned.array, tuple(flips)), origin=(z, y, x), direction=_nine(cosines))


def _turned(mask: Mask, order: Sequence[int]) -> Mask:
    """Put the axes of a mask in another order; no voxel moves in the patient."""
    a, b, c = (mask.spacing[i] for i in order)
    cosines = np.reshape(mask.direction, (3, 3))[:, list(order)]
    return replace(mask, array=mask.array.transpose(order), spacing=(a, b, c), direction=_nine(cosines))


def _nine(cosines: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(v) for v in cosines.ravel())


def _largest_slice(mask: Mask) -> tuple[slice, slice, slice]:
    """Box of the largest cross-section along the first axis; the middle one of several that are equal."""
    areas = mask.array.sum(axis=(1, 2))
    candidates = np.flatnonzero(areas == areas.max())
    z = int(candidates[(candidates.size - 1) // 2])
    _, y, x = bounding_box(mask.array[z : z + 1])
    return slice(z, z + 1), y, x


def _frame(
    mask: Mask, box: tuple[slice, slice, slice], size: NDArray[np.int_], step: NDArray[np.float64], too_large: str
) -> Frame:
    """Return the frame around a box; the first axis of slices (fewer than asked of a volume) is never too short."""
    low, high = (np.array([getattr(s, end) for s in box]) - 0.5 for end in ("start", "stop"))
    extent = (high - low) * np.array(mask.spacing)
    seen = np.array([i for i in range(3) if not (i == 0 and box[0].stop - box[0].start == 1)])
    ratio = float(np.max(extent[seen] / (size * step)[seen]))
    if ratio > 1 + TOLERANCE:
        if too_large == "error":
            raise MaskError(
                f"The region measures {_mm(extent)} mm (z, y, x) and the crop {_mm(size * step)} mm. Use a larger "
                "size or spacing, or too_large='crop' or 'zoom'."
            )
        if too_large == "zoom":
            step = step * ratio
    cosines = np.reshape(mask.direction, (3, 3))
    centre = positions(mask, np.array([(low + high) / 2]))[0]
    oz, oy, ox = (float(v) for v in centre - cosines @ ((size - 1) / 2 * step))
    sz, sy, sx = (float(s) for s in step)
    return Frame(_triple(size.tolist()), (sz, sy, sx), (oz, oy, ox), mask.direction, ratio)


def _mm(lengths: NDArray[np.float64]) -> str:
    return " x ".join(f"{v:.4g}" for v in lengths)


def _values(image: Volume, frame: Frame) -> NDArray[np.float32]:
    """Sample an image on a frame; NaN beyond the image."""
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(frame.size) - 1)
    reach = indices_at(image, positions(frame, corners))
    start = np.floor(reach.min(axis=0)).astype(int)
    stop = np.ceil(reach.max(axis=0)).astype(int) + 1
    if (stop <= 0).any() or (start >= np.array(image.shape)).any():
        raise GeometryError("The region lies outside of the image: do image and mask belong together?")
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
    """Which voxels of a frame lie inside of an image, its outer voxels to their full width."""
    first, *steps = indices_at(image, positions(frame, np.vstack([np.zeros(3), np.eye(3)])))
    along = [np.arange(n)[:, None] * (step - first) for n, step in zip(frame.size, steps, strict=True)]
    index = first + along[0][:, None, None] + along[1][None, :, None] + along[2][None, None, :]
    return ((index >= -0.5 - TOLERANCE) & (index <= np.array(image.shape) - 0.5 + TOLERANCE)).all(axis=-1)


def _scaled(
    cut: NDArray[np.float32], window: tuple[float, float] | str | None, background: float | None
) -> NDArray[np.float32]:
    beyond = np.isnan(cut)
    inside = cut[~beyond]
    if not inside.size:
        raise GeometryError("The crop lies outside of the image: do image and mask belong together?")
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
