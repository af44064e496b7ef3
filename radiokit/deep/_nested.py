"""Nested parameters as scikit-learn names them, for settings that are frozen value objects: ``training__epochs``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, is_dataclass, replace
from typing import Any, Self

from sklearn.base import BaseEstimator

from radiokit.exceptions import ParameterError


class NestedSettings(BaseEstimator):
    """An estimator whose settings (`Training`, `Crop`, ...) a search can vary field by field."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as scikit-learn does; with `deep` the fields of settings too."""
        own = super().get_params(deep=False)
        return {**own, **_fields(own)} if deep else own

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and fields of settings by names such as ``training__epochs``; return the estimator.

        A field makes a new setting, so that estimators which share one do not change each other. ParameterError where
        there is no such parameter or field.
        """
        own = super().get_params(deep=False)
        whole, parts = _divided(params)
        unknown = [name for name in (*whole, *parts) if name not in own]
        if unknown:
            raise ParameterError(f"{type(self).__name__} has no parameter {unknown[0]!r}; known: {', '.join(own)}.")
        for name, value in whole.items():
            setattr(self, name, value)
        for name, values in parts.items():
            setattr(self, name, _changed(name, self._as_setting(name, getattr(self, name)), values))
        return self

    def _as_setting(self, name: str, value: Any) -> Any:
        """Return the value object that a parameter stands for, where it may be written shorter."""
        return value


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if is_dataclass(value) and not isinstance(value, type):
            inner = {f.name: getattr(value, f.name) for f in fields(value)}
            found |= {f"{name}__{k}": v for k, v in {**inner, **_fields(inner)}.items()}
    return found


def _divided(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return values by name, and those of fields by the name of their setting: ``training__epochs`` is of training."""
    whole: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in params.items():
        first, divided, rest = name.partition("__")
        if divided:
            parts[first][rest] = value
        else:
            whole[name] = value
    return whole, parts


def _changed(name: str, setting: Any, values: dict[str, Any]) -> Any:
    """Return a setting with other values of its fields."""
    if not is_dataclass(setting) or isinstance(setting, type):
        raise ParameterError(f"{name} is {setting!r}, which has no {', '.join(map(repr, values))} to set.")
    whole, parts = _divided(values)
    known = [f.name for f in fields(setting)]
    unknown = [key for key in (*whole, *parts) if key not in known]
    if unknown:
        raise ParameterError(f"{name} has no {unknown[0]!r}; known: {', '.join(known)}.")
    for key, inner in parts.items():
        whole[key] = _changed(f"{name}__{key}", whole.get(key, getattr(setting, key)), inner)
    return replace(setting, **whole)
