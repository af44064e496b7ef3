"""Coefficients of a fitted model as one tidy table, whichever package fitted it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.design import Design, coefficient_columns
from radiokit.engine.hazard_table import hazard_table
from radiokit.exceptions import InputError
from radiokit.utils.estimators import has_all

INTERCEPTS = ("Intercept", "const")
STATSMODELS = {"Logit": "odds_ratio", "GLM Binomial": "odds_ratio", "PHReg": "hazard_ratio"}


class _ModelWithSummary(Protocol):
    """A model of radiokit."""

    summary_: pd.DataFrame


class _ModelWithDesign(Protocol):
    """A model of radiokit that was given a formula, or columns of a table."""

    design_: Design


class _LifelinesModel(Protocol):
    """A model of lifelines."""

    params_: pd.Series
    standard_errors_: pd.Series


class _StatsmodelsModel(Protocol):
    exog_names: list[str]


class _StatsmodelsResult(Protocol):
    """A fitted model of statsmodels."""

    params: ArrayLike
    bse: ArrayLike
    model: _StatsmodelsModel


def _has_summary(model: object) -> TypeGuard[_ModelWithSummary]:
    return has_all(model, "summary_")


def _has_design(model: object) -> TypeGuard[_ModelWithDesign]:
    return has_all(model, "design_")


def _is_lifelines_model(model: object) -> TypeGuard[_LifelinesModel]:
    return has_all(model, "params_", "standard_errors_")


def _is_statsmodels_result(model: object) -> TypeGuard[_StatsmodelsResult]:
    return has_all(model, "params", "bse", "model")


def coefficient_table(model: object, *, confidence_level: float = 0.95) -> pd.DataFrame:
    r"""Ratios with intervals and p-values of a fitted logistic or Cox model.

    Parameters
    ----------
    model : fitted model
        `LogisticModel`, `CoxModel` or `FineGray`; a statsmodels Logit, GLM (binomial) or PHReg result; a lifelines
        CoxPHFitter.
    confidence_level : float
        Level of the intervals of a model from another package; those of radiokit's keep their own.

    Returns
    -------
    DataFrame
        One row per coefficient (index ``feature``, without the intercept): ``coef, se, statistic, p_value``,
        ``odds_ratio`` or ``hazard_ratio``, ``ci_low, ci_high, variable, level, reference``. What `format_model_table`
        and `radiokit.plotting.ForestDisplay` take.

    Raises
    ------
    InputError
        If the model is of another kind. scikit-learn's LogisticRegression has no standard errors: fit a
        `LogisticModel`.

    Notes
    -----
    For other packages :math:`z = b / se`, the p-value is :math:`2\Phi(-|z|)` and the interval
    :math:`e^{b \pm z_{1-\alpha/2}\,se}` (Wald; as R's ``summary`` prints them).

    *How to read it.* See `radiokit.models.LogisticModel` and `radiokit.survival.CoxModel`: a ratio belongs to one unit
    of its variable, or to a level against the reference level, with the others held.

    Examples
    --------
    >>> from radiokit.models import LogisticModel
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65], "y": [0, 0, 1, 1, 1, 0]})
    >>> coefficient_table(LogisticModel().fit(data[["age"]], data["y"])).index.tolist()
    ['age']
    """
    if _has_summary(model):
        table = model.summary_
        if _has_design(model):
            labels = coefficient_columns(model.design_)
            return table.drop(index="Intercept", errors="ignore").assign(**labels)
        return table.assign(variable=table.index.map(str), level="", reference="")
    if _is_lifelines_model(model):
        if not has_all(model, "baseline_cumulative_hazard_"):
            raise InputError(f"A table cannot be made from lifelines' {type(model).__name__}; required: CoxPHFitter.")
        return _wald(model.params_, model.standard_errors_, model.params_.index, "hazard_ratio", confidence_level)
    if _is_statsmodels_result(model) and _statsmodels_kind(model) in STATSMODELS:
        ratio = STATSMODELS[_statsmodels_kind(model)]
        return _wald(model.params, model.bse, model.model.exog_names, ratio, confidence_level)
    raise InputError(
        f"A table cannot be made from {type(model).__name__}; required: a fitted LogisticModel or CoxModel, a "
        "statsmodels Logit, GLM (binomial) or PHReg result, or lifelines' CoxPHFitter. scikit-learn's models have no "
        "standard errors."
    )


def _statsmodels_kind(result: _StatsmodelsResult) -> str:
    """Return the class of the model, of a GLM with its family."""
    kind = type(result.model).__name__
    return f"GLM {type(getattr(result.model, 'family', None)).__name__}" if kind == "GLM" else kind


def _wald(coef: ArrayLike, se: ArrayLike, names: Iterable[object], ratio: str, confidence_level: float) -> pd.DataFrame:
    index = [str(name) for name in names]
    table = hazard_table(index, np.asarray(coef, float), np.asarray(se, float), confidence_level, ratio=ratio)
    table = table.assign(variable=index, level="", reference="")
    return table.drop(index=[name for name in INTERCEPTS if name in table.index])
