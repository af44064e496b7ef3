"""Checks of the outcome: binary labels and survival targets."""

from __future__ import annotations

from typing import TypeAlias, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import OutcomeError
from radiokit.utils._same_rows import same_rows
from radiokit.utils._ties import tie_times

SurvivalOutcome: TypeAlias = NDArray[np.void] | pd.DataFrame
SURVIVAL_DTYPE = np.dtype([("event", bool), ("time", float)])


def check_binary_target(y: ArrayLike, *, name: str = "y_true", both_classes: bool = True) -> NDArray[np.bool_]:
    """Return a binary outcome as a boolean array.

    Parameters
    ----------
    y : array-like of shape (n,)
        Booleans, or numbers that are all 0 or 1.
    name : str
        What the caller calls it, for the message.
    both_classes : bool
        Whether an outcome with one class only is an error.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the outcome is positive.

    Raises
    ------
    OutcomeError
        If `y` is not one-dimensional, is empty, has missing values, holds anything but 0 and 1, or has one class only.

    Examples
    --------
    >>> check_binary_target([0, 1, 1])
    array([False,  True,  True])
    """
    values = np.asarray(y)
    if values.ndim != 1 or values.size == 0:
        raise OutcomeError(
            f"{name} has shape {values.shape}; required: one outcome for each case, shape (n,) with n >= 1."
        )
    missing = pd.isna(values)
    if missing.any():
        raise OutcomeError(f"{name} has {int(missing.sum())} missing values of {values.size}; drop those cases first.")
    if values.dtype != bool:
        found = list(pd.unique(values))
        if not all(v in (0, 1) for v in found):
            raise OutcomeError(
                f"{name} holds {found[:5]!r}; required: 0 and 1 (or booleans). Recode it, for example (y == 'yes')."
            )
        values = values == 1
    if both_classes and values.all() | (~values).all():
        raise OutcomeError(
            f"{name} holds one class only ({int(values.sum())} positive of {values.size}); "
            "required: at least one positive and one negative case."
        )
    return values


def as_survival_target(event: ArrayLike, time: ArrayLike) -> NDArray[np.void]:
    """Build the structured survival target from an event indicator and a time.

    Parameters
    ----------
    event : array-like of shape (n,)
        True or 1 where the event was observed, False or 0 where follow-up ended without it.
    time : array-like of shape (n,)
        Time to event or censoring, in any one unit, not negative. Times that differ by rounding only are made equal,
        as R's survival does (`timefix`): differences of dates in years often differ by rounding only.

    Returns
    -------
    ndarray of dtype ``[("event", bool), ("time", float)]``, shape (n,)
        The target that every survival function and estimator takes.

    Raises
    ------
    OutcomeError
        If lengths differ, values are missing or infinite, a time is negative, or events are not 0/1.
    InputError
        If both have labels, and in another order or others.

    Examples
    --------
    >>> as_survival_target([1, 0], [5.0, 8.0])["time"]
    array([5., 8.])
    """
    same_rows(event=event, time=time)
    events = check_binary_target(event, name="event", both_classes=False)
    try:
        times = np.asarray(time, dtype=float)
    except (TypeError, ValueError) as error:
        raise OutcomeError(
            f"time holds values that are not numbers ({error}); required: one time for each case."
        ) from error
    if times.shape != events.shape:
        raise OutcomeError(
            f"event has {events.size} values and time has shape {times.shape}; required: one time for each case."
        )
    if not np.isfinite(times).all():
        raise OutcomeError(f"time has {int((~np.isfinite(times)).sum())} missing or infinite values; drop those cases.")
    if (times < 0).any():
        raise OutcomeError(
            f"time has {int((times < 0).sum())} negative values (smallest {times.min():g}); required: >= 0."
        )
    target = np.empty(events.size, dtype=SURVIVAL_DTYPE)
    target["event"], target["time"] = events, tie_times(times)
    return target


