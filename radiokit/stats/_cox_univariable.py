"""One Cox model per feature, thousands of features at once."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from radiokit.engine.cox import (
    ALIASED,
    DIVERGENT_COEFFICIENT,
    DIVERGENT_PREDICTOR,
    DIVERGENT_STEP,
    RiskSets,
    risk_sets,
    spread,
)
from radiokit.engine.inputs import FloatArray, SurvivalOutcome, check_columns
from radiokit.engine.newton import MAX_ITERATIONS, TOLERANCE
from radiokit.engine.survival_inputs import check_times_events
from radiokit.exceptions import InputError, SeparationWarning
from radiokit.utils import same_rows

# Features per batch: a few megabytes for each array of cases by features.
BATCH_CELLS = 400_000
# Information about the coefficient of a standardised feature below which it cannot be estimated.
FLAT = 1e-6


def cox_univariable(X: pd.DataFrame | ArrayLike, y: SurvivalOutcome, *, ties: str = "efron") -> pd.DataFrame:
    """Fit a Cox model to each feature alone, with Wald tests.

    Parameters
    ----------
    X : DataFrame or array of shape (n, p)
        Finite features.
    {y_survival}
    ties : {"efron", "breslow"}
        How deaths at the same time are counted. Efron's is closer to the truth where ties are many, Breslow's agrees
        with software that knows only it (scikit-survival's default, XGBoost); without ties both are equal.

    Returns
    -------
    DataFrame
        One row per feature: ``feature, coef, se, statistic, p_value`` (Wald). NaN for a constant feature.

    Raises
    ------
    OutcomeError
        If there are no events.
    InputError
        If X has another number of cases than y, or values that are missing.

    Notes
    -----
    The partial likelihood of `radiokit.engine.cox`, its Newton steps taken for all features together; as
    survival::coxph on one covariate after the other (doi:10.1111/j.2517-6161.1972.tb00899.x): :math:`z = b / se`.

    *How to read it.* Each row asks whether the feature alone is tied to the hazard; ``exp(coef)`` is the hazard ratio
    of one unit. Of 1,000 features without any effect 50 have p below 0.05: adjust (`adjust_pvalues`), and do not
    report the smallest p-value as a finding.

    Examples
    --------
    >>> y = pd.DataFrame({"event": [1, 1, 1, 0], "time": [1.0, 2.0, 3.0, 4.0]})
    >>> cox_univariable(pd.DataFrame({"a": [3.0, 1.0, 2.0, 0.0]}), y)["feature"].tolist()
    ['a']
    """
    same_rows(X=X, y=y)
    time, event = check_times_events(y, events=True)
    values, names = check_columns(X)
    if len(values) != time.size:
        raise InputError(f"X has shape {values.shape}; required: ({time.size}, p), one row per case.")
    sets = risk_sets(time, event, ties=ties)
    size = max(1, BATCH_CELLS // time.size)
    parts = [_fit(sets, values[sets.order, start : start + size]) for start in range(0, len(names), size)]
    coef, se, diverged = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else [np.zeros(0)] * 3
    if diverged.any():
        some = [names[i] for i in np.flatnonzero(diverged)[:5]]
        warnings.warn(
            f"{int(diverged.sum())} features order the events perfectly ({some}): their coefficients run to infinity "
            "and their Wald tests mean nothing.",
            SeparationWarning,
            stacklevel=2,
        )
    z = coef / se
    return pd.DataFrame(
        {"feature": names, "coef": coef, "se": se, "statistic": z, "p_value": 2 * stats.norm.sf(np.abs(z))}
    )


def _fit(sets: RiskSets, X: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Coefficients, standard errors and what still diverges, of every column of X (rows as in `sets`)."""
    mean = X.mean(axis=0)
    scale = spread(X - mean, mean, sets.weight)
    Z = (X - mean) / np.where(scale > 0, scale, 1.0)
    beta, step = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    value, score, information = _derivatives(sets, Z, beta)
    known = (information > ALIASED * sets.step_weight.sum()) & (scale > 0)
    running = known.copy()
    for _ in range(MAX_ITERATIONS):
        # Features that have converged leave the arrays.
        rows = np.flatnonzero(running)
        if not rows.size:
            break
        proposal = score[rows] / information[rows]
        last = score[rows] * proposal < TOLERANCE
        step[rows], value[rows], score[rows], information[rows] = _ascend(
            sets, Z[:, rows], beta[rows], value[rows], information[rows], proposal
        )
        beta[rows] += step[rows]
        running[rows[last]] = False
    with np.errstate(divide="ignore", invalid="ignore"):
        coef = np.where(known, beta / scale, np.nan)
        se = np.where(known, 1 / (scale * np.sqrt(information)), np.nan)
    huge = (np.abs(Z * beta).max(axis=0) > DIVERGENT_PREDICTOR) & (np.abs(beta) > DIVERGENT_COEFFICIENT)
    # A likelihood without curvature has been followed to where it is flat.
    return coef, se, known & ((np.abs(step) > DIVERGENT_STEP) | huge | (information < FLAT))


def _ascend(
    sets: RiskSets, Z: FloatArray, beta: FloatArray, value: FloatArray, information: FloatArray, step: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Take each feature's step, halved until its likelihood does not fall by more than rounding."""
    slack = 1e-12 * (1 + np.abs(value))
    for _ in range(30):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            reached, score, curvature = _derivatives(sets, Z, beta + step)
        worse = ~((reached >= value - slack) & (curvature > 0))
        if not worse.any():
            return step, reached, score, curvature
        step = np.where(worse, step / 2, step)
    # Flat to rounding: stay there, with no slope left to follow.
    return (
        np.where(worse, 0.0, step),
        np.where(worse, value, reached),
        np.where(worse, 0.0, score),
        np.where(worse, information, curvature),
    )


def _derivatives(sets: RiskSets, Z: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log partial likelihood of each column alone, its slope and its negative curvature."""
    eta = Z * beta
    risk = sets.weight[:, None] * np.exp(eta)
    total = sets.at_steps(risk)
    mean = sets.at_steps(risk * Z) / total
    square = sets.at_steps(risk * Z**2) / total
    dead = sets.event
    value = sets.weight[dead] @ eta[dead] - sets.step_weight @ np.log(total)
    score = sets.weight[dead] @ Z[dead] - sets.step_weight @ mean
    return value, score, sets.step_weight @ (square - mean**2)
