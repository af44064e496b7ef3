"""The study file: the same study as a text that a colleague can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from radiokit.exceptions import ParameterError
from radiokit.utils import read_yaml

KEYS = (
    "cases", "outcome", "survival", "clinical", "signatures", "center", "groups", "split", "random_state", "options",
)  # fmt: skip


def read_study(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Path]:
    """Return the arguments of a study, and the folder that relative paths start from."""
    path = Path(path)
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ParameterError(f"{path} holds {type(content).__name__}; required: keys {', '.join(KEYS)}.")
    unknown = sorted(set(map(str, content)) - set(KEYS))
    if unknown:
        raise ParameterError(f"{path} holds {', '.join(unknown)}; known: {', '.join(KEYS)}.")
    for key in ("cases", "signatures"):
        if content.get(key) is None:
            raise ParameterError(f"{path} lacks `{key}`; required: cases, signatures, and outcome or survival.")
    base = path.absolute().parent
    content["cases"] = base / expand(str(content["cases"]), path)
    return content, base


def expand(text: str, path: Path) -> str:
    """Environment variables filled in; one that is not set is an error, not a folder of that name."""
    filled = os.path.expandvars(text)
    if "$" in filled:
        raise ParameterError(f"{path} names {text}; the environment variable is not set.")
    return filled
