"""Table 1 against tableone, its tests against R, and odd tables."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact as scipy_fisher

from radiokit.exceptions import DataWarning, InputError
from radiokit.stats import chi_squared_test, fisher_exact_test, format_table_one, table_one

TABLES = pd.read_csv(Path(__file__).parents[1] / "golden" / "fisher.csv", float_precision="round_trip")


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_09_table1.json").read_text())["results"]


@pytest.fixture(scope="module", params=["table1", "table1_multi"])
def cohort(request: pytest.FixtureRequest, shared: Path) -> tuple[str, pd.DataFrame]:
    return request.param, pd.read_csv(shared / f"oracles/data/shared_{request.param}.csv", float_precision="round_trip")


@pytest.mark.parametrize("row", list(TABLES.itertuples(index=False)), ids=lambda row: f"{row.r}x{row.k}")
def test_tests_of_counts_are_rs(row: Any) -> None:
    counts = np.array(row.counts.split(), dtype=int).reshape(row.r, row.k)
    assert fisher_exact_test(counts).p_value == pytest.approx(row.fisher, rel=1e-9)
    assert fisher_exact_test(counts.T[::-1]).p_value == pytest.approx(row.fisher, rel=1e-9)
    assert chi_squared_test(counts).p_value == pytest.approx(row.chisq, rel=1e-9)


def test_statistics_are_tableones(oracle: dict[str, Any], cohort: tuple[str, pd.DataFrame]) -> None:
    name, data = cohort
    table = table_one(data, by="strata")
    names = {"n": "n", "mean": "mean", "sd": "sd", "median": "median", "q1": "p25", "q3": "p75", "maximum": "max"}
    for group, values in oracle[f"{name}.continuous"]["value"].items():
        if group == "pValues":
            continue
        want = pd.DataFrame(np.reshape(values["data"], (len(values["rows"]), -1)), values["rows"], values["cols"])
        got = table[table["group"] == group].set_index("variable").loc[values["rows"]]
        for ours, theirs in names.items():
            np.testing.assert_allclose(got[ours].astype(float), want[theirs], rtol=1e-12)
    for group, variables in oracle[f"{name}.categorical"]["value"].items():
        for variable, want in variables.items() if group != "pValues" else ():
            got = table[(table["group"] == group) & (table["variable"] == variable)]
            assert got["level"].tolist() == want["level"]
            assert got["count"].tolist() == want["freq"]
            np.testing.assert_allclose(got["percent"], want["percent"], rtol=1e-12)


def test_printed_cells_are_tableones(oracle: dict[str, Any], cohort: tuple[str, pd.DataFrame]) -> None:
    name, data = cohort
    want = oracle[f"{name}.print"]["value"]
    nonnormal, exact = (["age", "ftv"], ["ht", "ui"]) if name == "table1" else (["diagtime"], [])
    printed = format_table_one(table_one(data, by="strata", nonnormal=nonnormal, exact=exact), decimals=2)
    labels = printed["Characteristic"].str.split(r"[,=]| \(", regex=True).str[0].str.strip()
    for label, cells in zip(want["rows"], want["data"], strict=True):
        key = label.split(" (")[0].split(" =")[0].strip()
        if key == "n" or "%" in label or label.startswith("  "):
            continue
        row = printed[labels == key].iloc[0]
        assert row.iloc[2 : 2 + len(cells) - 3].tolist() == cells[:-3]
        assert row["p"] == cells[-3]
        assert row["SMD"] == cells[-1]


def test_missing_values_are_counted_not_hidden() -> None:
    data = pd.DataFrame({"g": ["a", "a", "b", "b"], "x": [1.0, np.nan, 3, 4], "s": ["u", None, "u", "v"]})
    table = table_one(data, by="g")
    first = table[(table["group"] == "a")].set_index("variable")
    assert first["n_missing"].tolist() == [1, 1, 1]
    printed = format_table_one(table)
    assert (printed["Characteristic"] == "  missing").sum() == 2
    assert "missing" not in "".join(format_table_one(table, show_missing=False)["Characteristic"])


def test_patients_without_a_group_are_left_out_and_said() -> None:
    data = pd.DataFrame({"g": ["a", "b", None, "b"], "x": [1.0, 2, 3, 4]})
    with pytest.warns(DataWarning, match="1 of 4"):
        table = table_one(data, by="g")
    assert table.loc[table["group"] == "overall", "n"].tolist() == [3]


def test_degenerate_variables() -> None:
    data = pd.DataFrame(
        {
            "g": [0, 0, 1, 1],
            "constant": 1.0,
            "apart": [0.0, 0, 1, 1],
            "empty": [np.nan] * 4,
            "none": [None] * 4,
            "one": ["k"] * 4,
            "split": list("aabb"),
        }
    )
    table = table_one(data, by="g", nonnormal=["empty"]).drop_duplicates("variable").set_index("variable")
    assert table.loc[["constant", "empty", "one", "none"], "p_value"].isna().all()
    assert table.loc["constant", "smd"] == 0
    assert math.isnan(table.loc["apart", "p_value"])
    assert table.loc["apart", "smd"] == math.inf
    assert table.loc["split", "smd"] == math.inf
    assert not format_table_one(table_one(data, by="g")).empty


def test_one_group_and_no_group() -> None:
    data = pd.DataFrame({"g": ["a", "a"], "x": [1.0, 2.0], "flag": [True, False]})
    whole = table_one(data)
    assert whole["p_value"].isna().all()
    assert format_table_one(whole).columns.tolist() == ["Characteristic", "overall (n = 2)"]
    assert table_one(data, by="g")["p_value"].isna().all()


def test_caller_keeps_the_frame_and_order_of_patients_does_not_matter(cohort: tuple[str, pd.DataFrame]) -> None:
    _, data = cohort
    before = data.copy()
    left = table_one(data, by="strata")
    pd.testing.assert_frame_equal(data, before)
    right = table_one(data.sample(frac=1, random_state=0), by="strata")
    pd.testing.assert_frame_equal(left, right, rtol=1e-9)


def test_bad_input() -> None:
    data = pd.DataFrame({"g": ["a", "b"], "x": [1.0, np.inf], "d": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    with pytest.raises(InputError, match="no column z"):
        table_one(data, by="z")
    with pytest.raises(InputError, match="dates"):
        table_one(data, by="g")
    with pytest.raises(InputError, match="infinite"):
        table_one(data, by="g", variables=["x"])
    with pytest.raises(InputError, match=r"magnitude 1e\+300 \(age\)"):
        table_one(pd.DataFrame({"age": [50.0, 1e300, 60.0], "g": list("aab")}), by="g")
    with pytest.raises(InputError, match="lists of column names"):
        table_one(data, variables="x")
    with pytest.raises(InputError, match="overall"):
        table_one(data.assign(g=["overall", "b"]), by="g", variables=["g"])
    with pytest.raises(InputError, match="counts"):
        chi_squared_test([[0.5, 1], [1, 2]])
    with pytest.raises(InputError, match="too many tables"):
        fisher_exact_test(np.full((5, 5), 40))
    with pytest.raises(InputError, match="table_one"):
        format_table_one(data)


def test_zeros_and_ones_with_gaps_read_as_such() -> None:
    data = pd.DataFrame(
        {"g": [0.0, 1, 0, 1, 0, 1], "flag": [0.0, 1, np.nan, 1, 1, 0], "x": [1.0, 2, np.nan, 4, np.nan, 6]}
    )
    printed = format_table_one(table_one(data, by="g", categorical=["flag"]))
    assert printed.columns[2:4].tolist() == ["0 (n = 3)", "1 (n = 3)"]
    assert printed["Characteristic"].tolist() == ["flag = 1, n (%)", "  missing", "x, mean (SD)", "  missing"]
    assert printed.iloc[2, 2] == "1.0"


def test_fisher_of_a_large_two_by_two_table_is_the_hypergeometric_tail() -> None:
    table = np.array([[25_120, 24_908], [24_902, 25_070]])
    assert fisher_exact_test(table).p_value == pytest.approx(scipy_fisher(table).pvalue, rel=1e-6)


def test_nothing_to_describe_is_said() -> None:
    with pytest.raises(InputError, match="nothing to describe"):
        table_one(pd.DataFrame({"dead": [0, 1]}), by="dead")


def test_a_blank_level_is_seen_and_keeps_the_others() -> None:
    data = pd.DataFrame({"g": [0, 0, 0, 1, 1, 1], "edu": ["2", "1", "1", "", "1", "2"]})
    printed = format_table_one(table_one(data, by="g"))
    assert printed["Characteristic"].tolist() == ["edu, n (%)", "  (blank)", "  1", "  2"]
    assert printed.iloc[:, 1].tolist() == ["", "1 (16.7)", "3 (50.0)", "2 (33.3)"]
    spaces = format_table_one(table_one(data.assign(edu=["2", "1", "1", "  ", "", "2"]), by="g"))
    assert spaces.iloc[1, 1] == "2 (33.3)"
    only = format_table_one(table_one(data.assign(edu=""), by="g"))
    assert only["Characteristic"].tolist() == ["edu, n (%)", "  (blank)"]
    groups = format_table_one(table_one(data, by="edu"))
    assert groups.columns[2:5].tolist() == ["(blank) (n = 1)", "1 (n = 3)", "2 (n = 2)"]


@pytest.mark.parametrize("names", [["stage", "age"], ["age", "stage"], ["stage"], ["flag", "stage"]])
def test_columns_are_in_order_whatever_comes_first(names: list[str]) -> None:
    data = pd.DataFrame({"y": [0, 0, 1, 1], "stage": list("abab"), "age": [50.0, 60, 70, 80], "flag": [0, 1, 1, 1]})
    printed = format_table_one(table_one(data, by="y", variables=names))
    wanted = ["Characteristic", "overall (n = 4)", "0 (n = 2)", "1 (n = 2)", "p", "Test", "SMD"]
    assert printed.columns.tolist() == wanted
    assert not printed.isna().any(axis=None)


def test_groups_may_be_called_like_the_other_columns() -> None:
    data = pd.DataFrame({"arm": ["p", "p", "Test", "Test"], "age": [1.0, 2, 3, 5]})
    printed = format_table_one(table_one(data, by="arm"))
    assert printed.columns.tolist()[1:5] == ["overall (n = 4)", "Test (n = 2)", "p (n = 2)", "p"]
    assert printed.iloc[0, [2, 3]].tolist() == ["4.0 (1.4)", "1.5 (0.7)"]


@pytest.mark.parametrize("dtype", ["object", "Int64", "Float64", "decimal", "with None"])
def test_numbers_are_numbers_whatever_dtype_holds_them(dtype: str) -> None:
    from decimal import Decimal

    age = [50, 61, 72, 83, 94, 45]
    held = {
        "decimal": pd.Series([Decimal(a) for a in age]),
        "with None": pd.Series([*age[:5], None], dtype=object),
        "object": pd.Series(age, dtype=object),
    }.get(dtype)
    if held is None:
        held = pd.Series(age, dtype=dtype)
    table = table_one(pd.DataFrame({"g": list("aabbba"), "age": held}), by="g")
    assert table["statistic"].unique().tolist() == ["mean (sd)"]
    plain = pd.Series(age, dtype=float).where(pd.notna(held))
    pd.testing.assert_frame_equal(table, table_one(pd.DataFrame({"g": list("aabbba"), "age": plain}), by="g"))


def test_numbers_mixed_with_text_are_refused_or_levels_by_name() -> None:
    data = pd.DataFrame({"g": list("aabb"), "stage": [1, 2, "3a", "1"]})
    with pytest.raises(InputError, match=r"'stage' mixes numbers"):
        table_one(data, by="g")
    table = table_one(data, by="g", categorical=["stage"])
    counted = table[table["group"] == "overall"].set_index("level")["count"]
    assert counted.to_dict() == {"1": 2, "2": 1, "3a": 1}  # 1 and "1" are one level
    ages = pd.DataFrame({"g": list("ab") * 8, "age": [str(50 + k) for k in range(16)]})
    with pytest.raises(InputError, match="written as text"):
        table_one(ages, by="g")


def test_flags_of_objects_are_levels() -> None:
    data = pd.DataFrame({"g": list("aabb"), "flag": pd.Series([True, False, None, True], dtype=object)})
    printed = format_table_one(table_one(data, by="g"))
    assert printed["Characteristic"].tolist() == ["flag = True, n (%)", "  missing"]


def test_columns_that_read_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="'1' when written as text"):
        table_one(pd.DataFrame({1: [1.0, 2], "1": [3.0, 4]}))


def test_groups_are_named_by_a_column() -> None:
    data = pd.DataFrame({"age": [60.0, 61.0, 70.0, 72.0], "dead": [0, 0, 1, 1]})
    with pytest.raises(InputError, match="by is a Series; required: the name of a column"):
        table_one(data, by=data["dead"])
