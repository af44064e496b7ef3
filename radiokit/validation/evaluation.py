"""Frozen models on new cases: accuracy with intervals, comparisons, decision curves. Training is refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit import stats
from radiokit.engine.wald import wald
from radiokit.exceptions import DataWarning, InputError, LeakageError
from radiokit.utils import level_key, same_rows, spawn_seeds
from radiokit.validation._folds import check_data, score
from radiokit.validation._predictions import Predictions
from radiokit.validation.concordance import concordances
from radiokit.validation.metrics import accuracy, bootstrap_intervals, metric_names


def evaluate(
    models: Any,
    X: pd.DataFrame,
    y: Any,
    *,
    groups: ArrayLike | None = None,
    source: str = "test",
    training_ids: Any = None,
    centers: ArrayLike | None = None,
    training_centers: Any = None,
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
        Features of the new cases; the index holds the case ids.
    y : array-like of shape (n,)
        Binary outcome or survival target.
    groups : array-like of shape (n,), optional
        Patient of each row.
    source : {"test", "external"}
        What the cases are; ``"external"`` for centres that gave no case to training, for which `centers` and
        `training_centers` have to speak.
    training_ids : array-like, optional
        Ids (or, with `groups`, patients) of the training cases: a case that was trained on is refused. Without them
        nobody can know, which is said.
    centers : array-like of shape (n,), optional
        Centre of each row.
    training_centers : array-like, optional
        Centres of the training cases.
    confidence_level : float
        Of the intervals.
    n_bootstraps : int
        Resamples of patients for the intervals that have no closed form.
    random_state : int or None
        Their seed.

    Returns
    -------
    DataFrame
        A row a model and metric: `model, metric, estimate, ci_low, ci_high, method, n, n_events`. Binary: `auc, dxy,
        calibration_intercept, calibration_slope, brier, r2`; survival: `c_index, dxy, calibration_slope`.

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
        _earn_external(centers, training_centers, len(frame))
    if training_ids is None and source == "test":
        warnings.warn(
            "Nobody checked that these cases are new to the models; give `training_ids`, the ids of those they were "
            "fitted to, and a case that was trained on is refused.",
            DataWarning,
            stacklevel=2,
        )
    if training_ids is not None:
        known = {str(i).strip() for i in np.asarray(training_ids).tolist()}  # 7 is "7", and "P7 " is "P7"
        both = zip(ids.tolist(), patients.tolist(), strict=True)
        seen = [i for i, g in both if str(i).strip() in known or str(g).strip() in known]
        if seen:
            raise LeakageError(
                f"{len(seen)} of {len(ids)} cases were in training ({', '.join(map(str, seen[:5]))}); required: none. "
                "Drop them, or validate by nested_cv."
            )
    named = models if isinstance(models, Mapping) else {type(models).__name__: models}
    survival = bool(target.dtype.names)
    kind = "risk" if survival else "probability"
    made = {
        name: Predictions(target, **{kind: score(m, frame, survival)}, ids=ids, groups=patients, source=source)
        for name, m in named.items()
    }
    return performance(made, confidence_level=confidence_level, n_bootstraps=n_bootstraps, random_state=random_state)


def _earn_external(centers: Any, training_centers: Any, n: int) -> None:
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


def performance(
    predictions: Predictions | Mapping[str, Predictions],
    *,
    confidence_level: float = 0.95,
    n_bootstraps: int = 500,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Accuracy of frozen predictions, with intervals by patient.

    Parameters
    ----------
    predictions : Predictions, or mapping of model name to Predictions
        Of any source but ``"train"``.
    confidence_level : float
        Of the intervals.
    n_bootstraps : int
        Resamples of patients for intervals without a closed form.
    random_state : int or None
        Their seed.

    Returns
    -------
    DataFrame
        As `evaluate`. For out-of-fold predictions the AUC or C-index compares cases of one fold only.

    Raises
    ------
    LeakageError
        If the predictions are of training cases.

    Examples
    --------
    >>> p = Predictions([0, 1, 0, 1], probability=[0.2, 0.7, 0.4, 0.3], source="test")
    >>> performance(p).loc[0, ["metric", "estimate", "method"]].tolist()
    ['auc', np.float64(0.75), 'delong']
    """
    named = predictions if isinstance(predictions, Mapping) else {"model": predictions}
    seed = spawn_seeds(random_state, 1)[0]
    return pd.concat(
        [_one(name, p, confidence_level, n_bootstraps, seed) for name, p in named.items()], ignore_index=True
    )


