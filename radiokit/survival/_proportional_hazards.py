"""Whether hazards are proportional: the score test of cox.zph (survival 3 and later)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.stats import rankdata
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.censoring import survival_function
from radiokit.engine.cox import RiskSets, quadratic_form, risk_sets
from radiokit.engine.cox_residuals import schoenfeld_residuals as _residuals
from radiokit.engine.cox_residuals import time_interaction
from radiokit.engine.inputs import FloatArray, check_choice, check_weights
from radiokit.exceptions import InputError
from radiokit.survival._cox import CoxModel
from radiokit.survival._inputs import check_outcome
from radiokit.utils import same_rows
from radiokit.utils.estimators import Cases, Outcome

TRANSFORMS = ("km", "identity", "rank", "log")


def proportional_hazards_test(
    model: CoxModel, X: Cases, y: Outcome, *, transform: str = "km", sample_weight: ArrayLike | None = None
) -> pd.DataFrame:
    r"""Test of proportional hazards, for each term of the model and for all.

    Parameters
    ----------
    model : CoxModel
        A fitted model.
    X, y : table and survival outcome
        The data that it was fitted to.
    transform : {"km", "identity", "rank", "log"}
        How time enters the alternative: one minus Kaplan-Meier before t, t, its rank, or its logarithm.
    sample_weight : array-like of shape (n,), optional
        The weights that it was fitted with.

    Returns
    -------
    DataFrame
        Index ``feature``: one row for each term and a last row ``GLOBAL``: ``statistic`` (chi-square), ``df``,
        ``p_value``. A factor or spline of a model from a formula is one term with a degree of freedom for each
        coefficient; a model fitted to columns has one term for each column.

    Raises
    ------
    InputError
        If the model is not a fitted `CoxModel`, or ``transform="log"`` meets an event at time 0.

    Notes
    -----
    The alternative is :math:`\beta_j + \gamma_j\{g(t) - \bar g\}`, with the mean of g over the events; the statistic is
    the score test of :math:`\gamma = 0` at the fitted :math:`\beta`, exact in the information of all
    :math:`(\beta, \gamma)`. As ``cox.zph`` of R's survival from version 3 on; older versions and lifelines use an
    approximation by the correlation of scaled Schoenfeld residuals, with other numbers.

    *How to read it.* A small p-value means that the effect changes with time: the hazard ratio is an average over
    follow-up. Look at how it changes (a plot of scaled residuals), and consider strata or a split of the time. A
    large p-value in a small study proves nothing.

    Source: Grambsch and Therneau 1994, doi:10.1093/biomet/81.3.515.

    Examples
    --------
    >>> from radiokit.survival import CoxModel, as_target
    >>> X = pd.DataFrame({"age": [50.0, 61.0, 58.0, 70.0, 66.0, 47.0]})
    >>> y = as_target([1, 1, 0, 1, 1, 1], [9.0, 8.0, 7.0, 2.0, 6.0, 4.0])
    >>> proportional_hazards_test(CoxModel().fit(X, y), X, y).index.tolist()
    ['age', 'GLOBAL']
    """
    same_rows(X=X, y=y, sample_weight=sample_weight)
    check_choice(transform, TRANSFORMS, name="transform")
    sets, centred, coef, names = _laid_out(model, X, y, sample_weight)
    time, event = check_outcome(y, len(centred))
    times = np.unique(time)
    by_time = np.zeros(times.size)
    by_time[np.searchsorted(times, time)] = _transformed(time, event, transform)
    g = by_time[np.searchsorted(times, sets.block_time)]
    score, information = time_interaction(sets, centred, centred @ coef, g)
    p = len(names)
    terms = {**_terms(model), "GLOBAL": np.arange(p)}
    statistics = [_score_test(score, information, np.r_[0:p, p + columns]) for columns in terms.values()]
    df = np.array([columns.size for columns in terms.values()])
    return pd.DataFrame(
        {"statistic": statistics, "df": df, "p_value": stats.chi2.sf(statistics, df)},
        index=pd.Index(list(terms), name="feature"),
    )


def schoenfeld_residuals(
    model: CoxModel, X: Cases, y: Outcome, *, sample_weight: ArrayLike | None = None
) -> pd.DataFrame:
    r"""Schoenfeld residuals of a Cox model: how its coefficients change with time.

    Parameters
    ----------
    model : CoxModel
        A fitted model.
    X, y : table and survival outcome
        The data that it was fitted to.
    sample_weight : array-like of shape (n,), optional
        The weights that it was fitted with.

    Returns
    -------
    DataFrame
        One row for each event and coefficient, by stratum and time: ``feature, time, residual, scaled_residual``.

    Raises
    ------
    InputError
        If the model is not a fitted `CoxModel`.

    Notes
    -----
    ``residual`` is the covariate of the patient with the event minus its mean in the risk set. ``scaled_residual`` is
    the estimate of the coefficient around that time, :math:`\hat\beta + d\,\hat I^{-1} r`, with d events and the
    information I; the ``y`` of R's cox.zph.

    *How to read it.* Smooth ``scaled_residual`` over ``time``; a level curve at the coefficient is proportional
    hazards, a falling one is an effect that wears off. Single points are noise.

    Source: Grambsch and Therneau 1994, doi:10.1093/biomet/81.3.515.

    Examples
    --------
    >>> from radiokit.survival import CoxModel, as_target
    >>> X = pd.DataFrame({"age": [50.0, 61.0, 58.0, 70.0, 66.0, 47.0]})
    >>> y = as_target([1, 1, 0, 1, 1, 1], [9.0, 8.0, 7.0, 2.0, 6.0, 4.0])
    >>> len(schoenfeld_residuals(CoxModel().fit(X, y), X, y))
    5
    """
    same_rows(X=X, y=y, sample_weight=sample_weight)
    sets, centred, coef, names = _laid_out(model, X, y, sample_weight)
    residuals, scaled = _residuals(sets, centred, centred @ coef)
    return pd.DataFrame(
        {
            "feature": np.tile(np.array(names, dtype=object), len(residuals)),
            "time": np.repeat(sets.block_time[sets.block_of_death], len(names)),
            "residual": residuals.ravel(),
            "scaled_residual": (scaled + coef).ravel(),
        }
    )


def _laid_out(
    model: CoxModel, X: Cases, y: Outcome, sample_weight: ArrayLike | None
) -> tuple[RiskSets, FloatArray, FloatArray, list[str]]:
    """Risk sets, centred covariates in their order, and the coefficients that could be estimated with their names."""
    if not isinstance(model, CoxModel):
        raise InputError(f"model is {type(model).__name__}; required: a fitted CoxModel.")
    check_is_fitted(model)
    matrix, codes = model.covariates(X)
    time, event = check_outcome(y, len(matrix))
    used = model.summary_["coef"].notna().to_numpy()
    if not used.any():
        raise InputError("The model has no coefficient to test; required: a covariate that varied where it was fitted.")
    sets = risk_sets(time, event, ties=model.ties, strata=codes, weights=check_weights(sample_weight, time.size))
    centred = (matrix - model.center_)[:, used][sets.order]
    return sets, centred, model.coef_[used], list(model.summary_.index[used])


def _terms(model: CoxModel) -> dict[str, NDArray[np.intp]]:
    """Positions of each term's coefficients among those that could be estimated."""
    used = model.summary_["coef"].notna().to_numpy()
    place = np.cumsum(used) - 1
    parts = zip(model.design_.terms, model.design_.slices, strict=True)
    found = {str(term.variable): place[columns][used[columns]] for term, columns in parts}
    return {name: columns for name, columns in found.items() if columns.size}


def _transformed(time: FloatArray, event: NDArray[np.bool_], transform: str) -> FloatArray:
    """g(t) of every case, centred at its mean over the events."""
    if transform == "log" and (time[event] <= 0).any():
        raise InputError("transform='log' meets events at time 0, whose logarithm is infinite; use 'km' or 'rank'.")
    if transform == "km":
        g = 1 - survival_function(time, event).before(time)
    elif transform == "identity":
        g = time
    elif transform == "rank":
        g = rankdata(time)
    else:
        g = np.log(np.where(time > 0, time, 1.0))
    return g - g[event].mean()


def _score_test(score: FloatArray, information: FloatArray, rows: NDArray[np.intp]) -> float:
    return quadratic_form(score[rows], information[np.ix_(rows, rows)])
