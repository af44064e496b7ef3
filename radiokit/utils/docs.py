"""Parameter descriptions that many public functions share, written once, in ``descriptions.txt``.

In a docstring, a line that holds only names in braces, such as ``{y_true} {probability} {confidence_level}``, stands
for the entries of these names. Indented lines below it are added to the last description. The last line of each
package's ``__init__.py`` is ``fill_docstrings(__name__)``, which puts the entries in place. An entry is worth it once
four docstrings need it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# An entry is written below its name in square brackets, as numpydoc writes a parameter; "#" starts a comment.
_FILE = Path(__file__).with_name("descriptions.txt")
SHARED = dict(re.findall(r"^\[(\w+)\]\n((?:[^\[#\n].*\n)+)", _FILE.read_text(encoding="utf-8"), re.MULTILINE))

_NAMES_ONLY = re.compile(r"^([ \t]*)((?:\{\w+\} ?)+)$", re.MULTILINE)


def fill_docstrings(package: str) -> None:
    """Put the shared entries into the docstrings of a package's public names, and into those of their methods.

    Parameters
    ----------
    package : str
        Name of an imported module with ``__all__``.

    Raises
    ------
    ValueError
        If a docstring asks for an entry that does not exist.
    """
    module = sys.modules[package]
    for name in module.__all__:
        for documented in _documented(vars(module).get(name)):
            # python -OO keeps no docstrings
            if documented.__doc__:
                documented.__doc__ = fill(documented.__doc__, f"{package}.{name}")


def fill(docstring: str, owner: str = "docstring") -> str:
    """Replace each line of names in braces by the entries of these names, at the same indentation."""

    def entries(line: re.Match[str]) -> str:
        indent, names = line[1], re.findall(r"\w+", line[2])
        unknown = [name for name in names if name not in SHARED]
        if unknown:
            raise ValueError(f"{owner}: radiokit/utils/descriptions.txt has no parameter description {unknown[0]!r}")
        lines = [text for name in names for text in SHARED[name].splitlines()]
        return "\n".join(f"{indent}{text}" for text in lines)

    return _NAMES_ONLY.sub(entries, docstring)


def _documented(thing: object) -> Iterator[Any]:
    """Yield what carries a docstring that may be filled: a function; a class with its own and inherited methods."""
    if inspect.isfunction(thing):
        yield thing
    elif inspect.isclass(thing):
        for cls in thing.__mro__:
            if cls.__module__.startswith("radiokit."):
                yield cls
                yield from (_function(member) for member in vars(cls).values() if _is_method(member))


def _is_method(member: object) -> bool:
    return isinstance(member, staticmethod | classmethod | property) or inspect.isfunction(member)


def _function(member: Any) -> Any:
    return member.__func__ if isinstance(member, staticmethod | classmethod) else member
