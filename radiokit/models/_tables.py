"""The univariable and multivariable tables that papers print."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from radiokit.engine.design import check_frame, coefficient_columns, column_design
from radiokit.engine.inputs import check_choice, check_level
from radiokit.exceptions import DataWarning, InputError, SeparationWarning, SmallSampleWarning
from radiokit.models._table_fits import Binary, Survival, table_outcome
from radiokit.utils import drop_warnings, same_rows
from radiokit.utils.estimators import Outcome

EVENTS_PER_PARAMETER = 10
MIN_GAIN = 1e-7  # an AIC lower by no more than rounding is no improvement, as MASS::stepAIC


def univariable_table(
    X: pd.DataFrame, y: Outcome, *, confidence_level: float = 0.95, firth: bool = False
) -> pd.DataFrame:
    """Fit a logistic model, or a Cox model, to each column alone.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        Numbers as they are; text and categorical columns as factors against their first level. Missing values are left
        out column by column.
    {y} {confidence_level}
    firth : bool
        By Firth's penalised likelihood; for a binary outcome.

    Returns
    -------
    DataFrame
        One row for each coefficient (index ``feature``, no intercepts): ``coef, se, statistic, p_value, odds_ratio,
        ci_low, ci_high, variable, level, reference, n, n_events`` (``hazard_ratio`` for a survival outcome); ``level``
        and ``reference`` are empty but for factors. Columns that are constant give NaN.
        `radiokit.stats.format_model_table` makes the printed table of it.

    Raises
    ------
    InputError
        If `X` is not a table or lengths differ.
    OutcomeError
        If `y` is neither binary nor a survival outcome.

    Notes
    -----
    The p-values are not adjusted for the number of columns; `radiokit.stats.adjust_pvalues` does that.

    *How to read it.* Each row asks whether the predictor alone separates the classes. A predictor that matters only
    together with another one, or only because of another one, is judged wrongly here: read it with
    `multivariable_table`, and choose the predictors of that one by knowledge rather than by these p-values.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65], "sex": list("fmfmmf")})
    >>> univariable_table(data, [0, 0, 1, 1, 1, 0]).index.tolist()
    ['age', 'sex=m']
    """
    same_rows(X=X, y=y)
    check_frame(X)
    if not X.shape[1]:
        raise InputError("X has no columns; required: at least one variable.")
    check_level(confidence_level)
    outcome = table_outcome(X, y, confidence_level=confidence_level, firth=firth)
    return pd.concat([_one_variable(X[[c]], outcome) for c in X.columns])


def _one_variable(column: pd.DataFrame, outcome: Binary | Survival) -> pd.DataFrame:
    known = column.iloc[:, 0].notna().to_numpy()
    part, y = column[known], outcome.take(known)
    counts = {"n": int(known.sum()), "n_events": y.n_events}
    if part.iloc[:, 0].nunique() < 2 or not y.rarer:
        empty = pd.DataFrame(
            np.nan,
            index=pd.Index([str(column.columns[0])], name="feature"),
            columns=["coef", "se", "statistic", "p_value", outcome.ratio, "ci_low", "ci_high"],
        )
        return empty.assign(variable=str(column.columns[0]), level="", reference="", **counts)
    labels = coefficient_columns(column_design(part))
    return y.fit(part).summary.drop(index="Intercept", errors="ignore").assign(**labels, **counts)


def multivariable_table(
    X: pd.DataFrame,
    y: Outcome,
    *,
    stepwise: str | None = None,
    confidence_level: float = 0.95,
    firth: bool = False,
) -> pd.DataFrame:
    r"""Fit one logistic or Cox model to all columns, or to those that a stepwise search keeps.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        Numbers as they are; text and categorical columns as factors against their first level. Rows with missing values
        are left out, with a warning.
    {y}
    stepwise : {"backward", "forward", "both"}, optional
        Search by Akaike's criterion as ``MASS::stepAIC``: from the full model down, from the empty one up, or up with
        the option to drop again. Default: all columns stay.
    {confidence_level}
    firth : bool
        Fit the final model by Firth's penalised likelihood; for a binary outcome.

    Returns
    -------
    DataFrame
        One row for each coefficient (index ``feature``, ``Intercept`` first): ``coef, se, statistic, p_value,
        odds_ratio, ci_low, ci_high, variable, level, reference, n, n_events``.

    Raises
    ------
    InputError
        If `X` is not a table, or no row is complete.
    OutcomeError
        If `y` is neither binary nor a survival outcome.

    Warns
    -----
    SmallSampleWarning
        With less than 10 cases of the rarer class for each coefficient (of all candidates, in a search).
    DataWarning
        If rows are left out, or a stepwise search was made: its p-values and intervals are those of a model that was
        picked because they are good, and too optimistic.

    Notes
    -----
    :math:`AIC = 2k - 2\ell`; each step takes the single removal or addition that lowers it most (Venables and Ripley,
    doi:10.1007/978-0-387-21706-2, section 7.2).

    *How to read it.* Each odds ratio is that of its predictor with the others held. Stepwise p-values are not tests:
    validate the search itself, by cross-validation or bootstrap, before believing them.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65] * 10, "sex": list("fmfmmf") * 10})
    >>> multivariable_table(data, [0, 0, 1, 1, 1, 0] * 10).index.tolist()
    ['Intercept', 'age', 'sex=m']
    """
    same_rows(X=X, y=y)
    check_frame(X)
    check_level(confidence_level)
    outcome = table_outcome(X, y, confidence_level=confidence_level, firth=firth)
    complete = X.notna().all(axis=1).to_numpy()
    if not complete.any():
        raise InputError("No row of X is complete; impute the missing values first.")
    if not complete.all():
        warnings.warn(
            f"{int((~complete).sum())} of {len(X)} rows have missing values and are left out.",
            DataWarning,
            stacklevel=2,
        )
    part, outcome = X[complete], outcome.take(complete)
    outcome.check()
    part = part.loc[:, part.nunique() > 1]
    chosen = list(part.columns)
    if stepwise is not None:
        check_choice(stepwise, ("backward", "forward", "both"), name="stepwise")
        chosen = _stepwise(part, outcome, stepwise)
        warnings.warn(
            f"Stepwise selection kept {len(chosen)} of {X.shape[1]} variables: p-values and intervals ignore the "
            "search and are too good. Validate the whole search, by cross-validation or bootstrap.",
            DataWarning,
            stacklevel=2,
        )
    table = outcome.fit(part[chosen]).summary
    # A search has spent the coefficients of all candidates, not only of those it kept.
    candidates = len(column_design(part).names)
    per_parameter = outcome.rarer / max(candidates, 1)
    if per_parameter < EVENTS_PER_PARAMETER:
        what = "events" if isinstance(outcome, Survival) else "cases of the rarer class"
        warnings.warn(
            f"{per_parameter:.1f} {what} for each of {candidates} candidate coefficients; below "
            f"{EVENTS_PER_PARAMETER} estimates and intervals are fragile.",
            SmallSampleWarning,
            stacklevel=2,
        )
    labels = coefficient_columns(column_design(part[chosen]))
    if "Intercept" in table.index[:1]:
        labels = {name: ["Intercept" if name == "variable" else "", *values] for name, values in labels.items()}
    return table.assign(**labels, n=len(part), n_events=outcome.n_events)


def _stepwise(X: pd.DataFrame, outcome: Binary | Survival, direction: str) -> list[Any]:
    columns = list(X.columns)
    chosen = columns if direction == "backward" else []
    current = _aic(X[chosen], outcome)
    while True:
        removals = [[c for c in chosen if c != gone] for gone in chosen] if direction != "forward" else []
        additions = [[*chosen, new] for new in columns if new not in chosen] if direction != "backward" else []
        candidates = [(_aic(X[names], outcome), names) for names in (*removals, *additions)]
        if not candidates:
            return chosen
        best, names = min(candidates, key=lambda pair: pair[0])
        if best >= current - MIN_GAIN:
            return [c for c in columns if c in chosen]
        current, chosen = best, names


def _aic(X: pd.DataFrame, outcome: Binary | Survival) -> float:
    with drop_warnings(SeparationWarning):
        return outcome.fit(X, firth=False).aic
