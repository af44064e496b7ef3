"""Ridge along falling penalties for more features than cases, with one number per case instead of one per feature.

At the optimum the coefficients are ``Z a`` with ``a = score / penalty`` (the representer theorem; Kimeldorf and Wahba
1971, doi:10.1016/0022-247X(71)90184-3), so that only the products of the cases with each other are needed:
``K = Z' Z``. A Newton step solves one system of the size of the cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg.lapack import dgesv, dposv  # without the checks of scipy.linalg, which cost more than a small system

from radiokit.engine._elastic_net_kernel import MAX_NEWTON, MIN_LAMBDAS, Binomial, Local, Loss
from radiokit.engine.inputs import FloatArray
from radiokit.utils import one_thread

ENOUGH = 1e-7  # squared length of a Newton step after which, that step taken, the error is below 1e-7


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Weight of each case (n_done, n), intercept (n_done,) and loss at each penalty, and the loss without features."""

    cases: FloatArray
    intercept: FloatArray
    losses: FloatArray
    null: float


@one_thread()
def ridge_path(loss: Loss, K: FloatArray, lambdas: FloatArray, *, stop_early: bool) -> RidgePath:
    """Fit the path at penalties above 0; `K` (n, n) holds the products of the cases, in the order of the loss."""
    a, b = np.zeros(len(K)), loss.intercept
    local = loss.at(np.full(len(K), b))
    null = local.value
    span = max(null - loss.best, np.finfo(float).tiny)
    cases, intercept, losses = np.zeros((lambdas.size, len(K))), np.zeros(lambdas.size), np.zeros(lambdas.size)
    for index, penalty in enumerate(lambdas):
        if index > 1 and lambdas[index - 2] > lambdas[index - 1]:
            a, b = _extrapolated(lambdas, cases, intercept, index)
        a, b, local = _fit(loss, K, a, b, float(penalty))
        cases[index], intercept[index], losses[index] = a, b, local.value
        done = index + 1
        if stop_early and done >= MIN_LAMBDAS and loss.complete((null - losses[:done]) / span):
            return RidgePath(cases[:done], intercept[:done], losses[:done], null)
    return RidgePath(cases, intercept, losses, null)


def _extrapolated(
    lambdas: FloatArray, cases: FloatArray, intercept: FloatArray, index: int
) -> tuple[FloatArray, float]:
    """Start from the line through the last two fits: scores (penalty times `a`) are nearly linear in log penalty."""
    far, near, wanted = np.log(lambdas[index - 2 : index + 1])
    share = (wanted - near) / (near - far)
    scores = lambdas[index - 2 : index, None] * cases[index - 2 : index]
    a = (scores[1] + share * (scores[1] - scores[0])) / lambdas[index]
    return a, float(intercept[index - 1] + share * (intercept[index - 1] - intercept[index - 2]))


def _fit(loss: Loss, K: FloatArray, a: FloatArray, b: float, penalty: float) -> tuple[FloatArray, float, Local]:
    """Newton steps with halving from (a, b) to the optimum at one penalty."""
    Ka = K @ a
    eta = Ka + b
    local = loss.at(eta)
    for _ in range(MAX_NEWTON):
        step_a, step_b = _newton(loss, K, local, eta, a, b, penalty)
        step_Ka = K @ step_a
        move = step_Ka + step_b
        length = float(move @ loss.times_curvature(move, local))
        before = local.value + 0.5 * penalty * float(a @ Ka)
        share = 1.0
        for _ in range(40):
            trial = loss.at(eta + share * move)
            # Squared length of the coefficients, which are Z a.
            new_a, new_Ka = a + share * step_a, Ka + share * step_Ka
            if trial.value + 0.5 * penalty * float(new_a @ new_Ka) <= before + 1e-14 * abs(before):
                break
            share /= 2
        a, b, Ka, local = new_a, b + share * step_b, new_Ka, trial
        eta = Ka + b
        if length < ENOUGH:
            break
    return a, b, local


def _newton(
    loss: Loss, K: FloatArray, local: Local, eta: FloatArray, a: FloatArray, b: float, penalty: float
) -> tuple[FloatArray, float]:
    """Step to the minimum of the second-order expansion of the loss, W being its curvature.

    It solves ``penalty * a + W (K a + b) = W eta + score``; with an intercept the `a` sum to 0.
    """
    if isinstance(loss, Binomial):
        # W is diagonal: its square root on both sides makes the system symmetric and well conditioned.
        root = np.sqrt(local.curvature)
        B = K * root * root[:, None]
        B.flat[:: len(B) + 1] += penalty
        right = np.array([root * eta + local.score / root, root]).T
        u, v = (root[:, None] * _solution(dposv(B.T, right, overwrite_a=1, overwrite_b=1))).T
        new_b = u.sum() / v.sum()
        return u - new_b * v - a, float(new_b - b)
    A = loss.times_curvature(K, local)
    A.flat[:: len(A) + 1] += penalty
    right = loss.times_curvature(eta, local) + local.score
    return _solution(dgesv(A, right, overwrite_a=1, overwrite_b=1)) - a, 0.0


def _solution(solved: tuple[Any, ...]) -> FloatArray:
    """Return the solution that LAPACK gives before its status."""
    *_, x, status = solved
    if status:
        raise np.linalg.LinAlgError("a system of the ridge path is singular")
    return x
