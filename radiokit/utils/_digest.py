"""A hash of the content of files, and of the files that their headers name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from radiokit.exceptions import FileError
from radiokit.utils.files import regular_file

# MetaImage and NRRD files whose header may say that the voxels lie in other files.
HEADERS = (".mhd", ".mha", ".nhdr", ".nrrd")
MOST_HEADER = 2**16
_VOXELS = re.compile(r"^(?:ElementDataFile\s*=|data ?file:)[ \t]*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_NUMBERED = re.compile(r"(.*%\d*d.*?)\s+(-?\d+)\s+(-?\d+)(?:\s+(-?\d+))?.*")


def content_hash(text: str, paths: Iterable[str | os.PathLike[str]] = ()) -> str:
    """Hash a text and the contents of files, for the `key` of `run_cases`.

    Parameters
    ----------
    text : str
        Whatever else decides the result: the settings and the label, in one unambiguous spelling.
    paths : iterable of path
        Files, or folders whose files all count. Names and dates do not matter, bytes do. Where a header of MetaImage or
        NRRD names other files that hold the voxels, their bytes count too.

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Raises
    ------
    FileError
        If a file cannot be read. Files of a folder that cannot be read count as such.

    Examples
    --------
    >>> content_hash("width 25")[:8] == content_hash("width 50")[:8]
    False
    """
    parts = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()]
    for path in map(Path, paths):
        digests = _of_folder(path) if path.is_dir() else [_of_file(path), *_of_voxels(path)]
        parts.append(len(digests).to_bytes(8, "big"))
        parts.extend(digests)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _of_folder(folder: Path) -> list[bytes]:
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    return [_of_file_or_fault(file) for file in files]


def _of_file_or_fault(path: Path) -> bytes:
    """Return the digest of a file, or that of the fact that it cannot be read: a broken link, a pipe, no permission."""
    try:
        return _of_file(path)
    except FileError:
        return hashlib.sha256(b"cannot be read").digest()


def _of_file(path: Path) -> bytes:
    try:
        with regular_file(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from error


def _of_voxels(path: Path) -> list[bytes]:
    return [_of_file_or_fault(path.parent / name) for name in _named_in(path)]


def _named_in(path: Path) -> Iterator[str]:
    """Yield the names of the files that a header says hold the voxels."""
    if path.suffix.lower() not in HEADERS:
        return
    try:
        with path.open("rb") as stream:
            header = stream.read(MOST_HEADER).decode("utf-8", "replace")
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from error
    found = _VOXELS.search(header)
    if found is None or found[1].upper() == "LOCAL":
        return
    numbered = _NUMBERED.fullmatch(found[1])
    if found[1].upper().startswith("LIST"):
        yield from (line.strip() for line in header[found.end() :].splitlines() if line.strip())
    elif numbered is None:
        yield found[1]
    else:
        first, last, step = int(numbered[2]), int(numbered[3]), int(numbered[4] or 1) or 1
        for k in range(first, last + (1 if step > 0 else -1), step)[:100_000]:
            yield numbered[1] % k
