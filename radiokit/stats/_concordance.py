"""Concordance of a risk score with survival: Harrell's and Uno's index, their standard error and comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.censoring import censoring_function
from radiokit.engine.inputs import (
    FloatArray,
    SurvivalOutcome,
    check_choice,
    check_score,
    check_weights,
    normal_quantile,
)
from radiokit.engine.results import Result
from radiokit.engine.survival_inputs import check_groups, check_times_events
from radiokit.engine.wald import wald
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils import same_rows, tie_to
from radiokit.utils.jit import compiled


@dataclass(frozen=True, repr=False)
class Concordance(Result):
    """A concordance index with its standard error.

    Parameters
    ----------
    estimate : float
        The index: 0.5 is no better than chance, 1 a perfect ranking.
    se : float
        Infinitesimal-jackknife standard error.
    ci_low, ci_high : float
        Normal confidence limits, clipped to [0, 1].
    n_pairs, n_concordant, n_discordant, n_tied : float
        Comparable pairs, and how the score ranks them; ties of the score count one half. With weights each pair
        counts by the product of its two.
    n, n_events : int
        Cases and events.
    {confidence_level}
    method : str
        "harrell" or "uno".

    Examples
    --------
    >>> from radiokit.stats import concordance_index
    >>> y = np.array([(True, 1.0), (True, 2.0), (False, 3.0)], dtype=[("event", bool), ("time", float)])
    >>> concordance_index(y, [3, 1, 2]).n_pairs
    3
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    n_pairs: float
    n_concordant: float
    n_discordant: float
    n_tied: float
    n: int
    n_events: int
    confidence_level: float
    method: str


@dataclass(frozen=True, repr=False)
class ConcordanceTest(Result):
    """A comparison of the concordance of two scores on the same cases.

    Parameters
    ----------
    concordance_a, concordance_b : float
        The two indices.
    difference : float
        ``concordance_a - concordance_b``.
    {comparison} {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import compare_concordance
    >>> y = np.array([(True, 1.0), (True, 2.0), (False, 3.0)], dtype=[("event", bool), ("time", float)])
    >>> compare_concordance(y, [3, 1, 2], [3, 1, 2]).p_value
    1.0
    """

    concordance_a: float
    concordance_b: float
    difference: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    confidence_level: float


