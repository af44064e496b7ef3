"""Wald tests of each variable of a model, and its heuristic shrinkage."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.cox import quadratic_form
from radiokit.engine.design import Design, Product, Spline
from radiokit.engine.formula_model import FormulaModel
from radiokit.engine.inputs import FloatArray
from radiokit.engine.wald import chi_squared_p_value
from radiokit.exceptions import InputError


def anova(model: FormulaModel) -> pd.DataFrame:
    r"""Test each variable of a fitted model with all its coefficients together.

    Parameters
    ----------
    model : LogisticModel, CoxModel or FineGray
        Fitted, without a ridge penalty.

    Returns
    -------
    DataFrame
        Index ``term``: one row for each variable (with its interactions), ``<variable>, nonlinear`` for the curved part
        of a spline (without them), for each interaction, and ``TOTAL``; columns ``statistic`` (chi-squared), ``df`` and
        ``p_value``.

    Raises
    ------
    InputError
        If the model has no covariance or no terms.

    Notes
    -----
    With the coefficients :math:`b` of a term and their covariance V, :math:`\chi^2 = b^\top V^{-1} b`, as
    ``rms::anova``; V is the robust one where the model has it. Coefficients that could not be estimated do not count.

    *How to read it.* The p-value of a factor asks whether its levels differ at all, whichever is the reference; that of
    ``nonlinear`` whether the spline is more than a line. A large one does not show that there is no effect.

    Source: Harrell, Regression Modeling Strategies, 2015, section 9.2, doi:10.1007/978-3-319-19425-7.

    Examples
    --------
    >>> from radiokit.models import LogisticModel
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame({"age": rng.normal(60, 9, 90), "stage": rng.choice(list("abc"), 90)})
    >>> data["y"] = (data["age"] + rng.normal(0, 9, 90) > 60).astype(int)
    >>> anova(LogisticModel("y ~ rcs(age, 3) + stage").fit(data)).index.tolist()
    ['age', 'age, nonlinear', 'stage', 'TOTAL']
    """
    check_is_fitted(model)
    design, coef, covariance = _estimates(model)
    known = np.isfinite(covariance.diagonal())
    rows: dict[str, NDArray[np.intp]] = {}
    for term, columns in zip(design.terms, design.slices, strict=True):
        place = np.arange(columns.start, columns.stop)
        rows[str(term.variable)] = place
        if isinstance(term, Spline):
            rows[f"{term.variable}, nonlinear"] = place[1:]
        if isinstance(term, Product):
            for part in term.parts:
                rows[str(part.variable)] = np.append(rows[str(part.variable)], place)
    rows["TOTAL"] = np.arange(coef.size)
    tested = {name: place[known[place]] for name, place in rows.items()}
    table = pd.DataFrame(
        {
            "statistic": [
                quadratic_form(coef[place], covariance[np.ix_(place, place)]) if place.size else np.nan
                for place in tested.values()
            ],
            "df": [place.size for place in tested.values()],
        },
        index=pd.Index(list(tested), name="term"),
    )
    table["p_value"] = [chi_squared_p_value(s, df) for s, df in zip(table["statistic"], table["df"], strict=True)]
    return table


def _estimates(model: FormulaModel) -> tuple[Design, FloatArray, FloatArray]:
    """Return the design with its coefficients and their covariance, without an intercept."""
    if not isinstance(model, FormulaModel) or not model.design_.terms:
        raise InputError(f"{type(model).__name__} has no terms to test; required: LogisticModel, CoxModel or FineGray.")
    coef = np.asarray(model.coef_, dtype=float).ravel()
    covariance = model.covariance_[-coef.size :, -coef.size :]
    if not np.isfinite(covariance.diagonal()).any():
        raise InputError("The model has no covariance (a ridge penalty has none); fit it without a penalty.")
    return model.design_, coef, covariance


def shrinkage(model: FormulaModel) -> float:
    r"""Return the heuristic shrinkage of a model: the slope to expect in new patients.

    Parameters
    ----------
    model : LogisticModel, CoxModel or FineGray
        Fitted by maximum likelihood.

    Returns
    -------
    float
        :math:`(\chi^2 - df) / \chi^2` with the likelihood ratio of all coefficients; below 0 where the model
        predicts no better than chance.

    Raises
    ------
    InputError
        If the model is penalised or has no coefficient.

    Notes
    -----
    van Houwelingen and Le Cessie 1990, doi:10.1002/sim.4780091109.

    *How to read it.* 0.85 means that differences between predictions are too large by about 15 % for new patients. Only
    the candidates that were in the model count: after a selection it is too favourable. `radiokit.validation.validate`
    estimates the slope by bootstrap.

    Examples
    --------
    >>> from radiokit.models import LogisticModel
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65, 55, 72], "y": [0, 0, 1, 1, 1, 0, 0, 1]})
    >>> round(shrinkage(LogisticModel("y ~ age").fit(data)), 2)
    0.34
    """
    check_is_fitted(model)
    if not isinstance(model, FormulaModel) or model._penalized or not model.likelihood_ratio_.df:
        raise InputError(
            f"{type(model).__name__} has no likelihood ratio of its own; required: a model with coefficients, fitted "
            "by maximum likelihood."
        )
    test = model.likelihood_ratio_
    return float((test.statistic - test.df) / test.statistic)
