"""DICOM files: found in a folder, read with or without a prefix, grouped by series."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radiokit.exceptions import FileError, RadiokitError
from radiokit.io._dicom_marks import DICOM_SUFFIXES, begins_without_prefix, has_dicom_prefix
from radiokit.io._regions import NO_IMAGE, REGIONS

Header = pydicom.Dataset
# What pydicom raises on damaged bytes.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pydicom raises on broken files into our error, and keep its remarks on odd values silent."""
    try:
        with disable_value_validation():
            yield
    except RadiokitError:
        raise
    except DAMAGE as error:
        raise FileError(f"{path} is damaged, or lacks what its kind of DICOM must have: {error!r}.") from error


def header(path: Path) -> Header:
    """Everything but the pixels."""
    head = read_file(path, stop_before_pixels=True)
    if "SOPClassUID" not in head:
        raise FileError(f"{path} is no DICOM file, or is cut off: it does not say what it holds.")
    return head


def read_file(path: Path, *, stop_before_pixels: bool = False) -> Header:
    """Read a file, also one without prefix and meta information, whose encoding is then the one it was read in."""
    data = pydicom.dcmread(path, stop_before_pixels=stop_before_pixels, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        implicit, little = data.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return data


def dicom_files(folder: Path) -> Iterator[tuple[Path, Header]]:
    """Headers of the DICOM files in a folder; other files are passed over, damaged DICOM files are not."""
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        if path.name == "DICOMDIR" or (path.stat().st_size == 0 and path.suffix.lower() not in (*DICOM_SUFFIXES, "")):
            continue
        if path.suffix.lower() in DICOM_SUFFIXES or has_dicom_prefix(path):
            yield path, header(path)
        elif begins_without_prefix(path):
            head = read_file(path, stop_before_pixels=True)
            if "SOPClassUID" in head:
                yield path, head


def one_series(folder: Path, series: int | str | None) -> list[tuple[Path, Header]]:
    """Return the files of one series of images, each instance once."""
    groups: dict[str, list[tuple[Path, Header]]] = {}
    others: set[str] = set()
    for path, head in dicom_files(folder):
        modality = str(head.get("Modality", ""))
        if modality in NO_IMAGE:
            others.add(modality)
        else:
            if "Rows" not in head:
                raise FileError(f"{path} is cut off, or no image: it does not say how many rows it has.")
            groups.setdefault(str(head.get("SeriesInstanceUID", "")), []).append((path, head))
    if not groups:
        beside = f", only {', '.join(sorted(others))}; a dose is read by its file" if others else ""
        raise FileError(f"{folder} holds no DICOM image{beside}.")
    chosen = [g for u, g in groups.items() if series is None or str(series) in (u, str(g[0][1].get("SeriesNumber")))]
    if len(chosen) != 1:
        known = "; ".join(_described(uid, group) for uid, group in groups.items())
        raise FileError(
            f"{folder} holds {len(groups)} series: {known}. Name one with series= (number or UID), or keep each in a "
            "folder of its own."
        )
    unique = {str(head.get("SOPInstanceUID", path)): (path, head) for path, head in chosen[0]}
    return list(unique.values())


def dicom_mask_of(path: Path) -> tuple[Path, str]:
    """Return the file of regions that a path means (itself, or the only one in a folder) and its modality."""
    with reading(path):
        if path.is_file():
            return path, str(header(path).get("Modality", ""))
        found = [(file, str(head.get("Modality", ""))) for file, head in dicom_files(path)]
    regions = [(file, modality) for file, modality in found if modality in REGIONS]
    if len(regions) > 1:
        raise FileError(f"{path} holds {', '.join(file.name for file, _ in regions)}; name one of them.")
    if not found:
        raise FileError(f"{path} holds no DICOM file.")
    return regions[0] if regions else (path, found[0][1])


def _described(uid: str, group: list[tuple[Path, Header]]) -> str:
    head = group[0][1]
    return f"number {head.get('SeriesNumber', '?')} ({head.get('Modality', '?')}, {len(group)} images, {uid})"


def is_empty(group: Header, name: str) -> bool:
    """Whether an element is there without a value, as anonymisers leave it."""
    return name in group and (group[name].value is None or str(group[name].value).strip() == "")


def number_of(group: Header, name: str, default: float) -> float:
    """Return the number in an element; the default where it is absent or empty."""
    return float(group[name].value) if name in group and not is_empty(group, name) else default
