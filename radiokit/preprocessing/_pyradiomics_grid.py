"""The grids of pyradiomics 3.0.1: resampling around the region, and a mask brought onto the grid of its image."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from radiokit.exceptions import MaskError
from radiokit.io import Mask, Volume, from_sitk, to_sitk
from radiokit.io._sitk import indices_at, positions
from radiokit.preprocessing._bspline import Grid, can_interpolate, interpolate_cubic
from radiokit.preprocessing._crop import Box, bounding_box, crop

INTERPOLATORS = {
    "nearest": "sitkNearestNeighbor",
    "linear": "sitkLinear",
    "bspline": "sitkBSpline",
    "cubic": "sitkBSpline",
    "gaussian": "sitkGaussian",
    "label_gaussian": "sitkLabelGaussian",
    "hamming_sinc": "sitkHammingWindowedSinc",
    "cosine_sinc": "sitkCosineWindowedSinc",
    "welch_sinc": "sitkWelchWindowedSinc",
    "lanczos_sinc": "sitkLanczosWindowedSinc",
    "blackman_sinc": "sitkBlackmanWindowedSinc",
}
CORNER_TOLERANCE = 1e-3  # voxels


def resample_around(
    image: Volume,
    mask: Mask,
    spacing: tuple[float | None, float | None, float | None],
    *,
    interpolator: str = "bspline",
    padding: int = 5,
    keep_type: bool = True,
) -> tuple[Volume, Mask]:
    """Resample an image and its region to a new spacing, on the part of the grid that covers the region.

    Parameters
    ----------
    image : Volume
        The image.
    mask : Mask
        The region; its grid is the one that is subdivided, and it has to lie inside of the image.
    spacing : tuple of 3 float or None
        New spacing in mm, (z, y, x); None keeps an axis, and so does an axis along which the region is one voxel long.
    interpolator : str
        For the image, one of `radiokit.features.Resampling`; the mask takes the nearest voxel.
    padding : int
        New voxels to keep around the region.
    keep_type : bool
        Give the image its own type again; ITK then drops the fraction of values of an image of integers.

    Returns
    -------
    image : Volume
        The resampled part of the image.
    mask : Mask
        The region on the same grid.

    Raises
    ------
    MaskError
        If the region reaches out of the image.

    Notes
    -----
    The corner of the first new voxel lies at the corner of the first old one, and the region's box, widened by half an
    old voxel and by `padding`, is what is kept (pyradiomics 3.0.1, ``imageoperations.resampleImage``). If the image has
    the spacing already, it is only cropped.

    Examples
    --------
    >>> image = Volume(np.arange(64.0).reshape(4, 4, 4), spacing=(2, 2, 2))
    >>> part, region = resample_around(image, Mask(np.ones((4, 4, 4), bool), spacing=(2, 2, 2)), (1, 1, 1), padding=0)
    >>> part.shape, part.spacing
    ((8, 8, 8), (1.0, 1.0, 1.0))
    """
    require_inside(image, mask)
    box = bounding_box(mask)
    old = np.array(mask.spacing)
    lengths = np.array([s.stop - s.start for s in box])
    new = np.array([o if n is None else n for n, o in zip(spacing, old, strict=True)])
    new = np.where(lengths != 1, new, old)
    if np.allclose(image.spacing, new):
        moved = on_grid_of(image, mask)
        box = bounding_box(moved)
        return crop(image, box, padding=padding), crop(moved, box, padding=padding)

    ratio = old / new
    start, stop = np.array([s.start for s in box]), np.array([s.stop for s in box])
    first = np.maximum(np.floor((start - 0.5) * ratio - padding), 0)
    last = np.minimum(np.ceil((stop - 0.5) * ratio + padding), np.ceil(np.array(mask.shape) * ratio) - 1)
    region = to_sitk(mask)
    corner = 0.5 * (new - old) / old + first / ratio
    origin = region.TransformContinuousIndexToPhysicalPoint(corner[::-1].tolist())

    nx, ny, nz = (last - first + 1).astype(int)[::-1].tolist()
    sx, sy, sz = new[::-1].tolist()
    target = Grid((nx, ny, nz), (sx, sy, sz), origin, region.GetDirection())
    labels = _resampled(region, target, "nearest", region.GetPixelID())
    moved = Mask(labels.array > 0, labels.spacing, labels.origin, labels.direction, mask.metadata)
    if INTERPOLATORS[interpolator] == "sitkBSpline" and can_interpolate(image):
        return labels.with_array(interpolate_cubic(image, target, keep_type=keep_type)), moved
    source = to_sitk(image)
    return _resampled(source, target, interpolator, source.GetPixelID() if keep_type else sitk.sitkFloat64), moved


def _resampled(source: sitk.Image, target: Grid, interpolator: str, pixel_type: int) -> Volume:
    grid = sitk.ResampleImageFilter()
    grid.SetSize(target.size)
    grid.SetOutputSpacing(target.spacing)
    grid.SetOutputOrigin(target.origin)
    grid.SetOutputDirection(target.direction)
    grid.SetOutputPixelType(pixel_type)
    grid.SetInterpolator(getattr(sitk, INTERPOLATORS[interpolator]))
    return from_sitk(grid.Execute(source))


def on_grid_of(image: Volume, mask: Mask) -> Mask:
    """Bring a mask onto the grid of an image: each voxel takes the nearest voxel of the mask.

    Parameters
    ----------
    image : Volume
        Whose grid to use.
    mask : Mask
        The region, which has to lie inside of the image.

    Returns
    -------
    Mask
        The region on the image's grid.

    Raises
    ------
    MaskError
        If the region reaches out of the image, or no voxel of it is left.

    Examples
    --------
    >>> coarse = Mask(np.ones((1, 2, 2), bool), spacing=(1, 2, 2), origin=(0, 0.5, 0.5))
    >>> on_grid_of(Volume(np.zeros((1, 4, 4))), coarse).array.sum()
    np.int64(16)
    """
    same = image.shape == mask.shape and image.spacing == mask.spacing
    if same and image.origin == mask.origin and image.direction == mask.direction:
        return mask
    require_inside(image, mask)
    grid = sitk.ResampleImageFilter()
    grid.SetSize([int(n) for n in image.shape[::-1]])
    grid.SetOutputSpacing(image.spacing[::-1])
    grid.SetOutputOrigin(image.origin[::-1])
    grid.SetOutputDirection(image.direction[::-1])
    grid.SetInterpolator(sitk.sitkNearestNeighbor)
    array = sitk.GetArrayFromImage(grid.Execute(to_sitk(mask))) > 0
    if not array.any():
        raise MaskError("No voxel of the region is left on the grid of the image: it is smaller than a voxel there.")
    return Mask(array, image.spacing, image.origin, image.direction, mask.metadata)


def require_inside(image: Volume, mask: Mask) -> None:
    """Raise MaskError where the box of a region reaches out of the image.

    Parameters
    ----------
    image : Volume
        The image.
    mask : Mask
        The region, on any grid.

    Raises
    ------
    MaskError
        If a corner of the region's box lies outside, with the voxel coordinates of both.

    Examples
    --------
    >>> require_inside(Volume(np.zeros((2, 2, 2))), Mask(np.ones((2, 2, 2), bool)))
    """
    box: Box = bounding_box(mask)
    corners = np.array([[s.start - 0.5 for s in box], [s.stop - 0.5 for s in box]])
    found = indices_at(image, positions(mask, corners))
    low, high = found.min(axis=0), found.max(axis=0)
    shape = np.array(image.shape)
    if (low < -0.5 - CORNER_TOLERANCE).any() or (high > shape - 0.5 + CORNER_TOLERANCE).any():
        raise MaskError(
            f"The region reaches out of the image: its box goes from voxel {np.round(low, 2).tolist()} to "
            f"{np.round(high, 2).tolist()} (z, y, x) of an image of {image.shape} voxels. "
            "Do image and mask belong together?"
        )
