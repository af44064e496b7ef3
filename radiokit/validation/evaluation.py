"""Frozen predictions of new cases: accuracy with intervals, comparisons, decision curves. Training is refused."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit import stats
from radiokit.engine.wald import wald
from radiokit.exceptions import InputError
from radiokit.utils import spawn_seeds
from radiokit.validation._predictions import Predictions
from radiokit.validation.concordance import concordances
from radiokit.validation.metrics import accuracy, bootstrap_intervals, metric_names

TESTED = ("difference", "se", "ci_low", "ci_high", "statistic", "p_value")


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
    {confidence_level}
    {n_bootstraps}
        Of patients, for intervals without a closed form.
    {random_state}

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
    found = {"estimate": estimates, "ci_low": limits[0], "ci_high": limits[1], "method": method}
    table = pd.DataFrame({"model": name, "metric": names, **found})
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
    {confidence_level}

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
        found = test.to_frame().iloc[0]
        values: tuple[float, ...] = (test.auc_a, test.auc_b, *found[list(TESTED)])
        method = "delong" if len(np.unique(a.groups)) == a.groups.size else "obuchowski"
    else:
        values = _dyad_test(a, b, confidence_level)
        method = "within-fold pairs" if a.source == "out-of-fold" else "pairs of patients"
    names = (f"{kind}_a", f"{kind}_b", *TESTED)
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
