"""Competing risks: cumulative incidence with its variance, and Gray's test between groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, normal_quantile
from radiokit.engine.logrank import rank_statistic
from radiokit.engine.survival_inputs import check_causes, check_groups, each_group
from radiokit.engine.wald import ROUNDING, chi_squared_p_value
from radiokit.utils import same_rows


def cumulative_incidence(
    time: ArrayLike, cause: ArrayLike, *, groups: ArrayLike | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    r"""Cumulative incidence of each cause under competing risks (Aalen-Johansen).

    Parameters
    ----------
    time : array-like of shape (n,)
        Time to the first event or censoring, not negative.
    cause : array-like of shape (n,)
        0 where censored, 1, 2, ... the kind of the event.
    {case_groups} {confidence_level}

    Returns
    -------
    DataFrame
        One row per group, cause and distinct time of an event: ``group, cause, time, n_at_risk, n_events,
        cumulative_incidence, se, ci_low, ci_high``. Without `groups`, ``group`` is "all".

    Raises
    ------
    OutcomeError
        If times are negative or missing, causes are no whole numbers, or there is no event.

    Notes
    -----
    With S the Kaplan-Meier estimate of being free of every event and :math:`d_{k}` events of cause k among n at risk,
    :math:`F_k(t) = \sum_{u \le t} \hat S(u-)\,d_k(u)/n(u)`. The variance is

    .. math:: \sum_{u \le t} \Big(1 + \frac{F_k(u) - F_k(t)}{S(u)}\Big)^2 \frac{S(u-)^2 d_k}{n^2} \tau_k(u)
        + \sum_{u \le t} \Big(\frac{F_k(u) - F_k(t)}{S(u)}\Big)^2 \frac{S(u-)^2 d_{-k}}{n^2} \tau_{-k}(u),

    with :math:`d_{-k}` the other events and :math:`\tau = 1 - (d - 1)/(n - 1)` for ties, as cmprsk::cuminc. The
    interval is symmetric in :math:`\log(-\log F)`.

    How to read it: the share of patients who have had this event by `time`, among all patients, also those who had
    another event first. One minus Kaplan-Meier with the other events censored answers another question and is too high.

    Sources: Aalen and Johansen 1978, Scandinavian Journal of Statistics 5:141; Gray 1988, doi:10.1214/aos/1176350951.

    Examples
    --------
    >>> table = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1])
    >>> table.loc[table["cause"] == 1, ["time", "cumulative_incidence"]]
       time  cumulative_incidence
    0   1.0                  0.25
    1   2.0                  0.25
    2   4.0                  0.75
    """
    same_rows(time=time, cause=cause, groups=groups)
    z = normal_quantile(confidence_level)
    times, causes = check_causes(time, cause)
    codes, labels = check_groups(groups, times.size)
    parts = []
    for label, mask in each_group(codes, labels):
        for k in np.unique(causes[causes > 0]).tolist():
            table = _incidence(times[mask], causes[mask], k)
            table.insert(0, "group", pd.Series([label] * len(table), dtype=object))
            table.insert(1, "cause", k)
            parts.append(_with_interval(table, z))
    return pd.concat(parts, ignore_index=True)


def gray_test(time: ArrayLike, cause: ArrayLike, groups: ArrayLike) -> pd.DataFrame:
    r"""Gray's test that the cumulative incidence of each cause is the same in all groups.

    Parameters
    ----------
    time : array-like of shape (n,)
        Time to the first event or censoring.
    cause : array-like of shape (n,)
        0 where censored, 1, 2, ... the kind of the event.
    groups : array-like of shape (n,)
        Group of each case: two or more.

    Returns
    -------
    DataFrame
        One row per cause: ``cause, statistic`` (chi-square), ``df, p_value``; NaN where the groups never share a risk
        set.

    Raises
    ------
    OutcomeError
        If times or causes are not valid, or there is no event.
    {bad_groups}

    Notes
    -----
    A k-sample test of the subdistribution hazards: cases that had another event stay in the risk set, in number
    :math:`R_i = n_i\,\{1 - \hat F_i(t-)\}/\hat S_i(t-)`, and the score of group i sums its events minus
    :math:`d\,R_i/\sum R`. Its covariance is Gray's, as cmprsk::cuminc with rho = 0.

    How to read it: a small p-value says that the groups differ in how many have had this event by any time, which a
    difference in the competing event can bring about as well.

    Source: Gray 1988, doi:10.1214/aos/1176350951.

    Examples
    --------
    >>> gray_test([1, 2, 3, 4, 5, 6], [1, 1, 2, 1, 2, 0], ["a", "a", "a", "b", "b", "b"])["df"].tolist()
    [1, 1]
    """
    same_rows(time=time, cause=cause, groups=groups)
    times, causes = check_causes(time, cause)
    codes, labels = check_groups(groups, times.size, at_least=2)
    rows = []
    for k in np.unique(causes[causes > 0]).tolist():
        score, covariance = _gray_score(times, causes, k, codes, len(labels))
        u, v = score[:-1], covariance[:-1, :-1]
        statistic, df = rank_statistic(u, v), len(labels) - 1
        rows.append((k, statistic, df, chi_squared_p_value(statistic, df)))
    return pd.DataFrame(rows, columns=["cause", "statistic", "df", "p_value"])


def _incidence(time: FloatArray, cause: NDArray[np.int_], k: int) -> pd.DataFrame:
    """F_k, its standard error and the counts, at every time of an event of any cause."""
    times = np.unique(time[cause > 0])
    if not times.size:
        times = np.array([time.max()])
    n, mine, others = _counts(time, cause, k, times)
    after = np.cumprod(1 - (mine + others) / n)
    before = np.append(1.0, after[:-1])
    incidence = np.minimum(np.cumsum(before * mine / n), 1.0)
    inverse = _over(np.ones(n.size), after)
    of_mine, of_others = (before**2 * d / n**2 * _ties(d, n) for d in (mine, others))
    of_others = np.where(after > 0, of_others, 0.0)
    # The sum of (a_u - F(t) b_u)^2 w_u, expanded so that it runs along t.
    squares = np.cumsum((1 + inverse * incidence) ** 2 * of_mine + (inverse * incidence) ** 2 * of_others)
    products = np.cumsum(inverse * (1 + inverse * incidence) * of_mine + inverse**2 * incidence * of_others)
    weights = np.cumsum(inverse**2 * (of_mine + of_others))
    variance = squares - 2 * incidence * products + incidence**2 * weights
    return pd.DataFrame(
        {
            "time": times,
            "n_at_risk": n.astype(int),
            "n_events": mine.astype(int),
            "cumulative_incidence": incidence,
            "se": np.sqrt(np.maximum(variance, 0.0)),
        }
    )


def _counts(time: FloatArray, cause: NDArray[np.int_], k: int, times: FloatArray) -> tuple[FloatArray, ...]:
    """Count the cases at risk, those with an event of cause k, and those with another event, at each of `times`."""
    at_risk = time.size - np.searchsorted(np.sort(time), times, side="left").astype(float)
    events = (time[cause == k], time[(cause > 0) & (cause != k)])
    mine, others = (np.bincount(np.searchsorted(times, t), minlength=times.size).astype(float) for t in events)
    return at_risk, mine, others


def _over(a: NDArray[np.floating], b: NDArray[np.floating]) -> FloatArray:
    """Quotient, 0 where nobody is left."""
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)


def _ties(d: FloatArray, n: FloatArray) -> FloatArray:
    return np.where(d > 1, 1 - (d - 1) / np.maximum(n - 1, 1), 1.0)


def _with_interval(table: pd.DataFrame, z: float) -> pd.DataFrame:
    f, se = table["cumulative_incidence"].to_numpy(), table["se"].to_numpy()
    with np.errstate(all="ignore"):
        half = z * se / (f * np.log(f))
        low, high = f ** np.exp(-half), f ** np.exp(half)
    # A sum that reaches 1 does so up to rounding, and there the transformation has no value.
    edge = (f <= 0) | (1 - f <= ROUNDING)
    return table.assign(ci_low=np.where(edge, f, low), ci_high=np.where(edge, f, high))


@dataclass(frozen=True, eq=False)
class _Groups:
    """Counts and estimates of every group at the event times, arrays of shape (times, groups)."""

    at_risk: FloatArray
    mine: FloatArray
    others: FloatArray
    before: FloatArray
    after: FloatArray
    incidence_before: FloatArray


def _group_tables(time: FloatArray, cause: NDArray[np.int_], k: int, codes: NDArray[np.intp], n_groups: int) -> _Groups:
    times = np.unique(time[cause > 0])
    columns = []
    for code in range(n_groups):
        n, mine, others = _counts(time[codes == code], cause[codes == code], k, times)
        safe = np.maximum(n, 1)
        after = np.cumprod(1 - (mine + others) / safe)
        before = np.append(1.0, after[:-1])
        incidence = np.cumsum(before * mine / safe)
        columns.append((n, mine, others, before, after, np.append(0.0, incidence[:-1])))
    return _Groups(*(np.column_stack(arrays) for arrays in zip(*columns, strict=True)))


def _gray_score(
    time: FloatArray, cause: NDArray[np.int_], k: int, codes: NDArray[np.intp], n_groups: int
) -> tuple[FloatArray, FloatArray]:
    """Scores of the groups and their covariance, in the notation of Gray 1988 (h, R, a, c)."""
    g = _group_tables(time, cause, k, codes, n_groups)
    h = _over(g.at_risk, g.before)
    subset = h * (1 - g.incidence_before)
    events, total = g.mine.sum(axis=1), h.sum(axis=1)
    share = _over(subset, subset.sum(axis=1, keepdims=True))
    score = (g.mine - events[:, None] * share).sum(axis=0)
    pooled = np.cumsum(events / total)
    free, free_before = 1 - pooled, 1 - np.append(0.0, pooled[:-1])
    a = h[:, :, None] * np.eye(n_groups) - h[:, :, None] * h[:, None, :] / total[:, None, None]
    c = np.cumsum(a * _over(events, total * free_before)[:, None, None], axis=0)
    rest = c[-1] - c
    ratio = _over(free[:, None], g.after)
    own = a + rest * (1 - ratio)[:, None, :]
    expected = total[:, None] * g.before
    tied = np.where(events[:, None] > 1, 1 - (events[:, None] - 1) / np.where(expected > 1, expected - 1, 1.0), 1.0)
    own_weight = _over(tied * g.before * events[:, None], total[:, None] * g.at_risk)
    other_weight = np.where(
        g.after > 0, _ties(g.others, g.at_risk) * g.before**2 * g.others / np.maximum(g.at_risk, 1) ** 2, 0.0
    )
    competing = rest * ratio[:, None, :]
    covariance = np.einsum("tik,tjk,tk->ij", own, own, own_weight)
    return score, covariance + np.einsum("tik,tjk,tk->ij", competing, competing, other_weight)
