"""Whether a new score is not much worse than an old one: non-inferiority of areas under ROC curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from numpy.typing import ArrayLike
from scipy.stats import norm

from radiokit.engine.results import Result
from radiokit.engine.wald import ratio_to_se
from radiokit.exceptions import InputError
from radiokit.stats._delong import delong_test


@dataclass(frozen=True, repr=False)
class NonInferiority(Result):
    """A test that the area under one ROC curve is less than a margin below another.

    Parameters
    ----------
    auc_a, auc_b : float
        The areas of the new and of the old score.
    difference : float
        ``auc_a - auc_b``.
    {se}
    ci_low, ci_high : float
        Two-sided limits of the difference.
    statistic : float
        ``(difference + margin) / se``.
    p_value : float
        One-sided; NaN where there is no standard error, or one of zero.
    margin : float
        How much worse is still acceptable.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import auc_noninferiority
    >>> auc_noninferiority([0, 0, 1, 1], [1, 3, 2, 4], [1, 2, 3, 4], margin=0.1).difference
    -0.25
    """

    auc_a: float
    auc_b: float
    difference: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    margin: float
    confidence_level: float


def auc_noninferiority(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    margin: float,
    groups: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> NonInferiority:
    r"""Test that the AUC of a new score is not more than a margin below that of an old one, on the same cases.

    Parameters
    ----------
    {y_true}
    score_a, score_b : array-like of shape (n,)
        The new and the old score; higher means more likely positive.
    margin : float
        Largest loss of AUC that is acceptable, above 0; fixed before the data are seen.
    {groups}
    confidence_level : float
        Level of the two-sided interval of the difference.

    Returns
    -------
    NonInferiority
        ``auc_a, auc_b, difference, se, ci_low, ci_high, statistic, p_value, margin``.

    Raises
    ------
    {one_class}
    InputError
        If the margin is not between 0 and 1, or scores are missing, infinite, or of another length.

    Notes
    -----
    :math:`z = (A_a - A_b + \delta)/SE` with DeLong's standard error of the difference (Obuchowski's with `groups`);
    p is its upper tail (Liu et al. 2006, doi:10.1002/sim.2358).

    *How to read it.* A small p-value says that the new score is at most `margin` worse; equivalently the lower limit of
    the interval (of level 1 - 2 alpha) lies above ``-margin``. A large p-value of `delong_test` does not say so.

    Examples
    --------
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> test = auc_noninferiority(y, [1, 2, 3, 5, 4, 6, 7, 8], [2, 1, 7, 4, 3, 5, 6, 8], margin=0.1)
    >>> round(test.statistic, 4)
    1.4546
    """
    if not isinstance(margin, Real) or not 0 < margin < 1:
        raise InputError(f"margin is {margin!r}; required: the acceptable loss of AUC, between 0 and 1.")
    test = delong_test(y_true, score_a, score_b, groups=groups, confidence_level=confidence_level)
    known = not math.isnan(test.se) and test.se > 0
    statistic = ratio_to_se(test.difference + margin, test.se) if known else math.nan
    same = {name: getattr(test, name) for name in ("auc_a", "auc_b", "difference", "se", "ci_low", "ci_high")}
    return NonInferiority(
        **same,
        statistic=statistic,
        p_value=float(norm.sf(statistic)),
        margin=float(margin),
        confidence_level=float(confidence_level),
    )
