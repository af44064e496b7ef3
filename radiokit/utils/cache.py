"""A folder of finished cases: one small file each, written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit import __version__
from radiokit.exceptions import FileError
from radiokit.utils._sealed import MAGIC, read_sealed, write_sealed
from radiokit.utils.files import ready_folder


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
    """Finished cases by the hash of their inputs, settings and radiokit's version; see `_sealed` for a file of it.

    An entry holds its key, so that one under the name of another is noticed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Make the folder, see that it can be written, and remove what a killed run left."""
        ready_folder(self.folder, "cache")

    def path(self, key: str) -> Path:
        """Return the path of the entry of `key`."""
        return self.folder / f"{_hashed(key)}.case"

    def read(self, key: str) -> Entry | None:
        """Return the entry, or None where there is none, or it is damaged or that of another key."""
        found = read_sealed(self.path(key))
        try:
            return None if found is None or found[0]["key"] != _hashed(key) else _entry(*found)
        except (ValueError, TypeError, KeyError, OverflowError):  # it has the checksum, but was not written here
            return None

    def write(self, key: str, entry: Entry) -> None:
        """Store an entry, whole or not at all."""
        fields = {
            "key": _hashed(key),
            "names": entry.names,
            "provenance": entry.provenance,
            "warnings": entry.warnings,
            "seconds": entry.seconds,
        }
        try:
            write_sealed(self.path(key), fields, entry.values)
        except FileError as error:
            raise FileError(
                f"The cache folder {self.folder} cannot take another entry ({error}). "
                "Free space there and run again: finished cases are kept."
            ) from error


def _hashed(key: str) -> str:
    return hashlib.sha256(f"{MAGIC!r}|{__version__}|{key}".encode()).hexdigest()


def _entry(fields: dict[str, Any], values: NDArray[np.float64]) -> Entry | None:
    """Return the entry that the parts describe, or None where they do not fit together."""
    names, warned = fields["names"], [(name, message) for name, message in fields["warnings"]]
    seconds, provenance = fields["seconds"], fields["provenance"]
    fits = (
        isinstance(names, list)
        and len(names) == len(values) == len(set(names))
        and all(isinstance(text, str) for text in (*names, *(text for pair in warned for text in pair)))
        and isinstance(provenance, dict)
        and not any(isinstance(value, list | dict) for value in provenance.values())
        and isinstance(seconds, int | float)
        and math.isfinite(seconds)
    )
    return Entry(tuple(names), values, provenance, warned, float(seconds)) if fits else None
