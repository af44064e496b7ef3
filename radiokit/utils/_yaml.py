"""YAML from strangers: nothing in it is executed, and a small file cannot become a large one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiokit.exceptions import FileError

if TYPE_CHECKING:
    import yaml

# A long study file has some thousands of values. Aliases let a few lines stand for billions.
MOST_BYTES = 2**20
MOST_VALUES = 100_000


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML or JSON file of plain values.

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
        If the file cannot be read, is no YAML, asks for Python objects, holds itself, or stands for more than 100,000
        values.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
    ...     _ = file.write("setting: {binWidth: 25}")
    ...     file.flush()
    ...     read_yaml(file.name)
    {'setting': {'binWidth': 25}}
    """
    import yaml  # 20 ms that only those who use such files pay

    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(content) > MOST_BYTES:
        raise FileError(f"{path} has more than 1 MiB; it is no file of settings.")
    try:
        loader = yaml.SafeLoader(content.decode("utf-8-sig"))
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _require_small(root, path)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except FileError:
        raise
    except RecursionError as error:
        raise FileError(f"{path} is nested too deeply for a file of settings.") from error
    except Exception as error:
        # Besides its own errors PyYAML lets through what Python raises on dates and numbers that do not exist.
        raise FileError(f"{path} is not valid YAML: {error}") from error


def _require_small(root: yaml.Node, path: Path) -> None:
    """Count the values that a document stands for, each as often as it is named."""
    counted: dict[int, int] = {}
    inside: set[int] = set()

    def count(node: yaml.Node) -> int:
        if id(node) in inside:
            raise FileError(f"{path} holds a part that contains itself.")
        if id(node) not in counted:
            inside.add(id(node))
            children = node.value if isinstance(node.value, list) else []
            parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
            counted[id(node)] = 1 + sum(map(count, parts))
            inside.discard(id(node))
        return counted[id(node)]

    if count(root) > MOST_VALUES:
        raise FileError(f"{path} stands for more than {MOST_VALUES:,} values; it is no file of settings.")
