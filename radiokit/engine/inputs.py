"""Scores, probabilities and levels as every statistic checks them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from radiokit.exceptions import InputError, ParameterError
from radiokit.utils import check_binary_target, same_rows

FloatArray = NDArray[np.float64]
SurvivalOutcome = NDArray[np.void] | pd.DataFrame
Seed = int | np.random.RandomState | np.random.Generator | None
Target = NDArray[Any]  # a checked outcome: binary, or structured with `event` and `time`

TINY = 1e-120  # smallest, and its inverse largest, magnitude of a covariate


ICC_FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


def as_floats(values: ArrayLike, *, name: str) -> FloatArray:
    """Return numbers as a float array of any shape."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds values that are not numbers ({error}); required: numbers.") from error


def check_score(score: ArrayLike, n: int | None, *, name: str = "score") -> FloatArray:
    """Return a score as finite floats, one per case."""
    values = as_floats(score, name=name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or (n is not None and values.size != n):
        wanted = "(n,)" if n is None else f"({n},), one value per outcome"
        raise InputError(f"{name} has shape {values.shape}; required: {wanted}.")
    bad = ~np.isfinite(values)
    if bad.any():
        raise InputError(
            f"{name} has {int(bad.sum())} missing or infinite values of {values.size} (first at position "
            f"{int(np.flatnonzero(bad)[0])}); drop or impute those cases first."
        )
    return values


def check_probability(probability: ArrayLike, n: int | None, *, name: str = "probability") -> FloatArray:
    """Return probabilities as floats in [0, 1], one per case."""
    values = check_score(probability, n, name=name)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise InputError(
            f"{name} has {int(outside.sum())} values outside [0, 1] (range {values.min():g} to {values.max():g}); "
            "required: probabilities. Turn a score into one first, for example with a logistic model."
        )
    return values


def outcome_and_score(
    y_true: ArrayLike, score: ArrayLike, *, both_classes: bool = True
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Return a binary outcome and the score of the same cases."""
    same_rows(y_true=y_true, score=score)
    positive = check_binary_target(y_true, both_classes=both_classes)
    return positive, check_score(score, positive.size)


def outcome_and_probability(
    y_true: ArrayLike, probability: ArrayLike, *, both_classes: bool = True
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Return a binary outcome and the predicted probability of the same cases."""
    same_rows(y_true=y_true, probability=probability)
    event = check_binary_target(y_true, both_classes=both_classes)
    return event, check_probability(probability, event.size)


def check_shares(**values: float) -> None:
    """Refuse numbers that are not between 0 and 1."""
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 < value < 1:
            raise InputError(f"{name} is {value!r}; required: between 0 and 1.")


def quantile_groups(p: FloatArray, n_groups: int) -> tuple[FloatArray, NDArray[np.intp]]:
    """Cut values at their quantiles (type 7, equal ones merged): the limits, and the group (a, b] of each value."""
    edges = np.unique(type7_quantiles(p, np.arange(n_groups + 1) / n_groups))
    edges = edges if edges.size > 1 else np.repeat(edges, 2)
    return edges, np.searchsorted(edges[1:-1], p, side="left")


def columns_of(values: ArrayLike | Mapping[str, ArrayLike], name: str) -> dict[str, ArrayLike]:
    """Return a table, or the columns of a dict, as named inputs whose labels can be compared."""
    return {f"{name}[{k!r}]": v for k, v in values.items()} if isinstance(values, Mapping) else {name: values}


def check_columns(X: ArrayLike, *, name: str = "X") -> tuple[FloatArray, list[Hashable]]:
    """Return a table as finite floats of shape (n, p) with the names of its columns; those of an array are numbers."""
    refuse_repeated_columns(X, name)
    values = as_floats(X, name=name)
    if values.ndim != 2 or not len(values):
        raise InputError(f"{name} has shape {values.shape}; required: (n, p) with n >= 1, one row per case.")
    names = list(X.columns) if isinstance(X, pd.DataFrame) else list(range(values.shape[1]))
    bad = ~np.isfinite(values).all(axis=0)
    if bad.any():
        some = [names[j] for j in np.flatnonzero(bad)[:5]]
        raise InputError(
            f"{int(bad.sum())} columns have missing or infinite values ({some}); impute or drop them first."
        )
    return check_magnitude(values, names), names


def refuse_repeated_columns(table: object, name: str) -> None:
    """Refuse a table in which two columns have one name."""
    if isinstance(table, pd.DataFrame) and table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(f"{name} repeats the column {twice!r}; required: each once. Rename or drop one.")


def check_named_columns(values: ArrayLike | Mapping[str, ArrayLike], n: int, *, name: str) -> dict[str, FloatArray]:
    """Return a dict or DataFrame of scores as name -> finite floats."""
    if isinstance(values, pd.DataFrame):
        refuse_repeated_columns(values, name)
        values = {column: values[column].to_numpy() for column in values.columns}
    if not isinstance(values, Mapping) or not values:
        raise InputError(
            f"{name} is {type(values).__name__}; required: a DataFrame or a dict, name -> one value per case."
        )
    return {str(key): check_score(column, n, name=f"{name}[{key!r}]") for key, column in values.items()}


def check_level(confidence_level: float) -> float:
    """Return a confidence level between 0 and 1."""
    if not isinstance(confidence_level, Real) or not 0 < confidence_level < 1:
        raise InputError(f"confidence_level is {confidence_level!r}; required: between 0 and 1, for example 0.95.")
    return float(confidence_level)


def normal_quantile(confidence_level: float) -> float:
    """Return the two-sided normal quantile of a confidence level: 1.96 for 0.95."""
    return float(ndtri(0.5 + check_level(confidence_level) / 2))


def check_count(value: object, least: int, *, name: str) -> int:
    """Return a whole number that is not too small."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}; required: a whole number, {least} or more.")
    return int(value)


def check_choice(value: object, choices: tuple[str, ...], *, name: str) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ParameterError(f"{name} is {value!r}; required: one of {', '.join(map(repr, choices))}.")
    return str(value)


def check_magnitude(X: FloatArray, names: Sequence[Hashable]) -> FloatArray:
    """Refuse columns whose squares leave the range of a float."""
    largest = np.abs(X).max(axis=0, initial=0.0)
    wrong = (largest > 1 / TINY) | ((largest < TINY) & (largest > 0))
    if wrong.any():
        some = [str(names[j]) for j in np.flatnonzero(wrong)[:5]]
        raise InputError(
            f"{int(wrong.sum())} columns have values of magnitude {largest[wrong][0]:.0e} ({', '.join(some)}); "
            f"required: between {TINY:g} and {1 / TINY:g}. Give them another unit."
        )
    return X


def check_weights(sample_weight: ArrayLike | None, n: int, *, zero: bool = False) -> FloatArray | None:
    """Return the weights of n cases as positive floats; with `zero`, some may be 0."""
    if sample_weight is None:
        return None
    weights = check_score(sample_weight, n, name="sample_weight")
    if not weights.any():
        raise InputError(f"Every sample_weight of {n} is zero; required: a positive weight at least.")
    wrong = weights < 0 if zero else weights <= 0
    if wrong.any():
        wanted = "weights >= 0" if zero else "positive weights; drop cases of weight zero"
        raise InputError(f"sample_weight has {int(wrong.sum())} of {n} out of range; required: {wanted}.")
    return weights


def type7_quantiles(values: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Quantiles of type 7 with R's order of operations, so that a case that equals a quantile falls on R's side."""
    x = np.sort(np.asarray(values, dtype=float))
    index = (x.size - 1) * np.asarray(probabilities, dtype=float)
    low, high = np.floor(index).astype(int), np.ceil(index).astype(int)
    share = index - low
    return np.where((share > 0) & (x[high] != x[low]), (1 - share) * x[low] + share * x[high], x[low])
