"""The region of a case: what every feature of every filtered image shares, worked out once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from radiokit.exceptions import MaskError, ParameterError


class Region:
    """The voxels that are measured, and what follows from their places alone.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        True inside the region. Any crop that holds the region will do; it is cut to the bounding box.
    spacing : tuple of 3 float
        Distance between voxel centres in mm, (z, y, x).

    Attributes
    ----------
    box : tuple of 3 slices
        Bounding box of the region in `mask`.
    mask : ndarray of bool
        The region cut to its bounding box.
    spacing : ndarray of shape (3,)
        In mm, (z, y, x).
    n_voxels : int
        Number of voxels.

    Raises
    ------
    MaskError
        If no voxel is inside.
    ParameterError
        If the spacing is not three positive numbers.

    Examples
    --------
    >>> region = Region(np.ones((2, 3, 4), bool), (2.0, 1.0, 1.0))
    >>> region.n_voxels, region.voxel_volume
    (24, 2.0)
    """

    def __init__(self, mask: np.ndarray, spacing: tuple[float, float, float]) -> None:
        mask = np.asarray(mask, dtype=bool)
        if mask.ndim != 3:
            raise MaskError(f"The mask has {mask.ndim} axes; required: 3 (z, y, x).")
        if not mask.any():
            raise MaskError("The region has no voxels; required: at least one.")
        self.spacing = np.asarray(spacing, dtype=float)
        if self.spacing.shape != (3,) or not (np.isfinite(self.spacing) & (self.spacing > 0)).all():
            raise ParameterError(f"spacing={spacing!r}; required: three positive numbers (z, y, x) in mm.")
        self.box = _bounding_box(mask)
        self.mask = np.ascontiguousarray(mask[self.box])
        self.n_voxels = int(np.count_nonzero(self.mask))

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm³."""
        return float(np.prod(self.spacing))

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Voxel indices inside the bounding box, shape (n_voxels, 3), in the order z, y, x."""
        return np.argwhere(self.mask)

    def pick(self, values: np.ndarray) -> np.ndarray:
        """Return the intensities inside the region, z slowest, from an array on the grid of the mask given."""
        return np.asarray(values)[self.box][self.mask]


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    z = np.flatnonzero(mask.any(axis=(1, 2)))
    plane = mask[z[0] : z[-1] + 1].any(axis=0)
    y = np.flatnonzero(plane.any(axis=1))
    x = np.flatnonzero(plane.any(axis=0))
    return slice(z[0], z[-1] + 1), slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)
