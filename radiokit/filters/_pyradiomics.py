"""Filtered images as pyradiomics 3.0.1 makes them, computed on the region's box wherever that changes no bit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.filters._base import Filter
from radiokit.filters._gradient import Gradient
from radiokit.filters._lbp2d import LBP2D
from radiokit.filters._lbp3d import LBP3D
from radiokit.filters._log import LoG
from radiokit.filters._pointwise import Pointwise, magnitude
from radiokit.filters._recursive_gaussian import laplacian_of_gaussian
from radiokit.filters._stationary import band_names, sub_bands, turns
from radiokit.filters._wavelet import Wavelet, analysis_taps
from radiokit.io import Mask, Volume
from radiokit.preprocessing.boxes import Box, grown, inside

Images = Iterator[tuple[str, NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a pyradiomics image type sees: the whole image, the region, its box, the axis that ``force2D`` leaves out.

    Parameters
    ----------
    image : Volume
        The image after normalisation and resampling.
    mask : Mask
        The region on the same grid.
    box : tuple of 3 slice
        The part that is measured, (z, y, x).
    flat_axis : int, optional
        Axis (0 is z) across which nothing is computed.

    Examples
    --------
    >>> box = (slice(0, 1), slice(0, 2), slice(0, 2))
    >>> scene = Scene(Volume(np.ones((2, 2, 2))), Mask(np.ones((2, 2, 2), bool)), box)
    >>> scene.flat_axis is None
    True
    """

    image: Volume
    mask: Mask
    box: Box
    flat_axis: int | None = None


@singledispatch
def pyradiomics_names(kind: Filter, flat_axis: int | None = None) -> tuple[str, ...]:
    """Names of the images in the column grammar of pyradiomics.

    Parameters
    ----------
    kind : Filter
        The filter.
    flat_axis : int, optional
        The axis that ``force2D`` leaves out.

    Returns
    -------
    tuple of str
        One name for each image.

    Examples
    --------
    >>> pyradiomics_names(LoG(sigma=1.0))
    ('log-sigma-1-0-mm-3D',)
    >>> pyradiomics_names(LoG(sigma=1))
    ('log-sigma-1-mm-3D',)
    """
    return kind.names


@singledispatch
def pyradiomics_images(kind: Filter, scene: Scene) -> Images:
    """Yield the filtered images of a scene, each cut to its box; a filter that pyradiomics lacks is applied as it is.

    Parameters
    ----------
    kind : Filter
        The filter.
    scene : Scene
        Image, region and box.

    Yields
    ------
    name : str
        As `pyradiomics_names`.
    values : ndarray
        The response inside the box.

    Examples
    --------
    >>> from radiokit.filters import Original
    >>> box = (slice(0, 1), slice(0, 1), slice(0, 2))
    >>> scene = Scene(Volume(np.arange(3.0).reshape(1, 1, 3)), Mask(np.ones((1, 1, 3), bool)), box)
    >>> [(name, values.tolist()) for name, values in pyradiomics_images(Original(), scene)]
    [('original', [[[0.0, 1.0]]])]
    """
    for name, image in kind.images(scene.image):
        yield name, image.array[scene.box]


@pyradiomics_images.register
def _pointwise(kind: Pointwise, scene: Scene) -> Images:
    yield kind.names[0], kind.respond(scene.image.array[scene.box], magnitude(scene.image.array))


@pyradiomics_images.register
def _gradient(kind: Gradient, scene: Scene) -> Images:
    wide = grown(scene.box, (1, 1, 1), scene.image.shape)
    part = Volume(scene.image.array[wide], scene.image.spacing)
    yield "gradient", kind.apply(part).array[inside(scene.box, wide)]


@pyradiomics_names.register
def _log_names(kind: LoG, flat_axis: int | None = None) -> tuple[str, ...]:
    _only(kind, "sigma")
    # Sigma as it was given: 1 and 1.0 are two names, in pyradiomics too, and in the tables that are joined with ours.
    return (f"log-sigma-{str(kind.sigma).replace('.', '-')}-mm-3D",)


@pyradiomics_images.register
def _log(kind: LoG, scene: Scene) -> Images:
    """ITK's recursive approximation of the Gaussian; an image of one slice is filtered in the plane."""
    (name,) = pyradiomics_names(kind)
    used = slice(1 if scene.image.shape[0] == 1 else 0, None)
    size, spacing = np.array(scene.image.shape[used]), np.array(scene.image.spacing[used])
    if size.min() < 4 or (size < np.ceil(kind.sigma / spacing) + 1).any():
        warnings.warn(
            f"The image has {scene.image.shape} voxels (z, y, x): too few for {name}, which needs 4, and "
            "sigma / spacing + 1, along each axis. Its features are NaN.",
            DataWarning,
            stacklevel=2,
        )
        return
    yield name, laplacian_of_gaussian(scene.image.array, scene.image.spacing, kind.sigma, scene.box)


