"""The door for tables: ids, columns and numbers of one kind, and nothing that slides, repeats or counts rows."""

from __future__ import annotations

import datetime
import os
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiokit.exceptions import CaseTableError, DataWarning, FileError, InputError
from radiokit.utils import as_table, level_key, one_spelling, same_rows
from radiokit.utils.predictors import asked_for, predictors

IDS = [f"P{i:02d}" for i in range(12)]
VALUES = np.round(np.random.default_rng(0).standard_normal(12), 3)


def frame() -> pd.DataFrame:
    return pd.DataFrame({"case_id": IDS, "f": VALUES})


def check_right(table: pd.DataFrame) -> None:
    """Each value stands under the id it was written beside."""
    assert table.index.name == "case_id" and table["f"].dtype == float
    pd.testing.assert_series_equal(table["f"].loc[IDS], pd.Series(VALUES, pd.Index(IDS, name="case_id"), name="f"))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t,
        lambda t: t.sample(frac=1, random_state=1),
        lambda t: t.sample(frac=1, random_state=1, ignore_index=True),
        lambda t: t.sort_values("f"),
        lambda t: pd.concat([t[6:], t[:6]]),
        lambda t: t.rename_axis("row"),
        lambda t: t.sort_values("f").rename_axis("index"),
        lambda t: t.set_index("case_id"),
        lambda t: t.set_index("case_id").rename_axis("ID"),
        lambda t: t.set_index("case_id").rename_axis(None),
        lambda t: t.set_index("case_id", drop=False),
        lambda t: t.rename(columns={"case_id": " Case_ID "}),
        lambda t: t.rename(columns={"case_id": "Patient"}).sort_values("f"),
        lambda t: t.astype({"case_id": "string[pyarrow]", "f": "float64[pyarrow]"}),
        lambda t: t.astype({"case_id": "category", "f": "Float64"}),
        lambda t: t.assign(f=[Decimal(str(v)) for v in t["f"]]),
        lambda t: t.astype({"f": object}),
        lambda t: t.assign(case_id=" " + t["case_id"] + "\t"),
        lambda t: t.assign(patient_id="x").set_index("case_id"),
    ],
)
def test_a_value_stays_with_its_id(change) -> None:
    check_right(as_table(change(frame())).frame)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_every_dialect(tmp_path: Path, separator: str, encoding: str) -> None:
    path = tmp_path / "t.csv"
    frame().assign(note='two\nlines; "quoted", and\tmore|').to_csv(path, sep=separator, index=False, encoding=encoding)
    table = as_table(path).frame
    check_right(table)
    assert table["note"].iloc[0] == 'two\nlines; "quoted", and\tmore|'


def test_other_files(tmp_path: Path) -> None:
    frame().to_excel(tmp_path / "t.xlsx", index=False)
    frame().to_parquet(tmp_path / "t.parquet")
    frame().set_index("case_id").to_parquet(tmp_path / "index.parquet")
    frame().set_index("case_id").rename_axis(None).to_csv(tmp_path / "r.csv")
    for name in ("t.xlsx", "t.parquet", "index.parquet", "r.csv"):
        check_right(as_table(tmp_path / name).frame)


