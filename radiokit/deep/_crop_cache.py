"""Crops that were made before, under a digest of what decides them: in memory, or in a folder."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from radiokit.utils import write_bytes
from radiokit.utils.files import ready_folder

Array = NDArray[np.float32]
MEMORY_BYTES = 2**30
MAGIC = b"radiokit crop 1\n"
HEAD = len(MAGIC) + hashlib.sha256().digest_size


class Memory:
    """Crops of this process; the one that was not used for longest is removed first."""

    def __init__(self, most: int = MEMORY_BYTES) -> None:
        self.most = most
        self.kept: OrderedDict[str, Array] = OrderedDict()
        self.lock = Lock()

    def get(self, key: str, shape: tuple[int, ...]) -> Array | None:
        """Return a crop, or None."""
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def put(self, key: str, value: Array) -> Array:
        """Keep a crop, and return it."""
        with self.lock:
            self.kept[key] = value
            while sum(v.nbytes for v in self.kept.values()) > self.most:
                self.kept.popitem(last=False)
        return value


MEMORY = Memory()


class CropFolder:
    """Crops in a folder. A file is a first line, the SHA-256 of key and numbers, and the numbers.

    Crops are mapped from their files, so that a cohort takes no more memory than one batch.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def get(self, key: str, shape: tuple[int, ...]) -> Array | None:
        """Return a crop, or None where there is none, or it is damaged or that of another key."""
        path = self.folder / f"{key}.crop"
        try:
            with path.open("rb") as stream:
                head = stream.read(HEAD)
            found = np.memmap(path, dtype="<f4", mode="r", offset=HEAD, shape=shape)
        except (OSError, ValueError):
            return None
        whole = path.stat().st_size == HEAD + found.nbytes
        return found if whole and head == _head(key, found) else None

    def put(self, key: str, value: Array) -> Array:
        """Keep a crop, whole or not at all, and return it mapped."""
        folder = ready_folder(self.folder, "cache")
        value = np.ascontiguousarray(value, dtype="<f4")
        write_bytes(folder / f"{key}.crop", _head(key, value) + value.tobytes())
        found = self.get(key, value.shape)
        return value if found is None else found


def crop_cache(folder: str | os.PathLike[str] | None) -> Memory | CropFolder:
    """Return where crops are kept."""
    return MEMORY if folder is None else CropFolder(folder)


def _head(key: str, value: Array) -> bytes:
    digest = hashlib.sha256(f"{key}|{value.shape}|".encode())
    digest.update(value.data)
    return MAGIC + digest.digest()
