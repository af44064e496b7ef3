"""A folder of finished cases: one small file each, written whole or not at all, checked when read, never executed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radiokit import __version__
from radiokit.exceptions import FileError
from radiokit.utils.files import DRAFT, write_bytes

MAGIC = b"radiokit case 1\n"
STALE_SECONDS = 3600.0


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
    the bit, and loading it can execute nothing. The JSON holds the key, so that an entry under the name of another is
    noticed. Entries are written whole or not at all, so that neither a kill nor a second run on the same folder leaves
    half of one behind. The checksum finds damage; who may write to the folder can write false entries.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Make the folder, see that it can be written, and sweep what a killed run left."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{secrets.token_hex(8)}"
            probe.write_bytes(MAGIC)
            probe.unlink()
        except OSError as error:
            raise FileError(
                f"The cache folder {self.folder} cannot be written ({error.strerror or error}). "
                "Give cache= another folder, or free space there."
            ) from error
        for left in self.folder.glob(f"{DRAFT}*"):
            if _is_stale(left):
                shutil.rmtree(left, ignore_errors=True)

    def path(self, key: str) -> Path:
        """Where the entry of `key` lies."""
        return self.folder / f"{_sealed(key)}.case"

    def read(self, key: str) -> Entry | None:
        """Return the entry, or None where there is none, or it is damaged or that of another key."""
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
            return _entry(fields, numbers) if fields["key"] == _sealed(key) else None
        # It has the checksum, but was not written by this class.
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None

    def write(self, key: str, entry: Entry) -> None:
        """Store an entry, whole or not at all."""
        fields = {
            "key": _sealed(key),
            "names": entry.names,
            "provenance": entry.provenance,
            "warnings": entry.warnings,
            "seconds": entry.seconds,
        }
        body = json.dumps(fields).encode() + b"\n" + np.asarray(entry.values, dtype="<f8").tobytes()
        try:
            write_bytes(self.path(key), MAGIC + hashlib.sha256(body).digest() + body)
        except FileError as error:
            raise FileError(
                f"The cache folder {self.folder} cannot take another entry ({error}). "
                "Free space there and run again: finished cases are kept."
            ) from error


def _sealed(key: str) -> str:
    return hashlib.sha256(f"{MAGIC!r}|{__version__}|{key}".encode()).hexdigest()


def _entry(fields: dict[str, Any], numbers: bytes) -> Entry | None:
    """Return the entry that the parts describe, or None where they do not fit together."""
    values = np.frombuffer(numbers, dtype="<f8").astype(float)
    names, said = fields["names"], [(name, message) for name, message in fields["warnings"]]
    seconds, provenance = fields["seconds"], fields["provenance"]
    fits = (
        isinstance(names, list)
        and len(names) == len(values) == len(set(names))
        and all(isinstance(text, str) for text in (*names, *(text for pair in said for text in pair)))
        and isinstance(provenance, dict)
        and not any(isinstance(value, list | dict) for value in provenance.values())
        and isinstance(seconds, int | float)
        and math.isfinite(seconds)
    )
    return Entry(tuple(names), values, provenance, said, float(seconds)) if fits else None


def _is_stale(path: Path) -> bool:
    # A younger one may belong to another run that is still writing.
    try:
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    except OSError:
        return False
