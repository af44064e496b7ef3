"""Scores that go into a fusion, and the weights that a fusion gives them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from radiokit.engine.fusion import cox_weights, logistic_weights
from radiokit.engine.inputs import FloatArray
from radiokit.utils.estimators import Cases, has_decision, has_probabilities

PROBABILITY_FLOOR = 1e-6


class LogisticWeights(BaseEstimator):
    """Weights by maximum likelihood, by Firth's with few events: `LogisticModel` without its tests and intervals."""

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit to design columns; those without two values get no weight."""
        self.intercept_, self.coef_ = logistic_weights(X.to_numpy(dtype=float), np.asarray(y).astype(bool))
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, X: pd.DataFrame) -> FloatArray:
        """Return the log-odds."""
        return X.to_numpy(dtype=float) @ self.coef_ + self.intercept_


class CoxWeights(BaseEstimator):
    """Weights by Cox's partial likelihood (Efron's ties), for the scores of a fusion."""

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit to design columns and a survival target."""
        self.intercept_, self.coef_ = cox_weights(X.to_numpy(dtype=float), y["time"], y["event"])
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Return the log relative hazard, 0 at the training means."""
        return X.to_numpy(dtype=float) @ self.coef_ + self.intercept_


def case_scores(model: BaseEstimator, X: Cases) -> FloatArray:
    """Score of a fitted model: its decision function, the log-odds of its probability, or its risk.

    That of a forest is the share of its votes as it is: a sum over trees, which can be taken apart exactly.
    """
    final = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if isinstance(final, RandomForestClassifier):
        return np.asarray(model.predict_proba(X)[:, 1], dtype=float)
    if has_decision(model):
        return np.asarray(model.decision_function(X), dtype=float).ravel()
    if has_probabilities(model):
        p = np.clip(model.predict_proba(X)[:, 1], PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
        return np.log(p / (1 - p))
    return np.asarray(model.predict(X), dtype=float).ravel()
