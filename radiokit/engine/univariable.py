"""One test per feature, for thousands of features at once: Welch, Student, Mann-Whitney and logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr
from scipy.stats import chi2, f, rankdata, shapiro

from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import expit

LEVEL = 0.05  # of Shapiro-Wilk's and Levene's tests in the rule that picks a test
MAX_ITERATIONS = 40
DIVERGENT = 30.0


@dataclass(frozen=True, eq=False)
class Tests:
    """Statistics and two-sided p-values, one per feature; NaN where a feature cannot be tested (constant)."""

    __test__ = False

    statistic: FloatArray
    p_value: FloatArray


def welch(X: FloatArray, y: NDArray[np.bool_]) -> Tests:
    """Welch's t test of positive against negative cases (doi:10.1093/biomet/34.1-2.28)."""
    (n1, m1, v1), (n0, m0, v0) = _moments(X[y]), _moments(X[~y])
    e1, e0 = v1 / n1, v0 / n0
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (m1 - m0) / np.sqrt(e1 + e0)
        df = (e1 + e0) ** 2 / (e1**2 / (n1 - 1) + e0**2 / (n0 - 1))
    return _t_test(t, df, X, y)


def student(X: FloatArray, y: NDArray[np.bool_]) -> Tests:
    """Student's t test with equal variances."""
    (n1, m1, v1), (n0, m0, v0) = _moments(X[y]), _moments(X[~y])
    pooled = ((n1 - 1) * v1 + (n0 - 1) * v0) / max(n1 + n0 - 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (m1 - m0) / np.sqrt(pooled * (1 / n1 + 1 / n0))
    return _t_test(t, np.full(t.shape, float(n1 + n0 - 2)), X, y)


def mann_whitney(X: FloatArray, y: NDArray[np.bool_]) -> Tests:
    """Mann and Whitney's U of the positive cases, normal with tie and continuity correction (R's ``exact = FALSE``)."""
    n1, n0 = int(y.sum()), int((~y).sum())
    n = n1 + n0
    u = rankdata(X, axis=0)[y].sum(axis=0) - n1 * (n1 + 1) / 2
    tied = rankdata(X, method="max", axis=0) - rankdata(X, method="min", axis=0) + 1
    spread = np.sqrt(n1 * n0 / 12 * ((n + 1) - np.sum(tied**2 - 1.0, axis=0) / (n * (n - 1))))
    z = u - n1 * n0 / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.minimum(1, 2 * ndtr(-np.abs((z - np.sign(z) * 0.5) / spread)))
    return Tests(u, np.where(spread > 0, p, np.nan))


def levene_mean(X: FloatArray, y: NDArray[np.bool_]) -> Tests:
    """Levene's test of equal variances by deviations from the means."""
    deviation = np.where(y[:, None], np.abs(X - X[y].mean(axis=0)), np.abs(X - X[~y].mean(axis=0)))
    t = student(deviation, y).statistic ** 2
    return Tests(t, f.sf(t, 1, len(y) - 2))


def by_normality(X: FloatArray, y: NDArray[np.bool_]) -> Tests:
    """Student or Welch (by Levene) where both groups pass Shapiro and Wilk's test at 0.05, else Mann and Whitney."""
    result = mann_whitney(X, y)
    statistic, p_value = result.statistic.copy(), result.p_value.copy()
    normal = np.array([_is_normal(x[y]) and _is_normal(x[~y]) for x in X.T], dtype=bool)
    equal = levene_mean(X, y).p_value > LEVEL
    for test, where in ((student, normal & equal), (welch, normal & ~equal)):
        tested = test(X[:, where], y)
        statistic[where], p_value[where] = tested.statistic, tested.p_value
    return Tests(statistic, p_value)


def _is_normal(x: FloatArray) -> bool:
    return bool(x.size >= 3 and np.ptp(x) > 0 and shapiro(x).pvalue > LEVEL)


@dataclass(frozen=True, eq=False)
class LogisticTests(Tests):
    """Wald tests of single-feature logistic models: coefficient of the feature, its SE, and the intercept."""

    coef: FloatArray
    se: FloatArray
    intercept: FloatArray
    separated: NDArray[np.bool_]


def logistic(X: FloatArray, y: NDArray[np.bool_]) -> LogisticTests:
    """Logistic regression on each feature alone, all by one Newton iteration.

    Where a feature separates the classes the Wald test is void: statistic and p-value are then those of the likelihood
    ratio (the root of the chi-squared statistic, signed).
    """
    centre, scale = X.mean(axis=0), X.std(axis=0)
    varies = scale > 1e-12 * np.abs(centre)
    scale = np.where(varies, scale, 1.0)
    Z = np.where(varies, (X - centre) / scale, 0.0)
    outcome = y.astype(float)[:, None]
    a, b = np.full(X.shape[1], np.log(y.mean() / (1 - y.mean()))), np.zeros(X.shape[1])
    active = varies.copy()
    for _ in range(MAX_ITERATIONS):
        if not active.any():
            break
        z = Z[:, active]
        (d_a, d_b), _, decrement = _newton_step(z, outcome, a[active], b[active])
        size = np.maximum(1.0, np.abs(d_b) / 4)
        a[active] += d_a / size
        b[active] += d_b / size
        running = (decrement > 1e-14) & (np.abs(b[active]) < DIVERGENT)
        active[np.flatnonzero(active)[~running]] = False
    _, variance, _ = _newton_step(Z, outcome, a, b)
    low, high = np.minimum, np.maximum
    separated = varies & (
        (high.reduce(X[y], axis=0) <= low.reduce(X[~y], axis=0))
        | (low.reduce(X[y], axis=0) >= high.reduce(X[~y], axis=0))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = b / np.sqrt(variance)
        p_value = 2 * ndtr(-np.abs(statistic))
    if separated.any():
        ratio = 2 * (
            _values(Z, outcome, a, b) - _values(Z, outcome, np.full_like(a, np.log(y.mean() / (1 - y.mean()))), 0 * b)
        )
        statistic = np.where(separated, np.sign(b) * np.sqrt(np.maximum(ratio, 0)), statistic)
        p_value = np.where(separated, chi2.sf(ratio, 1), p_value)
    nan = np.where(varies, 0.0, np.nan)
    coef, se = b / scale, np.sqrt(variance) / scale
    return LogisticTests(statistic + nan, p_value + nan, coef + nan, se + nan, a - coef * centre + nan, separated)


def _newton_step(
    Z: FloatArray, outcome: FloatArray, a: FloatArray, b: FloatArray
) -> tuple[tuple[FloatArray, FloatArray], FloatArray, FloatArray]:
    """Return the steps of intercept and slope, the variance of the slope, and Newton's decrement."""
    p = expit(a + Z * b)
    w, r = p * (1 - p), outcome - p
    s0, s1, s2 = w.sum(axis=0), (w * Z).sum(axis=0), (w * Z**2).sum(axis=0)
    u0, u1 = r.sum(axis=0), (r * Z).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = s0 * s2 - s1**2
        step_a, step_b = (s2 * u0 - s1 * u1) / determinant, (s0 * u1 - s1 * u0) / determinant
        variance = s0 / determinant
    return (step_a, step_b), variance, u0 * step_a + u1 * step_b


def _values(Z: FloatArray, outcome: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    eta = a + Z * b
    return np.sum(outcome * eta - np.maximum(eta, 0) - np.log1p(np.exp(-np.abs(eta))), axis=0)


def _moments(X: FloatArray) -> tuple[int, FloatArray, FloatArray]:
    n = len(X)
    mean = X.mean(axis=0)
    return n, mean, np.sum((X - mean) ** 2, axis=0) / (n - 1) if n > 1 else np.full(X.shape[1], np.nan)


def _t_test(t: FloatArray, df: FloatArray, X: FloatArray, y: NDArray[np.bool_]) -> Tests:
    """Student's law; where neither class varies there is no t, and the p-value is that of the permutation test."""
    constant = np.ptp(X, axis=0) == 0
    t = np.where(constant, np.nan, t)
    n1, n = int(y.sum()), y.size
    permuted = float(np.clip((1 + (2 * n1 == n)) / comb(n, n1), np.finfo(float).tiny, 1))
    with np.errstate(invalid="ignore"):
        p = 2 * stdtr(df, -np.abs(t))
    return Tests(t, np.where(constant, np.nan, np.where(np.isinf(t), permuted, p)))
