"""The calibration curve with its optimism taken away."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from radiokit.engine.inputs import Seed
from radiokit.engine.lowess import lowess
from radiokit.exceptions import DataWarning, OutcomeError
from radiokit.utils import drop_warnings, is_survival_target, spawn_seeds
from radiokit.utils.estimators import Cases
from radiokit.validation._folds import check_data, fit, prepare, refuse_fitted, score
from radiokit.validation.optimism import bootstrap_statistic


def calibration_curve_corrected(
    estimator: BaseEstimator,
    X: Cases,
    y: ArrayLike,
    *,
    grid: ArrayLike | None = None,
    n_bootstraps: int = 200,
    groups: ArrayLike | None = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    progress: bool = False,
    cache: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Smooth calibration curve of a whole pipeline, apparent and corrected for optimism, as rms::calibrate.

    Parameters
    ----------
    estimator : estimator
        Unfitted classifier with ``predict_proba``; everything that looks at the outcome must be inside it.
    {X_gaps}
    y : array-like of shape (n,)
        Binary outcome.
    grid : array-like, optional
        Predicted probabilities where the curve is wanted; 50 values between the 5th lowest and 5th highest apparent
        prediction if absent.
    {n_bootstraps} {groups}
        Patients are resampled, with all their rows.
    {random_state}
        Of the resamples, and of everything random inside the estimator.
    {n_jobs} {progress}
    {cache}

    Returns
    -------
    DataFrame
        Columns `predicted, apparent, training, test, optimism, corrected, n_bootstraps`.

    Raises
    ------
    OutcomeError
        If the outcome is not binary, or no resample could be fitted.

    Notes
    -----
    The smoother is R's lowess with span 2/3 and no robustness iterations, at given predictions; the optimism of the
    smoothed observed proportion at each grid point is averaged over resamples (see `optimism_bootstrap`).

    **How to read it.** The corrected curve under the diagonal at high predictions: high risks are overstated.

    References
    ----------
    Harrell, Regression Modeling Strategies, 2015, section 5.3, doi 10.1007/978-3-319-19425-7.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"volume": range(20)})
    >>> y = [0] * 8 + [1, 0, 1, 0] + [1] * 8
    >>> curve = calibration_curve_corrected(LogisticRegression(), X, y, grid=[0.5], n_bootstraps=5, random_state=0)
    >>> curve["predicted"].tolist()
    [0.5]
    """
    if is_survival_target(y):
        raise OutcomeError("calibration_curve_corrected takes a binary outcome; this is a survival target.")
    points = np.asarray(_grid(estimator, X, y, groups, random_state) if grid is None else grid, dtype=float)
    result = bootstrap_statistic(
        estimator, X, y, partial(smooth, grid=points),
        n_bootstraps=n_bootstraps, groups=groups, random_state=random_state,
        n_jobs=n_jobs, progress=progress, cache=cache,
    )  # fmt: skip
    return result.table(predicted=points)


def _grid(
    estimator: BaseEstimator, X: Cases, y: ArrayLike, groups: ArrayLike | None, random_state: Seed
) -> NDArray[np.float64]:
    """Grid of the apparent predictions."""
    with drop_warnings(DataWarning):  # the bootstrap looks at the same rows and warns
        rows = check_data(X, y, groups)
    seed = spawn_seeds(random_state, 1)[0] if not isinstance(random_state, np.random.Generator) else 0
    refuse_fitted(estimator)
    model = prepare(estimator, rows.target, rows.patients, None, seed)
    return default_grid(score(fit(model, rows.frame, rows.target), rows.frame, False))


def default_grid(probability: NDArray[np.float64], points: int = 50) -> NDArray[np.float64]:
    """Evenly spaced predictions where there are cases on both sides."""
    ordered = np.sort(probability)
    margin = min(4, (ordered.size - 1) // 2)
    return np.linspace(ordered[margin], ordered[-1 - margin], points)


def smooth(y: NDArray[np.bool_], probability: NDArray[np.float64], *, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Observed proportion by lowess at the grid; outside the predictions the curve stays level."""
    if np.ptp(probability) == 0:
        return np.full(grid.size, y.mean())
    predicted, place = np.unique(probability, return_index=True)
    return np.interp(grid, predicted, lowess(probability, y.astype(float))[place])
