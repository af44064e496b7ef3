"""The log-rank test: k groups, trend, strata, and pairs of groups."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.inputs import SurvivalOutcome
from radiokit.engine.logrank import observed_minus_expected, rank_statistic
from radiokit.engine.results import Test
from radiokit.engine.survival_inputs import check_groups, check_times_events
from radiokit.engine.wald import chi_squared_p_value
from radiokit.stats._multiplicity import adjust_pvalues
from radiokit.utils import same_rows


def logrank_test(
    y: SurvivalOutcome, groups: ArrayLike, *, trend: bool = False, strata: ArrayLike | None = None
) -> Test:
    r"""Log-rank test that k groups share one hazard.

    Parameters
    ----------
    {y_survival}
    groups : array-like of shape (n,)
        Group of each case: two or more. A Categorical keeps its order, else groups are sorted.
    trend : bool
        Test for a trend over the groups in their order (scores 1, 2, ..., k; one degree of freedom) instead of any
        difference: more powerful where the groups are ordered, such as stages.
    strata : array-like of shape (n,), optional
        Observed and expected events are counted within each stratum.

    Returns
    -------
    Test
        ``statistic`` (chi-square), ``df``, ``p_value``; NaN where no two groups are at risk together at an event.

    Raises
    ------
    OutcomeError
        If there are no events.
    {bad_groups}

    Notes
    -----
    At each event time, with d events among n at risk, :math:`n_j` of them in group j, the expected events of the group
    are :math:`e_j = d\,n_j/n` with hypergeometric covariance
    :math:`d\,\frac{n-d}{n-1}\,\frac{n_j}{n}\big(\delta_{jk} - \frac{n_k}{n}\big)`. With U the sum of observed minus
    expected and V that of the covariances, the statistic is :math:`U^\top V^- U` on k - 1 degrees of freedom (groups
    without expected events do not count), for the trend :math:`(s^\top U)^2/(s^\top V s)`. As R's survival::survdiff
    with rho = 0.

    How to read it: a small p-value says that the hazards differ; it does not say by how much (see the Cox model). It is
    not valid for groups that were cut where the test is largest (see `radiokit.survival.optimal_cutpoint`).

    Source: Mantel 1966; Peto and Peto 1972, doi:10.2307/2344317.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> logrank_test(y, ["a", "a", "b", "b"])
    Test(statistic=2.882, df=1, p_value=0.08956)
    """
    same_rows(y=y, groups=groups, strata=strata)
    time, event = check_times_events(y, events=True)
    codes, labels = check_groups(groups, time.size, at_least=2)
    layer, names = check_groups(strata, time.size)
    difference, covariance = np.zeros(len(labels)), np.zeros((len(labels), len(labels)))
    expected = np.zeros(len(labels))
    for stratum in range(len(names)):
        cases = layer == stratum
        u, v, e = observed_minus_expected(time[cases], event[cases], codes[cases], len(labels))
        difference, covariance, expected = difference + u, covariance + v, expected + e
    if trend:
        scores = np.arange(1.0, len(labels) + 1)
        variance = scores @ covariance @ scores
        statistic, df = ((scores @ difference) ** 2 / variance if variance > 0 else np.nan), 1
    else:
        # One group is the reference: the differences sum to 0.
        counted = np.flatnonzero(expected > 0)[1:]
        df = counted.size
        statistic = rank_statistic(difference[counted], covariance[np.ix_(counted, counted)])
    return Test(statistic=float(statistic), df=int(df), p_value=chi_squared_p_value(float(statistic), df))


def pairwise_logrank(y: SurvivalOutcome, groups: ArrayLike, *, adjust: str | None = "BH") -> pd.DataFrame:
    """Log-rank tests of all pairs of groups, with adjusted p-values.

    Parameters
    ----------
    {y_survival}
    groups : array-like of shape (n,)
        Group of each case.
    adjust : str or None
        Method of `adjust_pvalues`; None leaves them as they are.

    Returns
    -------
    DataFrame
        One row per pair: ``group_a, group_b, statistic, p_value, p_adjusted``. NaN where a pair has no events.

    Raises
    ------
    OutcomeError
        If there are no events at all.
    {bad_groups}

    Notes
    -----
    Each pair is tested in its own cases only, as survminer::pairwise_survdiff.

    How to read it: which groups differ, once the overall `logrank_test` shows that some do; read ``p_adjusted``.

    Source: Peto and Peto 1972, doi:10.2307/2344317.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 1, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> pairwise_logrank(y, ["a", "a", "b", "b"])[["group_a", "group_b", "p_adjusted"]]
      group_a group_b  p_adjusted
    0       a       b    0.089555
    """
    same_rows(y=y, groups=groups)
    time, event = check_times_events(y, events=True)
    codes, labels = check_groups(groups, time.size, at_least=2)
    rows = []
    for a, b in combinations(range(len(labels)), 2):
        cases = (codes == a) | (codes == b)
        difference, covariance, _ = observed_minus_expected(
            time[cases], event[cases], (codes[cases] == b).astype(np.intp), 2
        )
        statistic = rank_statistic(difference[1:], covariance[1:, 1:])
        rows.append((labels[a], labels[b], statistic, chi_squared_p_value(statistic, 1)))
    table = pd.DataFrame(rows, columns=["group_a", "group_b", "statistic", "p_value"])
    p = table["p_value"].to_numpy()
    return table.assign(p_adjusted=p if adjust is None else adjust_pvalues(p, method=adjust))
