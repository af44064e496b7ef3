"""Agreement of raters on categories: Cohen's kappa for two, Fleiss' for several."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from radiokit.engine.inputs import FloatArray
from radiokit.engine.results import Result
from radiokit.engine.wald import normal_p_value, ratio_to_se, wald
from radiokit.exceptions import InputError
from radiokit.utils import same_rows


@dataclass(frozen=True, repr=False)
class Kappa(Result):
    """A chance-corrected agreement of two raters.

    Parameters
    ----------
    kappa : float
        1 is perfect, 0 what chance gives.
    se : float
        Standard error without assuming that kappa is 0; for the interval.
    ci_low, ci_high : float
        Normal limits, cut to [-1, 1].
    statistic, p_value : float
        z with the standard error under independence, and its two-sided p-value.
    agreement : float
        Observed (weighted) agreement.
    expected : float
        (Weighted) agreement expected by chance.
    n : int
        Number of subjects.
    weights : str
        ``"none"``, ``"linear"`` or ``"quadratic"``.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import cohen_kappa
    >>> cohen_kappa([0, 0, 1, 1], [0, 0, 1, 0]).kappa
    0.5
    """

    kappa: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    agreement: float
    expected: float
    n: int
    weights: str
    confidence_level: float


@dataclass(frozen=True, repr=False)
class FleissKappa(Result):
    """A chance-corrected agreement of several raters.

    Parameters
    ----------
    kappa : float
        1 is perfect, 0 what chance gives.
    se : float
        Standard error under chance agreement.
    {z_test}
    agreement : float
        Mean observed agreement of pairs of raters.
    expected : float
        Agreement expected by chance.
    n : int
        Number of subjects.
    n_raters : int
        Number of raters.
    categories : DataFrame
        ``category, kappa, se, statistic, p_value`` of each category against the others.

    Examples
    --------
    >>> from radiokit.stats import fleiss_kappa
    >>> fleiss_kappa([[0, 0, 0], [1, 1, 1]]).kappa
    1.0
    """

    kappa: float
    se: float
    statistic: float
    p_value: float
    agreement: float
    expected: float
    n: int
    n_raters: int
    categories: pd.DataFrame


def cohen_kappa(
    a: ArrayLike,
    b: ArrayLike,
    *,
    weights: str | None = None,
    levels: Sequence[Hashable] | None = None,
    confidence_level: float = 0.95,
) -> Kappa:
    r"""Cohen's kappa of two raters, weighted or not.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        Categories given by the two raters to the same subjects: numbers or text.
    weights : {None, "linear", "quadratic"}
        None, for categories without an order, counts exact agreement only; the others, for ordered ones, give part
        marks :math:`1 - |i-j|/(K-1)` or :math:`1 - (i-j)^2/(K-1)^2` for neighbouring categories.
    levels : sequence, optional
        The categories in their order, which matters for weights; default the sorted categories that occur.
    {confidence_level}

    Returns
    -------
    Kappa
        Kappa, interval, test, observed and expected agreement. NaN where both raters use one and the same category.

    Raises
    ------
    InputError
        If lengths differ, values are missing, a value is not among `levels`, or `weights` is unknown.

    Notes
    -----
    :math:`\kappa = (p_o - p_e)/(1 - p_e)` with :math:`p_o = \sum w_{ij} p_{ij}`,
    :math:`p_e = \sum w_{ij} p_{i.} p_{.j}` (doi:10.1177/001316446002000104, doi:10.1037/h0026256). Standard errors
    are those of Fleiss, Cohen & Everitt (doi:10.1037/h0028106): under independence for z and p, as ``irr::kappa2``, the
    other for the interval, as ``DescTools::CohenKappa``.

    *How to read it.* Common labels (doi:10.2307/2529310): above 0.6 substantial, above 0.8 almost perfect. Kappa falls
    when a category is rare, even if raters agree as well as before; quadratic weights give about the ICC of the ranks.

    Examples
    --------
    >>> result = cohen_kappa([1, 2, 3, 3, 2, 1], [1, 2, 3, 2, 2, 1], weights="linear")
    >>> round(result.kappa, 4)
    0.8
    """
    same_rows(a=a, b=b)
    if weights not in (None, "linear", "quadratic"):
        raise InputError(f"weights is {weights!r}; required: None, 'linear' or 'quadratic'.")
    first, second = _labels(a, "a"), _labels(b, "b")
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"a has shape {first.shape} and b {second.shape}; required: one category per subject from each."
        )
    categories = _categories(np.concatenate([first, second]), levels)
    k, n = len(categories), first.size
    table = np.zeros((k, k))
    np.add.at(table, ([categories[v] for v in first], [categories[v] for v in second]), 1 / n)
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / max(k - 1, 1)
    credit = {None: (distance == 0).astype(float), "linear": 1 - distance, "quadratic": 1 - distance**2}[weights]
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, expected = float((credit * table).sum()), float(rows @ credit @ columns)
    chance = 1 - expected
    if chance <= 1e-15:
        kappa = se = null_se = math.nan
    else:
        kappa = (observed - expected) / chance
        se, null_se = _standard_errors(table, credit, kappa, expected, n)
    test = wald(kappa, se, null_se=null_se, confidence_level=confidence_level)
    return Kappa(
        kappa=kappa,
        se=se,
        ci_low=float(np.maximum(test.ci_low, -1.0)),
        ci_high=float(np.minimum(test.ci_high, 1.0)),
        statistic=test.statistic,
        p_value=test.p_value,
        agreement=observed,
        expected=expected,
        n=n,
        weights=weights or "none",
        confidence_level=float(confidence_level),
    )


def fleiss_kappa(ratings: ArrayLike | pd.DataFrame) -> FleissKappa:
    r"""Fleiss' kappa of several raters.

    Parameters
    ----------
    ratings : array-like of shape (subjects, raters)
        Categories: numbers or text. The raters of one subject need not be those of another.

    Returns
    -------
    FleissKappa
        Kappa with its test, and kappa of each category. NaN where only one category occurs.

    Raises
    ------
    InputError
        If values are missing, or there are fewer than two raters.

    Notes
    -----
    :math:`\kappa = (\bar P - P_e)/(1 - P_e)`, :math:`\bar P` the mean over subjects of the share of agreeing pairs of
    raters, :math:`P_e = \sum p_j^2` (doi:10.1037/h0031619); standard error under chance agreement of Fleiss, Nee &
    Landis (doi:10.1037/0033-2909.86.5.974). As ``irr::kappam.fleiss(exact=FALSE)``.

    *How to read it.* As Cohen's kappa. The test only says that agreement is not due to chance, which is little.

    Examples
    --------
    >>> round(fleiss_kappa([["a", "a", "b"], ["b", "b", "b"], ["a", "a", "a"], ["a", "b", "b"]]).kappa, 4)
    0.3333
    """
    labels = _labels(ratings, "ratings")
    if labels.ndim != 2 or labels.shape[1] < 2 or not labels.size:
        raise InputError(f"ratings has shape {labels.shape}; required: (subjects, raters) with two raters or more.")
    categories = _categories(labels.ravel(), None)
    n, m = labels.shape
    counts = np.array([[np.sum(row == category) for category in categories] for row in labels], dtype=float)
    share = counts.sum(axis=0) / (n * m)
    spread = share * (1 - share)
    agreement = float(((counts**2).sum() - n * m) / (n * m * (m - 1)))
    expected = float(share @ share)
    total = float(spread.sum())
    if total <= 1e-15:
        kappa = se = math.nan
    else:
        kappa = (agreement - expected) / (1 - expected)
        skew = float(spread @ (1 - 2 * share))
        se = math.sqrt(2 * max(total**2 - skew, 0.0) / (n * m * (m - 1))) / total
    statistic = ratio_to_se(kappa, se)
    return FleissKappa(
        kappa=kappa,
        se=se,
        statistic=statistic,
        p_value=normal_p_value(statistic),
        agreement=agreement,
        expected=expected,
        n=n,
        n_raters=m,
        categories=_by_category(list(categories), counts, spread, n, m),
    )


def _standard_errors(
    table: FloatArray, credit: FloatArray, kappa: float, expected: float, n: int
) -> tuple[float, float]:
    """Return the standard errors of Fleiss, Cohen & Everitt: in general, and under independence."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    mean_credit = (credit @ columns)[:, None] + (credit.T @ rows)[None, :]
    spread = (table * (credit - mean_credit * (1 - kappa)) ** 2).sum() - (kappa - expected * (1 - kappa)) ** 2
    null = (np.outer(rows, columns) * (credit - mean_credit) ** 2).sum() - expected**2
    first, second = (math.sqrt(max(float(v), 0.0) / n) / (1 - expected) for v in (spread, null))
    return first, second


