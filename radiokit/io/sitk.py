"""Between radiokit's z, y, x arrays and SimpleITK images. The only place where axis order is turned round.

SimpleITK takes 100 MB and 0.15 s: the whole library imports it where it is used, and plain NIfTI files need none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from radiokit.exceptions import InputError
from radiokit.io._volume import Grid, Volume

if TYPE_CHECKING:
    import SimpleITK as sitk


class Placed(Protocol):
    """Voxels with a place in the patient: a volume, a mask, or the frame of one."""

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres in mm, (z, y, x)."""

    @property
    def origin(self) -> tuple[float, float, float]:
        """Patient coordinates of the centre of the first voxel in mm, (z, y, x)."""

    @property
    def direction(self) -> tuple[float, ...]:
        """Direction cosines, row-major."""


def to_sitk(grid: Grid) -> sitk.Image:
    """Turn a volume or a mask into a SimpleITK image on the same place in the patient.

    Parameters
    ----------
    grid : Volume or Mask
        Array (z, y, x) with spacing, origin and direction in (z, y, x) order, mm.

    Returns
    -------
    SimpleITK.Image
        The same voxels, geometry in ITK's (x, y, z) order; a mask becomes uint8, float16 becomes float32.

    Examples
    --------
    >>> import numpy as np
    >>> to_sitk(Volume(np.zeros((2, 3, 4)), spacing=(3.0, 1.0, 1.0))).GetSize()
    (4, 3, 2)
    """
    import SimpleITK as sitk

    array = grid.array
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin(grid.origin[::-1])
    image.SetDirection(grid.direction[::-1])
    return image


def from_sitk(image: sitk.Image) -> Volume:
    """Turn a scalar SimpleITK image into a volume.

    Parameters
    ----------
    image : SimpleITK.Image
        2-D (becomes one slice of 1 mm) or 3-D, one component for each voxel.

    Returns
    -------
    Volume
        A copy of the voxels, array (z, y, x), geometry in (z, y, x) order, mm.

    Raises
    ------
    InputError
        If the image has other dimensions or several components for each voxel.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from_sitk(sitk.Image([4, 3, 2], sitk.sitkInt16)).shape
    (2, 3, 4)
    """
    import SimpleITK as sitk

    if image.GetNumberOfComponentsPerPixel() > 1:
        raise InputError(
            f"The image has {image.GetNumberOfComponentsPerPixel()} components for each voxel; required: one. "
            "Split colour or vector images into one file for each channel."
        )
    array = sitk.GetArrayFromImage(image)
    if array.ndim == 2:
        array = array[None]
    spacing, origin, direction = to_zyx(image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return Volume(array, spacing, origin, direction)


def to_zyx(
    spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, ...]]:
    """Turn ITK's (x, y, z) geometry into ours; a missing third axis has 1 mm, further axes are left out."""
    n = len(spacing)
    steps, start, cosines = np.ones(3), np.zeros(3), np.eye(3)
    kept = min(n, 3)
    steps[:kept], start[:kept] = spacing[:kept], origin[:kept]
    cosines[:kept, :kept] = np.reshape(direction, (n, n))[:kept, :kept]
    return _triple(steps), _triple(start), tuple(float(v) for v in cosines.ravel()[::-1])


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return (z, y, x)


def corner_positions(grid: Grid) -> np.ndarray:
    """Patient coordinates (z, y, x) of the centres of the eight corner voxels, shape (8, 3), mm."""
    last = np.array(grid.shape) - 1
    indices = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * last
    return positions(grid, indices)


def positions(grid: Placed, indices: np.ndarray) -> np.ndarray:
    """Patient coordinates (z, y, x) of voxel indices (z, y, x): origin + direction · (spacing · index), mm."""
    cosines = np.reshape(grid.direction, (3, 3))
    return np.array(grid.origin) + (np.asarray(indices) * np.array(grid.spacing)) @ cosines.T


def indices_at(grid: Placed, points: np.ndarray) -> np.ndarray:
    """Continuous voxel indices (z, y, x) of patient coordinates (z, y, x); the inverse of `positions`."""
    cosines = np.reshape(grid.direction, (3, 3))
    return np.linalg.solve(cosines, (np.asarray(points) - np.array(grid.origin)).T).T / np.array(grid.spacing)
