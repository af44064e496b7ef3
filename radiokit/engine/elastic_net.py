"""LASSO and elastic net on glmnet's scale, for a binary outcome and for Cox's partial likelihood with Breslow's ties.

The objective is ``loss / n + lambda * sum(factor * (l1_ratio * |b| + (1 - l1_ratio) / 2 * b^2))`` with the features
standardised by their standard deviation with divisor n; coefficients are given on the original scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine._distinct_cases import distinct_cases
from radiokit.engine._elastic_net_kernel import Binomial, Loss, cox_loss, fit_path, plain
from radiokit.engine._ridge_path import ridge_path
from radiokit.engine.inputs import FloatArray, Target, as_floats, check_choice, check_magnitude
from radiokit.exceptions import OutcomeError, ParameterError
from radiokit.utils import check_binary_target, check_survival_target, is_survival_target

TOLERANCE = 1e-14  # squared length of the last Newton step in the metric of the loss, a mean over cases
PROBABILITY_FLOOR = 1e-5  # predicted probabilities are held this far from 0 and 1 in the deviance, as cv.glmnet does
MIN_L1_RATIO = 1e-3  # for the first penalty of a ridge path, as glmnet
CONSTANT = 1e-10


@dataclass(frozen=True, eq=False)
class ElasticNetPath:
    """Models along falling penalties.

    `coef` (n_lambdas, n_features) and `intercept` (n_lambdas,; zeros for Cox) are on the original scale;
    `deviance_ratio` is the share of the null deviance that is explained. `center` and `scale` standardised the features
    (scale 1 where a feature is constant: it stays out).
    """

    lambdas: FloatArray
    coef: FloatArray
    intercept: FloatArray
    deviance_ratio: FloatArray
    center: FloatArray
    scale: FloatArray

    @property
    def n_features(self) -> NDArray[np.intp]:
        """Number of nonzero coefficients at each penalty."""
        return np.count_nonzero(self.coef, axis=1)

    def linear_predictor(self, X: FloatArray) -> FloatArray:
        """Linear predictors of shape (n, n_lambdas)."""
        return X @ self.coef.T + self.intercept

    def at(self, lambdas: FloatArray) -> ElasticNetPath:
        """Models at other penalties: linear in lambda between neighbours, held at the ends (``predict.glmnet``)."""
        known = self.lambdas
        wanted = np.clip(lambdas, known[-1], known[0])
        right = np.searchsorted(-known, -wanted)  # the first penalty that is not larger
        left = np.maximum(right - 1, 0)
        gap = known[left] - known[right]
        share = np.divide(wanted - known[right], gap, out=np.zeros_like(wanted), where=gap > 0)

        def between(values: FloatArray) -> FloatArray:
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            return weight * values[left] + (1 - weight) * values[right]

        coef, intercept, ratio = map(between, (self.coef, self.intercept, self.deviance_ratio))
        return ElasticNetPath(lambdas, coef, intercept, ratio, self.center, self.scale)


@dataclass(frozen=True, eq=False)
class CrossValidatedPath:
    """A path with its cross-validated deviance; `index_min` and `index_1se` point at the two penalties papers use."""

    path: ElasticNetPath
    cv_mean: FloatArray
    cv_se: FloatArray
    index_min: int
    index_1se: int

    def index(self, rule: str) -> int:
        """Position of the penalty that a rule chooses."""
        return self.index_min if check_choice(rule, ("min", "1se"), name="rule") == "min" else self.index_1se

    def to_frame(self, chosen: int | None = None) -> pd.DataFrame:
        """Return the curve: ``lambda, cv_mean, cv_se, n_features, deviance_ratio``, one row per penalty, falling."""
        frame = pd.DataFrame(
            {
                "lambda": self.path.lambdas,
                "cv_mean": self.cv_mean,
                "cv_se": self.cv_se,
                "n_features": self.path.n_features,
                "deviance_ratio": self.path.deviance_ratio,
            }
        )
        if chosen is not None:
            frame["chosen"] = np.arange(len(frame)) == chosen
        return frame


def elastic_net_path(
    X: FloatArray,
    y: Target,
    *,
    l1_ratio: float = 1.0,
    lambdas: ArrayLike | None = None,
    n_lambdas: int = 100,
    lambda_min_ratio: float | None = None,
    penalty_factor: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> ElasticNetPath:
    """Fit the elastic net along falling penalties.

    X of shape (n, p) is finite; y, binary or a survival target, decides the loss: binomial, or Cox with Breslow's ties.
    `l1_ratio` is glmnet's alpha: 1 is the LASSO, 0 ridge. Without `lambdas` the path is glmnet's: `n_lambdas` penalties
    from the smallest that leaves no feature to `lambda_min_ratio` times it (1e-4, or 0.01 where n < p), stopped once
    nothing more is gained. `penalty_factor` of shape (p,) multiplies the penalty and is rescaled to sum to p; 0 leaves
    a feature unpenalised, inf keeps it out. `sample_weight` of shape (n,) is rescaled to sum to 1.
    """
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    cases = distinct_cases(X, np.asarray(y), weight)
    problem = problem_of(cases.X, cases.y, cases.weight, penalty_factor, n_cases=cases.n_cases)
    return path_of(problem, l1_ratio, lambdas, n_lambdas, lambda_min_ratio)


def path_of(
    problem: Problem, l1_ratio: float, lambdas: ArrayLike | None, n_lambdas: int, lambda_min_ratio: float | None = None
) -> ElasticNetPath:
    """Fit the path of standardised features; see `elastic_net_path`."""
    if not 0 <= l1_ratio <= 1:
        raise ParameterError(f"l1_ratio is {l1_ratio!r}; required: between 0 (ridge) and 1 (LASSO).")
    given = lambdas is not None
    penalties = (
        _check_lambdas(lambdas)
        if lambdas is not None
        else _default_lambdas(problem, l1_ratio, n_lambdas, lambda_min_ratio)
    )
    if l1_ratio == 0 and penalties[-1] > 0 and _cheaper_by_cases(problem):
        gamma, losses, null = _ridge_by_cases(problem, penalties, stop_early=not given)
    else:
        gamma, losses, null = fit_path(
            problem.loss, problem.Z, l1_ratio, problem.factor, penalties, stop_early=not given, tolerance=TOLERANCE
        )
    p, loss = problem.center.size, problem.loss
    coef = gamma[:, :p] / problem.scale
    intercept = gamma[:, p] - coef @ problem.center if isinstance(loss, Binomial) else np.zeros(len(coef))
    ratio = (null - losses) / max(null - loss.best, np.finfo(float).tiny)
    return ElasticNetPath(penalties[: len(coef)], coef, intercept, ratio, problem.center, problem.scale)


def cross_validated_path(
    X: FloatArray, y: Target, folds: NDArray[np.intp], *, sample_weight: ArrayLike | None = None, **options: Any
) -> CrossValidatedPath:
    """Fit the path on all cases, and its deviance on cases left out; `folds` as `fold_ids` gives them.

    The deviance is, binomial, twice the log-loss, folds weighted by their size; Cox, full minus training partial
    likelihood of each fold's model, by events (``grouped=TRUE`` of cv.glmnet; doi:10.1002/sim.2353). The SE is that of
    the folds' weighted mean, with divisor (number of folds - 1). As cv.glmnet, a fold has its own default path, read at
    the penalties of the full one by interpolation; given `lambdas`, every fold is fitted at these. `options` are those
    of `elastic_net_path`.
    """
    weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    full = elastic_net_path(X, y, sample_weight=weight, **options)
    survival = is_survival_target(y)
    numbers = np.unique(folds[folds >= 0])
    losses, weights = [], []
    for k in numbers:
        out = folds == k
        part = elastic_net_path(X[~out], y[~out], sample_weight=weight[~out], **options).at(full.lambdas)
        if survival:
            loss, w = _cox_fold(part, X, y, weight, out)
        else:
            loss, w = binomial_deviance(part.linear_predictor(X[out]), y[out]), weight[out]
            if np.sum(folds >= 0) / numbers.size >= 3:
                loss, w = np.average(loss, axis=0, weights=w)[None], np.array([w.sum()])
        losses.append(loss)
        weights.append(w)
    return curve_of(full, np.vstack(losses), np.concatenate(weights))


def curve_of(path: ElasticNetPath, cv: FloatArray, w: FloatArray) -> CrossValidatedPath:
    """Return the path with the weighted mean of losses on cases left out (parts, n_lambdas), and its standard error."""
    mean = np.average(cv, axis=0, weights=w)
    se = (
        np.sqrt(np.average((cv - mean) ** 2, axis=0, weights=w) / (len(cv) - 1)) if len(cv) > 1 else np.zeros_like(mean)
    )
    best = int(np.argmin(mean))
    return CrossValidatedPath(path, mean, se, best, int(np.argmax(mean <= mean[best] + se[best])))


@dataclass(frozen=True, eq=False)
class Problem:
    """Standardised features by rows (the last is ones for an intercept), sorted by time for Cox, penalty factors.

    `n_cases` counts equal cases that were merged to one column as often as they were there.
    """

    loss: Loss
    Z: FloatArray
    factor: FloatArray
    center: FloatArray
    scale: FloatArray
    n_cases: int

    @cached_property
    def by_cases(self) -> FloatArray:
        """Products (n, n) of the cases with each other over the penalised features."""
        Z = self.Z[np.isfinite(self.factor) & (self.factor > 0)]
        return Z.T @ Z


def problem_of(
    X: FloatArray,
    y: Target,
    sample_weight: ArrayLike | None,
    penalty_factor: ArrayLike | None,
    *,
    n_cases: int | None = None,
) -> Problem:
    """Check the inputs of a penalised fit: weights sum to 1, the loss is that of the target, penalties are relative."""
    n, p = X.shape
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    weight = weight / weight.sum()
    loss: Loss
    if is_survival_target(y):
        target = check_survival_target(y)
        order = np.argsort(target["time"], kind="stable")
        X, weight = X[order], weight[order]
        if not target["event"].any():
            raise OutcomeError(f"No event among {n_cases or n} cases; required: one event or more.")
        loss = cox_loss(target["time"][order], target["event"][order].astype(float), weight)
    else:
        loss = Binomial(check_binary_target(y).astype(float), weight)
    check_magnitude(X, range(p))
    center = weight @ X
    centred = X - center
    scale = np.sqrt(weight @ centred**2)
    constant = scale <= CONSTANT * np.maximum(np.abs(center), np.finfo(float).tiny)
    scale = np.where(constant, 1.0, scale)
    factor = np.ones(p) if penalty_factor is None else np.asarray(penalty_factor, dtype=float)
    if factor.shape != (p,) or (factor < 0).any() or np.isnan(factor).any():
        raise ParameterError(f"penalty_factor has shape {factor.shape}; required: {p} values >= 0, one per feature.")
    finite = np.isfinite(factor)
    total = factor[finite].sum()
    factor = factor * (finite.sum() / total if total > 0 else 1.0)
    factor = np.where(constant, np.inf, factor)
    Z = np.where(constant, 0.0, centred / scale).T
    if isinstance(loss, Binomial):
        Z, factor = np.vstack([Z, np.ones(n)]), np.append(factor, 0.0)
    return Problem(loss, plain(Z), factor, center, scale, n_cases or n)


def _cheaper_by_cases(problem: Problem) -> bool:
    """Whether ridge is cheaper in the space of the cases: all features penalised alike, and enough of them."""
    allowed = problem.factor[np.isfinite(problem.factor) & (problem.factor > 0)]
    return 2 * allowed.size > problem.n_cases and _only_intercept_is_free(problem) and bool(np.ptp(allowed) < 1e-12)


def _only_intercept_is_free(problem: Problem) -> bool:
    """Whether the intercept, which Cox's model does not have, is the only coefficient without a penalty."""
    return int(np.sum(problem.factor == 0)) == isinstance(problem.loss, Binomial)


