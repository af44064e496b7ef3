"""Validation of a regression model as rms::validate does it: every index, apparent and corrected for optimism."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, clone

from radiokit.engine.design import model_frame
from radiokit.engine.formula import parse_formula
from radiokit.engine.inputs import FloatArray, Seed, Target, check_choice, check_count
from radiokit.exceptions import DataWarning, InputError, OutcomeError, RadiokitError, SeparationWarning
from radiokit.utils import as_survival_target, check_binary_target, spawn_seeds
from radiokit.utils.estimators import Cases, Outcome, has_decision, has_probabilities
from radiokit.validation._folds import Rows, check_data, patient_folds
from radiokit.validation._rms_indices import COX, LOGISTIC, cox_indices, largest_miscalibration, logistic_indices
from radiokit.validation.metrics import resample_patients

FOLDS = 10


def validate(
    model: BaseEstimator,
    data: pd.DataFrame | tuple[Cases, Outcome],
    *,
    method: str = "bootstrap",
    n_bootstraps: int = 200,
    groups: ArrayLike | None = None,
    random_state: Seed = None,
    resamples: ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Validate a logistic or Cox model by the indices of rms::validate.

    Parameters
    ----------
    model : estimator
        `LogisticModel`, `CoxModel`, or another classifier or survival model with a linear predictor. It is cloned, and
        all that it learns (knots, levels, coefficients) is learnt anew.
    data : DataFrame, or tuple (X, y)
        The table that a model with a formula is fitted to; or features and outcome.
    method : {"bootstrap", "crossvalidation"}
        Harrell's optimism bootstrap, or ten folds: the mean index of the held-out parts. Use the bootstrap, which
        varies less; take the folds where there are nearly as many coefficients as events.
    {n_bootstraps} {groups}
        Patients are resampled, or held out, with all their rows.
    {random_state}
    resamples : array-like of int, shape (B, n), optional
        Row positions of each resample, in place of drawing them; of the complete rows, where rows are left out.

    Returns
    -------
    DataFrame
        One row for each index, columns ``original, training, test, optimism, corrected, n`` (n: resamples or folds
        used). Logistic: ``dxy, r2, intercept, slope, e_max, d, u, q, brier, g, g_p``; ``e_max`` is that of the
        corrected intercept and slope. Cox: ``dxy, r2, slope, d, u, q, g``.

    Raises
    ------
    InputError
        If data are neither a table for a model with a formula nor (X, y), or resamples have another shape.
    OutcomeError
        If no resample could be fitted.

    Warns
    -----
    DataWarning
        If resamples could not be fitted: a level absent, one class only, separation. They are left out and counted.

    Notes
    -----
    :math:`corrected = original - \frac1B \sum_b (\theta_{b,b} - \theta_{b,orig})`, with the index of resample b's model
    on the resample and on all cases. With deviances :math:`L` (of the outcome on nothing, on the recalibrated linear
    predictor, and on the given one) :math:`D = (L_0 - L - 1)/n`, :math:`U = (L_{given} - L - 2)/n`, Q = D - U; for Cox
    models n is :math:`L_0`. g is Gini's mean difference of the linear predictor. As rms::validate, which keeps the
    knots of the first fit where they are learnt anew here. `optimism_bootstrap` has other indices for whole pipelines.

    *How to read it.* ``corrected`` is what to expect in new patients of the same kind. A corrected slope of 0.8 says
    that predictions are too extreme by a quarter; `d` minus `u` is `q`, overall quality; a large `u` is miscalibration.

    Source: Harrell, Regression Modeling Strategies, 2015, section 5.3, doi:10.1007/978-3-319-19425-7.

    Examples
    --------
    >>> from radiokit.models import LogisticModel
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame({"age": rng.normal(60, 9, 100)})
    >>> data["y"] = (data["age"] + rng.normal(0, 9, 100) > 60).astype(int)
    >>> table = validate(LogisticModel("y ~ rcs(age, 3)"), data, n_bootstraps=20, random_state=0)
    >>> bool(table.loc["slope", "corrected"] < table.loc["slope", "original"])
    True
    """
    check_choice(method, ("bootstrap", "crossvalidation"), name="method")
    check_count(n_bootstraps, 1, name="n_bootstraps")
    cases = _cases(model, data, groups)
    X, target = cases.frame, cases.target
    survival = bool(target.dtype.names)
    names = COX if survival else LOGISTIC
    original = _indices(target, _linear_predictor(_fitted(model, X, target), X), own=True)
    if method == "bootstrap":
        drawn, everyone = _resamples(resamples, cases, n_bootstraps, random_state), np.arange(target.size)
        pairs = [_learnt_and_judged(model, X, target, rows, everyone) for rows in drawn]
    else:
        fold = patient_folds(target, cases.patients, FOLDS, spawn_seeds(random_state, 1)[0])
        parts = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]
        pairs = [_learnt_and_judged(model, X, target, *part) for part in parts]
    used = [pair for pair in pairs if pair is not None]
    if not used:
        raise OutcomeError(f"None of {len(pairs)} resamples could be fitted; the cohort is too small for this model.")
    if len(used) < len(pairs):
        warnings.warn(
            f"{len(pairs) - len(used)} of {len(pairs)} resamples could not be fitted (a level absent, one class, "
            "separation) and are left out.",
            DataWarning,
            stacklevel=2,
        )
    training, test = np.array(used).mean(axis=0)
    table = pd.DataFrame(
        {"original": original, "training": training, "test": test, "optimism": training - test},
        index=pd.Index(names, name="index"),
    )
    table["corrected"] = table["original"] - table["optimism"] if method == "bootstrap" else table["test"]
    if not survival:
        table = _with_largest_error(table)
    return table.assign(n=len(used))


