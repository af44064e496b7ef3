"""Masks: labels, and the grid they share with their image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiokit.exceptions import DataWarning, FileError, GeometryError, MaskError, ParameterError
from radiokit.io import Mask, Volume, check_geometry, read_mask, read_pair, read_volume, write_volume

GRID = {"spacing": (3.0, 1.0, 1.5), "origin": (5.0, -7.0, 2.0)}


def written(folder: Path, values: object, dtype: str = "u1", name: str = "mask.nii.gz") -> Path:
    array = np.zeros((3, 4, 5), dtype)
    array[1, 1, : len(values)] = values
    write_volume(Volume(array, **GRID), folder / name)
    return folder / name


@pytest.mark.parametrize(("label", "dtype"), [(1, "u1"), (255, "u1"), (7, "i2"), (1, "f4"), (-3, "i2"), (70000, "i4")])
def test_the_only_label_is_the_region(tmp_path: Path, label: int, dtype: str) -> None:
    mask = read_mask(written(tmp_path, [label, 0, label], dtype))
    assert mask.array.sum() == 2 and mask.array.dtype == bool
    assert mask.metadata["label"] == label


def test_several_labels_need_a_choice(tmp_path: Path) -> None:
    path = written(tmp_path, [1, 7, 7])
    with pytest.raises(MaskError, match="several labels: 1, 7"):
        read_mask(path)
    for asked in (7, 7.0, "7", "7.0", np.int64(7)):
        assert read_mask(path, label=asked).array.sum() == 2
    with pytest.raises(MaskError, match="does not hold label 2; labels present: 1, 7"):
        read_mask(path, label=2)


@pytest.mark.parametrize("asked", [None, np.nan, "", 1])
def test_an_empty_mask_is_an_error(tmp_path: Path, asked: object) -> None:
    with pytest.raises(MaskError, match="holds no labelled voxel"):
        read_mask(written(tmp_path, []), label=asked)


@pytest.mark.parametrize("asked", [0, "tumour", 1.5, np.inf, [1, 2]])
def test_a_label_is_a_whole_number_other_than_the_background(tmp_path: Path, asked: object) -> None:
    with pytest.raises(ParameterError, match="required: a whole number other than 0"):
        read_mask(written(tmp_path, [1]), label=asked)


def test_fractions_and_nan_are_no_mask(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"holds fractions \(1 voxels, for example 0\.37\)"):
        read_mask(written(tmp_path, [0.37, 1], "f4"))
    with pytest.raises(MaskError, match=r"for example 0\.99999\)"):
        read_mask(written(tmp_path, [0.99999, 0], "f4"))
    with pytest.raises(MaskError, match="NaN"):
        read_mask(written(tmp_path, [np.nan, 1], "f4"))
    assert read_mask(written(tmp_path, [1.0000001, 1], "f4")).array.sum() == 2


def test_roi_is_for_dicom(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="use label="):
        read_mask(written(tmp_path, [1]), roi="GTV")
    with pytest.raises(FileError, match="does not exist"):
        read_mask(tmp_path / "gone.nii.gz")


def pair() -> tuple[Volume, Mask]:
    array = np.zeros((3, 4, 5), bool)
    array[1, 1:3, 2:4] = True
    return Volume(np.zeros((3, 4, 5)), **GRID), Mask(array, **GRID)


def test_rounding_of_files_is_no_mismatch_and_is_removed() -> None:
    image, mask = pair()
    rounded = replace(mask, origin=tuple(np.float32(v + 1e-5) for v in mask.origin), spacing=(3.00001, 1.0, 1.5))
    found = check_geometry(image, rounded)
    assert (found.spacing, found.origin, found.direction) == (image.spacing, image.origin, image.direction)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({"origin": (5.0, -7.0, 9.0)}, ["origin differs by 7 mm in x", "up to 7 mm apart"]),
        ({"origin": (5.0, -6.5, 2.0)}, ["origin differs by 0.5 mm in y"]),
        ({"spacing": (3.0, 1.0, 1.4)}, ["spacing differs by 0.1 mm in x", "up to 0.4 mm apart"]),
        ({"direction": (1, 0, 0, 0, -1, 0, 0, 0, 1)}, ["direction differs by a flip of y"]),
        ({"direction": (0, 1, 0, 1, 0, 0, 0, 0, 1)}, ["direction differs by an exchange of axes"]),
        ({"direction": (1, 0, 0, 0, 0.8, -0.6, 0, 0.6, 0.8)}, ["direction differs by a rotation of 36.87 degrees"]),
        ({"array": np.ones((3, 4, 4), bool)}, ["size (z, y, x) is (3, 4, 5) and (3, 4, 4) voxels"]),
    ],
)
def test_what_differs_is_said(change: dict, messages: list[str]) -> None:
    image, mask = pair()
    with pytest.raises(GeometryError) as caught:
        check_geometry(image, replace(mask, **change), "P07")
    for message in ("Case P07: ", "read_mask(path, reference=image)", *messages):
        assert message in str(caught.value)


def test_a_mask_is_put_on_a_grid_only_when_told(tmp_path: Path) -> None:
    image, mask = pair()
    fine = Volume(np.zeros((5, 8, 10)), (1.5, 0.5, 0.75), (5.0, -7.25, 1.625))
    write_volume(mask, tmp_path / "mask.nrrd")
    assert read_mask(tmp_path / "mask.nrrd").shape == (3, 4, 5)
    found = read_mask(tmp_path / "mask.nrrd", reference=fine)
    assert found.shape == fine.shape and found.origin == fine.origin
    expected = mask.array[np.ix_([0, 1, 1, 2, 2], np.arange(8) // 2, np.arange(10) // 2)]
    middle = found.array[2]  # z = 8 mm is the centre of the mask's slice 1: no tie
    np.testing.assert_array_equal(middle, expected[2])
    assert read_mask(tmp_path / "mask.nrrd", reference=image).array.sum() == mask.array.sum()


def test_what_falls_outside_of_the_reference_is_announced(tmp_path: Path) -> None:
    image, mask = pair()
    write_volume(mask, tmp_path / "mask.nrrd")
    part = Volume(np.zeros((3, 2, 5)), **GRID)
    with pytest.warns(DataWarning, match="2 of 4 mask voxels lie outside"):
        assert read_mask(tmp_path / "mask.nrrd", reference=part).array.sum() == 2
    with pytest.raises(MaskError, match="no voxel of the region is left"):
        read_mask(tmp_path / "mask.nrrd", reference=replace(image, origin=(500.0, 0.0, 0.0)))


def test_a_pair_shares_one_grid(tmp_path: Path) -> None:
    image, mask = pair()
    write_volume(image, tmp_path / "image.nii.gz")
    write_volume(mask, tmp_path / "mask.nii.gz")
    volume, region = read_pair(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", case_id="P1")
    assert region.array.sum() == 4 and volume.spacing == region.spacing
    write_volume(replace(mask, origin=(0.0, 0.0, 0.0)), tmp_path / "mask.nii.gz")
    with pytest.raises(GeometryError, match="Case P1"):
        read_pair(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", case_id="P1")


@pytest.mark.filterwarnings("ignore::radiokit.exceptions.DataWarning")
def test_voxels_that_are_not_finite_matter_inside_the_region(tmp_path: Path) -> None:
    image, mask = pair()
    write_volume(mask, tmp_path / "mask.nii.gz")
    for place, matters in (((1, 1, 2), True), ((0, 0, 0), False)):
        array = np.zeros(image.shape)
        array[place] = np.nan
        write_volume(image.with_array(array), tmp_path / "image.nii.gz")
        if matters:
            with pytest.raises(FileError, match="Case P1: 1 of 4 voxels of the region are NaN"):
                read_pair(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", case_id="P1")
        else:
            read_pair(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", case_id="P1")


@pytest.mark.shared
def test_the_broken_inputs_of_the_shared_data(shared: Path) -> None:
    folder = shared / "data" / "bad"
    image = read_volume(folder / "image.nii.gz")
    assert check_geometry(image, read_mask(folder / "mask.nii.gz", label=1)).array.any()
    with pytest.raises(FileError, match="image_truncated"):
        read_volume(folder / "image_truncated.nii.gz")
    with pytest.warns(DataWarning, match="15 of 65000"):
        read_volume(folder / "image_nan.nii.gz")
    with pytest.raises(GeometryError, match="7 mm in x"):
        check_geometry(image, read_mask(folder / "mask_origin_shift.nii.gz"))
    with pytest.raises(MaskError, match="labels present: 2"):
        read_mask(folder / "mask_label2_only.nii.gz", label=1)
