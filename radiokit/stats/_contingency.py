"""Tests of a table of counts: chi-squared as R's ``chisq.test``, Fisher's exact test as ``fisher.test``."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from radiokit.engine.inputs import FloatArray, as_floats
from radiokit.engine.results import Test
from radiokit.engine.wald import chi_squared_p_value
from radiokit.exceptions import InputError

# Tables kept at a time, tables summed in all, and ways to fill one column at a time: seconds, and below 1 GB.
_LARGEST_PARTIAL = 2_000_000
_LARGEST_TOTAL = 40_000_000
_LARGEST_BLOCK = 200_000


def chi_squared_test(table: ArrayLike) -> Test:
    r"""Pearson's chi-squared test of independence.

    Parameters
    ----------
    table : array-like of shape (r, c)
        Counts. Empty rows and columns are left out.

    Returns
    -------
    Test
        Statistic, degrees of freedom and p-value; NaN where fewer than two rows or columns hold cases.

    Raises
    ------
    InputError
        If counts are negative, fractional, or not two-dimensional.

    Notes
    -----
    :math:`\sum (|O-E| - d)^2/E` with Yates' :math:`d = \min(0.5, |O-E|)` in 2 × 2 tables and 0 otherwise, as R's
    ``chisq.test``. *How to read it.* Wrong where expected counts are small (rule of thumb: below 5): use
    `fisher_exact_test`. Source: doi:10.1080/14786440009463897, doi:10.2307/2983604.

    Examples
    --------
    >>> round(chi_squared_test([[10, 20], [20, 10]]).p_value, 6)
    0.020137
    """
    counts = _check_counts(table)
    if min(counts.shape, default=0) < 2:
        return Test(math.nan, math.nan, math.nan)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    gap = np.abs(counts - expected)
    yates = min(0.5, float(gap.min())) if counts.shape == (2, 2) else 0.0
    statistic = float(np.sum((gap - yates) ** 2 / expected))
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return Test(statistic=statistic, df=df, p_value=chi_squared_p_value(statistic, df))


def fisher_exact_test(table: ArrayLike) -> Test:
    r"""Fisher's exact test of independence, for a table of any shape.

    Parameters
    ----------
    table : array-like of shape (r, c)
        Counts. Empty rows and columns are left out.

    Returns
    -------
    Test
        P-value; statistic and degrees of freedom are NaN (there are none).

    Raises
    ------
    InputError
        If counts are negative, fractional, or not two-dimensional, or the table is too large to enumerate.

    Notes
    -----
    With all margins fixed a table has probability :math:`\prod_i r_i! \prod_j c_j! / (n! \prod_{ij} x_{ij}!)`; the
    p-value adds those that are no more probable than the observed one, to a relative 1e-7, as R's ``fisher.test``.
    Tables are built column by column, and partial tables that leave the same row totals and have the same probability
    are counted together (the idea of doi:10.1080/01621459.1983.10477989). *How to read it.* Valid for counts of any
    size, and conservative.

    Examples
    --------
    >>> round(fisher_exact_test([[3, 1], [1, 3]]).p_value, 6)
    0.485714
    """
    counts = _check_counts(table)
    if min(counts.shape, default=0) < 2:
        return Test(math.nan, math.nan, math.nan)
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    rows, columns = counts.sum(axis=1), np.sort(counts.sum(axis=0))[::-1]
    constant = float(gammaln(rows + 1).sum() + gammaln(columns + 1).sum() - gammaln(counts.sum() + 1))
    limit = constant - float(gammaln(counts + 1).sum()) + math.log1p(1e-7)
    return Test(math.nan, math.nan, min(_probability_below(rows, columns, constant, limit), 1.0))


def _probability_below(rows: NDArray[np.int64], columns: NDArray[np.int64], constant: float, limit: float) -> float:
    """Add up the tables with these margins whose log probability is at most `limit`."""
    if rows.size * math.log2(rows.max() + 1) > 62 or (rows.size > 2 and rows.max() > 100_000):
        raise _too_many(rows, columns)
    log_factorial = gammaln(np.arange(int(rows.max()) + 1) + 1.0)
    places = (int(rows.max()) + 1) ** np.arange(rows.size)
    left, past, weight = np.sort(rows)[None, :], np.zeros(1), np.ones(1)
    for column in columns[:-2].tolist():
        parts, work = [], 0
        for state, mine in _states(left, left @ places):
            for filled in _fillings(state, column):
                work += len(filled) * mine.size
                if work > _LARGEST_PARTIAL:
                    raise _too_many(rows, columns)
                steps = -log_factorial[filled].sum(axis=1)
                parts.append(
                    (
                        np.repeat(np.sort(state - filled, axis=1), mine.size, axis=0),
                        (steps[:, None] + past[mine]).ravel(),
                        np.tile(weight[mine], len(filled)),
                    )
                )
        left, past, weight = (np.concatenate(values) for values in zip(*parts, strict=True))
        left, past, weight = _merge(left, past, weight, left @ places)
    # The last two columns need no memory of the tables, only their sum.
    total, work = 0.0, 0
    for state, mine in _states(left, left @ places):
        for filled in _fillings(state, int(columns[-2])):
            work += len(filled) * mine.size
            if work > _LARGEST_TOTAL:
                raise _too_many(rows, columns)
            steps = -log_factorial[filled].sum(axis=1) - log_factorial[state - filled].sum(axis=1)
            value = constant + steps[:, None] + past[mine]
            total += float((np.exp(value) * (value <= limit) * weight[mine]).sum())
    return total


def _states(left: NDArray[np.int64], code: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.intp]]]:
    """Each distinct row of what is left, and the partial tables that leave it."""
    order = np.argsort(code, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        yield left[mine[0]], mine


def _too_many(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> InputError:
    return InputError(
        f"Fisher's exact test of a {len(rows)} x {len(columns)} table of {int(rows.sum())} cases has too many tables "
        "to enumerate; use the chi-squared test, or merge levels."
    )


def _merge(
    left: NDArray[np.int64], past: FloatArray, weight: FloatArray, code: NDArray[np.int64]
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Count partial tables with the same rows left and the same probability as one."""
    value = np.round(past * 1e9).astype(np.int64)
    order = np.lexsort((value, code))
    new = np.append(True, (np.diff(code[order]) != 0) | (np.diff(value[order]) != 0))
    first = order[new]
    return left[first], past[first], np.add.reduceat(weight[order], np.flatnonzero(new))


