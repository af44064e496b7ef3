"""One way to compile a numeric kernel, also where neither the installation nor the home folder can be written."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

config: Any = numba.config
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile a function with numba: without Python's lock, and kept on disk between processes.

    Numba keeps compiled code beside the source, in the user's cache folder, or in NUMBA_CACHE_DIR. Where it can write
    to none of them (a container that runs as another user, a read-only installation), it raises at import; then a
    private folder for temporary files serves, or each process compiles anew.
    """
    kernel: Any = numba.njit(nogil=True)(function)
    if config.DISABLE_JIT:
        return function
    try:
        kernel.enable_caching()
    except RuntimeError:
        _cache_in(_private_folder(), kernel)
    return kernel


def _cache_in(folder: str | None, kernel: Any) -> None:
    """Keep the code of one kernel in a folder, and leave numba's own setting as it was."""
    if folder is None:
        return
    before = config.CACHE_DIR
    config.CACHE_DIR = folder
    try:
        kernel.enable_caching()
    except RuntimeError:
        pass  # compiled in each process
    finally:
        config.CACHE_DIR = before


@cache
def _private_folder() -> str | None:
    """Return a folder for temporary files that only this user can write, or None; say which, when it is made.

    Numba loads what it finds there, so a folder that anyone else could have filled is not used.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    log = logging.getLogger("radiokit")
    why = "Neither radiokit's folder nor the home folder can be written, so compiled code is"
    try:
        folder = Path(tempfile.gettempdir()) / f"radiokit-numba-{'user' if user is None else user}"
        made = not folder.exists()
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        log.warning("%s not kept: each process compiles anew. Set NUMBA_CACHE_DIR to a writable folder.", why)
        return None
    ours = stat.S_ISDIR(status.st_mode) and (user is None or (status.st_uid == user and not status.st_mode & 0o022))
    if not ours:
        log.warning("%s not kept: %s belongs to someone else. Set NUMBA_CACHE_DIR to a folder of yours.", why, folder)
        return None
    if made:
        log.warning("%s kept in %s. Set NUMBA_CACHE_DIR to keep it elsewhere.", why, folder)
    return str(folder)
