"""Series as archives, anonymisers and old scanners leave them. Right values: the numbers that were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import FLAT, blank, pixels, write_rtstruct, write_series
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radiokit.exceptions import CaseTableError, DataWarning, FileError
from radiokit.io import index_dicom, read_cases, read_volume

STORED = np.random.default_rng(0).integers(-500, 1500, (5, 6, 4)).astype(np.int16)
RTDOSE = "1.2.840.10008.5.1.4.1.1.481.2"


def edit(files: list[Path], **tags: Any) -> None:
    for file in files:
        data = pydicom.dcmread(file)
        for name, value in tags.items():
            setattr(data, name, value)
        data.save_as(file)


@pytest.mark.parametrize(
    ("top", "kind", "slope", "intercept"),
    [
        (4_000_000_000, "u4", 1, 0),
        (2_000_000_000, "i4", 1, 1_000_000_000),
        (30_000, "i2", 100_000, 0),
        (65_535, "u2", 65_536, 0),
        (30_000, "i2", 3_000_000_000, -1),
        (65_535, "u2", 1, -1024),
        (120, "u1", 4, -1000),
        (60_000, "u2", 0.5, 0.25),
    ],
)
def test_values_beyond_16_and_32_bits(tmp_path: Path, top: int, kind: str, slope: float, intercept: float) -> None:
    """PS3.3 C.11.1: value = stored · slope + intercept, here in Python's own numbers, which do not overflow."""
    stored = np.array([[[0, 1, top // 2, top]]] * 2, dtype=kind)
    files = write_series(tmp_path / "s", stored, slopes=[slope] * 2, intercept=intercept)
    expected = [int(v) * slope + intercept for v in (0, 1, top // 2, top)]
    found = read_volume(tmp_path / "s").array
    assert found[0, 0].tolist() == found[1, 0].tolist() == expected
    if slope == 1:
        assert sitk.GetArrayFromImage(sitk.ReadImage(str(files[0]))).ravel().tolist() == expected


def without_prefix(file: Path, target: Path, syntax: str) -> None:
    data = pydicom.dcmread(file)
    del data.file_meta
    data.preamble = None
    implicit = syntax == ImplicitVRLittleEndian
    pydicom.dcmwrite(target, data, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert target.read_bytes()[:2] == b"\x08\x00"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("suffix", ["", ".dcm", ".001"])
def test_files_without_prefix_and_meta_information(tmp_path: Path, syntax: str, suffix: str) -> None:
    files = write_series(tmp_path / "s", STORED)
    for i, file in enumerate(files[:3]):
        without_prefix(file, tmp_path / "s" / f"IM{i}{suffix}", syntax)
        file.unlink()
    (tmp_path / "s" / "notes").write_text("written by hand")
    (tmp_path / "s" / "zeros").write_bytes(b"\x08\x00" + bytes(100))
    np.testing.assert_array_equal(read_volume(tmp_path / "s").array, STORED)
    assert read_volume(tmp_path / "s" / f"IM0{suffix}").shape == (1, 6, 4)
    assert index_dicom(tmp_path)["n_files"].tolist() == [5]


@pytest.mark.parametrize(("name", "stand_in"), [("RescaleSlope", 1), ("RescaleIntercept", 0)])
def test_empty_rescaling_is_said(tmp_path: Path, name: str, stand_in: int) -> None:
    edit(write_series(tmp_path / "s", STORED), **{name: None})
    with pytest.warns(DataWarning, match=f"{name} is empty in 5 of 5 files .*: {stand_in} is taken"):
        np.testing.assert_array_equal(read_volume(tmp_path / "s").array, STORED)


@pytest.mark.parametrize(
    ("name", "value"), [("RescaleSlope", "nan"), ("RescaleSlope", "0"), ("RescaleIntercept", "inf")]
)
def test_rescaling_that_gives_no_values(tmp_path: Path, name: str, value: str) -> None:
    files = write_series(tmp_path / "s", STORED)
    with pydicom.config.disable_value_validation():
        edit(files, **{name: value})
    with pytest.raises(FileError, match=f"{name} is|RescaleIntercept inf"):
        read_volume(tmp_path / "s")


@pytest.mark.parametrize("length", [0.98, 1.02])
def test_cosines_that_are_not_of_unit_length(tmp_path: Path, length: float) -> None:
    positions = [(-10.0, 20.0, 100.0 + 3 * i) for i in range(5)]
    write_series(tmp_path / "s", STORED, positions=positions)
    edit(list((tmp_path / "s").iterdir()), ImageOrientationPatient=[length * v for v in FLAT])
    volume = read_volume(tmp_path / "s")
    assert volume.spacing == (3.0, 0.8, 0.7) and volume.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.mark.parametrize("cosines", [(0, 0, 0, 0, 0, 0), (1, 0, 0, 1, 0, 0), (2, 0, 0, 0, 2, 0)])
def test_cosines_that_are_no_directions(tmp_path: Path, cosines: tuple[float, ...]) -> None:
    edit(write_series(tmp_path / "s", STORED), ImageOrientationPatient=list(cosines))
    with pytest.raises(FileError, match=r"ImageOrientationPatient is .* two directions"):
        read_volume(tmp_path / "s")


def test_cosines_that_jitter(tmp_path: Path) -> None:
    files = write_series(tmp_path / "s", STORED)
    for i, file in enumerate(files):
        tilt = 0.002 * (-1) ** i
        edit([file], ImageOrientationPatient=[1, tilt, 0, -tilt, 1, 0.5 * tilt])
    volume = read_volume(tmp_path / "s")
    np.testing.assert_array_equal(volume.array, STORED)
    np.testing.assert_allclose(volume.spacing, (3.0, 0.8, 0.7), rtol=1e-5)


def test_one_slice_with_a_negative_distance(tmp_path: Path) -> None:
    files = write_series(tmp_path / "s", STORED[:1])
    edit(files, SpacingBetweenSlices=-2.5)
    assert read_volume(files[0]).spacing == (2.5, 0.8, 0.7)


def test_a_mosaic_is_named(tmp_path: Path) -> None:
    edit(write_series(tmp_path / "s", STORED[:1]), ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    with pytest.raises(FileError, match="Siemens mosaic"):
        read_volume(tmp_path / "s")


@pytest.mark.parametrize("offsets", [[0, 2.5, 5.0], [100.0, 102.5, 105.0], [0, -2.5, -5.0]])
def test_doses_are_scaled_and_placed(tmp_path: Path, offsets: list[float]) -> None:
    """PS3.3 C.8.8.3.2: offsets from the first plane, or places in z where the first is not 0; Gy = stored · scaling."""
    stored = np.arange(24, dtype=np.uint32).reshape(3, 2, 4) * 100_000_000
    data = blank(
        RTDOSE, "RTDOSE", NumberOfFrames=3, GridFrameOffsetVector=offsets, DoseGridScaling=1e-7, DoseUnits="GY"
    )
    data.ImagePositionPatient, data.ImageOrientationPatient = [-10, 20, 100], list(FLAT)
    data.PixelSpacing = [0.8, 0.7]
    pixels(data, stored)
    data.save_as(tmp_path / "dose.dcm")
    volume = read_volume(tmp_path / "dose.dcm")
    down = offsets[1] < offsets[0]
    np.testing.assert_allclose(volume.array, stored[::-1] * 1e-7 if down else stored * 1e-7, rtol=1e-15)
    assert volume.spacing == (2.5, 0.8, 0.7) and volume.metadata["unit"] == "GY"
    assert volume.origin == (95.0 if down else 100.0, 20.0, -10.0)


def test_a_series_in_two_folders_is_said(tmp_path: Path) -> None:
    files = write_series(tmp_path / "P1" / "a", STORED, uid="1.2.3")
    (tmp_path / "P1" / "b").mkdir()
    for file in files[3:]:
        file.rename(tmp_path / "P1" / "b" / file.name)
    square = np.array([(x, y, 103.0) for x, y in ((-9.6, 20.4), (-8, 20.4), (-8, 22.0), (-9.6, 22.0))])
    write_rtstruct(tmp_path / "P1" / "rs.dcm", {"GTV": [square]})
    with pytest.raises(CaseTableError, match=r"lies in 2 folders \(.*a, .*b\)"):
        read_cases(tmp_path)
