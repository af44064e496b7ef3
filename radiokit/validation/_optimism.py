"""Harrell's optimism bootstrap: the whole pipeline is built again in every resample."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from radiokit.exceptions import DataWarning, OutcomeError, ParameterError, RadiokitError
from radiokit.utils import spawn_seeds
from radiokit.validation._folds import check_data, events_of, fit, prepare, score
from radiokit.validation._metrics import accuracy, metric_names, resample_patients
from radiokit.validation._resume import data_key, replicate_map, summarise_warnings

Statistic = Callable[[NDArray[Any], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Optimism:
    """A vector statistic, apparent, and in each resample on the resample (`training`) and on all cases (`test`)."""

    apparent: NDArray[np.float64]
    training: NDArray[np.float64]
    test: NDArray[np.float64]
    warnings: tuple[str, ...]

    def table(self, **labels: Any) -> pd.DataFrame:
        """One row a component: the apparent value less the mean optimism of the resamples where it exists."""
        differences = self.training - self.test
        used = np.isfinite(differences)
        count = used.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            training, test = (np.where(used, v, 0).sum(axis=0) / count for v in (self.training, self.test))
        optimism = training - test
        return pd.DataFrame(
            {
                **labels,
                "apparent": self.apparent,
                "training": training,
                "test": test,
                "optimism": optimism,
                "corrected": self.apparent - optimism,
                "n_bootstraps": count,
            }
        )


def optimism_bootstrap(
    estimator: BaseEstimator,
    X: pd.DataFrame | ArrayLike,
    y: Any,
    *,
    n_bootstraps: int = 1000,
    groups: ArrayLike | None = None,
    random_state: int | np.random.Generator | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    cache: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    r"""Correct the apparent accuracy of a whole pipeline for its optimism, as rms::validate.

    Parameters
    ----------
    estimator : estimator
        Unfitted; everything that looks at the outcome (selection, tuning, cut-offs) must be inside it.
    X : DataFrame or array-like of shape (n, p)
        Features, one row a case.
    y : array-like of shape (n,)
        Binary outcome or survival target.
    n_bootstraps : int
        Number of resamples.
    groups : array-like of shape (n,), optional
        Patient of each row: patients are resampled, with all their rows.
    random_state : int, Generator or None
        Seed of the resamples and of everything random inside the estimator.
    n_jobs : int or None
        joblib workers; never changes the result.
    progress : bool
        Show a bar on standard error.
    cache : path, optional
        Folder of finished resamples; a run that was killed goes on where it was.

    Returns
    -------
    DataFrame
        A row a metric: `metric, apparent, training, test, optimism, corrected, n_bootstraps`. Metrics of a binary
        outcome: `auc, dxy, calibration_intercept, calibration_slope, brier, r2` (Nagelkerke, of the recalibrated
        score); of a survival outcome: `c_index` (Harrell), `dxy, calibration_slope`. What the fits warned of is in
        ``attrs["warnings"]``.

    Raises
    ------
    OutcomeError
        If the outcome is not valid, or no resample could be fitted.

    Warns
    -----
    DataWarning
        If some resamples could not be fitted (one class only, say); they are left out and counted.

    Notes
    -----
    In each resample b the pipeline is fitted anew. Its optimism is the index on the resample less the index on the
    original cases, and the mean optimism is taken from the apparent index:

    .. math:: \theta_{corrected} = \theta_{apparent} - \frac1B \sum_b (\theta_{b,b} - \theta_{b,orig}).

    A resample holds some patients several times. Where the estimator counts folds in a parameter `cv`, all copies of a
    patient stay in one inner fold, lest the tuning see its own test cases.

    **How to read it.** ``corrected`` is what to expect in new patients from the same source. A corrected slope of 0.8
    says that predictions are too extreme by a quarter. With very many features and few cases the bootstrap corrects too
    little; read it beside nested cross-validation. A statistic without resampling error has no interval here.

    References
    ----------
    Harrell, Lee and Mark, Statistics in Medicine 1996, doi
    10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4. Steyerberg et al., Journal of Clinical
    Epidemiology 2001, doi 10.1016/S0895-4356(01)00341-9.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"volume": range(20)})
    >>> y = [0] * 8 + [1, 0, 1, 0] + [1] * 8
    >>> table = optimism_bootstrap(LogisticRegression(), X, y, n_bootstraps=20, random_state=0)
    >>> table["metric"].tolist()
    ['auc', 'dxy', 'calibration_intercept', 'calibration_slope', 'brier', 'r2']
    """
    result = bootstrap_statistic(
        estimator, X, y, accuracy,
        n_bootstraps=n_bootstraps, groups=groups, random_state=random_state,
        n_jobs=n_jobs, progress=progress, cache=cache,
    )  # fmt: skip
    survival = bool(check_data(X, y, groups)[1].dtype.names)
    table = result.table(metric=list(metric_names(survival)))
    table.attrs["warnings"] = result.warnings
    return table


def bootstrap_statistic(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    statistic: Statistic,
    *,
    n_bootstraps: int,
    groups: ArrayLike | None,
    random_state: int | np.random.Generator | None,
    n_jobs: int | None,
    progress: bool,
    cache: str | os.PathLike[str] | None,
    description: str = "Bootstrap",
) -> Optimism:
    """Apparent value and optimism of any vector statistic of (outcome, score)."""
    if n_bootstraps < 1:
        raise ParameterError(f"n_bootstraps is {n_bootstraps}; required: at least 1.")
    frame, target, patients, _ = check_data(X, y, groups)
    first, *seeds = spawn_seeds(random_state, 1 + n_bootstraps)
    whole = fit(prepare(estimator, target, patients, None, first), frame, target)
    apparent = statistic(target, score(whole, frame, bool(target.dtype.names)))
    task = partial(_resample, estimator=estimator, X=frame, y=target, groups=patients, statistic=statistic)
    key = (
        data_key(f"bootstrap {_name(statistic)}", estimator, frame, target, patients, seeds)
        if cache is not None
        else ""
    )
    replicates = replicate_map(
        task, seeds, key=key, cache=cache, n_jobs=n_jobs, progress=progress, description=description
    )
    pairs = np.array([r.values.reshape(2, -1) for r in replicates])
    failed = int(np.isnan(pairs).all(axis=(1, 2)).sum())
    if failed == n_bootstraps:
        raise OutcomeError("No resample could be fitted; the cohort is too small for this estimator.")
    if failed:
        warnings.warn(
            f"{failed} of {n_bootstraps} resamples could not be fitted and are left out.", DataWarning, stacklevel=3
        )
    return Optimism(apparent, pairs[:, 0], pairs[:, 1], summarise_warnings(replicates))


def _name(statistic: Statistic) -> str:
    return getattr(statistic, "__qualname__", repr(statistic))


def _resample(seed: int, *, estimator: Any, X: Any, y: Any, groups: Any, statistic: Statistic) -> NDArray[np.float64]:
    rows = resample_patients(groups, np.random.default_rng(seed))
    drawn = y[rows]
    length = statistic(y, np.full(y.size, 0.5)).size
    if not events_of(drawn).any() or (events_of(drawn).all() and not y.dtype.names):
        return np.full(2 * length, np.nan)
    sample = X.iloc[rows].reset_index(drop=True)
    try:
        model = fit(prepare(estimator, drawn, groups[rows], None, seed), sample, drawn)
        survival = bool(y.dtype.names)
        return np.concatenate(
            [statistic(drawn, score(model, sample, survival)), statistic(y, score(model, X, survival))]
        )
    except (RadiokitError, np.linalg.LinAlgError) as error:
        warnings.warn(f"A resample failed: {error}", DataWarning, stacklevel=1)
        return np.full(2 * length, np.nan)
