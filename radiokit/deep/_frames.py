"""The grid of a crop: where it lies around a region, in patient coordinates. numpy and SimpleITK, no torch.

A crop is centred on the region. Its axes are those of the image in the order and direction nearest to the patient's
(feet to head, front to back, right to left), so that files which store one image in different orders give one crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiokit.exceptions import MaskError, ParameterError
from radiokit.io import Mask
from radiokit.io.sitk import positions
from radiokit.preprocessing import bounding_box
from radiokit.preprocessing.choices import check_setting

DIMENSIONS = ("3D", "2.5D", "2D")
PLANES = ("orthogonal", "adjacent")
TOO_LARGE = ("crop", "zoom", "error")
# A region that is larger than the crop by less than this part of a voxel fits.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Frame:
    """The grid of a crop: size in voxels, the rest as in `radiokit.io.Grid`, all in (z, y, x) order."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]
    fill: float = 0.0  # extent of the region in the crop that was asked for; above 1 it is larger

    def sample(self, image: sitk.Image, interpolator: int, outside: float) -> NDArray[np.float32]:
        """Values of an image at the voxels of the frame, float32 (z, y, x); `outside` beyond the image."""
        grid = sitk.ResampleImageFilter()
        grid.SetSize([int(n) for n in self.size[::-1]])
        grid.SetOutputSpacing(self.spacing[::-1])
        grid.SetOutputOrigin(self.origin[::-1])
        grid.SetOutputDirection(self.direction[::-1])
        grid.SetOutputPixelType(sitk.sitkFloat32)
        grid.SetInterpolator(interpolator)
        grid.SetDefaultPixelValue(outside)
        return sitk.GetArrayFromImage(grid.Execute(image))


@dataclass(frozen=True)
class CropShape:
    """Size and kind of a crop; the fields are the parameters of `patch`.

    Raises ParameterError where one of them is not as described there.
    """

    size: tuple[int, int, int] = (48, 48, 48)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    dimension: str = "3D"
    planes: str = "orthogonal"
    too_large: str = "crop"

    def __post_init__(self) -> None:
        check_setting("", "dimension", self.dimension, DIMENSIONS)
        check_setting("", "planes", self.planes, PLANES)
        check_setting("", "too_large", self.too_large, TOO_LARGE)
        if np.shape(self.size) != (3,) or not all(isinstance(n, int | np.integer) and n > 0 for n in self.size):
            raise ParameterError(f"size={self.size!r}; required: 3 whole numbers of voxels from 1 on, (z, y, x).")
        if np.shape(self.spacing) != (3,) or not all(0 < float(s) < np.inf for s in self.spacing):
            raise ParameterError(f"spacing={self.spacing!r}; required: 3 positive numbers of mm, (z, y, x).")
        object.__setattr__(self, "size", tuple(int(n) for n in self.size))
        object.__setattr__(self, "spacing", tuple(float(s) for s in self.spacing))

    def frames(self, mask: Mask) -> list[Frame]:
        """Return where the crop of a region lies: one frame, or one for each orthogonal slice, stacked along z.

        Raises MaskError where the mask is empty, or too large and ``too_large="error"``.
        """
        upright = _upright(mask)
        if self.dimension == "3D":
            return [self._frame(upright, bounding_box(upright), self.size)]
        if self.dimension == "2.5D" and self.planes == "orthogonal":
            views = (upright, _turned(upright, (1, 0, 2)), _turned(upright, (2, 0, 1)))
            return [self._frame(view, _largest_slice(view), (1, *self.size[1:])) for view in views]
        slices = 1 if self.dimension == "2D" else 3
        return [self._frame(upright, _largest_slice(upright), (slices, *self.size[1:]))]

    def _frame(self, mask: Mask, box: tuple[slice, slice, slice], size: tuple[int, int, int]) -> Frame:
        """Return the frame around a box; the first axis of slices (fewer than asked of a volume) is never too short."""
        voxels, step = np.array(size), np.array(self.spacing)
        low, high = (np.array([getattr(s, end) for s in box]) - 0.5 for end in ("start", "stop"))
        extent = (high - low) * np.array(mask.spacing)
        compared = np.array([i for i in range(3) if not (i == 0 and box[0].stop - box[0].start == 1)])
        ratio = float(np.max(extent[compared] / (voxels * step)[compared]))
        if ratio > 1 + TOLERANCE:
            if self.too_large == "error":
                raise MaskError(
                    f"The region measures {_mm(extent)} mm (z, y, x) and the crop {_mm(voxels * step)} mm. Use a "
                    "larger size or spacing, or too_large='crop' or 'zoom'."
                )
            if self.too_large == "zoom":
                step = step * ratio
        cosines = np.reshape(mask.direction, (3, 3))
        centre = positions(mask, np.array([(low + high) / 2]))[0]
        origin = centre - cosines @ ((voxels - 1) / 2 * step)
        return Frame(size, _three(step), _three(origin), mask.direction, ratio)


def _upright(mask: Mask) -> Mask:
    """Turn the axes of a mask over and round until they are nearest to the patient's; no voxel moves in the patient."""
    cosines = np.reshape(mask.direction, (3, 3))
    order = max(permutations(range(3)), key=lambda p: sum(abs(cosines[i, p[i]]) for i in range(3)))
    turned = _turned(mask, order)
    cosines = np.reshape(turned.direction, (3, 3)).copy()
    flips = [i for i in range(3) if cosines[i, i] < 0]
    if not flips:
        return turned
    corner = [turned.shape[i] - 1 if i in flips else 0 for i in range(3)]
    origin = _three(positions(turned, np.array([corner]))[0])
    cosines[:, flips] *= -1
    return replace(turned, array=np.flip(turned.array, tuple(flips)), origin=origin, direction=_nine(cosines))


def _turned(mask: Mask, order: Sequence[int]) -> Mask:
    """Put the axes of a mask in another order; no voxel moves in the patient."""
    a, b, c = (mask.spacing[i] for i in order)
    cosines = np.reshape(mask.direction, (3, 3))[:, list(order)]
    return replace(mask, array=mask.array.transpose(order), spacing=(a, b, c), direction=_nine(cosines))


def _nine(cosines: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(v) for v in cosines.ravel())


def _largest_slice(mask: Mask) -> tuple[slice, slice, slice]:
    """Box of the largest cross-section along the first axis; the middle one of several that are equal."""
    areas = mask.array.sum(axis=(1, 2))
    candidates = np.flatnonzero(areas == areas.max())
    z = int(candidates[(candidates.size - 1) // 2])
    _, y, x = bounding_box(mask.array[z : z + 1])
    return slice(z, z + 1), y, x


def _mm(lengths: NDArray[np.float64]) -> str:
    return " x ".join(f"{v:.4g}" for v in lengths)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    z, y, x = values.tolist()
    return z, y, x
