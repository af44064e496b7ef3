"""What a constructor parameter may be, by its annotation: types, choices and ranges, checked at the start of `fit`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.utils.estimators import Estimator, Splitter


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
