"""Logistic regression by maximum likelihood and by Firth's penalised likelihood: the computation under every model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, linprog
from scipy.special import xlogy
from scipy.stats import chi2

from radiokit.engine.cox import independent_columns, quadratic_form
from radiokit.engine.elastic_net import elastic_net_path
from radiokit.engine.inputs import FloatArray
from radiokit.engine.newton import inverse, maximise
from radiokit.exceptions import InputError

FIRTH_ITERATIONS = 500
SCORE_TOLERANCE = 1e-11
# Log-odds beyond which separation is looked for; without it they are rare on standardised data.
SUSPICIOUS = 12.0


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """A fitted logistic model; the intercept comes first in `coef` and `covariance`.

    Coefficients of columns that are constant or linear in those before them are NaN (aliased), as R's NA. For Firth the
    likelihoods are the penalised ones. `separated` tells that the maximum lies at infinity; `score_statistic` is Rao's,
    of all coefficients at 0.
    """

    coef: FloatArray
    covariance: FloatArray
    log_likelihood: float
    log_likelihood_null: float
    separated: bool
    score_statistic: float = np.nan

    @property
    def used(self) -> NDArray[np.bool_]:
        """Coefficients that are not aliased."""
        return np.isfinite(self.coef)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Standardised columns that are not aliased, with ones in front, and the way back to the original scale."""

    Z: FloatArray
    used: NDArray[np.bool_]
    back: FloatArray

    def coef(self, gamma: FloatArray) -> FloatArray:
        result = np.full(self.used.size, np.nan)
        result[self.used] = self.back @ gamma
        return result

    def covariance(self, information: FloatArray) -> FloatArray:
        result = np.full((self.used.size, self.used.size), np.nan)
        result[np.ix_(self.used, self.used)] = self.back @ inverse(information) @ self.back.T
        return result


def _standardise(X: FloatArray) -> _Scaled:
    n, p = X.shape
    centre = X.mean(axis=0) if p else np.zeros(0)
    centred = X - centre
    scale = np.sqrt(np.mean(centred**2, axis=0)) if p else np.zeros(0)
    # What is left of a constant column after centring is rounding.
    scale[scale <= 1e-12 * np.abs(centre)] = 0.0
    Z = centred / np.where(scale > 0, scale, 1.0)
    used = independent_columns(Z.T @ Z, float(n)) & (scale > 0)
    # With as many columns as cases nothing is left for the intercept.
    used[np.flatnonzero(used)[max(n - 1, 0) :]] = False
    back = np.diag(np.append(1.0, 1 / scale[used]))
    back[0, 1:] = -centre[used] / scale[used]
    return _Scaled(np.column_stack([np.ones(n), Z[:, used]]), np.append(True, used), back)


def fit_logistic(X: FloatArray, y: NDArray[np.bool_], weight: FloatArray | None = None) -> LogisticFit:
    """Maximise the likelihood by Newton's method with step halving; X of shape (n, p) has no column of ones."""
    scaled = _standardise(X)
    Z, outcome = scaled.Z, y.astype(float)
    weight = np.ones(y.size) if weight is None else weight
    start = np.zeros(Z.shape[1])
    start[0] = np.log((weight @ outcome) / (weight @ (1 - outcome)))

    def evaluate(gamma: FloatArray) -> _Likelihood:
        eta = Z @ gamma
        p = expit(eta)
        score, information = Z.T @ (weight * (outcome - p)), (Z.T * (weight * p * (1 - p))) @ Z
        return _Likelihood(log_likelihood(eta, outcome, weight), score, information)

    null = evaluate(start)
    gamma, best, _ = maximise(evaluate, start)
    separated = bool(np.abs(Z @ gamma).max() > SUSPICIOUS and is_separated(Z, y))
    rao = quadratic_form(null.score, null.information)
    return LogisticFit(scaled.coef(gamma), scaled.covariance(best.information), best.value, null.value, separated, rao)


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """Log-likelihood with its gradient and its information matrix."""

    value: float
    score: FloatArray
    information: FloatArray


