"""A folder that one run at a time may work in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from radiokit.exceptions import FileError


@contextmanager
def alone_in(folder: Path) -> Iterator[Path]:
    """Make the folder, keep other runs out while the block lasts, and remove it when it is empty again."""
    with _locked(folder) as lock:
        try:
            yield folder
        finally:
            # Removed while it is locked: a run that opens it next finds another file, or none.
            with suppress(OSError):
                os.unlink(lock.name)
            with suppress(OSError):
                folder.rmdir()


def _locked(folder: Path) -> IO[str]:
    """Return the open lock file of a folder; the system gives the lock back when this process ends, however it ends."""
    while True:
        with suppress(FileExistsError):
            folder.mkdir()
        try:
            file = (folder / ".lock").open("a")
        except FileNotFoundError:  # another run has just ended, and removed the folder
            continue
        try:
            _lock(file.fileno(), folder)
            if _is_still(file):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _is_still(file: IO[str]) -> bool:
    """Whether the name still leads to the file that was locked: its last holder removed it, perhaps after our open."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: nothing keeps two runs apart, and both write the same rows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileError(f"Another run is writing to {folder}. Wait for it, or write to another file.") from None