def _ridge_by_cases(problem: Problem, penalties: FloatArray, stop_early: bool) -> tuple[FloatArray, FloatArray, float]:
    """Fit ridge with a weight for each case; the coefficients are sums of the cases by these weights."""
    allowed = np.isfinite(problem.factor) & (problem.factor > 0)
    Z = problem.Z[allowed]
    path = ridge_path(problem.loss, problem.by_cases, penalties * problem.factor[allowed][0], stop_early=stop_early)
    gamma = np.zeros((len(path.losses), problem.Z.shape[0]))
    gamma[:, allowed] = path.cases @ Z.T
    if isinstance(problem.loss, Binomial):
        gamma[:, -1] = path.intercept
    return gamma, path.losses, path.null


def _check_lambdas(lambdas: ArrayLike) -> FloatArray:
    values = np.sort(np.atleast_1d(as_floats(lambdas, name="lambdas")))[::-1]
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or values[-1] < 0:
        raise ParameterError("lambdas holds no values, or negative or missing ones; required: penalties >= 0.")
    return plain(values)


def _default_lambdas(problem: Problem, l1_ratio: float, n_lambdas: int, ratio: float | None) -> FloatArray:
    p, n = problem.center.size, problem.Z.shape[1]
    ratio = (0.01 if problem.n_cases < p else 1e-4) if ratio is None else ratio
    free = problem.factor == 0
    # The gradient at the model of the unpenalised columns.
    if _only_intercept_is_free(problem):
        eta = np.full(n, problem.loss.intercept)
    else:
        rows, one = problem.Z[free], np.ones(1)
        alone, *_ = fit_path(problem.loss, rows, 1.0, np.zeros(len(rows)), one, stop_early=False, tolerance=TOLERANCE)
        eta = alone[0] @ rows
    score = problem.loss.at(eta).score
    penalised = np.isfinite(problem.factor) & ~free
    if not penalised.any():
        return np.ones(1)
    largest = np.max(np.abs(problem.Z[penalised] @ score) / problem.factor[penalised])
    largest = max(float(largest), 1e-9) / max(l1_ratio, MIN_L1_RATIO)
    return plain(largest * ratio ** (np.arange(n_lambdas) / max(n_lambdas - 1, 1)))


