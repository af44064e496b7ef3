"""The grid of the IBSI reference manual: old and new centre coincide, and the new grid is never smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import MaskError
from radiokit.io import Mask, Volume
from radiokit.preprocessing.budget import BYTES_OF_A_VOXEL, MOST_SECONDS_OF_A_GRID, SECONDS_OF_A_VOXEL, by, require

ORDERS = {"nearest": 0, "linear": 1, "cubic": 3, "bspline": 3}


def resample_centred(
    image: Volume,
    mask: Mask,
    spacing: Sequence[float | None],
    *,
    interpolator: str = "linear",
    mask_interpolator: str = "linear",
    anti_aliasing: bool = False,
) -> tuple[Volume, Mask]:
    """Put an image and a mask onto a new grid whose centre is that of the old one.

    Parameters
    ----------
    image : Volume
        The image.
    mask : Mask
        The region, on the grid of the image.
    spacing : sequence of 3 float or None
        New distance between voxel centres in mm, (z, y, x); None keeps an axis.
    interpolator : {"nearest", "linear", "cubic", "bspline"}
        For the image; cubic and bspline are both the interpolating cubic spline.
    mask_interpolator : {"linear", "nearest"}
        For the mask; a voxel belongs to the region from one half on.
    anti_aliasing : bool
        Smooth the image first along axes that become coarser: Gaussian of (new / old - 1) / 2 old voxels.

    Returns
    -------
    image : Volume
        float64.
    mask : Mask
        On the same new grid.

    Raises
    ------
    MaskError
        If no voxel of the region is left.

    Notes
    -----
    n_new = ceil(n_old · old / new); beyond the border the nearest value is repeated (IBSI reference manual, chapter
    2.4, doi 10.1148/radiol.2020191145).

    Examples
    --------
    >>> image = Volume(np.zeros((2, 3, 4)), spacing=(2.0, 1.0, 1.0))
    >>> resample_centred(image, Mask(np.ones((2, 3, 4), bool), spacing=(2.0, 1.0, 1.0)), (1, 1, 1))[0].shape
    (4, 3, 4)
    """
    old = np.array(image.spacing)
    new = np.array([o if n is None else float(n) for o, n in zip(old, spacing, strict=True)])
    factor = new / old
    shape = np.array(image.shape, dtype=float)
    _require(shape, np.ceil(shape / factor), new)
    size = np.ceil(np.array(image.shape) / factor - 1e-9).astype(int)
    start = ((np.array(image.shape) - 1) - (size - 1) * factor) / 2
    values = image.array.astype(float)
    if anti_aliasing:
        from scipy import ndimage

        values = ndimage.gaussian_filter(values, np.maximum((factor - 1) / 2, 0), mode="nearest")

    shift = np.asarray(image.direction).reshape(3, 3) @ (start * old)
    origin = tuple(float(v) for v in np.asarray(image.origin) + shift)
    grid: dict[str, Any] = {"spacing": tuple(map(float, new)), "origin": origin, "direction": image.direction}

    def moved(array: np.ndarray, order: int) -> np.ndarray:
        for axis in np.argsort(size / array.shape):  # what shrinks first: later axes have less to do
            array = _along(array, int(axis), _weights(array.shape[axis], size[axis], factor[axis], start[axis], order))
        return array

    inside = moved(mask.array.astype(float), ORDERS[mask_interpolator]) >= 0.5 - 1e-9
    if not inside.any():
        raise MaskError(f"Resampling to {tuple(new)} mm left no voxel of the region; use a finer spacing.")
    return (
        Volume(moved(values, ORDERS[interpolator]), metadata=image.metadata, **grid),
        Mask(inside, metadata=mask.metadata, **grid),
    )


def _require(old: NDArray[np.float64], new: NDArray[np.float64], spacing: NDArray[np.float64]) -> None:
    """Refuse a grid that is too large, for the weights of each axis too."""
    voxels = float(np.prod(new))
    require(
        f"Resampling to {by(spacing)} mm, a grid of {by(new)} voxels,",
        memory=BYTES_OF_A_VOXEL * voxels + 8 * (float(np.prod(old)) + float((old * new).sum())),
        seconds=voxels * (SECONDS_OF_A_VOXEL + 1e-9 * float(old.max())),
        most_seconds=MOST_SECONDS_OF_A_GRID,
        instead="Use a coarser spacing.",
    )


def _weights(n_old: int, n_new: int, factor: float, start: float, order: int) -> NDArray[np.float64]:
    """Share of each old value in each new one along an axis, shape (n_new, n_old): what unit vectors become."""
    from scipy import ndimage

    columns = np.empty((n_old, n_new))
    for unit, column in zip(np.eye(n_old), columns, strict=True):
        ndimage.affine_transform(
            unit, [factor], start, output_shape=(n_new,), output=column, order=order, mode="nearest"
        )
    return columns.T


def _along(array: np.ndarray, axis: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolation is linear in the values, and separate for each axis: a product of matrices."""
    if axis == 0:
        return (weights @ array.reshape(len(array), -1)).reshape(len(weights), *array.shape[1:])
    return weights @ array if axis == 1 else array @ weights.T