def test_ids_are_text_as_written(tmp_path: Path) -> None:
    assert list(as_table(pd.DataFrame({"id": [7.0, 8.0]})).ids) == ["7", "8"]
    assert list(as_table(pd.DataFrame({"x": [1.0]}, index=pd.Index([7], name="ID"))).ids) == ["7"]
    (tmp_path / "t.csv").write_text("ID,x\n007,1\n7,2\n")
    assert list(as_table(tmp_path / "t.csv").ids) == ["007", "7"]
    with pytest.raises(CaseTableError, match="lost digits"):
        as_table(pd.DataFrame({"id": [12345678901234567890.0, 1.0]}))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"f": [1.5, 2.5]}), "has no ids"),
        (pd.DataFrame({"f": [1.5, 2.5]}, index=[1045, 3310]), "row labels"),
        (pd.DataFrame({"id": ["a", "b"]}, index=pd.Index(["b", "a"], name="case_id")), "name 2 rows differently"),
        (pd.DataFrame({"id": ["a", "b"]}, index=["a", "c"]), "name 1 rows differently"),
        (pd.DataFrame({"id": ["a", "a", "b"]}), "repeats 1 case ids: a"),
        (pd.DataFrame({"id": ["a", " ", None]}), r"2 of 3 rows of the table have no id \(row 2, 3\)"),
        (pd.DataFrame([[1, 2]], columns=["f", "f"], index=["a"]), "repeats the column 'f'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"], index=["a"]), "repeats the column '1'"),
        (pd.DataFrame({"f": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)])), "index of 2 levels"),
    ],
)
def test_refused(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(CaseTableError, match=message):
        as_table(table)


def test_names_of_columns_are_text() -> None:
    table = pd.DataFrame(np.eye(2), index=["a", "b"])
    assert list(as_table(table).frame) == ["0", "1"]
    table.columns = pd.MultiIndex.from_tuples([("CT", "mean"), ("CT", "")])
    assert list(as_table(table).frame) == ["CT_mean", "CT"]


def test_columns_have_one_kind() -> None:
    day = datetime.datetime(2024, 5, 1)
    table = as_table(
        pd.DataFrame(
            {
                "id": list("abc"),
                "int": [1, 2, 2],
                "nullable": pd.array([1, None, 3], dtype="Int64"),
                "objects": [1, Decimal("2.5"), None],
                "arrow": pd.array([1, None, 3], dtype="int64[pyarrow]"),
                "truth": [True, False, True],
                "gaps": pd.array([True, None, False], dtype="boolean"),
                "text": [" a", "", None],
                "levels": pd.Categorical(["low", "high", "low"], categories=["low", "high"], ordered=True),
                "numbered": pd.Categorical([3, 1, 3]),
                "day": [day, day, None],
            }
        )
    )
    got = table.frame
    for name, right in {
        "int": [1, 2, 2],
        "nullable": [1, np.nan, 3],
        "objects": [1, 2.5, np.nan],
        "arrow": [1, np.nan, 3],
        "numbered": [3, 1, 3],
    }.items():
        assert got[name].dtype == float
        np.testing.assert_array_equal(got[name], right)
    assert got["truth"].dtype == bool and got["gaps"].tolist()[::2] == [True, False] and pd.isna(got["gaps"].iloc[1])
    assert got["text"].iloc[0] == "a" and got["text"].isna().tolist() == [False, True, True]
    assert list(got["levels"].cat.categories) == ["low", "high"] and pd.api.types.is_datetime64_dtype(got["day"])
    assert table.numbers(["int", "truth"]).frame.to_numpy().tolist() == [[1, 1], [2, 0], [2, 1]]
    with pytest.raises(InputError, match=r"text in text, levels, day|text in gaps"):
        table.numbers()
    with pytest.raises(InputError, match=r"dates in day \(case a: '2024-05-01"):
        table.numbers(["int", "day"])


def test_rows_are_taken_by_id() -> None:
    table = as_table(frame().sample(frac=1, random_state=0))
    got = table.rows(["P03", "nobody", "P00"])
    assert got.index.tolist() == ["P03", "nobody", "P00"] and got["f"].tolist()[::2] == [VALUES[3], VALUES[0]]
    assert np.isnan(got["f"].iloc[1]) and table.lacking(["P03", "nobody"]) == ["nobody"]


NUMBERINGS = [
    (np.arange(12), "Unnamed: 0"),
    (np.arange(12), "nr"),
    (np.arange(1, 13), "f17"),
    (np.arange(12, 0, -1.0), "rank"),
    (np.random.default_rng(0).permutation(12), "position"),
    (np.arange(1001, 1013), "accession"),
    (np.random.default_rng(0).permutation(12) + 17.0, "scan"),
    (np.random.default_rng(0).permutation(30)[:12], "row"),
    (np.random.default_rng(0).permutation(30)[:12], "index"),
]


@pytest.mark.parametrize(("numbers", "name"), NUMBERINGS)
def test_a_running_number_is_no_measurement(tmp_path: Path, numbers: np.ndarray, name: str) -> None:
    table = frame()
    table.insert(0, name, numbers)
    table.to_csv(tmp_path / "t.csv", index=False)
    for source in (table, tmp_path / "t.csv"):
        with pytest.warns(DataWarning, match=f"'{name}', which counts its rows"):
            got = as_table(source)
        assert list(got.frame) == ["f"] and got.left_out == (name,)
        assert list(as_table(source, keep=[name]).frame) == [name, "f"]


def test_measurements_are_no_running_numbers() -> None:
    rng = np.random.default_rng(0)
    table = frame().assign(
        age=rng.integers(40, 80, 12), grade=rng.integers(1, 4, 12), x=rng.permutation(12) * 2, halves=np.arange(12) / 2
    )
    assert list(as_table(table).frame) == ["f", "age", "grade", "x", "halves"]
    for n in (1, 2, 3):  # few new patients
        few = pd.DataFrame({"id": IDS[:n], "stage": np.arange(1, n + 1)})
        assert list(as_table(few).frame) == ["stage"]


@pytest.mark.parametrize("numbers", [np.arange(12) * 10, np.arange(24, 0, -2), np.cumsum(np.r_[5, np.arange(1, 12)])])
def test_whole_numbers_in_the_order_of_the_rows_are_said(numbers: np.ndarray) -> None:
    with pytest.warns(DataWarning, match="'k', whose whole numbers rise or fall from row to row"):
        assert list(as_table(frame().assign(k=numbers)).frame) == ["f", "k"]
    assert list(as_table(frame().assign(k=numbers), keep=["k"]).frame) == ["f", "k"]


@pytest.mark.parametrize("name", ["PatientID", "Patient ID", "case-id", "CASE", "subject.id", "pid", "PID"])
def test_ids_in_any_spelling(name: str) -> None:
    table = pd.DataFrame({"f": VALUES, name: IDS}).sample(frac=1, random_state=0)
    assert as_table(table).rows(IDS)["f"].tolist() == list(VALUES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case_id,age\na,61,\nb,63,\n", r"row 1 \(a, 61, \) has 3 cells, the header 2: cell 3"),
        ("case_id,age\na,61\nb,63,5\n", r"row 2 \(b, 63, 5\) has 3 cells"),
        ("case_id,age,dose\na,61,5,20\n", r"cell 4 \('20'\) has no column"),
        ("case_id,age,dose\na,61\n", "has 2 cells, the header 3"),
        ("case_id,age,\na,61,5\n", r"cell 3 of row 1 \(a, 61, 5\) has no name"),
        ('case_id,age\na,"61,5"\nb,63\n', "'age' holds numbers with commas"),
        ("case_id\tvolume\na\t1,200\nb\t3,400\n", "decimals or thousands"),
        ("case_id;age;volume\na;61,5;1.200\n", "with a comma in column 'age'.*with a point in column 'volume'"),
        ("case_id,f,f\na,1,2\n", "repeats the column 'f'"),
        ("", "empty"),
    ],
)
def test_cells_that_would_slide_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(CaseTableError, match=message):
        as_table(tmp_path / "t.csv")


