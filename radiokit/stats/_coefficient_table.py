"""Coefficients of a fitted model as one tidy table, whichever package fitted it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from radiokit.engine.design import coefficient_columns
from radiokit.engine.inputs import normal_quantile
from radiokit.engine.wald import ratio_to_se
from radiokit.exceptions import InputError

INTERCEPTS = ("Intercept", "const")


def coefficient_table(model: Any, *, confidence_level: float = 0.95) -> pd.DataFrame:
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
    if hasattr(model, "summary_"):
        table = model.summary_
        if hasattr(model, "design_"):
            labels = coefficient_columns(model.design_)
            return table.drop(index="Intercept", errors="ignore").assign(**labels)
        return table.assign(variable=table.index.map(str), level="", reference="")
    z = normal_quantile(confidence_level)
    if hasattr(model, "params_") and hasattr(model, "standard_errors_"):  # lifelines
        if not hasattr(model, "baseline_cumulative_hazard_"):
            raise InputError(f"A table cannot be made from lifelines' {type(model).__name__}; required: CoxPHFitter.")
        return _wald(model.params_, model.standard_errors_, model.params_.index, "hazard_ratio", z)
    kind = type(getattr(model, "model", None)).__name__
    family = type(getattr(getattr(model, "model", None), "family", None)).__name__
    if kind in ("Logit", "PHReg") or (kind == "GLM" and family == "Binomial"):  # statsmodels
        ratio = "hazard_ratio" if kind == "PHReg" else "odds_ratio"
        return _wald(model.params, model.bse, model.model.exog_names, ratio, z)
    raise InputError(
        f"A table cannot be made from {type(model).__name__}; required: a fitted LogisticModel or CoxModel, a "
        "statsmodels Logit, GLM (binomial) or PHReg result, or lifelines' CoxPHFitter. scikit-learn's models have no "
        "standard errors."
    )


def _wald(coef: Any, se: Any, names: Any, ratio: str, z: float) -> pd.DataFrame:
    coef, se = np.asarray(coef, dtype=float), np.asarray(se, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        statistic = np.array([ratio_to_se(c, s) for c, s in zip(coef, se, strict=True)])
        table = pd.DataFrame(
            {
                "coef": coef,
                "se": se,
                "statistic": statistic,
                "p_value": 2 * norm.sf(np.abs(statistic)),
                ratio: np.exp(coef),
                "ci_low": np.exp(coef - z * se),
                "ci_high": np.exp(coef + z * se),
            },
            index=pd.Index([str(name) for name in names], name="feature"),
        ).assign(variable=[str(name) for name in names], level="", reference="")
    return table.drop(index=[name for name in INTERCEPTS if name in table.index])
