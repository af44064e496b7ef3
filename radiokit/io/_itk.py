"""NRRD and MetaImage through ITK, after a check of the compressed part: MetaIO reads a damaged one in silence."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from radiokit.exceptions import FileError
from radiokit.io._sitk import from_sitk
from radiokit.io._volume import Volume

FORMATS = {".nrrd": "NRRD", ".nhdr": "NRRD", ".mha": "MetaImage", ".mhd": "MetaImage"}
MAX_HEADER_LINES = 1000


def read_itk(path: Path) -> Volume:
    """Read an NRRD or MetaImage file of one scalar volume."""
    import SimpleITK as sitk

    _verify(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise FileError(f"{path} is damaged, cut off, or of another format than its name says: {reason}") from error
    volume = from_sitk(image)
    return replace(volume, metadata={"format": FORMATS[path.suffix.lower()], "path": str(path)})


def _verify(path: Path) -> None:
    """Read the compressed part once to its end, where its checksum is; plain files are checked by ITK."""
    try:
        with path.open("rb") as stream:
            header = list(_header_lines(stream))
            fields = dict(re.split(r"\s*:?=\s*|:\s*", line, maxsplit=1) for line in header if re.search(r"[=:]", line))
            fields = {key.strip().lower(): value.strip() for key, value in fields.items()}
            compressed = (
                fields.get("encoding", "").startswith("gz") or fields.get("compresseddata", "").lower() == "true"
            )
            if not compressed:
                return
            elsewhere = fields.get("data file") or fields.get("datafile") or fields.get("elementdatafile", "LOCAL")
            if elsewhere.upper() == "LOCAL":
                _inflate(stream)
            elif (path.parent / elsewhere).is_file():
                with (path.parent / elsewhere).open("rb") as detached:
                    _inflate(detached)
    except zlib.error as error:
        raise FileError(f"{path} is damaged or cut off: {error}. Copy it again from its source.") from error
    except OSError as error:
        raise FileError(f"Cannot read {path}: {error.strerror or error}.") from error


def _header_lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines up to the voxels: an NRRD header ends with an empty line, a MetaImage header with ElementDataFile."""
    for _ in range(MAX_HEADER_LINES):
        line = stream.readline(10_000).decode("latin-1").strip()
        if not line:
            return
        yield line
        if line.startswith("ElementDataFile"):
            return


def _inflate(stream: IO[bytes]) -> None:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # zlib or gzip, told by its first bytes
    while not inflater.eof:
        chunk = stream.read(1 << 18)
        if not chunk:
            raise zlib.error("the compressed stream ends too early")
        while chunk:
            inflater.decompress(chunk, 1 << 24)
            chunk = inflater.unconsumed_tail
