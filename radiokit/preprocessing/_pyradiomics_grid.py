"""The grids of pyradiomics 3.0.1: resampling around the region, and a mask brought onto the grid of its image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import MaskError
from radiokit.io import Mask, Volume, to_sitk
from radiokit.io.geometry import on_grid_of
from radiokit.io.sitk import indices_at, positions
from radiokit.preprocessing._bspline import can_interpolate, interpolate_cubic
from radiokit.preprocessing._grids import Grid, nearest, resampler
from radiokit.preprocessing.boxes import Box, bounding_box, crop
from radiokit.preprocessing.budget import BYTES_OF_A_VOXEL, MOST_SECONDS_OF_A_GRID, SECONDS_OF_A_VOXEL, by, require
from radiokit.preprocessing.choices import sitk_name

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
        moved = on_grid_of(mask, image)
        box = bounding_box(moved)
        return crop(image, box, padding=padding), crop(moved, box, padding=padding)

    ratio = old / new
    start, stop = np.array([s.start for s in box]), np.array([s.stop for s in box])
    first = np.maximum(np.floor((start - 0.5) * ratio - padding), 0)
    last = np.minimum(np.ceil((stop - 0.5) * ratio + padding), np.ceil(np.array(mask.shape) * ratio) - 1)
    n_voxels = float(np.prod(last - first + 1))
    require(
        f"Resampling to {by(new)} mm, {by(last - first + 1)} voxels around the region,",
        memory=BYTES_OF_A_VOXEL * n_voxels,
        seconds=SECONDS_OF_A_VOXEL * n_voxels,
        most_seconds=MOST_SECONDS_OF_A_GRID,
        instead="Use a coarser spacing, or a smaller padding.",
    )
    corner = 0.5 * (new - old) / old + first / ratio
    grid = Grid.of(mask)
    nx, ny, nz = (last - first + 1).astype(int)[::-1].tolist()
    sx, sy, sz = new[::-1].tolist()
    target = Grid((nx, ny, nz), (sx, sy, sz), grid.point(corner[::-1]), grid.direction)
    moved = Mask(nearest(mask, target), (sz, sy, sx), target.origin[::-1], mask.direction, mask.metadata)
    if interpolator in ("bspline", "cubic") and can_interpolate(image):
        values = interpolate_cubic(image, target, keep_type=keep_type)
    else:
        values = _interpolate(image, target, sitk_name(interpolator), keep_type=keep_type)
    return Volume(values, moved.spacing, moved.origin, moved.direction), moved


def _interpolate(image: Volume, target: Grid, interpolator: str, *, keep_type: bool) -> NDArray[np.generic]:
    import SimpleITK as sitk

    source = to_sitk(image)
    grid = resampler(target)
    grid.SetOutputPixelType(source.GetPixelID() if keep_type else sitk.sitkFloat64)
    grid.SetInterpolator(getattr(sitk, interpolator))
    return np.asarray(sitk.GetArrayFromImage(grid.Execute(source)))


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
