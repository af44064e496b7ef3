"""YAML 1.2 of plain values, as pyradiomics reads it; what could be read in two ways is refused.

Nothing in a file is executed, and a small file cannot become a large one: there are no aliases.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from radiokit.exceptions import FileError
from radiokit.utils.files import read_bytes

if TYPE_CHECKING:
    from ruamel.yaml import YAML

# A long study file has some thousands of values.
MOST_BYTES = 2**20
MOST_DEPTH = 50
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
NOT_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")  # the last six to readers of YAML 1.1


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML 1.2 or JSON file of plain values.

    Parameters
    ----------
    path : path
        UTF-8 text.

    Returns
    -------
    object
        Mappings, lists, text, numbers, dates; None for an empty file.

    Raises
    ------
    FileError
        If the file cannot be read, is no YAML, names a key twice, uses an alias, asks for Python objects, or is nested
        more than 50 levels deep. The message gives line and column.

    Notes
    -----
    ``010`` is ten and ``1e1`` is 10.0; ``1:30``, ``on``, ``off``, ``yes`` and ``no`` are text. YAML 1.1 reads all of
    these otherwise.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
    ...     _ = file.write("setting: {binWidth: 25}")
    ...     file.flush()
    ...     read_yaml(file.name)
    {'setting': {'binWidth': 25}}
    """
    try:
        text = read_bytes(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not valid YAML: it is not UTF-8 text ({error}).") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> Any:
    r"""Return what a YAML text holds.

    Parameters
    ----------
    text : str
        The text.
    name : str
        What the text is called in messages.

    Returns
    -------
    object
        As for `read_yaml`.

    Raises
    ------
    FileError
        As for `read_yaml`.

    Examples
    --------
    >>> parse_yaml("a: 1\na: 2", "settings.yaml")
    Traceback (most recent call last):
    ...
    radiokit.exceptions.FileError: settings.yaml is not valid YAML (line 2, column 1): found duplicate key "a" with ...
    """
    from ruamel.yaml.error import MarkedYAMLError

    try:
        return _reader().load(text)
    except RecursionError as error:
        raise FileError(f"{name} is nested too deeply for a file of settings.") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        raise FileError(f"{name} is not valid YAML{where}: {error.problem or error.context}.") from error
    except Exception as error:
        # Besides its own errors the reader lets through what Python raises on dates and numbers that do not exist.
        raise FileError(f"{name} is not valid YAML: {error}") from error


def yaml_text(content: Any) -> str:
    """Return the YAML text of plain values, which `parse_yaml` reads as the same values.

    Parameters
    ----------
    content : object
        Mappings, lists, text, numbers, None.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> print(yaml_text({"setting": {"binWidth": 25, "distances": [1, 2]}}), end="")
    setting:
      binWidth: 25
      distances: [1, 2]
    """
    return _block(content, "") if isinstance(content, dict) and content else f"{_inline(content)}\n"


def _block(content: dict[str, Any], indent: str) -> str:
    """Return a mapping with one entry on each line; values other than mappings stand beside their names."""
    return "".join(
        f"{indent}{_inline(str(name))}:\n{_block(value, indent + '  ')}"
        if isinstance(value, dict) and value
        else f"{indent}{_inline(str(name))}: {_inline(value)}\n"
        for name, value in content.items()
    )


def _inline(value: Any) -> str:
    """Return a value in one line: JSON, which YAML 1.2 reads, without the quotes of plain words."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_inline(str(k))}: {_inline(v)}' for k, v in value.items())}}}"
    if isinstance(value, str):
        plain = WORD.fullmatch(value) and value.lower() not in NOT_WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(value)]
    return json.dumps(value)


def _reader() -> YAML:
    """Return a reader without aliases: a few lines of them stand for billions of values."""
    from ruamel.yaml import YAML  # loaded where such a file is met
    from ruamel.yaml.composer import Composer, ComposerError
    from ruamel.yaml.events import AliasEvent

    class Plain(Composer):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.parser.check_event(AliasEvent):
                event = self.parser.peek_event()
                problem = f"*{event.anchor} refers to another part of the file; write that part out here"
                raise ComposerError(None, None, problem, event.start_mark)
            if self.depth > MOST_DEPTH:
                raise RecursionError
            return super().compose_node(parent, index)

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = Plain
    return yaml