def _one(name: str, p: Predictions, confidence_level: float, n_bootstraps: int, seed: int) -> pd.DataFrame:
    p.require_validation("Accuracy")
    names = metric_names(p.survival)
    single = len(pd.unique(p.repeat)) == 1
    estimates = accuracy(p.y_true, p.score)
    limits = np.full((2, len(names)), np.nan)
    method = ["bootstrap by patient" if single else "pooled, no interval"] * len(names)
    if single:
        limits = bootstrap_intervals(p, n_bootstraps=n_bootstraps, confidence_level=confidence_level, seed=seed)
    estimates[0], limits[0, 0], limits[1, 0], method[0] = concordance_with_interval(p, confidence_level)
    table = pd.DataFrame(
        {
            "model": name,
            "metric": names,
            "estimate": estimates,
            "ci_low": limits[0],
            "ci_high": limits[1],
            "method": method,
        }
    )
    table.loc[1, ["estimate", "ci_low", "ci_high"]] = 2 * table.loc[0, ["estimate", "ci_low", "ci_high"]] - 1
    table.loc[1, "method"] = method[0]
    return table.assign(n=p.n, n_events=p.n_events)


def _one_model(p: Predictions) -> bool:
    """Whether one model scored all rows, so that all of them may be ranked together."""
    return p.source != "out-of-fold"


def concordance_with_interval(p: Predictions, confidence_level: float) -> tuple[float, float, float, str]:
    """AUC or C-index with the interval that its source allows, and the name of the method."""
    if _one_model(p) and not p.survival and p.events.any() and not p.events.all():
        area = stats.auc(p.y_true, p.probability, groups=p.groups, confidence_level=confidence_level)
        return area.auc, area.ci_low, area.ci_high, area.method
    exact = concordances([p])
    method = "within-fold pairs" if p.source == "out-of-fold" else "pairs of patients"
    return (float(exact.estimates[0]), *exact.interval(confidence_level), method)


def compare_models(
    predictions: Mapping[str, Predictions], *, adjust: str = "holm", confidence_level: float = 0.95
) -> pd.DataFrame:
    """Compare the AUC or C-index of models on the same cases, each pair once.

    Parameters
    ----------
    predictions : mapping of model name to Predictions
        Of the same cases in the same order, none of them training.
    adjust : str
        Adjustment of the p-values over the pairs, in R's names.
    confidence_level : float
        Of the interval of the difference.

    Returns
    -------
    DataFrame
        Columns `model_a, model_b, auc_a, auc_b, difference, se, ci_low, ci_high, statistic, p_value, p_adjusted,
        method` (`c_index_a, c_index_b` for survival); ``difference = a - b``.

    Raises
    ------
    LeakageError
        If the predictions are of training cases.
    InputError
        If the models did not predict the same rows.

    Notes
    -----
    DeLong's test where one model scored all cases, with Obuchowski's variance where patients have several rows
    (`radiokit.stats.delong_test`). For out-of-fold predictions and survival the difference of the concordances within
    folds with its variance over pairs of patients. No test where there is no estimate, or no variance to judge it by
    (one class, one patient of a class): NaN.

    **How to read it.** No difference shown is not equality shown: read the interval.

    Examples
    --------
    >>> y = [0, 1, 0, 1, 1, 0]
    >>> a = Predictions(y, probability=[0.2, 0.7, 0.4, 0.3, 0.9, 0.1], source="test")
    >>> b = Predictions(y, probability=[0.3, 0.6, 0.7, 0.2, 0.8, 0.1], source="test")
    >>> compare_models({"a": a, "b": b})[["model_a", "model_b", "method"]].values.tolist()
    [['a', 'b', 'delong']]
    """
    named = list(predictions.items())
    for _, p in named:
        p.require_validation("A test of the difference between models")
        _require_same_rows(named[0][1], p)
    if len(named) < 2:
        raise InputError(f"compare_models got {len(named)} model; required: at least 2.")
    rows = [_compare(a, b, confidence_level) for a, b in combinations(named, 2)]
    table = pd.DataFrame(rows)
    table.insert(
        list(table.columns).index("p_value") + 1, "p_adjusted", stats.adjust_pvalues(table["p_value"], method=adjust)
    )
    return table


