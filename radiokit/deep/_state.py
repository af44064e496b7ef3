"""Weights as bytes in the safetensors layout: a length, a table of names in JSON, raw numbers. Nothing can execute."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import FileError

KINDS = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "<u1", "BOOL": "|b1"}
NAMES = {np.dtype(v): k for k, v in KINDS.items()}


def state_to_bytes(state: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as the content of a safetensors file; equal arrays give equal bytes."""
    header: dict[str, Any] = {}
    parts = []
    start = 0
    for name in sorted(state):
        array = np.asarray(state[name])
        array = array.astype(array.dtype.newbyteorder("<"))
        data = array.tobytes()
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, start + len(data)],
        }
        parts.append(data)
        start += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def state_from_bytes(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file.

    Raises
    ------
    FileError
        If the bytes are not what the table of names says.
    """
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        body = content[8 + size :]
        return {name: _array(entry, body) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(f"the weights are damaged ({type(error).__name__}: {error}); get the model anew.") from error


def _array(entry: Mapping[str, Any], body: bytes) -> NDArray[Any]:
    dtype, shape = np.dtype(KINDS[entry["dtype"]]), tuple(map(int, entry["shape"]))
    start, stop = map(int, entry["data_offsets"])
    if not 0 <= start <= stop <= len(body) or stop - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{stop - start} bytes at {start} for {shape}")
    return np.frombuffer(body[start:stop], dtype=dtype).reshape(shape).copy()
