"""Whether predicted probabilities are right: the numbers of rms ``val.prob`` and the integrated calibration index."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from radiokit.engine.inputs import FloatArray, normal_quantile, outcome_and_probability
from radiokit.engine.loess import fit_loess
from radiokit.engine.lowess import lowess
from radiokit.engine.recalibrate import Recalibration, deviance, recalibrate, recalibrate_intercept
from radiokit.engine.results import Result
from radiokit.engine.wald import chi_squared_p_value, normal_p_value, wald
from radiokit.exceptions import DataWarning, InputError
from radiokit.stats._auc import auc


@dataclass(frozen=True, repr=False)
class Calibration(Result):
    """Agreement of predicted probabilities with outcomes.

    Parameters
    ----------
    intercept, slope : float
        Of the joint logistic recalibration; 0 and 1 are best.
    intercept_se, slope_se : float
        Their standard errors.
    slope_ci_low, slope_ci_high : float
        Wald limits of the slope.
    calibration_in_the_large : float
        Intercept with the slope fixed at 1; 0 is best.
    calibration_in_the_large_ci_low, calibration_in_the_large_ci_high : float
        Its Wald limits.
    o_e : float
        Observed events over expected ones; 1 is best.
    brier, brier_scaled : float
        Brier score, and its share of what the prevalence achieves.
    e_avg, e_50, e_90, e_max : float
        Mean, median, 90 % quantile and maximum of the distance between probability and LOWESS calibration curve.
    ici : float
        Mean distance between probability and LOESS calibration curve (integrated calibration index).
    d, u, q : float
        Discrimination, unreliability and quality indices.
    d_chi2, u_chi2, u_p_value : float
        Likelihood-ratio statistics behind d and u, and the p-value of u (2 degrees of freedom).
    c, dxy, r2 : float
        Exact AUC, Somers' Dxy, and Nagelkerke's R2 of the probabilities as they are.
    spiegelhalter_z, spiegelhalter_p_value : float
        Spiegelhalter's test of calibration.
    n, n_events : int
        Numbers of cases and events.
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import calibration
    >>> calibration([0, 1, 0, 1, 1, 0], [0.2, 0.6, 0.4, 0.7, 0.3, 0.5]).n_events
    3
    """

    intercept: float
    slope: float
    intercept_se: float
    slope_se: float
    slope_ci_low: float
    slope_ci_high: float
    calibration_in_the_large: float
    calibration_in_the_large_ci_low: float
    calibration_in_the_large_ci_high: float
    o_e: float
    brier: float
    brier_scaled: float
    e_avg: float
    e_50: float
    e_90: float
    e_max: float
    ici: float
    d: float
    u: float
    q: float
    d_chi2: float
    u_chi2: float
    u_p_value: float
    c: float
    dxy: float
    r2: float
    spiegelhalter_z: float
    spiegelhalter_p_value: float
    n: int
    n_events: int
    confidence_level: float


@dataclass(frozen=True, repr=False)
class CalibrationInTheLarge(Result):
    """Calibration intercept with the slope fixed at 1.

    Parameters
    ----------
    estimate, se : float
        The intercept on the logit scale and its standard error.
    {ci} {z_test} {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import calibration_in_the_large
    >>> round(calibration_in_the_large([0, 1], [0.5, 0.5]).estimate, 12)
    0.0
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    confidence_level: float


def calibration(y_true: ArrayLike, probability: ArrayLike, *, confidence_level: float = 0.95) -> Calibration:
    r"""Calibration of predicted probabilities, as rms ``val.prob``.

    Parameters
    ----------
    {y_true} {probability} {confidence_level}

    Returns
    -------
    Calibration
        See there for all fields.

    Raises
    ------
    {one_class}
    InputError
        If probabilities are missing, outside [0, 1], all 0 or 1, or of another length.

    Warns
    -----
    SeparationWarning
        If the probabilities separate the outcomes: the slope is then infinite.
    DataWarning
        If probabilities of exactly 0 or 1 are left out of the logistic recalibration, or there are too few distinct
        ones for the loess curve (``ici`` is then NaN).

    Notes
    -----
    ``intercept`` and ``slope`` are the joint maximum-likelihood fit of
    :math:`\operatorname{logit} P(y) = a + b \operatorname{logit} p`; ``calibration_in_the_large`` fixes b = 1. With
    L the log-likelihoods, :math:`D = (2[L(0,1) - L(\bar y)] - 1)/n`, :math:`U = (2[L(\hat a, \hat b) - L(0,1)] - 2)/n`,
    :math:`Q = D - U` (Miller, Hui & Tierney, doi:10.1002/sim.4780100806; Harrell 2015, section 10.9). ``e_*`` are
    distances to ``lowess(p, y, iter=0)``, ``ici`` the mean distance to ``loess(y ~ p)`` with R's k-d tree interpolation
    (doi:10.1002/sim.8281). ``c`` is exact, where rms bins probabilities at 0.002; slope and intercept are R's ``glm``
    run to convergence, where rms stops earlier (1e-5 apart in the smallest samples). Probabilities with one distinct
    value have slope 0, and U has one degree of freedom, as in rms. Spiegelhalter's z:
    :math:`\sum (y-p)(1-2p) / \sqrt{\sum (1-2p)^2 p (1-p)}` (doi:10.1002/sim.4780050506).

    *How to read it.* Slope below 1: predictions are too extreme, the sign of overfitting. Calibration in the large
    above 0 (O/E above 1): risks are too low on average. ``ici`` 0.05: a predicted risk is wrong by 5 percentage points
    on average. On the training data of a maximum-likelihood model slope 1 and intercept 0 hold by construction and
    say nothing about new patients.

    Examples
    --------
    >>> result = calibration([0, 0, 1, 0, 1, 1, 0, 1], [0.1, 0.3, 0.3, 0.4, 0.6, 0.7, 0.7, 0.9])
    >>> round(result.o_e, 4), round(result.slope, 4), round(result.brier, 4)
    (1.0, 1.0572, 0.1875)
    """
    event, p = outcome_and_probability(y_true, probability)
    keep = _with_logit(event, p)
    log_odds, kept = logit(p[keep]), event[keep]
    fit, df = _fit(kept, log_odds)
    large, large_se = recalibrate_intercept(kept, log_odds)
    z = normal_quantile(confidence_level)
    area = auc(event, p).auc
    spiegelhalter = _spiegelhalter(event, p)
    return Calibration(
        intercept=fit.intercept,
        slope=fit.slope,
        intercept_se=fit.intercept_se,
        slope_se=fit.slope_se,
        slope_ci_low=fit.slope - z * fit.slope_se,
        slope_ci_high=fit.slope + z * fit.slope_se,
        calibration_in_the_large=large,
        calibration_in_the_large_ci_low=large - z * large_se,
        calibration_in_the_large_ci_high=large + z * large_se,
        o_e=float(event.sum() / p.sum()),
        brier=float(np.mean((p - event) ** 2)),
        brier_scaled=float(1 - np.mean((p - event) ** 2) / event.var()),
        **_distances(event, p),
        **_indices(kept, log_odds, fit, df),
        c=area,
        dxy=2 * area - 1,
        spiegelhalter_z=spiegelhalter,
        spiegelhalter_p_value=normal_p_value(spiegelhalter),
        n=event.size,
        n_events=int(event.sum()),
        confidence_level=float(confidence_level),
    )


def calibration_in_the_large(
    y_true: ArrayLike, probability: ArrayLike, *, confidence_level: float = 0.95
) -> CalibrationInTheLarge:
    r"""Calibration intercept with the slope fixed at 1.

    Parameters
    ----------
    {y_true} {probability} {confidence_level}

    Returns
    -------
    CalibrationInTheLarge
        ``estimate, se, ci_low, ci_high, statistic, p_value, confidence_level``.

    Raises
    ------
    {one_class}
    InputError
        If probabilities are missing, outside [0, 1], all 0 or 1, or of another length.

    Notes
    -----
    Maximum likelihood of :math:`\operatorname{logit} P(y) = a + \operatorname{logit} p`, as
    ``glm(y ~ 1, offset=qlogis(p), binomial)`` (doi:10.1093/biomet/45.3-4.562). *How to read it.* Above 0 the predicted
    risks are too low on average, below 0 too high; ``exp(estimate)`` is the factor on the odds.

    Examples
    --------
    >>> round(calibration_in_the_large([0, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]).estimate, 4)
    1.0986
    """
    event, p = outcome_and_probability(y_true, probability)
    keep = _with_logit(event, p)
    estimate, se = recalibrate_intercept(event[keep], logit(p[keep]))
    return CalibrationInTheLarge(
        estimate=estimate,
        se=se,
        **vars(wald(estimate, se, confidence_level=confidence_level)),
        confidence_level=float(confidence_level),
    )


def _with_logit(event: NDArray[np.bool_], p: FloatArray) -> NDArray[np.bool_]:
    keep = (p > 0) & (p < 1)
    if not keep.all():
        if not keep.any():
            raise InputError("All probabilities are exactly 0 or 1; required: some between, to recalibrate on.")
        warnings.warn(
            f"{int((~keep).sum())} of {p.size} probabilities are exactly 0 or 1 and have no logit; they are left out "
            "of intercept, slope, D, U and Q.",
            DataWarning,
            stacklevel=3,
        )
    if event[keep].all() or not event[keep].any():
        raise InputError("The cases with a probability between 0 and 1 are of one class only; required: both.")
    return keep


def _fit(event: NDArray[np.bool_], log_odds: FloatArray) -> tuple[Recalibration, int]:
    """Joint recalibration and its number of parameters; a constant prediction has an intercept only."""
    prevalence = event.mean()
    if np.ptp(log_odds) > 0:
        return recalibrate(event, log_odds), 2
    intercept = float(logit(prevalence))
    se = 1 / math.sqrt(event.size * prevalence * (1 - prevalence))
    return Recalibration(intercept, 0.0, se, math.nan, deviance(event, np.full(event.size, intercept))), 1


def _indices(event: NDArray[np.bool_], log_odds: FloatArray, fit: Recalibration, df: int) -> dict[str, float]:
    n, constant = event.size, df == 1
    null, as_is = deviance(event, np.full(n, logit(event.mean()))), deviance(event, log_odds)
    d = -1 / n if constant else (null - as_is - 1) / n
    u = (as_is - fit.deviance - df) / n
    return {
        "d": d,
        "u": u,
        "q": d - u,
        "d_chi2": 0.0 if constant else null - as_is,
        "u_chi2": as_is - fit.deviance,
        "u_p_value": chi_squared_p_value(max(as_is - fit.deviance, 0.0), df),
        "r2": (1 - math.exp((as_is - null) / n)) / (1 - math.exp(-null / n)),
    }


def _distances(event: NDArray[np.bool_], p: FloatArray) -> dict[str, float]:
    """Distances between probabilities and smooth calibration curves."""
    y = event.astype(float)
    if np.ptp(p) == 0:
        return dict.fromkeys(("e_avg", "e_50", "e_90", "e_max", "ici"), float(abs(p[0] - y.mean())))
    distance = np.abs(p - lowess(p, y))
    try:
        ici = float(np.mean(np.abs(p - fit_loess(p, y)(p))))
    except InputError as error:
        warnings.warn(f"ici is NaN. {error}", DataWarning, stacklevel=3)
        ici = math.nan
    e_50, e_90, e_max = np.quantile(distance, [0.5, 0.9, 1]).tolist()
    return {"e_avg": float(distance.mean()), "e_50": e_50, "e_90": e_90, "e_max": e_max, "ici": ici}


def _spiegelhalter(event: NDArray[np.bool_], p: FloatArray) -> float:
    spread = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    return float(np.sum((event - p) * (1 - 2 * p)) / math.sqrt(spread)) if spread > 0 else math.nan
