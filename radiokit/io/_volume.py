"""Images and masks, each on its grid. Axis order z, y, x; millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import InputError
from radiokit.io._drawing import slice_picture
from radiokit.utils.notebook import notebook_table

THUMBNAIL = 160  # pixels
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxels in patient space.

    Parameters
    ----------
    array : ndarray of shape (z, y, x)
        Voxel values.
    spacing : tuple of 3 float
        Distance between voxel centres in mm, (z, y, x).
    origin : tuple of 3 float
        Patient coordinates of the centre of voxel (0, 0, 0) in mm, (z, y, x).
    direction : tuple of 9 float
        Direction cosines, row-major, in (z, y, x) order of both rows and columns.
    metadata : mapping
        What else the file holds (modality, unit, path); never patient names.

    Examples
    --------
    >>> import numpy as np
    >>> Volume(np.zeros((2, 3, 4)), spacing=(3.0, 1.0, 1.0)).shape
    (2, 3, 4)
    """

    array: NDArray[Any]
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = IDENTITY
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.ndim != 3:
            raise InputError(
                f"The array has {array.ndim} dimensions; required: 3 (z, y, x). For one slice use array[None]."
            )
        object.__setattr__(self, "array", array)
        for name, length in (("spacing", 3), ("origin", 3), ("direction", 9)):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) != length or not np.isfinite(values).all():
                raise InputError(f"{name} is {values}; required: {length} finite numbers in (z, y, x) order.")
            object.__setattr__(self, name, values)
        if min(self.spacing) <= 0:
            raise InputError(f"spacing is {self.spacing}; required: 3 positive numbers of mm in (z, y, x) order.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        z, y, x = self.array.shape
        return (z, y, x)

    def with_array(self, array: NDArray[Any]) -> Self:
        """Return the same grid with other voxel values.

        Parameters
        ----------
        array : ndarray of shape (z, y, x)
            The new values, of the same shape.

        Returns
        -------
        Grid
            A new object of the same class; this one is unchanged.

        Raises
        ------
        InputError
            If the shape differs.

        Examples
        --------
        >>> import numpy as np
        >>> Volume(np.zeros((1, 1, 1))).with_array(np.ones((1, 1, 1))).array.item()
        1.0
        """
        if np.shape(array) != self.array.shape:
            raise InputError(f"The new array has shape {np.shape(array)}; required: {self.array.shape}.")
        return replace(self, array=array)

    def _repr_html_(self) -> str:
        """Show a notebook the size, the place and the intensities, and the middle slice."""
        z, y, x = self.shape
        facts = [("voxels (z, y, x)", f"{z} × {y} × {x}"), ("spacing, mm", _listed(self.spacing))]
        facts += [("origin, mm", _listed(self.origin)), ("type", str(self.array.dtype)), *self._content()]
        facts += [(str(name), str(value)) for name, value in self.metadata.items()]
        table = notebook_table(type(self).__name__, ["", ""], facts)
        return table + (
            slice_picture(*self._shown(), self.spacing[1] / self.spacing[2], THUMBNAIL) if z * y * x else ""
        )

    def _content(self) -> list[tuple[str, str]]:
        """Return what the voxels hold, in words."""
        finite = self.array[np.isfinite(self.array)] if self.array.dtype.kind in "biuf" else self.array[:0]
        return [("intensities", f"{finite.min():.4g} to {finite.max():.4g}")] if finite.size else []

    def _shown(self) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return the slice to draw, and the region on it."""
        return self.array[self.shape[0] // 2], None


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


class Volume(Grid):
    """An image on its grid: voxel values of any numeric type.

    Parameters
    ----------
    array : ndarray of shape (z, y, x)
        Voxel values; of a mask True inside.
    spacing, origin : tuple of 3 float
        As in `Grid`, mm.
    direction : tuple of 9 float
        As in `Grid`.
    metadata : mapping
        As in `Grid`.

    Examples
    --------
    >>> import numpy as np
    >>> Volume(np.zeros((2, 3, 4)), spacing=(3.0, 1.0, 1.0)).array.max()
    np.float64(0.0)
    """


class Mask(Grid):
    """A region on its grid: a boolean array, True inside.

    Parameters
    ----------
    array : ndarray of shape (z, y, x)
        Voxel values; of a mask True inside.
    spacing, origin : tuple of 3 float
        As in `Grid`, mm.
    direction : tuple of 9 float
        As in `Grid`.
    metadata : mapping
        As in `Grid`.

    Raises
    ------
    InputError
        If the array is not boolean.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[[0, 1], [2, 1]]])
    >>> int(Mask(labels == 1).array.sum())
    2
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.array.dtype != bool:
            raise InputError(
                f"The mask has dtype {self.array.dtype}; required: bool. For label 1 use Mask(array == 1, ...)."
            )

    def _content(self) -> list[tuple[str, str]]:
        inside = int(self.array.sum())
        return [("region", f"{inside} voxels, {inside * float(np.prod(self.spacing)):.4g} mm³")]

    def _shown(self) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        return self.array[int(self.array.sum(axis=(1, 2)).argmax())], None
