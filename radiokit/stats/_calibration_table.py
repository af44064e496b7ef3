"""Predicted and observed risk side by side: by groups, and as a smooth curve with a band."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from radiokit.engine.inputs import (
    FloatArray,
    check_choice,
    check_count,
    check_probability,
    normal_quantile,
    outcome_and_probability,
    quantile_groups,
    type7_quantiles,
)
from radiokit.engine.loess import fit_loess
from radiokit.engine.lowess import lowess
from radiokit.engine.recalibrate import newton
from radiokit.engine.spline import spline_basis
from radiokit.exceptions import InputError
from radiokit.stats._proportions import proportion_ci


def calibration_table(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 10,
    strategy: str = "quantile",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Mean predicted and observed risk in groups of predicted risk.

    Parameters
    ----------
    {y_true_any} {probability}
    bins : int
        Number of groups.
    strategy : {"quantile", "uniform"}
        Groups of about equal size (quantiles of type 7, duplicates merged), as most papers show, or of equal width over
        [0, 1], to look at high risks that few cases have.
    confidence_level : float
        Level of the Wilson interval of the observed risk.

    Returns
    -------
    DataFrame
        One row per group that holds cases: ``low, high, n, n_events, predicted, observed, ci_low, ci_high``; a group is
        the interval (low, high], the first one with its lower limit.

    Raises
    ------
    {outcome_values}
    InputError
        If probabilities are missing or outside [0, 1], or `bins` or `strategy` is not valid.

    Notes
    -----
    As ``cut(p, quantile(p, 0:10/10), include.lowest=TRUE)`` in R; Wilson limits: doi:10.1080/01621459.1927.10502953.
    *How to read it.* Predicted should lie within the interval of observed in most rows. With few cases per group the
    intervals are wide and the picture depends on `bins`: look at `calibration_curve` too.

    Examples
    --------
    >>> table = calibration_table([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.7, 0.9], bins=2)
    >>> table[["n", "predicted", "observed"]].round(4).values.tolist()
    [[3.0, 0.2, 0.3333], [3.0, 0.7, 0.6667]]
    """
    check_choice(strategy, ("quantile", "uniform"), name="strategy")
    check_count(bins, 1, name="bins")
    event, p = outcome_and_probability(y_true, probability, both_classes=False)
    if strategy == "quantile":
        edges, group = quantile_groups(p, bins)
    else:
        edges = np.arange(bins + 1) / bins
        group = np.searchsorted(edges[1:-1], p, side="left")
    n, events, total = (np.bincount(group, weights, edges.size - 1) for weights in (None, event, p))
    low, high = proportion_ci(events, n, confidence_level=confidence_level)
    with np.errstate(invalid="ignore"):
        table = pd.DataFrame(
            {
                "low": edges[:-1],
                "high": edges[1:],
                "n": n,
                "n_events": events.astype(int),
                "predicted": total / n,
                "observed": events / n,
                "ci_low": low,
                "ci_high": high,
            }
        )
    return table[table["n"] > 0].reset_index(drop=True)


