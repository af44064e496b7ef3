"""What estimators share: types of their parameters, names of the features seen in fit, scikit-learn's tags."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from radiokit.exceptions import ParameterError


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in (0, 1))


# Annotation -> whether a value fits, and what messages call it.
PLAIN: dict[type, tuple[Callable[[object], bool], str]] = {
    int: (_is_whole, "a whole number"),
    float: (_is_number, "a number"),
    bool: (_is_bool, "True or False"),
    str: (lambda value: isinstance(value, str), "text"),
    NoneType: (lambda value: value is None, "None"),
}


def check_parameters(estimator: object) -> None:
    """Raise ParameterError where a constructor parameter has a value of another type than its annotation says.

    Checked are int, float, bool, str, None, Literal and unions of these; a parameter with any other annotation is left
    to the estimator. Ranges are the estimator's own.

    Examples
    --------
    >>> class Example:
    ...     def __init__(self, rule: Literal["min", "1se"] = "min", share: float | None = None):
    ...         self.rule, self.share = rule, share
    >>> check_parameters(Example("1se", 0.5))
    >>> check_parameters(Example("1se", "half"))
    Traceback (most recent call last):
    ...
    radiokit.exceptions.ParameterError: share is 'half'; required: a number or None.
    """
    for name, (accepted, choices) in _declared(type(estimator).__init__).items():
        value = getattr(estimator, name)
        if any(PLAIN[kind][0](value) for kind in accepted):
            continue
        if not any(isinstance(value, type(choice)) and value == choice for choice in choices):
            words = [PLAIN[kind][1] for kind in accepted]
            if choices:
                words.insert(0, f"one of {', '.join(map(repr, choices))}")
            raise ParameterError(f"{name} is {value!r}; required: {' or '.join(words)}.")


@cache
def _declared(constructor: Callable[..., None]) -> dict[str, tuple[tuple[type, ...], tuple[Any, ...]]]:
    """Return the plain types and the choices that each parameter accepts, for those that accept nothing else."""
    found = {}
    for name, hint in get_type_hints(constructor).items():
        parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        plain = tuple(part for part in parts if part in PLAIN)
        literals = [part for part in parts if get_origin(part) is Literal]
        if name != "return" and len(plain) + len(literals) == len(parts):
            found[name] = (plain, tuple(choice for part in literals for choice in get_args(part)))
    return found


def feature_names(estimator: Any) -> list[Any]:
    """Return the names of the features seen in `fit`; x0, x1, ... where they had none."""
    return list(getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(estimator.n_features_in_)]))


class OutcomeRequired:
    """Mixin that tells scikit-learn that `fit` needs an outcome; it stands before `BaseEstimator`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        return tags
