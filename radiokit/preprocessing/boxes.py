"""The box of a region, and what lies inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import MaskError
from radiokit.io import Grid, Mask
from radiokit.io.sitk import positions

Box = tuple[slice, slice, slice]
AnyGrid = TypeVar("AnyGrid", bound=Grid)


def bounding_box(mask: Mask | NDArray[np.bool_]) -> Box:
    """Smallest box that holds a region.

    Parameters
    ----------
    mask : Mask or bool ndarray of shape (z, y, x)
        The region.

    Returns
    -------
    tuple of 3 slice
        Along z, y, x; ``array[box]`` cuts it out.

    Raises
    ------
    MaskError
        If the region is empty.

    Examples
    --------
    >>> region = np.zeros((3, 4, 5), bool); region[1, 2, 1:4] = True
    >>> bounding_box(region)
    (slice(1, 2, None), slice(2, 3, None), slice(1, 4, None))
    """
    array = mask.array if isinstance(mask, Mask) else np.asarray(mask)
    planes = np.flatnonzero(np.any(array.reshape(array.shape[0], array.shape[1] * array.shape[2]), axis=1))
    if not planes.size:
        raise MaskError("The mask is empty: it holds no voxel of the region.")
    z = slice(int(planes[0]), int(planes[-1]) + 1)
    flat: NDArray[np.bool_] = np.any(array[z], axis=0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    return z, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def crop(grid: AnyGrid, box: Box, *, padding: int = 0) -> AnyGrid:
    """Cut a box, with some voxels around it, out of an image or a mask; it stays where it is in the patient.

    Parameters
    ----------
    grid : Volume or Mask
        What to cut.
    box : tuple of 3 slice
        Along z, y, x.
    padding : int
        Voxels to keep around the box, as far as the grid goes.

    Returns
    -------
    Volume or Mask
        A copy of the part, with its own origin.

    Examples
    --------
    >>> from radiokit.io import Volume
    >>> part = crop(Volume(np.zeros((4, 4, 4)), spacing=(2, 1, 1)), (slice(1, 3),) * 3, padding=1)
    >>> part.shape, part.origin
    ((4, 4, 4), (0.0, 0.0, 0.0))
    """
    wide = grown(box, (padding,) * 3, grid.shape)
    z, y, x = (float(v) for v in positions(grid, np.array([[s.start for s in wide]]))[0])
    return replace(grid, array=grid.array[wide].copy(), origin=(z, y, x))


def widen(box: Box, margin: float, grid: Grid) -> Box:
    """Return a box with at least `margin` mm more on each side, as far as the grid goes."""
    return grown(box, [int(np.ceil(margin / step)) for step in grid.spacing], grid.shape)


def grown(box: Box, steps: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box with `steps` voxels more on each side, as far as a grid of this shape goes."""
    limits = zip(box, steps, shape, strict=True)
    z, y, x = (slice(max(s.start - k, 0), min(s.stop + k, n)) for s, k, n in limits)
    return z, y, x


def inside(box: Box, outer: Box) -> Box:
    """Return a box as counted from the corner of the larger box `outer`."""
    z, y, x = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(box, outer, strict=True))
    return z, y, x
