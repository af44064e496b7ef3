"""A score cut in two: where to cut it, and what the cut achieves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, check_choice, check_score, normal_quantile, outcome_and_score
from radiokit.engine.results import Result
from radiokit.engine.survival_inputs import check_groups
from radiokit.exceptions import InputError
from radiokit.stats._proportions import proportion_ci
from radiokit.stats._roc import operating_points
from radiokit.stats._threshold_patients import Mask, counts_by_patient, delta_variance, proportion_by_patient
from radiokit.utils import check_binary_target, same_rows


@dataclass(frozen=True, repr=False)
class Threshold(Result):
    """A threshold chosen on a ROC curve.

    Parameters
    ----------
    value : float
        The threshold: a case is positive if its score is at or above it.
    sensitivity, specificity : float
        At this threshold, on the cases it was chosen on.
    criterion : str
        What was optimised.
    ties : tuple of float
        All thresholds with the same optimum; the first is `value`.

    Examples
    --------
    >>> from radiokit.stats import optimal_threshold
    >>> optimal_threshold([0, 1, 0, 1], [1, 2, 3, 4]).ties
    (1.5, 3.5)
    """

    value: float
    sensitivity: float
    specificity: float
    criterion: str
    ties: tuple[float, ...] = ()


def optimal_threshold(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    criterion: str = "youden",
    cost: float = 1.0,
    prevalence: float = 0.5,
) -> Threshold:
    r"""Threshold that is best by a criterion.

    Parameters
    ----------
    {y_true} {score}
    criterion : {"youden", "closest_topleft"}
        Maximise :math:`\mathrm{se} + r\,\mathrm{sp}`, which weighs errors by their cost; or minimise
        :math:`(1-\mathrm{se})^2 + r (1-\mathrm{sp})^2`, where neither of the two may be low.
    cost : float
        Cost of a false negative relative to a false positive.
    prevalence : float
        Share of positives where the threshold will be used. With the defaults r = 1: Youden's index.

    Returns
    -------
    Threshold
        ``value, sensitivity, specificity, criterion, ties``.

    Raises
    ------
    {one_class}
    InputError
        If the criterion is unknown, the weights are out of range, or scores are not finite.

    Notes
    -----
    :math:`r = (1-\pi)/(c\,\pi)` (doi:10.1002/sim.2993). Thresholds are midpoints between adjacent distinct scores, and
    -inf and inf; of several optima the lowest is used, and all are in ``ties``. As pROC ``coords("best",
    best.method=, best.weights=c(cost, prevalence))``. Youden:
    doi:10.1002/1097-0142(1950)3:1<32::aid-cncr2820030106>3.0.co;2-3.

    *How to read it.* Learn the threshold on the training data and keep it: chosen on the test data it makes sensitivity
    and specificity look better than they are. A threshold of -inf or inf says that the score separates nothing.

    Examples
    --------
    >>> best = optimal_threshold([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> best.value, round(best.sensitivity, 4), best.specificity
    (2.5, 1.0, 0.6666666666666666)
    """
    check_choice(criterion, ("youden", "closest_topleft"), name="criterion")
    if not 0 < prevalence < 1 or cost <= 0:
        raise InputError(f"cost is {cost!r}, prevalence {prevalence!r}; required: cost > 0, 0 < prevalence < 1.")
    points = operating_points(*outcome_and_score(y_true, score))
    r = (1 - prevalence) / (cost * prevalence)
    se, sp = points.sensitivity, points.specificity
    loss = -(se + r * sp) if criterion == "youden" else (1 - se) ** 2 + r * (1 - sp) ** 2
    best = np.flatnonzero(loss == loss.min())
    return Threshold(
        value=float(points.threshold[best[0]]),
        sensitivity=float(se[best[0]]),
        specificity=float(sp[best[0]]),
        criterion=criterion,
        ties=tuple(points.threshold[best].tolist()),
    )


def threshold_metrics(
    y_true: ArrayLike,
    score: ArrayLike,
    threshold: float,
    *,
    groups: ArrayLike | None = None,
    confidence_level: float = 0.95,
    ci: str = "wilson",
) -> pd.DataFrame:
    r"""Measure what calling every score at or above a threshold positive achieves.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Outcome, 0/1 or boolean. One class only is allowed: what cannot be estimated is NaN.
    {score}
    threshold : float
        A case is positive if ``score >= threshold``.
    groups : array-like of shape (n,), optional
        Patient of each case, where a patient has several (lesions, eyes): limits are then by patient.
    {confidence_level}
    ci : {"wilson", "clopper-pearson"}
        Interval of the proportions.

    Returns
    -------
    DataFrame
        Index ``sensitivity, specificity, ppv, npv, accuracy, f1, mcc, lr_positive, lr_negative``; columns ``estimate,
        ci_low, ci_high``. NaN where nobody is in the denominator.

    Raises
    ------
    {outcome_values}
    InputError
        If scores are not finite, the threshold is NaN, or `ci` is unknown.

    Notes
    -----
    Proportions have Wilson or Clopper-Pearson limits (see `proportion_ci`). Likelihood ratios
    :math:`\mathrm{se}/(1-\mathrm{sp})` and :math:`(1-\mathrm{se})/\mathrm{sp}` have limits by the log method
    (doi:10.1016/0895-4356(91)90128-V). F1 is :math:`2J/(1+J)` with :math:`J = tp/(tp+fp+fn)`, a proportion, so that its
    limits are those of J carried over. Matthews' correlation has limits by the delta method of the multinomial
    (Bishop, Fienberg & Holland 1975, 11.3-10), cut to [-1, 1].

    With `groups` the estimates are the same. A proportion is a ratio estimator among the cases concerned, its interval
    that of n cases divided by their design effect (Rao and Scott 1992, doi:10.2307/2532311); likelihood ratios and
    Matthews' correlation have the delta method by patient, with factor I/(I - 1) of I patients.

    *How to read it.* Sensitivity and specificity belong to the test, predictive values also to the prevalence of this
    cohort: they do not hold in a clinic where the disease is rarer.

    Examples
    --------
    >>> table = threshold_metrics([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], 4)
    >>> table.loc["sensitivity"].round(4).tolist()
    [0.6667, 0.2077, 0.9385]
    """
    same_rows(y_true=y_true, score=score, groups=groups)
    positive = check_binary_target(y_true, both_classes=False)
    if not isinstance(threshold, Real) or math.isnan(threshold):
        raise InputError(f"threshold is {threshold!r}; required: a number.")
    called = check_score(score, positive.size) >= threshold
    codes = _patients(groups, positive.size)
    z = normal_quantile(confidence_level)
    proportions = [
        _proportion(good, among, codes, confidence_level, ci) for good, among in _concerned(called, positive)
    ]
    proportions[5] = 2 * proportions[5] / (1 + proportions[5])
    ratios = _ratios(called, positive, z) if codes is None else _ratios_by_patient(called, positive, codes, z)
    return pd.DataFrame(
        [*proportions, *ratios], index=pd.Index(_METRICS, name="metric"), columns=["estimate", "ci_low", "ci_high"]
    )


_METRICS = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "mcc", "lr_positive", "lr_negative")


def _patients(groups: ArrayLike | None, n: int) -> NDArray[np.intp] | None:
    """Return the number of each case's patient; None where every case is a patient of its own."""
    if groups is None:
        return None
    codes, labels = check_groups(groups, n)
    return codes if len(labels) < n else None


def _concerned(called: Mask, positive: Mask) -> list[tuple[Mask, Mask]]:
    """Cases that are right, and those they are counted among: sensitivity, specificity, ppv, npv, accuracy, F1's J."""
    return [
        (called, positive),
        (~called, ~positive),
        (positive, called),
        (~positive, ~called),
        (called == positive, np.ones_like(called)),
        (called & positive, called | positive),
    ]


def _proportion(good: Mask, among: Mask, codes: NDArray[np.intp] | None, level: float, ci: str) -> FloatArray:
    if codes is not None:
        return proportion_by_patient(good, among, codes, level, ci)
    count, size = int((good & among).sum()), int(among.sum())
    low, high = proportion_ci(count, size, confidence_level=level, method=ci)
    return np.array([count / size if size else np.nan, float(low), float(high)])


def _ratios(called: Mask, positive: Mask, z: float) -> list[FloatArray]:
    """Matthews' correlation and the two likelihood ratios."""
    tp, fp, fn, tn = _cells(called, positive)
    return [_mcc(tp, fp, fn, tn, z), _ratio(tp, tp + fn, fp, fp + tn, z), _ratio(fn, tp + fn, tn, fp + tn, z)]


def _ratios_by_patient(called: Mask, positive: Mask, codes: NDArray[np.intp], z: float) -> list[FloatArray]:
    """As `_ratios`, with limits by patient: from the gradients of phi and of the logarithms of the ratios."""
    tp, fp, fn, tn = _cells(called, positive)
    phi, above, below = _ratios(called, positive, z)
    counts = counts_by_patient(called, positive, codes)
    if np.isfinite(phi[0]):
        a, b, c, d = tp + fp, tp + fn, tn + fp, tn + fn
        shrinking = phi[0] / 2 * np.array([1 / a + 1 / b, 1 / a + 1 / c, 1 / b + 1 / d, 1 / c + 1 / d])
        gradient = np.array([tn, -fn, -fp, tp]) / math.sqrt(float(a) * b * c * d) - shrinking
        margin = z * math.sqrt(delta_variance(gradient, counts))
        phi = np.array([phi[0], max(phi[0] - margin, -1.0), min(phi[0] + margin, 1.0)])
    sick, well = tp + fn, fp + tn
    if tp and fp:
        gradient = np.array([1 / tp - 1 / sick, 1 / well - 1 / fp, -1 / sick, 1 / well])
        above = above[0] * np.exp(np.array([0, -z, z]) * math.sqrt(delta_variance(gradient, counts)))
    if fn and tn:
        gradient = np.array([-1 / sick, 1 / well, 1 / fn - 1 / sick, 1 / well - 1 / tn])
        below = below[0] * np.exp(np.array([0, -z, z]) * math.sqrt(delta_variance(gradient, counts)))
    return [phi, above, below]


def _cells(called: Mask, positive: Mask) -> tuple[int, int, int, int]:
    """Count true positives, false positives, false negatives and true negatives."""
    tp, fp = int((called & positive).sum()), int((called & ~positive).sum())
    return tp, fp, int(positive.sum()) - tp, int((~positive).sum()) - fp


def _ratio(a: int, n_a: int, b: int, n_b: int, z: float) -> FloatArray:
    """Ratio of two proportions with limits on the log scale (Simel, Samsa & Matchar)."""
    if not n_a or not n_b or (not a and not b):
        return np.full(3, np.nan)
    if not b:
        return np.array([math.inf, math.nan, math.inf])
    ratio = (a / n_a) / (b / n_b)
    if not a:
        return np.array([0.0, 0.0, math.nan])
    se = math.sqrt(1 / a - 1 / n_a + 1 / b - 1 / n_b)
    return ratio * np.exp([0.0, -z * se, z * se])


def _mcc(tp: int, fp: int, fn: int, tn: int, z: float) -> FloatArray:
    """Matthews' (phi) correlation with limits by the delta method."""
    n = tp + fp + fn + tn
    p_row, p_col = (tp + fp) / n, (tp + fn) / n
    spread_row, spread_col = p_row * (1 - p_row), p_col * (1 - p_col)
    if not spread_row or not spread_col:
        return np.full(3, np.nan)
    phi = (tp * tn - fp * fn) / n**2 / math.sqrt(spread_row * spread_col)
    skew_row, skew_col = (2 * p_row - 1) ** 2 / spread_row, (2 * p_col - 1) ** 2 / spread_col
    cross = (2 * p_row - 1) * (2 * p_col - 1) / math.sqrt(spread_row * spread_col)
    variance = (1 - phi**2 + phi * (1 + phi**2 / 2) * cross - 0.75 * phi**2 * (skew_row + skew_col)) / n
    margin = z * math.sqrt(max(variance, 0.0))
    return np.array([phi, max(phi - margin, -1.0), min(phi + margin, 1.0)])