def expit(eta: FloatArray) -> FloatArray:
    """Probability of a log-odds, without overflow."""
    tail = np.exp(-np.abs(eta))
    return np.where(eta >= 0, 1.0, tail) / (1.0 + tail)


def log_likelihood(eta: FloatArray, outcome: FloatArray, weight: FloatArray) -> float:
    """Log-likelihood of outcomes 0 and 1 (or shares between), weighted by case."""
    return float(np.sum(weight * (outcome * eta - np.maximum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta))))))


def is_separated(Z: FloatArray, y: NDArray[np.bool_]) -> bool:
    """Tell by a linear program whether a direction separates the classes, completely or but for ties on its border.

    Albert and Anderson 1984 (doi:10.1093/biomet/71.1.1); the program is Konis' (2007).
    """
    signed = np.where(y, 1.0, -1.0)[:, None] * Z
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs")
    return bool(found.status == 0 and -found.fun > 1e-6)


def fit_firth(X: FloatArray, y: NDArray[np.bool_], weight: FloatArray | None = None) -> LogisticFit:
    r"""Maximise Firth's penalised likelihood :math:`\ell + \frac12 \log|I|` (doi:10.1093/biomet/80.1.27).

    The covariance is the inverse Fisher information at the estimate.
    """
    scaled, cases = _standardise(X), _Cases.of(y, weight)
    every = np.eye(scaled.Z.shape[1])
    gamma, value, information = _firth(scaled.Z, cases, np.zeros(len(every)), every)
    null = _firth(scaled.Z, cases, np.zeros(len(every)), every[:, :1])[1]
    return LogisticFit(scaled.coef(gamma), scaled.covariance(information), value, null, False)


@dataclass(frozen=True, eq=False)
class _Cases:
    """Outcomes 0 and 1 with the weights of the cases."""

    outcome: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, y: NDArray[np.bool_], weight: FloatArray | None) -> _Cases:
        return cls(y.astype(float), np.ones(y.size) if weight is None else weight)


@dataclass(frozen=True, eq=False)
class FirthProfile:
    """Penalised likelihood-ratio statistic (chi-squared, 1 df), its p-value, and profile limits of each coefficient."""

    statistic: FloatArray
    p_value: FloatArray
    low: FloatArray
    high: FloatArray


def profile_firth(
    X: FloatArray, y: NDArray[np.bool_], confidence_level: float, weight: FloatArray | None = None
) -> FirthProfile:
    """Test each coefficient, and bound it where the profile of the penalised likelihood falls by half a quantile.

    As logistf; Heinze and Schemper 2002 (doi:10.1002/sim.1047). The determinant is that of the full model throughout.
    A coefficient of the original columns is a linear combination of those of the standardised ones, and its profile is
    the maximum over all that give the combination one value: so the location and scale of a column play no part.
    """
    scaled, cases = _standardise(X), _Cases.of(y, weight)
    every = np.eye(scaled.Z.shape[1])
    gamma, value, information = _firth(scaled.Z, cases, np.zeros(len(every)), every)
    covariance = inverse(information)
    drop = chi2.ppf(confidence_level, 1) / 2
    result = np.full((4, scaled.used.size), np.nan)
    for place, weights in zip(np.flatnonzero(scaled.used), scaled.back, strict=True):
        profile = _Profile.of(scaled.Z, cases, gamma, covariance, weights)
        statistic = max(2 * (value - profile.at(-profile.best / profile.se)), 0.0)
        low, high = (profile.best + profile.se * profile.limit(value - drop, side) for side in (-1.0, 1.0))
        result[:, place] = statistic, chi2.sf(statistic, 1), low, high
    return FirthProfile(*result)


