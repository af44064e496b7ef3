"""What a nomogram needs of a fitted model: terms with coefficients, and how a linear predictor becomes a prediction."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats._design import Design, Linear, column_design
from radiokit.stats._inputs import FloatArray
from radiokit.stats._logistic_fit import expit


@dataclass(frozen=True, eq=False)
class Source:
    """A model as numbers: ``eta = intercept + sum over terms``; Cox's eta is 0 where the baseline hazard holds.

    `event_times` and `hazard` are Cox's cumulative baseline hazard; both are empty for a logistic model.
    """

    design: Design
    coef: FloatArray
    intercept: float
    event_times: FloatArray = field(default_factory=lambda: np.zeros(0))
    hazard: FloatArray = field(default_factory=lambda: np.zeros(0))
    last_time: float = np.inf

    @property
    def survival(self) -> bool:
        """Whether the model is one of survival."""
        return self.event_times.size > 0

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each variable adds to the linear predictor, a column a variable."""
        matrix = self.design.matrix(X).to_numpy(dtype=float)
        parts = [matrix[:, s] @ self.coef[s] for s in self.design.slices]
        return pd.DataFrame(np.column_stack(parts), index=X.index, columns=self.design.variables)

    def probability(self, eta: FloatArray) -> FloatArray:
        """Probability of the event, for a logistic model."""
        return expit(eta)

    def survival_at(self, eta: FloatArray, times: FloatArray) -> FloatArray:
        """Survival of shape (n, n_times); NaN beyond the last follow-up."""
        index = np.searchsorted(self.event_times, times, side="right")
        hazard = np.append(0.0, self.hazard)[index]
        hazard = np.where(times > self.last_time, np.nan, hazard)
        # A hazard ratio of exp(600) leaves nobody; larger ones leave the floats.
        return np.exp(-hazard * np.exp(np.minimum(eta, 600.0))[:, None])

    def median(self, eta: FloatArray) -> FloatArray:
        """First event time at which survival is at most one half; NaN where it never is."""
        # A hazard that reaches log 2 but for rounding has reached it.
        needed = np.log(2) * np.exp(-eta) * (1 - 1e-12)
        return np.append(self.event_times, np.nan)[np.searchsorted(self.hazard, needed)]


def read_model(model: Any, scales: Mapping[Hashable, Sequence[Any]]) -> Source:
    """Take the numbers out of a fitted model of radiokit, scikit-learn, lifelines or statsmodels."""
    if hasattr(model, "steps"):
        raise InputError("A Pipeline has no points; give the fitted model at its end, or one fitted to raw columns.")
    if hasattr(model, "params_") and hasattr(model, "baseline_cumulative_hazard_"):
        return _from_lifelines(model, scales)
    if hasattr(model, "params") and hasattr(getattr(model, "model", None), "exog"):
        return _from_statsmodels(model)
    if hasattr(model, "fit"):
        check_is_fitted(model)
    if hasattr(model, "baseline_") and hasattr(model, "center_"):
        return _from_cox(model, scales)
    if hasattr(model, "coef_") and hasattr(model, "classes_"):
        return _from_classifier(model, scales)
    raise InputError(
        f"A nomogram cannot be made from {type(model).__name__}; required: LogisticModel, CoxModel, scikit-learn's "
        "LogisticRegression, lifelines' CoxPHFitter, or a statsmodels Logit, GLM (binomial) or PHReg result."
    )


def _ranged(names: Sequence[Hashable], scales: Mapping[Hashable, Sequence[Any]]) -> Design:
    """Return linear terms whose ranges are those of the scales given."""
    absent = [str(n) for n in names if n not in scales]
    if absent:
        raise InputError(
            f"The model does not know the range of {', '.join(absent[:8])}; give scales={{name: [values]}} for each."
        )
    values = {n: np.asarray(scales[n], dtype=float) for n in names}
    return Design(tuple(Linear(n, float(v.min()), float(v.max()), tuple(v.tolist())) for n, v in values.items()))


def _from_classifier(model: Any, scales: Mapping[Hashable, Sequence[Any]]) -> Source:
    coef = np.asarray(model.coef_, dtype=float)
    if coef.ndim == 2 and coef.shape[0] != 1:
        raise OutcomeError(f"The model has {len(model.classes_)} classes; required: two.")
    coef = coef.ravel()
    design = getattr(model, "design_", None)
    if design is None:
        names = list(getattr(model, "feature_names_in_", [f"x{j}" for j in range(coef.size)]))
        design = _ranged(names, scales)
    return Source(design, coef, float(np.ravel(model.intercept_)[0]))


def _from_cox(model: Any, scales: Mapping[Hashable, Sequence[Any]]) -> Source:
    if "stratum" in model.baseline_:
        raise InputError("The Cox model is stratified: survival depends on the stratum, which points cannot show.")
    coef = np.nan_to_num(np.asarray(model.coef_, dtype=float).ravel())
    design = getattr(model, "design_", None) or getattr(model, "terms_", None)
    if design is None:
        names = list(getattr(model, "feature_names_in_", [f"x{j}" for j in range(coef.size)]))
        design = _ranged(names, scales)
    table = model.baseline_
    return Source(
        design,
        coef,
        -float(np.asarray(model.center_) @ coef),
        table["time"].to_numpy(dtype=float),
        table["cumulative_hazard"].to_numpy(dtype=float),
        float(np.max(getattr(getattr(model, "_baseline", None), "last_time", np.inf))),
    )


def _from_lifelines(model: Any, scales: Mapping[Hashable, Sequence[Any]]) -> Source:
    if getattr(model, "strata", None):
        raise InputError("The Cox model is stratified: survival depends on the stratum, which points cannot show.")
    names = list(model.params_.index)
    hazard = model.baseline_cumulative_hazard_.iloc[:, 0]
    coef = model.params_.to_numpy(dtype=float)
    # lifelines' baseline is that of a case with mean covariates.
    center = float(model._norm_mean.loc[names].to_numpy(dtype=float) @ coef)
    return Source(
        _ranged(names, scales),
        coef,
        -center,
        hazard.index.to_numpy(dtype=float),
        hazard.to_numpy(dtype=float),
        float(hazard.index.max()),
    )


def _from_statsmodels(result: Any) -> Source:
    names = list(result.model.exog_names)
    exog = pd.DataFrame(np.asarray(result.model.exog, dtype=float), columns=names)
    params = pd.Series(np.asarray(result.params, dtype=float).ravel(), index=names)
    if len(params) != len(names):
        raise OutcomeError("The model has more than two classes; required: two.")
    constant = [n for n in names if exog[n].nunique() == 1]
    terms = [n for n in names if n not in constant]
    if any(":" in str(n) for n in terms):
        raise InputError("The model has an interaction; points cannot show it. Make the product a variable of its own.")
    design, coef = column_design(exog[terms]), params[terms].to_numpy()
    intercept = float(sum(params[n] * exog[n].iloc[0] for n in constant))
    if hasattr(result, "baseline_cumulative_hazard"):
        time, hazard, _ = result.baseline_cumulative_hazard[0]
        order = np.argsort(time)
        return Source(design, coef, 0.0, np.asarray(time)[order], np.asarray(hazard)[order], float(np.max(time)))
    family = getattr(result.model, "family", None)
    if family is not None and type(family).__name__ != "Binomial":
        raise InputError(f"The family of the model is {type(family).__name__}; required: Binomial.")
    return Source(design, coef, intercept)
