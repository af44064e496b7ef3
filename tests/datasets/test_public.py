"""Public data: read from a local copy, refused where absent or changed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from radiokit.datasets import fetch_feature_table, fetch_sarcoma
from radiokit.datasets._public import TABLES
from radiokit.exceptions import FileError, ParameterError


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_as_their_index_says(name: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOKIT_DATA", str(shared / "data"))
    index = pd.read_csv(shared / "data/radmlbench/index.csv").set_index("dataset").loc[name]
    table = fetch_feature_table(name)
    assert table.X.shape == (index["n_rows"], index["n_features"])
    assert table.y.sum() == index["n_target1"]
    assert table.X.index.is_unique
    assert str(index["n_rows"]) in repr(table)


def test_sarcoma_is_a_case_table(shared: Path) -> None:
    cases = fetch_sarcoma(sequences=["CT", "PET"], data_home=shared / "data")
    assert len(cases) == 34
    assert cases["lung_mets"].sum() == 13
    assert Path(cases.loc["STS_001", "image_PET"]).is_file()
    assert not cases.drop(columns="grade").isna().any(axis=None)
    assert cases["grade"].dropna().isin([1, 2, 3]).all()


def test_absent_or_changed_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RADIOKIT_DATA", raising=False)
    with pytest.raises(FileError, match=r"RADIOKIT_DATA is not set.*github.com/aydindemircioglu/radMLBench"):
        fetch_feature_table("HNSCC")
    with pytest.raises(FileError, match=r"outcomes.csv is absent.*TCIA"):
        fetch_sarcoma(data_home=tmp_path)
    (tmp_path / "radmlbench").mkdir()
    path = tmp_path / "radmlbench/HNSCC.csv.gz"
    path.write_bytes(gzip.compress(b"ID,Target,a\n1,0,2.5\n"))
    with pytest.raises(FileError, match="not the expected table"):
        fetch_feature_table("HNSCC", data_home=tmp_path)
    path.write_bytes(b"no gzip")
    with pytest.raises(FileError, match="cannot be read"):
        fetch_feature_table("HNSCC", data_home=tmp_path)


def test_sarcoma_needs_every_image(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "sts").mkdir()
    (tmp_path / "sts/outcomes.csv").write_bytes((shared / "data/sts/outcomes.csv").read_bytes())
    with pytest.raises(FileError, match=r"CT_image\.nii\.gz and 33 more are absent"):
        fetch_sarcoma(data_home=tmp_path)


def test_names_are_checked() -> None:
    with pytest.raises(ParameterError, match="WORC-Lipo"):
        fetch_feature_table("lipo")
    for sequences in (["CT", "MR_T2"], [], "CT"):
        with pytest.raises(ParameterError, match="CT, PET, MR_T1"):
            fetch_sarcoma(sequences=sequences)
