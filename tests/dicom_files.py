"""Writes small DICOM series, structure sets and segmentations for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
FLAT = (1, 0, 0, 0, 1, 0)


def blank(storage: str, modality: str, **tags: Any) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientName, data.PatientID = modality, "Secret^Name", "SECRET-ID"
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def item(**tags: Any) -> Dataset:
    data = Dataset()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def pixels(data: Dataset, stored: np.ndarray) -> None:
    data.Rows, data.Columns = stored.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * stored.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(stored.dtype.kind == "i")
    data.PixelData = stored.tobytes()


def write_series(
    folder: Path,
    stored: np.ndarray,
    *,
    positions: list[Any] | None = None,
    spacing: tuple[float, float] = (0.8, 0.7),
    step: float = 3.0,
    orientation: tuple[float, ...] = FLAT,
    uid: str | None = None,
    modality: str = "CT",
    slopes: list[float] | None = None,
    intercept: float = 0,
    **tags: Any,
) -> list[Path]:
    """Write a file a slice; the names are in an order of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    normal = np.cross(orientation[:3], orientation[3:])
    files = []
    for i, image in enumerate(stored):
        data = blank(CTImageStorage, modality, SeriesInstanceUID=uid, SeriesNumber=4, InstanceNumber=i + 1, **tags)
        at = np.array([-10.0, 20.0, 100.0]) + i * step * normal if positions is None else np.array(positions[i], float)
        data.ImagePositionPatient = [f"{v:.10g}" for v in at]
        data.ImageOrientationPatient = [f"{v:.12g}" for v in orientation]
        data.PixelSpacing, data.SliceThickness = list(spacing), step
        data.RescaleSlope, data.RescaleIntercept = (1 if slopes is None else slopes[i]), intercept
        pixels(data, image)
        files.append(folder / f"s{uid[-6:]}_{(i * 7) % 97:03d}.dcm")
        data.save_as(files[-1])
    return files


def write_enhanced(path: Path, stored: np.ndarray, slopes: list[float], step: float = 2.5) -> None:
    """Write one multi-frame file, the frames from the highest to the lowest."""
    data = blank(ENHANCED_CT, "CT", NumberOfFrames=len(stored), SeriesInstanceUID=generate_uid())
    pixels(data, stored[::-1].copy())
    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=list(FLAT))]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.8, 0.7], SliceThickness=step)]),
    )
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PerFrameFunctionalGroupsSequence = Sequence(
        [
            item(
                PlanePositionSequence=Sequence([item(ImagePositionPatient=[-10, 20, 100 + i * step])]),
                PixelValueTransformationSequence=Sequence([item(RescaleSlope=slopes[i], RescaleIntercept=0)]),
            )
            for i in reversed(range(len(stored)))
        ]
    )
    data.save_as(path)


def write_rtstruct(path: Path, regions: dict[str, list[np.ndarray]], kind: str = "CLOSED_PLANAR", **tags: Any) -> None:
    """Write contours: a list of points (x, y, z) in mm, of shape (n, 3), a region."""
    data = blank(RTSTRUCT, "RTSTRUCT", **tags)
    data.StructureSetROISequence = Sequence(
        [item(ROINumber=i, ROIName=name) for i, name in enumerate(regions, start=1)]
    )
    data.ROIContourSequence = Sequence(
        [
            item(
                ReferencedROINumber=i,
                ContourSequence=Sequence(
                    [
                        item(
                            ContourGeometricType=kind,
                            NumberOfContourPoints=len(points),
                            ContourData=[f"{v:.9g}" for v in points.ravel()],
                        )
                        for points in contours
                    ]
                ),
            )
            for i, contours in enumerate(regions.values(), start=1)
        ]
    )
    data.save_as(path)


def write_seg(
    path: Path,
    segments: dict[str, np.ndarray],
    *,
    kind: str = "BINARY",
    step: float = 3.0,
    origin: Any = (-10.0, 20.0, 100.0),
    between: float | None = None,
    thickness: float | None = None,
    **tags: Any,
) -> None:
    """Write segments, arrays (z, y, x) on one grid; slices of a segment that are empty get no frame.

    `between` is SpacingBetweenSlices, left out by default; `thickness` is that of the slices, by default their step.
    """
    data = blank(SEG, "SEG", SegmentationType=kind, **tags)
    data.SegmentSequence = Sequence(
        [item(SegmentNumber=i, SegmentLabel=name) for i, name in enumerate(segments, start=1)]
    )
    frames, groups = [], []
    for number, array in enumerate(segments.values(), start=1):
        for z in np.flatnonzero(array.any(axis=(1, 2))):
            frames.append(array[z])
            groups.append(
                item(
                    PlanePositionSequence=Sequence([item(ImagePositionPatient=[*origin[:2], origin[2] + z * step])]),
                    SegmentIdentificationSequence=Sequence([item(ReferencedSegmentNumber=number)]),
                )
            )
    stack = np.array(frames)
    pixels(data, stack.astype(np.uint8))
    data.NumberOfFrames = len(stack)
    if kind == "BINARY":
        data.BitsAllocated = data.BitsStored = 1
        data.HighBit = 0
        packed = np.packbits(stack.astype(bool).ravel(), bitorder="little").tobytes()
        data.PixelData = packed + b"\0" * (len(packed) % 2)
    else:
        data.MaximumFractionalValue = 200
        data.PixelData = stack.astype(np.uint8).tobytes() + b"\0" * (stack.size % 2)
    data["PixelData"].VR = "OB"
    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=list(FLAT))]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.8, 0.7], SliceThickness=thickness or step)]),
    )
    if between is not None:
        shared.PixelMeasuresSequence[0].SpacingBetweenSlices = between
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    data.save_as(path)
