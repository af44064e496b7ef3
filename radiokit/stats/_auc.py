"""The area under the ROC curve, and the placements under every DeLong variance, in O(n log n)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiokit.stats._inputs import FloatArray, check_score, normal_quantile
from radiokit.stats._results import Result
from radiokit.utils import check_binary_target


@dataclass(frozen=True, repr=False)
class AUC(Result):
    """An area under the ROC curve with DeLong's standard error.

    Parameters
    ----------
    auc : float
        Area under the curve: the probability that a positive case scores higher than a negative one, ties one half.
    se : float
        DeLong's standard error; NaN with one positive or one negative case only.
    ci_low, ci_high : float
        Normal confidence limits, clipped to [0, 1].
    n_positive, n_negative : int
        Numbers of cases.
    confidence_level : float
        Level of the interval.
    method : str
        How the interval was made.

    Examples
    --------
    >>> from radiokit.stats import auc
    >>> auc([0, 0, 1, 1], [1, 3, 2, 4]).auc
    0.75
    """

    auc: float
    se: float
    ci_low: float
    ci_high: float
    n_positive: int
    n_negative: int
    confidence_level: float
    method: str = "delong"


def auc(y_true: ArrayLike, score: ArrayLike, *, confidence_level: float = 0.95) -> AUC:
    r"""Area under the ROC curve with DeLong's standard error and interval.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Outcome, 0/1 or boolean.
    score : array-like of shape (n,)
        Higher means more likely positive. The direction is never flipped: an AUC below 0.5 is reported as such.
    confidence_level : float
        Level of the interval.

    Returns
    -------
    AUC
        ``auc, se, ci_low, ci_high, n_positive, n_negative, confidence_level, method``.

    Raises
    ------
    OutcomeError
        If the outcome has one class only, missing values, or more than two values.
    InputError
        If scores are missing, infinite, or of another length.

    Notes
    -----
    With :math:`\psi(a, b) = 1, \tfrac12, 0` for :math:`a > b, a = b, a < b`, the placements are
    :math:`V_i = \frac1n \sum_j \psi(x_i, y_j)` of the :math:`m` positives and
    :math:`W_j = \frac1m \sum_i \psi(x_i, y_j)` of the :math:`n` negatives; the AUC is their mean and its variance
    :math:`s_V^2/m + s_W^2/n` with denominators :math:`m-1` and :math:`n-1` (doi:10.2307/2531595). Placements are read
    from sorted scores (doi:10.1109/LSP.2014.2337313), so that a million cases take about a second. The interval is
    normal on the AUC scale and clipped to [0, 1]. As pROC ``ci.auc(method="delong")`` with ``direction="<"``.

    *How to read it.* 0.5 is a coin, 1 is perfect ranking. The AUC says how well cases are ordered, not whether the
    probabilities are right (see `calibration`) nor whether a decision gains from them (see `decision_curve`). An AUC of
    exactly 0 or 1 has standard error 0: the interval is then empty of meaning, not proof of certainty.

    Examples
    --------
    >>> result = auc([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(result.auc, 4), round(result.se, 4), result.ci_high
    (0.8889, 0.1571, 1.0)
    """
    positive = check_binary_target(y_true)
    cases, controls = placements(positive, check_score(score, positive.size))
    value, se = float(cases.mean()), math.sqrt(mean_variance(cases) + mean_variance(controls))
    margin = normal_quantile(confidence_level) * se
    return AUC(
        auc=value,
        se=se,
        ci_low=_clip(value - margin),
        ci_high=_clip(value + margin),
        n_positive=cases.size,
        n_negative=controls.size,
        confidence_level=float(confidence_level),
    )


def placements(positive: NDArray[np.bool_], score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of negatives below each positive, and of positives above each negative; ties count one half."""
    cases, controls = score[positive], score[~positive]
    return _share_below(cases, controls), 1.0 - _share_below(controls, cases)


def _share_below(values: FloatArray, reference: FloatArray) -> FloatArray:
    # Sorted queries keep the binary searches in cache: four times faster on a million cases.
    order = np.argsort(values)
    queries, steps = values[order], np.sort(reference)
    counts = np.searchsorted(steps, queries, side="left") + np.searchsorted(steps, queries, side="right")
    shares = np.empty(values.size)
    shares[order] = counts / (2 * reference.size)
    return shares


def mean_variance(values: FloatArray) -> float:
    return float(values.var(ddof=1) / values.size) if values.size > 1 else math.nan


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0) if not math.isnan(value) else math.nan