def test_odd_but_readable_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text in (
        "\n\ncase_id;age;\na;61,5;\n;;\n\n",
        "case_id\tage\r\na\t61,5\r\n",
        '"case_id","age"\n"a"," 61.5 "\n',
        "case_id , age\na , 61.5\n   \n",
    ):
        path.write_text(text, newline="")
        assert as_table(path).frame.to_dict() == {"age": {"a": 61.5}}
    path.write_text("case_id,site,stage\na,None,NA\nb,One,1\n")
    table = as_table(path).frame
    assert table["site"].tolist() == ["None", "One"] and np.isnan(table.loc["a", "stage"])
    path.write_text("case_id,age\n")
    assert as_table(path).frame.empty


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text("ab,;\"\n\t '1.", max_size=5), min_size=2, max_size=2), min_size=1, max_size=4))
def test_a_file_that_python_wrote_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "back.csv"
    wanted = pd.DataFrame([["k", *r] for r in rows], columns=["x", "one", "two"])
    wanted.insert(0, "case_id", [f"c{i}" for i in range(len(rows))])
    wanted.to_csv(path, index=False)
    got = as_table(path, text=("one", "two")).frame
    assert got["one"].tolist() == [t.strip() for t in wanted["one"]]
    assert got["two"].tolist() == [t.strip() for t in wanted["two"]]


