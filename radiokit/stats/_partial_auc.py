"""The part of the ROC curve that a clinic would use, and one of sensitivity and specificity at a required other."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, Seed, check_level, outcome_and_score
from radiokit.exceptions import InputError
from radiokit.stats._roc import operating_points
from radiokit.utils import spawn_seeds


def partial_auc(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    max_fpr: float | None = None,
    min_tpr: float | None = None,
    standardized: bool = True,
) -> float:
    r"""Area under a part of the ROC curve.

    Parameters
    ----------
    {y_true} {score}
    max_fpr : float, optional
        Use false-positive rates from 0 to this bound (specificity from ``1 - max_fpr``).
    min_tpr : float, optional
        Use sensitivities from this bound to 1. Give one of the two; with neither the whole AUC is returned.
    standardized : bool
        Rescale after McClish, so that 0.5 is no better than chance and 1 is perfect.

    Returns
    -------
    float
        The area; standardised NaN where the raw area lies below that of chance.

    Raises
    ------
    {one_class}
    InputError
        If both bounds are given, a bound is outside its range, or scores are not finite.

    Notes
    -----
    Raw: :math:`A = \int_0^{f} \mathrm{TPR}\, d\mathrm{FPR}`, or :math:`\int_{t}^1 (1 - \mathrm{FPR})\, d\mathrm{TPR}`,
    by linear interpolation of the curve. Standardised:
    :math:`\tfrac12 \left(1 + \frac{A - w^2/2}{w - w^2/2}\right)`, :math:`w` the width of the range
    (doi:10.1177/0272989X8900900307). As pROC ``auc(partial.auc=, partial.auc.focus="sp"|"se", partial.auc.correct=)``,
    which gives no standardised value below chance either; ``standardized=False`` has the raw area there too.

    *How to read it.* For screening, only low false-positive rates matter: two models of equal AUC may differ there.
    Compare standardised values over the same range only.

    Examples
    --------
    >>> y, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 5, 4, 6, 7, 8]
    >>> round(partial_auc(y, score, max_fpr=0.25, standardized=False), 4)
    0.1875
    """
    points = operating_points(*outcome_and_score(y_true, score))
    sensitivity, specificity = points.sensitivity[::-1], points.specificity[::-1]
    low, high, along, height = _range(max_fpr, min_tpr, sensitivity, specificity)
    area = _area_between(along, height, low, high)
    width = high - low
    chance = width**2 / 2
    if not standardized:
        return area
    return 0.5 * (1 + (area - chance) / (width - chance)) if area >= chance else math.nan


def sensitivity_at_specificity(
    y_true: ArrayLike,
    score: ArrayLike,
    specificity: ArrayLike,
    *,
    confidence_level: float = 0.95,
    n_bootstraps: int = 2000,
    random_state: Seed = None,
) -> pd.DataFrame:
    """Sensitivity where the ROC curve has a required specificity, with a bootstrap interval.

    Parameters
    ----------
    {y_true} {score}
    specificity : float or array-like
        Required specificities in [0, 1].
    {confidence_level} {n_bootstraps} {random_state}

    Returns
    -------
    DataFrame
        One row per required specificity: ``specificity, sensitivity, ci_low, ci_high``.

    Raises
    ------
    {one_class}
    InputError
        If a specificity is outside [0, 1], or scores are not finite.

    Notes
    -----
    The curve is interpolated linearly; where it is vertical the highest sensitivity counts, as pROC
    ``coords(input="specificity")``. The interval is made of percentiles of a stratified bootstrap, as pROC ``ci.se``
    (doi:10.1186/1471-2105-12-77), around the estimate itself.

    *How to read it.* "If at most one healthy patient in ten may be alarmed (specificity 0.9), what share of the sick do
    we find?" The threshold is chosen on the same data, so the value is optimistic in a small sample.

    Examples
    --------
    >>> y, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 5, 4, 6, 7, 8]
    >>> sensitivity_at_specificity(y, score, [0.75, 1.0], random_state=0)["sensitivity"].tolist()
    [1.0, 0.75]
    """
    table = _at(y_true, score, specificity, "specificity", confidence_level, n_bootstraps, random_state)
    return table.rename(columns={"required": "specificity", "estimate": "sensitivity"})


def specificity_at_sensitivity(
    y_true: ArrayLike,
    score: ArrayLike,
    sensitivity: ArrayLike,
    *,
    confidence_level: float = 0.95,
    n_bootstraps: int = 2000,
    random_state: Seed = None,
) -> pd.DataFrame:
    """Specificity where the ROC curve has a required sensitivity, with a bootstrap interval.

    Parameters
    ----------
    {y_true} {score}
    sensitivity : float or array-like
        Required sensitivities in [0, 1].
    {confidence_level} {n_bootstraps} {random_state}

    Returns
    -------
    DataFrame
        One row per required sensitivity: ``sensitivity, specificity, ci_low, ci_high``.

    Raises
    ------
    {one_class}
    InputError
        If a sensitivity is outside [0, 1], or scores are not finite.

    Notes
    -----
    As `sensitivity_at_specificity` with the axes exchanged (pROC ``coords(input="sensitivity")`` and ``ci.sp``,
    doi:10.1186/1471-2105-12-77).

    *How to read it.* "If nine of ten sick patients must be found (sensitivity 0.9), what share of the healthy is spared
    the alarm?"

    Examples
    --------
    >>> y, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 5, 4, 6, 7, 8]
    >>> specificity_at_sensitivity(y, score, [0.75, 1.0], random_state=0)["specificity"].tolist()
    [1.0, 0.75]
    """
    table = _at(y_true, score, sensitivity, "sensitivity", confidence_level, n_bootstraps, random_state)
    return table.rename(columns={"required": "sensitivity", "estimate": "specificity"})


def _range(
    max_fpr: float | None, min_tpr: float | None, sensitivity: FloatArray, specificity: FloatArray
) -> tuple[float, float, FloatArray, FloatArray]:
    """Bounds of the range, the coordinate it lies on (increasing), and the height above it."""
    if max_fpr is not None and min_tpr is not None:
        raise InputError("max_fpr and min_tpr are both given; required: one of them.")
    if min_tpr is not None:
        if not 0 <= min_tpr < 1:
            raise InputError(f"min_tpr is {min_tpr!r}; required: 0 <= min_tpr < 1.")
        return float(min_tpr), 1.0, sensitivity, specificity
    limit = 1.0 if max_fpr is None else float(max_fpr)
    if not 0 < limit <= 1:
        raise InputError(f"max_fpr is {max_fpr!r}; required: 0 < max_fpr <= 1.")
    return 0.0, limit, 1 - specificity, sensitivity


def _area_between(along: FloatArray, height: FloatArray, low: float, high: float) -> float:
    """Trapezoids of a polyline, each cut to [low, high]."""
    start, stop = along[:-1], along[1:]
    sloped = stop > start
    start, stop, left, right = start[sloped], stop[sloped], height[:-1][sloped], height[1:][sloped]
    slope = (right - left) / (stop - start)
    a, b = np.clip(start, low, high), np.clip(stop, low, high)
    return float(np.sum((b - a) * (left + slope * ((a + b) / 2 - start))))


def _at(
    y_true: ArrayLike,
    score: ArrayLike,
    required: ArrayLike,
    axis: str,
    confidence_level: float,
    n_bootstraps: int,
    random_state: Seed,
) -> pd.DataFrame:
    positive, values = outcome_and_score(y_true, score)
    wanted = np.atleast_1d(np.asarray(required, dtype=float))
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InputError(f"{axis} holds {wanted.min():g} to {wanted.max():g}; required: values in [0, 1].")
    tail = (1 - check_level(confidence_level)) / 2
    cases, controls = np.flatnonzero(positive), np.flatnonzero(~positive)
    replicates = np.empty((n_bootstraps, wanted.size))
    for i, seed in enumerate(spawn_seeds(random_state, n_bootstraps)):
        rng = np.random.default_rng(seed)
        drawn = np.concatenate([rng.choice(cases, cases.size), rng.choice(controls, controls.size)])
        replicates[i] = _read_curve(positive[drawn], values[drawn], wanted, axis)
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0) if n_bootstraps else np.full((2, wanted.size), np.nan)
    estimate = _read_curve(positive, values, wanted, axis)
    return pd.DataFrame({"required": wanted, "estimate": estimate, "ci_low": low, "ci_high": high})


def _read_curve(positive: NDArray[np.bool_], score: FloatArray, wanted: FloatArray, axis: str) -> FloatArray:
    """Interpolate the ROC curve linearly; at a vertical step take the best value."""
    points = operating_points(positive, score)
    x, y = points.specificity, points.sensitivity
    if axis == "sensitivity":
        x, y = points.sensitivity[::-1], points.specificity[::-1]
    # The axis increases; of several points on one vertical step the first is the best.
    right = np.searchsorted(x, wanted, side="left")
    left = np.maximum(right - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (wanted - x[left]) / (x[right] - x[left])
    return np.where(x[right] == wanted, y[right], y[left] + share * (y[right] - y[left]))
