"""Survival outcomes and groups as every survival statistic checks them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray, SurvivalOutcome, as_floats
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils import as_survival_target, check_survival_target, tie_to

ALL = "all"


def check_times_events(y: SurvivalOutcome, *, events: bool = False) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return time and event of a survival target; with `events`, at least one event is required."""
    target = check_survival_target(y)
    if events and not target["event"].any():
        raise OutcomeError(
            f"The survival outcome has no events among {target.size} cases; required: at least one. "
            "Is the event indicator coded 1 for the event?"
        )
    return target["time"].astype(float), target["event"].astype(bool)


def check_groups(
    groups: ArrayLike | None, n: int, *, at_least: int = 1, name: str = "groups"
) -> tuple[NDArray[np.intp], list[Hashable]]:
    """Return the number of each case's group and the labels, in sorted order or in that of a Categorical."""
    if groups is None and at_least == 1:
        return np.zeros(n, dtype=np.intp), [ALL]
    given: Any = groups if isinstance(groups, pd.Categorical | pd.Series) else np.asarray(groups)
    if given.ndim != 1:
        raise InputError(f"{name} has shape {given.shape}; required: ({n},), one per case.")
    values = pd.Categorical(given).remove_unused_categories()
    if len(values) != n:
        raise InputError(f"{name} has {len(values)} values for {n} cases; required: one per case.")
    if (values.codes < 0).any():
        raise InputError(
            f"{name} has {int((values.codes < 0).sum())} missing values; drop them, or give them a value of their own."
        )
    if len(values.categories) < at_least:
        raise InputError(
            f"{name} holds {len(values.categories)} group ({list(values.categories)}); required: at least {at_least}."
        )
    return values.codes.astype(np.intp), list(values.categories)


def each_group(codes: NDArray[np.intp], labels: list[Hashable]) -> Iterator[tuple[Hashable, NDArray[np.bool_]]]:
    """Yield every label with the mask of its cases."""
    for code, label in enumerate(labels):
        yield label, codes == code


def check_survival_matrix(survival_probability: ArrayLike, n: int, times: FloatArray) -> FloatArray:
    """Return survival probabilities as floats of shape (n, times)."""
    values = as_floats(survival_probability, name="survival_probability")
    if values.ndim == 1 and times.size == 1:
        values = values[:, None]
    if values.shape != (n, times.size):
        raise InputError(
            f"survival_probability has shape {values.shape}; required: {(n, times.size)}, one row per case and "
            "one column per time."
        )
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise InputError(
            "survival_probability holds values that are missing or outside [0, 1]; required: the probability of being "
            "free of the event at each time (not the risk)."
        )
    return values


def check_times(times: ArrayLike, followed: ArrayLike = (), *, name: str = "times") -> FloatArray:
    """Return times as a vector of finite, non-negative floats, tied to those of the follow-up."""
    values = np.atleast_1d(as_floats(times, name=name))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f"{name} is {times!r}; required: one or more finite times >= 0, in the unit of the follow-up.")
    return tie_to(values, followed)


def check_causes(time: ArrayLike, cause: ArrayLike, *, events: bool = True) -> tuple[FloatArray, NDArray[np.int_]]:
    """Return times and causes: 0 censored, 1, 2, ... the kind of event; with `events`, at least one is required."""
    values = np.asarray(cause)
    codes = np.full(values.shape, -1.0)
    if values.dtype.kind in "buif":
        codes = values.astype(float)
    if not (np.isfinite(codes).all() and (codes >= 0).all() and (codes == np.round(codes)).all()):
        raise OutcomeError(
            f"cause holds {list(pd.unique(values.ravel()))[:6]!r}; required: whole numbers, 0 for censored and 1, 2, "
            "... for the kinds of event. Recode it."
        )
    if events and not (codes > 0).any():
        raise OutcomeError(f"cause has no events among {values.size} cases; required: at least one.")
    target = as_survival_target(codes > 0, time)
    return target["time"].astype(float), codes.astype(int)
