"""Cubic B-spline interpolation with the arithmetic of ITK, step by step, on the part of the image that is needed.

pyradiomics drops the fraction of interpolated integers, so that a last bit decides between 99 and 100 wherever old and
new voxels coincide: values have to be equal to the bit. The recursions forget their start by a factor 0.27 a voxel, so
that beyond a margin of 64 voxels the rest of the image changes no bit. Method: Unser 1999, doi 10.1109/79.799930; order
of steps: ITK's BSplineDecompositionImageFilter, BSplineInterpolateImageFunction and ResampleImageFilter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiokit.io import Volume
from radiokit.preprocessing._grids import Floats, Grid, along_axes, line_ends
from radiokit.utils.jit import compiled

MARGIN = 64
SUPPORT = 4


def can_interpolate(image: Volume) -> bool:
    """Tell whether the image is long enough for mirrored borders, and of a type that float64 holds."""
    kind, size = image.array.dtype.kind, image.array.dtype.itemsize
    return min(image.shape) >= SUPPORT and (kind == "f" or (kind in "iu" and size <= 4))


def interpolate_cubic(image: Volume, target: Grid, *, keep_type: bool) -> NDArray[np.generic]:
    """Interpolate an image on another grid: the array that ITK's resampling with a cubic B-spline gives.

    Parameters
    ----------
    image : Volume
        The image; at least 4 voxels along each axis.
    target : Grid
        Where to interpolate; 0 outside of the image.
    keep_type : bool
        Return the type of the image: integers lose their fraction and are held inside the type's range.

    Returns
    -------
    ndarray of shape (z, y, x)
        The values.
    """
    source = Grid.of(image)
    first, last = line_ends(source, target)
    ends = np.concatenate([first.reshape(-1, 3), last.reshape(-1, 3)])[:, ::-1]
    shape = np.array(image.shape)
    low = np.clip(np.floor(ends.min(axis=0)).astype(int) - 3, 0, shape - SUPPORT)
    high = np.clip(np.ceil(ends.max(axis=0)).astype(int) + 4, SUPPORT, shape)
    coefficients = _coefficients(image.array, low, high)
    out = np.zeros(target.size[::-1])
    if source.straight and target.straight:
        places = along_axes(source, target)
        (wx, ix), (wy, iy), (wz, iz) = map(_supports, places, source.size, low[::-1])
        _evaluate_straight(coefficients, wx, ix, wy, iy, wz, iz, out)
    else:
        _evaluate(coefficients, low, shape, first, last, out)
    if not keep_type:
        return out
    dtype = image.array.dtype
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        np.clip(out, limits.min, limits.max, out=out)
    return out.astype(dtype)


def _coefficients(array: NDArray[np.generic], low: NDArray[np.intp], high: NDArray[np.intp]) -> Floats:
    """Spline coefficients of the box from `low` to `high`, along x, then y, then z."""
    shape = np.array(array.shape)
    first, last = np.maximum(low - MARGIN, 0), np.minimum(high + MARGIN, shape)
    c = np.ascontiguousarray(array[tuple(map(slice, first, last))], dtype=np.float64)
    for axis in (2, 1, 0):
        start, end = bool(first[axis] == 0), bool(last[axis] == shape[axis])
        if axis == 2:
            lines = np.ascontiguousarray(c.swapaxes(1, 2))
            _decompose(lines, start, end, shape[axis])
            c = lines.swapaxes(1, 2)
        else:
            _decompose(c if axis == 1 else c.reshape(1, len(c), -1), start, end, shape[axis])
        keep = slice(low[axis] - first[axis], high[axis] - first[axis])
        c = np.ascontiguousarray(c[(slice(None),) * axis + (keep,)])
    return c


@compiled
def _decompose(x, at_start, at_end, full):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Filter along the middle axis in place; a line that is cut starts from its own value."""
    z = np.sqrt(3.0) - 2.0
    gain = (1.0 - z) * (1.0 - 1.0 / z)
    n, width = x.shape[1], x.shape[2]
    for a in range(x.shape[0]):
        line = x[a]
        for i in range(n):
            for b in range(width):
                line[i, b] *= gain
        if at_start:
            _start(line, z, full)
        for i in range(1, n):
            for b in range(width):
                line[i, b] += z * line[i - 1, b]
        if at_end:
            for b in range(width):
                line[n - 1, b] = (z / (z * z - 1.0)) * (z * line[n - 2, b] + line[n - 1, b])
        for i in range(n - 2, -1, -1):
            for b in range(width):
                line[i, b] = z * (line[i + 1, b] - line[i, b])


