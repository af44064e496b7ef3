"""The numerical part of the elastic net: proximal Newton steps on a working set of features.

Rows of `Z` are features (standardised; the last row is ones where there is an intercept), so that a feature lies in one
piece of memory. For each penalty the features whose gradient exceeds it join the working set; on that set the smooth
part is replaced by its exact second-order expansion, whose penalised minimum is found by coordinate descent followed by
steps with the signs held. Friedman et al. 2010 (doi:10.18637/jss.v033.i01) and Simon et al. 2011
(doi:10.18637/jss.v039.i05) define objective and scale; feature-sign search is Lee et al. 2006 (NIPS 19, 801-808).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.utils import one_thread
from radiokit.utils.jit import compiled

MAX_NEWTON = 100
MAX_ROUNDS = 50
MIN_CURVATURE = 1e-12
MIN_LAMBDAS = 5


@dataclass(frozen=True, eq=False)
class Local:
    """Loss at a linear predictor: value, score (minus gradient by eta), curvature; for Cox risks and their sums."""

    value: float
    score: FloatArray
    curvature: FloatArray
    risk: FloatArray
    at_risk: FloatArray


@dataclass(frozen=True, eq=False)
class Binomial:
    """Logistic loss, a weighted mean over cases."""

    outcome: FloatArray
    weight: FloatArray
    best: float = 0.0

    @property
    def intercept(self) -> float:
        """Log-odds of the outcome: the model without features."""
        p = float(self.weight @ self.outcome)
        return float(np.log(p / (1.0 - p)))

    def at(self, eta: FloatArray) -> Local:
        """Evaluate."""
        tail = np.exp(-np.abs(eta))
        p = np.where(eta >= 0, 1.0, tail) / (1.0 + tail)
        value = self.weight @ (np.maximum(eta, 0.0) + np.log1p(tail) - self.outcome * eta)
        curvature = self.weight * np.maximum(p * (1.0 - p), MIN_CURVATURE)
        return Local(float(value), self.weight * (self.outcome - p), curvature, p, p)

    def gram(self, B: FloatArray, local: Local) -> FloatArray:
        """Second derivatives by the coefficients of the rows of B."""
        R = B * np.sqrt(local.curvature)
        return R @ R.T  # of one matrix with itself: half the work

    def times_curvature(self, V: FloatArray, local: Local) -> FloatArray:
        """Second derivatives by the linear predictor, times the columns of V (n, ...)."""
        return (local.curvature * V.T).T

    def complete(self, explained: FloatArray) -> bool:
        """Whether glmnet's default path ends here, by the shares of deviance explained so far."""
        return bool(explained[-1] > 0.999 or explained[-1] - explained[-2] < 1e-5)


@dataclass(frozen=True, eq=False)
class Cox:
    """Negative log partial likelihood with Breslow's ties.

    Rows are sorted by time, `steps` is the first row of each event time, `dead` the weight of the deaths there,
    `passed` the number of steps that a row has lived through.
    """

    outcome: FloatArray
    weight: FloatArray
    steps: NDArray[np.intp]
    dead: FloatArray
    passed: NDArray[np.intp]
    intercept: float = 0.0

    @property
    def best(self) -> float:
        """Loss of the saturated model."""
        return float(self.dead @ np.log(self.dead))

    def at(self, eta: FloatArray) -> Local:
        """Evaluate."""
        top = eta.max()
        # Held above 1e-261, so that no risk set of a nearly separated path is empty.
        risk = self.weight * np.exp(np.maximum(eta - top, -600.0))
        at_risk = np.cumsum(risk[::-1])[::-1][self.steps]
        value = self.dead @ np.log(at_risk) - (self.weight * self.outcome) @ (eta - top)
        hazard = np.append(0.0, np.cumsum(self.dead / at_risk))[self.passed]
        return Local(float(value), self.weight * self.outcome - risk * hazard, risk * hazard, risk, at_risk)

    def gram(self, B: FloatArray, local: Local) -> FloatArray:
        """Second derivatives by the coefficients of the rows of B."""
        mean = np.cumsum((B * local.risk)[:, ::-1], axis=1)[:, ::-1][:, self.steps]
        mean = mean * (np.sqrt(self.dead) / local.at_risk)
        R = B * np.sqrt(local.curvature)
        return R @ R.T - mean @ mean.T

    def times_curvature(self, V: FloatArray, local: Local) -> FloatArray:
        """Second derivatives by the linear predictor, times the columns of V (n, ...)."""
        # Mean of V over those at risk at each event time, then summed over the times that a case has lived through.
        mean = (np.cumsum((local.risk * V.T).T[::-1], axis=0)[::-1][self.steps].T / local.at_risk).T
        share = (mean.T * (self.dead / local.at_risk)).T
        lived = np.concatenate([np.zeros((1, *V.shape[1:])), np.cumsum(share, axis=0)])[self.passed]
        return (local.curvature * V.T - local.risk * lived.T).T

    def complete(self, explained: FloatArray) -> bool:
        """Whether glmnet's default path ends here: for Cox by the gain of four steps, relative to what is explained."""
        return bool(explained[-1] > 0.99 or explained[-1] - explained[-MIN_LAMBDAS] < 1e-3 * explained[-1])


