"""Is a file DICOM? Its first bytes show it, without pydicom."""

from __future__ import annotations

from pathlib import Path

DICOM_SUFFIXES = (".dcm", ".ima")
# Value representations (PS3.5, 6.2) that the first elements of a data set may have.
FIRST_VRS = (b"UL", b"UI", b"OB", b"CS", b"SH", b"DA", b"TM", b"LO", b"ST", b"DT", b"US")
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
MOST_TEXT = 256


def has_dicom_prefix(path: Path) -> bool:
    """Whether the letters DICM stand where PS3.10 wants them."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def is_dicom_file(path: Path) -> bool:
    """Whether a regular file has DICOM's prefix or suffix, or begins as a data set without a prefix does."""
    return path.suffix.lower() in DICOM_SUFFIXES or has_dicom_prefix(path) or begins_without_prefix(path)


def begins_without_prefix(path: Path) -> bool:
    """Whether the first bytes are an element of group 0002 or 0008, as in archives older than the prefix."""
    with path.open("rb") as stream:
        group, element, kind, length = (stream.read(2) for _ in range(4))
    if group not in FIRST_GROUPS or len(length) < 2 or int.from_bytes(element, "little") > 0x0100:
        return False
    implicit = int.from_bytes(kind + length, "little")  # PS3.5, 7.1.3: without a VR the length has four bytes
    return kind in FIRST_VRS or implicit <= MOST_TEXT