@compiled
def _start(line, z, full):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Set the first value of the causal recursion under mirrored borders; its sum is cut off at 1e-10."""
    n, width = line.shape
    horizon = int(np.ceil(np.log(1e-10) / np.log(abs(z))))
    power = z
    if horizon < full:
        for i in range(1, horizon):
            for b in range(width):
                line[0, b] += power * line[i, b]
            power *= z
        return
    inverse = 1.0 / z
    mirrored = z ** (n - 1.0)
    for b in range(width):
        line[0, b] = line[0, b] + mirrored * line[n - 1, b]
    mirrored *= mirrored * inverse
    for i in range(1, n - 1):
        for b in range(width):
            line[0, b] += (power + mirrored) * line[i, b]
        power *= z
        mirrored *= inverse
    for b in range(width):
        line[0, b] = line[0, b] / (1.0 - power * power)


@compiled
def _support(x, n, low, weight, place):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Weights and places of the four coefficients around a continuous index."""
    base = int(np.floor(np.float32(x))) - 1  # ITK takes the floor in single precision
    t = x - (base + 1)
    weight[3] = (1.0 / 6.0) * t * t * t
    weight[0] = (1.0 / 6.0) + 0.5 * t * (t - 1.0) - weight[3]
    weight[2] = t + weight[0] - 2.0 * weight[3]
    weight[1] = 1.0 - weight[0] - weight[2] - weight[3]
    for m in range(4):
        i = abs(base + m)
        place[m] = (2 * (n - 1) - i if i >= n else i) - low


@compiled
def _supports(places, n, low):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Weights and places for each index of an axis, shapes (4, n); outside of the image the weights are 0."""
    weights, indices = np.zeros((SUPPORT, places.size)), np.zeros((SUPPORT, places.size), np.int64)
    for i in range(places.size):
        if -0.5 <= places[i] < n - 0.5:
            _support(places[i], n, low, weights[:, i], indices[:, i])
    return weights, indices


@compiled
def _evaluate_straight(c, wx, ix, wy, iy, wz, iz, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Sum as `_evaluate` does, a row of voxels at a time."""
    for k in range(out.shape[0]):
        for j in range(out.shape[1]):
            line = out[k, j]
            for p in range(SUPPORT):
                for q in range(SUPPORT):
                    row, across, along = c[iz[p, k], iy[q, j]], wy[q, j], wz[p, k]
                    for r in range(SUPPORT):
                        weight, place = wx[r], ix[r]
                        for i in range(line.size):
                            line[i] += weight[i] * across * along * row[place[i]]


@compiled
def _evaluate(c, low, shape, first, last, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    wx, wy, wz = np.empty(4), np.empty(4), np.empty(4)
    ix, iy, iz = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    n = out.shape[2]
    for k in range(out.shape[0]):
        for j in range(out.shape[1]):
            s, e = first[k, j], last[k, j]
            for i in range(n):
                along = i / n
                x = s[0] + (e[0] - s[0]) * along
                y = s[1] + (e[1] - s[1]) * along
                z = s[2] + (e[2] - s[2]) * along
                if not (-0.5 <= x < shape[2] - 0.5 and -0.5 <= y < shape[1] - 0.5 and -0.5 <= z < shape[0] - 0.5):
                    continue
                _support(x, shape[2], low[2], wx, ix)
                _support(y, shape[1], low[1], wy, iy)
                _support(z, shape[0], low[0], wz, iz)
                total = 0.0
                for p in range(4):
                    for q in range(4):
                        row = c[iz[p], iy[q]]
                        for r in range(4):
                            total += wx[r] * wy[q] * wz[p] * row[ix[r]]
                out[k, j, i] = total
