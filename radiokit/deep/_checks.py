"""Checks of settings that several files need; each message names the setting, its value and what is required."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from radiokit.exceptions import ParameterError

T = TypeVar("T")


def require_whole(name: str, value: object, *, least: int) -> None:
    """Raise ParameterError where a setting is not a whole number, or too small."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name}={value!r}; required: a whole number, {least} or more.")


def require_known(what: str, keys: Iterable[object], known: Sequence[str]) -> None:
    """Raise ParameterError where a mapping has keys that are not known."""
    unknown = sorted(set(map(str, keys)) - set(known))
    if unknown:
        raise ParameterError(f"{what} holds {', '.join(unknown)}; known: {', '.join(known)}.")


def built(kind: type[T], what: str, values: Mapping[str, Any], known: Sequence[str] | None = None) -> T:
    """Return an object with the parameters that a file holds; unknown ones are refused, lists become tuples.

    `known` are the parameters that a file may hold; for a dataclass all its fields.
    """
    require_known(what, values, [f.name for f in fields(cast(Any, kind))] if known is None else known)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