def _require_same_rows(a: Predictions, b: Predictions) -> None:
    same = a.ids.shape == b.ids.shape and all(
        (getattr(a, name) == getattr(b, name)).all() for name in ("ids", "groups", "fold", "repeat", "y_true")
    )
    if not same:
        raise InputError(
            "The models did not predict the same cases in the same order; required: one set of rows for all."
        )


def _compare(one: tuple[str, Predictions], other: tuple[str, Predictions], confidence_level: float) -> dict[str, Any]:
    (name_a, a), (name_b, b) = one, other
    kind = "c_index" if a.survival else "auc"
    if _one_model(a) and not a.survival and a.events.any() and not a.events.all():
        test = stats.delong_test(
            a.y_true, a.probability, b.probability, groups=a.groups, confidence_level=confidence_level
        )
        values: tuple[float, ...] = (
            test.auc_a,
            test.auc_b,
            test.difference,
            test.se,
            test.ci_low,
            test.ci_high,
            test.statistic,
            test.p_value,
        )
        method = "delong" if len(np.unique(a.groups)) == a.groups.size else "obuchowski"
    else:
        values, method = (
            _dyad_test(a, b, confidence_level),
            "within-fold pairs" if a.source == "out-of-fold" else "pairs of patients",
        )
    names = (f"{kind}_a", f"{kind}_b", "difference", "se", "ci_low", "ci_high", "statistic", "p_value")
    return {"model_a": name_a, "model_b": name_b, **dict(zip(names, values, strict=True)), "method": method}


def _dyad_test(a: Predictions, b: Predictions, confidence_level: float) -> tuple[float, ...]:
    both = concordances([a, b])
    difference = float(both.estimates[0] - both.estimates[1])
    variance = both.variance([1, -1])
    se = float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else np.nan
    test = wald(difference, se, confidence_level=confidence_level)
    low, high = np.clip([test.ci_low, test.ci_high], -1, 1)
    return (*map(float, both.estimates), difference, se, float(low), float(high), test.statistic, test.p_value)


def net_benefit(predictions: Mapping[str, Predictions], *, thresholds: ArrayLike | None = None) -> pd.DataFrame:
    """Decision curves of models on the same cases, training refused.

    Parameters
    ----------
    predictions : mapping of model name to Predictions
        Of the same cases in the same order, with a binary outcome, none of them training.
    thresholds : array-like, optional
        Probabilities at which a patient would be treated. If absent, 50 values over a range derived from the
        prevalence: from a quarter of its odds to four times its odds.

    Returns
    -------
    DataFrame
        As `radiokit.stats.decision_curve`.

    Raises
    ------
    LeakageError
        If the predictions are of training cases.
    InputError
        If the outcome is a survival one, or the rows differ.

    Notes
    -----
    **How to read it.** Only thresholds that a clinician would use count; a model is worth having there if it lies above
    both "all" and "none". Repeats of a cross-validation are averaged.

    Examples
    --------
    >>> p = Predictions([0, 1, 0, 1], probability=[0.2, 0.7, 0.4, 0.3], source="test")
    >>> net_benefit({"model": p}, thresholds=[0.25])["model"].tolist()
    ['all', 'none', 'model']
    """
    named = dict(predictions)
    first = next(iter(named.values()))
    for p in named.values():
        p.require_validation("A decision curve")
        _require_same_rows(first, p)
        if p.survival:
            raise InputError(
                "net_benefit takes a binary outcome; for survival use radiokit.stats.decision_curve with time=."
            )
    points = threshold_range(float(first.y_true.mean())) if thresholds is None else np.asarray(thresholds, dtype=float)
    curves = []
    for repeat in pd.unique(first.repeat):
        rows = first.repeat == repeat
        table = pd.DataFrame({name: p.probability[rows] for name, p in named.items()})
        curves.append(stats.decision_curve(first.y_true[rows], table, thresholds=points))
    if len(curves) == 1:
        return curves[0]
    numbers = [c for c in curves[0].columns if c != "model"]
    mean = curves[0].copy()
    mean[numbers] = np.mean([c[numbers].to_numpy(dtype=float) for c in curves], axis=0)
    return mean


def threshold_range(prevalence: float, points: int = 50) -> np.ndarray:
    """Thresholds from a quarter of the odds of the prevalence to four times them."""
    odds = np.clip(prevalence, 0.01, 0.99) / (1 - np.clip(prevalence, 0.01, 0.99))
    low, high = odds / 4 / (1 + odds / 4), 4 * odds / (1 + 4 * odds)
    return np.linspace(low, high, points)
