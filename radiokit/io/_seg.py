"""DICOM segmentations (SEG, PS3.3 C.8.20): bits, fractions or label maps, frame by frame, on their own grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom

from radiokit.exceptions import FileError, MaskError
from radiokit.io._dicom import IRREGULAR, Plane, arrange, frame_plane, functional_group, reading
from radiokit.io._regions import select_region
from radiokit.io._volume import Mask

# Frames of several segments at one place differ by rounding only, mm.
SAME_PLACE = 0.01
# Empty slices a frame, at most: more are no segmentation but a damaged position.
MOST_EMPTY = 1000


def read_seg(path: Path, roi: int | str | None) -> Mask:
    """Read one segment on the grid that the frames of all segments span; slices without a frame are empty.

    Fractions count as inside from one half of the maximum on.
    """
    with reading(path):
        data = pydicom.dcmread(path)
        names = {
            int(s.SegmentNumber): str(s.get("SegmentLabel", "")) for s in data.SegmentSequence if "SegmentNumber" in s
        }
        number = select_region(names, roi, path)
        planes = [frame_plane(data, i) for i in range(int(data.NumberOfFrames))]
        frames = _frames(data, number, path)
        places, grid_planes = _slices(planes, path)
        _, (spacing, origin, direction) = arrange(grid_planes, path)
        array = np.zeros((len(grid_planes), int(data.Rows), int(data.Columns)), dtype=bool)
        for i, frame in frames.items():
            array[places[i]] |= frame
    if not array.any():
        raise MaskError(f"{path}: segment {number} {names[number]!r} holds no voxel: it is empty.")
    return Mask(array, spacing, origin, direction, {"format": "SEG", "path": str(path), "label": number})


def _frames(data: pydicom.Dataset, number: int, path: Path) -> dict[int, np.ndarray]:
    """Boolean frames of a segment by frame index."""
    kind = str(data.SegmentationType)
    values = _pixels(data, path)
    if kind == "LABELMAP":
        return {i: frame == number for i, frame in enumerate(values)}
    if kind not in ("BINARY", "FRACTIONAL"):
        raise FileError(f"{path}: its SegmentationType {kind} is not known; known are BINARY, FRACTIONAL and LABELMAP.")
    floor = 1 if kind == "BINARY" else 0.5 * float(data.MaximumFractionalValue)
    return {i: frame >= floor for i, frame in enumerate(values) if _segment_of(data, i) == number}


def _segment_of(data: pydicom.Dataset, frame: int) -> int:
    return int(functional_group(data, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber)


def _pixels(data: pydicom.Dataset, path: Path) -> np.ndarray:
    shape = int(data.NumberOfFrames), int(data.Rows), int(data.Columns)
    if int(data.BitsAllocated) == 1 and not data.file_meta.TransferSyntaxUID.is_encapsulated:
        # Frames follow each other bit by bit: one may begin in the middle of a byte.
        bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")
        if bits.size < np.prod(shape):
            raise FileError(f"{path} is cut off: it holds {bits.size} of {np.prod(shape)} voxels.")
        return bits[: np.prod(shape)].reshape(shape)
    try:
        return data.pixel_array.reshape(shape)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise FileError(f"{path}: its frames cannot be decoded here: {error}") from error


def _slices(planes: list[Plane], path: Path) -> tuple[np.ndarray, list[Plane]]:
    """Slice of each frame, and the evenly spaced planes of the grid, those without a frame among them."""
    first = planes[0]
    along = np.array([plane.position @ first.normal for plane in planes])
    gaps = np.diff(np.sort(along))
    gaps = gaps[gaps > SAME_PLACE]
    step = float(gaps.min()) if len(gaps) else first.thickness or 1.0
    index = (along - along.min()) / step
    if index.max() > MOST_EMPTY * len(planes):
        raise FileError(
            f"{path}: its {len(planes)} frames are spread over {np.ptp(along):.4g} mm; their places are wrong."
        )
    if np.abs(index - np.rint(index)).max() > IRREGULAR * max(1.0, index.max() / 10):
        raise FileError(f"{path}: its frames are not evenly spaced (smallest distance {step:.4g} mm).")
    places = np.rint(index).astype(int)
    if places.max():
        step = float(np.ptp(along) / places.max())
    start = planes[int(along.argmin())].position
    return places, [
        Plane(start + i * step * first.normal, first.orientation, first.spacing, step) for i in range(places.max() + 1)
    ]
