"""A new spacing for a whole image or a whole mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.io import Mask, Volume
from radiokit.preprocessing.ibsi_grid import ORDERS, resample_centred

Spacing = Sequence[float | None]


def resample(volume: Volume, spacing: Spacing, *, interpolator: str = "cubic", anti_aliasing: bool = False) -> Volume:
    """Resample a whole image; old and new grid have one centre.

    Parameters
    ----------
    volume : Volume
        The image.
    spacing : sequence of 3 float or None
        New distance between voxel centres in mm, (z, y, x): ``(1, 1, 1)`` is isotropic, ``(None, 1, 1)`` in plane.
    interpolator : {"cubic", "bspline", "linear", "nearest"}
        ``"cubic"`` and ``"bspline"`` are both the cubic B-spline.
    anti_aliasing : bool
        Smooth with a Gaussian along axes that become coarser.

    Returns
    -------
    Volume
        float64, on the new grid.

    Raises
    ------
    ParameterError
        If the spacing or the interpolator is not as above.

    Examples
    --------
    >>> resample(Volume(np.zeros((2, 4, 4)), spacing=(3, 1, 1)), (1, 1, 1)).shape
    (6, 4, 4)
    """
    _check(spacing, interpolator)
    everything = Mask(np.ones(volume.shape, bool), volume.spacing, volume.origin, volume.direction)
    return resample_centred(
        volume,
        everything,
        spacing,
        interpolator=interpolator,
        mask_interpolator="nearest",
        anti_aliasing=anti_aliasing,
    )[0]


def resample_mask(mask: Mask, spacing: Spacing, *, interpolator: str = "linear") -> Mask:
    """Resample a whole mask as `resample` does an image: the two stay on one grid.

    Parameters
    ----------
    mask : Mask
        The region.
    spacing : sequence of 3 float or None
        As in `resample`.
    interpolator : {"linear", "nearest"}
        With ``"linear"`` a voxel belongs to the region from one half on.

    Returns
    -------
    Mask
        On the new grid.

    Raises
    ------
    MaskError
        If no voxel of the region is left.
    ParameterError
        If the spacing or the interpolator is not as above.

    Examples
    --------
    >>> resample_mask(Mask(np.ones((2, 4, 4), bool), spacing=(3, 1, 1)), (None, 2, 2)).shape
    (2, 2, 2)
    """
    _check(spacing, interpolator)
    blank = Volume(np.zeros(mask.shape), mask.spacing, mask.origin, mask.direction)
    return resample_centred(blank, mask, spacing, interpolator="nearest", mask_interpolator=interpolator)[1]


def _check(spacing: Spacing, interpolator: str) -> None:
    if len(spacing) != 3 or not all(s is None or 0 < s < np.inf for s in spacing):
        raise ParameterError(
            f"spacing={spacing!r}; required: 3 positive numbers of mm (z, y, x), None to keep an axis."
        )
    if interpolator not in ORDERS:
        raise ParameterError(f"interpolator={interpolator!r}; required: one of {', '.join(ORDERS)}.")