def _by_category(names: list[Hashable], counts: FloatArray, spread: FloatArray, n: int, m: int) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = 1 - (counts * (m - counts)).sum(axis=0) / (n * m * (m - 1) * spread)
    se = math.sqrt(2 / (n * m * (m - 1)))
    z = kappa / se
    columns = {"category": names, "kappa": kappa, "se": se, "statistic": z, "p_value": 2 * norm.sf(np.abs(z))}
    return pd.DataFrame(columns)


def _labels(values: ArrayLike | pd.DataFrame, name: str) -> NDArray[Any]:
    labels = np.asarray(values)
    if labels.dtype.kind in "US":
        labels = labels.astype(object)
    if not labels.size or pd.isna(labels).any():
        raise InputError(f"{name} is empty or has missing values; drop those subjects first.")
    return labels


def _categories(values: NDArray[Any], levels: Sequence[Hashable] | None) -> dict[Hashable, int]:
    """Category -> position."""
    present = pd.unique(values).tolist()
    if levels is not None:
        unknown = [v for v in present if v not in levels]
        if unknown:
            raise InputError(f"Categories {unknown[:5]!r} are not among levels {list(levels)!r}.")
        return {level: i for i, level in enumerate(levels)}
    try:
        ordered = sorted(present)
    except TypeError:
        ordered = sorted(present, key=str)
    return {level: i for i, level in enumerate(ordered)}
