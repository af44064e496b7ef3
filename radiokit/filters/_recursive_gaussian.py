"""Laplacian of Gaussian by recursive filters, equal to ITK's bit for bit, several times as fast.

A Gaussian and its second derivative are approximated by sums of damped oscillations, which a recursion of fourth order
in each sense of a line computes in a time that does not depend on sigma (Deriche 1993, INRIA report 1893; constants of
Farnebaeck & Westin 2006, doi 10.1007/s10851-006-1464-z). ITK filters line after line; here sixteen lines go side by
side, so that the machine takes several at a time. Arithmetic is double, every pass is stored as ITK stores it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from radiokit.utils.jit import compiled

Box = tuple[slice, slice, slice]
LANES = 16
MINIMUM_LENGTH = 4
REACH = 20.5  # widths of the Gaussian; 1.3732 x 20.5 = 28 = -log(7e-13)
# Amplitudes (A, B) of the two oscillations for the Gaussian and for its second derivative; frequencies, dampings.
GAUSSIAN = ((1.3530, 1.8151), (-0.3531, 0.0902))
CURVATURE = ((-1.3563, 5.2318), (0.3446, -2.2355))
FREQUENCIES, DAMPINGS = (0.6681, 2.0787), (-1.3932, -1.3732)


class Recursion(NamedTuple):
    """Coefficients: of the values going forward (n) and backward (m), of the results (d), and at the ends (bn, bm)."""

    n: np.ndarray
    m: np.ndarray
    d: np.ndarray
    bn: np.ndarray
    bm: np.ndarray


def laplacian_of_gaussian(
    array: np.ndarray, spacing: Sequence[float], sigma: float, box: Box = (slice(None), slice(None), slice(None))
) -> np.ndarray:
    """Filter with the Laplacian of a Gaussian, normalised across scale (times sigma²).

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        The image, at least 4 voxels along each axis; values beyond a border repeat it. An image of one slice is
        filtered in the plane, as ITK does with images of two dimensions.
    spacing : sequence of 3 float
        In mm, (z, y, x).
    sigma : float
        Standard deviation in mm.
    box : tuple of 3 slice
        The part that is returned. An axis is cut to it once it is filtered: later passes see less.

    Returns
    -------
    ndarray of float32, shape of the box
        What ``SimpleITK.LaplacianRecursiveGaussian(image, sigma, True)`` returns.
    """
    array, box = _near(array, box, sigma / np.asarray(spacing, dtype=float))
    array = array.astype(np.result_type(array.dtype, np.float32), copy=False)  # exact, and few types to compile for
    total = np.zeros(array[box].shape, dtype=np.float32)
    if not _holds(sigma / max(spacing)):
        total.fill(np.nan)
        return total
    axes = (2, 1, 0) if len(array) > 1 else (2, 1)  # ITK's order, x first: sums of rounded numbers depend on it
    for axis in axes:
        curved = recursion(sigma / spacing[axis], sigma, second_derivative=True)
        part = _cut(_along(array, axis, curved), box, axis)
        for other in axes:
            if other != axis:
                smooth = recursion(sigma / spacing[other], sigma, second_derivative=False)
                part = _cut(_along(part, other, smooth), box, other)
        _add(total, part, 1.0 / spacing[axis] ** 2)
    return total


def _near(array: np.ndarray, box: Box, widths: np.ndarray) -> tuple[np.ndarray, Box]:
    """Cut the image to the box and what the recursion still sees of its surroundings.

    What lies n voxels away counts exp(-1.3732 n / width) times at most, the slower of the two dampings: beyond
    `REACH` widths less than 1e-12, which the single precision of every pass does not hold.
    """
    margins = np.ceil(REACH * widths).astype(int) + MINIMUM_LENGTH
    full = [s.indices(n)[:2] for s, n in zip(box, array.shape, strict=True)]
    wide = [(max(a - m, 0), min(b + m, n)) for (a, b), m, n in zip(full, margins, array.shape, strict=True)]
    z, y, x = (slice(a - w, b - w) for (a, b), (w, _) in zip(full, wide, strict=True))
    return array[tuple(slice(*w) for w in wide)], (z, y, x)


def _holds(width: float) -> bool:
    """Say whether the recursion has a value for a Gaussian of this many voxels: far below one it divides 0 by 0."""
    with np.errstate(all="ignore"):
        c = recursion(width, width, second_derivative=True)
    return all(bool(np.isfinite(part).all()) for part in c)


def _cut(array: np.ndarray, box: Box, axis: int) -> np.ndarray:
    return array[(slice(None),) * axis + (box[axis],)]


def recursion(width: float, sigma: float, *, second_derivative: bool) -> Recursion:
    """Return the coefficients for a Gaussian of `width` voxels, or for its second derivative times sigma²."""
    d = _poles(width)
    ones, first, second = np.ones(5), np.arange(5.0), np.arange(5.0) ** 2
    denominator = np.array([1.0, *d])
    sd, dd, ed = (_sum(denominator, w) for w in (ones, first, second))
    n = _zeros(width, GAUSSIAN)
    if second_derivative:
        curved = _zeros(width, CURVATURE)
        beta = -(2 * _sum(curved, ones) - sd * curved[0]) / (2 * _sum(n, ones) - sd * n[0])
        sn, dn, en = (_sum(curved, w) + beta * _sum(n, w) for w in (ones, first, second))
        n = curved + beta * n
        area = (en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn) / (sd * sd * sd)
        n = n * (sigma**2 / area)
    else:
        n = n * (1.0 / (2 * _sum(n, ones) / sd - n[0]))
    m = np.array([n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]])
    return Recursion(n, m, d, d * _sum(n, ones) / sd, d * _sum(m, ones) / sd)


def _sum(values: np.ndarray, weights: np.ndarray) -> float:
    total = 0.0  # from left to right, as ITK adds
    for value, weight in zip(values, weights, strict=False):
        total += weight * value
    return total


def _waves(width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    turn = np.array(FREQUENCIES) / width
    return np.sin(turn), np.cos(turn), np.exp(np.array(DAMPINGS) / width)


def _poles(width: float) -> np.ndarray:
    _, (c1, c2), (e1, e2) = _waves(width)
    return np.array(
        [
            -2 * (e2 * c2 + e1 * c1),
            4 * c2 * c1 * e1 * e2 + (e1 * e1 + e2 * e2),
            -2 * c1 * e1 * e2 * e2 + -2 * c2 * e2 * e1 * e1,
            e1 * e1 * e2 * e2,
        ]
    )


def _zeros(width: float, amplitudes: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    (a1, b1), (a2, b2) = amplitudes
    (s1, s2), (c1, c2), (e1, e2) = _waves(width)
    return np.array(
        [
            a1 + a2,
            e2 * (b2 * s2 - (a2 + 2 * a1) * c2) + e1 * (b1 * s1 - (a1 + 2 * a2) * c1),
            ((a1 + a2) * c2 * c1 - (b1 * c2 * s1 + b2 * c1 * s2)) * (2 * e1 * e2) + (a2 * e1 * e1 + a1 * e2 * e2),
            e2 * e1 * e1 * (b2 * s2 - a2 * c2) + e1 * e2 * e2 * (b1 * s1 - a1 * c1),
        ]
    )


def _along(array: np.ndarray, axis: int, c: Recursion) -> np.ndarray:
    out = np.empty(array.shape, dtype=np.float32)
    source, target = (_lines(a, axis) for a in (np.ascontiguousarray(array), out))
    _filter_lines(source, target, *c)
    return out


def _lines(array: np.ndarray, axis: int) -> np.ndarray:
    """View an array as (block, place on the line, line)."""
    z, y, x = array.shape
    if axis == 0:
        return array.reshape(1, z, y * x)
    if axis == 1:
        return array
    return array.reshape(1, z * y, x).transpose(0, 2, 1)


@compiled
def _add(total, part, weight):  # type: ignore[no-untyped-def]
    # In double, and stored as ITK stores it.
    for z in range(total.shape[0]):
        for y in range(total.shape[1]):
            for x in range(total.shape[2]):
                total[z, y, x] = total[z, y, x] + part[z, y, x] * weight


@compiled
def _filter_lines(source, target, n, m, d, bn, bm):  # type: ignore[no-untyped-def]
    blocks, length, width = source.shape
    data = np.zeros((length, LANES))
    forward = np.zeros((length, LANES))
    backward = np.zeros((length, LANES))
    for block in range(blocks):
        for start in range(0, width, LANES):
            lanes = min(LANES, width - start)
            for i in range(length):
                for k in range(lanes):
                    data[i, k] = source[block, i, start + k]
            _go_forward(data, forward, n, d, bn)
            _go_backward(data, backward, m, d, bm)
            for i in range(length):
                for k in range(lanes):
                    target[block, i, start + k] = forward[i, k] + backward[i, k]


@compiled
def _go_forward(x, w, n, d, b):  # type: ignore[no-untyped-def]
    for i in range(min(4, len(x))):  # before the border the first value is repeated
        for k in range(LANES):
            edge = x[0, k]
            value = x[i, k] * n[0]
            past = 0.0
            for j in range(1, 4):
                value += (x[i - j, k] if i >= j else edge) * n[j]
            for j in range(1, 5):
                term = w[i - j, k] * d[j - 1] if i >= j else edge * b[j - 1]
                past = term if j == 1 else past + term
            w[i, k] = value - past
    n0, n1, n2, n3 = n
    d1, d2, d3, d4 = d
    for i in range(4, len(x)):
        for k in range(LANES):
            value = x[i, k] * n0 + x[i - 1, k] * n1 + x[i - 2, k] * n2 + x[i - 3, k] * n3
            past = w[i - 1, k] * d1 + w[i - 2, k] * d2 + w[i - 3, k] * d3 + w[i - 4, k] * d4
            w[i, k] = value - past


@compiled
def _go_backward(x, w, m, d, b):  # type: ignore[no-untyped-def]
    last = len(x) - 1
    for i in range(min(4, len(x))):
        for k in range(LANES):
            edge = x[last, k]
            value = 0.0
            past = 0.0
            for j in range(1, 5):
                term = (x[last - i + j, k] if i >= j else edge) * m[j - 1]
                value = term if j == 1 else value + term
                term = w[last - i + j, k] * d[j - 1] if i >= j else edge * b[j - 1]
                past = term if j == 1 else past + term
            w[last - i, k] = value - past
    m1, m2, m3, m4 = m
    d1, d2, d3, d4 = d
    for i in range(last - 4, -1, -1):
        for k in range(LANES):
            value = x[i + 1, k] * m1 + x[i + 2, k] * m2 + x[i + 3, k] * m3 + x[i + 4, k] * m4
            past = w[i + 1, k] * d1 + w[i + 2, k] * d2 + w[i + 3, k] * d3 + w[i + 4, k] * d4
            w[i, k] = value - past