def _cases(model: BaseEstimator, data: pd.DataFrame | tuple[Cases, Outcome], groups: ArrayLike | None) -> Rows:
    """Take features, checked outcome and patients of the complete rows."""
    if isinstance(data, tuple) and len(data) == 2:
        return check_data(*data, groups)
    formula = getattr(model, "formula", None)
    if not isinstance(data, pd.DataFrame) or formula is None:
        raise InputError(
            f"data is {type(data).__name__}; required: a table for a model with a formula, or a tuple (X, y)."
        )
    read = model_frame(formula, data)
    response = list(read.design.response)
    columns = [column.values(read.frame) for column in parse_formula(formula).response]
    if len(columns) == 2:
        y: Outcome = as_survival_target(columns[1], columns[0])
    else:
        (labels,) = columns
        y = check_binary_target(labels == np.unique(labels)[-1], name=response[0])
    beside = None if groups is None else np.asarray(groups)[read.rows]
    return check_data(read.frame.drop(columns=response), y, beside)


def _resamples(given: ArrayLike | None, cases: Rows, n_bootstraps: int, random_state: Seed) -> list[NDArray[np.intp]]:
    if given is None:
        seeds = spawn_seeds(random_state, n_bootstraps)
        return [resample_patients(cases.patients, np.random.default_rng(seed)) for seed in seeds]
    rows = np.asarray(given)
    n = len(cases.target)
    if rows.ndim != 2 or rows.dtype.kind not in "iu" or rows.size == 0 or rows.min() < 0 or rows.max() >= n:
        raise InputError(f"resamples has shape {rows.shape}; required: (B, {n}), row positions from 0 to {n - 1}.")
    return list(np.argsort(cases.order)[rows])


def _learnt_and_judged(
    model: BaseEstimator, X: pd.DataFrame, y: Target, learnt: NDArray[np.intp], judged: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray] | None:
    """Return the indices of a model on the rows it was fitted to and on others; None where it could not be fitted."""
    try:
        lp = _linear_predictor(_fitted(model, X.iloc[learnt], y[learnt]), X)
        return _indices(y[learnt], lp[learnt], own=True), _indices(y[judged], lp[judged], own=False)
    except (RadiokitError, SeparationWarning, np.linalg.LinAlgError):
        return None


def _fitted(model: BaseEstimator, X: pd.DataFrame, y: Target) -> BaseEstimator:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SeparationWarning)
        return clone(model).fit(X, y if y.dtype.names else y.astype(int))


def _linear_predictor(model: Any, X: pd.DataFrame) -> FloatArray:
    if has_decision(model):
        return np.asarray(model.decision_function(X), dtype=float)
    if has_probabilities(model):
        return logit(np.clip(np.asarray(model.predict_proba(X), dtype=float)[:, 1], 1e-12, 1 - 1e-12))
    return np.asarray(model.predict(X), dtype=float)


def _indices(y: Target, lp: FloatArray, *, own: bool) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SeparationWarning)
        found = cox_indices(y, lp, own=own) if y.dtype.names else logistic_indices(y, lp)
    if not np.isfinite(found).all():
        raise OutcomeError("An index is not defined: one class, no comparable pair, or a constant prediction.")
    return found


def _with_largest_error(table: pd.DataFrame) -> pd.DataFrame:
    """Add the row of the largest error of the corrected calibration, after the slope as rms prints it."""
    corrected = largest_miscalibration(table.loc["intercept", "corrected"], table.loc["slope", "corrected"])
    row = pd.DataFrame(
        {"original": 0.0, "training": 0.0, "test": corrected, "optimism": -corrected, "corrected": corrected},
        index=pd.Index(["e_max"], name="index"),
    )
    return pd.concat([table.iloc[:4], row, table.iloc[4:]])
