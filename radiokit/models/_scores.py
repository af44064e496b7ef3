"""Scores that go into a fusion, and the weights that a fusion for survival gives them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from radiokit.stats._cox_fit import fit_cox
from radiokit.stats._inputs import FloatArray

PROBABILITY_FLOOR = 1e-6


class CoxWeights(BaseEstimator):
    """Weights by Cox's partial likelihood (Efron's ties), for the scores of a fusion."""

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Self:
        """Fit to design columns and a survival target."""
        values = X.to_numpy(dtype=float)
        self.center_, self.coef_ = values.mean(axis=0), np.zeros(values.shape[1])
        if (np.ptp(values, axis=0) > 1e-12 * np.abs(values).max(axis=0)).any():
            fitted = fit_cox(values, y["time"], y["event"])
            self.coef_ = np.where(fitted.used, fitted.coef, 0.0)
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Return the log relative hazard, 0 at the training means."""
        return (X.to_numpy(dtype=float) - self.center_) @ self.coef_


def case_scores(model: Any, X: Any) -> FloatArray:
    """Linear score of a fitted model: its decision function, the log-odds of its probability, or its risk."""
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(X), dtype=float).ravel()
    if hasattr(model, "predict_proba"):
        p = np.clip(model.predict_proba(X)[:, 1], PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
        return np.log(p / (1 - p))
    return np.asarray(model.predict(X), dtype=float).ravel()
