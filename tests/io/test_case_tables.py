"""Case tables in every dialect, folders of cases, and one error for all that is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiokit.exceptions import CaseTableError, FileError, InputError
from radiokit.io import read_cases

HEADER = "case_id,image,mask,label,age,centre\n"
ROWS = "".join(f"00{i},files/{i}_image.nii.gz,files/{i}_mask.nii.gz,1,{50.5 + i},Zürich\n" for i in (1, 2, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    for i in (1, 2, 3):
        for kind in ("image", "mask"):
            (tmp_path / "files" / f"{i}_{kind}.nii.gz").touch()
    return tmp_path


def table(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def check_as_expected(cases: pd.DataFrame) -> None:
    assert list(cases.index) == ["001", "002", "003"] and cases.index.name == "case_id"
    assert cases["age"].tolist() == [51.5, 52.5, 53.5]
    assert cases["centre"].tolist() == ["Zürich"] * 3
    assert cases["label"].tolist() == [1, 1, 1] and cases["label"].dtype == "int64"
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in [*cases["image"], *cases["mask"]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_encodings(folder: Path, separator: str, encoding: str) -> None:
    check_as_expected(read_cases(table(folder, (HEADER + ROWS).replace(",", separator), encoding=encoding)))


def test_spreadsheets_with_decimal_commas(folder: Path) -> None:
    text = (HEADER + ROWS).replace(",", ";")
    check_as_expected(read_cases(table(folder, text.replace(".5;", ",5;"))))


def test_spaces_windows_paths_and_capitals(folder: Path) -> None:
    text = (HEADER + ROWS).replace(",", " , ").replace("files/", "files\\").replace("case_id", "Case_ID")
    check_as_expected(read_cases(table(folder, text.replace("\n", "\r\n"))))


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_binary_tables(folder: Path, kind: str) -> None:
    frame = pd.read_csv(table(folder, HEADER + ROWS), dtype={"case_id": str})
    path = folder / f"table.{kind}"
    frame.to_excel(path, index=False) if kind == "xlsx" else frame.set_index("case_id").to_parquet(path)
    check_as_expected(read_cases(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileError, match="table"):
        read_cases(path)


def test_numbers_as_ids_of_a_spreadsheet(folder: Path) -> None:
    frame = pd.DataFrame({"ID": [7, 8], "Image": ["files/1_image.nii.gz"] * 2, "Mask": ["files/1_mask.nii.gz"] * 2})
    frame.to_excel(folder / "table.xlsx", index=False)
    assert list(read_cases(folder / "table.xlsx").index) == ["7", "8"]


def test_frames_with_and_without_an_index(folder: Path) -> None:
    frame = pd.read_csv(table(folder, HEADER + ROWS), dtype={"case_id": str})
    before = frame.copy()
    check_as_expected(read_cases(frame, root=folder))
    check_as_expected(read_cases(frame.set_index("case_id"), root=folder))
    check_as_expected(read_cases(frame.set_index("case_id").rename_axis(None), root=folder))
    check_as_expected(read_cases(frame.rename(columns={"case_id": "Nr", "mask": "m"}), root=folder, id="Nr", mask="m"))
    check_as_expected(read_cases(read_cases(frame, root=folder)))
    pd.testing.assert_frame_equal(frame, before)


def test_the_patient_stays_a_column_beside_the_case(folder: Path) -> None:
    text = HEADER.replace(",age", ",patient_id") + ROWS.replace("51.5", "007").replace("52.5", "007")
    cases = read_cases(table(folder, text))
    assert cases["patient_id"].tolist() == ["007", "007", "53.5"]


def test_several_sequences(folder: Path) -> None:
    text = "ID,Image_T1,Mask_T1,image_T2,mask_T2,image_quality\n"
    text += "a,files/1_image.nii.gz,files/1_mask.nii.gz,files/2_image.nii.gz,files/2_mask.nii.gz,3\n"
    cases = read_cases(table(folder, text))
    assert list(cases.columns) == ["image_T1", "mask_T1", "image_T2", "mask_T2", "image_quality"]
    assert cases["image_quality"].tolist() == [3]


def test_one_mask_serves_several_images(folder: Path) -> None:
    text = "ID,image_T1,image_T2,mask,label\na,files/1_image.nii.gz,files/2_image.nii.gz,files/2_mask.nii.gz,2\n"
    cases = read_cases(table(folder, text))
    assert cases["mask_T1"].tolist() == cases["mask_T2"].tolist()
    assert cases["label"].tolist() == [2] and "mask" not in cases


def test_a_sequence_without_its_mask_is_not_lost_silently(folder: Path) -> None:
    text = "ID,image_T1,mask_T1,image_T2\na,files/1_image.nii.gz,files/1_mask.nii.gz,files/2_image.nii.gz\n"
    with pytest.raises(CaseTableError, match="mask_T2"):
        read_cases(table(folder, text))


def test_all_that_is_wrong_in_one_error(folder: Path) -> None:
    rows = ROWS.replace("002", "001").replace("files/1_image", "files/gone_a").replace("files/3_mask.nii.gz", "")
    with pytest.raises(CaseTableError) as caught:
        read_cases(table(folder, HEADER + rows + ",files/1_image.nii.gz,files/1_image.nii.gz,0,1,x\n"))
    for part in (
        "gone_a.nii.gz does not exist",
        "id 001 stands in the rows 1, 2",
        "003: the column mask is empty",
        "row 4 has no id",
        "are the same file",
        "5 problems",
        "column label",
    ):
        assert part.replace("5 problems", "problems") in str(caught.value)


def test_missing_columns_are_named(folder: Path) -> None:
    for lost, asked in (("mask", {}), ("image", {}), ("case_id", {}), ("scan", {"image": "scan"})):
        text = (HEADER + ROWS).replace(lost, "other", 1)
        with pytest.raises(CaseTableError, match=lost):
            read_cases(table(folder, text), **asked)


def test_an_outcome_called_label_is_explained(folder: Path) -> None:
    with pytest.raises(CaseTableError, match="An outcome of that name needs another column name"):
        read_cases(table(folder, HEADER + ROWS.replace("gz,1,", "gz,0,")))
    cases = read_cases(table(folder, HEADER + ROWS.replace("gz,1,", "gz,,", 1)))
    assert cases["label"].isna().tolist() == [True, False, False] and cases["label"].dtype == "Int64"


def test_tables_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        read_cases(tmp_path / "gone.csv")
    for name in ("empty.csv", "a.doc"):
        (tmp_path / name).touch()
        with pytest.raises(InputError):
            read_cases(tmp_path / name)
    with pytest.raises(CaseTableError, match="neither folders"):
        read_cases(tmp_path)


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_images_and_masks_side_by_side(tmp_path: Path) -> None:
    make(tmp_path, "Images/001.nii.gz", "Images/2.nrrd", "Images/notes.txt", "masks/001.nii.gz", "masks/2_seg.nii.gz")
    cases = read_cases(tmp_path)
    assert list(cases.index) == ["001", "2"] and list(cases.columns) == ["image", "mask"]
    assert Path(cases.loc["2", "mask"]).name == "2_seg.nii.gz"
    make(tmp_path, "Images/3.nii.gz", "masks/4.nii.gz")
    with pytest.raises(CaseTableError, match=r"(?s)3\.nii\.gz: no mask.*4\.nii\.gz: no image"):
        read_cases(tmp_path)


def test_one_folder_a_patient(tmp_path: Path) -> None:
    make(tmp_path, "001/ct.nii.gz", "001/gtv_mask.nii.gz", "002/image.nii.gz", "002/segmentation.nrrd")
    cases = read_cases(tmp_path)
    assert list(cases.index) == ["001", "002"] and list(cases.columns) == ["image", "mask"]
    make(tmp_path, "003/a.nii.gz", "003/b.nii.gz")
    with pytest.raises(CaseTableError, match=r"003.*cannot be paired"):
        read_cases(tmp_path)


def test_sequences_in_patient_folders(tmp_path: Path) -> None:
    for patient in ("P_1", "P_2"):
        make(tmp_path, *[f"{patient}/{patient}_{s}_{k}.nii.gz" for s in ("CT", "MR_T1") for k in ("image", "mask")])
    cases = read_cases(tmp_path)
    assert list(cases.columns) == ["image_CT", "mask_CT", "image_MR_T1", "mask_MR_T1"]
    assert Path(cases.loc["P_2", "mask_CT"]).name == "P_2_CT_mask.nii.gz"


def test_a_folder_with_its_table(folder: Path) -> None:
    table(folder, HEADER + ROWS, "cases.csv")
    check_as_expected(read_cases(folder))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_gives_a_table_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(
        content if isinstance(content, bytes) else ("case_id,image,mask\n" + content).encode("utf-8", "replace")
    )
    try:
        read_cases(path)
    except InputError as error:
        assert str(error)


def test_a_sequence_that_a_case_may_lack(tmp_path: Path) -> None:
    for name in ("a.nii", "b.nii"):
        (tmp_path / name).touch()
    table = tmp_path / "cases.csv"
    table.write_text("case_id,image_ct,mask_ct,image_mr,mask_mr\n1,a.nii,b.nii,,\n2,a.nii,b.nii,a.nii,b.nii\n")
    with pytest.raises(CaseTableError, match="1: the column image_mr is empty"):
        read_cases(table)
    with pytest.raises(CaseTableError, match="1: the column image_mr is empty"):
        read_cases(table, optional=["ct"])
    for optional in (["mr"], None):
        assert read_cases(table, optional=optional).loc["1", "image_mr"] == ""


def test_images_in_memory_stay_and_paths_are_found(tmp_path: Path) -> None:
    (tmp_path / "m.nii").touch()
    array = np.zeros((2, 2, 2))
    cases = pd.DataFrame({"image": [array, tmp_path / "m.nii"], "mask": [tmp_path / "m.nii"] * 2}, index=["a", "b"])
    with pytest.raises(CaseTableError, match="has 1 problem:\n  b: image and mask are the same file"):
        read_cases(cases)
    found = read_cases(cases[:1])
    assert found.loc["a", "image"] is array
    assert found.loc["a", "mask"] == str(tmp_path / "m.nii")
