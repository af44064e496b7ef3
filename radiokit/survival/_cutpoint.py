"""The cut of a score that separates survival most, with a p-value that allows for the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, Seed, check_choice, check_score
from radiokit.engine.maxstat import (
    MAX_EXACT_CASES,
    group_sizes,
    logrank_scores,
    p_hothorn_lausen,
    p_lausen92,
    p_lausen94,
    p_permutation,
    standardized,
)
from radiokit.engine.results import Result
from radiokit.engine.survival_inputs import check_times_events
from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import logrank_test
from radiokit.utils import as_random_state, same_rows
from radiokit.utils.estimators import Outcome

METHODS = ("hothorn-lausen", "lausen92", "lausen94", "permutation")


@dataclass(frozen=True, repr=False, eq=False)
class Cutpoint(Result):
    """A maximally selected cut-point.

    Parameters
    ----------
    value : float
        The cut: the low group is ``score <= value``.
    statistic : float
        Largest standardised log-rank statistic over the admitted cuts, in absolute value.
    p_value : float
        P-value that allows for the search.
    p_unadjusted : float
        P-value of the log-rank test at this cut, as if it had been fixed before: far too small.
    curve : DataFrame
        ``threshold, statistic, n_low`` of all admitted cuts.
    method : str
        How `p_value` was made: "lausen94" where "hothorn-lausen" was asked of more than 170 cases.
    n_low, n_high : int
        Cases at or below, and above the cut.

    Examples
    --------
    >>> from radiokit.survival import as_target, optimal_cutpoint
    >>> y = as_target([1] * 8, [9, 10, 8, 11, 1, 2, 1, 2])
    >>> optimal_cutpoint(y, range(8), min_prop=0.25).n_low
    4
    """

    value: float
    statistic: float
    p_value: float
    p_unadjusted: float
    curve: pd.DataFrame
    method: str
    n_low: int
    n_high: int


def optimal_cutpoint(
    y: Outcome,
    score: ArrayLike,
    *,
    min_prop: float = 0.1,
    method: str = "hothorn-lausen",
    n_permutations: int = 9999,
    random_state: Seed = None,
) -> Cutpoint:
    r"""Find the cut of a score that separates survival most (maximally selected log-rank statistic).

    Parameters
    ----------
    y : structured array or DataFrame with `event` and `time`
        The survival outcome of n cases.
    score : array-like of shape (n,)
        Any score; its direction does not matter.
    min_prop : float
        Smallest share of cases in either group.
    method : {"hothorn-lausen", "lausen92", "lausen94", "permutation"}
        How the p-value allows for the search: by the exact conditional distribution of each cut's statistic (up to
        170 cases, "lausen94" beyond), by a Brownian bridge, by an improved Bonferroni inequality, or by permutation.
    n_permutations : int
        For "permutation".
    {random_state}

    Returns
    -------
    Cutpoint
        ``value, statistic, p_value, p_unadjusted, curve, ...``.

    Raises
    ------
    OutcomeError
        If there are no events, or all cases have one and the same outcome.
    InputError
        If the score is constant or missing, or no cut leaves `min_prop` on either side.

    Notes
    -----
    With log-rank scores :math:`a_i = \delta_i - \sum_{t_j \le t_i} \delta_j/(\#\{t_k > t_j\} + 1)` and the m cases at
    or below a cut, the statistic is :math:`|\sum_{low} a_i - m\bar a|` over its standard deviation under permutation;
    the cut with the largest is chosen, the smallest of equals. As R's maxstat (``smethod = "LogRank"``): not the square
    root of the log-rank chi-square, whose maximum may lie elsewhere.

    How to read it: `value` is learnt from these very data, so that groups cut there look better apart than they will
    in new patients; only `p_value` may be reported, never `p_unadjusted`, and the cut must be validated in other
    patients. A flat `curve` means that there is no natural cut.

    Sources: Lausen and Schumacher 1992, doi:10.2307/2532740; Lausen, Sauerbrei and Schumacher 1994,
    doi:10.1007/978-3-642-57991-2_17; Hothorn and Lausen 2003, doi:10.1016/S0167-9473(02)00225-6.

    Examples
    --------
    >>> from radiokit.survival import as_target
    >>> y = as_target([1] * 8, [9, 10, 8, 11, 1, 2, 1, 2])
    >>> cut = optimal_cutpoint(y, [1.0, 1.1, 1.2, 1.3, 2.0, 2.1, 2.2, 2.3], min_prop=0.25)
    >>> cut.value
    1.3
    """
    same_rows(y=y, score=score)
    check_choice(method, METHODS, name="method")
    if not 0 <= min_prop < 0.5:
        raise InputError(f"min_prop is {min_prop!r}; required: at least 0 and below 0.5.")
    time, event = check_times_events(y, events=True)
    values = check_score(score, time.size)
    order = np.argsort(values, kind="stable")
    ranks = logrank_scores(time, event)[order]
    if np.ptp(ranks) <= 1e-12 * np.abs(ranks).max():
        raise OutcomeError("All cases have one and the same outcome; required: times and events that differ.")
    m = group_sizes(values, min_prop)
    statistic = np.abs(standardized(ranks, m))
    # Cuts that differ by rounding only count as equal, and the first is taken.
    best = int(np.flatnonzero(statistic >= statistic.max() * (1 - 1e-12))[0])
    thresholds = values[order][m - 1]
    value = float(thresholds[best])
    used = "lausen94" if method == "hothorn-lausen" and time.size > MAX_EXACT_CASES else method
    maximum = float(statistic[best])
    if used == "permutation":
        p_value = p_permutation(ranks, m, maximum, n_permutations, as_random_state(random_state))
    else:
        p_value = _p_value(used, ranks, m, maximum, min_prop)
    return Cutpoint(
        value=value,
        statistic=maximum,
        p_value=p_value,
        p_unadjusted=logrank_test(y, values > value).p_value,
        curve=pd.DataFrame({"threshold": thresholds, "statistic": statistic, "n_low": m}),
        method=used,
        n_low=int(m[best]),
        n_high=int(time.size - m[best]),
    )


def _p_value(method: str, ranks: FloatArray, m: NDArray[np.intp], maximum: float, min_prop: float) -> float:
    if method == "lausen92":
        return p_lausen92(maximum, min_prop)
    if method == "lausen94":
        return p_lausen94(maximum, ranks.size, m)
    return p_hothorn_lausen(ranks, m)
