"""How sure a decision curve is: bootstrap bands and differences between models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.inputs import FloatArray, Seed, SurvivalOutcome, check_level
from radiokit.exceptions import InputError
from radiokit.stats._decision import DecisionProblem
from radiokit.utils import parallel_map, spawn_seeds


def decision_curve_band(
    y_true: ArrayLike | SurvivalOutcome,
    probabilities: pd.DataFrame | Mapping[str, ArrayLike],
    *,
    thresholds: ArrayLike | None = None,
    prevalence: float | None = None,
    time: float | None = None,
    harm: Mapping[str, float] | None = None,
    n_bootstraps: int = 1000,
    confidence_level: float = 0.95,
    random_state: Seed = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Decision curves with a pointwise bootstrap band of the net benefit.

    Parameters
    ----------
    {decision_inputs} {decision_options} {n_bootstraps} {confidence_level} {random_state} {n_jobs}

    Returns
    -------
    DataFrame
        The table of `decision_curve` with ``ci_low`` and ``ci_high`` of ``net_benefit``.

    Raises
    ------
    OutcomeError
        As in `decision_curve`.
    InputError
        As in `decision_curve`, or if `n_bootstraps` is below 2.

    Notes
    -----
    Percentile bootstrap over patients with fixed predictions; within cases and within controls where `prevalence` is
    given (doi:10.1186/1472-6947-8-53). The models are not refitted, so the band shows how the sampling of
    the tested patients changes the curve, not how training does. *How to read it.* Overlapping bands of two models
    allow no conclusion: both are measured on the same patients. Use `decision_curve_difference`.

    Examples
    --------
    >>> y, p = [0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.6]
    >>> table = decision_curve_band(y, {"model": p}, thresholds=[0.3], n_bootstraps=50, random_state=0)
    >>> table.columns[-2:].tolist()
    ['ci_low', 'ci_high']
    """
    problem = DecisionProblem(y_true, probabilities, thresholds, prevalence, time, harm)
    curves = _bootstrap(problem, n_bootstraps, random_state, n_jobs)
    table = problem.curves()
    low, high = _percentiles(curves, confidence_level)
    known = table["net_benefit"].notna().to_numpy()
    return table.assign(ci_low=np.where(known, low.ravel(), np.nan), ci_high=np.where(known, high.ravel(), np.nan))


def decision_curve_difference(
    y_true: ArrayLike | SurvivalOutcome,
    probabilities: pd.DataFrame | Mapping[str, ArrayLike],
    *,
    reference: str | None = None,
    thresholds: ArrayLike | None = None,
    prevalence: float | None = None,
    time: float | None = None,
    harm: Mapping[str, float] | None = None,
    n_bootstraps: int = 1000,
    confidence_level: float = 0.95,
    random_state: Seed = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Differences in net benefit between models, with bootstrap intervals.

    Parameters
    ----------
    {decision_inputs}
    reference : str, optional
        Compare each model with this one, which may be ``"all"`` or ``"none"``; default all pairs of models, or with one
        model only, ``"all"`` and ``"none"``.
    {decision_options} {n_bootstraps} {confidence_level} {random_state} {n_jobs}

    Returns
    -------
    DataFrame
        One row per pair and threshold: ``model_a, model_b, threshold, difference, se, ci_low, ci_high``; ``difference``
        is net benefit of a minus that of b.

    Raises
    ------
    OutcomeError
        As in `decision_curve`.
    InputError
        As in `decision_curve`, or if `reference` names no model.

    Notes
    -----
    Percentile bootstrap over patients; both models see the same resampled patients (doi:10.1186/1472-6947-8-53,
    doi:10.1177/0272989X12446069). *How to read it.* An interval above 0 at the thresholds of interest says that a is
    better for decisions in patients like these. Intervals are pointwise: over many thresholds some exclude 0 by chance.

    Examples
    --------
    >>> y, p, q = [0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.6], [0.5, 0.2, 0.3, 0.9, 0.1, 0.4]
    >>> table = decision_curve_difference(y, {"p": p, "q": q}, thresholds=[0.45], n_bootstraps=50, random_state=0)
    >>> table[["model_a", "model_b"]].values.tolist()
    [['p', 'q']]
    """
    problem = DecisionProblem(y_true, probabilities, thresholds, prevalence, time, harm)
    names = ["all", "none", *problem.models]
    pairs = _pairs(list(problem.models), reference)
    curves = _bootstrap(problem, n_bootstraps, random_state, n_jobs)
    whole = np.arange(problem.n)
    estimate = {name: problem.table(name, whole)["net_benefit"].to_numpy() for name in names}
    parts = []
    for a, b in pairs:
        replicates = curves[:, names.index(a)] - curves[:, names.index(b)]
        low, high = _percentiles(replicates, confidence_level)
        difference = estimate[a] - estimate[b]
        known = ~np.isnan(difference)
        columns = {"difference": difference, "se": _spread(replicates), "ci_low": low, "ci_high": high}
        part = pd.DataFrame({name: np.where(known, values, np.nan) for name, values in columns.items()})
        part.insert(0, "threshold", problem.thresholds)
        part.insert(0, "model_b", b)
        part.insert(0, "model_a", a)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _bootstrap(problem: DecisionProblem, n_bootstraps: int, random_state: Seed, n_jobs: int | None) -> FloatArray:
    """Net benefit of every replicate, model (all, none, ...) and threshold."""
    if n_bootstraps < 2:
        raise InputError(f"n_bootstraps is {n_bootstraps}; required: 2 or more.")
    names = ("all", "none", *problem.models)

    def replicate(seed: int) -> FloatArray:
        rng = np.random.default_rng(seed)
        cases = np.concatenate([rng.choice(stratum, stratum.size) for stratum in problem.strata])
        return np.array([problem.net_benefit(name, cases) for name in names])

    return np.array(parallel_map(replicate, spawn_seeds(random_state, n_bootstraps), n_jobs=n_jobs))


def _percentiles(replicates: FloatArray, confidence_level: float) -> tuple[FloatArray, FloatArray]:
    """Percentiles over the replicates that are defined (with survival outcomes some are not)."""
    tail = (1 - check_level(confidence_level)) / 2
    empty = np.isnan(replicates).all(axis=0)
    filled = np.where(empty, 0.0, replicates)
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _spread(replicates: FloatArray) -> FloatArray:
    known = ~np.isnan(replicates)
    n = known.sum(axis=0)
    centre = np.where(known, replicates, 0.0).sum(axis=0) / np.maximum(n, 1)
    square = np.where(known, (replicates - centre) ** 2, 0.0).sum(axis=0)
    return np.where(n > 1, np.sqrt(square / np.maximum(n - 1, 1)), np.nan)


def _pairs(models: list[str], reference: str | None) -> list[tuple[str, str]]:
    if reference is None and len(models) > 1:
        return [(a, b) for i, a in enumerate(models) for b in models[i + 1 :]]
    if reference is not None and reference not in ("all", "none", *models):
        raise InputError(f"reference is {reference!r}; required: 'all', 'none' or one of {', '.join(models)}.")
    others = ("all", "none") if reference is None else (reference,)
    return [(a, b) for a in models for b in others if a != b]
