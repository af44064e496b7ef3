"""What scanners and archives write beside the plain case: encodings, stray bits, frames that make no volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import item, write_enhanced, write_rtstruct, write_seg, write_series
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from radiokit.exceptions import FileError, MaskError
from radiokit.io import Volume, read_mask, read_volume

STORED = np.random.default_rng(0).integers(-500, 900, (5, 6, 7)).astype(np.int16)
GRID = Volume(np.zeros((6, 12, 10)), (3.0, 0.8, 0.7), (100.0, 20.0, -10.0))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_encodings_of_the_file(tmp_path: Path, syntax: str) -> None:
    for file in write_series(tmp_path / "s", STORED, slopes=[1.0, 2.0, 3.0, 4.0, 0.5]):
        data = pydicom.dcmread(file)
        implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        if not little:
            data.PixelData = data.pixel_array.astype(">i2").tobytes()
        data.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(file, data, implicit_vr=implicit, little_endian=little, force_encoding=True)
    expected = STORED * np.array([1.0, 2.0, 3.0, 4.0, 0.5])[:, None, None]
    np.testing.assert_array_equal(read_volume(tmp_path / "s").array, expected)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_those_stored_do_not_count(tmp_path: Path, signed: bool) -> None:
    """Old scanners keep overlays in the four bits above a value of twelve."""
    low, high = (-2048, 2048) if signed else (0, 4096)
    values = np.random.default_rng(1).integers(low, high, (3, 6, 7))
    raw = ((values & 0x0FFF) | 0x5000).astype(np.uint16)
    for file in write_series(tmp_path / "s", raw):
        data = pydicom.dcmread(file)
        data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, int(signed)
        data.save_as(file)
    np.testing.assert_array_equal(read_volume(tmp_path / "s").array, values)


def enhanced(path: Path, change: object = None, *, compressed: bool = False) -> Path:
    write_enhanced(path, STORED, [1.0] * len(STORED))
    data = pydicom.dcmread(path)
    if callable(change):
        change(data.PerFrameFunctionalGroupsSequence)
    if compressed:
        data.compress(RLELossless)
    data.save_as(path)
    return path


def place(frame: pydicom.Dataset, z: float) -> None:
    frame.PlanePositionSequence[0].ImagePositionPatient = [-10, 20, z]


def test_frames_that_are_compressed(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_volume(enhanced(tmp_path / "e.dcm", compressed=True)).array, STORED)


def test_frames_that_make_no_volume(tmp_path: Path) -> None:
    path = tmp_path / "e.dcm"
    with pytest.raises(FileError, match=r"not evenly spaced: 2\.5 mm apart, but 12\.5 mm after 107\.5"):
        read_volume(enhanced(path, lambda frames: place(frames[0], 120)))
    with pytest.raises(FileError, match="1 positions have more than one slice"):
        read_volume(enhanced(path, lambda frames: place(frames[0], 107.5)))

    def turn(frames: pydicom.Sequence) -> None:
        frames[2].PlaneOrientationSequence = pydicom.Sequence([item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])])

    with pytest.raises(FileError, match="not parallel"):
        read_volume(enhanced(path, turn))
    data = pydicom.dcmread(enhanced(path))
    del data.PerFrameFunctionalGroupsSequence
    data.save_as(path)
    with pytest.raises(FileError, match="5 frames without positions"):
        read_volume(path)


def test_frames_that_are_cut_off(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "e.dcm")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileError, match=r"e\.dcm"):
        read_volume(path)


def test_fractions_that_are_compressed(tmp_path: Path) -> None:
    values = np.zeros((3, 8, 8))
    values[1, 2:6, 2:6] = np.arange(16).reshape(4, 4) * 13
    write_seg(tmp_path / "seg.dcm", {"a": values}, kind="FRACTIONAL")
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    data.compress(RLELossless)
    data.save_as(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read_mask(tmp_path / "seg.dcm").array, values[1:2] >= 100)


def test_a_region_without_contours_is_empty(tmp_path: Path) -> None:
    write_rtstruct(
        tmp_path / "rs.dcm", {"GTV": [], "Heart": [np.array([(-9, 21, 103.0), (-5, 21, 103), (-5, 27, 103)])]}
    )
    with pytest.raises(MaskError, match="region 'GTV' has no closed contour"):
        read_mask(tmp_path / "rs.dcm", roi="GTV", reference=GRID)
    data = pydicom.dcmread(tmp_path / "rs.dcm")
    del data.ROIContourSequence
    data.save_as(tmp_path / "rs.dcm")
    with pytest.raises(MaskError, match="region 'Heart' has no closed contour"):
        read_mask(tmp_path / "rs.dcm", roi="Heart", reference=GRID)


def test_a_contour_across_slices_is_refused(tmp_path: Path) -> None:
    write_rtstruct(tmp_path / "rs.dcm", {"GTV": [np.array([(-9, 21, 103.0), (-5, 21, 106), (-5, 27, 109)])]})
    with pytest.raises(MaskError, match="other planes than the slices of the image"):
        read_mask(tmp_path / "rs.dcm", reference=GRID)


def test_lengths_that_cannot_be_are_damage(tmp_path: Path) -> None:
    """Found by a fuzzer: a number of 465 bytes."""
    file = write_series(tmp_path / "s", STORED)[0]
    content = bytearray(file.read_bytes())
    content[132:144] = b"\x02\x00\x00\x00UL\xd1\x01\x07\x01\x00\x00"
    file.write_bytes(content)
    with pytest.raises(FileError, match="damaged"):
        read_volume(file)
