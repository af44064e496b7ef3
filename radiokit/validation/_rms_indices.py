"""The indices of rms::validate: discrimination, calibration and accuracy of a linear predictor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from radiokit.engine.cox import fit_cox, partial_likelihood, risk_sets
from radiokit.engine.inputs import FloatArray
from radiokit.engine.recalibrate import deviance, recalibrate
from radiokit.validation.metrics import harrell_c, rank_auc

LOGISTIC = ("dxy", "r2", "intercept", "slope", "d", "u", "q", "brier", "g", "g_p")
COX = ("dxy", "r2", "slope", "d", "u", "q", "g")


def logistic_indices(y: NDArray[np.bool_], lp: FloatArray) -> FloatArray:
    r"""Return the indices of log-odds `lp`, as `LOGISTIC` names them.

    With the deviances L of the outcome on nothing (0), on the recalibrated and on the given log-odds:
    :math:`D = (L_0 - L - 1)/n`, :math:`U = (L_{given} - L - 2)/n`, :math:`Q = D - U`; R2 is Nagelkerke's, g Gini's mean
    difference of the recalibrated log-odds and g_p of their probabilities.
    """
    n, share = y.size, float(y.mean())
    null = -2 * n * float(xlogy(share, share) + xlogy(1 - share, 1 - share))
    fit = recalibrate(y, lp)
    ratio = null - fit.deviance
    r2 = (1 - np.exp(-ratio / n)) / (1 - np.exp(-null / n))
    d, u = (ratio - 1) / n, (deviance(y, lp) - fit.deviance - 2) / n
    calibration = [fit.intercept, fit.slope, d, u, d - u, np.mean((y - expit(lp)) ** 2)]
    spread = [gini_mean_difference(values) for values in (fit.slope * lp, expit(fit.intercept + fit.slope * lp))]
    return np.array([2 * rank_auc(y, _tied(lp)) - 1, r2, *calibration, *spread])


def cox_indices(y: NDArray[np.void], lp: FloatArray, *, own: bool) -> FloatArray:
    r"""Return the indices of a log relative hazard, as `COX` names them; `own`: the model was fitted to these cases.

    As for log-odds, with the deviances of the partial likelihood and their scale :math:`-2\ell_0` for n; on its own
    data the slope is 1 and :math:`U = -2/(-2\ell_0)`.
    """
    time, event = y["time"], y["event"]
    fit = fit_cox(lp[:, None], time, event)
    null = -2 * fit.log_likelihood_null
    ratio = null + 2 * fit.log_likelihood
    r2 = (1 - np.exp(-ratio / y.size)) / (1 - np.exp(-null / y.size))
    slope = 1.0 if own else float(fit.coef[0])
    d = (ratio - 1) / null
    sets = risk_sets(time, event)
    given = partial_likelihood(sets, np.empty((y.size, 0)), (lp - lp.mean())[sets.order]).value
    u = -2 / null if own else -2 * (given - fit.log_likelihood) / null
    return np.array([2 * harrell_c(y, _tied(lp)) - 1, r2, slope, d, u, d - u, gini_mean_difference(slope * lp)])


def gini_mean_difference(values: FloatArray) -> float:
    """Mean absolute difference of all pairs."""
    n = values.size
    rank = 2 * np.arange(1, n + 1) - n - 1
    return float(2 * (rank @ np.sort(values)) / (n * (n - 1)))


def largest_miscalibration(intercept: float, slope: float) -> float:
    """Largest difference of a probability and its recalibration, over all probabilities (rms' Emax)."""
    p = np.arange(1, 2000) / 2000
    return float(np.max(np.abs(p - expit(intercept + slope * np.log(p / (1 - p))))))


def _tied(lp: FloatArray) -> FloatArray:
    """Round, so that cases of equal covariates tie although their sums were added in another order."""
    spread = float(lp.std())
    return np.round(lp / spread, 9) if spread > 0 else lp
