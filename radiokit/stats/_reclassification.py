"""Whether a new model changes risks in the right direction: net reclassification and integrated discrimination."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.horizon import FollowUp, follow_up
from radiokit.engine.inputs import FloatArray, Seed, SurvivalOutcome, check_probability
from radiokit.engine.results import Result
from radiokit.engine.wald import wald_if_any_spread
from radiokit.exceptions import InputError
from radiokit.stats._auc import mean_variance
from radiokit.utils import check_binary_target, is_survival_target, same_rows, spawn_seeds


@dataclass(frozen=True, repr=False)
class NRI(Result):
    """A net reclassification improvement.

    Parameters
    ----------
    nri : float
        ``nri_events + nri_nonevents``, between -2 and 2.
    nri_events : float
        Share of events moved up minus share moved down.
    nri_nonevents : float
        Share of non-events moved down minus share moved up.
    {se} {ci} {z_test}
    se_events, se_nonevents : float
        Standard errors of the two parts.
    up_events, down_events, up_nonevents, down_nonevents : float
        Shares that moved.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import net_reclassification
    >>> net_reclassification([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6], [0.1, 0.5, 0.7, 0.8]).nri
    1.0
    """

    nri: float
    nri_events: float
    nri_nonevents: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    se_events: float
    se_nonevents: float
    up_events: float
    down_events: float
    up_nonevents: float
    down_nonevents: float
    confidence_level: float


@dataclass(frozen=True, repr=False)
class IDI(Result):
    """An integrated discrimination improvement.

    Parameters
    ----------
    idi : float
        Gain in discrimination slope: ``gain_events + gain_nonevents``.
    gain_events : float
        Mean rise of the risk among events.
    gain_nonevents : float
        Mean fall of the risk among non-events.
    relative : float
        Gain as a share of the old model's discrimination slope.
    {se} {ci} {z_test} {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import integrated_discrimination
    >>> round(integrated_discrimination([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6], [0.1, 0.5, 0.7, 0.8]).idi, 4)
    0.2
    """

    idi: float
    gain_events: float
    gain_nonevents: float
    relative: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    confidence_level: float


def net_reclassification(
    y_true: ArrayLike | SurvivalOutcome,
    old: ArrayLike,
    new: ArrayLike,
    *,
    cutoffs: ArrayLike | None = None,
    time: float | None = None,
    confidence_level: float = 0.95,
    n_bootstraps: int = 1000,
    random_state: Seed = None,
) -> NRI:
    r"""Net reclassification improvement of a new model over an old one.

    Parameters
    ----------
    y_true : array-like of shape (n,) or survival target
        Binary outcome, or structured array or DataFrame with ``event`` and ``time``.
    {old_new}
    cutoffs : array-like, optional
        Limits of risk categories, which are [a, b); None is the continuous (category-free) NRI.
    time : float, optional
        Horizon of the risk, required for a survival outcome.
    {confidence_level}
    n_bootstraps : int
        Bootstrap samples for the standard error of the survival NRI (not used for a binary outcome).
    random_state : int, RandomState, Generator or None
        Seed of the bootstrap.

    Returns
    -------
    NRI
        Both parts, their sum, standard errors, normal interval and test.

    Raises
    ------
    OutcomeError
        If a binary outcome has one class only, or the horizon lies beyond the follow-up.
    InputError
        If risks are missing or outside [0, 1], cut-offs are not increasing within (0, 1), or `time` does not fit.

    Notes
    -----
    :math:`[P(up|event) - P(down|event)] + [P(down|nonevent) - P(up|nonevent)]` (doi:10.1002/sim.2929, continuous:
    doi:10.1002/sim.4085). Variance of each part :math:`(u+d)/n^2 - (u-d)^2/n^3` with u up and d down of n, as Hmisc
    ``improveProb`` (not the null variance). Survival: :math:`P(up|event) = P(up)\,F_{up}(t)/F(t)` with Kaplan-Meier
    estimates in all and in those moved, as ``nricens(point.method="km")``; standard errors from a bootstrap over
    patients, interval normal.

    *How to read it.* Report both parts, never the sum alone: 0.3 can be 0.3 + 0 or 0.1 + 0.2, which concern
    different patients. The continuous NRI counts any movement however small, rises with uninformative markers in
    overfitted models, and must not be the reason to adopt a model (doi:10.1002/sim.5647): look at `delong_test`,
    calibration and `decision_curve_difference` on independent patients.

    Examples
    --------
    >>> y, old, new = [0, 0, 0, 1, 1, 1], [0.1, 0.3, 0.6, 0.4, 0.6, 0.7], [0.2, 0.2, 0.4, 0.6, 0.7, 0.4]
    >>> result = net_reclassification(y, old, new, cutoffs=[0.5])
    >>> round(result.nri_events, 4), round(result.nri_nonevents, 4)
    (0.0, 0.3333)
    """
    same_rows(y_true=y_true, old=old, new=new)
    survival = is_survival_target(y_true)
    if survival != (time is not None):
        raise InputError("time= (the horizon) is required for a survival outcome, and for no other.")
    if time is not None:
        known = follow_up(y_true, time)
        moved = _moves(old, new, known.time.size, cutoffs)
        shares = _survival_shares(known, moved, np.arange(moved.size))
        return _nri(shares, _bootstrap_variances(known, moved, n_bootstraps, random_state), confidence_level)
    event = check_binary_target(y_true)
    moved = _moves(old, new, event.size, cutoffs)
    shares = _shares(moved[event], moved[~event])
    return _nri(shares, _variances(shares, int(event.sum()), int((~event).sum())), confidence_level)


def integrated_discrimination(
    y_true: ArrayLike, old: ArrayLike, new: ArrayLike, *, confidence_level: float = 0.95
) -> IDI:
    r"""Integrated discrimination improvement of a new model over an old one.

    Parameters
    ----------
    {y_true} {old_new} {confidence_level}

    Returns
    -------
    IDI
        Gain in discrimination slope with its parts, standard error, normal interval and test.

    Raises
    ------
    {one_class}
    InputError
        If risks are missing or outside [0, 1].

    Notes
    -----
    With :math:`d = new - old`: :math:`\bar d_{events} - \bar d_{nonevents}`, standard error
    :math:`\sqrt{s_1^2/n_1 + s_0^2/n_0}`, as Hmisc ``improveProb`` (doi:10.1002/sim.2929). *How to read it.* How much
    further apart the mean risks of events and non-events are, in risk units: 0.05 is five percentage points. A
    miscalibrated model can have a large IDI; the normal test is known to be wrong under the null for nested models
    (doi:10.1093/aje/kwr086).

    Examples
    --------
    >>> result = integrated_discrimination([0, 0, 1, 1], [0.2, 0.4, 0.5, 0.6], [0.1, 0.5, 0.7, 0.8])
    >>> round(result.gain_events, 4), round(result.gain_nonevents, 4)
    (0.2, 0.0)
    """
    same_rows(y_true=y_true, old=old, new=new)
    event = check_binary_target(y_true)
    before, after = check_probability(old, event.size, name="old"), check_probability(new, event.size, name="new")
    change = after - before
    up, down = change[event], -change[~event]
    idi = float(up.mean() + down.mean())
    se = math.sqrt(mean_variance(up) + mean_variance(down))
    slope = float(before[event].mean() - before[~event].mean())
    return IDI(
        idi=idi,
        gain_events=float(up.mean()),
        gain_nonevents=float(down.mean()),
        relative=_ratio(idi, slope),
        se=se,
        **vars(wald_if_any_spread(idi, se, confidence_level=confidence_level)),
        confidence_level=float(confidence_level),
    )


def reclassification_table(y_true: ArrayLike, old: ArrayLike, new: ArrayLike, *, cutoffs: ArrayLike) -> pd.DataFrame:
    """Count how patients move between risk categories.

    Parameters
    ----------
    {y_true_any} {old_new}
    cutoffs : array-like
        Increasing limits of risk categories within (0, 1); categories are [a, b).

    Returns
    -------
    DataFrame
        One row per pair of categories: ``old, new, n, n_events``; categories are text such as ``[0.2, 0.5)``.

    Raises
    ------
    {outcome_values}
    InputError
        If risks are missing or outside [0, 1], or cut-offs are not increasing within (0, 1).

    Notes
    -----
    Source: doi:10.7326/0003-4819-150-11-200906020-00008. *How to read it.* Patients off the diagonal change their
    category. Compare the share of events in a cell with the risk range of its new category: that is where the
    new model must be right.

    Examples
    --------
    >>> table = reclassification_table([0, 1, 1], [0.1, 0.4, 0.7], [0.2, 0.6, 0.8], cutoffs=[0.5])
    >>> table["n"].tolist()
    [1, 1, 0, 1]
    """
    same_rows(y_true=y_true, old=old, new=new)
    event = check_binary_target(y_true, both_classes=False)
    before = _category(check_probability(old, event.size, name="old"), cutoffs)
    after = _category(check_probability(new, event.size, name="new"), cutoffs)
    limits = [0.0, *np.asarray(cutoffs, dtype=float).tolist(), 1.0]
    names = [f"[{a:g}, {b:g}{']' if b == 1 else ')'}" for a, b in pairwise(limits)]
    cells = ((a, b, (before == i) & (after == j)) for i, a in enumerate(names) for j, b in enumerate(names))
    rows = [(a, b, int(cell.sum()), int((cell & event).sum())) for a, b, cell in cells]
    return pd.DataFrame(rows, columns=["old", "new", "n", "n_events"])


Shares = tuple[float, ...]  # of events up and down, of non-events up and down


def _moves(old: ArrayLike, new: ArrayLike, n: int, cutoffs: ArrayLike | None) -> FloatArray:
    """Sign of each patient's move: 1 up, -1 down."""
    before, after = check_probability(old, n, name="old"), check_probability(new, n, name="new")
    if cutoffs is None:
        return np.sign(after - before)
    return np.sign(_category(after, cutoffs) - _category(before, cutoffs)).astype(float)


def _category(risk: FloatArray, cutoffs: ArrayLike) -> NDArray[np.intp]:
    limits = np.asarray(cutoffs, dtype=float)
    if limits.ndim != 1 or not limits.size or (np.diff(limits) <= 0).any() or limits[0] <= 0 or limits[-1] >= 1:
        raise InputError(
            f"cutoffs is {cutoffs!r}; required: increasing limits between 0 and 1, for example [0.2, 0.5]."
        )
    return np.searchsorted(limits, risk, side="right")


def _shares(events: FloatArray, nonevents: FloatArray) -> Shares:
    return tuple(float(share.mean()) for moved in (events, nonevents) for share in (moved > 0, moved < 0))


def _survival_shares(known: FollowUp, moved: FloatArray, cases: NDArray[np.intp]) -> Shares:
    overall = known.risk_carried_forward(cases)
    events, free = [], []
    for direction in (1, -1):
        part = cases[moved[cases] == direction]
        risk, share = known.risk_carried_forward(part), part.size / cases.size
        events.append(_ratio(share * risk, overall))
        free.append(_ratio(share * (1 - risk), 1 - overall))
    return (*events, *free)


def _variances(shares: Shares, n_events: int, n_nonevents: int) -> tuple[float, float, float]:
    """Variances of both parts and of their sum."""
    up, down, up_free, down_free = shares
    events = max((up + down - (up - down) ** 2) / n_events, 0.0)
    nonevents = max((up_free + down_free - (up_free - down_free) ** 2) / n_nonevents, 0.0)
    return events, nonevents, events + nonevents


def _bootstrap_variances(
    known: FollowUp, moved: FloatArray, n_bootstraps: int, random_state: Seed
) -> tuple[float, float, float]:
    if n_bootstraps < 2:
        return math.nan, math.nan, math.nan
    n = moved.size
    parts = np.empty((n_bootstraps, 2))
    for i, seed in enumerate(spawn_seeds(random_state, n_bootstraps)):
        up, down, up_free, down_free = _survival_shares(known, moved, np.random.default_rng(seed).integers(0, n, n))
        parts[i] = up - down, down_free - up_free
    parts = parts[np.isfinite(parts).all(axis=1)]
    if len(parts) < 2:
        return math.nan, math.nan, math.nan
    events, nonevents = parts.var(axis=0, ddof=1)
    return float(events), float(nonevents), float(parts.sum(axis=1).var(ddof=1))


def _nri(shares: Shares, variances: tuple[float, float, float], confidence_level: float) -> NRI:
    up, down, up_free, down_free = shares
    nri, se = (up - down) + (down_free - up_free), math.sqrt(variances[2])
    return NRI(
        nri=nri,
        nri_events=up - down,
        nri_nonevents=down_free - up_free,
        se=se,
        **vars(wald_if_any_spread(nri, se, confidence_level=confidence_level)),
        se_events=math.sqrt(variances[0]),
        se_nonevents=math.sqrt(variances[1]),
        up_events=up,
        down_events=down,
        up_nonevents=up_free,
        down_nonevents=down_free,
        confidence_level=float(confidence_level),
    )


def _ratio(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if not a or math.isnan(a) else math.copysign(math.inf, a)
