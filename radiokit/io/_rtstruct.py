"""Contours of a DICOM structure set (RTSTRUCT, PS3.3 C.8.8.6) filled on the grid of an image."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from radiokit.exceptions import DataWarning, MaskError, ParameterError
from radiokit.io._contours import MIDWAY, ContourPlane, Region, contours_of, planes_of
from radiokit.io._dicom_files import Header, read_file, reading
from radiokit.io._polygon import combine
from radiokit.io._regions import select_region
from radiokit.io._volume import Grid, Mask

# Contours may reach this part of a voxel over the edge of the image before there is a warning.
OVER_THE_EDGE = 0.01
# A distance between planes above this many usual ones is a gap in the region itself.
GAP = 1.5


def read_rtstruct(path: Path, roi: int | str | None, reference: Grid | None, *, fill_between: bool = False) -> Mask:
    """Fill the contours of a region on the slices of an image; a voxel belongs to it if its centre lies inside.

    A slice takes the contours of the plane nearest to its centre within half a slice; slices without a plane stay
    empty, or with `fill_between` take the nearest plane within half the usual distance of planes.
    """
    if reference is None:
        raise ParameterError(f"{path} holds contours, which have no voxels: give the image as reference=.")
    with reading(path):
        data = read_file(path)
        names = {int(item.ROINumber): str(item.get("ROIName", "")) for item in data.get("StructureSetROISequence", [])}
        number = select_region(names, roi, path)
        name = f"{path}: region {names[number]!r}"
        region = contours_of(data, number, reference, name)
        frames = _frames_of_reference(data, number)
    if not region.contours:
        passed = f" (only contours {', '.join(region.left_out)})" if region.left_out else ""
        raise MaskError(
            f"{name} has no closed contour{passed}: it is empty. Draw it, or name another of {list(names.values())}."
        )
    array = _filled(region, reference, name, fill_between)
    metadata = {"format": "RTSTRUCT", "path": str(path), "label": number, "frame_of_reference": " ".join(frames)}
    return Mask(array, reference.spacing, reference.origin, reference.direction, metadata)


def _frames_of_reference(data: Header, number: int) -> list[str]:
    """UIDs of the frames of reference of a region: its own, those of the structure set, or that of the file."""
    own = [
        str(item.get("ReferencedFrameOfReferenceUID") or "")
        for item in data.get("StructureSetROISequence", [])
        if int(item.ROINumber) == number
    ]
    shared = [str(item.get("FrameOfReferenceUID") or "") for item in data.get("ReferencedFrameOfReferenceSequence", [])]
    for found in (own, shared, [str(data.get("FrameOfReferenceUID") or "")]):
        if any(found):
            return [uid for uid in found if uid]
    return []


def _filled(region: Region, reference: Grid, name: str, fill_between: bool) -> np.ndarray:
    planes = planes_of(region.contours)
    n_slices, *shape = reference.shape
    inside = [plane for plane in planes if 0 <= plane.slice < n_slices]
    if not inside:
        raise MaskError(f"{name} lies outside of the reference image. Do the two belong together?")
    taken = _between(inside, n_slices) if fill_between else _nearest(inside)
    fills = {id(plane): combine(plane.contours, tuple(shape), exclusive=region.exclusive) for plane in taken.values()}
    array = np.zeros(reference.shape, dtype=bool)
    for z, plane in taken.items():
        array[z] = fills[id(plane)].array
    if not array.any():
        raise MaskError(f"{name} holds no voxel centre of the reference image: it is too small, or lies outside.")
    warned = [*_of_planes(planes, inside, taken, reference), *_of_contours(region, taken, shape)]
    for what, slices in (
        ("contours stored twice count once", [z for z, p in taken.items() if fills[id(p)].twice]),
        ("contours cross each other", [z for z, p in taken.items() if fills[id(p)].crossing]),
        ("contours cancel each other and fill nothing", [z for z, p in taken.items() if fills[id(p)].cancelled]),
    ):
        warned += [f"{what} in {_slices(slices)}"] if slices else []
    empty = [z for z, p in taken.items() if not fills[id(p)].array.any() and not fills[id(p)].cancelled]
    warned += [f"contours hold no voxel centre in {_slices(empty)}"] if empty else []
    if warned:
        warnings.warn(f"{name}: {'; '.join(warned)}.", DataWarning, stacklevel=4)
    return array


def _nearest(planes: list[ContourPlane]) -> dict[int, ContourPlane]:
    """Return for each slice that planes fall into the one nearest to its centre."""
    taken: dict[int, ContourPlane] = {}
    for plane in planes:
        z = plane.slice
        if z not in taken or abs(plane.depth - z) < abs(taken[z].depth - z):
            taken[z] = plane
    return taken


def _between(planes: list[ContourPlane], n_slices: int) -> dict[int, ContourPlane]:
    """Return for each slice the nearest plane, where each plane is as thick as planes usually lie apart."""
    depths = np.array([plane.depth for plane in planes])
    half = max(0.5, float(np.median(np.diff(depths))) / 2) if len(planes) > 1 else 0.5
    taken = _nearest(planes)
    for z in set(range(n_slices)) - set(taken):
        # A slice at the edge between two planes belongs to the upper one, and the volume stays that of the planes.
        within = np.flatnonzero((z - depths >= -half - MIDWAY) & (z - depths < half - MIDWAY))
        if len(within):
            taken[z] = planes[int(within[np.abs(depths[within] - z).argmin()])]
    return dict(sorted(taken.items()))


def _of_planes(
    planes: list[ContourPlane], inside: list[ContourPlane], taken: dict[int, ContourPlane], reference: Grid
) -> Iterator[str]:
    """Yield the irregularities of the planes."""
    if len(inside) < len(planes):
        yield f"{len(planes) - len(inside)} of {len(planes)} contour planes lie outside of the reference and are lost"
    slices = [plane.slice for plane in inside]
    crowded = sorted({z for z in slices if slices.count(z) > 1})
    if crowded:
        yield f"several contour planes fall into {_slices(crowded)}; the nearest to its centre counts"
    missing = sorted(set(range(min(taken), max(taken) + 1)) - set(taken))
    if missing:
        step = float(np.median(np.diff([plane.depth for plane in inside])))
        advice = (
            f"; the contours lie {step * reference.spacing[0]:.3g} mm apart: read_mask(..., fill_between=True) gives "
            "each slice the contours nearest to it"
            if step > GAP
            else ""
        )
        yield f"{_slices(missing)} between the contours have none and stay empty{advice}"


def _of_contours(region: Region, taken: dict[int, ContourPlane], shape: list[int]) -> Iterator[str]:
    """Yield the irregularities of the contours."""
    for reason, slices in region.left_out.items():
        yield f"contours {reason} enclose nothing and are left out, in {_slices(sorted(set(slices)))}"
    low, high = -0.5 - OVER_THE_EDGE, np.array(shape) - 0.5 + OVER_THE_EDGE
    cut = [z for z, plane in taken.items() if any((p < low).any() or (p > high).any() for p in plane.contours)]
    if cut:
        yield f"the region reaches over the edge of the image and is cut off in {_slices(cut)}"


def _slices(found: list[int], most: int = 10) -> str:
    """Name slices by their index in the array."""
    if not found:
        return "no slice"
    some = ", ".join(map(str, found[:most])) + (f", ... ({len(found)} in all)" if len(found) > most else "")
    return f"slice{'s' if len(found) > 1 else ''} {some}"
