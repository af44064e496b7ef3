"""Contours of a DICOM structure set (RTSTRUCT, PS3.3 C.8.8.6) filled on the grid of an image."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom

from radiokit.exceptions import DataWarning, FileError, MaskError, ParameterError
from radiokit.io._dicom import reading
from radiokit.io._regions import select_region
from radiokit.io._sitk import indices_at
from radiokit.io._volume import Grid, Mask

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "")
# Contours whose planes differ by less than this part of a slice lie in one plane.
SAME_PLANE = 0.01


def read_rtstruct(path: Path, roi: int | str | None, reference: Grid | None) -> Mask:
    """Fill the contours of a region: a voxel belongs to it if its centre lies inside an odd number of them.

    So holes, islands and keyhole contours come out right. A slice takes the contours of the plane nearest to its centre
    within half a slice; slices without a plane stay empty.
    """
    if reference is None:
        raise ParameterError(f"{path} holds contours, which have no voxels: give the image as reference=.")
    with reading(path):
        data = pydicom.dcmread(path, force=True)
        names = {int(item.ROINumber): str(item.get("ROIName", "")) for item in data.get("StructureSetROISequence", [])}
        number = select_region(names, roi, path)
        contours = [indices_at(reference, points[:, ::-1]) for points in _contours(data, number)]
    region = f"{path}: region {names[number]!r}"
    if not all(np.isfinite(points).all() for points in contours):
        raise FileError(f"{region} has contours with coordinates that are no numbers.")
    if not contours:
        raise MaskError(
            f"{region} has no closed contour: it is empty. Draw it, or name another of {list(names.values())}."
        )
    array = _filled(_planes(contours, region), reference, region)
    metadata = {"format": "RTSTRUCT", "path": str(path), "label": number}
    return Mask(array, reference.spacing, reference.origin, reference.direction, metadata)


def _contours(data: pydicom.Dataset, number: int) -> list[np.ndarray]:
    """Points (x, y, z) in mm of each closed contour of a region, each of shape (n, 3)."""
    items = [c for c in data.get("ROIContourSequence", []) if int(c.ReferencedROINumber) == number]
    found = []
    for contour in (c for item in items for c in item.get("ContourSequence", [])):
        values = np.array(contour.get("ContourData") or [], dtype=float)
        if str(contour.get("ContourGeometricType", "")) in CLOSED and len(values) >= 9 and len(values) % 3 == 0:
            found.append(values.reshape(-1, 3))
    return found


def _planes(contours: list[np.ndarray], region: str) -> list[tuple[float, list[np.ndarray]]]:
    """Contours by plane: (index along z, contours), sorted."""
    planes: list[tuple[float, list[np.ndarray]]] = []
    for points in sorted(contours, key=lambda p: float(p[:, 0].mean())):
        depth = float(points[:, 0].mean())
        if np.ptp(points[:, 0]) > 0.5:
            raise MaskError(
                f"{region} was drawn on other planes than the slices of the image (a contour crosses "
                f"{np.ptp(points[:, 0]):.3g} slices). Export it for this image."
            )
        if planes and depth - planes[-1][0] < SAME_PLANE:
            planes[-1][1].append(points)
        else:
            planes.append((depth, [points]))
    return planes


def _filled(planes: list[tuple[float, list[np.ndarray]]], reference: Grid, region: str) -> np.ndarray:
    array = np.zeros(reference.shape, dtype=bool)
    depths = np.array([depth for depth, _ in planes])
    inside = (depths >= -0.5) & (depths < reference.shape[0] - 0.5)
    if not inside.any():
        raise MaskError(f"{region} lies outside of the reference image. Do the two belong together?")
    for z in np.unique(np.rint(depths[inside]).astype(int)):
        nearest = int(np.abs(depths - z).argmin())
        for points in planes[nearest][1]:
            array[z] ^= polygon(points[:, 1:], reference.shape[1:])
    if not array.any():
        raise MaskError(f"{region} holds no voxel centre of the reference image: it is too small, or lies outside.")
    _report(depths, inside, region)
    return array


def _report(depths: np.ndarray, inside: np.ndarray, region: str) -> None:
    said = []
    if not inside.all():
        said.append(f"{int((~inside).sum())} of {len(depths)} contour planes lie outside of the reference and are lost")
    slices = np.rint(depths[inside]).astype(int)
    if len(np.unique(slices)) < len(slices):
        said.append("several contour planes fall into one slice; the nearest to its centre counts")
    missing = slices.max() - slices.min() + 1 - len(np.unique(slices))
    if missing:
        said.append(f"{missing} slices between the contours have none and stay empty")
    if said:
        warnings.warn(f"{region}: {'; '.join(said)}.", DataWarning, stacklevel=5)


def polygon(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Fill a closed polygon by the even-odd rule.

    A ray from a voxel centre in the direction of rising x crosses an odd number of edges if the centre is inside.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Corners as continuous (y, x) indices.
    shape : tuple of 2 int
        Rows and columns.
    """
    rows, columns = shape
    (y1, x1), (y2, x2) = points.T, np.roll(points, -1, axis=0).T
    y = np.arange(rows, dtype=float)[:, None]
    row, edge = np.nonzero((y1 > y) != (y2 > y))
    at = (x2 - x1)[edge] * (y[row, 0] - y1[edge]) / (y2 - y1)[edge] + x1[edge]
    # The crossing at `at` is to the right of the centres x < at, which are the first ceil(at) ones.
    crossings = np.zeros((rows, columns + 1), dtype=np.int64)
    np.add.at(crossings, (row, np.clip(np.ceil(at), 0, columns).astype(int)), 1)
    to_the_right = crossings[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return to_the_right % 2 == 1
