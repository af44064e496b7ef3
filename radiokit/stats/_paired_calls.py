"""Two readers, or two thresholded models, of the same cases: sensitivity, specificity, accuracy, predictive values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import binom

from radiokit.engine.inputs import check_choice, normal_quantile
from radiokit.engine.results import Result
from radiokit.engine.wald import chi_squared_p_value
from radiokit.exceptions import InputError
from radiokit.utils import check_binary_target, same_rows

METRICS = ("sensitivity", "specificity", "accuracy")
Calls = NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class PairedCalls(Result):
    """A comparison of how often two calls of the same cases are right.

    Parameters
    ----------
    value_a, value_b : float
        Share of right calls of each.
    difference : float
        ``value_a - value_b``.
    ci_low, ci_high : float
        Tango's score interval of the difference.
    statistic : float
        Chi-square; NaN for the exact test.
    df : float
        1; NaN for the exact test.
    p_value : float
        Two-sided.
    n, n_only_a, n_only_b : int
        Cases concerned, and those on which only one of the two was right.
    metric, method : str
        What was compared, and how.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import mcnemar_test
    >>> mcnemar_test([1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]).n_only_a
    1
    """

    value_a: float
    value_b: float
    difference: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    p_value: float
    n: int
    n_only_a: int
    n_only_b: int
    metric: str
    method: str
    confidence_level: float


def mcnemar_test(
    y_true: ArrayLike,
    call_a: ArrayLike,
    call_b: ArrayLike,
    *,
    metric: str = "sensitivity",
    method: str = "asymptotic",
    confidence_level: float = 0.95,
) -> PairedCalls:
    r"""Compare the sensitivity, specificity or accuracy of two binary calls of the same cases (McNemar).

    Parameters
    ----------
    {y_true}
    call_a, call_b : array-like of shape (n,)
        The two calls, 0/1 or boolean: positive or not.
    metric : {"sensitivity", "specificity", "accuracy"}
        Compare the calls among the positive cases, among the negative ones, or among all.
    method : {"asymptotic", "exact", "continuity"}
        Chi-square; binomial, where the two disagree on few cases (below 25); or chi-square with continuity correction,
        as R's default.
    {confidence_level}

    Returns
    -------
    PairedCalls
        ``value_a, value_b, difference, ci_low, ci_high, statistic, p_value, n, ...``.

    Raises
    ------
    OutcomeError
        If the outcome or a call has missing values or other values than 0 and 1.
    InputError
        If no case is concerned, lengths differ, or `metric` or `method` is unknown.

    Notes
    -----
    With b cases that only a calls rightly and c that only b does, the statistic is :math:`(b-c)^2/(b+c)`, or
    :math:`(|b-c|-1)^2/(b+c)`; exact: b is binomial with probability 1/2 among b + c. As R's ``mcnemar.test`` and
    ``binom.test`` (doi:10.1007/BF02295996). Without such cases p is 1. The interval is Tango's score interval, which
    respects the pairs and holds in small samples
    (doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B).

    *How to read it.* Only cases on which the two disagree carry information. A large p-value does not say that the two
    are equal: read the interval.

    Examples
    --------
    >>> y, a, b = [1] * 8 + [0] * 2, [1, 1, 1, 1, 1, 1, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0, 0, 1, 0, 0]
    >>> test = mcnemar_test(y, a, b)
    >>> round(test.difference, 4), round(test.statistic, 4)
    (0.375, 1.8)
    """
    check_choice(metric, METRICS, name="metric")
    check_choice(method, ("asymptotic", "exact", "continuity"), name="method")
    truth, a, b = _calls(y_true, call_a, call_b)
    concerned = {"sensitivity": truth, "specificity": ~truth, "accuracy": np.ones_like(truth)}[metric]
    n = int(concerned.sum())
    if not n:
        raise InputError(f"No case is concerned: y_true has none of the class of {metric}; required: one or more.")
    right_a, right_b = (a == truth)[concerned], (b == truth)[concerned]
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    statistic, p_value = _mcnemar(only_a, only_b, method)
    low, high = _tango(only_a, only_b, n, normal_quantile(confidence_level))
    return PairedCalls(
        value_a=float(right_a.mean()),
        value_b=float(right_b.mean()),
        difference=(only_a - only_b) / n,
        ci_low=low,
        ci_high=high,
        statistic=statistic,
        df=math.nan if method == "exact" else 1.0,
        p_value=p_value,
        n=n,
        n_only_a=only_a,
        n_only_b=only_b,
        metric=metric,
        method=method,
        confidence_level=float(confidence_level),
    )


def predictive_value_test(
    y_true: ArrayLike,
    call_a: ArrayLike,
    call_b: ArrayLike,
    *,
    method: str = "score",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Compare the positive and negative predictive values of two binary calls of the same cases.

    Parameters
    ----------
    {y_true}
    call_a, call_b : array-like of shape (n,)
        The two calls, 0/1 or boolean.
    method : {"score", "weighted-score", "relative"}
        Generalised score test (Leisenring), the usual one; weighted generalised score test (Kosinski), which keeps its
        level better in small samples; or the ratio of the two values with an interval (Moskowitz and Pepe).
    confidence_level : float
        Level of the interval of the ratio.

    Returns
    -------
    DataFrame
        Rows ``ppv, npv``; columns ``value_a, value_b, difference, statistic`` (chi-square, 1 df) and ``p_value``; with
        ``"relative"`` also ``ratio, ratio_ci_low, ratio_ci_high`` (a over b). NaN where a call has no case on that
        side, or nothing varies.

    Raises
    ------
    OutcomeError
        If the outcome or a call has missing values or other values than 0 and 1.
    InputError
        If lengths differ or `method` is unknown.

    Notes
    -----
    The two values have different denominators that share patients, so that McNemar's test does not apply. With
    :math:`d_i` = 1 where the outcome agrees with the side, :math:`T_a, T_b` the calls on it, p the pooled value and
    z = n_b/(n_a + n_b), the score test is :math:`(\sum u_i)^2/\sum u_i^2` with
    :math:`u_i = (d_i - p)\{(1-z) T_{b,i} - z T_{a,i}\}` (doi:10.1111/j.0006-341X.2000.00345.x); the weighted one is
    :math:`(v_a - v_b)^2/\{[p(1-p) - 2 c](1/n_a + 1/n_b)\}`, c the mean product of the residuals of those called by both
    (doi:10.1002/sim.5587). The ratio has limits on the log scale by the delta method (doi:10.1191/1740774506cn147oa).
    As DTComPair ``pv.gs``, ``pv.wgs`` and ``pv.rpv``.

    *How to read it.* A small p-value says that a positive (negative) call of one is right more often. Both values
    depend on the prevalence of this cohort.

    Examples
    --------
    >>> y, a, b = [1] * 6 + [0] * 4, [1, 1, 1, 1, 0, 0, 1, 0, 0, 0], [1, 1, 1, 0, 0, 1, 1, 1, 0, 0]
    >>> predictive_value_test(y, a, b)["difference"].round(4).tolist()
    [0.1333, 0.1]
    """
    check_choice(method, ("score", "weighted-score", "relative"), name="method")
    truth, a, b = _calls(y_true, call_a, call_b)
    z = normal_quantile(confidence_level)
    rows = [_predictive(truth == side, a == side, b == side, method, z) for side in (True, False)]
    return pd.DataFrame(rows, index=pd.Index(["ppv", "npv"], name="metric"))


