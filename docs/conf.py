"""Sphinx configuration; the API pages are written from each room's ``__all__``: no public name can be missing."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import radiokit

project = "radiokit"
author = "the radiokit developers"
copyright = "2026, the radiokit developers"
version = release = radiokit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3  # links such as start.md#the-command-line, as GitHub reads them
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
exclude_patterns = ["_build"]
# scikit-learn's inherited docstrings refer to its own user guide
suppress_warnings = ["ref.ref"]
html_theme = "pydata_sphinx_theme"
html_title = "radiokit"


def heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def write_api(folder: Path) -> None:
    """One page a room, with a summary table of its classes and functions."""
    folder.mkdir(exist_ok=True)
    seen: set[int] = set()
    rooms = [name for name in radiokit.__all__ if name != "__version__"]
    for room in rooms:
        module = importlib.import_module(f"radiokit.{room}")
        names = [n for n in getattr(module, "__all__", sorted(vars(module))) if is_public(module, n)]
        names = [
            n for n in names if id(getattr(module, n)) not in seen
        ]  # a name of two rooms has its page in the first
        seen |= {id(getattr(module, n)) for n in names}
        listed = "\n".join(f"   {name}" for name in names)
        table = (
            f".. currentmodule:: radiokit.{room}\n\n.. autosummary::\n   :toctree: {room}\n\n{listed}\n"
            if names
            else ""
        )
        text = heading(f"radiokit.{room}", "=") + f"{inspect.getdoc(module)}\n\n{table}"
        (folder / f"{room}.rst").write_text(text)
    toctree = "\n".join(f"   {room}" for room in rooms)
    (folder / "api.rst").write_text(heading("API", "=") + f".. toctree::\n   :maxdepth: 1\n\n{toctree}\n")


def is_public(module: object, name: str) -> bool:
    thing = getattr(module, name)
    ours = getattr(thing, "__module__", "").startswith("radiokit")
    return not name.startswith("_") and ours and (inspect.isclass(thing) or inspect.isfunction(thing))


write_api(Path(__file__).parent / "generated")