@pyradiomics_names.register
def _wavelet_names(kind: Wavelet, flat_axis: int | None = None) -> tuple[str, ...]:
    _only(kind, "wavelet", "level", "start_level", "subband")
    n_axes = 3 if flat_axis is None else 2
    *details, smooth = band_names(n_axes)
    prefixes = ["wavelet" if k == 1 else f"wavelet{k}" for k in range(1, kind.level + 1)]
    names = [f"{prefix}-{band}" for prefix in prefixes for band in details] + [f"{prefixes[-1]}-{smooth}"]
    chosen = [name for name in names if kind.subband in (None, name.partition("-")[2])]
    if not chosen:
        raise ParameterError(f"{kind!r}: sub-bands along {n_axes} axes are {', '.join((*details, smooth))}.")
    return tuple(chosen)


@pyradiomics_images.register
def _wavelet(kind: Wavelet, scene: Scene) -> Images:
    """Repeat the first level on its own approximation (no dilation), periodic, along x, then y, then z."""
    if scene.image.shape[0] == 1 and scene.flat_axis is None:
        raise ParameterError(
            f"The image has one slice, {scene.image.shape} voxels (z, y, x), and {kind!r} looks along three axes. Set "
            "TextureOptions(force2d=True), `force2D: true` in a parameter file, for the sub-bands LL, LH, HL and HH of "
            "the slice."
        )
    axes = [axis for axis in (2, 1, 0) if axis != scene.flat_axis]
    x = scene.image.array
    x = x if x.dtype == np.float32 else x.astype(np.float64, copy=False)
    low, high = analysis_taps(kind.wavelet, x.dtype)
    levels = kind.start_level + kind.level
    before, after = low.size - 1 - low.size // 2, low.size // 2
    x = _with_margin(x, scene.box, axes, before=before * levels, after=after * levels)
    wanted = set(pyradiomics_names(kind, scene.flat_axis))
    for level in range(1, levels + 1):
        left = levels - level
        inner = _inner(scene.box, axes, margin=before * left)
        number = level - kind.start_level
        prefix = "wavelet" if number == 1 else f"wavelet{number}"
        turn = {
            axis: turns(scene.box[axis].start - before * left, scene.box[axis].stop + after * left, n + n % 2, low.size)
            for axis, n in enumerate(scene.image.shape)
        }
        for band, response in sub_bands(x, low, high, axes, turn):
            if set(band) == {"L"}:
                smooth = response
            elif number > 0 and f"{prefix}-{band}" in wanted:
                yield f"{prefix}-{band}", response[inner]
        x = smooth
    if f"{prefix}-{'L' * len(axes)}" in wanted:
        yield f"{prefix}-{'L' * len(axes)}", x


def _with_margin(x: NDArray[Any], box: Box, axes: list[int], *, before: int, after: int) -> NDArray[Any]:
    """Cut the box with its margin; an odd axis is first made even by a copy of its first plane, then repeats."""
    for axis in range(3):
        n, s = x.shape[axis], box[axis]
        start, stop = (s.start - before, s.stop + after) if axis in axes else (s.start, s.stop)
        if start >= 0 and stop <= n:
            x = x[(slice(None),) * axis + (slice(start, stop),)]
        else:
            index = np.arange(start, stop) % (n + n % 2)
            x = np.take(x, np.where(index == n, 0, index), axis=axis)
    return x


def _inner(box: Box, axes: list[int], *, margin: int) -> Box:
    """Slices that cut the box out of an array that still has a margin."""
    lengths = [s.stop - s.start for s in box]
    return tuple(  # type: ignore[return-value]
        slice(margin, margin + n) if axis in axes else slice(0, n) for axis, n in enumerate(lengths)
    )


@pyradiomics_images.register
def _lbp2d(kind: LBP2D, scene: Scene) -> Images:
    axis = 0 if scene.flat_axis is None else scene.flat_axis
    yield kind.names[0], kind.codes(scene.image.array, axis, scene.box)


@pyradiomics_images.register
def _lbp3d(kind: LBP3D, scene: Scene) -> Images:
    values = kind.at_voxels(scene.image.array, scene.mask.array)
    region = scene.mask.array[scene.box]
    for name, column in zip(kind.names, values.T, strict=True):
        out = np.zeros(region.shape)
        out[region] = column
        yield name, out


def _only(kind: Any, *allowed: str) -> None:
    """Refuse parameters that pyradiomics has no counterpart of."""
    changed = [f.name for f in fields(kind) if f.name not in allowed and getattr(kind, f.name) != f.default]
    if changed:
        raise ParameterError(
            f"{kind!r}: pyradiomics' own filter has no {', '.join(changed)}. Leave the default, or use standard='ibsi'."
        )
