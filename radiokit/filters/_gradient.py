"""Magnitude of the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.filters._base import Filter
from radiokit.io import Volume, to_sitk


@dataclass(frozen=True)
class Gradient(Filter):
    """Magnitude of the gradient from central differences; beyond the border the last value is repeated.

    Parameters
    ----------
    use_spacing : bool
        Differences in mm rather than in voxels: take it where voxels are not cubes.

    Notes
    -----
    g(v) = sqrt(sum over axes of ((x(v + 1) - x(v - 1)) / (2 spacing))²), computed by ITK in the precision that it gives
    for the type of the image (single for integers).

    Examples
    --------
    >>> import numpy as np
    >>> ramp = Volume(np.arange(5.0) * np.ones((5, 5, 1)), spacing=(1, 1, 0.5))
    >>> float(Gradient().apply(ramp).array[2, 2, 2])
    2.0
    """

    use_spacing: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return ("gradient",)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        import SimpleITK as sitk

        response = sitk.GradientMagnitude(to_sitk(volume), self.use_spacing)
        yield np.asarray(sitk.GetArrayFromImage(response))
