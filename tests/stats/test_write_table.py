"""Tables as files: what is in the cells comes out, escaped, in every format."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from radiokit import io
from radiokit.exceptions import FileError
from radiokit.stats import write_table

NASTY = "<script>alert(1)</script> & 50_% \\x"
TABLE = pd.DataFrame({"Characteristic": ["age, mean (SD)", f"  {NASTY}"], "all (n = 3)": ["61.2 (3.4)", None]})
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def test_html_is_escaped_and_well_formed(tmp_path: Path) -> None:
    text = write_table(TABLE, tmp_path / "t.html", title=NASTY).read_text()
    assert "<script>" not in text
    cells = [cell.text or "" for cell in ElementTree.fromstring(text).iter("td")]
    assert cells == ["age, mean (SD)", "61.2 (3.4)", NASTY, ""]


def test_word_opens_and_holds_the_cells(tmp_path: Path) -> None:
    path = write_table(TABLE, tmp_path / "t.docx", title=NASTY)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                ElementTree.fromstring(archive.read(name))
        document = ElementTree.fromstring(archive.read("word/document.xml"))
    texts = [text.text or "" for text in document.iter(f"{WORD}t")]
    assert texts == [NASTY, *TABLE.columns, "age, mean (SD)", "61.2 (3.4)", NASTY]
    assert len(list(document.iter(f"{WORD}tr"))) == 3
    assert len(list(document.iter(f"{WORD}tblHeader"))) == 1
    assert [rule.get(f"{WORD}sz") for rule in document.iter(f"{WORD}top")] == ["12"]
    assert [indent.get(f"{WORD}left") for indent in document.iter(f"{WORD}ind")] == ["400"]
    assert write_table(TABLE, tmp_path / "u.docx", title=NASTY).read_bytes() == path.read_bytes()


def test_latex_escapes_what_latex_would_read(tmp_path: Path) -> None:
    text = write_table(TABLE, tmp_path / "t.tex", title="50 %").read_text()
    assert r"\quad \ensuremath{<}script\ensuremath{>}" in text
    assert r"\& 50\_\% \textbackslash{}x" in text
    assert text.count(r"\\") == 3


def test_csv_comes_back(tmp_path: Path) -> None:
    back = pd.read_csv(write_table(TABLE, tmp_path / "t.csv"))
    pd.testing.assert_frame_equal(back.fillna(""), TABLE.fillna(""))


def test_bad_path(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"suffix '\.pdf'"):
        write_table(TABLE, tmp_path / "t.pdf")
    with pytest.raises(FileError, match="does not exist"):
        write_table(TABLE, tmp_path / "no" / "t.csv")


def test_there_is_one_function_and_ids_are_never_lost(tmp_path: Path) -> None:
    assert io.write_table is write_table
    table = pd.DataFrame({"a": [1.5]}, index=pd.Index(["007"], name="case_id"))
    for suffix in ("csv", "tsv", "html", "tex"):
        text = write_table(table, tmp_path / f"t.{suffix}").read_text().replace(r"\_", "_")
        assert "case_id" in text and "007" in text
    assert pd.read_excel(write_table(table, tmp_path / "t.xlsx"), dtype=str)["case_id"].tolist() == ["007"]
    assert pd.read_parquet(write_table(table, tmp_path / "t.parquet")).index.tolist() == ["007"]
    assert write_table(table.reset_index(drop=True), tmp_path / "t.csv").read_text() == "a\n1.5\n"
