"""Contours as planning systems really store them: twice, crossing, between slices, open, cut off, without a point.

Right values: what a person would shade on the drawing, voxel centre by voxel centre; combination of contours by PS3.3
C.8.8.6.3, types by C.8.8.6.1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import write_rtstruct

from radiokit.exceptions import DataWarning, FileError, MaskError
from radiokit.io import Volume, read_mask

GRID = Volume(np.zeros((6, 12, 10)), (3.0, 0.8, 0.7), (100.0, 20.0, -10.0))


def box(y: tuple[float, float], x: tuple[float, float], z: float) -> np.ndarray:
    """Corners (x, y, z) in mm of a box between (y, x) indices in slice z of GRID."""
    corners = [(y[0], x[0]), (y[0], x[1]), (y[1], x[1]), (y[1], x[0])]
    return np.array([(-10 + 0.7 * b, 20 + 0.8 * a, 100 + 3.0 * z) for a, b in corners])


def shade(*boxes: tuple[int, int, int, int, int]) -> np.ndarray:
    """Voxels of boxes (z, first y, behind y, first x, behind x)."""
    array = np.zeros(GRID.shape, bool)
    for z, y0, y1, x0, x1 in boxes:
        array[z, y0:y1, x0:x1] = True
    return array


def filled(path: Path, *contours: np.ndarray, grid: Volume = GRID, kind: str = "CLOSED_PLANAR", **how: bool):
    write_rtstruct(path / "rs.dcm", {"GTV": list(contours)}, kind=kind)
    return read_mask(path / "rs.dcm", reference=grid, **how).array


A, HOLE = box((1.5, 8.5), (1.5, 8.5), 2), box((3.5, 6.5), (3.5, 6.5), 2)


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
@pytest.mark.parametrize(
    "again", [A, A[::-1], np.roll(A, 2, axis=0), A + np.array([0.004, -0.003, 0.002]), A[[0, 0, 1, 2, 3, 0]]]
)
def test_a_contour_that_is_stored_twice_counts_once(tmp_path: Path, kind: str, again: np.ndarray) -> None:
    with pytest.warns(DataWarning, match="region 'GTV': contours stored twice count once in slice 2"):
        found = filled(tmp_path, A, again, kind=kind)
    np.testing.assert_array_equal(found, shade((2, 2, 9, 2, 9)))


def test_a_hole_that_is_stored_twice_stays_a_hole(tmp_path: Path) -> None:
    right = shade((2, 2, 9, 2, 9)) & ~shade((2, 4, 7, 4, 7))
    np.testing.assert_array_equal(filled(tmp_path, A, HOLE), right)
    with pytest.warns(DataWarning, match="stored twice"):
        np.testing.assert_array_equal(filled(tmp_path, A, HOLE, HOLE), right)


def test_contours_that_cross_are_joined_and_named(tmp_path: Path) -> None:
    pair = box((0.5, 5.5), (0.5, 5.5), 3), box((3.5, 8.5), (3.5, 8.5), 3)
    one, other = shade((3, 1, 6, 1, 6)), shade((3, 4, 9, 4, 9))
    with pytest.warns(DataWarning, match="region 'GTV': contours cross each other in slice 3"):
        np.testing.assert_array_equal(filled(tmp_path, *pair), one | other)
    np.testing.assert_array_equal(filled(tmp_path, *pair, kind="CLOSEDPLANAR_XOR"), one ^ other)


def test_islands_side_by_side_are_no_crossing(tmp_path: Path) -> None:
    found = filled(tmp_path, box((0.5, 3.5), (0.5, 4.5), 1), box((3.5, 6.5), (0.5, 4.5), 1))
    np.testing.assert_array_equal(found, shade((1, 1, 7, 1, 5)))


@pytest.mark.parametrize("shift", [0.5, -0.5, 0.499, 0.501])
def test_planes_midway_between_slices_are_one_a_slice(tmp_path: Path, shift: float) -> None:
    found = filled(tmp_path, *(box((1.5, 4.5), (1.5, 4.5), z + shift) for z in range(1, 5)))
    first = int(np.floor(1 + shift + 0.51))
    np.testing.assert_array_equal(found, shade(*((z, 2, 5, 2, 5) for z in range(first, first + 4))))


@pytest.mark.parametrize("jitter", [0.04, 0.1, 0.2])
def test_islands_and_holes_of_a_slice_whose_planes_jitter(tmp_path: Path, jitter: float) -> None:
    """Millimetres of slices of 3 mm."""
    up = np.array([0, 0, jitter])
    found = filled(tmp_path, box((0.5, 2.5), (0.5, 2.5), 1), box((4.5, 6.5), (0.5, 2.5), 1) + up, A, HOLE - up)
    right = shade((1, 1, 3, 1, 3), (1, 5, 7, 1, 3), (2, 2, 9, 2, 9)) & ~shade((2, 4, 7, 4, 7))
    np.testing.assert_array_equal(found, right)


def test_finer_contours_than_slices(tmp_path: Path) -> None:
    """Planes of 1 mm on slices of 3 mm: the one at the centre of the slice counts."""
    with pytest.warns(DataWarning, match="several contour planes fall into slices 1, 2; the nearest"):
        found = filled(tmp_path, *(box((0.5, 2.5 + i), (0.5, 2.5), 2 / 3 + i / 3) for i in range(6)))
    np.testing.assert_array_equal(found, shade((1, 1, 4, 1, 3), (2, 1, 7, 1, 3)))


@pytest.mark.parametrize("times", [2, 3, 4])
def test_coarser_contours_than_slices(tmp_path: Path, times: int) -> None:
    """Three contours of 9 voxels on slices 2 to 4 times as thin: each that many slices thick if it is asked for."""
    fine = Volume(np.zeros((6 * times, 12, 10)), (3.0 / times, 0.8, 0.7), (100.0, 20.0, -10.0))
    planes = [box((1.5, 4.5), (1.5, 4.5), z) for z in (1, 2, 3)]
    with pytest.warns(DataWarning, match=r"between.*3 mm apart: read_mask\(\.\.\., fill_between=True"):
        assert filled(tmp_path, *planes, grid=fine).sum() == 27
    found = filled(tmp_path, *planes, grid=fine, fill_between=True)
    first = times - times // 2
    assert found.any(axis=(1, 2)).nonzero()[0].tolist() == list(range(first, first + 3 * times))
    assert found.sum() == 27 * times


def test_a_gap_in_the_region_is_not_filled(tmp_path: Path) -> None:
    contours = [box((1.5, 4.5), (1.5, 4.5), z) for z in (0, 1, 4, 5)]
    with pytest.warns(DataWarning, match="slices 2, 3 between the contours have none"):
        assert filled(tmp_path, *contours, fill_between=True).sum() == 36


def change(path: Path, **tags: object) -> None:
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(data.ROIContourSequence[0].ContourSequence[1], name, value)
    data.save_as(path)


TWO = {"GTV": [box((1.5, 4.5), (1.5, 4.5), 1), box((1.5, 4.5), (1.5, 4.5), 2)]}


def test_a_contour_that_lacks_a_number_is_an_error(tmp_path: Path) -> None:
    write_rtstruct(tmp_path / "rs.dcm", TWO)
    change(tmp_path / "rs.dcm", ContourData=[f"{v:g}" for v in TWO["GTV"][1].ravel()[:-1]])
    with pytest.raises(FileError, match=r"region 'GTV': contour 2 \(slice 2\) has 11 numbers; required: x, y and z"):
        read_mask(tmp_path / "rs.dcm", reference=GRID)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ContourGeometricType": "OPEN_PLANAR"}, "of type OPEN_PLANAR"),
        ({"ContourGeometricType": "POINT", "ContourData": ["-9", "21", "106"]}, "of type POINT"),
        ({"ContourData": ["-9", "21", "106", "-8", "21", "106"]}, "of 2 points"),
        ({"ContourData": ["-9", "21", "106"]}, "of 1 points"),
    ],
)
def test_contours_that_enclose_nothing_are_named(tmp_path: Path, tags: dict[str, object], reason: str) -> None:
    write_rtstruct(tmp_path / "rs.dcm", TWO)
    change(tmp_path / "rs.dcm", **tags)
    with pytest.warns(DataWarning, match=f"region 'GTV': contours {reason} enclose nothing .* in slice 2"):
        found = read_mask(tmp_path / "rs.dcm", reference=GRID).array
    np.testing.assert_array_equal(found, shade((1, 2, 5, 2, 5)))


def test_contours_that_hold_no_voxel_centre_are_named(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="hold no voxel centre in slice 2"):
        filled(tmp_path, box((1.5, 4.5), (1.5, 4.5), 1), box((1.6, 1.8), (1.6, 1.8), 2))


def test_a_region_that_reaches_over_the_edge_is_named(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="reaches over the edge of the image and is cut off in slice 2"):
        found = filled(tmp_path, box((-0.5, 2.5), (-0.5, 2.5), 1), box((-3, 2.5), (1.5, 4.5), 2))
    np.testing.assert_array_equal(found, shade((1, 0, 3, 0, 3), (2, 0, 3, 2, 5)))


def test_a_region_of_points_only_has_no_contour(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"no closed contour \(only contours of type POINT\)"):
        filled(tmp_path, A, kind="POINT")
