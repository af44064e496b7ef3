"""Cleveland's LOWESS, step for step as R's ``lowess``: local lines, tricube weights, interpolation within `delta`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray

AT_ONCE = 2**14  # points of all windows that are smoothed together: more of them leave the cache


def lowess(x: FloatArray, y: FloatArray, *, fraction: float = 2 / 3, delta: float | None = None) -> FloatArray:
    """Smooth `y` against `x` without robustness steps (``iter=0``); the fit comes in the order of the input.

    Source: doi:10.1080/01621459.1979.10481038. A line is fitted at points more than `delta` apart (default 1 % of the
    range of `x`) and the fit runs straight between them.
    """
    order = np.argsort(x, kind="stable")
    xs, ys = x[order], y[order]
    size = max(min(int(fraction * xs.size + 1e-7), xs.size), 2)
    delta = 0.01 * float(xs[-1] - xs[0]) if delta is None else delta
    knots, left = _knots(xs.tolist(), size, delta)
    step = max(1, AT_ONCE // xs.size)
    parts = [slice(k, k + step) for k in range(0, knots.size, step)]
    fits = np.concatenate([_local_lines(xs, ys, xs[knots[part]], left[part], size) for part in parts])
    result = np.empty(xs.size)
    result[order] = np.interp(xs, xs[knots], np.where(np.isnan(fits), ys[knots], fits))
    return result


def _knots(xs: Sequence[float], size: int, delta: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the points where a line is fitted, and where the window of each starts."""
    knots, left = [0], [0]
    while xs[knots[-1]] != xs[-1]:
        at = xs[knots[-1]]
        knots.append(max(bisect_right(xs, at), bisect_right(xs, at + delta) - 1))
        left.append(_window(xs, xs[knots[-1]], left[-1], size))
    return np.array(knots), np.array(left)


def _window(xs: Sequence[float], at: float, left: int, size: int) -> int:
    """First start, not before `left`, of the `size` points nearest to `at`."""
    starts = range(left, len(xs) - size)
    return left + bisect_left(starts, True, key=lambda s: at - xs[s] <= xs[s + size] - at)


def _local_lines(xs: FloatArray, ys: FloatArray, at: FloatArray, left: NDArray[np.intp], size: int) -> FloatArray:
    """Value at each of `at` of the line fitted with tricube weights; NaN if no point has weight."""
    reach = np.maximum(at - xs[left], xs[left + size - 1] - at)[:, None]
    at, left = at[:, None], left[:, None]
    # Ties at the right edge of the window belong to it; those at the left edge do not.
    stop = np.searchsorted(xs, at + reach, side="right")
    place = left + np.arange((stop - left).max())
    beyond = place >= stop
    place = np.minimum(place, xs.size - 1)
    window, values = xs[place], ys[place]
    distance = np.abs(window - at)
    share = np.minimum(distance / np.where(reach > 0, reach, 1.0), 1)
    # Products, since numpy's third power is ten times slower.
    weight = 1 - share * share * share
    weight *= weight * weight
    weight[distance <= 0.001 * reach] = 1.0
    weight[(distance > 0.999 * reach) | beyond] = 0.0
    total = weight.sum(axis=1, keepdims=True)
    weight /= np.where(total > 0, total, np.nan)
    # Sums, not matrix products: those start a thread for a few thousand numbers and wait for it.
    centre = (weight * window).sum(axis=1, keepdims=True)
    offset = window - centre
    spread = (weight * offset**2).sum(axis=1, keepdims=True)
    sloped = (reach > 0) & (np.sqrt(spread) > 0.001 * (xs[-1] - xs[0]))
    slope = np.where(sloped, (at - centre) / np.where(sloped, spread, 1.0), 0.0)
    weight *= slope * offset + 1
    return np.asarray((weight * values).sum(axis=1))
