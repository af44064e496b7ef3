"""DICOM images: a folder of slices, an enhanced multi-frame file, a dose, or one slice.

Geometry as DICOM PS3.3 C.7.6.2 (Image Plane) and C.7.6.16 (functional groups); values are stored · slope + intercept of
each slice (C.11.1). Nothing that names a person leaves this file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.pixels import apply_modality_lut

from radiokit.exceptions import DataWarning, FileError
from radiokit.io._dicom_files import Header, header, is_empty, number_of, one_series, read_file, reading
from radiokit.io._planes import Plane, arrange, make_plane
from radiokit.io._regions import NO_IMAGE
from radiokit.io._suv import suv_factor
from radiokit.io._volume import Volume

VOXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
RESCALING = ("RescaleSlope", "RescaleIntercept")
# Whole numbers that may leave this range are held as float64, which is exact up to 2^53.
INT32 = np.iinfo(np.int32)
WAY_OUT = {
    "SEG": "it holds regions: read it with read_mask",
    "RTSTRUCT": "it holds contours: read it with read_mask(path, reference=image)",
}


def read_dicom(path: Path, *, suv: str | None = None, series: int | str | None = None) -> Volume:
    """Read a DICOM folder or file as one volume; see `read_volume`."""
    with reading(path):
        files = one_series(path, series) if path.is_dir() else [(path, header(path))]
        first = files[0][1]
        _require_volume(*files[0])
        _check_rescaling(files, suv, path)
        planes, slices = _planes_and_values(files)
        order, (spacing, origin, direction) = arrange(planes, path)
        array = _stacked(slices, order)
        metadata = {"format": "DICOM", "path": str(path), "modality": str(first.get("Modality", ""))}
        if first.get("FrameOfReferenceUID"):
            metadata["frame_of_reference"] = str(first.FrameOfReferenceUID)
        if suv is not None:
            factor = suv_factor([head for _, head in files], suv, path)
            array, metadata["unit"] = array.astype(np.float64) * factor, f"SUV {suv}"
        elif first.get("Units") or first.get("DoseUnits"):
            metadata["unit"] = str(first.get("Units") or first.DoseUnits)
        return Volume(array, spacing, origin, direction, metadata)


def _require_volume(path: Path, head: Header) -> None:
    """Refuse what holds no image, or an image that only looks like one slice, with the true reason."""
    modality = str(head.get("Modality", ""))
    if modality in NO_IMAGE and modality != "RTDOSE":
        raise FileError(f"{path} has the modality {modality}; {WAY_OUT.get(modality, 'it holds no image')}.")
    if "MOSAIC" in (head.get("ImageType") or ()):
        raise FileError(
            f"{path} is a Siemens mosaic: one picture tiled with all the slices of a volume. Convert it to NIfTI first "
            "(dcm2niix does), or export it as an enhanced multi-frame image."
        )


def _planes_and_values(files: list[tuple[Path, Header]]) -> tuple[list[Plane], Iterator[np.ndarray]]:
    path, first = files[0]
    n_frames = int(number_of(first, "NumberOfFrames", 1))
    if len(files) > 1 or ("PerFrameFunctionalGroupsSequence" not in first and n_frames == 1):
        planes = [_plane(head, file, head.get("ImagePositionPatient")) for file, head in files]
        return planes, (_values(file) for file, _ in files)
    if "GridFrameOffsetVector" in first:
        return _dose_planes(path, first, n_frames), iter(_frames(path))
    if "PerFrameFunctionalGroupsSequence" not in first:
        raise FileError(f"{path} holds {n_frames} frames without positions: it is no volume.")
    return [frame_plane(first, i, path) for i in range(n_frames)], iter(_frames(path))


def _plane(head: Header, path: Path, position: Any) -> Plane:
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        if head.get(name) is None:
            raise FileError(
                f"{path} has no {name}: its place in the patient is unknown. Is it a screenshot or a report?"
            )
    thickness = head.get("SpacingBetweenSlices") or head.get("SliceThickness")
    return make_plane(position, head.ImageOrientationPatient, head.PixelSpacing, thickness, path)


def _dose_planes(path: Path, head: Header, n_frames: int) -> list[Plane]:
    """Planes of an RTDOSE (PS3.3 C.8.8.3.2): offsets from the first one or, where the first is not 0, places in z."""
    offsets = np.array(head.GridFrameOffsetVector, dtype=float).reshape(-1)
    if len(offsets) != n_frames:
        raise FileError(f"{path} holds {n_frames} frames, and {len(offsets)} places of frames (GridFrameOffsetVector).")
    first = _plane(head, path, head.get("ImagePositionPatient"))
    along = first.normal if offsets[0] == 0 else np.array([0.0, 0.0, 1.0])
    return [
        Plane(first.position + at * along, first.orientation, first.spacing, first.thickness)
        for at in offsets - offsets[0]
    ]


def frame_plane(head: Header, number: int, path: Path) -> Plane:
    """Return the plane of a frame of an enhanced object."""
    try:
        measures = functional_group(head, number, "PixelMeasuresSequence")
        position = functional_group(head, number, "PlanePositionSequence").ImagePositionPatient
        orientation = functional_group(head, number, "PlaneOrientationSequence").ImageOrientationPatient
    except (KeyError, AttributeError, IndexError) as error:
        kind = "slide microscopy" if "TotalPixelMatrixRows" in head else "a projection, a photograph"
        raise FileError(
            f"{path}: its frames have no place in the patient ({kind}?): they make no volume. Required: "
            "PlanePositionSequence, PlaneOrientationSequence and PixelMeasuresSequence."
        ) from error
    thickness = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness")
    return make_plane(position, orientation, measures.PixelSpacing, thickness, path)


def functional_group(head: Header, number: int, name: str) -> Header:
    """Return the attributes of a frame: its own, or those that all frames share."""
    own = head.PerFrameFunctionalGroupsSequence[number]
    group = own if name in own else head.SharedFunctionalGroupsSequence[0]
    return group[name].value[0]


def _values(path: Path) -> np.ndarray:
    """Voxels of a file of one slice, scaled."""
    data = read_file(path)
    if not any(name in data for name in VOXELS):
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
    return scaled(stored.reshape(data.Rows, data.Columns), data, path)


def _decoded_by_itk(path: Path, reason: Exception) -> np.ndarray:
    """ITK brings decoders for the compressed transfer syntaxes that pydicom needs further packages for."""
    import SimpleITK as sitk

    try:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    except RuntimeError:
        raise FileError(f"{path} is compressed in a way that cannot be decoded here: {reason}") from reason


def _require_grey(data: Header, path: Path) -> None:
    if int(data.get("SamplesPerPixel", 1)) != 1:
        raise FileError(f"{path} is a colour image; required: one number for each voxel.")


def scaled(stored: np.ndarray, group: Header, path: Path) -> np.ndarray:
    """Value = stored · slope + intercept; whole numbers stay whole numbers where 32 bits hold them."""
    if "DoseGridScaling" in group:
        return stored * number_of(group, "DoseGridScaling", 1.0)
    slope, intercept = number_of(group, "RescaleSlope", 1.0), number_of(group, "RescaleIntercept", 0.0)
    if not np.isfinite([slope, intercept]).all() or (slope == 0 and stored.any()):
        raise FileError(f"{path}: RescaleSlope is {slope:g} and RescaleIntercept {intercept:g}: no values follow.")
    if stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        limits = np.iinfo(stored.dtype)
        reached = [limit * int(slope) + int(intercept) for limit in (limits.min, limits.max)]
        reached += [limits.min, limits.max, int(slope), int(intercept)]
        if INT32.min <= min(reached) and max(reached) <= INT32.max:
            return stored.astype(np.int32) * int(slope) + int(intercept)
    return stored * slope + intercept


def _frames(path: Path) -> Iterator[np.ndarray]:
    data = read_file(path)
    _require_grey(data, path)
    try:
        stored = data.pixel_array.reshape(int(number_of(data, "NumberOfFrames", 1)), data.Rows, data.Columns)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise FileError(f"{path}: its frames cannot be decoded here: {error}") from error
    for number, frame in enumerate(stored):
        try:
            group: Any = functional_group(data, number, "PixelValueTransformationSequence")
        except (KeyError, AttributeError):
            group = data
        yield scaled(frame, group, path)


def _check_rescaling(files: list[tuple[Path, Header]], suv: str | None, path: Path) -> None:
    """Empty numbers of the rescaling stand for 1 and 0, as in GDCM; with a warning, and never for SUV."""
    for name, stand_in in zip(RESCALING, (1, 0), strict=True):
        empty = [file.name for file, head in files if name in head and is_empty(head, name)]
        if not empty:
            continue
        found = f"{path}: {name} is empty in {len(empty)} of {len(files)} files (first {empty[0]})"
        if suv is not None:
            raise FileError(f"{found}, which SUV needs. Ask for an export that keeps it.")
        warnings.warn(
            f"{found}: {stand_in} is taken. Does an anonymiser remove it? Values may then differ from the scanner's.",
            DataWarning,
            stacklevel=4,
        )


def _stacked(slices: Iterable[np.ndarray], order: np.ndarray) -> np.ndarray:
    """Stack in order, in the smallest of int16, int32 and float64 that holds all values exactly."""
    loaded = list(slices)
    shapes = {s.shape for s in loaded}
    if len(shapes) > 1:
        raise FileError(f"The slices have several sizes: {sorted(shapes)}; required: one.")
    kind: Any = np.float64
    if all(s.dtype.kind in "iu" for s in loaded):
        low, high = min(int(s.min()) for s in loaded), max(int(s.max()) for s in loaded)
        fits = [k for k in (np.int16, np.int32) if np.iinfo(k).min <= low and high <= np.iinfo(k).max]
        kind = fits[0] if fits else np.float64
    out = np.empty((len(loaded), *loaded[0].shape), dtype=kind)
    for place, i in enumerate(order):
        out[place] = loaded[i]
    return out
