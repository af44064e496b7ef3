"""DICOM segmentations (SEG, PS3.3 C.8.20): bits, fractions or label maps, frame by frame, on their own grid.

Frames without a voxel of the region may be left out of the file. So the distance between two frames is not the
distance between slices: that is SpacingBetweenSlices (PS3.3 C.7.6.16.2.1), or the grid of the image segmented.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from radiokit.exceptions import DataWarning, FileError, MaskError
from radiokit.io._dicom import frame_plane, functional_group
from radiokit.io._dicom_files import Header, number_of, read_file, reading
from radiokit.io._planes import IRREGULAR, Plane, arrange
from radiokit.io._regions import select_region
from radiokit.io._volume import Grid, Mask
from radiokit.io.sitk import indices_at

# Frames of several segments at one place differ by rounding only, mm.
SAME_PLACE = 0.01
# Slices that frames span, at most: more are no segmentation but a damaged position.
MOST_SLICES = 4000
# Part of a voxel by which a frame may lie off the voxels of the image, as for grids in general.
ON_VOXELS = 0.01


def read_seg(path: Path, roi: int | str | None, reference: Grid | None = None) -> Mask:
    """Read one segment; slices without a frame are empty. Fractions count as inside from one half of the maximum on.

    Frames that lie on voxels of the reference go there; others span a grid of their own.
    """
    with reading(path):
        data = read_file(path)
        names = {
            int(s.SegmentNumber): str(s.get("SegmentLabel", "")) for s in data.SegmentSequence if "SegmentNumber" in s
        }
        number = select_region(names, roi, path)
        planes = [frame_plane(data, i, path) for i in range(_n_frames(data))]
        frames = _frames(data, number, path)
        name = f"{path}: segment {number} {names[number]!r}"
        if not any(frame.any() for frame in frames.values()):
            raise MaskError(f"{name} holds no voxel: it is empty.")
        mask = _on_voxels_of(reference, data, planes, frames, name) if reference is not None else None
        mask = mask or _on_own_grid(data, planes, frames, path)
    metadata = {"format": "SEG", "path": str(path), "label": number}
    if data.get("FrameOfReferenceUID"):
        metadata["frame_of_reference"] = str(data.FrameOfReferenceUID)
    return Mask(mask.array, mask.spacing, mask.origin, mask.direction, metadata)


def _n_frames(data: Header) -> int:
    return int(number_of(data, "NumberOfFrames", 1))


def _frames(data: Header, number: int, path: Path) -> dict[int, np.ndarray]:
    """Boolean frames of a segment by frame index."""
    kind = str(data.SegmentationType)
    values = _pixels(data, path)
    if kind == "LABELMAP":
        return {i: frame == number for i, frame in enumerate(values)}
    if kind not in ("BINARY", "FRACTIONAL"):
        raise FileError(f"{path}: its SegmentationType {kind} is not known; known are BINARY, FRACTIONAL and LABELMAP.")
    floor = 1 if kind == "BINARY" else 0.5 * float(data.MaximumFractionalValue)
    return {i: frame >= floor for i, frame in enumerate(values) if _segment_of(data, i) == number}


def _segment_of(data: Header, frame: int) -> int:
    return int(functional_group(data, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber)


def _pixels(data: Header, path: Path) -> np.ndarray:
    shape = _n_frames(data), int(data.Rows), int(data.Columns)
    if int(data.BitsAllocated) == 1 and not data.file_meta.TransferSyntaxUID.is_encapsulated:
        # Frames follow each other bit by bit: one may begin in the middle of a byte.
        n_voxels = int(np.prod(shape, dtype=object))
        if 8 * len(data.PixelData) < n_voxels:
            raise FileError(f"{path} is cut off: it holds {8 * len(data.PixelData)} of {n_voxels} voxels.")
        bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), count=n_voxels, bitorder="little")
        return bits.reshape(shape)
    try:
        return data.pixel_array.reshape(shape)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise FileError(f"{path}: its frames cannot be decoded here: {error}") from error


def _on_voxels_of(
    reference: Grid, data: Header, planes: list[Plane], frames: dict[int, np.ndarray], name: str
) -> Mask | None:
    """Put the frames where they lie in the reference; None if their voxels are not voxels of it."""
    array = np.zeros(reference.shape, dtype=bool)
    total = lost = 0
    for i, frame in ((i, frame) for i, frame in frames.items() if frame.any()):
        steps = _steps_in(reference, planes[i], frame.shape)
        if steps is None:
            return None
        start, turns = steps
        across = int(np.flatnonzero(turns.any(axis=0) == 0)[0])
        if not total and not _sliced_as(reference.spacing[across], data, planes):
            return None
        index = start + np.argwhere(frame) @ turns
        inside = ((index >= 0) & (index < reference.shape)).all(axis=1)
        array[tuple(index[inside].T)] = True
        total, lost = total + len(index), lost + int((~inside).sum())
    if not array.any():
        raise MaskError(f"{name} lies outside of the reference image. Do the two belong together?")
    if lost:
        warnings.warn(
            f"{name}: {lost} of {total} voxels lie outside of the reference grid: lost.", DataWarning, stacklevel=5
        )
    return Mask(array, reference.spacing, reference.origin, reference.direction)


def _steps_in(reference: Grid, plane: Plane, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """Index in the reference of a frame's first voxel, and the steps from row to row and from column to column."""
    row, column = plane.orientation[:3], plane.orientation[3:]
    last_row = plane.position + column * plane.spacing[0] * (shape[0] - 1)
    last_column = plane.position + row * plane.spacing[1] * (shape[1] - 1)
    corners = indices_at(reference, np.array([plane.position, last_row, last_column])[:, ::-1])
    start = np.rint(corners[0])
    far = (corners[1:] - corners[0]) / np.maximum(np.array(shape[:2])[:, None] - 1, 1)
    turns = np.rint(far)
    for axis, n in enumerate(shape[:2]):
        if n == 1:  # one row has no direction of its own: that of the plane
            step = (column * plane.spacing[0], row * plane.spacing[1])[axis]
            turns[axis] = np.rint(indices_at(reference, (plane.position + step)[None, ::-1])[0] - corners[0])
    ends = np.array([start, *(start + turns * (np.array(shape[:2])[:, None] - 1))])
    if np.abs(turns).sum(axis=1).tolist() != [1, 1] or np.abs(corners - ends).max() > ON_VOXELS:
        return None
    return start.astype(int), turns.astype(int)


