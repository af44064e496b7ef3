"""The area under the ROC curve, and the placements under the variances of DeLong and Obuchowski, in O(n log n)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, check_score, normal_quantile
from radiokit.engine.results import Result
from radiokit.engine.survival_inputs import check_groups
from radiokit.utils import check_binary_target, same_rows


@dataclass(frozen=True, repr=False)
class AUC(Result):
    """An area under the ROC curve with its standard error.

    Parameters
    ----------
    auc : float
        Area under the curve: the probability that a positive case scores higher than a negative one, ties one half.
    se : float
        DeLong's standard error, or Obuchowski's where patients have several cases; NaN with one positive or one
        negative case (patient) only.
    ci_low, ci_high : float
        Normal confidence limits, clipped to [0, 1].
    n_positive, n_negative : int
        Numbers of cases.
    {confidence_level}
    method : {"delong", "obuchowski"}
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


def auc(y_true: ArrayLike, score: ArrayLike, *, groups: ArrayLike | None = None, confidence_level: float = 0.95) -> AUC:
    r"""Area under the ROC curve with DeLong's standard error and interval, by patient where patients repeat.

    Parameters
    ----------
    {y_true}
    score : array-like of shape (n,)
        Higher means more likely positive. The direction is never flipped: an AUC below 0.5 is reported as such.
    groups : array-like of shape (n,), optional
        Patient of each case (lesion, eye, scan). Cases of one patient are not independent: the standard error is then
        Obuchowski's. The area itself does not change.
    {confidence_level}

    Returns
    -------
    AUC
        ``auc, se, ci_low, ci_high, n_positive, n_negative, confidence_level, method``.

    Raises
    ------
    {one_class}
    InputError
        If scores are missing, infinite, or of another length, or a patient is missing.

    Notes
    -----
    With :math:`\psi(a, b) = 1, \tfrac12, 0` for :math:`a > b, a = b, a < b`, the placements are
    :math:`V_i = \frac1n \sum_j \psi(x_i, y_j)` of the :math:`m` positives and
    :math:`W_j = \frac1m \sum_i \psi(x_i, y_j)` of the :math:`n` negatives; the AUC is their mean and its variance
    :math:`s_V^2/m + s_W^2/n` with denominators :math:`m-1` and :math:`n-1` (doi:10.2307/2531595). Placements are read
    from sorted scores (doi:10.1109/LSP.2014.2337313), so that a million cases take about a second. The interval is
    normal on the AUC scale and clipped to [0, 1]. As pROC ``ci.auc(method="delong")`` with ``direction="<"``.

    With `groups`, patient g has the sums :math:`P_g = \frac1m \sum_{i \in g} (V_i - A)` over its positives and
    :math:`Q_g = \frac1n \sum_{j \in g} (W_j - A)` over its negatives, and the variance is

    .. math:: \tfrac{I_1}{I_1 - 1} \sum_g P_g^2 + \tfrac{I_0}{I_0 - 1} \sum_g Q_g^2
        + \tfrac{2 I}{I - 1} \sum_g P_g Q_g

    with I patients, :math:`I_1` of them with a positive and :math:`I_0` with a negative case (Obuchowski 1997,
    doi:10.2307/2533958). With one case per patient it is DeLong's.

    *How to read it.* 0.5 is no better than chance, 1 is a perfect ranking. The AUC says how well cases are ordered, not
    whether the probabilities are right (see `calibration`) nor whether a decision gains from them (see
    `decision_curve`). An AUC of exactly 0 or 1 has standard error 0: the interval then says nothing; it is no proof of
    certainty.

    Examples
    --------
    >>> result = auc([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(result.auc, 4), round(result.se, 4), result.ci_high
    (0.8889, 0.1571, 1.0)
    """
    same_rows(y_true=y_true, score=score, groups=groups)
    positive = check_binary_target(y_true)
    cases, controls = placements(positive, check_score(score, positive.size))
    patients = patients_of(groups, positive)
    value, se = float(cases.mean()), math.sqrt(area_variance(cases, controls, patients))
    margin = normal_quantile(confidence_level) * se
    return AUC(
        auc=value,
        se=se,
        ci_low=_clip(value - margin),
        ci_high=_clip(value + margin),
        n_positive=cases.size,
        n_negative=controls.size,
        confidence_level=float(confidence_level),
        method="delong" if patients is None else "obuchowski",
    )


@dataclass(frozen=True, eq=False)
class Patients:
    """Number of the patient of each positive and of each negative case, and how many patients there are."""

    of_cases: NDArray[np.intp]
    of_controls: NDArray[np.intp]
    n: int


def patients_of(groups: ArrayLike | None, positive: NDArray[np.bool_]) -> Patients | None:
    """Return the patient of each case; None where each case is a patient of its own."""
    if groups is None:
        return None
    codes, labels = check_groups(groups, positive.size)
    if len(labels) == positive.size:
        return None
    return Patients(codes[positive], codes[~positive], len(labels))


def area_variance(cases: FloatArray, controls: FloatArray, patients: Patients | None) -> float:
    """Variance of an area, or of a difference of areas, from its placements: DeLong's, or Obuchowski's by patient."""
    if patients is None:
        return mean_variance(cases) + mean_variance(controls)
    p, q = (
        np.bincount(of, values - values.mean(), patients.n) / values.size
        for of, values in ((patients.of_cases, cases), (patients.of_controls, controls))
    )
    with_case, with_control = np.unique(patients.of_cases).size, np.unique(patients.of_controls).size
    if min(with_case, with_control) < 2:
        return math.nan
    own = p @ p * with_case / (with_case - 1) + q @ q * with_control / (with_control - 1)
    return float(own + 2 * (p @ q) * patients.n / (patients.n - 1))


def placements(positive: NDArray[np.bool_], score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of negatives below each positive, and of positives above each negative; ties count one half."""
    cases, controls = score[positive], score[~positive]
    return share_below(cases, controls), 1.0 - share_below(controls, cases)


def share_below(values: FloatArray, reference: FloatArray) -> FloatArray:
    """Share of the reference below each value; ties count one half."""
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
