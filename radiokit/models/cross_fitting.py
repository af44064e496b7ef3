"""Scores of cases by models that have not seen them, and the fit of one part of a model of several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import PredefinedSplit

from radiokit.engine.inputs import FloatArray
from radiokit.models.scores import case_scores

FOLDS_BY_PATIENT = 5


def fit_part(
    estimator: BaseEstimator, X: pd.DataFrame, y: NDArray[Any], seed: int | None, folds: NDArray[np.intp] | None = None
) -> BaseEstimator:
    """Fit a clone, the seeds that it leaves free set; with `folds`, what it tunes in folds is tuned in these.

    Leave-one-out stays as it is: it leaves out equal rows together, which is what a resample repeats.
    """
    model, tuned = _seeded(estimator, seed)
    return _tuning_in(folds, model, tuned).fit(X, y)


def _seeded(estimator: BaseEstimator, seed: int | None) -> tuple[BaseEstimator, list[str]]:
    """Return a clone with its free seeds set, and which of its parameters count folds."""
    model = clone(estimator)
    named = {key: (key.split("__")[-1], value) for key, value in model.get_params().items()}
    free = [key for key, (name, value) in named.items() if name == "random_state" and value is None]
    tuned = [k for k, (name, v) in named.items() if name == "cv" and v is not None and not isinstance(v, str)]
    return model.set_params(**dict.fromkeys(free, seed)), tuned


def _tuning_in(folds: NDArray[np.intp] | None, model: BaseEstimator, tuned: list[str]) -> BaseEstimator:
    if folds is None or not tuned:
        return model
    return model.set_params(**dict.fromkeys(tuned, PredefinedSplit(folds)))


def cross_fitted_scores(
    estimator: BaseEstimator,
    X: pd.DataFrame,
    y: NDArray[Any],
    seed: int | None,
    folds: NDArray[np.intp],
    *,
    inner: bool,
) -> FloatArray:
    """Score of each case by a clone fitted without its fold; `inner`: tuned in the other folds, which keep patients."""
    scores = np.empty(len(X))
    ready, tuned = _seeded(estimator, seed)
    for k in np.unique(folds):
        out = folds == k
        model = _tuning_in(folds[~out] if inner else None, clone(ready), tuned).fit(X[~out], y[~out])
        scores[out] = case_scores(model, X[out])
    return scores


def by_patient(estimator: BaseEstimator) -> BaseEstimator:
    """Return a clone that tunes in folds where it would leave out one row: a patient's other rows would stay."""
    model = clone(estimator)
    rows = {k: v for k, v in model.get_params().items() if k.split("__")[-1] == "cv" and isinstance(v, str)}
    return model.set_params(**dict.fromkeys(rows, FOLDS_BY_PATIENT))
