"""Which DICOM object holds the region: a structure set, a segmentation, or an image of labels."""

from __future__ import annotations

from pathlib import Path

from radiokit.exceptions import FileError
from radiokit.io._dicom_files import dicom_files, header, reading
from radiokit.io._regions import REGIONS
from radiokit.io._rtstruct import read_rtstruct
from radiokit.io._seg import read_seg

__all__ = ["dicom_mask_of", "read_rtstruct", "read_seg"]


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
