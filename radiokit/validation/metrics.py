"""Indices of accuracy that are cheap enough to be computed in every resample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from radiokit.validation._predictions import Predictions

BINARY_METRICS = ("auc", "dxy", "calibration_intercept", "calibration_slope", "brier", "r2")
SURVIVAL_METRICS = ("c_index", "dxy", "calibration_slope")


def metric_names(survival: bool) -> tuple[str, ...]:
    """Names of what `accuracy` returns."""
    return SURVIVAL_METRICS if survival else BINARY_METRICS


def accuracy(y: NDArray[Any], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the indices of `metric_names` for one model on one set of cases; NaN where one does not exist."""
    return _survival_accuracy(y, score) if y.dtype.names else _binary_accuracy(y, score)


def _binary_accuracy(y: NDArray[np.bool_], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    area = rank_auc(y, probability)
    intercept, slope, r2 = recalibrate(y, probability)
    brier = float(np.mean((probability - y) ** 2))
    return np.array([area, 2 * area - 1, intercept, slope, brier, r2])


def _survival_accuracy(y: NDArray[np.void], risk: NDArray[np.float64]) -> NDArray[np.float64]:
    concordance = harrell_c(y, risk)
    return np.array([concordance, 2 * concordance - 1, cox_slope(y, risk)])


def rank_auc(y: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve by mid-ranks; NaN with one class."""
    m, n = int(y.sum()), int((~y).sum())
    if m == 0 or n == 0 or np.isnan(score).any():
        return np.nan
    ordered, positive = np.sort(score), score[y]
    mid_ranks = (np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right") + 1) / 2
    return float((mid_ranks.sum() - m * (m + 1) / 2) / (m * n))


def harrell_c(y: NDArray[np.void], risk: NDArray[np.float64]) -> float:
    """Harrell's concordance; NaN without comparable pairs."""
    event, time = y["event"], y["time"]
    t, s = time[event], risk[event]
    pairs = (time > t[:, None]) | ((time == t[:, None]) & ~event)
    if not pairs.any():
        return np.nan
    ranked = (s[:, None] > risk) + 0.5 * (s[:, None] == risk)
    return float(ranked[pairs].mean())


def recalibrate(y: NDArray[np.bool_], probability: NDArray[np.float64]) -> tuple[float, float, float]:
    """Joint calibration intercept and slope, and Nagelkerke's R2 of the recalibrated score (as rms::validate).

    NaN for all three where the logistic fit of y on logit(p) does not exist: one class, separation, a constant score.
    """
    missing = (np.nan, np.nan, np.nan)
    lp = logit(np.clip(probability, 1e-12, 1 - 1e-12))
    if y.all() or not y.any() or np.ptp(lp) == 0 or _separated(lp[y], lp[~y]):
        return missing
    centre, spread = lp.mean(), lp.std()
    x = (lp - centre) / spread
    beta = np.array([logit(y.mean()), 0.0])
    for _ in range(100):
        p = expit(beta[0] + beta[1] * x)
        weight, residual = p * (1 - p), y - p
        a, b, c = weight.sum(), weight @ x, weight @ (x * x)
        determinant = a * c - b * b
        if determinant <= 1e-14 * a * c:
            return missing
        g, h = residual.sum(), residual @ x
        step = np.array([c * g - b * h, a * h - b * g]) / determinant
        beta = beta + step * min(1.0, 5.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    else:
        return missing
    slope = float(beta[1] / spread)
    fitted, null = _log_likelihood(y, expit(beta[0] + beta[1] * x)), _log_likelihood(y, np.full(y.size, y.mean()))
    r2 = (1 - np.exp(2 * (null - fitted) / y.size)) / (1 - np.exp(2 * null / y.size))
    return float(beta[0] - slope * centre), slope, float(r2)


def _separated(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> bool:
    return bool(positive.min() >= negative.max() or positive.max() <= negative.min())


def _log_likelihood(y: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    return float(np.log(np.where(y, p, 1 - p)).sum())


def cox_slope(y: NDArray[np.void], risk: NDArray[np.float64]) -> float:
    """Coefficient of the risk in a Cox model with nothing else (Efron ties); NaN where it does not exist."""
    if not y["event"].any() or np.ptp(risk) == 0:
        return np.nan
    order = np.argsort(-y["time"], kind="stable")
    time, event = y["time"][order], y["event"][order]
    spread = risk.std()
    x = (risk[order] - risk.mean()) / spread
    beta = 0.0
    for _ in range(100):
        score, information = _cox_derivatives(beta, x, time, event)
        if information <= 1e-10 * max(event.sum(), 1):
            return np.nan
        step = score / information
        beta += float(np.clip(step, -1, 1))
        if abs(beta) > 50:
            return np.nan
        if abs(step) < 1e-10:
            return beta / spread
    return np.nan


def _cox_derivatives(beta: float, x: Any, time: Any, event: Any) -> tuple[float, float]:
    """Score and information of Efron's partial likelihood for one covariate, cases sorted from late to early."""
    w = np.exp(beta * x)
    last = np.searchsorted(-time, -time[event], side="right") - 1  # the risk set ends with the ties of its time
    s0, s1, s2 = (np.cumsum(w * x**k)[last] for k in range(3))
    we, xe = w[event], x[event]
    first = np.concatenate(([True], np.diff(time[event]) != 0))
    tie = np.cumsum(first) - 1
    e0, e1, e2 = (np.bincount(tie, we * xe**k)[tie] for k in range(3))
    share = (np.arange(tie.size) - np.flatnonzero(first)[tie]) / np.bincount(tie)[tie]
    d0, d1, d2 = s0 - share * e0, s1 - share * e1, s2 - share * e2
    return float((xe - d1 / d0).sum()), float((d2 / d0 - (d1 / d0) ** 2).sum())


def resample_patients(groups: NDArray[Any], rng: np.random.Generator) -> NDArray[np.intp]:
    """Positions of all rows of patients drawn with replacement."""
    labels, codes = np.unique(groups, return_inverse=True)
    patients = labels.size
    drawn = rng.integers(0, patients, size=patients)
    if patients == codes.size:
        return np.argsort(codes)[drawn]
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(patients + 1))
    return np.concatenate([order[bounds[g] : bounds[g + 1]] for g in drawn])


def bootstrap_intervals(
    predictions: Predictions, *, n_bootstraps: int, confidence_level: float, seed: int
) -> NDArray[np.float64]:
    """Percentile intervals of the accuracy indices of frozen predictions, patients drawn with replacement."""
    rng = np.random.default_rng(seed)
    draws = np.array(
        [
            accuracy(predictions.y_true[rows], predictions.score[rows])
            for rows in (resample_patients(predictions.groups, rng) for _ in range(n_bootstraps))
        ]
    )
    tail = (1 - confidence_level) / 2
    limits = np.full((2, draws.shape[1]), np.nan)
    for k, column in enumerate(draws.T):
        known = column[np.isfinite(column)]
        if known.size >= 0.9 * n_bootstraps:
            limits[:, k] = np.quantile(known, [tail, 1 - tail])
    return limits
