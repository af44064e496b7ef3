"""The tissue around a tumour: a ring of given distances in mm."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import DataWarning, InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume, check_geometry
from radiokit.preprocessing.boxes import bounding_box


def ring(
    mask: Mask,
    inner: float,
    outer: float,
    *,
    exclude: Mask | None = None,
    image: Volume | None = None,
    intensities: tuple[float | None, float | None] | None = None,
) -> Mask:
    r"""Return the ring around a region: the voxels whose distance to it lies between two bounds.

    Parameters
    ----------
    mask : Mask
        The region, such as a tumour; it is not changed.
    inner : float
        Where the ring begins, in mm. 0 is the border of the region; a negative value takes in the rim of the region
        itself.
    outer : float
        Where it ends, in mm; voxels at just this distance belong to it.
    exclude : Mask, optional
        What does not belong to the ring: air, bone, another organ; on the grid of the mask.
    image : Volume, optional
        The image, for `intensities`.
    intensities : tuple of 2 float or None, optional
        Only voxels with an intensity from the first to the second belong to the ring; None leaves a side open.
        ``(-100, None)`` keeps air and fat of a CT out.

    Returns
    -------
    Mask
        Voxels with inner < d <= outer.

    Raises
    ------
    ParameterError
        If the bounds are not two numbers that ascend, or one of `image` and `intensities` comes without the other.
    MaskError
        If the region is empty, or the ring is.
    GeometryError
        If the grids differ.

    Warns
    -----
    DataWarning
        If a part of the ring lies beyond the grid, with its share.

    Notes
    -----
    The distance d of a voxel outside is that of its centre to the centre of the nearest voxel of the region, exactly
    and in mm, whatever the spacing (Maurer et al. 2003, doi:10.1109/TPAMI.2003.1177156). Inside it is minus the
    distance to the nearest voxel that does not belong to the region. With slices of 5 mm, a ring of 3 mm lies within
    the slices of the region.

    Examples
    --------
    >>> point = np.zeros((3, 7, 7), bool); point[1, 3, 3] = True
    >>> ring(Mask(point, spacing=(5, 1, 1)), 0, 2).array.sum(axis=(1, 2)).tolist()
    [0, 12, 0]
    >>> ring(Mask(point, spacing=(5, 1, 1)), 1, 2).array[1, 3].astype(int).tolist()
    [0, 1, 0, 0, 0, 1, 0]
    """
    from scipy import ndimage

    if not np.isfinite([inner, outer]).all() or not inner < outer:
        raise ParameterError(f"inner={inner!r}, outer={outer!r}; required: two numbers of mm, the first smaller.")
    if (image is None) != (intensities is None):
        raise ParameterError("image= and intensities= go together: the image, and the range that belongs to the ring.")
    box = bounding_box(mask)
    # Beyond the grid too, to know what is lost there.
    margin = [int(max(outer, 0) / step) + 1 for step in mask.spacing]
    part = np.pad(mask.array[box], [(m, m) for m in margin])
    distance = ndimage.distance_transform_edt(~part, sampling=mask.spacing)
    if inner < 0:
        distance -= ndimage.distance_transform_edt(part, sampling=mask.spacing)
    tiny = 1e-9 * max(abs(inner), abs(outer))
    whole = np.argwhere((distance > inner + tiny) & (distance <= outer + tiny))
    places = whole + [s.start - m for s, m in zip(box, margin, strict=True)]
    on_grid = ((places >= 0) & (places < mask.shape)).all(axis=1)
    found = np.zeros_like(mask.array)
    found[tuple(places[on_grid].T)] = True
    found &= _allowed(mask, exclude, image, intensities)
    if not found.any():
        raise MaskError(
            f"The ring from {inner:g} to {outer:g} mm is empty: {len(whole)} voxels lie at these distances, "
            f"{int(on_grid.sum())} of them on the grid (spacing {mask.spacing} mm), none after exclusions."
        )
    if not on_grid.all():
        lost = 1 - on_grid.mean()
        warnings.warn(
            f"{100 * lost:.2g} % of the ring ({len(whole) - int(on_grid.sum())} of {len(whole)} voxels) lie beyond "
            "the border of the image: lost.",
            DataWarning,
            stacklevel=2,
        )
    return mask.with_array(found)


def _allowed(
    mask: Mask,
    exclude: Mask | None,
    image: Volume | None,
    intensities: tuple[float | None, float | None] | None,
) -> NDArray[np.bool_]:
    allowed = np.ones(mask.shape, dtype=bool)
    if exclude is not None:
        allowed &= ~check_geometry(mask, exclude).array
    if image is not None and intensities is not None:
        check_geometry(image, mask)
        low, high = intensities
        if low is not None and high is not None and not low <= high:
            raise InputError(f"intensities={intensities!r}; required: the lower one first.")
        # NaN lies in no range.
        allowed &= image.array >= (-np.inf if low is None else low)
        allowed &= image.array <= (np.inf if high is None else high)
    return allowed
