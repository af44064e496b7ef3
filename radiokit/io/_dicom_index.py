"""What lies in a tree of DICOM files: the series, and the regions that refer to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from radiokit.exceptions import FileError
from radiokit.io._regions import NO_IMAGE, REGIONS

if TYPE_CHECKING:
    import pydicom

COLUMNS = ("series", "modality", "number", "n_files", "path", "alone", "refers_to", "regions")


def index_dicom(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """List the image series below a folder, and the structure sets and segmentations with the series they refer to.

    Parameters
    ----------
    folder : path
        Searched with all its folders; files that are not DICOM are passed over.

    Returns
    -------
    DataFrame
        One row for each image series or file of regions: `series` (UID), `modality` (DICOM's code), `number`,
        `n_files`, `path` (folder of a series, or file of regions), `alone` (no other series lies in that folder, so the
        folder names it), `refers_to` (UID of the image series that regions were drawn on, or empty), `regions` (their
        names, as a tuple). Nothing in it names a person.

    Raises
    ------
    FileError
        If `folder` is not a folder, or a DICOM file in it is damaged.

    Notes
    -----
    Regions refer to a series by its UID; where a file leaves that out, by the UIDs of its images; without
    these too, by the frame of reference, if just one series has it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     index_dicom(folder).empty
    True
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileError(f"{root} is no folder.")
    series: dict[tuple[str, str], dict[str, Any]] = {}
    regions: list[dict[str, Any]] = []
    instances: dict[str, str] = {}
    frames: dict[str, set[str]] = {}
    for path, head in _headers(root):
        with _reading(path):
            modality, uid = str(head.get("Modality", "")), str(head.get("SeriesInstanceUID", ""))
            if modality in REGIONS:
                regions.append(_region_row(path, head, modality, uid))
            elif modality not in NO_IMAGE:
                row = series.setdefault((uid, str(path.parent)), _row(uid, modality, head, path.parent))
                row["n_files"] += 1
                instances[str(head.get("SOPInstanceUID", ""))] = uid
                frames.setdefault(str(head.get("FrameOfReferenceUID", "")), set()).add(uid)
    folders = [place for _, place in series]
    for (_, place), row in series.items():
        row["alone"] = folders.count(place) == 1
    known = {uid for uid, _ in series}
    for row in regions:
        row["refers_to"] = _referred(row.pop("references"), known, instances, frames)
    return pd.DataFrame([*series.values(), *regions], columns=list(COLUMNS))


def _reading(path: Path) -> AbstractContextManager[None]:
    from radiokit.io._dicom_files import reading

    return reading(path)


def _headers(root: Path) -> Iterator[tuple[Path, pydicom.Dataset]]:
    from radiokit.io._dicom_files import dicom_files, reading

    for folder, _, _ in sorted(os.walk(root)):
        with reading(Path(folder)):
            yield from dicom_files(Path(folder))


def _row(uid: str, modality: str, head: pydicom.Dataset, path: Path) -> dict[str, Any]:
    number = head.get("SeriesNumber")
    return {
        "series": uid,
        "modality": modality,
        "number": None if number is None else int(number),
        "n_files": 0,
        "path": str(path),
        "alone": True,
        "refers_to": "",
        "regions": (),
    }


def _region_row(path: Path, head: pydicom.Dataset, modality: str, uid: str) -> dict[str, Any]:
    if modality == "SEG":
        names = [str(item.get("SegmentLabel", "")) for item in head.get("SegmentSequence", [])]
    else:
        names = [str(item.get("ROIName", "")) for item in head.get("StructureSetROISequence", [])]
    row = _row(uid, modality, head, path)
    return {**row, "n_files": 1, "regions": tuple(names), "references": _references(head)}


def _references(head: pydicom.Dataset) -> tuple[list[str], list[str], str]:
    """UIDs of the series, of the images and of the frame of reference that regions name."""
    series = [str(item.SeriesInstanceUID) for item in head.get("ReferencedSeriesSequence", [])]
    frame = str(head.get("FrameOfReferenceUID", ""))
    for reference in head.get("ReferencedFrameOfReferenceSequence", []):
        frame = frame or str(reference.get("FrameOfReferenceUID", ""))
        for study in reference.get("RTReferencedStudySequence", []):
            series += [str(item.SeriesInstanceUID) for item in study.get("RTReferencedSeriesSequence", [])]
    images = [
        str(image.ReferencedSOPInstanceUID)
        for region in head.get("ROIContourSequence", [])
        for contour in region.get("ContourSequence", [])[:1]
        for image in contour.get("ContourImageSequence", [])
    ]
    images += [
        str(source.ReferencedSOPInstanceUID)
        for group in head.get("PerFrameFunctionalGroupsSequence", [])[:1]
        for derivation in group.get("DerivationImageSequence", [])
        for source in derivation.get("SourceImageSequence", [])
    ]
    return series, images, frame


def _referred(
    references: tuple[list[str], list[str], str],
    known: set[str],
    instances: dict[str, str],
    frames: dict[str, set[str]],
) -> str:
    series, images, frame = references
    if series:
        return next((uid for uid in series if uid in known), series[0])
    by_image = {instances[uid] for uid in images if uid in instances}
    by_frame = frames.get(frame, set()) if frame else set()
    found = by_image or by_frame
    return next(iter(found)) if len(found) == 1 else ""
