"""Trees of DICOM files: series, the regions that refer to them, and the case table that follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import item, write_rtstruct, write_seg, write_series
from pydicom.sequence import Sequence

from radiokit.exceptions import CaseTableError, FileError
from radiokit.io import index_dicom, read_cases, read_pair

STORED = np.random.default_rng(0).integers(0, 100, (4, 12, 10)).astype(np.int16)
SQUARE = np.array([(x, y, 103.0) for x, y in ((-9.6, 20.4), (-6.8, 20.4), (-6.8, 23.6), (-9.6, 23.6))])


def refer(path: Path, uid: str) -> None:
    data = pydicom.dcmread(path)
    series = item(RTReferencedSeriesSequence=Sequence([item(SeriesInstanceUID=uid)]))
    data.ReferencedFrameOfReferenceSequence = Sequence([item(RTReferencedStudySequence=Sequence([series]))])
    data.save_as(path)


def patient(folder: Path, uid: str = "1.2.3.4567", together: bool = False) -> Path:
    write_series(folder / ("all" if together else "ct"), STORED, uid=uid)
    target = folder / ("all" if together else "rs") / "structures.dcm"
    target.parent.mkdir(exist_ok=True)
    write_rtstruct(target, {"GTV": [SQUARE], "Heart": [SQUARE]})
    refer(target, uid)
    return folder


def test_series_and_what_refers_to_them(tmp_path: Path) -> None:
    patient(tmp_path)
    write_series(tmp_path / "pet", STORED, uid="1.2.3.9999", modality="PT")
    index = index_dicom(tmp_path).set_index("modality")
    assert list(index.index) == ["CT", "PT", "RTSTRUCT"]
    assert index["n_files"].tolist() == [4, 4, 1] and index["alone"].tolist() == [True] * 3
    assert index.loc["RTSTRUCT", "refers_to"] == index.loc["CT", "series"] == "1.2.3.4567"
    assert index.loc["RTSTRUCT", "regions"] == ("GTV", "Heart")
    assert "secret" not in index.to_csv().lower()


def test_regions_that_name_only_images_or_a_frame_of_reference(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", STORED, uid="1.2.3.4567", FrameOfReferenceUID="1.9")
    write_series(tmp_path / "pet", STORED, uid="1.2.3.9999", modality="PT", FrameOfReferenceUID="1.9")
    write_rtstruct(tmp_path / "rs.dcm", {"GTV": [SQUARE]})
    assert index_dicom(tmp_path).iloc[-1]["refers_to"] == ""
    data = pydicom.dcmread(tmp_path / "rs.dcm")
    image = item(ReferencedSOPInstanceUID=pydicom.dcmread(files[0]).SOPInstanceUID)
    data.ROIContourSequence[0].ContourSequence[0].ContourImageSequence = Sequence([image])
    data.save_as(tmp_path / "rs.dcm")
    assert index_dicom(tmp_path).iloc[-1]["refers_to"] == "1.2.3.4567"


def test_cases_of_patient_folders(tmp_path: Path) -> None:
    for i in (1, 2):
        patient(tmp_path / f"00{i}", f"1.2.3.{i}")
    cases = read_cases(tmp_path)
    assert list(cases.index) == ["001", "002"] and list(cases.columns) == ["image", "mask"]
    volume, mask = read_pair(cases.loc["002", "image"], cases.loc["002", "mask"], roi="GTV")
    assert mask.array.sum() == 4 * 4 and volume.shape == mask.shape


def test_several_series_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    patient(tmp_path / "001", together=True)
    write_series(tmp_path / "001" / "all", STORED[:2], uid="1.2.3.9999")
    row = read_cases(tmp_path).loc["001"]
    assert row["series"] == "1.2.3.4567"
    assert read_pair(row["image"], row["mask"], series=row["series"], roi="GTV")[0].shape == (4, 12, 10)


def test_several_modalities_of_a_patient(tmp_path: Path) -> None:
    patient(tmp_path / "001")
    write_series(tmp_path / "001" / "mr", STORED, uid="1.2.3.77", modality="MR")
    write_seg(tmp_path / "001" / "seg.dcm", {"tumour": STORED > 50})
    data = pydicom.dcmread(tmp_path / "001" / "seg.dcm")
    data.ReferencedSeriesSequence = Sequence([item(SeriesInstanceUID="1.2.3.77")])
    data.save_as(tmp_path / "001" / "seg.dcm")
    assert sorted(read_cases(tmp_path).columns) == ["image_CT", "image_MR", "mask_CT", "mask_MR"]


def test_what_cannot_be_paired_is_said(tmp_path: Path) -> None:
    patient(tmp_path / "001")
    refer(tmp_path / "001" / "rs" / "structures.dcm", "9.9.9")
    write_series(tmp_path / "002" / "ct", STORED)
    with pytest.raises(
        CaseTableError, match=r"(?s)structures\.dcm refers to a series that is not in.*0 files of regions"
    ):
        read_cases(tmp_path)
    with pytest.raises(FileError, match="no folder"):
        index_dicom(tmp_path / "gone")


def test_a_header_that_makes_no_sense_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """Found by a fuzzer: a number of the series that is two."""
    file = write_series(tmp_path, STORED)[0]
    data = pydicom.dcmread(file)
    data.SeriesNumber = [1, 2]
    data.save_as(file)
    with pytest.raises(FileError, match=file.name):
        index_dicom(tmp_path)


@pytest.mark.shared
def test_a_real_tree(shared: Path) -> None:
    cases = read_cases(shared / "data/dicom/sts_processed")
    assert sorted(cases.columns) == sorted(f"{kind}_{m}" for kind in ("image", "mask") for m in ("CT", "MR", "PT"))
