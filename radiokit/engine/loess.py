"""Cleveland's LOESS in one variable as R's ``loess``: local quadratics at the corners of a k-d tree, blended between.

Source: Cleveland & Grosse, doi:10.1007/BF01890836. R fits the surface only at few vertices (value and slope) and
interpolates with cubic Hermite polynomials; numbers equal to R's need the same vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError


@dataclass(frozen=True)
class Loess:
    """A fitted curve: value and slope at each vertex, and the points they came from."""

    x: FloatArray
    near: int
    vertices: FloatArray
    values: FloatArray
    slopes: FloatArray

    def __call__(self, at: FloatArray) -> FloatArray:
        """Return the curve at `at`, points within the range of the data."""
        cell, weights = self._hermite(at)
        ends = (self.values[cell], self.values[cell + 1], self.slopes[cell], self.slopes[cell + 1])
        return np.sum([weight * end for weight, end in zip(weights, ends, strict=True)], axis=0)

    def variance(self, at: FloatArray, noise: FloatArray) -> FloatArray:
        """Return the variance of the curve at `at` if the cases are independent with variances `noise`."""
        rows = np.concatenate([_local_quadratic(self.x, v, self.near) for v in self.vertices])
        rows = np.concatenate([rows[0::2], rows[1::2]])
        cell, weights = self._hermite(at)
        size, row = self.vertices.size, np.arange(at.size)
        blend = np.zeros((at.size, 2 * size))
        for column, weight in zip((cell, cell + 1, size + cell, size + cell + 1), weights, strict=True):
            blend[row, column] = weight
        return np.einsum("ij,ij->i", blend @ ((rows * noise) @ rows.T), blend)

    def _hermite(self, at: FloatArray) -> tuple[NDArray[np.intp], tuple[FloatArray, ...]]:
        """Cell of each point, and the cubic Hermite weights of its two values and two slopes."""
        v = self.vertices
        cell = np.clip(np.searchsorted(v, at, side="right") - 1, 0, v.size - 2)
        width = v[cell + 1] - v[cell]
        h = (at - v[cell]) / width
        return cell, (
            (1 - h) ** 2 * (1 + 2 * h),
            h**2 * (3 - 2 * h),
            h * (1 - h) ** 2 * width,
            -(h**2) * (1 - h) * width,
        )


def fit_loess(x: FloatArray, y: FloatArray, *, span: float = 0.75, cell: float = 0.2) -> Loess:
    """Fit local quadratics at the vertices of the k-d tree.

    Raises InputError where a neighbourhood holds one distinct value only.
    """
    xs = np.sort(x)
    low, high = xs[0], xs[-1]
    margin = 0.005 * max(high - low, 1e-3 * max(abs(low), abs(high)) + 1e-30)
    low, high = low - margin, high + margin
    vertices = np.array([low, *_cuts(xs, int(xs.size * span * cell), low, high), high])
    near = min(int(np.floor(xs.size * span + 1e-5)), xs.size)
    fits = np.array([_local_quadratic(x, v, near) @ y for v in vertices])
    return Loess(x, near, vertices, fits[:, 0], fits[:, 1])


def _cuts(xs: FloatArray, leaf_size: int, low: float, high: float) -> list[float]:
    """Cut cells at their median until none holds more than `leaf_size` points; return the cuts in order."""
    cuts: list[float] = []
    cells = [(0, xs.size - 1, low, high)]
    while cells:
        first, last, left, right = cells.pop()
        if last - first + 1 <= leaf_size:
            continue
        middle = _between_ties(xs, first, last)
        cut = float(xs[middle])
        if cut in (left, right):
            continue
        cuts.append(cut)
        cells += [(first, middle, left, cut), (middle + 1, last, cut, right)]
    return sorted(cuts)


def _between_ties(xs: FloatArray, first: int, last: int) -> int:
    """Last index of the lower half of a cell: the one nearest to the middle that is not tied with its successor."""
    middle = (first + last + 2) // 2 - 1
    offset = 0
    while first <= middle + offset < last:
        if xs[middle + offset] != xs[middle + offset + 1]:
            return middle + offset
        offset = 1 - offset if offset <= 0 else -offset
    return middle


def _local_quadratic(x: FloatArray, at: float, near: int) -> FloatArray:
    """Rows that give value and slope at `at` of the quadratic fitted with tricube weights."""
    offset = x - at
    squared = offset**2
    reach = np.partition(squared, near - 1)[near - 1]
    if reach <= 0:
        raise InputError(
            "The loess curve needs more distinct values: three quarters of them are equal. Use more cases, or a "
            "predictor with more than a few values."
        )
    inside = squared < reach
    share = squared[inside] / reach
    tricube = 1 - share * np.sqrt(share)
    weight = tricube * np.sqrt(tricube)
    design = np.column_stack([weight, weight * offset[inside], weight * squared[inside]])
    norms = np.linalg.norm(design, axis=0)
    norms[norms == 0] = 1.0
    q, r = np.linalg.qr(design / norms)
    inverse = np.linalg.pinv(r, rcond=100 * np.finfo(float).eps) @ q.T / norms[:, None] * weight
    rows = np.zeros((2, x.size))
    rows[:, inside] = inverse[:2]
    return rows
