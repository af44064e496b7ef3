"""Adjustment of p-values for the number of tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from radiokit.engine.inputs import FloatArray, as_floats, check_choice
from radiokit.exceptions import InputError

_METHODS = ("holm", "hochberg", "hommel", "bonferroni", "BH", "fdr", "BY", "none")


def adjust_pvalues(p: ArrayLike, *, method: str = "holm") -> FloatArray:
    r"""Adjust p-values for multiple testing, as R's ``p.adjust``.

    Parameters
    ----------
    p : array-like of shape (m,)
        P-values in [0, 1]. Missing ones stay missing and do not count as tests.
    method : {"holm", "hochberg", "hommel", "bonferroni", "BH", "fdr", "BY", "none"}
        The first four bound the chance of any false claim (family-wise error), ``"BH"`` (the same as ``"fdr"``) and
        ``"BY"`` the expected share of false claims (false discovery rate; BY under any dependence).

    Returns
    -------
    ndarray of shape (m,)
        Adjusted p-values, in the order given.

    Raises
    ------
    InputError
        If a p-value is outside [0, 1], `p` is not one-dimensional, or the method is unknown.

    Notes
    -----
    With sorted :math:`p_{(1)} \le \dots \le p_{(m)}`: Bonferroni :math:`m p`; Holm
    :math:`\max_{j \le i} (m-j+1) p_{(j)}` (jstor:4615733); Hochberg :math:`\min_{j \ge i} (m-j+1) p_{(j)}`
    (doi:10.1093/biomet/75.4.800); Hommel by closed Simes tests (doi:10.1093/biomet/75.2.383); BH
    :math:`\min_{j \ge i} \frac{m}{j} p_{(j)}` (doi:10.1111/j.2517-6161.1995.tb02031.x); BY the same times
    :math:`\sum 1/j` (doi:10.1214/aos/1013699998). All are cut at 1.

    *How to read it.* Compare the adjusted value with the level itself, for example 0.05. Holm needs no assumption and
    is never worse than Bonferroni; BH is for screening many features, where some false ones are acceptable.

    Examples
    --------
    >>> adjust_pvalues([0.01, 0.04, 0.03], method="holm").tolist()
    [0.03, 0.06, 0.06]
    """
    check_choice(method, _METHODS, name="method")
    values = as_floats(p, name="p")
    if values.ndim != 1:
        raise InputError(f"p has shape {values.shape}; required: one-dimensional.")
    known = ~np.isnan(values)
    if ((values[known] < 0) | (values[known] > 1)).any():
        raise InputError(
            f"p has values outside [0, 1] (range {np.nanmin(values):g} to {np.nanmax(values):g}); required: p-values."
        )
    result = values.copy()
    if known.any():
        result[known] = _adjust(values[known], method)
    return result


def _adjust(p: FloatArray, method: str) -> FloatArray:
    m = p.size
    rank = np.arange(1, m + 1)
    if method == "none" or m == 1:
        return p
    if method == "bonferroni":
        return np.minimum(1, m * p)
    if method == "hommel":
        return _hommel(p)
    if method == "holm":
        return _unsort(p, lambda s: np.maximum.accumulate((m - rank + 1) * s))
    factor = {
        "hochberg": m - rank + 1.0,
        "BH": m / rank,
        "fdr": m / rank,
        "BY": np.sum(1 / rank) * m / rank,
    }[method]
    return _unsort(p, lambda s: np.minimum.accumulate((factor * s)[::-1])[::-1])


def _unsort(p: FloatArray, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
    order = np.argsort(p, kind="stable")
    result = np.empty_like(p)
    result[order] = np.minimum(1, function(p[order]))
    return result


def _hommel(p: FloatArray) -> FloatArray:
    """Largest Simes p-value over all subsets that hold the hypothesis, in O(m^2)."""
    order = np.argsort(p, kind="stable")
    s, m = p[order], p.size
    simes = np.min(m * s / np.arange(1, m + 1))
    adjusted = np.full(m, simes)
    for size in range(m - 1, 1, -1):
        first, last = s[: m - size + 1], s[m - size + 1 :]
        bound = np.min(size * last / np.arange(2, size + 1))
        local = np.empty(m)
        local[: m - size + 1] = np.minimum(size * first, bound)
        local[m - size + 1 :] = local[m - size]
        adjusted = np.maximum(adjusted, local)
    result = np.empty(m)
    result[order] = np.maximum(adjusted, s)
    return result
