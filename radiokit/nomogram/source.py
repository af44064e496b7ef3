"""What a nomogram needs of a fitted model: terms with coefficients, and what a linear predictor predicts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.baseline import Baseline
from radiokit.engine.design import Design, Linear, Product, column_design
from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import expit
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils.estimators import has_all


@dataclass(frozen=True, eq=False)
class ModelNumbers:
    """A model as numbers: ``eta = intercept + sum over terms``, and what a linear predictor predicts.

    Without a `baseline` that is the probability of a logistic model; with one, survival where it holds at eta = 0, or
    the cumulative incidence of a cause under competing risks (`incidence`).
    """

    design: Design
    coef: FloatArray
    intercept: float
    baseline: Baseline | None = None
    incidence: bool = False

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each variable adds to the linear predictor: one column for each variable."""
        matrix = self.design.matrix(X).to_numpy(dtype=float)
        parts = [matrix[:, s] @ self.coef[s] for s in self.design.slices]
        return pd.DataFrame(np.column_stack(parts), index=X.index, columns=self.design.variables)

    def predict(self, eta: FloatArray, times: Sequence[float]) -> FloatArray:
        """Probability of shape (n,), the outcome at each time of shape (n, m), or without times the median survival."""
        if self.baseline is None:
            return expit(eta)
        if not times:
            return self.baseline.median(eta)
        survival = self.baseline.survival(eta, np.asarray(times))
        return 1 - survival if self.incidence else survival


class LinearClassifier(Protocol):
    """A fitted linear classifier, ours or scikit-learn's."""

    coef_: ArrayLike
    intercept_: ArrayLike
    classes_: Sequence[Any]


class HazardModel(Protocol):
    """A fitted `CoxModel` or `FineGray`."""

    coef_: ArrayLike
    center_: ArrayLike
    baseline_: pd.DataFrame


class LifelinesCox(Protocol):
    """A fitted CoxPHFitter of lifelines."""

    params_: pd.Series
    baseline_cumulative_hazard_: pd.DataFrame
    _norm_mean: pd.Series  # the mean covariates, at which its baseline is given; lifelines has no public name for it


class StatsmodelsModel(Protocol):
    """The model behind a result of statsmodels."""

    exog: ArrayLike
    exog_names: Sequence[str]


class StatsmodelsResult(Protocol):
    """A result of statsmodels."""

    params: ArrayLike
    model: StatsmodelsModel


def _is_linear_classifier(model: object) -> TypeGuard[LinearClassifier]:
    return has_all(model, "coef_", "intercept_", "classes_")


def _is_hazard_model(model: object) -> TypeGuard[HazardModel]:
    return has_all(model, "coef_", "center_", "baseline_")


def _is_lifelines_cox(model: object) -> TypeGuard[LifelinesCox]:
    return has_all(model, "params_", "baseline_cumulative_hazard_", "_norm_mean")


def _is_statsmodels_result(model: object) -> TypeGuard[StatsmodelsResult]:
    return has_all(model, "params", "model")


def read_model(model: object, scales: Mapping[Hashable, Sequence[Any]]) -> ModelNumbers:
    """Take the numbers out of a fitted model of radiokit, scikit-learn, lifelines or statsmodels."""
    if isinstance(model, ModelNumbers):
        return model
    if isinstance(model, Pipeline):
        raise InputError("A Pipeline has no points; give the fitted model at its end, or one fitted to raw columns.")
    if _is_lifelines_cox(model):
        return _from_lifelines(model, scales)
    if _is_statsmodels_result(model):
        return _from_statsmodels(model)
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    if _is_hazard_model(model):
        return _from_hazards(model, scales)
    if _is_linear_classifier(model):
        return _from_classifier(model, scales)
    raise InputError(
        f"A nomogram cannot be made from {type(model).__name__}; required: LogisticModel, CoxModel, FineGray, "
        "scikit-learn's LogisticRegression, lifelines' CoxPHFitter, or a result of statsmodels (Logit, binomial GLM, "
        "PHReg)."
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


def _check_additive(design: Design) -> Design:
    """Refuse interactions: the points of one variable would depend on another."""
    together = [term.variable for term in design.terms if isinstance(term, Product)]
    if together:
        raise InputError(
            f"The model has the interaction {', '.join(together)}; points cannot show it. Leave it out, or make a "
            "nomogram for each level."
        )
    return design


def _design(model: object, size: int, scales: Mapping[Hashable, Sequence[Any]]) -> Design:
    """Return the terms of a model: ours keep them, of others only the names of the columns are known."""
    design = getattr(model, "design_", None) or getattr(model, "terms_", None)
    if design is None:
        design = _ranged(list(getattr(model, "feature_names_in_", [f"x{j}" for j in range(size)])), scales)
    return _check_additive(design)


def _from_classifier(model: LinearClassifier, scales: Mapping[Hashable, Sequence[Any]]) -> ModelNumbers:
    if not has_all(model, "predict_proba"):  # its linear predictor is no log-odds
        raise InputError(f"{type(model).__name__} predicts no probabilities; required: a model that does.")
    coef = np.asarray(model.coef_, dtype=float)
    if coef.ndim == 2 and coef.shape[0] != 1:
        raise OutcomeError(f"The model has {len(model.classes_)} classes; required: two.")
    coef = coef.ravel()
    return ModelNumbers(_design(model, coef.size, scales), coef, float(np.ravel(model.intercept_)[0]))


def _from_hazards(model: HazardModel, scales: Mapping[Hashable, Sequence[Any]]) -> ModelNumbers:
    if "stratum" in model.baseline_:
        raise InputError("The Cox model is stratified: survival depends on the stratum, which points cannot show.")
    coef = np.nan_to_num(np.asarray(model.coef_, dtype=float).ravel())
    last_time = getattr(getattr(model, "_baseline", None), "last_time", np.array([np.inf]))
    baseline = Baseline.from_table(model.baseline_, last_time)
    centre = -float(np.asarray(model.center_) @ coef)
    design = _design(model, coef.size, scales)
    return ModelNumbers(design, coef, centre, baseline, incidence="cumulative_incidence" in model.baseline_)


def _from_lifelines(model: LifelinesCox, scales: Mapping[Hashable, Sequence[Any]]) -> ModelNumbers:
    if getattr(model, "strata", None):
        raise InputError("The Cox model is stratified: survival depends on the stratum, which points cannot show.")
    names = list(model.params_.index)
    hazard = model.baseline_cumulative_hazard_.iloc[:, 0]
    coef = model.params_.to_numpy(dtype=float)
    center = float(model._norm_mean.loc[names].to_numpy(dtype=float) @ coef)
    return ModelNumbers(_ranged(names, scales), coef, -center, _baseline(hazard.index, hazard))


def _baseline(time: ArrayLike, hazard: ArrayLike) -> Baseline:
    """Return the baseline of another library, followed until its last time."""
    table = pd.DataFrame({"time": np.asarray(time, float), "cumulative_hazard": np.asarray(hazard, float)})
    return Baseline.from_table(table.sort_values("time"), np.array([table["time"].max()]))


def _from_statsmodels(result: StatsmodelsResult) -> ModelNumbers:
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
    hazards = getattr(result, "baseline_cumulative_hazard", None)
    if hazards is not None:
        time, hazard, _ = hazards[0]
        return ModelNumbers(design, coef, 0.0, _baseline(time, hazard))
    family = getattr(result.model, "family", None)
    if family is not None and type(family).__name__ != "Binomial":
        raise InputError(f"The family of the model is {type(family).__name__}; required: Binomial.")
    return ModelNumbers(design, coef, intercept)