def _calls(y_true: ArrayLike, call_a: ArrayLike, call_b: ArrayLike) -> tuple[Calls, Calls, Calls]:
    same_rows(y_true=y_true, call_a=call_a, call_b=call_b)
    truth = check_binary_target(y_true, both_classes=False)
    a, b = (check_binary_target(c, name=n, both_classes=False) for c, n in ((call_a, "call_a"), (call_b, "call_b")))
    for call, name in ((a, "call_a"), (b, "call_b")):
        if call.size != truth.size:
            raise InputError(f"{name} has {call.size} values for {truth.size} outcomes; required: one per case.")
    return truth, a, b


def _mcnemar(b: int, c: int, method: str) -> tuple[float, float]:
    if method == "exact":
        return math.nan, float(min(2 * binom.cdf(min(b, c), b + c, 0.5), 1.0)) if b + c else 1.0
    if not b + c:
        return 0.0, 1.0
    gap = abs(b - c) if method == "asymptotic" else max(abs(b - c) - 1, 0)
    return gap**2 / (b + c), chi_squared_p_value(gap**2 / (b + c), 1)


def _tango(b: int, c: int, n: int, z: float) -> tuple[float, float]:
    """Differences at which the score statistic, with the discordant share constrained to them, is z and -z."""

    def excess(delta: float, sign: int) -> float:
        linear = -b - c + (2 * n - b + c) * delta
        constant = -c * delta * (1 - delta)
        p21 = (math.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
        variance = n * (2 * p21 + delta * (1 - delta))
        return (b - c - n * delta) / math.sqrt(max(variance, 1e-300)) - sign * z

    limits = []
    for sign in (1, -1):
        edges = -1 + 1e-9, 1 - 1e-9
        if excess(edges[0], sign) * excess(edges[1], sign) > 0:
            limits.append(float(-sign))
        else:
            limits.append(float(brentq(excess, *edges, args=(sign,), xtol=1e-14)))
    return limits[0], limits[1]


def _predictive(good: Calls, a: Calls, b: Calls, method: str, z: float) -> dict[str, float]:
    n_a, n_b = int(a.sum()), int(b.sum())
    names = ["value_a", "value_b", "difference", "statistic", "p_value"]
    if method == "relative":
        names += ["ratio", "ratio_ci_low", "ratio_ci_high"]
    v_a, v_b = (float(good[call].mean()) if call.any() else math.nan for call in (a, b))
    row = dict.fromkeys(names, math.nan) | {"value_a": v_a, "value_b": v_b, "difference": v_a - v_b}
    if not (n_a and n_b):
        return row
    if method == "relative":
        return row | _relative(good, a, b, v_a, v_b, z)
    p = (good[a].sum() + good[b].sum()) / (n_a + n_b)
    residual = good - p
    if method == "score":
        share = n_b / (n_a + n_b)
        u = residual * (b * (1 - share) - a * share)
        over, under = float(u.sum() ** 2), float((u**2).sum())
    else:
        both = float((residual**2 * (a & b)).sum()) / (n_a + n_b)
        over, under = (v_a - v_b) ** 2, float((p * (1 - p) - 2 * both) * (1 / n_a + 1 / n_b))
    statistic = over / under if under > 1e-12 else (0.0 if v_a == v_b else math.nan)
    return row | {"statistic": statistic, "p_value": chi_squared_p_value(statistic, 1)}


def _relative(good: Calls, a: Calls, b: Calls, v_a: float, v_b: float, z: float) -> dict[str, float]:
    if not (v_a and v_b):
        return {}
    influence = b * (good - v_b) / (b.sum() * v_b) - a * (good - v_a) / (a.sum() * v_a)
    se, log_ratio = math.sqrt(float(influence @ influence)), math.log(v_a / v_b)
    found = {"ratio": v_a / v_b}
    if se <= 1e-12:
        return found | ({"statistic": 0.0, "p_value": 1.0} if v_a == v_b else {})
    statistic = (log_ratio / se) ** 2
    low, high = math.exp(log_ratio - z * se), math.exp(log_ratio + z * se)
    p_value = chi_squared_p_value(statistic, 1)
    return found | {"ratio_ci_low": low, "ratio_ci_high": high, "statistic": statistic, "p_value": p_value}
