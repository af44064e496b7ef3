"""The study file: the same study as a text that a colleague can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from radiokit.exceptions import FileError, ParameterError

KEYS = (
    "cases", "outcome", "survival", "clinical", "signatures", "center", "groups", "split", "random_state", "options",
)  # fmt: skip


def read_study(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Path]:
    """Return the arguments of a study, and the folder that relative paths start from."""
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FileError(f"{path} is no YAML file: {str(error).splitlines()[0]}.") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path} holds {type(content).__name__}; required: keys {', '.join(KEYS)}.")
    unknown = sorted(set(map(str, content)) - set(KEYS))
    if unknown:
        raise ParameterError(f"{path} holds {', '.join(unknown)}; known: {', '.join(KEYS)}.")
    for key in ("cases", "signatures"):
        if key not in content:
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