def concordance_index(
    y: SurvivalOutcome,
    risk: ArrayLike,
    *,
    method: str = "harrell",
    tau: float | None = None,
    confidence_level: float = 0.95,
    sample_weight: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Concordance:
    r"""Concordance index of a risk score: the share of comparable pairs in which the earlier event has the higher risk.

    Parameters
    ----------
    {y_survival} {risk}
    method : {"harrell", "uno"}
        Every comparable pair counts the same, or is weighted by the inverse squared probability that its earlier time
        is uncensored, so that the estimate does not depend on the censoring.
    {tau_of_pairs} {confidence_level}
    sample_weight : array-like of shape (n,), optional
        Positive case weights; a pair counts by the product of its two.
    strata : array-like of shape (n,), optional
        Stratum of each case; only pairs within a stratum are compared, as for a stratified Cox model.

    Returns
    -------
    Concordance
        ``estimate, se, ci_low, ci_high, n_pairs, ...``.

    Raises
    ------
    OutcomeError
        If no pair is comparable.
    {bad_scores}

    Notes
    -----
    A pair (i, j) is comparable if i has the event and j is known to live longer (:math:`t_j > t_i`, or j is censored
    at :math:`t_i`). With :math:`k_{ij}` = 1, 1/2, 0 for a higher, equal, lower risk of i,

    .. math:: C = \frac{\sum w_i k_{ij}}{\sum w_i}, \qquad
        w_i = 1 \;\text{(Harrell)}, \quad w_i = \hat G(t_i-)^{-2} \;\text{(Uno)},

    summed over comparable pairs; G is the Kaplan-Meier estimate of remaining uncensored. The variance is the sum of
    squares of :math:`\big(\sum_j w k_{ij} - C \sum_j w\big)/\sum w` over cases, each with all its pairs in either
    role. As R's survival::concordance with ``timewt`` "n" or "n/G2" and ``strata()``, in each of which G is estimated
    apart; computed in O(n log n).

    How to read it: the probability that, of two patients, the one with the higher score has the event first. It ranks
    only: a score can have a high C and wrong predicted risks. With heavy or uneven censoring prefer ``"uno"`` with a
    `tau` before the last follow-up.

    Sources: Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; Uno et al.
    2011, doi:10.1002/sim.4154.

    Examples
    --------
    >>> import pandas as pd
    >>> y = pd.DataFrame({"event": [1, 1, 0, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> concordance_index(y, [3, 4, 1, 2]).estimate
    0.8
    """
    same_rows(y=y, risk=risk, sample_weight=sample_weight, strata=strata)
    z = normal_quantile(confidence_level)
    check_choice(method, ("harrell", "uno"), name="method")
    time, event = check_times_events(y)
    weight = check_weights(sample_weight, time.size)
    layer, _ = check_groups(strata, time.size, name="strata")
    pairs = _count(time, event, check_score(risk, time.size, name="risk"), method, tau, weight, layer)
    concordant, discordant, tied = (float(c) if weight is not None else int(c) for c in pairs.counts)
    se = float(np.sqrt(np.sum(pairs.influence**2)))
    return Concordance(
        estimate=pairs.estimate,
        se=se,
        ci_low=max(pairs.estimate - z * se, 0.0),
        ci_high=min(pairs.estimate + z * se, 1.0),
        n_pairs=concordant + discordant + tied,
        n_concordant=concordant,
        n_discordant=discordant,
        n_tied=tied,
        n=time.size,
        n_events=int(event.sum()),
        confidence_level=float(confidence_level),
        method=method,
    )


def compare_concordance(
    y: SurvivalOutcome,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    method: str = "harrell",
    tau: float | None = None,
    confidence_level: float = 0.95,
) -> ConcordanceTest:
    """Compare the concordance of two risk scores on the same cases.

    Parameters
    ----------
    {y_survival} {two_risks}
    method : {"harrell", "uno"}
        As in `concordance_index`.
    {tau_of_pairs} {confidence_level}

    Returns
    -------
    ConcordanceTest
        ``difference`` is that of a minus that of b.

    Raises
    ------
    OutcomeError
        If no pair is comparable.
    {bad_scores}

    Notes
    -----
    The standard error is the root of the sum of squared differences of the two infinitesimal-jackknife influences, as
    R's ``concordance(fit_a, fit_b)`` with the contrast (1, -1).

    How to read it: scores learnt on the same cases are compared too favourably for the one with more parameters; use
    out-of-fold or external scores. A small gain in C can matter, and a significant one can be useless: look at the
    decision curve.

    Source: Therneau and Watson 2015, The concordance statistic and the Cox model (Mayo Clinic, Technical Report 85);
    Kang et al. 2015, doi:10.1002/sim.6370.

    Examples
    --------
    >>> import pandas as pd
    >>> y = pd.DataFrame({"event": [1, 1, 0, 1], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> round(compare_concordance(y, [3, 4, 1, 2], [1, 2, 3, 4]).difference, 2)
    0.8
    """
    same_rows(y=y, risk_a=risk_a, risk_b=risk_b)
    check_choice(method, ("harrell", "uno"), name="method")
    time, event = check_times_events(y)
    a, b = (
        _count(time, event, check_score(risk, time.size, name=name), method, tau, None)
        for name, risk in (("risk_a", risk_a), ("risk_b", risk_b))
    )
    difference = a.estimate - b.estimate
    se = float(np.sqrt(np.sum((a.influence - b.influence) ** 2)))
    return ConcordanceTest(
        concordance_a=a.estimate,
        concordance_b=b.estimate,
        difference=difference,
        se=se,
        **vars(wald(difference, se, confidence_level=confidence_level)),
        confidence_level=float(confidence_level),
    )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The index, the influence of each case on it, and the comparable pairs (concordant, discordant, tied)."""

    estimate: float
    influence: FloatArray
    counts: FloatArray


def _count(
    time: FloatArray,
    event: NDArray[np.bool_],
    risk: FloatArray,
    method: str,
    tau: float | None,
    case_weight: FloatArray | None,
    strata: NDArray[np.intp] | None = None,
) -> _Pairs:
    if tau is not None and not tau > 0:
        raise InputError(f"tau is {tau!r}; required: a positive time.")
    last = np.inf if tau is None else float(tie_to(tau, time))
    opens = event & (time <= last)
    given = np.ones_like(time) if case_weight is None else case_weight
    sums, counts = np.zeros((time.size, 3)), np.zeros(3)
    for k in range(1 if strata is None else int(strata.max()) + 1):
        rows = slice(None) if strata is None else strata == k
        t, e = time[rows], event[rows]
        weight = _opening_weight(t, e, opens[rows], method, None if case_weight is None else case_weight[rows])
        order = np.lexsort((~e, t))
        distinct, rank = np.unique(risk[rows][order], return_inverse=True)
        own = np.empty((t.size, 3))
        own[order], found = _pair_sums(t[order], e[order], rank + 1, distinct.size, weight[order], given[rows][order])
        sums[rows] = own
        counts += found
    total = sums[:, :3].sum() / 2
    if not total > 0:
        raise OutcomeError(
            f"No pair of the {time.size} cases is comparable ({int(opens.sum())} events"
            f"{'' if tau is None else f' up to tau = {tau:g}'}); required: an event, and a case followed for longer."
        )
    right = sums[:, 0] + sums[:, 2] / 2
    estimate = float(right.sum() / 2 / total)
    return _Pairs(estimate, (right - estimate * sums.sum(axis=1)) / total, counts)


def _opening_weight(
    time: FloatArray, event: NDArray[np.bool_], opens: NDArray[np.bool_], method: str, case_weight: FloatArray | None
) -> FloatArray:
    """Weight of the pairs that each event opens: 1, or Uno's inverse squared probability of being uncensored."""
    weight = opens.astype(float)
    # With one event the weights cancel, and G need not be defined.
    if method == "uno" and event.sum() > 1:
        weight[opens] = censoring_function(time, event, case_weight).before(time[opens]) ** -2.0
    return weight


@compiled
def _add(tree: FloatArray, place: int, amount: float) -> None:
    while place < tree.size:
        tree[place] += amount
        place += place & -place


@compiled
def _up_to(tree: FloatArray, place: int) -> float:
    total = 0.0
    while place > 0:
        total += tree[place]
        place -= place & -place
    return total


@compiled
def _pair_sums(
    time: FloatArray,
    event: NDArray[np.bool_],
    rank: NDArray[np.intp],
    n_ranks: int,
    weight: FloatArray,
    case: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Weights of concordant, discordant and tied pairs of each case, and of all; cases by time, events first.

    `weight` is that of the time at which a pair opens, `case` that of each of its two. Two binary
    indexed trees over the ranks of risk: one of those who live longer, one of the events so far.
    """
    n = time.size
    sums, counts = np.zeros((n, 3)), np.zeros(3)
    longer, level = np.zeros(n_ranks + 1), np.zeros(n_ranks + 1)
    alive = 0.0
    stop = n
    while stop > 0:
        start = stop - 1
        if event[start]:
            while start > 0 and event[start - 1] and time[start - 1] == time[stop - 1]:
                start -= 1
            for i in range(start, stop):
                lower = _up_to(longer, rank[i] - 1)
                tied = level[rank[i]]
                higher = alive - lower - tied
                if weight[i] > 0:
                    sums[i, 0] += weight[i] * case[i] * lower
                    sums[i, 1] += weight[i] * case[i] * higher
                    sums[i, 2] += weight[i] * case[i] * tied
                    counts[0] += case[i] * lower
                    counts[1] += case[i] * higher
                    counts[2] += case[i] * tied
        for i in range(start, stop):
            _add(longer, rank[i], case[i])
            level[rank[i]] += case[i]
            alive += case[i]
        stop = start
    earlier, level[:] = np.zeros(n_ranks + 1), 0.0
    total = 0.0
    start = 0
    while start < n:
        stop = start + 1
        if event[start]:
            while stop < n and event[stop] and time[stop] == time[start]:
                stop += 1
        for j in range(start, stop):
            up_to = _up_to(earlier, rank[j])
            tied = level[rank[j]]
            sums[j, 0] += case[j] * (total - up_to)
            sums[j, 1] += case[j] * (up_to - tied)
            sums[j, 2] += case[j] * tied
        for i in range(start, stop):
            if event[i] and weight[i] > 0:
                _add(earlier, rank[i], weight[i] * case[i])
                level[rank[i]] += weight[i] * case[i]
                total += weight[i] * case[i]
        start = stop
    return sums, counts
