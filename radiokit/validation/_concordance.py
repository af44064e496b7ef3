"""Concordance of pairs that one model has scored: AUC and Harrell's C within folds, with an interval by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from radiokit.validation._predictions import Predictions


@dataclass(frozen=True)
class Concordances:
    """Concordances of k models on the same cases and their covariance."""

    estimates: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def variance(self, contrast: ArrayLike) -> float:
        """Variance of a linear combination of the models' concordances."""
        c = np.asarray(contrast, dtype=float)
        return float(c @ self.covariance @ c)

    def interval(self, confidence_level: float) -> tuple[float, float]:
        """Interval of the first model: Wald on the logit scale, which respects [0, 1]; clipped Wald at 0 and 1."""
        estimate, se = float(self.estimates[0]), float(np.sqrt(self.covariance[0, 0]))
        z = float(norm.ppf((1 + confidence_level) / 2))
        if not np.isfinite(se):
            return np.nan, np.nan
        if not 0 < estimate < 1:
            return max(estimate - z * se, 0.0), min(estimate + z * se, 1.0)
        middle, half = logit(estimate), z * se / (estimate * (1 - estimate))
        return float(expit(middle - half)), float(expit(middle + half))


@dataclass(frozen=True)
class CrossValidated(Concordances):
    """Concordances over repeats of a cross-validation; the variance counts that its models share training cases."""

    repeats: NDArray[np.float64]
    single: NDArray[np.float64]

    def variance(self, contrast: ArrayLike) -> float:
        """Variance of a linear combination, never below that of one repeat given its models."""
        c = np.asarray(contrast, dtype=float)
        return max(float(c @ self.covariance @ c), float(c @ self.single @ c))


def concordances(models: Sequence[Predictions]) -> Concordances:
    """Concordances of models on the same rows, by the rule that their source asks for."""
    return _cross_validated(models) if models[0].source == "out-of-fold" else _within_fold(models)


def _cross_validated(models: Sequence[Predictions]) -> CrossValidated:
    r"""Mean over repeats, with the unconditional variance of a cross-validated concordance.

    Given its models, one repeat has the variance V of its test cases (`_within_fold`). Models of different folds share
    training cases and so err together: Nadeau and Bengio's factor 1 + k n_test/n_train stands for that. What R repeats
    average out is seen between them, as the variance s2 of their estimates:

    .. math:: (1 + k\, n_{test}/n_{train}) \bar V - (1 - 1/R)\, s^2.
    """
    labels = pd.unique(models[0].repeat)
    parts = [_within_fold([m.take(m.repeat == label) for m in models]) for label in labels]
    estimates = np.array([part.estimates for part in parts])
    single = np.mean([part.covariance for part in parts], axis=0)
    between = np.cov(estimates, rowvar=False, ddof=1).reshape(single.shape) if len(labels) > 1 else 0 * single
    covariance = _shared_training(models[0]) * single - (1 - 1 / len(labels)) * between
    diagonal = np.arange(len(models))
    covariance[diagonal, diagonal] = np.maximum(covariance.diagonal(), single.diagonal())
    return CrossValidated(estimates.mean(axis=0), covariance, estimates, single)


def _shared_training(predictions: Predictions) -> float:
    """Nadeau and Bengio's factor: 1 + sum over folds of n_test/n_train, in patients."""
    first = predictions.take(predictions.repeat == predictions.repeat[0])
    sizes = pd.Series(first.groups).groupby(first.fold).nunique().to_numpy()
    total = sizes.sum()
    return 1 + float((sizes / (total - sizes)).sum()) if len(sizes) > 1 else 1.0


def _within_fold(models: Sequence[Predictions]) -> Concordances:
    r"""Concordance over the pairs of patients that one model has scored.

    With :math:`k_{ij}` = 1, 1/2 or 0 where the model ranks the comparable pair (i, j) rightly, equally or wrongly, the
    estimate is the mean of k over all comparable pairs of one fold. Its variance treats pairs as dyads of patients:

    .. math:: \sum_g f_g \Big(\sum_{h} e_{gh}\Big)^2 - \sum_{g<h} e_{gh}^2,

    where :math:`e_{gh}` sums the deviations of all pairs of the patients g and h, and f = m/(m-1) with m patients of
    the class. For one fold this is the unbiased variance of the U-statistic; DeLong's is larger by AUC(1-AUC)/(m n).
    """
    first = models[0]
    codes, patients = pd.factorize(first.groups)
    strata = pd.factorize(first.fold)[0] if first.source == "out-of-fold" else np.zeros(len(codes), dtype=int)
    scores = np.column_stack([m.score for m in models])
    dyads = np.zeros((len(models) + 1, len(patients), len(patients)))
    for stratum in range(strata.max() + 1):
        rows = np.flatnonzero(strata == stratum)
        pairs = _comparable(first, rows) & (codes[rows][:, None] != codes[rows][None, :])
        for target, values in zip(dyads, [*(pairs * _ranked(s) for s in scores[rows].T), pairs], strict=True):
            _add(target, codes[rows], values)
    total = dyads[-1].sum()
    if total == 0:
        nothing = np.full(len(models), np.nan)
        return Concordances(nothing, np.full((len(models), len(models)), np.nan))
    estimates = dyads[:-1].sum(axis=(1, 2)) / total
    deviations = [(d - a * dyads[-1]) / total for d, a in zip(dyads[:-1], estimates, strict=True)]
    return Concordances(estimates, _covariance(deviations, _factors(first, codes)))


def _comparable(predictions: Predictions, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    y = predictions.y_true[rows]
    if not predictions.survival:
        return y[:, None] & ~y[None, :]
    event, time = y["event"], y["time"]
    later = time[None, :] > time[:, None]
    outlived = (time[None, :] == time[:, None]) & ~event[None, :]
    return event[:, None] & (later | outlived)


def _ranked(score: NDArray[np.float64]) -> NDArray[np.float64]:
    return (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])


def _add(target: NDArray[np.float64], codes: NDArray[np.intp], values: NDArray[Any]) -> None:
    """Add the pairs of rows to the pairs of their patients, of whom several rows may meet in a fold."""
    place = np.ix_(codes, codes)
    if np.unique(codes).size == codes.size:
        target[place] += values
    else:
        np.add.at(target, place, values)


def _factors(predictions: Predictions, codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Small-sample factor m/(m-1) of each patient, m counting the patients of its class (all, for survival)."""
    rows = np.bincount(codes)
    kind = np.zeros(rows.size) if predictions.survival else np.bincount(codes, predictions.events) / rows
    _, which, sizes = np.unique(kind, return_inverse=True, return_counts=True)
    size = sizes[which].astype(float)
    with np.errstate(divide="ignore"):
        return size / (size - 1)


def _covariance(deviations: list[NDArray[np.float64]], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    dyads = [d + d.T for d in deviations]
    sums = np.array([d.sum(axis=1) for d in dyads])
    with np.errstate(invalid="ignore"):
        nodes = (sums * factors) @ sums.T
    double = np.array([[(a * b).sum() / 2 for b in dyads] for a in dyads])
    covariance = nodes - double
    floor = np.diag(np.maximum(np.diag(covariance), 0.0) - np.diag(covariance))
    return covariance + floor
