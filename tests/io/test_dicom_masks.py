"""Contours and segmentations: filled exactly, found by name, on the grid they belong to."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_rtstruct, write_seg, write_series
from hypothesis import given, settings
from hypothesis import strategies as st

from radiokit.exceptions import DataWarning, FileError, GeometryError, MaskError, ParameterError
from radiokit.io import Volume, read_mask, read_pair, read_volume
from radiokit.io._polygon import polygon

GRID = Volume(np.zeros((6, 12, 10)), (3.0, 0.8, 0.7), (100.0, 20.0, -10.0))


def contour(points: list[tuple[float, float]], z: float) -> np.ndarray:
    """Points (x, y, z) in mm of corners given as (y, x) indices in slice z of GRID."""
    return np.array([(-10 + 0.7 * x, 20 + 0.8 * y, 100 + 3.0 * z) for y, x in points])


def square(low: float, high: float, z: float) -> np.ndarray:
    return contour([(low, low), (low, high), (high, high), (high, low)], z)


def filled(tmp_path: Path, *contours: np.ndarray, grid: Volume = GRID, **options: str) -> np.ndarray:
    write_rtstruct(tmp_path / "rs.dcm", {"GTV": list(contours)}, **options)
    return read_mask(tmp_path / "rs.dcm", reference=grid).array


def test_voxel_centres_inside_count(tmp_path: Path) -> None:
    found = filled(tmp_path, square(1.5, 4.4, 2))
    assert found.sum() == 9 and found[2, 2:5, 2:5].all()


def test_holes_and_islands_follow_the_even_odd_rule(tmp_path: Path) -> None:
    found = filled(tmp_path, square(0.5, 8.5, 1), square(2.5, 6.5, 1), square(3.5, 5.5, 1))
    expected = np.zeros((12, 10), bool)
    expected[1:9, 1:9] = True
    expected[3:7, 3:7] = False
    expected[4:6, 4:6] = True
    np.testing.assert_array_equal(found[1], expected)


def test_a_keyhole_contour_leaves_its_hole(tmp_path: Path) -> None:
    outer = [(0.5, 0.5), (0.5, 8.5), (8.5, 8.5), (8.5, 0.5)]
    inner = [(2.5, 2.5), (6.5, 2.5), (6.5, 6.5), (2.5, 6.5)]
    keyhole = [*outer, outer[0], *inner, inner[0]]
    found = filled(tmp_path, contour(keyhole, 0))
    expected = np.zeros((12, 10), bool)
    expected[1:9, 1:9] = True
    expected[3:7, 3:7] = False
    np.testing.assert_array_equal(found[0], expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 12), st.floats(-2, 11)), min_size=3, max_size=9))
def test_any_polygon_equals_the_definition(points: list[tuple[float, float]]) -> None:
    """Ray casting for each voxel centre alone."""
    corners = np.array(points)
    expected = np.zeros((10, 9), bool)
    for y in range(10):
        for x in range(9):
            for (y1, x1), (y2, x2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                    expected[y, x] ^= True
    np.testing.assert_array_equal(polygon(corners, (10, 9)), expected)


def test_contours_between_slices_go_to_the_nearest_one(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="nearest to its centre"):
        found = filled(tmp_path, square(0.5, 4.5, 1.1), square(0.5, 6.5, 1.4))
    assert found[1].sum() == 16 and found.sum() == 16
    with pytest.warns(DataWarning, match="slice 2 between the contours have none"):
        found = filled(tmp_path, square(0.5, 4.5, 1), square(0.5, 4.5, 3))
    assert found.any(axis=(1, 2)).tolist() == [False, True, False, True, False, False]


def test_contours_off_the_image(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="1 of 2 contour planes lie outside"):
        assert filled(tmp_path, square(0.5, 4.5, 5), square(0.5, 4.5, 6)).sum() == 16
    with pytest.raises(MaskError, match="outside of the reference image"):
        filled(tmp_path, square(0.5, 4.5, 60))
    with pytest.raises(MaskError, match="no voxel centre"):
        filled(tmp_path, square(0.5, 0.6, 1))
    with pytest.raises(MaskError, match="drawn on other planes"):
        filled(tmp_path, np.array([(0, 25, 100), (0, 25, 110), (0, 30, 105)]))


def test_only_closed_contours_count(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="no closed contour"):
        filled(tmp_path, square(0.5, 4.5, 1), kind="POINT")


def test_contours_follow_a_turned_image(tmp_path: Path) -> None:
    flipped = replace(GRID, direction=(-1, 0, 0, 0, -1, 0, 0, 0, 1), origin=(115.0, 28.8, -10.0))
    plain = filled(tmp_path, square(1.5, 4.4, 2), square(0.5, 4.4, 3))
    np.testing.assert_array_equal(
        filled(tmp_path, square(1.5, 4.4, 2), square(0.5, 4.4, 3), grid=flipped), plain[::-1, ::-1]
    )


def test_regions_by_name_number_and_pattern(tmp_path: Path) -> None:
    path = tmp_path / "rs.dcm"
    write_rtstruct(
        path, {"GTV-1": [square(0.5, 1.5, 1)], "GTV-2": [square(0.5, 2.5, 1)], "Heart": [square(0.5, 3.5, 1)]}
    )
    for roi, size in (("GTV-2", 4), ("gtv-2", 4), ("heart", 9), ("*-1", 1), (3, 9), ("3", 9), (np.int64(2), 4)):
        assert read_mask(path, roi=roi, reference=GRID).array.sum() == size
    for roi in (None, "GTV*", "liver", 7):
        with pytest.raises(MaskError, match="holds 3 regions: 1 'GTV-1', 2 'GTV-2', 3 'Heart'"):
            read_mask(path, roi=roi, reference=GRID)
    with pytest.raises(ParameterError, match="reference="):
        read_mask(path, roi=1)


SEGMENTS = {"tumour": np.zeros((6, 5, 7), bool), "oedema": np.zeros((6, 5, 7), bool)}
SEGMENTS["tumour"][1:3, 1:4, 2:6] = True
SEGMENTS["oedema"][2:5, 0:5, 0:3] = True
SEGMENTS["oedema"][3] = False


def test_segments_with_bits_across_bytes_and_missing_frames(tmp_path: Path) -> None:
    write_seg(tmp_path / "seg.dcm", SEGMENTS)
    image = Volume(np.zeros((6, 5, 7)), (3.0, 0.8, 0.7), (100.0, 20.0, -10.0))
    for number, (name, expected) in enumerate(SEGMENTS.items(), start=1):
        for roi in (number, name, name.upper(), f"{name[:3]}*"):
            np.testing.assert_array_equal(read_mask(tmp_path / "seg.dcm", roi=roi, reference=image).array, expected)
    own = read_mask(tmp_path / "seg.dcm", roi=2)
    assert own.shape == (4, 5, 7) and own.origin == (103.0, 20.0, -10.0) and own.spacing == (3.0, 0.8, 0.7)
    with pytest.raises(MaskError, match="1 'tumour', 2 'oedema'"):
        read_mask(tmp_path / "seg.dcm", reference=image)


def test_fractions_count_from_one_half(tmp_path: Path) -> None:
    values = np.zeros((2, 3, 4))
    values[0, 0] = [0, 99, 100, 200]
    write_seg(tmp_path / "seg.dcm", {"a": values}, kind="FRACTIONAL")
    assert read_mask(tmp_path / "seg.dcm").array[0, 0].tolist() == [False, False, True, True]


def test_label_maps(tmp_path: Path) -> None:
    import pydicom

    write_seg(tmp_path / "seg.dcm", {"a": np.array([[[0, 1, 2]]]), "b": np.zeros((1, 1, 3))}, kind="LABELMAP")
    assert pydicom.dcmread(tmp_path / "seg.dcm").NumberOfFrames == 1
    assert read_mask(tmp_path / "seg.dcm", roi="b").array.tolist() == [[[False, False, True]]]


def test_pairs_of_dicom(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 100, (6, 5, 7)).astype(np.int16)
    write_series(tmp_path / "image", stored)
    (tmp_path / "seg").mkdir()
    write_seg(tmp_path / "seg" / "seg.dcm", SEGMENTS)
    image, mask = read_pair(tmp_path / "image", tmp_path / "seg", roi="tumour")
    np.testing.assert_array_equal(mask.array, SEGMENTS["tumour"])
    assert (mask.spacing, mask.origin) == (image.spacing, image.origin)
    assert read_pair(tmp_path / "image", tmp_path / "seg", label=2)[1].array.sum() == SEGMENTS["oedema"].sum()
    write_seg(tmp_path / "seg" / "seg.dcm", SEGMENTS, origin=(-10.3, 20.0, 100.0))
    with pytest.raises(GeometryError, match="Case P1"):
        read_pair(tmp_path / "image", tmp_path / "seg", roi="tumour", case_id="P1")
    write_rtstruct(tmp_path / "rs.dcm", {"GTV": [square(0.5, 3.5, 1)]})
    assert read_pair(tmp_path / "image", tmp_path / "rs.dcm")[1].array.sum() == 9


def test_a_series_of_labels_is_a_mask(tmp_path: Path) -> None:
    write_series(tmp_path / "labels", (SEGMENTS["tumour"] * 3).astype(np.int16))
    np.testing.assert_array_equal(read_mask(tmp_path / "labels").array, SEGMENTS["tumour"])


def test_several_mask_files_need_a_choice(tmp_path: Path) -> None:
    for name in ("a.dcm", "b.dcm"):
        write_rtstruct(tmp_path / name, {"GTV": [square(0.5, 3.5, 1)]})
    with pytest.raises(FileError, match=r"a\.dcm, b\.dcm"):
        read_mask(tmp_path, reference=GRID)


@pytest.mark.parametrize("kind", ["rtstruct", "seg"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_files_give_an_error_of_ours_or_a_mask(tmp_path_factory, kind: str, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz_{kind}.dcm"
    if kind == "rtstruct":
        write_rtstruct(path, {"GTV": [square(0.5, 3.5, 1)]})
    else:
        write_seg(path, SEGMENTS)
    content = bytearray(path.read_bytes())
    part = st.floats(0, 1, exclude_max=True)  # new UIDs have new lengths: places are parts of the file
    for place, value in data.draw(st.lists(st.tuples(part, st.integers(0, 255)), max_size=4)):
        content[132 + int(place * (len(content) - 132))] = value
    path.write_bytes(content[: 132 + int(data.draw(st.just(1.0) | part) * (len(content) - 132))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_mask(path, roi=1, reference=GRID)
        except (FileError, MaskError, ParameterError) as error:
            assert str(error)


@pytest.mark.shared
def test_a_real_structure_set_equals_its_nifti(shared: Path) -> None:
    base = shared / "data/dicom/sts_processed/STS_008/PET"
    mask = read_mask(base / "rtstruct", roi="GTV_Mass*", reference=read_volume(base / "image"))
    np.testing.assert_array_equal(mask.array, read_mask(shared / "data/sts/full/STS_008/PET_mask.nii.gz").array)