Loss = Binomial | Cox


def cox_loss(time: FloatArray, outcome: FloatArray, weight: FloatArray) -> Cox:
    """Lay out the risk sets of rows sorted by time."""
    start = np.searchsorted(time, time, side="left")
    dead: FloatArray = np.bincount(start, weight * outcome, minlength=time.size).astype(float)
    steps = np.flatnonzero(dead)
    return Cox(outcome, weight, steps, dead[steps], np.searchsorted(time[steps], time, side="right"))


@compiled
def solve(A, b, size):  # type: ignore[no-untyped-def]
    """Solve a positive definite system in place by Cholesky; False where a pivot is not safely positive."""
    largest = 0.0
    for i in range(size):
        largest = max(largest, A[i, i])
    for j in range(size):
        for i in range(j, size):
            value = A[i, j]
            for m in range(j):
                value -= A[i, m] * A[j, m]
            if i == j:
                if value <= 1e-13 * largest:
                    return False
                A[j, j] = np.sqrt(value)
            else:
                A[i, j] = value / A[j, j]
    for i in range(size):
        value = b[i]
        for m in range(i):
            value -= A[i, m] * b[m]
        b[i] = value / A[i, i]
    for i in range(size - 1, -1, -1):
        value = b[i]
        for m in range(i + 1, size):
            value -= A[m, i] * b[m]
        b[i] = value / A[i, i]
    return True


@compiled
def change(G, gradient, beta, a, move):  # type: ignore[no-untyped-def]
    """Move coefficient a, and the gradient with it."""
    beta[a] += move
    for b in range(beta.size):
        gradient[b] -= move * G[a, b]


@compiled
def sweep(G, gradient, beta, l1, l2):  # type: ignore[no-untyped-def]
    """Minimise over one coefficient after the other; return the largest gain."""
    worst = 0.0
    for a in range(beta.size):
        h = G[a, a]
        if h + l2[a] <= 0.0:
            continue
        pull = gradient[a] + h * beta[a]
        move = np.sign(pull) * max(abs(pull) - l1[a], 0.0) / (h + l2[a]) - beta[a]
        if move != 0.0:
            stays = beta[a] + move != 0.0
            change(G, gradient, beta, a, move)
            if not stays:
                beta[a] = 0.0
            worst = max(worst, h * move * move)
    return worst


@compiled
def newton_direction(G, gradient, beta, l1, l2, active, size, A, step):  # type: ignore[no-untyped-def]
    """Solve for the step of the active coefficients with their signs held; return the expected decrease, or -1."""
    largest = 0.0
    for i in range(size):
        largest = max(largest, G[active[i], active[i]])
    ridge = 0.0
    for _ in range(5):
        for i in range(size):
            a = active[i]
            for j in range(size):
                A[i, j] = G[a, active[j]]
            A[i, i] += l2[a] + ridge
            step[i] = gradient[a] - l2[a] * beta[a] - l1[a] * np.sign(beta[a])
        if solve(A, step, size):
            decrease = 0.0
            for i in range(size):
                a = active[i]
                decrease += step[i] * (gradient[a] - l2[a] * beta[a] - l1[a] * np.sign(beta[a]))
            return decrease
        # Copies of a feature make the system singular: any split between them will do.
        ridge = max(100.0 * ridge, 1e-11 * largest)
    return -1.0


