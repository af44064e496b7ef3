"""The penalty of ridge logistic regression by cases left out one at a time, without fitting again.

Near the optimum the model is a weighted least-squares fit of ``z = eta + score / w`` with weights ``w``, of which
leaving out is known in closed form. With ``h`` the quadratic form of a case in the inverse of the penalised second
derivatives, the linear predictor of the cases of a group g, fitted without it, is

    eta - h * S / (1 - h * W),    S = sum of the scores over g, W = sum of the weights over g

for a group of equal rows (a resample repeats patients), and for one case where g holds nothing else: approximate
leave-one-out (Pregibon 1981, doi:10.1214/aos/1176345513; Rad and Maleki 2020, doi:10.1111/rssb.12374).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri

from radiokit.engine._distinct_cases import distinct_cases
from radiokit.engine._elastic_net_kernel import Binomial, Local
from radiokit.engine.elastic_net import CrossValidatedPath, Problem, binomial_deviance, curve_of, path_of, problem_of
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import OutcomeError, ParameterError
from radiokit.utils import one_thread


def ridge_left_out(
    X: FloatArray, y: NDArray[Any], *, lambdas: ArrayLike | None = None, n_lambdas: int = 100
) -> CrossValidatedPath:
    """Fit a ridge path, and its approximate deviance on cases left out one at a time.

    X of shape (n, p) is finite; equal rows are left out together. The curve is twice the log-loss, its standard error
    that of a mean over groups of equal rows.
    """
    cases = distinct_cases(X, y)
    problem = problem_of(cases.X, cases.y, cases.weight, None, n_cases=cases.n_cases)
    if not isinstance(problem.loss, Binomial):
        raise OutcomeError("leave-one-out needs a binary outcome; required for survival: folds.")
    path = path_of(problem, 0.0, lambdas, n_lambdas)
    if path.lambdas[-1] <= 0:
        raise ParameterError("lambdas holds 0; required for leave-one-out: penalties above 0.")
    with one_thread():
        eta = np.column_stack(
            [
                _left_out(problem, eta, float(penalty), cases.row)
                for eta, penalty in zip(path.linear_predictor(cases.X).T, path.lambdas, strict=True)
            ]
        )
    size = np.bincount(cases.row, cases.weight).astype(float)
    deviance = cases.weight[:, None] * binomial_deviance(eta, cases.y)
    means = np.array([np.bincount(cases.row, loss) for loss in deviance.T]).T / size[:, None]
    return curve_of(path, means, size)


def _left_out(problem: Problem, eta: FloatArray, penalty: float, group: NDArray[np.intp]) -> FloatArray:
    """Linear predictor of each case by the model without its group."""
    local = problem.loss.at(eta)
    n, p = eta.size, len(problem.Z) - 1
    form = _form_by_cases if 2 * p > n else _form_by_features
    h = form(problem, local, penalty)
    score, weight = (np.bincount(group, part)[group] for part in (local.score, local.curvature))
    return eta - h * score / np.maximum(1.0 - h * weight, 1e-12)


def _form_by_cases(problem: Problem, local: Local, penalty: float) -> FloatArray:
    """Quadratic form of each case, from the system of the size of the cases.

    With B = penalty + w^(1/2) K w^(1/2) and P = w^(1/2) B^-1 w^(1/2), an intercept that is free leaves
    Q = P - P 1 1' P / (1' P 1), and 1 - h w = penalty * Q / w on the diagonal.
    """
    w = local.curvature
    root = np.sqrt(w)
    B = problem.by_cases * root * root[:, None]
    B.flat[:: len(B) + 1] += penalty
    upper, _ = dpotrf(B.T, overwrite_a=1)
    row = root * dpotrs(upper, root)[0]
    inverse, _ = dtrtri(upper)
    diagonal = w * np.einsum("ij,ij->i", inverse, inverse)
    return (1.0 - penalty * (diagonal - row**2 / row.sum()) / w) / w


def _form_by_features(problem: Problem, local: Local, penalty: float) -> FloatArray:
    """Quadratic form of each case, from the second derivatives by the coefficients."""
    Z = problem.Z[np.isfinite(problem.factor)]
    A = (Z * local.curvature) @ Z.T
    A.flat[:: len(A) + 1] += penalty * problem.factor[np.isfinite(problem.factor)]
    return np.einsum("ij,ij->j", Z, np.linalg.solve(A, Z))
