"""What estimators share: types of their parameters, names of the features seen in fit, scikit-learn's tags."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Protocol,
    Self,
    TypeGuard,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError, OutcomeError, ParameterError
from radiokit.utils._targets import check_survival_target

Cases = pd.DataFrame | ArrayLike
Outcome = ArrayLike | pd.DataFrame  # classes, or `event` and `time`


@runtime_checkable
class Splitter(Protocol):
    """scikit-learn's splitter: yields the rows of training and test cases of each fold."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the rows of the training cases and of the test cases."""


@runtime_checkable
class Estimator(Protocol):
    """scikit-learn's estimator."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to cases."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""

    def set_params(self, **params: Any) -> Self:
        """Change parameters of the constructor."""


class WithProbabilities(Protocol):
    """A fitted classifier that predicts the probability of each class."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return an array of shape (n, 2)."""


class WithDecision(Protocol):
    """A fitted classifier that predicts a score on the scale of its linear predictor."""

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return an array of shape (n,)."""


# By attribute, as scikit-learn itself asks: a pipeline, and a support vector machine, has a method only where its last
# step, or its settings, have it, but their classes always define it, so that isinstance would be true of all. The other
# way round, results of lifelines and statsmodels pass attributes on, which isinstance does not see from Python 3.12 on.
def has_all(model: object, *attributes: str) -> bool:
    """Whether a model, as it is now, has every one of these attributes."""
    return all(hasattr(model, name) for name in attributes)


def has_probabilities(model: object) -> TypeGuard[WithProbabilities]:
    """Whether a model predicts probabilities."""
    return hasattr(model, "predict_proba")


def has_decision(model: object) -> TypeGuard[WithDecision]:
    """Whether a model has a decision function."""
    return hasattr(model, "decision_function")


Folds = int | Splitter | Sequence[tuple[ArrayLike, ArrayLike]] | None  # or the rows of each fold


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; an end that is open does not belong to them."""

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low < value if self.open_low else self.low <= value
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        low = f"{'above' if self.open_low else 'at least'} {self.low:g}"
        high = f" and {'below' if self.open_high else 'at most'} {self.high:g}"
        return low + (high if self.high < math.inf else "")


Count = Annotated[int, Range(1)]
CountOrZero = Annotated[int, Range(0)]
PathLength = Annotated[int, Range(2)]
Positive = Annotated[float, Range(0, open_low=True)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
ShareAboveZero = Annotated[float, Range(0, 1, open_low=True)]
ShareBetween = Annotated[float, Range(0, 1, open_low=True, open_high=True)]


def _is_bool(value: object) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in (0, 1))


# Where isinstance of the annotation is too strict or too wide.
FITS: dict[type, Callable[[object], bool]] = {
    int: lambda value: isinstance(value, Integral) and not isinstance(value, bool),
    float: lambda value: isinstance(value, Real) and not isinstance(value, bool),
    bool: _is_bool,
    Sequence: lambda value: isinstance(value, Sequence) and not isinstance(value, str),
    Splitter: lambda value: isinstance(value, Splitter) and not isinstance(value, str),  # text has `split` too
}
WORDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    NoneType: "None",
    dict: "a dict",
    list: "a list",
    tuple: "a tuple",
    Mapping: "a mapping",
    Sequence: "a list or tuple",
    Splitter: "a splitter of scikit-learn",
    Estimator: "an estimator with fit and get_params",
    np.random.RandomState: "a RandomState",
    np.random.Generator: "a Generator",
}


@dataclass(frozen=True)
class Accepted:
    """One part of an annotation: a type, with the range of its numbers, or the choices of a Literal."""

    kind: type = NoneType
    within: Range | None = None
    choices: tuple[Any, ...] = ()

    def fits(self, value: Any) -> bool:
        """Return whether a value is accepted."""
        if self.choices:
            return any(isinstance(value, type(choice)) and value == choice for choice in self.choices)
        fits = FITS[self.kind](value) if self.kind in FITS else isinstance(value, self.kind)
        return fits and (self.within is None or value in self.within)

    def __str__(self) -> str:
        if self.choices:
            return ("one of " if len(self.choices) > 1 else "") + ", ".join(map(repr, self.choices))
        return WORDS[self.kind] + ("" if self.within is None else f" ({self.within})")


def check_parameters(estimator: object) -> None:
    """Raise ParameterError where a constructor parameter is not what its annotation says, by type or by range.

    Checked are choices (Literal), the ranges above, the types in WORDS (not what a list holds) and unions of these; a
    parameter with any other annotation is left to the estimator.

    Examples
    --------
    >>> class Example:
    ...     def __init__(self, rule: Literal["min", "1se"] = "min", share: Share | None = None):
    ...         self.rule, self.share = rule, share
    >>> check_parameters(Example("1se", 0.5))
    >>> check_parameters(Example("1se", 2))
    Traceback (most recent call last):
    ...
    radiokit.exceptions.ParameterError: share is 2; required: a number (at least 0 and at most 1) or None.
    """
    for name, accepted in declared_parameters(type(estimator).__init__).items():
        value = getattr(estimator, name)
        if not any(part.fits(value) for part in accepted):
            *words, last = map(str, accepted)
            raise ParameterError(f"{name} is {value!r}; required: {', '.join(words)}{' or ' if words else ''}{last}.")


@cache
def declared_parameters(constructor: Callable[..., None]) -> dict[str, list[Accepted]]:
    """Return what each parameter accepts, for those whose annotation says all of it."""
    found = {}
    for name, hint in get_type_hints(constructor, include_extras=True).items():
        parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        accepted = [part for part in map(_accepted, parts) if part is not None]
        if name != "return" and len(accepted) == len(parts):
            found[name] = accepted
    return found


def _accepted(part: Any) -> Accepted | None:
    if get_origin(part) is Literal:
        return Accepted(choices=get_args(part))
    if get_origin(part) is Annotated:
        kind, within = get_args(part)
        return Accepted(kind, within)
    kind = get_origin(part) or part
    return Accepted(kind) if isinstance(kind, type) and kind in WORDS else None


def feature_names(estimator: Any) -> list[Any]:
    """Return the names of the features seen in `fit`; x0, x1, ... where they had none."""
    return list(getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(estimator.n_features_in_)]))


def survival_target(y: Any, n: int) -> NDArray[np.void]:
    """Return the survival outcome of n cases as the structured array."""
    if y is None:
        raise OutcomeError(
            "This estimator requires y to be passed, but the target y is None; give a survival outcome "
            "(radiokit.survival.as_target(event, time))."
        )
    target = check_survival_target(y)
    if target.size != n:
        raise InputError(f"X has {n} cases and y has {target.size}; required: one outcome for each case.")
    return target


class GapsAllowed:
    """Mixin that tells scikit-learn that features may be missing; it stands before `BaseEstimator`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags


class OutcomeRequired:
    """Mixin that tells scikit-learn that `fit` needs an outcome; it stands before `BaseEstimator`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        return tags
