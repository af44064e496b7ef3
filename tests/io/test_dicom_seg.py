"""Segmentations whose empty frames were left out: each frame on its slice of the image, nothing between them.

Right values are the arrays that were written; the distance between slices is SpacingBetweenSlices (PS3.3
C.7.6.16.2.1), or that of the image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from dicom_files import item, write_rtstruct, write_seg, write_series
from hypothesis import given, settings
from hypothesis import strategies as st

from radiokit.exceptions import DataWarning, FileError, MaskError
from radiokit.io import Volume, check_cases, read_mask, read_pair, read_volume

SHAPE = (9, 5, 7)
IMAGE = Volume(np.zeros(SHAPE), (3.0, 0.8, 0.7), (100.0, 20.0, -10.0))
SLICES = {"every_second": (1, 3, 5, 7), "two_foci": (1, 7), "uneven": (1, 3, 6), "one": (4,), "next_to": (3, 4)}


def foci(slices: tuple[int, ...], value: int = 1) -> np.ndarray:
    array = np.zeros(SHAPE, np.uint8)
    for z in slices:
        array[z, 1:4, 2 : 3 + z % 4] = value
    return array


@pytest.mark.parametrize("between", [3.0, None])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("slices", SLICES.values(), ids=SLICES.keys())
def test_nothing_is_filled_between_frames(
    tmp_path: Path, slices: tuple[int, ...], kind: str, between: float | None
) -> None:
    right = foci(slices)
    write_seg(tmp_path / "seg.dcm", {"a": right * (200 if kind == "FRACTIONAL" else 1)}, kind=kind, between=between)
    write_series(tmp_path / "image", np.zeros(SHAPE, np.int16))
    np.testing.assert_array_equal(read_mask(tmp_path / "seg.dcm", reference=IMAGE).array, right)
    image, mask = read_pair(tmp_path / "image", tmp_path / "seg.dcm")
    np.testing.assert_array_equal(mask.array, right)
    assert mask.spacing == image.spacing


@pytest.mark.parametrize("slices", SLICES.values(), ids=SLICES.keys())
def test_the_distance_between_slices_is_the_one_that_the_file_says(tmp_path: Path, slices: tuple[int, ...]) -> None:
    right = foci(slices)
    write_seg(tmp_path / "seg.dcm", {"a": right}, between=3.0)
    own = read_mask(tmp_path / "seg.dcm")
    assert own.spacing == (3.0, 0.8, 0.7) and own.origin == (100.0 + 3 * slices[0], 20.0, -10.0)
    np.testing.assert_array_equal(own.array, right[slices[0] : slices[-1] + 1])


def test_a_finer_grid_takes_each_frame_for_its_slice_only(tmp_path: Path) -> None:
    """At 1 mm a slice of 3 mm is three; slices of the segmentation without a frame stay empty."""
    write_seg(tmp_path / "seg.dcm", {"a": foci((1, 3, 5, 7))}, between=3.0)
    write_seg(tmp_path / "whole.dcm", {"a": foci((3, 4, 5))})
    fine = Volume(np.zeros((27, 5, 7)), (1.0, 0.8, 0.7), (99.0, 20.0, -10.0))
    np.testing.assert_array_equal(
        read_mask(tmp_path / "seg.dcm", reference=fine).array, foci((1, 3, 5, 7)).repeat(3, axis=0)
    )
    np.testing.assert_array_equal(
        read_mask(tmp_path / "whole.dcm", reference=fine).array, foci((3, 4, 5)).repeat(3, axis=0)
    )


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_choice_of_slices_comes_back_as_it_was_written(tmp_path_factory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dcm"
    n = data.draw(st.integers(1, 9))
    kept = data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
    kind = data.draw(st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP"]))
    right = np.zeros((n, 5, 7), np.uint8)
    right[kept] = np.random.default_rng(n).random((len(kept), 5, 7)) > 0.5
    right[kept, 2, 3] = 1
    step = data.draw(st.sampled_from([0.3, 1.0, 2.5, 7.0]))
    said = data.draw(st.sampled_from([step, -step]))
    write_seg(path, {"a": right * (200 if kind == "FRACTIONAL" else 1)}, kind=kind, step=step, between=said)
    image = Volume(np.zeros(right.shape), (step, 0.8, 0.7), (100.0, 20.0, -10.0))
    np.testing.assert_array_equal(read_mask(path, reference=image).array, right)
    np.testing.assert_array_equal(read_mask(path).array, right[min(kept) : max(kept) + 1])


def test_a_file_that_does_not_say_the_distance_between_slices(tmp_path: Path) -> None:
    write_seg(tmp_path / "thin.dcm", {"a": foci((1, 3, 5, 7))})
    with pytest.warns(DataWarning, match=r"frames lie 6 mm apart and are 3 mm thick.*SpacingBetweenSlices"):
        assert read_mask(tmp_path / "thin.dcm").shape == (7, 5, 7)
    write_seg(tmp_path / "odd.dcm", {"a": foci((1, 3, 6))}, thickness=4.0)
    with pytest.raises(FileError, match=r"not evenly spaced .* reference="):
        read_mask(tmp_path / "odd.dcm")
    np.testing.assert_array_equal(read_mask(tmp_path / "odd.dcm", reference=IMAGE).array, foci((1, 3, 6)))


def test_frames_on_an_image_that_is_turned(tmp_path: Path) -> None:
    right = foci((1, 3, 6))
    write_seg(tmp_path / "seg.dcm", {"a": right}, between=3.0)
    turned = Volume(IMAGE.array[::-1], IMAGE.spacing, (124.0, 23.2, -10.0), (-1, 0, 0, 0, -1, 0, 0, 0, 1))
    np.testing.assert_array_equal(read_mask(tmp_path / "seg.dcm", reference=turned).array, right[::-1, ::-1])
    exchanged = Volume(np.zeros((7, 5, 9)), (0.7, 0.8, 3.0), (100, 20.0, -10.0), (0, 0, 1, 0, 1, 0, 1, 0, 0))
    np.testing.assert_array_equal(read_mask(tmp_path / "seg.dcm", reference=exchanged).array, right.transpose(2, 1, 0))


def test_frames_outside_of_the_image(tmp_path: Path) -> None:
    write_seg(tmp_path / "seg.dcm", {"a": foci((1, 3, 8))}, between=3.0)
    short = Volume(np.zeros((6, 5, 7)), IMAGE.spacing, IMAGE.origin)
    with pytest.warns(DataWarning, match=r"3 of 21 voxels lie outside"):
        assert read_mask(tmp_path / "seg.dcm", reference=short).array.sum() == 18
    away = Volume(np.zeros((6, 5, 7)), IMAGE.spacing, (400.0, 20.0, -10.0))
    with pytest.raises(MaskError, match="lies outside of the reference image"):
        read_mask(tmp_path / "seg.dcm", reference=away)


def test_one_frame_without_a_number_of_frames(tmp_path: Path) -> None:
    write_seg(tmp_path / "seg.dcm", {"a": foci((4,))})
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    del data.NumberOfFrames
    data.save_as(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read_mask(tmp_path / "seg.dcm", reference=IMAGE).array, foci((4,)))


@pytest.mark.parametrize(("tags", "reason"), [({"TotalPixelMatrixRows": 5}, "slide microscopy"), ({}, "projection")])
def test_what_makes_no_volume_is_not_called_damaged(tmp_path: Path, tags: dict[str, int], reason: str) -> None:
    write_seg(tmp_path / "seg.dcm", {"a": foci((3, 4))}, **tags)
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    for group in data.PerFrameFunctionalGroupsSequence:
        del group.PlanePositionSequence
    data.save_as(tmp_path / "seg.dcm")
    with pytest.raises(FileError, match=f"no place in the patient .*{reason}") as caught:
        read_mask(tmp_path / "seg.dcm")
    assert "damaged" not in str(caught.value)


def test_regions_are_not_read_as_an_image(tmp_path: Path) -> None:
    write_seg(tmp_path / "seg.dcm", {"a": foci((3, 4))})
    with pytest.raises(FileError, match="SEG; it holds regions: read it with read_mask"):
        read_volume(tmp_path / "seg.dcm")
    write_rtstruct(tmp_path / "rs.dcm", {})
    with pytest.raises(FileError, match="RTSTRUCT; it holds contours"):
        read_volume(tmp_path / "rs.dcm")


@pytest.mark.parametrize("kind", ["SEG", "RTSTRUCT by region", "RTSTRUCT by set"])
def test_another_frame_of_reference_is_said(tmp_path: Path, kind: str) -> None:
    """PS3.3 C.7.4.1: coordinates of two frames of reference are not related."""
    write_series(tmp_path / "image", np.zeros(SHAPE, np.int16), FrameOfReferenceUID="1.2.3.4")
    square = np.array([(x, y, 103.0) for x, y in ((-9.6, 20.4), (-6.8, 20.4), (-6.8, 22.0), (-9.6, 22.0))])
    path = tmp_path / "mask.dcm"

    def write(frame: str) -> None:
        if kind == "SEG":
            write_seg(path, {"a": foci((3, 4))}, FrameOfReferenceUID=frame)
            return
        write_rtstruct(path, {"a": [square]})
        data = pydicom.dcmread(path)
        if kind == "RTSTRUCT by region":
            data.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = frame
        else:
            data.ReferencedFrameOfReferenceSequence = pydicom.Sequence([item(FrameOfReferenceUID=frame)])
        data.save_as(path)

    write("1.2.3.4")
    image, right = read_pair(tmp_path / "image", path)
    write("1.2.3.5")
    with pytest.warns(DataWarning, match="another frame of reference than the image"):
        found = read_pair(tmp_path / "image", path)[1]
    with pytest.warns(DataWarning, match="another frame of reference"):
        read_mask(path, reference=image)
    np.testing.assert_array_equal(found.array, right.array)
    table = check_cases(pd.DataFrame({"image": [tmp_path / "image"], "mask": [path]}, index=["P1"]).astype(str))
    frame = table[table["check"] == "frame"].iloc[0]
    assert (
        frame["case_id"] == "P1" and frame["severity"] == "error" and "another frame of reference" in frame["message"]
    )