def calibration_curve(
    y_true: ArrayLike,
    probability: ArrayLike,
    *,
    method: str = "loess",
    grid: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Smooth calibration curve with a pointwise band.

    Parameters
    ----------
    {y_true} {probability}
    method : {"loess", "lowess", "spline"}
        R's ``loess`` (span 0.75, local quadratics), for most cohorts; R's ``lowess`` (local lines; no band), to draw
        what rms ``val.prob`` draws; or logistic regression on a restricted cubic spline of the logit with five knots
        (fewer where probabilities repeat), which is smoother in small cohorts.
    grid : array-like, optional
        Where to evaluate, within the range of the probabilities; default 200 points over it.
    {confidence_level}

    Returns
    -------
    DataFrame
        ``predicted, observed, ci_low, ci_high``, limited to [0, 1].

    Raises
    ------
    {one_class}
    InputError
        If probabilities are missing or outside [0, 1], have too few distinct values for a curve, or the grid leaves
        their range.

    Notes
    -----
    The loess curve is :math:`\hat f(x) = \sum_i l_i(x) y_i` and its band
    :math:`\hat f \pm z \sqrt{\sum_i l_i(x)^2 \hat f(p_i)(1-\hat f(p_i))}`, the binomial variance of the outcomes
    carried through (R's ``predict(se=TRUE)`` assumes one Gaussian variance). The spline's band is Wald on the logit
    scale. Sources: doi:10.1002/sim.5941 (loess and its interpolation), doi:10.1002/sim.8281.

    *How to read it.* Below the diagonal risks are overestimated, above it underestimated. The band is for each point,
    not for the whole curve; at the ends, where cases are few, it says how little is known.

    Examples
    --------
    >>> y = [0, 0, 1, 0, 1, 1, 0, 1, 1, 0]
    >>> p = [0.1, 0.3, 0.35, 0.4, 0.6, 0.7, 0.72, 0.9, 0.8, 0.2]
    >>> calibration_curve(y, p, grid=[0.5]).columns.tolist()
    ['predicted', 'observed', 'ci_low', 'ci_high']
    """
    check_choice(method, tuple(_METHODS), name="method")
    event, p = outcome_and_probability(y_true, probability)
    if np.unique(p).size < 4:
        raise InputError(
            f"The probabilities have {np.unique(p).size} distinct values; required: 4 or more for a curve."
        )
    at = np.linspace(p.min(), p.max(), 200) if grid is None else check_probability(grid, None, name="grid")
    if at.min() < p.min() or at.max() > p.max():
        raise InputError(f"grid leaves the range of the probabilities, {p.min():g} to {p.max():g}.")
    z = normal_quantile(confidence_level)
    curve, low, high = _METHODS[method](event, p, at, z)
    columns = [np.clip(values, 0, 1) for values in (curve, low, high)]
    return pd.DataFrame(dict(zip(("predicted", "observed", "ci_low", "ci_high"), [at, *columns], strict=True)))


def _loess_curve(
    event: NDArray[np.bool_], p: FloatArray, at: FloatArray, z: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    fit = fit_loess(p, event.astype(float))
    risk = np.clip(fit(p), 0, 1)
    curve, margin = fit(at), z * np.sqrt(np.maximum(fit.variance(at, risk * (1 - risk)), 0))
    return curve, curve - margin, curve + margin


def _lowess_curve(
    event: NDArray[np.bool_], p: FloatArray, at: FloatArray, z: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    order = np.argsort(p, kind="stable")
    curve = np.interp(at, p[order], lowess(p, event.astype(float))[order])
    nothing = np.full(at.size, np.nan)
    return curve, nothing, nothing


def _spline_curve(
    event: NDArray[np.bool_], p: FloatArray, at: FloatArray, z: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    inner = p[(p > 0) & (p < 1)]
    floor = min(1e-6, inner.min() / 2, (1 - inner.max()) / 2) if inner.size else 1e-6
    x, x_at = logit(np.clip(p, floor, 1 - floor)), logit(np.clip(at, floor, 1 - floor))
    knots = np.unique(type7_quantiles(x, [0.05, 0.275, 0.5, 0.725, 0.95]))
    # With one or two distinct knots the curve is a line.
    columns, columns_at = (spline_basis(v, knots) if knots.size > 2 else v for v in (x, x_at))
    design, design_at = (np.column_stack([np.ones(len(v)), v]) for v in (columns, columns_at))
    beta, covariance = newton(event, design, np.zeros(x.size), np.zeros(design.shape[1]))
    eta = design_at @ beta
    margin = z * np.sqrt(np.einsum("ij,jk,ik->i", design_at, covariance, design_at))
    return expit(eta), expit(eta - margin), expit(eta + margin)


_METHODS = {"loess": _loess_curve, "lowess": _lowess_curve, "spline": _spline_curve}
