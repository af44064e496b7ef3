"""Fitted models on new cases, after a check that the cases are new."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from radiokit.exceptions import DataWarning, InputError, LeakageError
from radiokit.utils import level_key, same_rows
from radiokit.utils.estimators import Outcome
from radiokit.validation._folds import check_data, score
from radiokit.validation._predictions import Predictions
from radiokit.validation.evaluation import performance


def evaluate(
    models: BaseEstimator | Mapping[str, BaseEstimator],
    X: pd.DataFrame,
    y: Outcome,
    *,
    groups: ArrayLike | None = None,
    source: str = "test",
    training_ids: ArrayLike | None = None,
    centers: ArrayLike | None = None,
    training_centers: ArrayLike | None = None,
    confidence_level: float = 0.95,
    n_bootstraps: int = 500,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Accuracy of fitted models on cases they have never seen.

    Parameters
    ----------
    models : fitted estimator, or mapping of name to fitted estimator
        Nothing is fitted here.
    X : DataFrame of shape (n, p)
        Cases of the new cases; the index holds the case ids.
    y : array-like of shape (n,)
        Binary outcome or survival target.
    {groups}
    source : {"test", "external"}
        What the cases are; ``"external"`` for centres that gave no case to training, which needs `centers` and
        `training_centers`.
    training_ids : array-like, optional
        Ids (or, with `groups`, patients) of the training cases: a case that was trained on is refused. Without them
        this cannot be checked, and there is a warning.
    centers : array-like of shape (n,), optional
        Centre of each row.
    training_centers : array-like, optional
        Centres of the training cases.
    {confidence_level}
    {n_bootstraps}
        Of patients, for the intervals that have no closed form.
    {random_state}

    Returns
    -------
    DataFrame
        One row for each model and metric: `model, metric, estimate, ci_low, ci_high, method, n, n_events`. Binary:
        `auc, dxy, calibration_intercept, calibration_slope, brier, r2`; survival: `c_index, dxy, calibration_slope`.

    Raises
    ------
    LeakageError
        If `source` is ``"train"``, a case is among `training_ids`, or cases are called external without centres, or
        with a centre that trained.

    Warns
    -----
    DataWarning
        If cases are called test, and `training_ids` is absent.

    Notes
    -----
    **How to read it.** AUC with DeLong's interval, by patient (Obuchowski) where patients have several rows; the other
    intervals are percentiles of a bootstrap of patients, and missing where the index does not exist in one of ten
    resamples. A calibration slope under 1 says that the model is overfitted, an intercept other than 0 that the risk
    level differs.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"volume": np.arange(20) + 0.5})
    >>> y = np.array([0] * 8 + [1, 0, 1, 0] + [1] * 8)
    >>> model = LogisticRegression().fit(X[::2], y[::2])
    >>> evaluate(model, X[1::2], y[1::2], training_ids=X.index[::2])["metric"].tolist()[:2]
    ['auc', 'dxy']
    """
    if source not in ("test", "external"):
        raise LeakageError(
            f"source is {source!r}; required: 'test' or 'external'. evaluate takes new cases only: for the training "
            "cases use nested_cv or optimism_bootstrap."
        )
    same_rows(X=X, centers=centers)
    rows = check_data(X, y, groups)
    frame, target, patients, ids = rows.frame, rows.target, rows.patients, rows.ids
    if source == "external":
        _require_external(centers, training_centers, len(frame))
    if training_ids is None and source == "test":
        warnings.warn(
            "It was not checked that these cases are new to the models; give `training_ids`, the ids of the cases they "
            "were fitted to, and a case that was trained on is refused.",
            DataWarning,
            stacklevel=2,
        )
    if training_ids is not None:
        _refuse_trained(ids, patients, training_ids)
    named = models if isinstance(models, Mapping) else {type(models).__name__: models}
    scores = {name: score(model, frame, bool(target.dtype.names)) for name, model in named.items()}
    labels = {"ids": ids, "groups": patients, "source": source}
    made = {name: Predictions.of_score(target, found, **labels) for name, found in scores.items()}
    return performance(made, confidence_level=confidence_level, n_bootstraps=n_bootstraps, random_state=random_state)


def _refuse_trained(ids: NDArray[Any], patients: NDArray[Any], training_ids: ArrayLike) -> None:
    """Raise LeakageError where a case, or its patient, is among those of training."""
    known = {str(i).strip() for i in np.asarray(training_ids).tolist()}  # 7 is "7", and "P7 " is "P7"
    both = zip(ids.tolist(), patients.tolist(), strict=True)
    seen = [i for i, g in both if str(i).strip() in known or str(g).strip() in known]
    if seen:
        raise LeakageError(
            f"{len(seen)} of {len(ids)} cases were in training ({', '.join(map(str, seen[:5]))}); required: none. "
            "Drop them, or validate by nested_cv."
        )


def _require_external(centers: ArrayLike | None, training_centers: ArrayLike | None, n: int) -> None:
    """Raise LeakageError unless the centres of the cases are known, and none of them trained."""
    if centers is None or training_centers is None:
        raise LeakageError(
            "source is 'external'; required besides: `centers` of these cases and `training_centers`. A random or "
            "later part of the same patients is 'test'."
        )
    if not np.asarray(training_centers).size:
        raise InputError("training_centers is empty; required: the centres of the training cases.")
    here = pd.Series(np.asarray(centers))
    if here.size != n or here.isna().any():
        raise InputError(f"centers holds {here.notna().sum()} centres; required: one for each of {n} cases.")
    trained = {level_key(center) for center in np.asarray(training_centers).tolist()}
    shared = sorted({str(center) for center in here if level_key(center) in trained})
    if shared:
        raise LeakageError(
            f"{len(shared)} centres gave cases to training too ({', '.join(shared[:5])}); such cases are 'test', not "
            "'external'."
        )