def test_names_are_complete_and_spelled_once() -> None:
    table = as_table(
        pd.DataFrame({"id": list("abcd"), "center": ["Lyon", "LYON ", "Lyon", "Paris"], "gap": [1, 2, None, 1]})
    )
    with pytest.warns(DataWarning, match="'LYON' is 'Lyon'"):
        assert table.names("center", role="center").tolist() == ["Lyon", "Lyon", "Lyon", "Paris"]
    with pytest.raises(CaseTableError, match=r"1 of 4 cases have no center: column 'gap' is empty \(missing\) for c"):
        table.names("gap", role="center")
    with pytest.raises(CaseTableError, match="no column 'site'"):
        table.names("site", role="center")
    assert level_key("Zürich") == level_key("  ZÜRICH") and level_key(1.0) == level_key("1")
    assert one_spelling(pd.Series([1.0, 1, "1"])).tolist() == ["1"] * 3


def test_ids_that_carry_columns_of_names_are_left_out_aloud() -> None:
    table = as_table(frame().assign(patient=range(12), diagnostics_x=1.0))
    with pytest.warns(DataWarning, match="patient, which names cases and is no feature"):
        assert list(table.numbers().frame) == ["f"]


def test_labelled_inputs_agree() -> None:
    y = pd.Series([0, 1, 1], index=["a", "b", "c"])
    same_rows(y=y, score=y * 0.5, other=[1, 2, 3], plain=pd.Series([1, 2, 3]))
    same_rows(y=pd.Series([0, 1], index=[7, 8]), score=pd.Series([0.1, 0.2], index=["7", "8"]))
    with pytest.raises(InputError, match="same rows in another order"):
        same_rows(y=y, score=y[::-1])
    with pytest.raises(InputError, match="same rows in another order"):
        same_rows(y=pd.Series([1, 2, 3]), score=pd.DataFrame({"a": [1, 2, 3]}, index=[2, 0, 1]))
    with pytest.raises(InputError, match="name their rows differently"):
        same_rows(y=y, score=y.rename({"a": "z"}))


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FileError, match="is a pipe; required: an ordinary file"):
        as_table(tmp_path / "pipe.csv")


def test_rows_without_ids_are_called_by_their_place(tmp_path: Path) -> None:
    table = as_table(pd.DataFrame({"f": [0.5, 1.5]}, index=[3, 8]), unnamed=True)
    assert list(table.ids) == ["3", "8"] and table.unnamed
    (tmp_path / "t.csv").write_text("f\n0.5\n1.5\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(as_table(tmp_path / "t.csv", unnamed=True).ids) == ["1", "2"]


def test_predictors_hold_no_numbers_of_rows() -> None:
    X = frame().assign(nr=range(12), patient=np.arange(12) + 700, subject=np.arange(12) // 2, z=VALUES**2)
    with pytest.warns(DataWarning, match="X has nr, patient, which names cases or counts rows"):
        got = predictors(X.sort_values("f"))
    assert list(got) == ["f", "subject", "z"]
    check_right(got)
    plain = pd.DataFrame(VALUES.reshape(6, 2), columns=[3, 4])
    assert predictors(plain) is plain
    alone = pd.DataFrame({"nr": range(12)})
    assert list(predictors(alone)) == ["nr"]
    named = asked_for(X[["f", "nr"]].copy())
    assert list(predictors(named[named["f"] > -9])) == ["f", "nr"]
    with pytest.raises(CaseTableError, match="name 12 rows differently"):
        predictors(X.set_index(X["case_id"] + "_1"))
