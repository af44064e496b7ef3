"""Concordance of pairs that one model has scored: AUC and Harrell's C within folds, with an interval by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
        if not (np.isfinite(se) and np.isfinite(estimate)):
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
    """Concordances of models on the same rows, by the rule for their source."""
    return _cross_validated(models) if models[0].source == "out-of-fold" else _within_fold(models)


def concordances_within(models: Sequence[Predictions], strata: ArrayLike) -> Concordances:
    """Concordances of frozen models over the pairs of patients of one stratum, such as a centre."""
    codes = pd.factorize(np.asarray(strata))[0]
    return _within_fold([replace(p, source="out-of-fold", fold=codes) for p in models])


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
    covariance = shared_training(models[0]) * single - (1 - 1 / len(labels)) * between
    diagonal = np.arange(len(models))
    covariance[diagonal, diagonal] = np.maximum(covariance.diagonal(), single.diagonal())
    return CrossValidated(estimates.mean(axis=0), covariance, estimates, single)


def shared_training(predictions: Predictions) -> float:
    """Nadeau and Bengio's factor: 1 + sum over folds of n_test/n_train, in patients."""
    first = predictions.take(predictions.repeat == predictions.repeat[0])
    sizes = pd.Series(first.groups).groupby(first.fold).nunique().to_numpy()
    total = sizes.sum()
    return 1 + float((sizes / (total - sizes)).sum()) if len(sizes) > 1 else 1.0


def _within_fold(models: Sequence[Predictions]) -> Concordances:
    r"""Concordance over the pairs of cases that one model has scored.

    With :math:`k_{ij}` = 1, 1/2 or 0 where the model ranks the comparable pair (i, j) rightly, equally or wrongly, the
    estimate is the mean of k over all comparable pairs of one fold. The deviations of all pairs of a patient are summed
    by the role it has in them: :math:`P_g` as the case (the earlier event), :math:`Q_g` as the control. The variance is
    Obuchowski's, by patient, less what it counts twice: each pair of patients g and h is in the sum of both.

    .. math:: f_1 \sum_g P_g^2 + f_0 \sum_g Q_g^2 + 2 f \sum_g P_g Q_g - \sum_{g<h} e_{gh}^2,

    where :math:`e_{gh}` sums the deviations between g and h, and f = m/(m-1) with m the patients that have a case, a
    control, or either. For one fold with one case for each patient this is the unbiased variance of the U-statistic;
    DeLong's is larger by AUC(1-AUC)/(m n).
    """
    first = models[0]
    codes, patients = pd.factorize(first.groups)
    strata = pd.factorize(first.fold)[0] if first.source == "out-of-fold" else np.zeros(len(codes), dtype=int)
    scores = np.column_stack([m.score for m in models])
    dyads = np.zeros((len(models) + 1, len(patients), len(patients)))
    for stratum in range(strata.max() + 1):
        rows = np.flatnonzero(strata == stratum)
        pairs = _comparable(first, rows)
        for target, values in zip(dyads, [*(pairs * _ranked(s) for s in scores[rows].T), pairs], strict=True):
            _add(target, codes[rows], values)
    total = dyads[-1].sum()
    if total == 0:
        nothing = np.full(len(models), np.nan)
        return Concordances(nothing, np.full((len(models), len(models)), np.nan))
    estimates = dyads[:-1].sum(axis=(1, 2)) / total
    deviations = [(d - a * dyads[-1]) / total for d, a in zip(dyads[:-1], estimates, strict=True)]
    return Concordances(estimates, _covariance(deviations, _roles(first, codes)))


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


def _roles(predictions: Predictions, codes: NDArray[np.intp]) -> tuple[int, int, int]:
    """Count the patients that can be the case of a pair, its control, and either; for survival all can be both."""
    n = int(codes.max()) + 1
    if predictions.survival:
        return n, n, n
    events = predictions.events
    return np.unique(codes[events]).size, np.unique(codes[~events]).size, n


def _covariance(deviations: list[NDArray[np.float64]], roles: tuple[int, int, int]) -> NDArray[np.float64]:
    """Covariance of the concordances; NaN where only one patient has a role: its spread is then unknown."""
    if min(roles) < 2:
        return np.full((len(deviations), len(deviations)), np.nan)
    as_case, as_control, either = (m / (m - 1) for m in roles)
    p, q = (np.array([d.sum(axis=axis) for d in deviations]) for axis in (1, 0))
    cross = p @ q.T
    nodes = as_case * (p @ p.T) + as_control * (q @ q.T) + either * (cross + cross.T)
    between = [d + d.T - 2 * np.diag(np.diag(d)) for d in deviations]
    double = np.array([[(a * b).sum() / 2 for b in between] for a in between])
    covariance = nodes - double
    floor = np.diag(np.maximum(np.diag(covariance), 0.0) - np.diag(covariance))
    return covariance + floor
