"""What a threshold achieves where patients have several cases: ratio estimators and their design effect."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.stats._proportions import proportion_ci

Mask = NDArray[np.bool_]


def proportion_by_patient(
    right: Mask, counted: Mask, codes: NDArray[np.intp], confidence_level: float, ci: str
) -> FloatArray:
    r"""Share of right cases among those counted, with limits by patient (Rao and Scott).

    With :math:`x_g` right of :math:`n_g` counted cases in each of c patients concerned, the share is
    :math:`p = \sum x / \sum n` with variance :math:`\frac{c}{c-1} \sum (x_g - p n_g)^2 / (\sum n)^2`. The interval is
    that of a proportion among n / d cases, d the design effect: this variance over :math:`p(1-p)/n`. Where all are
    right or none is, or nothing varies between patients, d is not defined, and every patient counts as one case.
    """
    n = int(counted.sum())
    if not n:
        return np.full(3, np.nan)
    patients, own = np.unique(codes[counted], return_inverse=True)
    good = right[counted].astype(float)
    p, c = float(good.mean()), patients.size
    residual = np.bincount(own, good - p)
    varying = float(residual @ residual)
    size = float(c)
    if c > 1 and varying > 1e-12:
        size = p * (1 - p) * n**2 * (c - 1) / (c * varying)
    low, high = proportion_ci(p * size, size, confidence_level=confidence_level, method=ci)
    return np.array([p, float(low), float(high)])


def delta_variance(gradient: FloatArray, counts: FloatArray) -> float:
    """Variance by patient of a ratio of counts, from its gradient at the totals; counts have one row per patient."""
    influence, n = counts @ gradient, len(counts)
    return float(n / (n - 1) * influence @ influence) if n > 1 else math.nan


def counts_by_patient(called: Mask, positive: Mask, codes: NDArray[np.intp]) -> FloatArray:
    """Count the true positives, false positives, false negatives and true negatives of each patient."""
    cells = (called & positive, called & ~positive, ~called & positive, ~called & ~positive)
    return np.column_stack([np.bincount(codes, cell) for cell in cells])
