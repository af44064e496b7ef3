"""Logistic recalibration: the outcome against the logit of the predicted probability."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import SeparationWarning


@dataclass(frozen=True)
class Recalibration:
    """Maximum-likelihood intercept and slope with standard errors, and the deviance reached."""

    intercept: float
    slope: float
    intercept_se: float
    slope_se: float
    deviance: float


def deviance(event: NDArray[np.bool_], eta: FloatArray) -> float:
    """Minus twice the log-likelihood of outcomes with log odds `eta`."""
    z = np.where(event, -eta, eta)
    # log(1 + e^z) without overflow; numpy's logaddexp is six times slower.
    return float(2 * np.sum(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))))


def recalibrate(event: NDArray[np.bool_], logit: FloatArray) -> Recalibration:
    """Fit ``logit P(y) = intercept + slope * logit(p)`` by Newton's method.

    Perfect separation has no finite maximum: the slope is then infinite, the intercept NaN, and a SeparationWarning
    says so.
    """
    low, high = logit[~event], logit[event]
    for sign, gap in ((1.0, high.min() - low.max()), (-1.0, low.min() - high.max())):
        if gap >= 0 and np.ptp(logit) > 0:
            warnings.warn(
                "The probabilities separate the outcomes perfectly: the calibration slope is infinite and the "
                "intercept is not defined.",
                SeparationWarning,
                stacklevel=3,
            )
            return Recalibration(math.nan, sign * math.inf, math.nan, math.nan, _separated_deviance(event, logit, gap))
    centre, scale = logit.mean(), logit.std()
    design = np.column_stack([np.ones(logit.size), (logit - centre) / scale])
    beta, covariance = newton(event, design, np.zeros(logit.size), np.array([_log_odds(event.mean()), 0.0]))
    back = np.array([[1.0, -centre / scale], [0.0, 1 / scale]])
    beta, covariance = back @ beta, back @ covariance @ back.T
    return Recalibration(
        intercept=float(beta[0]),
        slope=float(beta[1]),
        intercept_se=math.sqrt(covariance[0, 0]),
        slope_se=math.sqrt(covariance[1, 1]),
        deviance=deviance(event, beta[0] + beta[1] * logit),
    )


def recalibrate_intercept(event: NDArray[np.bool_], logit: FloatArray) -> tuple[float, float]:
    """Fit ``logit P(y) = intercept + logit(p)``; return the intercept and its standard error."""
    start = np.array([_log_odds(event.mean()) - float(np.median(logit))])
    beta, covariance = newton(event, np.ones((logit.size, 1)), logit, start)
    return float(beta[0]), math.sqrt(covariance[0, 0])


def newton(
    event: NDArray[np.bool_], design: FloatArray, offset: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Logistic maximum likelihood by Newton steps, halved while the deviance rises; coefficients and covariance."""
    beta, current = start, deviance(event, offset + design @ start)
    for _ in range(100):
        p = expit(offset + design @ beta)
        information = design.T @ (design * (p * (1 - p))[:, None])
        step = np.linalg.lstsq(information, design.T @ (event - p), rcond=None)[0]
        proposed = deviance(event, offset + design @ (beta + step))
        while proposed > current * (1 + 1e-12) and np.abs(step).max() > 1e-12:
            step = step / 2
            proposed = deviance(event, offset + design @ (beta + step))
        beta, done, current = beta + step, np.abs(step).max() <= 1e-10 * (1 + np.abs(beta).max()), proposed
        if done:
            break
    p = expit(offset + design @ beta)
    return beta, np.linalg.pinv(design.T @ (design * (p * (1 - p))[:, None]))


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _separated_deviance(event: NDArray[np.bool_], logit: FloatArray, gap: float) -> float:
    """Limit of the deviance: 0, or that of the cases tied at the boundary."""
    if gap > 0:
        return 0.0
    boundary = logit[event].min() if logit[event].min() == logit[~event].max() else logit[event].max()
    tied = event[logit == boundary]
    share = tied.mean()
    return float(-2 * tied.size * (share * math.log(share) + (1 - share) * math.log(1 - share)))
