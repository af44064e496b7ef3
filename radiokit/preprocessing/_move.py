"""Turn and shift what an image shows by parts of a voxel, image and region alike."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import DataWarning, InputError, MaskError
from radiokit.io import Mask, Volume
from radiokit.preprocessing.boxes import Box, bounding_box, widen

# Further away the nearest voxel will do: it reaches features only through the mean of the whole image.
REACH_MM = 50.0
# Voxels after which the border no longer shows in a cubic spline: 0.27 ** 12 is 1e-7.
SPLINE_REACH = 12


@dataclass(frozen=True)
class _Motion:
    """Voxel o of the result shows what was at voxel ``matrix @ o + offset``."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    def sources(self, box: Box) -> NDArray[np.float64]:
        """Where the corners of a box come from."""
        corners = np.array(list(itertools.product(*((s.start, s.stop - 1) for s in box))))
        return corners @ self.matrix.T + self.offset

    def inverse(self) -> _Motion:
        back: NDArray[np.float64] = np.linalg.inv(self.matrix).astype(float)
        return _Motion(back, -back @ self.offset)

    def sample(self, array: NDArray[Any], box: Box, order: int, mode: str) -> NDArray[Any]:
        """Return the part of the result in a box, from the part of `array` that it needs."""
        from scipy import ndimage

        margin = SPLINE_REACH if order == 3 else 1
        needed = _hull(self.sources(box), array.shape, margin)
        start, first = np.array([s.start for s in needed]), np.array([s.start for s in box])
        shape = tuple(s.stop - s.start for s in box)
        offset = self.matrix @ first + self.offset - start
        part = array[needed].astype(float) if order else array[needed]
        return ndimage.affine_transform(part, self.matrix, offset, output_shape=shape, order=order, mode=mode)


def move(image: Volume, mask: Mask, *, rotation: float, translation: tuple[float, float, float]) -> tuple[Volume, Mask]:
    """Turn in plane about the middle of the region, then shift, in one interpolation.

    Parameters
    ----------
    image : Volume
        The image.
    mask : Mask
        The region, on the grid of the image.
    rotation : float
        Degrees in the axial plane, from y towards x.
    translation : tuple of 3 float
        Voxels along z, y, x; an axis of one voxel stays as it is.

    Returns
    -------
    image : Volume
        float64, on the same grid.
    mask : Mask
        On the same grid.
    """
    region = bounding_box(mask)
    motion = _motion(mask, region, rotation, translation)
    moved = _hull(motion.inverse().sources(region), mask.shape, 1)
    _warn_of_loss(mask, motion.inverse())

    inside = np.zeros_like(mask.array)
    weight = motion.sample(mask.array, moved, 1, "grid-constant")
    inside[moved] = weight >= 0.5 - 1e-6
    if not inside.any():
        raise MaskError("Turned and shifted, no voxel holds half of the region; required: a region thicker than that.")

    near = widen(moved, REACH_MM, mask)
    everywhere = (slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2]))
    values = motion.sample(image.array, everywhere, 0, "nearest").astype(float)
    values[near] = motion.sample(image.array, near, 3, "nearest")
    if not np.isfinite(values[near]).all():
        raise InputError(
            f"The image holds NaN or infinite values within {REACH_MM:g} mm of the region, which interpolation would "
            "spread; required: numbers."
        )
    return image.with_array(values), mask.with_array(inside)


def _motion(mask: Mask, region: Box, rotation: float, translation: tuple[float, float, float]) -> _Motion:
    """Content at p goes to R p + t about the middle of the region, so o shows R'(o - middle - t) + middle, in mm."""
    angle, spacing = np.radians(rotation), np.array(mask.spacing)
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix = turn.T * spacing / spacing[:, None]
    middle = np.array([(s.start + s.stop - 1) / 2 for s in region])
    shift = np.where(np.array(mask.shape) > 1, translation, 0.0)
    return _Motion(matrix, middle - matrix @ (middle + shift))


def _hull(points: NDArray[np.float64], shape: tuple[int, ...], margin: int) -> Box:
    """Smallest box on the grid that holds the points, and `margin` voxels more."""
    low = np.clip(np.floor(points.min(axis=0)).astype(int) - margin, 0, np.array(shape) - 1)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + margin, 0, np.array(shape) - 1)
    z, y, x = (slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
    return z, y, x


def _warn_of_loss(mask: Mask, there: _Motion) -> None:
    places = np.argwhere(mask.array) @ there.matrix.T + there.offset
    lost = int(((places < -0.5) | (places > np.array(mask.shape) - 0.5)).any(axis=1).sum())
    if lost:
        warnings.warn(
            f"{lost} of {len(places)} voxels of the region are turned or shifted out of the image: lost.",
            DataWarning,
            stacklevel=4,
        )
