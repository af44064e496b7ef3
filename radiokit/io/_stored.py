"""Voxels as a header describes them: which bytes of which file, of which type, compressed or not.

Nothing of this is left to a library that trusts headers: what a header promises is compared with the length of the file
before memory is taken, so that a damaged or forged one ends in an error.
"""

from __future__ import annotations

import bz2
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from radiokit.exceptions import FileError
from radiokit.utils import regular_file

# Deflate shrinks 1032 bytes to one at most (zlib.net, "Maximum Compression Factor"); bzip2 blocks of zeros more.
MOST_SHRUNK = {"raw": 1.0, "zlib": 1100.0, "bzip2": 1e6, "text": 1.0}
CHUNK = 1 << 22
AGAIN = "Copy it again from its source."
FROM_END = -1
MOST_LINES, MOST_LETTERS = 2000, 10_000


@dataclass(frozen=True)
class Stored:
    """Where voxels lie, and how.

    They begin at byte `start`, then `lines` lines and `skip` bytes are passed over, the latter after decompression. A
    skip of -1 means that the voxels end the file.
    """

    path: Path
    encoding: str
    dtype: np.dtype
    size: tuple[int, ...]
    start: int = 0
    lines: int = 0
    skip: int = 0

    @property
    def n_bytes(self) -> int:
        """Bytes of the voxels themselves."""
        return math.prod(self.size) * self.dtype.itemsize


def read_stored(stored: Stored, header: Path) -> np.ndarray:
    """Return the voxels in one row, of the native byte order; `header` is named in errors."""
    try:
        regular_file(stored.path)
    except FileError as error:
        raise FileError(f"{header} has its voxels in another file: {error}") from error
    try:
        with stored.path.open("rb") as stream:
            _skip(stream, stored, header)
            flat = DECODERS[stored.encoding](stream, stored, header)
    except (zlib.error, EOFError, OSError, OverflowError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{header} is damaged or cut off: {error}. {AGAIN}") from error
    return flat.astype(flat.dtype.newbyteorder("="), copy=False)


def _skip(stream: BinaryIO, stored: Stored, header: Path) -> None:
    length = stored.path.stat().st_size
    stream.seek(stored.start)
    for _ in range(stored.lines):
        if not stream.readline():
            raise EOFError(f"it has fewer than {stored.lines} lines")
    if stored.skip == FROM_END:
        stream.seek(max(length - stored.n_bytes, stream.tell()))
    elif stored.encoding in ("raw", "text"):
        stream.seek(stored.skip, 1)
    there = max(length - stream.tell(), 0)
    least = math.prod(stored.size) if stored.encoding == "text" else stored.n_bytes
    if least > there * MOST_SHRUNK[stored.encoding]:
        raise _cut_off(header, stored.n_bytes, there)


def _cut_off(header: Path, promised: int, there: int) -> FileError:
    return FileError(
        f"{header} is cut off: its header promises {promised} bytes of voxels, and {there} bytes are there. {AGAIN}"
    )


def _raw(stream: BinaryIO, stored: Stored, header: Path) -> np.ndarray:
    return np.fromfile(stream, stored.dtype, math.prod(stored.size))


def _zlib(stream: BinaryIO, stored: Stored, header: Path) -> np.ndarray:
    """Decompress zlib or gzip, as the first bytes show, and compare the checksum."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    return _inflated(
        stream, stored, header, inflater.decompress, lambda: inflater.unconsumed_tail, lambda: inflater.eof
    )


def _bzip2(stream: BinaryIO, stored: Stored, header: Path) -> np.ndarray:
    inflater = bz2.BZ2Decompressor()
    return _inflated(stream, stored, header, inflater.decompress, lambda: b"", lambda: inflater.eof)


def _inflated(
    stream: BinaryIO,
    stored: Stored,
    header: Path,
    decompress: Callable[[bytes, int], bytes],
    rest: Callable[[], bytes],
    ended: Callable[[], bool],
) -> np.ndarray:
    flat = np.empty(math.prod(stored.size), stored.dtype)
    target = flat.view(np.uint8).data
    at = -max(stored.skip, 0)  # bytes before the voxels are dropped
    waiting = b""
    while not ended():
        waiting = waiting or stream.read(CHUNK)
        chunk = decompress(waiting, CHUNK)
        if not chunk and not waiting:
            raise EOFError("the compressed stream ends too early")
        waiting = rest()
        kept = chunk[max(-at, 0) : max(len(target) - at, 0)]
        target[max(at, 0) : max(at, 0) + len(kept)] = kept
        at += len(chunk)
    if at < len(target):
        raise _cut_off(header, stored.n_bytes, max(at, 0))
    return flat


def _text(stream: BinaryIO, stored: Stored, header: Path) -> np.ndarray:
    numbers = stream.read().split()
    if len(numbers) != math.prod(stored.size):
        raise FileError(f"{header} promises {math.prod(stored.size)} voxels, and {len(numbers)} numbers are there.")
    values = np.array(numbers, dtype=np.float64 if stored.dtype.kind == "f" else np.int64)
    flat = values.astype(stored.dtype)
    if stored.dtype.kind in "iu" and (flat != values).any():
        raise FileError(f"{header} has numbers that are no {stored.dtype.name}.")
    return flat


DECODERS: dict[str, Callable[[BinaryIO, Stored, Path], np.ndarray]] = {
    "raw": _raw,
    "zlib": _zlib,
    "bzip2": _bzip2,
    "text": _text,
}


def header_lines(stream: BinaryIO, last: Callable[[str], bool], path: Path) -> list[str]:
    """Lines of a header up to the one that ends it, or the end of the file; the stream then stands behind that."""
    lines: list[str] = []
    for _ in range(MOST_LINES):
        raw = stream.readline(MOST_LETTERS)
        lines.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
        if not raw or last(lines[-1]):
            return lines
        if len(raw) == MOST_LETTERS:
            break
    raise FileError(f"{path} is damaged, or of another format than its name says: its header does not end.")


def beside(header: Path, name: str) -> Path:
    """Return the file of voxels that a header names."""
    if re.search(r"%\d*d", name) or name.upper().startswith("LIST"):
        raise FileError(f"{header} spreads its voxels over several files ({name}); required: one. Convert it first.")
    return header.parent / name
