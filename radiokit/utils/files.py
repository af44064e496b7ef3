"""Files: written whole or not at all, and read only where there is an ordinary file."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from radiokit.exceptions import FileError

DRAFT = ".draft-"  # how the name of the folder of an unfinished file begins
# An unfinished file that is younger may belong to another run that is still writing.
STALE_SECONDS = 3600.0


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends that file takes its place.

    Parameters
    ----------
    path : path
        The file to write. A file there is replaced; it stays as it is when anything goes wrong.

    Yields
    ------
    Path
        Where to write. It has the name of `path`, in a hidden folder beside it.

    Raises
    ------
    FileError
        If the file cannot be written: no such folder, no permission, full disk, or `path` is a folder, a pipe or a
        device. Nothing is left behind then.

    Notes
    -----
    The file is flushed to the disk before it is renamed: after a power cut there is the old file or the new one. Two
    processes that write to the same path never share a temporary file; the last one wins.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder, "a.txt")) as draft:
    ...         _ = draft.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    path = Path(path)
    # In a folder of its own, so that a list of the files of a kind (``*.csv``) never holds an unfinished one.
    place = path.with_name(f"{DRAFT}{secrets.token_hex(8)}")
    try:
        _require_replaceable(path)
        place.mkdir()
        draft = place / path.name
        yield draft
        _flush(draft)
        draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Write a text in UTF-8, whole or not at all; see `atomic_write`.

    Parameters
    ----------
    path : path
        The file to write.
    text : str
        Its content.

    Raises
    ------
    FileError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "a.txt"), "µm")
    ...     Path(folder, "a.txt").read_bytes()
    b'\xc2\xb5m'
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write bytes, whole or not at all; see `atomic_write`.

    Parameters
    ----------
    path : path
        The file to write.
    content : bytes
        Its content.

    Raises
    ------
    FileError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder, "a.bin"), b"abc")
    ...     Path(folder, "a.bin").read_bytes()
    b'abc'
    """
    with atomic_write(path) as draft:
        draft.write_bytes(content)


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str], *, index: bool = False) -> None:
    """Write a table as CSV at full precision, whole or not at all; see `atomic_write`."""
    with atomic_write(path) as draft:
        frame.to_csv(draft, index=index)


def unused_name(stem: str, taken: set[str]) -> str:
    """Return a file name, with a number where it is taken (in capitals or not), and add it to those taken.

    Examples
    --------
    >>> taken: set[str] = set()
    >>> [unused_name(stem, taken) for stem in ("CT_1", "ct_1", "PET")]
    ['CT_1', 'ct_1_2', 'PET']
    """
    name, count = stem, 1
    while name.casefold() in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name.casefold())
    return name


def ready_folder(folder: str | os.PathLike[str], what: str) -> Path:
    """Make a folder that files can be written into, and remove the unfinished ones that a killed run left in it.

    Raises FileError where nothing can be written; `what` is what the message calls the folder.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _write_trial(path)
    except OSError as error:
        raise FileError(
            f"The {what} folder {path} cannot be written ({error.strerror or error}). Name another folder, or free "
            "space there."
        ) from error
    for left in path.glob(f"{DRAFT}*"):
        if _is_stale(left):
            shutil.rmtree(left, ignore_errors=True)
    return path


def check_folder(folder: Path) -> None:
    """Raise FileError where no file can be written into a folder, or into the one that it would be made in."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        _write_trial(folder)
    except OSError as error:
        raise FileError(f"Nothing can be written into {folder}: {error.strerror or error}.") from error


def _write_trial(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as trial:
        trial.write(b"0")


def _is_stale(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    except OSError:
        return False


def regular_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of an ordinary file; refuse a pipe or a device, from which reading might never end.

    Parameters
    ----------
    path : path
        A file, or a link to one.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    FileError
        If there is nothing, or a folder, a pipe, a device or a socket.

    Examples
    --------
    >>> regular_file("/dev/null")
    Traceback (most recent call last):
    ...
    radiokit.exceptions.FileError: /dev/null is a device; required: an ordinary file.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise FileError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error
    if not stat.S_ISREG(mode):
        raise FileError(f"{path} is {_kind(mode)}; required: an ordinary file.")
    return path


def read_bytes(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the content of an ordinary file that has no more than a number of bytes.

    Parameters
    ----------
    path : path
        The file.
    most : int
        The most bytes that it may have; no more than these are ever read.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    FileError
        If it cannot be read, is no ordinary file, or is larger.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"abc")
    ...     file.flush()
    ...     read_bytes(file.name, 10)
    b'abc'
    """
    path = regular_file(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(content) > most:
        raise FileError(f"{path} has more than {most / 2**20:,.0f} MiB, which no file of its kind has.")
    return content


def _kind(mode: int) -> str:
    kinds = {
        "a folder": stat.S_ISDIR,
        "a pipe": stat.S_ISFIFO,
        "a device": lambda m: stat.S_ISCHR(m) or stat.S_ISBLK(m),
        "a socket": stat.S_ISSOCK,
    }
    return next((name for name, holds in kinds.items() if holds(mode)), "not a file")


def _require_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of a folder, a pipe or a device (a rename would, for the superuser)."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {_kind(mode)}")


def _flush(path: Path) -> None:
    """Wait until the content is on the disk: some systems find out only then that it is full."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> FileError:
    full = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
    advice = {errno.ENOENT: " Does the folder exist?"} | dict.fromkeys(full, " Free space there, or write elsewhere.")
    return FileError(f"{path} cannot be written: {error.strerror or error}.{advice.get(error.errno or 0, '')}")