def check_survival_target(y: SurvivalOutcome) -> NDArray[np.void]:
    """Return a survival target as the structured array, from that array or from a DataFrame with the same two fields.

    Parameters
    ----------
    y : structured array or DataFrame with `event` and `time`
        The survival outcome of n cases.

    Returns
    -------
    ndarray of dtype ``[("event", bool), ("time", float)]``, shape (n,)
        The checked target.

    Raises
    ------
    OutcomeError
        If `y` has not these two fields, or their values are not valid (see `as_survival_target`).

    Examples
    --------
    >>> import pandas as pd
    >>> check_survival_target(pd.DataFrame({"event": [True], "time": [3]}))["time"]
    array([3.])
    """
    if not is_survival_target(y):
        raise OutcomeError(
            f"The survival outcome has fields {_field_names(y)}; required: `event` and `time`, as a structured array "
            "or a DataFrame. radiokit.survival.as_target(event, time) builds it."
        )
    return as_survival_target(y["event"], y["time"])


def is_survival_target(y: object) -> TypeGuard[SurvivalOutcome]:
    """Tell whether `y` looks like a survival target (has fields or columns `event` and `time`).

    Parameters
    ----------
    y : object
        Any outcome.

    Returns
    -------
    bool
        True for a structured array or DataFrame with `event` and `time`.

    Examples
    --------
    >>> is_survival_target([0, 1])
    False
    """
    return {"event", "time"} <= set(_field_names(y))


def _field_names(y: object) -> list[str]:
    names = y.columns if isinstance(y, pd.DataFrame) else getattr(getattr(y, "dtype", None), "names", None)
    return [str(name) for name in names] if names is not None else []


def spells_outcome(column: ArrayLike, y: ArrayLike | SurvivalOutcome) -> bool:
    """Tell whether a column is the outcome in another spelling, such as yes/no for 1/0, or its follow-up time.

    Parameters
    ----------
    column : array-like of shape (n,)
        Values of any kind.
    y : array-like of shape (n,) or survival target
        The outcome of the same cases.

    Returns
    -------
    bool
        True where the column has few values (one in ten cases at most, or two) and each belongs to one class; where it
        is numeric with a gap between the classes that is ten times what it varies within them; or where it follows the
        times strictly up or down.

    Examples
    --------
    >>> spells_outcome(["yes", "no", "yes"], [1, 0, 1])
    True
    >>> spells_outcome([61, 55, 70], [1, 0, 1])
    False
    """
    values = pd.Series(np.asarray(column))
    if is_survival_target(y):
        return _follows(values, np.asarray(y["time"], dtype=float)) or spells_outcome(column, np.asarray(y["event"]))
    classes = pd.Series(np.asarray(y))
    value, levels = _numbered(values)
    label, count = _numbered(classes)
    if count < 2 or levels < 2:
        return False
    if levels <= max(count, len(values) // 10) and np.unique(value * count + label).size == levels:
        return True
    return _apart(values, classes)


def _numbered(values: pd.Series) -> tuple[NDArray[np.intp], int]:
    """Return the number of each value's level, and how many levels there are; a gap is one too."""
    codes, levels = pd.factorize(values, use_na_sentinel=False)
    return codes, len(levels)


def _follows(values: pd.Series, time: NDArray[np.float64]) -> bool:
    """Whether a number goes strictly up, or strictly down, with the time: months for days, or its logarithm."""
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any() or np.unique(time).size < 3:
        return False
    order = np.argsort(time, kind="stable")
    steps = np.diff(values.to_numpy(dtype=float)[order])
    later = np.diff(time[order]) > 0
    return bool((steps[later] > 0).all() or (steps[later] < 0).all())


def _apart(values: pd.Series, classes: pd.Series) -> bool:
    """Whether two classes lie so far apart that the number must have been made from them."""
    label, levels = pd.factorize(classes)
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any() or len(levels) != 2:
        return False
    numbers = values.to_numpy(dtype=float)
    low, high = sorted((part.min(), part.max()) for part in (numbers[label == 0], numbers[label == 1]))
    return bool(high[0] - low[1] > 10 * max(low[1] - low[0], high[1] - high[0]))
