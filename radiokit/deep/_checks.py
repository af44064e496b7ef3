"""Checks of settings that several files need; each message names the setting, its value and what is required."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from radiokit.exceptions import ParameterError


def require_whole(name: str, value: object, *, least: int) -> None:
    """Raise ParameterError where a setting is not a whole number, or too small."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name}={value!r}; required: a whole number, {least} or more.")


def require_known(what: str, keys: Iterable[object], known: Sequence[str]) -> None:
    """Raise ParameterError where a mapping has keys that are not known."""
    unknown = sorted(set(map(str, keys)) - set(known))
    if unknown:
        raise ParameterError(f"{what} holds {', '.join(unknown)}; known: {', '.join(known)}.")
