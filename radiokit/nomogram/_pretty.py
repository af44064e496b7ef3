"""Round numbers that cover a range, by the rule of R's ``pretty``."""

from __future__ import annotations

import math

import numpy as np

from radiokit.engine.inputs import FloatArray

BIAS = 1.5  # how much a coarser unit is preferred to a finer one
BIAS_FIVE = 0.5 + 1.5 * BIAS
ROUNDING = 1e-10


def pretty(low: float, high: float, intervals: int = 10) -> FloatArray:
    """About `intervals + 1` equally spaced values, 1, 2 or 5 times a power of ten apart, that cover [low, high]."""
    least = intervals // 3
    span, cell = high - low, max(abs(low), abs(high))
    small = cell == 0 or span < cell * (1 + 1 / (1 + BIAS)) * max(1, intervals) * np.finfo(float).eps * 3
    if small:
        cell = 1.0 if cell == 0 else cell
        cell = (9 + cell / 10 if cell > 10 else cell) * 0.75 / max(least, 1)
    else:
        cell = span / max(intervals, 1)
    base = 10.0 ** math.floor(math.log10(cell))
    unit = base
    for step, bias in ((2, BIAS), (5, BIAS_FIVE), (10, BIAS)):
        if step * base - cell < bias * (cell - unit):
            unit = step * base
        else:
            break
    first, last = math.floor(low / unit + ROUNDING), math.ceil(high / unit - ROUNDING)
    lacking = least - (last - first)
    if lacking > 0:
        last += lacking // 2 + lacking % 2 if first >= 0 else lacking // 2
        first -= lacking // 2 if first >= 0 else lacking // 2 + lacking % 2
    values = np.arange(first, last + 1) * unit
    # 0.1 * 3 is not 0.3: round where the unit ends.
    digits = max(0, 1 - math.floor(math.log10(unit)))
    return np.asarray(np.round(values, digits) if digits < 300 else values, dtype=float)
