"""Maximally selected rank statistics: the cut that separates survival most, and p-values that allow for the search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

from radiokit.engine.censoring import life_table
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError
from radiokit.utils.jit import compiled

# R's maxstat multiplies by factorials, which end here; beyond, the two corrections agree for practical purposes.
MAX_EXACT_CASES = 170


def logrank_scores(time: FloatArray, event: NDArray[np.bool_]) -> FloatArray:
    r"""Log-rank scores :math:`a_i = \delta_i - \sum_{t_j \le t_i} \delta_j / (\#\{t_k > t_j\} + 1)`.

    As exactRankTests::cscores (Hothorn and Lausen 2003, doi:10.1016/S0167-9473(02)00225-6).
    """
    table = life_table(time, event)
    longer = table.at_risk - table.events - table.censored
    return event - np.cumsum(table.events / (longer + 1))[np.searchsorted(table.time, time)]


def group_sizes(score: FloatArray, min_prop: float) -> NDArray[np.intp]:
    """Sizes m of the low group (score <= cut) for each admitted cut, ascending."""
    n = score.size
    ordered = np.sort(score)
    sizes = np.flatnonzero(np.diff(ordered) > 0) + 1
    low, high = np.floor(n * min_prop), np.floor(n * (1 - min_prop))
    admitted = sizes[(sizes >= low) & (sizes <= high)]
    if not admitted.size:
        raise InputError(
            f"The score has {np.unique(score).size} distinct values, and no cut leaves a share between {min_prop:g} "
            f"and {1 - min_prop:g} of the {n} cases below it; lower min_prop, or the score cannot be cut."
        )
    return admitted


def standardized(scores: FloatArray, m: NDArray[np.intp]) -> FloatArray:
    r"""Standardised linear rank statistics of the first m cases, for each m.

    .. math:: T_m = \frac{\sum_{i \le m} a_i - m \bar a}{\sqrt{V_m}}, \quad
        V_m = \frac{m (n-m)}{n (n-1)} \sum_i (a_i - \bar a)^2.
    """
    n = scores.size
    centred = scores - scores.mean()
    variance = m * (n - m) / (n * (n - 1)) * np.sum(centred**2)
    return np.cumsum(centred)[m - 1] / np.sqrt(variance)


def p_lausen92(b: float, min_prop: float) -> float:
    """Asymptotic p-value by the supremum of a Brownian bridge (Miller and Siegmund 1982)."""
    if b < 1:
        return 1.0
    low, high = min_prop, 1 - min_prop
    density = stats.norm.pdf(b)
    if low <= 0:
        raise InputError(
            "method='lausen92' needs min_prop above 0: its p-value grows without bound as cuts near the ends."
        )
    p = 4 * density / b + density * (b - 1 / b) * np.log(high * (1 - low) / ((1 - high) * low))
    return float(min(max(p, 0.0), 1.0))


def p_lausen94(b: float, n: int, m: NDArray[np.intp]) -> float:
    """Improved Bonferroni inequality over neighbouring cuts (Worsley 1983; Lausen, Sauerbrei and Schumacher 1994)."""
    first, second = m[:-1].astype(float), m[1:].astype(float)
    t = np.sqrt(1 - first * (n - second) / ((n - first) * second))
    extra = np.sum(np.exp(-(b**2) / 2) / np.pi * (t - (b**2 / 4 - 1) * t**3 / 6))
    return float(min(max(2 * stats.norm.sf(b) + extra, 0.0), 1.0))


def p_hothorn_lausen(scores: FloatArray, m: NDArray[np.intp]) -> float:
    r"""Bound on the conditional p-value from the exact distribution of each two-sample statistic.

    The scores are first rounded to integers from 0 to n. With :math:`A_m` the event that the statistic of the first m
    cases reaches the observed maximum, the bound sums :math:`P(A_m)` less the part of :math:`A_{m-1}` that no next
    score can leave. As maxstat's ``pmethod = "HL"`` (Hothorn and Lausen 2003, doi:10.1016/S0167-9473(02)00225-6), with
    its reading of m - 1 as the previous sample size whether or not a cut lies there, and its strict inequality: sums
    that equal the observed maximum do not count, equal as its arithmetic sees them (with one cut only they do).
    """
    n = scores.size
    shifted = scores - scores.min()
    whole = np.rint(shifted * n / shifted.max()).astype(np.int64)
    whole -= whole.min()
    total, size = int(whole.sum()), np.arange(n + 1)
    # Each product and quotient in maxstat's order: whether a sum equals the maximum is a matter of the last bit.
    mean = size / n * total
    unit = size * (n - size) / (float(n) ** 2 * (n - 1))
    spread = np.sqrt(unit * (n * np.sum(whole.astype(float) ** 2) - float(total) ** 2))
    observed = float(np.max(np.abs((np.cumsum(whole)[m - 1] - mean[m]) / spread[m])))
    counts = _subset_counts(whole)
    probability = counts * np.exp(gammaln(size + 1) + gammaln(n - size + 1) - gammaln(n + 1))[:, None]
    sums, top = np.arange(total + 1), int(whole.max())

    if m.size == 1:
        reached = np.abs(sums - mean[m]) / spread[m] >= observed * (1 - 1e-9)
        return float(min(probability[m[0], reached].sum(), 1.0))
    # Sums that m scores can reach, and whose standardised distance from their mean exceeds the maximum.
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = (np.abs((sums - mean[:, None]) / spread[:, None]) > observed) & (counts > 0)
    beyond[:, 0] = False  # maxstat's table of sums begins at 1
    p = 0.0
    for k in m:
        p += probability[k, beyond[k]].sum()
        if k > m[0]:
            # Those of k - 1 scores that stay beyond whether the k-th is the smallest or the largest (maxstat asks for
            # the one that brings them nearer to the mean, on whichever side of it they come to lie).
            low = (sums < mean[k - 1]) & beyond[k, np.minimum(sums + top, total)]
            high = (sums > mean[k - 1]) & beyond[k]
            p -= probability[k - 1, beyond[k - 1] & (low | high)].sum()
    return float(min(max(p, 0.0), 1.0))


@compiled
def _subset_counts(scores: NDArray[np.int64]) -> FloatArray:
    """Numbers of subsets by size and sum (shift algorithm of Streitberg and Roehmel 1986)."""
    n, total = scores.size, scores.sum()
    counts = np.zeros((n + 1, total + 1))
    counts[0, 0] = 1.0
    reached = 0
    for i in range(n):
        a = scores[i]
        reached += a
        for size in range(i + 1, 0, -1):
            for s in range(reached, a - 1, -1):
                counts[size, s] += counts[size - 1, s - a]
    return counts


def p_permutation(
    scores: FloatArray, m: NDArray[np.intp], observed: float, n_permutations: int, generator: np.random.RandomState
) -> float:
    """Share of random orders of the scores whose maximum is as large, the observed order counted among them."""
    as_large = 1
    for _ in range(n_permutations):
        shuffled = np.abs(standardized(generator.permutation(scores), m)).max()
        as_large += shuffled >= observed * (1 - 1e-12)
    return float(as_large / (n_permutations + 1))
