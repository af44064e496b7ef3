"""DICOM images: a folder of slices, an enhanced multi-frame file, or one slice.

Geometry as DICOM PS3.3 C.7.6.2 (Image Plane) and C.7.6.16 (functional groups); values are stored · slope + intercept of
each slice (C.11.1). Nothing that names a person leaves this file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.config import disable_value_validation
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels import apply_modality_lut

from radiokit.exceptions import FileError, RadiokitError
from radiokit.io._regions import NO_IMAGE
from radiokit.io._suv import suv_factor
from radiokit.io._volume import Volume

# Part of the distance between slices by which one may lie off its place before the series counts as irregular.
IRREGULAR = 0.05
PARALLEL = 1e-3
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
DICOM_SUFFIXES = (".dcm", ".ima", "")


@dataclass(frozen=True)
class Plane:
    """One slice in patient space: where its first voxel lies, how rows and columns run, how far apart they are."""

    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    thickness: float | None

    @property
    def normal(self) -> np.ndarray:
        """Direction of the next slice."""
        return np.cross(self.orientation[:3], self.orientation[3:])


def read_dicom(path: Path, *, suv: str | None = None, series: int | str | None = None) -> Volume:
    """Read a DICOM folder or file as one volume; see `read_volume`."""
    with reading(path):
        files = one_series(path, series) if path.is_dir() else [(path, header(path))]
        first = files[0][1]
        planes, slices = _multi_frame(*files[0]) if "NumberOfFrames" in first and len(files) == 1 else _single(files)
        order, (spacing, origin, direction) = arrange(planes, path)
        array = _stacked(slices, order)
        metadata = {"format": "DICOM", "path": str(path), "modality": str(first.get("Modality", ""))}
        if suv is not None:
            factor = suv_factor([head for _, head in files], suv, path)
            array, metadata["unit"] = array.astype(np.float64) * factor, f"SUV {suv}"
        elif first.get("Units"):
            metadata["unit"] = str(first.Units)
        return Volume(array, spacing, origin, direction, metadata)


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


def header(path: Path) -> pydicom.Dataset:
    """Everything but the pixels."""
    try:
        head = pydicom.dcmread(path, stop_before_pixels=True)
    except InvalidDicomError:
        # Old archives leave out the preamble; only a file that then has a class is DICOM.
        head = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    if "SOPClassUID" not in head:
        raise FileError(f"{path} is no DICOM file, or is cut off: it does not say what it holds.")
    return head


def one_series(folder: Path, series: int | str | None) -> list[tuple[Path, pydicom.Dataset]]:
    """Return the files of one series of images, each instance once."""
    groups: dict[str, list[tuple[Path, pydicom.Dataset]]] = {}
    for path, head in dicom_files(folder):
        if str(head.get("Modality", "")) not in NO_IMAGE:
            if "Rows" not in head:
                raise FileError(f"{path} is cut off, or no image: it does not say how many rows it has.")
            groups.setdefault(str(head.get("SeriesInstanceUID", "")), []).append((path, head))
    if not groups:
        raise FileError(f"{folder} holds no DICOM image.")
    chosen = [g for u, g in groups.items() if series is None or str(series) in (u, str(g[0][1].get("SeriesNumber")))]
    if len(chosen) != 1:
        known = "; ".join(_described(uid, group) for uid, group in groups.items())
        raise FileError(
            f"{folder} holds {len(groups)} series: {known}. Name one with series= (number or UID), or keep each in a "
            "folder of its own."
        )
    unique = {str(head.get("SOPInstanceUID", path)): (path, head) for path, head in chosen[0]}
    return list(unique.values())


def _described(uid: str, group: list[tuple[Path, pydicom.Dataset]]) -> str:
    head = group[0][1]
    return f"number {head.get('SeriesNumber', '?')} ({head.get('Modality', '?')}, {len(group)} images, {uid})"


def dicom_files(folder: Path) -> Iterator[tuple[Path, pydicom.Dataset]]:
    """Headers of the DICOM files in a folder; other files are passed over, damaged DICOM files are not."""
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        if path.name == "DICOMDIR" or (path.stat().st_size == 0 and path.suffix.lower() not in DICOM_SUFFIXES):
            continue
        with path.open("rb") as stream:
            marked = stream.read(132)[128:] == b"DICM"
        if marked or path.suffix.lower() in (".dcm", ".ima"):
            yield path, header(path)


def _single(files: list[tuple[Path, pydicom.Dataset]]) -> tuple[list[Plane], Iterator[np.ndarray]]:
    planes = [
        _plane(head, path, head.get("SpacingBetweenSlices") or head.get("SliceThickness")) for path, head in files
    ]
    return planes, (_values(path) for path, _ in files)


def _plane(head: Any, path: Path, thickness: Any) -> Plane:
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        if head.get(name) is None:
            raise FileError(
                f"{path} has no {name}: its place in the patient is unknown. Is it a screenshot or a report?"
            )
    return make_plane(head.ImagePositionPatient, head.ImageOrientationPatient, head.PixelSpacing, thickness)


def make_plane(position: Any, orientation: Any, spacing: Any, thickness: Any) -> Plane:
    """Make a plane of DICOM attributes; `spacing` is (between rows, between columns)."""
    origin, cosines, steps = (np.array(v, dtype=float) for v in (position, orientation, spacing))
    return Plane(origin, cosines, steps, float(thickness) if thickness else None)


def _values(path: Path) -> np.ndarray:
    """Voxels of a file of one slice, scaled."""
    data = pydicom.dcmread(path, force=True)
    if "PixelData" not in data:
        raise FileError(f"{path} has no voxels: it is cut off. Copy it again from its source.")
    _require_grey(data, path)
    try:
        stored = data.pixel_array
    except ValueError as error:
        raise FileError(f"{path} is damaged or cut off: {error}") from error
    except (RuntimeError, NotImplementedError) as error:
        return _decoded_by_itk(path, error)
    if "ModalityLUTSequence" in data:
        return np.asarray(apply_modality_lut(stored, data), dtype=np.float64)
    return scaled(stored, data)


def _decoded_by_itk(path: Path, reason: Exception) -> np.ndarray:
    """ITK brings decoders for the compressed transfer syntaxes that pydicom needs further packages for."""
    import SimpleITK as sitk

    try:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    except RuntimeError:
        raise FileError(f"{path} is compressed in a way that cannot be decoded here: {reason}") from reason


def _require_grey(data: pydicom.Dataset, path: Path) -> None:
    if int(data.get("SamplesPerPixel", 1)) != 1:
        raise FileError(f"{path} is a colour image; required: one number a voxel.")


def scaled(stored: np.ndarray, group: Any) -> np.ndarray:
    """Value = stored · slope + intercept; whole numbers stay whole numbers."""
    slope, intercept = float(group.get("RescaleSlope", 1)), float(group.get("RescaleIntercept", 0))
    if slope.is_integer() and intercept.is_integer():
        return stored.astype(np.int32) * int(slope) + int(intercept)
    return stored * slope + intercept


def _multi_frame(path: Path, head: pydicom.Dataset) -> tuple[list[Plane], Iterator[np.ndarray]]:
    if "PerFrameFunctionalGroupsSequence" not in head:
        raise FileError(f"{path} holds {head.NumberOfFrames} frames without positions: it is no volume.")
    return [frame_plane(head, i) for i in range(int(head.NumberOfFrames))], _frames(path)


def frame_plane(head: pydicom.Dataset, number: int) -> Plane:
    """Return the plane of a frame of an enhanced object."""
    measures = functional_group(head, number, "PixelMeasuresSequence")
    return make_plane(
        functional_group(head, number, "PlanePositionSequence").ImagePositionPatient,
        functional_group(head, number, "PlaneOrientationSequence").ImageOrientationPatient,
        measures.PixelSpacing,
        measures.get("SpacingBetweenSlices") or measures.get("SliceThickness"),
    )


def functional_group(head: pydicom.Dataset, number: int, name: str) -> pydicom.Dataset:
    """Return the attributes of a frame: its own, or those that all frames share."""
    own = head.PerFrameFunctionalGroupsSequence[number]
    group = own if name in own else head.SharedFunctionalGroupsSequence[0]
    return group[name].value[0]


def _frames(path: Path) -> Iterator[np.ndarray]:
    data = pydicom.dcmread(path)
    _require_grey(data, path)
    try:
        stored = data.pixel_array.reshape(int(data.NumberOfFrames), data.Rows, data.Columns)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise FileError(f"{path}: its frames cannot be decoded here: {error}") from error
    for number, frame in enumerate(stored):
        try:
            group: Any = functional_group(data, number, "PixelValueTransformationSequence")
        except KeyError:
            group = data
        yield scaled(frame, group)


def arrange(planes: list[Plane], path: Path) -> tuple[np.ndarray, tuple[Any, Any, Any]]:
    """Order of the slices along their normal, and the (z, y, x) geometry of the stack."""
    first = planes[0]
    for plane in planes:
        if np.abs(plane.orientation - first.orientation).max() > PARALLEL:
            raise FileError(
                f"{path}: the slices are not parallel; is a localiser among them? Take it out of the folder."
            )
        if np.abs(plane.spacing - first.spacing).max() > PARALLEL:
            raise FileError(f"{path}: the slices have several pixel spacings: {first.spacing} and {plane.spacing} mm.")
    places = np.array([plane.position @ first.normal for plane in planes])
    order = np.argsort(places, kind="stable")
    step = _step(places[order], first, path)
    _require_straight(np.array([planes[i].position for i in order]), first, path)
    row, column = first.orientation[:3], first.orientation[3:]
    cosines = np.column_stack([row, column, first.normal / np.linalg.norm(first.normal)])
    spacing = (step, float(first.spacing[0]), float(first.spacing[1]))
    origin = tuple(float(v) for v in planes[order[0]].position[::-1])
    return order, (spacing, origin, tuple(float(v) for v in cosines.ravel()[::-1]))


def _step(places: np.ndarray, first: Plane, path: Path) -> float:
    """Distance between slices, mm; they have to be evenly spaced, none twice and none missing."""
    if len(places) == 1:
        return first.thickness or 1.0
    gaps = np.diff(places)
    step = float(np.median(gaps))
    twice = np.flatnonzero(gaps < IRREGULAR * max(step, 1e-3))
    if len(twice) or step <= 0:
        at = ", ".join(f"{places[i]:.4g}" for i in twice[:5])
        raise FileError(
            f"{path}: {len(twice)} positions have more than one slice (at {at} mm): several acquisitions, echoes or "
            "time points in one series? Keep one of them in a folder of its own."
        )
    wide = np.flatnonzero(np.abs(gaps - step) > IRREGULAR * step)
    if len(wide):
        found = ", ".join(f"{gaps[i]:.4g} mm after {places[i]:.4g}" for i in wide[:5])
        raise FileError(
            f"{path}: the slices are not evenly spaced: {step:.4g} mm apart, but {found} ({len(wide)} irregular of "
            f"{len(gaps)} distances). Are slices missing? Export the series again, or resample it."
        )
    return float((places[-1] - places[0]) / (len(places) - 1))


def _require_straight(positions: np.ndarray, first: Plane, path: Path) -> None:
    """Slices have to lie above each other, not on a slope as with a tilted gantry."""
    along = positions - positions[0]
    normal = first.normal / np.linalg.norm(first.normal)
    drift = np.linalg.norm(along - np.outer(along @ normal, normal), axis=1).max()
    if drift > IRREGULAR * first.spacing.min():
        raise FileError(
            f"{path}: the slices are shifted against each other by up to {drift:.3g} mm (tilted gantry?); a grid with "
            "right angles is required. Resample the series with the software it came from."
        )


def _stacked(slices: Iterable[np.ndarray], order: np.ndarray) -> np.ndarray:
    """Stack in order, in the smallest of int16, int32 and float64 that holds all values exactly."""
    loaded = list(slices)
    shapes = {s.shape for s in loaded}
    if len(shapes) > 1:
        raise FileError(f"The slices have several sizes: {sorted(shapes)}; required: one.")
    whole = all(s.dtype.kind in "iu" for s in loaded)
    low, high = min(int(np.floor(s.min())) for s in loaded), max(int(np.ceil(s.max())) for s in loaded)
    limits = np.iinfo(np.int16)
    kind: Any = np.float64
    if whole:
        kind = np.int16 if limits.min <= low and high <= limits.max else np.int32
    out = np.empty((len(loaded), *loaded[0].shape), dtype=kind)
    for place, i in enumerate(order):
        out[place] = loaded[i]
    return out