def _fillings(left: NDArray[np.int64], column: int) -> Iterator[NDArray[np.int64]]:
    """Yield all ways to fill a column with its total, no cell above what its row has left, in blocks."""
    waiting = [(np.zeros((1, 0), dtype=np.int64), np.zeros(1, dtype=np.int64))]
    while waiting:
        partial, total = waiting.pop()
        i = partial.shape[1]
        if i == left.size:
            yield partial
            continue
        low = np.maximum(column - total - int(left[i + 1 :].sum()), 0)
        size = np.minimum(int(left[i]), column - total) - low + 1
        if size.sum() > _LARGEST_BLOCK and total.size > 1 and size.max() > 1:
            half = total.size // 2
            waiting += [(partial[:half], total[:half]), (partial[half:], total[half:])]
            continue
        owner = np.repeat(np.arange(total.size), size)
        cell = low[owner] + np.arange(owner.size) - np.repeat(np.cumsum(size) - size, size)
        waiting.append((np.column_stack([partial[owner], cell]), total[owner] + cell))


def _check_counts(table: ArrayLike) -> NDArray[np.int64]:
    counts = as_floats(table, name="table")
    if counts.ndim != 2 or not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise InputError("The table must be two-dimensional and hold counts: whole numbers, 0 or more.")
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    return counts.astype(np.int64)