@dataclass(frozen=True, eq=False)
class _Profile:
    """Penalised log-likelihood where a linear combination of the coefficients lies t standard errors from its best."""

    Z: FloatArray
    cases: _Cases
    gamma: FloatArray
    along: FloatArray
    across: FloatArray
    best: float
    se: float

    @classmethod
    def of(
        cls, Z: FloatArray, cases: _Cases, gamma: FloatArray, covariance: FloatArray, weights: FloatArray
    ) -> _Profile:
        # Along the direction in which the likelihood falls least; free across it, where the combination is level.
        se = float(np.sqrt(weights @ covariance @ weights))
        along, across = covariance @ weights / se, np.linalg.svd(weights[None, :])[2][1:].T
        return cls(Z, cases, gamma, along, across, float(weights @ gamma), se)

    def at(self, t: float) -> float:
        """Maximum at t standard errors from the estimate."""
        return _firth(self.Z, self.cases, self.gamma + t * self.along, self.across)[1]

    def limit(self, wanted: float, side: float) -> float:
        """Where the profile has fallen to `wanted`, in standard errors on one side; infinite where it never does."""
        inside, outside = 0.0, 2 * side
        for _ in range(40):
            if self.at(outside) < wanted:
                return float(brentq(lambda t: self.at(t) - wanted, inside, outside, xtol=1e-11, rtol=1e-11))
            inside, outside = outside, 3 * outside
        return side * np.inf


def _firth(
    Z: FloatArray, cases: _Cases, gamma: FloatArray, directions: FloatArray
) -> tuple[FloatArray, float, FloatArray]:
    """Maximise from gamma on along the directions (columns), by Fisher scoring with the modified score.

    Steps are halved where they overshoot.
    """
    value, score, information = _penalised(Z, cases, gamma)
    for _ in range(FIRTH_ITERATIONS):
        slope = directions.T @ score
        if not slope.size or np.max(np.abs(slope)) < SCORE_TOLERANCE * len(Z):
            break
        step = directions @ (inverse(directions.T @ information @ directions) @ slope)
        step *= min(1.0, 5.0 / max(np.max(np.abs(step)), 1e-300))
        for _ in range(30):
            following = _penalised(Z, cases, gamma + step)
            if following[0] >= value - 1e-12 * (1 + abs(value)):
                break
            step = step / 2
        else:
            break
        gamma = gamma + step
        value, score, information = following
    return gamma, value, information


def _penalised(Z: FloatArray, cases: _Cases, gamma: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    eta = Z @ gamma
    p = expit(eta)
    curvature = cases.weight * p * (1 - p)
    information = (Z.T * curvature) @ Z
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0:
        return -np.inf, np.zeros_like(gamma), information
    leverage = curvature * np.einsum("ij,ij->i", Z @ inverse(information), Z)
    score = Z.T @ (cases.weight * (cases.outcome - p) + leverage * (0.5 - p))
    return log_likelihood(eta, cases.outcome, cases.weight) + 0.5 * float(log_determinant), score, information


def fit_ridge(X: FloatArray, y: NDArray[np.bool_], penalty: float, weight: FloatArray | None = None) -> LogisticFit:
    """Maximise the likelihood minus ``n * penalty / 2 * sum((sd_j b_j)^2)``, glmnet's ridge; there is no covariance.

    With weights n is their sum.
    """
    if not isinstance(penalty, Real) or not 0 < penalty < math.inf:
        raise InputError(f"penalty is {penalty!r}; required: a number above 0, or None for maximum likelihood.")
    cases = _Cases.of(y, weight)
    path = elastic_net_path(X, y, l1_ratio=0.0, lambdas=[penalty], sample_weight=weight)
    coef = np.append(path.intercept[0], path.coef[0])
    share = float(np.average(cases.outcome, weights=cases.weight))
    null = float(cases.weight.sum()) * float(xlogy(share, share) + xlogy(1 - share, 1 - share))
    value = log_likelihood(coef[0] + X @ coef[1:], cases.outcome, cases.weight)
    return LogisticFit(coef, np.full((coef.size, coef.size), np.nan), value, null, False)
