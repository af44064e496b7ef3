"""Scores that go into a fusion, and the weights that a fusion gives them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from radiokit.engine.cox import fit_cox
from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import fit_firth, fit_logistic

PROBABILITY_FLOOR = 1e-6
EVENTS_PER_PARAMETER = 10


def few_events(y: NDArray[Any], parameters: int) -> bool:
    """Return whether the rarer class has fewer than 10 cases for each parameter: then Firth's likelihood is used."""
    positive = np.asarray(y).astype(bool)
    return bool(min(positive.sum(), (~positive).sum()) < EVENTS_PER_PARAMETER * parameters)


class LogisticWeights(BaseEstimator):
    """Weights by maximum likelihood, by Firth's with few events: `LogisticModel` without its tests and intervals."""

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit to design columns; those without two values get no weight."""
        values, positive = X.to_numpy(dtype=float), np.asarray(y).astype(bool)
        kernel = fit_firth if few_events(positive, int(varying(values).sum())) else fit_logistic
        intercept, *weights = np.nan_to_num(kernel(values, positive).coef).tolist()
        self.intercept_, self.coef_ = intercept, np.array(weights)
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, X: pd.DataFrame) -> FloatArray:
        """Return the log-odds."""
        return X.to_numpy(dtype=float) @ self.coef_ + self.intercept_


class CoxWeights(BaseEstimator):
    """Weights by Cox's partial likelihood (Efron's ties), for the scores of a fusion."""

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit to design columns and a survival target."""
        values = X.to_numpy(dtype=float)
        self.coef_ = np.zeros(values.shape[1])
        if varying(values).any():
            self.coef_ = np.nan_to_num(fit_cox(values, y["time"], y["event"]).coef)
        self.intercept_ = -float(values.mean(axis=0) @ self.coef_)
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Return the log relative hazard, 0 at the training means."""
        return X.to_numpy(dtype=float) @ self.coef_ + self.intercept_


def varying(values: FloatArray) -> NDArray[np.bool_]:
    """Return which columns differ between cases by more than rounding."""
    return np.ptp(values, axis=0) > 1e-12 * np.abs(values).max(axis=0)


def case_scores(model: Any, X: Any) -> FloatArray:
    """Score of a fitted model: its decision function, the log-odds of its probability, or its risk.

    That of a forest is the share of its votes as it is: a sum over trees, which can be taken apart exactly.
    """
    final = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if isinstance(final, RandomForestClassifier):
        return np.asarray(model.predict_proba(X)[:, 1], dtype=float)
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(X), dtype=float).ravel()
    if hasattr(model, "predict_proba"):
        p = np.clip(model.predict_proba(X)[:, 1], PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
        return np.log(p / (1 - p))
    return np.asarray(model.predict(X), dtype=float).ravel()
