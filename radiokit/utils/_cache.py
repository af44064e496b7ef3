"""A folder of finished cases: one small file each, written whole or not at all, checked when read, never executed."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radiokit._version import __version__
from radiokit.exceptions import FileError

MAGIC = b"radiokit case 1\n"
STALE_SECONDS = 3600.0


def content_hash(text: str, paths: Iterable[str | os.PathLike[str]] = ()) -> str:
    """Hash a text and the contents of files, for the `key` of `run_cases`.

    Parameters
    ----------
    text : str
        Whatever else decides the result: the settings and the label, in one unambiguous spelling.
    paths : iterable of path
        Files, or folders whose files all count. Names and dates do not matter, bytes do.

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Raises
    ------
    FileError
        If a file cannot be read.

    Examples
    --------
    >>> content_hash("width 25")[:8] == content_hash("width 50")[:8]
    False
    """
    parts = [hashlib.sha256(text.encode()).digest()]
    for path in map(Path, paths):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        parts.append(len(files).to_bytes(8, "big"))
        parts.extend(_file_digest(file) for file in files)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror}.") from error


@dataclass(frozen=True)
class CaseResult:
    """What the computation of one case returns where it has more to report than features.

    Parameters
    ----------
    features : mapping of str to float
        The row of the feature table.
    provenance : mapping of str to str, int, float, bool or None
        What else is worth keeping about the case (voxels in the region, spacing, ...): columns of the provenance
        table. It is stored with the content of the files, so it holds neither the case id nor paths.

    Examples
    --------
    >>> CaseResult({"mean": 1.5}, {"n_voxels": 20}).provenance["n_voxels"]
    20
    """

    features: Mapping[str, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A finished case as it is stored; `warnings` holds pairs (name of the class, message)."""

    names: tuple[str, ...]
    values: np.ndarray
    provenance: dict[str, Any]
    warnings: list[tuple[str, str]]
    seconds: float


class CaseCache:
    """Finished cases by the hash of their inputs, settings and radiokit's version.

    An entry is a magic line, the SHA-256 of the rest, a line of JSON, and the values as little-endian float64: exact to
    the bit, and loading it can execute nothing. Entries are written under another name and renamed when complete, so
    that neither a kill nor a second run on the same folder leaves half of one behind.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Make the folder, see that it can be written, and sweep what a killed run left."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{secrets.token_hex(8)}.tmp"
            probe.write_bytes(MAGIC)
            probe.unlink()
        except OSError as error:
            raise FileError(
                f"The cache folder {self.folder} cannot be written ({error.strerror or error}). "
                "Give cache= another folder, or free space there."
            ) from error
        for left in self.folder.glob("*.tmp"):
            self._sweep(left)

    @staticmethod
    def _sweep(path: Path) -> None:
        # A younger one may belong to another run that is still writing.
        try:
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink()
        except OSError:
            return

    def path(self, key: str) -> Path:
        """Where the entry of `key` lies."""
        name = hashlib.sha256(f"{MAGIC!r}|{__version__}|{key}".encode()).hexdigest()
        return self.folder / f"{name}.case"

    def read(self, key: str) -> Entry | None:
        """Return the entry, or None where there is none or it is damaged."""
        try:
            content = self.path(key).read_bytes()
        except OSError:
            return None
        head, body = content[: len(MAGIC) + 32], content[len(MAGIC) + 32 :]
        if head != MAGIC + hashlib.sha256(body).digest():
            return None
        text, _, numbers = body.partition(b"\n")
        try:
            fields = json.loads(text)
            return Entry(
                tuple(fields["names"]),
                np.frombuffer(numbers, dtype="<f8").astype(float),
                fields["provenance"],
                [(name, message) for name, message in fields["warnings"]],
                fields["seconds"],
            )
        except (ValueError, TypeError, KeyError, RecursionError):  # sealed, but not by this class
            return None

    def write(self, key: str, entry: Entry) -> None:
        """Store an entry, whole or not at all."""
        fields = {
            "names": entry.names,
            "provenance": entry.provenance,
            "warnings": entry.warnings,
            "seconds": entry.seconds,
        }
        body = json.dumps(fields).encode() + b"\n" + np.asarray(entry.values, dtype="<f8").tobytes()
        target = self.path(key)
        draft = target.with_name(f"{target.stem}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            with draft.open("wb") as stream:
                stream.write(MAGIC + hashlib.sha256(body).digest() + body)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise FileError(
                f"The cache folder {self.folder} cannot take another entry ({error.strerror or error}). "
                "Free space there and run again: finished cases are kept."
            ) from error
