"""Cleveland's LOWESS, step for step as R's ``lowess``: local lines, tricube weights, interpolation within `delta`."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from radiokit.engine.inputs import FloatArray


def lowess(x: FloatArray, y: FloatArray, *, fraction: float = 2 / 3, delta: float | None = None) -> FloatArray:
    """Smooth `y` against `x` without robustness steps (``iter=0``); the fit comes in the order of the input.

    Source: doi:10.1080/01621459.1979.10481038. A line is fitted at points more than `delta` apart (default 1 % of the
    range of `x`) and the fit runs straight between them.
    """
    order = np.argsort(x, kind="stable")
    xs, ys = x[order], y[order]
    n = xs.size
    size = max(min(int(fraction * n + 1e-7), n), 2)
    delta = 0.01 * (xs[-1] - xs[0]) if delta is None else delta
    knots, fits, left, i = [], [], 0, 0
    while True:
        left = _window(xs, xs[i], left, size)
        value = _local_line(xs, ys, xs[i], left, size)
        knots.append(xs[i])
        fits.append(ys[i] if math.isnan(value) else value)
        if xs[i] == xs[-1]:
            break
        after_ties = int(np.searchsorted(xs, xs[i], side="right"))
        within_delta = int(np.searchsorted(xs, xs[i] + delta, side="right")) - 1
        i = max(after_ties, within_delta)
    result = np.empty(n)
    result[order] = np.interp(xs, knots, fits)
    return result


def _window(xs: FloatArray, at: float, left: int, size: int) -> int:
    """First start, not before `left`, of the `size` points nearest to `at`."""
    starts = range(left, xs.size - size)
    return left + bisect_left(starts, True, key=lambda s: bool(at - xs[s] <= xs[s + size] - at))


def _local_line(xs: FloatArray, ys: FloatArray, at: float, left: int, size: int) -> float:
    """Value at `at` of the line fitted with tricube weights; NaN if no point has weight."""
    reach = max(at - xs[left], xs[left + size - 1] - at)
    # Ties at the right edge of the window belong to it; those at the left edge do not.
    stop = int(np.searchsorted(xs, at + reach, side="right"))
    window, values = xs[left:stop], ys[left:stop]
    distance = np.abs(window - at)
    share = np.minimum(distance / (reach or 1.0), 1)
    # Products, since numpy's third power is ten times slower.
    weight = 1 - share * share * share
    weight *= weight * weight
    weight[distance <= 0.001 * reach] = 1.0
    weight[distance > 0.999 * reach] = 0.0
    total = weight.sum()
    if total <= 0:
        return math.nan
    weight /= total
    # Sums, not dot products: those start a thread for a few thousand numbers and wait for it.
    if reach > 0:
        centre = float((weight * window).sum())
        spread = float((weight * (window - centre) ** 2).sum())
        if math.sqrt(spread) > 0.001 * (xs[-1] - xs[0]):
            weight *= (at - centre) / spread * (window - centre) + 1
    return float((weight * values).sum())
