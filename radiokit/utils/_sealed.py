"""A file of JSON and numbers under a checksum: exact to the bit, written whole or not at all, never executed.

A magic line, the SHA-256 of the rest, a line of JSON, and the numbers as little-endian float64. The checksum finds
damage; it is no signature: anybody with access to the folder can write false numbers.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.utils.files import write_bytes

MAGIC = b"radiokit case 1\n"


def write_sealed(path: Path, fields: dict[str, Any], values: NDArray[np.float64]) -> None:
    """Write a mapping of plain values, and numbers."""
    body = json.dumps(fields).encode() + b"\n" + np.asarray(values, dtype="<f8").tobytes()
    write_bytes(path, MAGIC + hashlib.sha256(body).digest() + body)


def read_sealed(path: Path) -> tuple[dict[str, Any], NDArray[np.float64]] | None:
    """Return what was written, or None where there is no file, or it is damaged, or not of this kind."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, body = content[: len(MAGIC) + 32], content[len(MAGIC) + 32 :]
    if head != MAGIC + hashlib.sha256(body).digest():
        return None
    text, _, numbers = body.partition(b"\n")
    try:
        fields, values = json.loads(text), np.frombuffer(numbers, dtype="<f8").astype(float)
    except (ValueError, RecursionError):
        return None
    return (fields, values) if isinstance(fields, dict) else None
