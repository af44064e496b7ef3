"""The empirical Bayes estimates of ComBat, as pure functions of standardised features."""

from __future__ import annotations

import numpy as np

from radiokit.engine.inputs import FloatArray

TOLERANCE = 1e-12  # sva stops at 1e-4; a fixed point should not depend on where one stops
MAX_ITERATIONS = 10_000
CHUNK = 256  # features at a time, so that the non-parametric prior needs little memory


def shrink_mean_only(location: FloatArray, *, n: int) -> FloatArray:
    """Shrink the locations of a batch of n cases towards their mean, with unit scale (sva's mean.only takes n = 1)."""
    prior, tau2 = location.mean(), location.var(ddof=1)
    return (n * tau2 * location + prior) / (n * tau2 + 1)


def shrink_parametric(z: FloatArray, location: FloatArray, scale2: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Solve for the posterior location and variance with a normal and an inverse gamma prior.

    .. math:: \gamma^* = \frac{n\tau^2\hat\gamma + \delta^{2*}\bar\gamma}{n\tau^2 + \delta^{2*}}, \qquad
              \delta^{2*} = \frac{\theta + \tfrac12\sum_k (z_k - \gamma^*)^2}{n/2 + \lambda - 1}

    Parameters
    ----------
    z : ndarray of shape (n, p)
        Standardised features of one batch.
    location, scale2 : ndarray of shape (p,)
        Their means and variances in the batch.

    Returns
    -------
    gamma, delta2 : ndarray of shape (p,)
        Posterior location and variance.
    """
    n = z.shape[0]
    prior, tau2 = location.mean(), location.var(ddof=1)
    mean, variance = scale2.mean(), scale2.var(ddof=1)
    if variance == 0:  # the prior of the variance is a point: every feature has the same spread
        return (n * tau2 * location + mean * prior) / (n * tau2 + mean), scale2
    shape, rate = (2 * variance + mean**2) / variance, (mean * variance + mean**3) / variance
    total, squares = z.sum(axis=0), (z**2).sum(axis=0)
    gamma, delta2 = location, scale2
    for _ in range(MAX_ITERATIONS):
        new_gamma = (n * tau2 * location + delta2 * prior) / (n * tau2 + delta2)
        spread = squares - 2 * new_gamma * total + n * new_gamma**2
        new_delta2 = (rate + spread / 2) / (n / 2 + shape - 1)
        change = max(np.abs(new_gamma - gamma).max(), np.abs(new_delta2 / delta2 - 1).max())
        gamma, delta2 = new_gamma, new_delta2
        if change < TOLERANCE:
            break
    return gamma, delta2


def shrink_nonparametric(z: FloatArray, location: FloatArray, scale2: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Average the other features' estimates, each weighted by how well it explains this feature's data.

    .. math:: \gamma^*_g = \frac{\sum_{h \ne g} w_{gh}\hat\gamma_h}{\sum_{h \ne g} w_{gh}}, \qquad
              w_{gh} = \prod_k \mathcal N(z_{gk};\, \hat\gamma_h, \hat\delta^2_h)

    Parameters
    ----------
    z : ndarray of shape (n, p)
        Standardised features of one batch.
    location, scale2 : ndarray of shape (p,)
        Their means and variances in the batch.

    Returns
    -------
    gamma, delta2 : ndarray of shape (p,)
        Posterior location and variance.
    """
    n, p = z.shape
    total, squares = z.sum(axis=0), (z**2).sum(axis=0)
    gamma, delta2 = np.empty(p), np.empty(p)
    for start in range(0, p, CHUNK):
        rows = np.arange(start, min(start + CHUNK, p))
        spread = squares[rows, None] - 2 * np.outer(total[rows], location) + n * location**2
        log_weight = -0.5 * (n * np.log(2 * np.pi * scale2) + spread / scale2)
        log_weight[np.arange(rows.size), rows] = -np.inf
        # Relative weights: the products themselves underflow for a few dozen cases.
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        gamma[rows], delta2[rows] = weight @ location, weight @ scale2
    return gamma, delta2
