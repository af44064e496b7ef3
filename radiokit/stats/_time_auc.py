"""Time-dependent AUC: cases by a time against those still free of the event, weighted for censoring."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.censoring import StepFunction, censoring_function, life_table
from radiokit.engine.inputs import FloatArray, SurvivalOutcome, check_score, normal_quantile
from radiokit.engine.survival_inputs import check_times, check_times_events
from radiokit.engine.wald import wald
from radiokit.stats._auc import share_below
from radiokit.utils import same_rows


def time_auc(y: SurvivalOutcome, risk: ArrayLike, times: ArrayLike, *, confidence_level: float = 0.95) -> pd.DataFrame:
    r"""Cumulative/dynamic AUC of a risk score at given times, with inverse-probability-of-censoring weights.

    Parameters
    ----------
    {y_survival} {risk} {times} {confidence_level}

    Returns
    -------
    DataFrame
        One row per time: ``time, auc, se, ci_low, ci_high, n_cases, n_controls``; limits are clipped to [0, 1]. NaN
        where there is no case with the event by then, or none still followed after.

    Raises
    ------
    {bad_times} {bad_scores}

    Notes
    -----
    Cases have the event at :math:`T_i \le t`, controls :math:`T_j > t`; with the score M and the Kaplan-Meier estimate
    G of remaining uncensored,

    .. math:: AUC(t) = \frac{\sum_{i,j} \delta_i 1(T_i \le t) 1(T_j > t)\,\hat G(T_i-)^{-1}
        \{1(M_i > M_j) + \tfrac12 1(M_i = M_j)\}}{\sum_i \delta_i 1(T_i \le t)\,\hat G(T_i-)^{-1} \sum_j 1(T_j > t)}.

    The standard error is that of the mean of the influence function (divisor n - 1), which allows for G being
    estimated. As riskRegression::Score; timeROC counts :math:`T_i < t` and differs at event times, and elsewhere in the
    fifth digit of the standard error where times are tied.

    How to read it: of two patients, one with the event by `time` and one free of it then, the probability that the
    first has the higher score. Unlike the C-index it belongs to a time that matters to the clinic. Near the end of
    follow-up it rests on few controls.

    Sources: Uno et al. 2007, doi:10.1198/016214507000000149; Blanche, Dartigues and Jacqmin-Gadda 2013,
    doi:10.1002/sim.5958.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 0, 1, 0], "time": [1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> time_auc(y, [5, 2, 3, 4, 1], [2.5])["auc"].tolist()
    [0.6666666666666667]
    """
    same_rows(y=y, risk=risk)
    z = normal_quantile(confidence_level)
    time, event = check_times_events(y)
    score = check_score(risk, time.size, name="risk")
    weight = censoring_function(time, event)
    rows = []
    for t in check_times(times, time):
        case, control = event & (time <= t), time > t
        auc, se = np.nan, np.nan
        if case.any() and control.any():
            auc, influence = _auc_and_influence(time, event, score, t, weight)
            se = float(influence.std(ddof=1) / np.sqrt(time.size))
        low, high = np.clip([auc - z * se, auc + z * se], 0, 1)
        rows.append((float(t), auc, se, low, high, int(case.sum()), int(control.sum())))
    return pd.DataFrame(rows, columns=["time", "auc", "se", "ci_low", "ci_high", "n_cases", "n_controls"])


def compare_time_auc(
    y: SurvivalOutcome, risk_a: ArrayLike, risk_b: ArrayLike, times: ArrayLike, *, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Compare the time-dependent AUCs of two risk scores on the same cases.

    Parameters
    ----------
    {y_survival} {two_risks} {times}
    confidence_level : float
        Level of the interval of the difference.

    Returns
    -------
    DataFrame
        One row per time: ``time, auc_a, auc_b, difference, se, ci_low, ci_high, statistic, p_value``; ``difference`` is
        that of a minus that of b. NaN where there are no cases or no controls;
        a difference without spread is not tested.

    Raises
    ------
    {bad_times} {bad_scores}

    Notes
    -----
    Normal test with the standard error of the mean difference of the two influence functions (see `time_auc`), as
    riskRegression::Score and timeROC::compare.

    How to read it: which score separates better, at each time, the patients with the event from those without. Scores
    learnt on these cases favour the one with more parameters.

    Source: Blanche, Dartigues and Jacqmin-Gadda 2013, doi:10.1002/sim.5958.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 0, 1, 0], "time": [1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> compare_time_auc(y, [5, 2, 3, 4, 1], [5, 2, 3, 4, 1], 2.5)["p_value"].tolist()
    [1.0]
    """
    same_rows(y=y, risk_a=risk_a, risk_b=risk_b)
    time, event = check_times_events(y)
    scores = [check_score(r, time.size, name=name) for name, r in (("risk_a", risk_a), ("risk_b", risk_b))]
    weight = censoring_function(time, event)
    rows = []
    for t in check_times(times, time):
        if not ((event & (time <= t)).any() and (time > t).any()):
            rows.append((float(t), *[np.nan] * 8))
            continue
        (a, of_a), (b, of_b) = (_auc_and_influence(time, event, score, t, weight) for score in scores)
        se = float((of_a - of_b).std(ddof=1) / np.sqrt(time.size))
        test = wald(a - b, se, confidence_level=confidence_level)
        rows.append((float(t), a, b, a - b, se, test.ci_low, test.ci_high, test.statistic, test.p_value))
    names = ["time", "auc_a", "auc_b", "difference", "se", "ci_low", "ci_high", "statistic", "p_value"]
    return pd.DataFrame(rows, columns=names)


def _auc_and_influence(
    time: FloatArray, event: NDArray[np.bool_], score: FloatArray, t: float, uncensored: StepFunction
) -> tuple[float, FloatArray]:
    """AUC at t and the influence of each case, as Blanche et al.: h over F times the share of controls."""
    n = time.size
    case, control = event & (time <= t), time > t
    f = np.where(case, 1 / np.where(case, uncensored.before(time), 1.0), 0.0)
    by_case = np.where(case, f * share_below(score, score[control]) * control.sum() / n, 0.0)
    by_control = np.where(control, _weight_above(score, score[case], f[case]) / n, 0.0)
    h, incidence, followed = by_case.mean(), f.mean(), control.mean()
    centred = by_case - h / incidence * f
    influence = centred + by_control - h * control / followed + _censoring_term(time, event, centred)
    return float(h / (incidence * followed)), influence / (incidence * followed)


def _weight_above(values: FloatArray, others: FloatArray, weight: FloatArray) -> FloatArray:
    """Weight of the `others` above each value, ties counted one half."""
    order = np.argsort(others)
    running = np.append(0.0, np.cumsum(weight[order]))
    ordered = others[order]
    below = running[np.searchsorted(ordered, values, "left")] + running[np.searchsorted(ordered, values, "right")]
    return running[-1] - below / 2


def _censoring_term(time: FloatArray, event: NDArray[np.bool_], contribution: FloatArray) -> FloatArray:
    r"""Influence through the estimated G: :math:`n \int Q(u)/Y(u)\,dM_k(u)`, with the censoring martingale of case k.

    Q(u) is the mean contribution of those who live beyond u, Y(u) the number at risk.
    """
    table = life_table(time, event)
    place = np.searchsorted(table.time, time)
    at_time = np.bincount(place, weights=contribution, minlength=table.time.size)
    beyond = (np.cumsum(at_time[::-1])[::-1] - at_time) / time.size
    jump = beyond / table.at_risk
    compensator = np.cumsum(jump * table.censored / table.at_risk)
    return time.size * (np.where(event, 0.0, jump[place]) - compensator[place])