@compiled
def minimise(G, c, beta, l1, l2, tolerance):  # type: ignore[no-untyped-def]
    """Minimise b'Gb/2 - c'b + sum(l1 |b| + l2 b^2 / 2) over b, in place.

    A few sweeps of coordinate descent find the signs; then Newton steps with these held, each cut where a coefficient
    meets zero (it leaves), until none does; then the worst violation among the zeros joins.
    """
    k = beta.size
    gradient = c - np.dot(G, beta)
    A, step, active = np.empty((k, k)), np.empty(k), np.empty(k, np.int64)
    for turn in range(20 * k + 100):
        for _ in range(3 if turn % 20 == 0 else 0):
            if sweep(G, gradient, beta, l1, l2) < tolerance:
                return
        size = 0
        for a in range(k):
            if beta[a] != 0.0 or l1[a] == 0.0:
                active[size] = a
                size += 1
        decrease = newton_direction(G, gradient, beta, l1, l2, active, size, A, step)
        if decrease < 0.0:
            return
        share, gone = 1.0, -1
        for i in range(size):
            a = active[i]
            if l1[a] > 0.0 and (beta[a] + step[i]) * beta[a] < 0.0 and -beta[a] / step[i] < share:
                share, gone = -beta[a] / step[i], a
        for i in range(size):
            change(G, gradient, beta, active[i], share * step[i])
        if gone >= 0:
            beta[gone] = 0.0
        if gone >= 0 or decrease > tolerance:
            continue
        joins, excess = -1, 1e-9
        for a in range(k):
            if beta[a] == 0.0 and l1[a] > 0.0 and G[a, a] > 0.0 and abs(gradient[a]) / l1[a] - 1.0 > excess:
                joins, excess = a, abs(gradient[a]) / l1[a] - 1.0
        if joins < 0:
            return
        pull = gradient[joins]
        change(G, gradient, beta, joins, np.sign(pull) * (abs(pull) - l1[joins]) / (G[joins, joins] + l2[joins]))


def fit_rows(
    loss: Loss, B: FloatArray, beta: FloatArray, l1: FloatArray, l2: FloatArray, tolerance: float
) -> tuple[FloatArray, Local]:
    """Penalised Newton steps with halving on the rows of B."""
    local = loss.at(beta @ B)
    for _ in range(MAX_NEWTON):
        G = loss.gram(B, local)
        target = beta.copy()
        if l1.any() or not l2.any():
            minimise(G, B @ local.score + G @ beta, target, l1, l2, 0.01 * tolerance)
        else:
            target[:] = np.linalg.solve(G + np.diag(l2), B @ local.score + G @ beta)
        step = target - beta
        if step @ G @ step < tolerance:
            break
        before = local.value + penalty(beta, l1, l2)
        for _ in range(40):
            trial = beta + step
            local = loss.at(trial @ B)
            if local.value + penalty(trial, l1, l2) <= before + 1e-14 * abs(before):
                break
            step = step / 2
        beta = trial
    return beta, local


def penalty(beta: FloatArray, l1: FloatArray, l2: FloatArray) -> float:
    """Evaluate the penalty."""
    return float(l1 @ np.abs(beta) + 0.5 * l2 @ beta**2)


@one_thread()
def fit_path(
    loss: Loss,
    Z: FloatArray,
    l1_ratio: float,
    factor: FloatArray,
    lambdas: FloatArray,
    *,
    stop_early: bool,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, float]:
    """Coefficients (n_done, n_rows) and loss at each penalty, and the loss of the unpenalised rows alone.

    `factor` is 0 for rows without a penalty and infinite for rows that stay out. With `stop_early` the path ends where
    glmnet's does: once another penalty gains too little, or nearly all of the null deviance is explained.
    """
    beta = np.zeros(len(Z))
    free, allowed = factor == 0.0, np.isfinite(factor)
    finite = np.where(allowed, factor, 0.0)
    zero = np.zeros(int(free.sum()))
    beta[free], local = fit_rows(loss, Z[free], zero, zero, zero, tolerance)
    null = local.value
    span = max(null - loss.best, np.finfo(float).tiny)
    path, losses = np.zeros((lambdas.size, len(Z))), np.zeros(lambdas.size)
    for index, lam in enumerate(lambdas):
        first, second = lam * l1_ratio * finite, lam * (1.0 - l1_ratio) * finite
        working = free | (beta != 0)
        for turn in range(MAX_ROUNDS):
            joins = allowed & ~working & (np.abs(Z @ local.score) > first * (1 + 1e-9))
            if turn and not joins.any():
                break
            working |= joins
            beta[working], local = fit_rows(loss, Z[working], beta[working], first[working], second[working], tolerance)
        path[index], losses[index] = beta, local.value
        if stop_early and index >= MIN_LAMBDAS - 1 and loss.complete((null - losses[: index + 1]) / span):
            return path[: index + 1], losses[: index + 1], null
    return path, losses, null


def plain(values: FloatArray) -> FloatArray:
    """Contiguous floats, as the compiled function wants them."""
    return np.ascontiguousarray(values, dtype=np.float64)
