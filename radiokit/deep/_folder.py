"""Folders that deep models keep things in between runs: crops and checkpoints."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from radiokit.exceptions import FileError
from radiokit.utils.cache import _is_stale
from radiokit.utils.files import DRAFT


def ready_folder(folder: str | os.PathLike[str], what: str) -> Path:
    """Make a folder where there is none, and sweep the unfinished files that a killed run has left.

    Raises
    ------
    FileError
        If it cannot be made; `what` names it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"the {what} folder {path} cannot be written ({error.strerror}).") from error
    for left in path.glob(f"{DRAFT}*"):
        if _is_stale(left):
            shutil.rmtree(left, ignore_errors=True)
    return path
