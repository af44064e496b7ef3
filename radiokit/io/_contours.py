"""Contours of a region as a structure set stores them (PS3.3 C.8.8.6), on the slices of an image."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from radiokit.exceptions import FileError, MaskError
from radiokit.io._dicom_files import Header
from radiokit.io._volume import Grid
from radiokit.io.sitk import indices_at

EXCLUSIVE = "CLOSEDPLANAR_XOR"
CLOSED = ("CLOSED_PLANAR", EXCLUSIVE, "")
# Contours whose planes differ by less than this part of a slice lie in one plane: files round, and planning jitters.
SAME_PLANE = 0.1
# A plane this close to midway between two slices counts as midway, and belongs to the upper one: one for each slice.
MIDWAY = 0.05


@dataclass
class Region:
    """The closed contours of a region, and those that enclose nothing, by why, with their slices."""

    contours: list[np.ndarray] = field(default_factory=list)  # of shape (n, 3): continuous indices (z, y, x)
    exclusive: bool = False
    left_out: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class ContourPlane:
    """Contours that lie in one plane: index of it along z, and their points (y, x)."""

    depth: float
    contours: list[np.ndarray]

    @property
    def slice(self) -> int:
        """Index of the slice that the plane falls into."""
        return nearest_slice(self.depth)


def nearest_slice(depth: float) -> int:
    """Nearest slice to a place along z; from midway on the upper one."""
    return int(np.floor(depth + 0.5 + MIDWAY))


def contours_of(data: Header, number: int, reference: Grid, name: str) -> Region:
    """Return the contours of a region as indices of the reference."""
    items = [c for c in data.get("ROIContourSequence", []) if int(c.ReferencedROINumber) == number]
    region = Region()
    for place, contour in enumerate(c for item in items for c in item.get("ContourSequence", [])):
        points = indices_at(reference, _points(contour, place, reference, name)[:, ::-1])
        if not np.isfinite(points).all():
            raise FileError(f"{name} has contours with coordinates that are not numbers.")
        kind = str(contour.get("ContourGeometricType", ""))
        reason = f"of type {kind}" if kind not in CLOSED else f"of {len(points)} points" if len(points) < 3 else ""
        if reason:
            region.left_out[reason] += [nearest_slice(p[0]) for p in points[:1]]
            continue
        if np.ptp(points[:, 0]) > 0.5:
            raise MaskError(
                f"{name} was drawn on other planes than the slices of the image (a contour crosses "
                f"{np.ptp(points[:, 0]):.3g} slices). Export it for this image."
            )
        region.contours.append(points)
        region.exclusive |= kind == EXCLUSIVE
    return region


def _points(contour: Header, place: int, reference: Grid, name: str) -> np.ndarray:
    """Points (x, y, z) in mm of a contour, of shape (n, 3)."""
    values = np.array(contour.get("ContourData") or [], dtype=float).reshape(-1)
    if len(values) % 3 == 0:
        return values.reshape(-1, 3)
    whole = values[: len(values) // 3 * 3].reshape(-1, 3)
    where = f" (slice {nearest_slice(indices_at(reference, whole[:1, ::-1])[0, 0])})" if len(whole) else ""
    raise FileError(
        f"{name}: contour {place + 1}{where} has {len(values)} numbers; required: x, y and z of each "
        "point. The file is damaged, or was written wrongly: export it again."
    )


def planes_of(contours: list[np.ndarray]) -> list[ContourPlane]:
    """Contours by plane, sorted along z."""
    found: list[list[np.ndarray]] = []
    start = -np.inf
    for points in sorted(contours, key=_depth):
        if _depth(points) - start >= SAME_PLANE:
            found.append([])
            start = _depth(points)
        found[-1].append(points)
    return [ContourPlane(float(np.mean([_depth(p) for p in group])), [p[:, 1:] for p in group]) for group in found]


def _depth(points: np.ndarray) -> float:
    return float(points[:, 0].mean())
