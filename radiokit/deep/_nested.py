"""scikit-learn's names of nested parameters for settings that are frozen value objects: `training__epochs`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, is_dataclass, replace
from typing import Any, Self

from sklearn.base import BaseEstimator

from radiokit.exceptions import ParameterError


class NestedSettings(BaseEstimator):
    """An estimator whose settings (`Training`, `Crop`, ...) a search can vary field by field."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool
            Also the fields of settings, as ``training__epochs``.

        Returns
        -------
        dict
            Name to value.
        """
        own = super().get_params(deep=False)
        return {**own, **_fields(own)} if deep else own

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and fields of settings by names such as ``training__epochs``.

        Parameters
        ----------
        **params
            Name to value. A field makes a new setting, so estimators that share one do not disturb each other.

        Returns
        -------
        object
            Itself.

        Raises
        ------
        ParameterError
            If there is no such parameter or field.
        """
        own = super().get_params(deep=False)
        plain = {k: v for k, v in params.items() if "__" not in k}
        unknown = [k for k in params if k.partition("__")[0] not in own]
        if unknown:
            raise ParameterError(f"{type(self).__name__} has no parameter {unknown[0]!r}; known: {', '.join(own)}.")
        nested: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, value in params.items():
            first, divided, rest = name.partition("__")
            if divided:
                nested[first][rest] = value
        for name, value in plain.items():
            setattr(self, name, value)
        for name, values in nested.items():
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


def _changed(name: str, setting: Any, values: dict[str, Any]) -> Any:
    if not is_dataclass(setting) or isinstance(setting, type):
        raise ParameterError(f"{name} is {setting!r}, which has no {', '.join(map(repr, values))} to set.")
    known = [f.name for f in fields(setting)]
    now: dict[str, Any] = {}
    for key, value in values.items():
        first, divided, rest = key.partition("__")
        if first not in known:
            raise ParameterError(f"{name} has no {first!r}; known: {', '.join(known)}.")
        before = now.get(first, getattr(setting, first))
        now[first] = _changed(f"{name}__{first}", before, {rest: value}) if divided else value
    return replace(setting, **now)
