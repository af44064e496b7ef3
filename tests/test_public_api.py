"""Every public name is importable, documented with an example, and typed."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import radiokit

ROOMS = [name for name in radiokit.__all__ if name not in ("__version__", "exceptions")]


def public() -> Iterator[Any]:
    for room in ROOMS:
        module = importlib.import_module(f"radiokit.{room}")
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield pytest.param(thing, id=f"{room}.{name}")


@pytest.mark.parametrize("thing", list(public()))
def test_docstring_teaches(thing: Any) -> None:
    text = inspect.getdoc(thing) or ""
    assert text, "no docstring"
    assert "Examples\n--------" in text, "no example"
    takes_arguments = [p for p in inspect.signature(thing).parameters if p not in ("self", "args", "kwargs")]
    assert not takes_arguments or "Parameters\n----------" in text, "no parameters section"


@pytest.mark.parametrize("thing", [p for p in public() if inspect.isfunction(p.values[0])])
def test_function_is_typed(thing: Any) -> None:
    signature = inspect.signature(thing)
    assert signature.return_annotation is not signature.empty
    assert not [p.name for p in signature.parameters.values() if p.annotation is p.empty]


def test_unknown_attribute_says_so() -> None:
    with pytest.raises(AttributeError, match="no_such_room"):
        _ = radiokit.no_such_room
