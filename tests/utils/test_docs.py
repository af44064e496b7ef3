"""Shared parameter descriptions: they are put in place, at their indentation, and a wrong name is an error."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import types

import pytest

import radiokit
from radiokit.utils.docs import SHARED, fill, fill_docstrings


def test_a_line_of_names_becomes_their_entries() -> None:
    docstring = """Measure.

    Parameters
    ----------
    {y_true} {n_jobs}
    {groups}
        Patients are resampled.
    other : dict
        As {"a": 1} or {n_jobs} say.
    """
    entries = inspect.cleandoc(fill(docstring)).split("----------\n")[1]
    first = "y_true : array-like of shape (n,)\n    Outcome, 0/1 or boolean.\n"
    assert entries.startswith(f"{first}n_jobs : int or None\n    Number")
    assert '(lesions, scans).\n    Patients are resampled.\nother : dict\n    As {"a": 1} or {n_jobs} say.' in entries
    assert fill(fill(docstring)) == fill(docstring)


PACKAGES = [name for name in radiokit.__all__ if name not in ("__version__", "exceptions")]


class Base:
    """Base."""

    def inherited(self) -> None:
        """{n_jobs}"""


class Child(Base):
    """
    {X}
    """

    @classmethod
    def of_class(cls) -> None:
        """{y}"""

    @staticmethod
    def static() -> None:
        """{ax}"""

    @property
    def learnt(self) -> None:
        """{se}"""


def a_package(monkeypatch: pytest.MonkeyPatch, **members: object) -> str:
    package = types.ModuleType("radiokit.test_of_docs")
    vars(package).update(members, __all__=[*members, "loaded_later"])
    monkeypatch.setitem(sys.modules, package.__name__, package)
    for member in members.values():
        for cls in getattr(member, "__mro__", ())[:-1]:
            monkeypatch.setattr(cls, "__module__", package.__name__)
    return package.__name__


def test_methods_and_inherited_methods_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    fill_docstrings(a_package(monkeypatch, Child=Child))
    filled = (Child, Child.inherited, Child.of_class, Child.static, Child.learnt)
    starts = [str(inspect.getdoc(thing)).split(" :")[0] for thing in filled]
    assert starts == ["X", "n_jobs", "y", "ax", "se"]


def test_an_unknown_name_is_an_error_that_names_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> None:
        pass

    wrong.__doc__ = "{n_jbos}"
    with pytest.raises(ValueError, match=r"radiokit.test_of_docs.wrong: .*'n_jbos'"):
        fill_docstrings(a_package(monkeypatch, wrong=wrong))


def test_nothing_happens_without_docstrings() -> None:
    code = "import radiokit.stats; assert radiokit.stats.auc.__doc__ is None"
    subprocess.run([sys.executable, "-OO", "-c", code], check=True)


def test_every_entry_is_one_of_numpydoc() -> None:
    for name, text in SHARED.items():
        lines = [line for line in text.splitlines() if line not in ("Returns", "-------")]
        headers = [line for line in lines if not line.startswith("    ")]
        assert all(re.match(r"[A-Za-z_]\w*(, \w+)*( : .+)?$", header) for header in headers), name
        for line, following in zip(lines, [*lines[1:], "end"], strict=True):
            last_of_its_entry = not following.startswith("    ")
            assert not last_of_its_entry or (line.startswith("    ") and line.endswith(".")), name


@pytest.mark.parametrize("room", [*PACKAGES, "survival.competing_risks"])
def test_no_public_docstring_is_left_unfilled(room: str) -> None:
    module = importlib.import_module(f"radiokit.{room}")
    for name in module.__all__:
        thing = getattr(module, name)
        members = [member for _, member in inspect.getmembers(thing)] if inspect.isclass(thing) else []
        for documented in (thing, *members):
            text = inspect.getdoc(documented) or ""
            assert not re.search(r"^\s*\{\w+\}( \{\w+\})*$", text, re.MULTILINE), f"{room}.{name}"


@pytest.mark.parametrize("room", [*PACKAGES, "survival.competing_risks"])
def test_functions_describe_their_parameters_and_no_others(room: str) -> None:
    module = importlib.import_module(f"radiokit.{room}")
    for name in module.__all__:
        thing = getattr(module, name)
        if not inspect.isfunction(thing):
            continue
        section = re.search(r"Parameters\n-{10}\n(.*?)(\n\n[A-Z]|$)", inspect.getdoc(thing) or "", re.DOTALL)
        headers = re.findall(r"^[\w*].*?(?= : |$)", section[1] if section else "", re.MULTILINE)
        described = [part.strip(" *") for header in headers for part in header.split(",")]
        assert described == list(inspect.signature(thing).parameters), f"{room}.{name}"