def _sliced_as(step: float, data: Header, planes: list[Plane]) -> bool:
    """Whether the slices of the segmentation are as far apart as those of an image, as far as the file gives it."""
    between, thickness, gaps = _distances(data, planes)
    if between and (not len(gaps) or _divides(between, gaps)):
        return _close(between, step)
    # Thick slices without a gap between them are no selection from thin ones.
    return not len(gaps) or _close(gaps.min(), step) or not _close(thickness, gaps.min())


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= IRREGULAR * b


def _distances(data: Header, planes: list[Plane]) -> tuple[float, float, np.ndarray]:
    """SpacingBetweenSlices and SliceThickness (0 where absent), and the distances between frames, mm."""
    measures = functional_group(data, 0, "PixelMeasuresSequence")
    gaps = np.diff(np.sort(_along(planes)))
    between, thickness = (abs(number_of(measures, n, 0.0)) for n in ("SpacingBetweenSlices", "SliceThickness"))
    return between, thickness, gaps[gaps > SAME_PLACE]


def _along(planes: list[Plane]) -> np.ndarray:
    """Places of planes along the normal of the first, mm."""
    return np.array([plane.position for plane in planes]) @ planes[0].normal


def _on_own_grid(data: Header, planes: list[Plane], frames: dict[int, np.ndarray], path: Path) -> Mask:
    """Put the frames on the evenly spaced planes that those of all segments span, slices without a frame among them."""
    first = planes[0]
    along = _along(planes)
    step = _step(data, planes, path)
    index = (along - along.min()) / step
    if index.max() > MOST_SLICES:
        raise FileError(
            f"{path}: its {len(planes)} frames are spread over {np.ptp(along):.4g} mm; their places are wrong."
        )
    places = np.rint(index).astype(int)
    if places.max():
        step = float(np.ptp(along) / places.max())
    start = planes[int(along.argmin())].position
    slices = [
        Plane(start + i * step * first.normal, first.orientation, first.spacing, step) for i in range(places.max() + 1)
    ]
    _, (spacing, origin, direction) = arrange(slices, path)
    array = np.zeros((len(slices), int(data.Rows), int(data.Columns)), dtype=bool)
    for i, frame in frames.items():
        array[places[i]] |= frame
    return Mask(array, spacing, origin, direction)


def _step(data: Header, planes: list[Plane], path: Path) -> float:
    """Distance between slices: as the file gives it, or the smallest distance between frames, if all fit."""
    between, thickness, gaps = _distances(data, planes)
    if not len(gaps):
        return between or thickness or 1.0
    smallest = float(gaps.min())
    if between and _divides(between, gaps):
        return between
    if 0 < thickness < smallest * (1 - IRREGULAR) and _divides(thickness, gaps):
        warnings.warn(
            f"{path}: its frames lie {smallest:.4g} mm apart and are {thickness:.4g} mm thick, and it does not say how "
            f"far apart slices lie (SpacingBetweenSlices): {thickness:.4g} mm is taken, slices between are empty. Read "
            "it with reference= to put it on its image.",
            DataWarning,
            stacklevel=5,
        )
        return thickness
    if _divides(smallest, gaps):
        return smallest
    raise FileError(
        f"{path}: its frames are not evenly spaced (smallest distance {smallest:.4g} mm), and it does not say how far "
        "apart slices lie. Read it with reference= to put it on its image."
    )


def _divides(step: float, gaps: np.ndarray) -> bool:
    """Whether all distances between frames are whole multiples of the step, up to rounding that adds up."""
    n = np.rint(gaps / step)
    return bool(n.min() >= 1 and np.abs(gaps / step - n).max() <= IRREGULAR)
