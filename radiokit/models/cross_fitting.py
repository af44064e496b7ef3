"""Scores of cases by models that have not seen them, and the fit of one part of a model of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit

from radiokit.engine.inputs import FloatArray
from radiokit.models.scores import case_scores

FOLDS_BY_PATIENT = 5


def fit_part(
    estimator: Any, X: pd.DataFrame, y: NDArray[Any], seed: int | None, folds: NDArray[np.intp] | None = None
) -> Any:
    """Fit a clone, the seeds that it leaves free set; with `folds`, what it tunes in folds is tuned in these.

    Leave-one-out stays as it is: it leaves out equal rows together, which is what a resample repeats.
    """
    model = clone(estimator)
    changes: dict[str, Any] = {}
    for key, value in model.get_params().items():
        name = key.split("__")[-1]
        if name == "random_state" and value is None:
            changes[key] = seed
        elif name == "cv" and folds is not None and value is not None and not isinstance(value, str):
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


def by_patient(estimator: Any) -> Any:
    """Return a clone that tunes in folds where it would leave out one row: a patient's other rows would stay."""
    model = clone(estimator)
    rows = {k: v for k, v in model.get_params().items() if k.split("__")[-1] == "cv" and isinstance(v, str)}
    return model.set_params(**dict.fromkeys(rows, FOLDS_BY_PATIENT))
