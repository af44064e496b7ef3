"""Slices in patient space, and the grid that they span (PS3.3 C.7.6.2, Image Plane)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from radiokit.exceptions import FileError

# Part of the distance between slices by which one may lie off its place before the series counts as irregular.
IRREGULAR = 0.05
# Difference of direction cosines within a series: scanners write them with an error of up to 0.002.
PARALLEL = 5e-3
SAME_SPACING = 1e-3
# Rounded cosines are not quite of unit length, nor quite at right angles; a larger error is not rounding.
ROUNDED = 0.1


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


def make_plane(
    position: Sequence[float],
    orientation: Sequence[float],
    spacing: Sequence[float],
    thickness: float | None,
    path: Path,
) -> Plane:
    """Make a plane of DICOM attributes; `spacing` is (between rows, between columns)."""
    place, cosines, steps = ([float(v) for v in values] for values in (position, orientation, spacing))
    for name, found, n in (("ImagePositionPatient", place, 3), ("PixelSpacing", steps, 2)):
        if len(found) != n or not all(map(math.isfinite, found)) or (n == 2 and min(found) <= 0):
            raise FileError(f"{path}: its {name} is {found}; required: {n} numbers of mm.")
    # NM writes the distance between slices negative where they run downwards.
    distance = abs(float(thickness)) if thickness else None
    return Plane(np.array(place), np.array(_unit_cosines(tuple(cosines), path)), np.array(steps), distance)


def _unit_cosines(cosines: tuple[float, ...], path: Path) -> tuple[float, ...]:
    """Direction cosines of rows and columns without their rounding: of unit length, at right angles."""
    found = _normalised(cosines)
    if found is None:
        raise FileError(
            f"{path}: its ImageOrientationPatient is {list(cosines)}; required: two directions of length 1 at right "
            "angles."
        )
    return found


@lru_cache(maxsize=64)  # a series repeats its cosines in every slice
def _normalised(cosines: tuple[float, ...]) -> tuple[float, ...] | None:
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    rounded = len(cosines) == 6 and np.abs(np.array(lengths) - 1).max() < ROUNDED
    if not rounded or abs(row @ column) > ROUNDED:
        return None
    row = row / lengths[0]
    column = column - (column @ row) * row
    return (*row.tolist(), *(column / np.linalg.norm(column)).tolist())


def arrange(planes: list[Plane], path: Path) -> tuple[np.ndarray, tuple[Any, Any, Any]]:
    """Order of the slices along their normal, and the (z, y, x) geometry of the stack."""
    first = planes[0]
    for plane in planes:
        if np.abs(plane.orientation - first.orientation).max() > PARALLEL:
            raise FileError(
                f"{path}: the slices are not parallel; is a localiser among them? Take it out of the folder."
            )
        if np.abs(plane.spacing - first.spacing).max() > SAME_SPACING:
            raise FileError(f"{path}: the slices have several pixel spacings: {first.spacing} and {plane.spacing} mm.")
    found = np.array([plane.orientation for plane in planes])
    orientation = np.array(_unit_cosines(tuple(found.mean(axis=0).tolist()), path))
    row, column = orientation[:3], orientation[3:]
    normal = np.cross(row, column)
    places = np.array([plane.position @ normal for plane in planes])
    order = np.argsort(places, kind="stable")
    step = _step(places[order], first, path)
    # Cosines that jitter leave the normal itself uncertain.
    jitter = float(np.abs(found - orientation).max())
    allowed = IRREGULAR * float(first.spacing.min()) + jitter * float(np.ptp(places))
    _require_straight(np.array([planes[i].position for i in order]), normal, allowed, path)
    cosines = np.column_stack([row, column, normal])
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


def _require_straight(positions: np.ndarray, normal: np.ndarray, allowed: float, path: Path) -> None:
    """Slices have to lie above each other, not on a slope as with a tilted gantry."""
    along = positions - positions[0]
    drift = np.linalg.norm(along - np.outer(along @ normal, normal), axis=1).max()
    if drift > allowed:
        raise FileError(
            f"{path}: the slices are shifted against each other by up to {drift:.3g} mm (tilted gantry?); a grid with "
            "right angles is required. Resample the series with the software it came from."
        )
