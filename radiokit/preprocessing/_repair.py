"""Repair of masks, on request only: nothing in this library changes a mask by itself."""

from __future__ import annotations

import numpy as np

from radiokit.exceptions import MaskError
from radiokit.io import Mask


def largest_component(mask: Mask) -> Mask:
    """Keep the largest connected part of a region.

    Parameters
    ----------
    mask : Mask
        The region; it is not changed.

    Returns
    -------
    Mask
        Voxels that touch by face, edge or corner belong together; of two equal parts the first stays.

    Raises
    ------
    MaskError
        If the region is empty.

    Examples
    --------
    >>> largest_component(Mask(np.array([[[True, False, True, True]]]))).array.tolist()
    [[[False, False, True, True]]]
    """
    parts, sizes = _components(mask)
    return mask.with_array(parts == 1 + int(np.argmax(sizes)))


def drop_small(mask: Mask, minimum: int) -> Mask:
    """Drop connected parts of fewer voxels.

    Parameters
    ----------
    mask : Mask
        The region; it is not changed.
    minimum : int
        Voxels that a part needs to stay.

    Returns
    -------
    Mask
        What is left.

    Raises
    ------
    MaskError
        If the region is empty, or nothing is left.

    Examples
    --------
    >>> drop_small(Mask(np.array([[[True, False, True, True]]])), minimum=2).array.sum()
    np.int64(2)
    """
    parts, sizes = _components(mask)
    if sizes.max() < minimum:
        raise MaskError(f"The largest part of the region has {sizes.max()} voxels; at least {minimum} are asked for.")
    kept = np.concatenate([[False], sizes >= minimum])
    return mask.with_array(kept[parts])


def fill_holes(mask: Mask, *, by_slice: bool = False) -> Mask:
    """Fill what the region encloses.

    Parameters
    ----------
    mask : Mask
        The region; it is not changed.
    by_slice : bool
        Fill what is enclosed within an axial slice, rather than in space.

    Returns
    -------
    Mask
        The region without holes.

    Examples
    --------
    >>> ring = np.ones((1, 3, 3), bool); ring[0, 1, 1] = False
    >>> fill_holes(Mask(ring), by_slice=True).array.all(), fill_holes(Mask(ring)).array.all()
    (np.True_, np.False_)
    """
    from scipy import ndimage

    if by_slice:
        return mask.with_array(np.stack([ndimage.binary_fill_holes(plane) for plane in mask.array]))
    return mask.with_array(ndimage.binary_fill_holes(mask.array))


def _components(mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    from scipy import ndimage

    parts, count = ndimage.label(mask.array, structure=np.ones((3, 3, 3)))
    if not count:
        raise MaskError("The mask is empty: it holds no voxel of the region.")
    return parts, np.bincount(parts.ravel())[1:]
