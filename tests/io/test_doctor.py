"""What the check of a cohort finds: each planted fault, and nothing in a healthy one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import FileError
from radiokit.io import Mask, Volume, check_cases, read_cases, write_contact_sheet, write_volume


def write_case(folder: Path, i: int, *, image: dict | None = None, mask: slice | None = None, scale: float = 1) -> None:
    random = np.random.default_rng(i)
    region = np.zeros((8, 12, 12), bool)
    region[2:6, 3 : 9 - i % 2, 3:9] = True
    if mask is not None:
        region[:] = False
        region[mask] = True
    grid = {"spacing": (3.0, 1.0, 1.0), **(image or {})}
    write_volume(Volume(random.normal(100 * scale, 20 * scale, region.shape), **grid), folder / f"{i}_image.nii.gz")
    write_volume(Mask(region, **grid), folder / f"{i}_mask.nii.gz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = []
    for i in range(10):
        write_case(tmp_path, i)
        rows.append((f"P{i}", f"{i}_image.nii.gz", f"{i}_mask.nii.gz", 50 + i))
    pd.DataFrame(rows, columns=["case_id", "image", "mask", "age"]).to_csv(tmp_path / "cases.csv", index=False)
    return tmp_path


def found(folder: Path, **options: int) -> set[tuple[str, str, str]]:
    table = check_cases(folder / "cases.csv", **options)
    return set(zip(table["case_id"], table["severity"], table["check"], strict=True))


def test_a_healthy_cohort_has_no_findings(folder: Path) -> None:
    assert check_cases(folder / "cases.csv").empty


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_fault_is_found_in_its_case(folder: Path, n_jobs: int) -> None:
    write_case(folder, 0, mask=np.s_[2:5, 3:6, 3:6])
    write_case(folder, 1, mask=np.s_[3:4, 1:10, 1:10])
    write_case(folder, 2, mask=np.s_[2:6, 0:6, 3:9])
    write_case(folder, 3, image={"spacing": (7.0, 1.0, 1.0)})
    write_case(folder, 4, scale=50)
    for kind in ("image", "mask"):
        (folder / f"6_{kind}.nii.gz").write_bytes((folder / f"5_{kind}.nii.gz").read_bytes())
    (folder / "7_image.nii.gz").write_bytes((folder / "7_image.nii.gz").read_bytes()[:200])
    text = (folder / "cases.csv").read_text().replace(",58\n", ",\n")
    (folder / "cases.csv").write_text(text)
    expected = {
        ("P0", "warning", "small"),
        ("P1", "warning", "flat"),
        ("P2", "warning", "border"),
        ("P3", "warning", "spacing"),
        ("P4", "warning", "intensity"),
        ("P6", "error", "duplicate"),
        ("P7", "error", "read"),
        ("", "warning", "missing"),
    }
    others = {row for row in found(folder, n_jobs=n_jobs) - expected if row[2] != "volume"}
    assert expected <= found(folder, n_jobs=n_jobs) and not others
    table = check_cases(folder / "cases.csv")
    assert table["severity"].tolist() == sorted(table["severity"])
    assert table.loc[table["check"] == "missing", "message"].tolist() == ["age is missing in 1 of 10 cases: P8"]


def test_two_lesions_of_one_image_are_no_duplicates(folder: Path) -> None:
    (folder / "6_image.nii.gz").write_bytes((folder / "5_image.nii.gz").read_bytes())
    assert not found(folder)


def test_a_page_with_every_case_and_every_string_escaped(folder: Path) -> None:
    cases = read_cases(folder / "cases.csv").rename(index={"P1": "<script>alert(1)</script>"})
    (folder / "2_image.nii.gz").write_bytes(b"broken")
    write_contact_sheet(cases, folder / "sheet.html")
    page = (folder / "sheet.html").read_text()
    assert page.count("<img") == 9 and "<script" not in page and "&lt;script&gt;" in page
    assert "2_image.nii.gz is not a NIfTI file" in page
    with pytest.raises(FileError, match="cannot be written"):
        write_contact_sheet(cases, folder / "nowhere" / "sheet.html")
