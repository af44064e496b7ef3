"""From a region and an image to named numbers: the feature classes of pyradiomics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from radiokit.features import _extents, _firstorder, _glcm, _ngtdm
from radiokit.features._binning import bin_values
from radiokit.features._checked import Discretization, Names
from radiokit.features._firstorder import Intensities
from radiokit.features._options import TextureOptions
from radiokit.features._region import Region
from radiokit.features._shape import SHAPE_FEATURES, Shape
from radiokit.features._shape2d import SHAPE2D_FEATURES, PlaneShape
from radiokit.features._texture import Texture

FORMULAS: dict[str, Mapping[str, Callable[[Any], Any]]] = {
    "firstorder": _firstorder.FEATURES,
    "glcm": _glcm.FEATURES,
    "glrlm": _extents.GLRLM,
    "glszm": _extents.GLSZM,
    "gldm": _extents.GLDM,
    "ngtdm": _ngtdm.FEATURES,
}


def measure_shape(region: Region, *, classes: Names, force2d_dimension: int = 0) -> dict[str, float]:
    """Measure the shape of a region.

    Parameters
    ----------
    region : Region
        The region.
    classes : mapping of str to sequence of str
        Features of each class; only the keys ``"shape"`` and ``"shape2D"`` are used.
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

    Examples
    --------
    >>> region = Region(np.ones((3, 3, 3), bool), (1.0, 1.0, 1.0))
    >>> measure_shape(region, classes={"shape": ["VoxelVolume"]})
    {'shape_VoxelVolume': 27.0}
    """
    values: dict[str, float] = {}
    for name, names in classes.items():
        if name == "shape":
            shape = Shape(region)
            values |= {f"shape_{f}": float(SHAPE_FEATURES[f](shape)) for f in names}
        elif name == "shape2D":
            plane = PlaneShape(region, force2d_dimension)
            values |= {f"shape2D_{f}": float(SHAPE2D_FEATURES[f](plane)) for f in names}
    return values


def measure_image(
    region: Region,
    values: np.ndarray,
    *,
    classes: Names,
    binning: Discretization,
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
    classes : mapping of str to sequence of str
        Features of each class; the keys ``"shape"`` and ``"shape2D"`` are ignored.
    binning : FixedBinWidth or FixedBinCount
        Bin edges at multiples of a width, or a number of bins from minimum to maximum.
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
    InputError
        If an intensity inside the region is not finite.

    Examples
    --------
    >>> from radiokit.features._settings import FixedBinWidth
    >>> region = Region(np.ones((1, 2, 2), bool), (1.0, 1.0, 1.0))
    >>> image = np.array([[[0, 30], [60, 90]]])
    >>> measure_image(region, image, classes={"firstorder": ["Mean"]}, binning=FixedBinWidth(25))
    {'firstorder_Mean': 45.0}
    """
    x = region.pick(values)
    levels = bin_values(x, binning)
    texture = Texture(region, levels, options or TextureOptions())
    texture.require(classes)
    row: dict[str, float] = {}
    for name, names in classes.items():
        if name.startswith("shape"):
            continue
        if name == "firstorder":
            subject: Any = Intensities(x, levels, region.voxel_volume, voxel_array_shift)
        else:
            subject = getattr(texture, name)
        row |= {f"{name}_{f}": _average(FORMULAS[name][f](subject), subject) for f in names}
    return row


def _average(value: Any, subject: Any) -> float:
    """Mean over directions, leaving out those without a value or without a count."""
    if isinstance(value, float):
        return value
    unknown: np.ndarray = np.isnan(value) | np.isnan(subject.total)
    known = value[~unknown] if unknown.any() else value
    return float(known.sum() / known.size) if known.size else float("nan")
