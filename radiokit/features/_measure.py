"""From a region and an image to named numbers: the door between the extractor and the feature families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.features._names import ALL_FEATURES, DEPRECATED_FEATURES
from radiokit.features._region import Region

__all__ = ["ALL_FEATURES", "DEPRECATED_FEATURES", "Binning", "TextureOptions", "measure_image", "measure_shape"]

WEIGHTING_NORMS = (None, "manhattan", "euclidean", "infinity", "no_weighting")
Classes = Mapping[str, Sequence[str] | None]


class Binning(Protocol):
    """Anything with a `width` (bin width) or a `count` (number of bins): `FixedBinWidth`, `FixedBinCount`."""


@dataclass(frozen=True)
class TextureOptions:
    """How neighbours are chosen and counted, as pyradiomics names it.

    Parameters
    ----------
    distances : tuple of int
        Chebyshev distances in voxels between neighbours, for GLCM, NGTDM and GLDM.
    force2d : bool
        Only neighbours in the plane perpendicular to axis `force2d_dimension`.
    force2d_dimension : {0, 1, 2}
        Axis (z, y, x) that is left out.
    symmetrical_glcm : bool
        Count each pair in both directions.
    weighting_norm : {None, "manhattan", "euclidean", "infinity", "no_weighting"}
        None: GLCM and GLRLM features are averaged over directions. Otherwise the matrices are summed with weights that
        come from the length in mm of the direction in this norm.
    gldm_alpha : float
        Neighbours are dependent whose grey level differs by no more than this.

    Examples
    --------
    >>> TextureOptions(distances=(1, 2)).force2d
    False
    """

    distances: tuple[int, ...] = (1,)
    force2d: bool = False
    force2d_dimension: int = 0
    symmetrical_glcm: bool = True
    weighting_norm: str | None = None
    gldm_alpha: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "distances", tuple(int(d) for d in self.distances))
        if not self.distances or min(self.distances) < 1:
            raise ParameterError(f"distances={self.distances!r}; required: whole numbers of at least 1.")
        if self.force2d_dimension not in (0, 1, 2):
            raise ParameterError(f"force2d_dimension={self.force2d_dimension!r}; required: 0, 1 or 2 (z, y, x).")
        if self.weighting_norm not in WEIGHTING_NORMS:
            raise ParameterError(f"weighting_norm={self.weighting_norm!r}; required: one of {WEIGHTING_NORMS}.")


def measure_shape(region: Region, *, classes: Classes, force2d_dimension: int = 0) -> dict[str, float]:
    """Measure the shape of a region.

    Parameters
    ----------
    region : Region
        The region.
    classes : mapping of str to sequence of str or None
        Which features of which class; None or an empty sequence is all that are not deprecated. Only the keys
        ``"shape"`` and ``"shape2D"`` are looked at.
    force2d_dimension : {0, 1, 2}
        For shape2D: the axis along which the region is one voxel thick.

    Returns
    -------
    dict of str to float
        Keys such as ``"shape_Elongation"``, in pyradiomics' order.

    Raises
    ------
    MaskError
        If shape2D is asked of a region that is thicker than one voxel along that axis.
    ParameterError
        If a feature is unknown.
    """
    raise NotImplementedError


def measure_image(
    region: Region,
    values: np.ndarray,
    *,
    classes: Classes,
    binning: Binning,
    options: TextureOptions | None = None,
    voxel_array_shift: float = 0.0,
) -> dict[str, float]:
    """Measure intensities and texture of one image in a region.

    Parameters
    ----------
    region : Region
        The region.
    values : ndarray, shape of the mask the region was made from
        Intensities in the image's own type (a float32 image is binned in float32, as pyradiomics does). Finite inside
        the region.
    classes : mapping of str to sequence of str or None
        Which features of which class; None or an empty sequence is all that are not deprecated. The keys ``"shape"``
        and ``"shape2D"`` are passed over.
    binning : object
        With the attribute `width` (bin edges at multiples of it) or `count` (bins from minimum to maximum).
    options : TextureOptions, optional
        How neighbours are chosen.
    voxel_array_shift : float
        Added to intensities before Energy, TotalEnergy and RootMeanSquared.

    Returns
    -------
    dict of str to float
        Keys such as ``"firstorder_Mean"``, ``"glcm_Contrast"``, in pyradiomics' order.

    Raises
    ------
    ParameterError
        If a class or a feature is unknown.
    """
    raise NotImplementedError
