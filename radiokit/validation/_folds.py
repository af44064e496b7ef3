"""Folds by patient, outside and inside, and one seed for everything random in a replicate."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline

from radiokit.engine.inputs import Target
from radiokit.exceptions import DataWarning, InputError, LeakageError, OutcomeError, RadiokitError
from radiokit.utils import check_binary_target, check_survival_target, drop_warnings, is_survival_target, same_rows
from radiokit.utils.estimators import Cases, Estimator, Outcome, Splitter, has_probabilities
from radiokit.utils.levels import cell_text
from radiokit.utils.predictors import predictors
from radiokit.validation._types import Fittable, OuterFolds
from radiokit.validation.copies import one_patient
from radiokit.validation.lesion_ids import suspected_lesions

Split: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp], int, int]  # training, test, repeat, fold
Model = TypeVar("Model", bound=Fittable)


@dataclass(frozen=True, eq=False)
class Rows:
    """Checked cases in the order of their ids; `order` holds their positions in the table that was given."""

    frame: pd.DataFrame
    target: Target
    patients: NDArray[Any]
    ids: NDArray[Any]
    order: NDArray[np.intp]


def check_data(X: Cases, y: Outcome, groups: ArrayLike | None) -> Rows:
    """Return the cases with their outcome and patient, after a check that the rows of all three are the same cases.

    Rows with ids are put in the order of their ids, so that no fold, draw or fit depends on the order in which they
    were given. Rows with the same measurements are one patient.
    """
    frame = predictors(X) if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    if frame.index.has_duplicates:
        raise InputError(
            "The index of X repeats ids; required: one id for each row. Use X.reset_index() or add the lesion."
        )
    _require_same_rows(X, frame, y=y, groups=groups)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"X repeats the column {twice!r}; required: each once. Rename or drop one.")
    target = check_survival_target(y) if is_survival_target(y) else check_binary_target(y, name="y")
    patients = frame.index.to_numpy() if groups is None else np.asarray(groups)
    for name, size in (("y", target.size), ("groups", patients.size)):
        if size != len(frame):
            raise InputError(f"{name} has {size} values and X has {len(frame)} rows; required: one for each row.")
    if pd.isna(patients).any():
        raise InputError(f"groups has {int(pd.isna(patients).sum())} missing values; required: a patient for each row.")
    if groups is None:
        _warn_of_lesions(frame.index)
    if patients.dtype == object:
        patients = np.array([cell_text(patient) for patient in patients], dtype=object)
    order = _order_of(frame.index)
    frame, target, patients = frame.iloc[order], target[order], patients[order]
    return Rows(frame, target, one_patient(frame, patients), frame.index.to_numpy(), order)


def _require_same_rows(X: Cases, frame: pd.DataFrame, **labelled: Any) -> None:
    """Refuse inputs whose index is neither that of X as it was given nor its case ids, in the same order."""
    same_rows(**labelled)
    if not isinstance(X, pd.DataFrame):
        return
    for name, value in labelled.items():
        if not (isinstance(value, pd.Series | pd.DataFrame) and value.index.equals(X.index)):
            same_rows(**{"X": frame, name: value})


def _order_of(index: pd.Index) -> NDArray[np.intp]:
    """Order of rows by their ids: numbers as numbers, all else as text; unchanged where pandas only counted them."""
    if isinstance(index, pd.RangeIndex):
        return np.arange(len(index)) if index.step > 0 else np.arange(len(index))[::-1]
    if pd.api.types.is_numeric_dtype(index.dtype):
        return np.argsort(index.to_numpy(), kind="stable")
    return np.argsort(np.array([cell_text(i) for i in index], dtype=object), kind="stable")


def _warn_of_lesions(index: pd.Index) -> None:
    found = suspected_lesions(index)
    if found is not None:
        warnings.warn(
            f"The ids of X look like several lesions or scans of a patient ({found}), but no `groups` are given: each "
            "counts as a patient, may be in training where another of the same patient is in test, and makes intervals "
            "too narrow. Give groups=, the patient of each row.",
            DataWarning,
            stacklevel=4,
        )


def events_of(y: Target) -> NDArray[np.bool_]:
    """Return True where the outcome is positive or the event was observed."""
    return y["event"] if y.dtype.names else y


def patient_folds(y: Target, groups: NDArray[Any], n_splits: int, seed: int) -> NDArray[np.intp]:
    """Fold of each row: whole patients at random, those with and without the event spread evenly."""
    patients, codes = np.unique(groups, return_inverse=True)
    event = np.zeros(patients.size, dtype=bool)
    np.logical_or.at(event, codes, events_of(y))
    smaller = _smallest_class(y, groups)
    if n_splits < 2 or n_splits > smaller:
        raise OutcomeError(
            f"{n_splits} folds need at least {max(n_splits, 2)} patients with the event"
            f"{'' if y.dtype.names else ' and as many without'}; found {int(event.sum())} with and "
            f"{int((~event).sum())} without. Use fewer folds, or more patients."
        )
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(patients.size)
    order = shuffled[np.argsort(event[shuffled], kind="stable")]
    fold = np.empty(patients.size, dtype=int)
    fold[order] = np.arange(patients.size) % n_splits
    return rng.permutation(n_splits)[fold][codes]


def _smallest_class(y: Target, groups: NDArray[Any]) -> int:
    """Count patients of the rarer class; a patient with lesions of both counts in both."""
    event = events_of(y)
    positive, negative = np.unique(groups[event]).size, np.unique(groups[~event]).size
    return positive if y.dtype.names else min(positive, negative)


def outer_splits(outer: OuterFolds, rows: Rows, seeds: list[int]) -> list[Split]:
    """Return all (train, test, repeat, fold); no patient is in train and test.

    The positions that a splitter or a list gives are those of the rows in the order in which they were given.
    """
    X, y, groups = rows.frame, rows.target, rows.patients
    if isinstance(outer, int):
        return [
            (np.flatnonzero(folds != k), np.flatnonzero(folds == k), repeat, k)
            for repeat, folds in enumerate(patient_folds(y, groups, outer, seed) for seed in seeds)
            for k in range(outer)
        ]
    place = np.argsort(rows.order)
    # Splitters that use no groups warn of it; whether patients are kept whole is checked below.
    with drop_warnings(match="The groups parameter is ignored"):
        as_given = X.iloc[place], events_of(y)[place].astype(int), groups[place]
        splits = list(outer.split(*as_given) if isinstance(outer, Splitter) else outer)
    seen = np.zeros(len(X), dtype=int)
    placed = []
    for k, parts in enumerate(splits):
        train, test = (np.sort(place[np.asarray(part)]) for part in parts)
        refuse_shared_patients(groups[train], groups[test])
        # How often its cases were tested before is the repeat of a fold, whatever splitter made it.
        placed.append((train, test, int(seen[test].min()), k))
        seen[test] += 1
    return placed


def refuse_shared_patients(train: NDArray[Any], test: NDArray[Any]) -> None:
    """Raise LeakageError where a patient is on both sides of a split."""
    shared = pd.unique(pd.Series(train)[pd.Series(train).isin(test)])
    if len(shared):
        raise LeakageError(
            f"{len(shared)} patients are in training and test at once ({', '.join(map(str, shared[:5]))}); required: "
            "whole patients on one side. Use an integer number of folds, or a splitter by group."
        )


def prepare(
    estimator: BaseEstimator, y: Target, groups: NDArray[Any], inner: int | Splitter | None, seed: int
) -> BaseEstimator:
    """Return a clone of the estimator (see `refuse_fitted`) with its seeds set and its inner folds made by patient.

    The parameter `cv` of the estimator, or of the steps of a pipeline, becomes folds of whole patients of this training
    set wherever it counts folds and either `inner` is given or a patient has several rows (a bootstrap repeats them).
    """
    model = clone(estimator)
    unset = [k for k, v in model.get_params().items() if k.split("__")[-1] == "random_state" and v is None]
    model.set_params(**dict.fromkeys(unset, seed))
    repeated = len(np.unique(groups)) < len(groups)
    if inner is None and not repeated:
        return model
    for name in _cv_parameters(model):
        wanted = inner if inner is not None else model.get_params()[name]
        if wanted is None or isinstance(wanted, str):  # leave-one-out would keep a patient's other rows
            wanted = 5
        if isinstance(wanted, int):
            possible = max(2, min(wanted, _smallest_class(y, groups)))
            wanted = PredefinedSplit(patient_folds(y, groups, possible, seed))
        model.set_params(**{name: wanted})
    return model


def refuse_fitted(estimator: BaseEstimator) -> None:
    """Raise LeakageError where a part keeps what it learnt before: it would have seen the test cases of every fold."""
    model = clone(estimator)
    for name, part in {"": model, **model.get_params()}.items():
        if isinstance(part, Estimator) and not isinstance(part, type) and clone(part, safe=False) is part:
            raise LeakageError(
                f"{name or 'the estimator'} ({type(part).__name__}) is frozen: it keeps what it was fitted to and is "
                "not fitted anew in the folds. Give it unfitted; or, if it was fitted to other patients, transform X "
                "with it first."
            )


def _cv_parameters(model: BaseEstimator) -> list[str]:
    steps = {f"{name}__cv": step for name, step in model.steps} if isinstance(model, Pipeline) else {"cv": model}
    own = {key: step for key, step in steps.items() if isinstance(step, BaseEstimator)}
    return [key for key, step in own.items() if "cv" in step.get_params(deep=False)]


def fit(model: Model, X: pd.DataFrame, y: Target) -> Model:
    """Fit to a checked outcome; a binary one is given as 0 and 1, as scikit-learn's own data are."""
    try:
        return model.fit(X, y if y.dtype.names else y.astype(int))
    except ValueError as error:
        gaps = X.isna().sum()
        if "NaN" in str(error) and gaps.any() and not isinstance(error, RadiokitError):
            raise InputError(
                f"{int((gaps > 0).sum())} columns of X have missing values ({int(gaps.max())} of {len(X)} in "
                f"{gaps.idxmax()!r}) and {type(model).__name__} takes none; required: an imputer inside the pipeline, "
                "so that it is learnt in every fold, or complete cases."
            ) from error
        raise


def score(model: Any, X: pd.DataFrame, survival: bool) -> NDArray[np.float64]:
    """Return the probability of the positive class, or the predicted log risk."""
    if survival:
        return np.asarray(model.predict(X), dtype=float)
    if not has_probabilities(model):
        raise InputError(
            f"{type(model).__name__} has no predict_proba; required: probabilities, so that calibration can be judged. "
            "Wrap it in scikit-learn's CalibratedClassifierCV."
        )
    return np.asarray(model.predict_proba(X), dtype=float)[:, 1]
