"""Scores of cases by models that have not seen them, and the fit of one part of a model of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit

from radiokit.models._scores import case_scores
from radiokit.stats._inputs import FloatArray


def fit_part(
    estimator: Any, X: pd.DataFrame, y: NDArray[Any], seed: int | None, folds: NDArray[np.intp] | None = None
) -> Any:
    """Fit a clone, the seeds that it leaves free set; with `folds`, what it tunes is tuned in these."""
    model = clone(estimator)
    changes: dict[str, Any] = {}
    for key, value in model.get_params().items():
        name = key.split("__")[-1]
        if name == "random_state" and value is None:
            changes[key] = seed
        elif name == "cv" and folds is not None and value is not None:
            changes[key] = PredefinedSplit(folds)
    return model.set_params(**changes).fit(X, y)


def cross_fitted_scores(
    estimator: Any, X: pd.DataFrame, y: NDArray[Any], seed: int | None, folds: NDArray[np.intp], *, inner: bool
) -> FloatArray:
    """Score of each case by a clone fitted without its fold; `inner`: tuned in the other folds, which keep patients."""
    scores = np.empty(len(X))
    for k in np.unique(folds):
        out = folds == k
        model = fit_part(estimator, X[~out], y[~out], seed, folds[~out] if inner else None)
        scores[out] = case_scores(model, X[out])
    return scores
