"""What a fitted Cox model leaves unexplained: score residuals, robust covariance, Schoenfeld's test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.cox import CoxFit, RiskSets, partial_likelihood
from radiokit.engine.inputs import FloatArray


def score_residuals(fit: CoxFit) -> FloatArray:
    """Contribution of each case to the score, shape (n, p) without the aliased covariates, in the order of the data."""
    sets, X = fit.sets, fit.X[:, fit.used]
    state = partial_likelihood(sets, X, X @ fit.coef[fit.used])
    lived = sets.lived(state.hazard)
    lived_mean = sets.lived(state.hazard[:, None] * state.mean)
    rows = -(state.risk / sets.weight)[:, None] * (X * lived[:, None] - lived_mean)
    # A tied death is compared with the mean over the steps of its block.
    steps = sets.by_block(np.ones(sets.step_block.size))
    rows[sets.event] += X[sets.event] - (sets.by_block(state.mean) / steps[:, None])[sets.block_of_death]
    residuals = np.empty_like(rows)
    residuals[sets.order] = rows
    return residuals


def robust_covariance(fit: CoxFit, cluster: NDArray[np.intp] | None = None) -> FloatArray:
    """Sandwich covariance of Lin and Wei 1989 (doi:10.1080/01621459.1989.10478874), summed within clusters."""
    weight = np.empty(fit.sets.weight.size)
    weight[fit.sets.order] = fit.sets.weight
    used = fit.used
    change = (weight[:, None] * score_residuals(fit)) @ fit.covariance[np.ix_(used, used)]
    if cluster is not None:
        together = np.zeros((int(cluster.max()) + 1, change.shape[1]))
        np.add.at(together, cluster, change)
        change = together
    covariance = np.full_like(fit.covariance, np.nan)
    covariance[np.ix_(used, used)] = change.T @ change
    return covariance


def schoenfeld_residuals(sets: RiskSets, X: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Covariates of each death minus the mean of its risk set, and the same scaled by the mean information.

    X and eta are in the order of `sets`, as are the deaths that are returned. For Efron's ties the mean is that over
    the steps of the block. Scaled residuals are those of Grambsch and Therneau 1994 (doi:10.1093/biomet/81.3.515)
    without the coefficient: ``d * residual / information`` with d events.
    """
    state = partial_likelihood(sets, X, eta)
    steps = sets.by_block(np.ones(sets.step_block.size))
    residuals = X[sets.event] - (sets.by_block(state.mean) / steps[:, None])[sets.block_of_death]
    return residuals, residuals @ np.linalg.inv(state.information) * len(residuals)


def time_interaction(sets: RiskSets, X: FloatArray, eta: FloatArray, g: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Score and information, at gamma = 0, of the covariates X and their products with g (a value for each block).

    X and eta are in the order of `sets`. With V_k the covariance of the covariates in the risk set of step k, the
    information is made of the sums of ``c_k V_k``, ``c_k g_k V_k`` and ``c_k g_k^2 V_k``.
    """
    state = partial_likelihood(sets, X, eta)
    g_step = g[sets.step_block]

    def spread(power: FloatArray) -> FloatArray:
        lived = state.risk * sets.lived(state.hazard * power)
        mean = state.mean * (sets.step_weight * power)[:, None]
        return (X * lived[:, None]).T @ X - mean.T @ state.mean

    dead = sets.event
    products = (sets.weight[dead] * g[sets.block_of_death]) @ X[dead] - (sets.step_weight * g_step) @ state.mean
    plain, once, twice = spread(np.ones_like(g_step)), spread(g_step), spread(g_step**2)
    return np.r_[np.zeros(X.shape[1]), products], np.block([[plain, once], [once, twice]])