def binomial_deviance(eta: FloatArray, y: Target) -> FloatArray:
    """Deviance of each case at linear predictors (n, n_lambdas)."""
    p = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
    p = np.clip(p, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    positive = np.asarray(y, dtype=bool)[:, None]
    return -2 * np.log(np.where(positive, p, 1 - p))


def _cox_fold(
    path: ElasticNetPath, X: FloatArray, y: Target, weight: FloatArray, out: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Full minus training deviance for an event of the fold, and the fold's weight of events."""
    events = float(np.sum(weight[out] * y["event"][out]))
    if events == 0:
        return np.zeros((0, path.lambdas.size)), np.zeros(0)
    eta = path.linear_predictor(X)
    difference = breslow_deviance(eta, y, weight) - breslow_deviance(eta[~out], y[~out], weight[~out])
    return (difference / events)[None], np.array([events])


def breslow_deviance(eta: FloatArray, y: Target, weight: FloatArray) -> FloatArray:
    """Twice the distance of the log partial likelihood (Breslow) from the saturated one, for each column of eta."""
    order = np.argsort(y["time"], kind="stable")
    time, event = y["time"][order], y["event"][order]
    eta, weight = eta[order], weight[order]
    # Summed as logarithms: cases left out can lie hundreds of log hazards below those at risk before them.
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight)[:, None]
    log_risk = np.logaddexp.accumulate((log_weight + eta)[::-1], axis=0)[::-1]
    start = np.searchsorted(time, time, side="left")
    dead = np.bincount(start, weight * event, minlength=time.size)
    steps = np.flatnonzero(dead)
    likelihood = (weight * event) @ eta - dead[steps] @ log_risk[steps]
    saturated = -np.sum(dead[steps] * np.log(dead[steps]))
    return 2 * (saturated - likelihood)
