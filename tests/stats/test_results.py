"""What results have in common: a table of one row, a short text, and no way to change them."""

from __future__ import annotations

import dataclasses
import pickle
import re

import numpy as np
import pytest

from radiokit.stats import (
    Test,
    auc,
    bland_altman,
    calibration,
    delong_test,
    fleiss_kappa,
    optimal_threshold,
    rmst_difference,
)


def test_frame_has_a_column_a_number_at_full_precision() -> None:
    result = auc([0, 0, 1, 1, 1], [1, 3, 2, 4, 5])
    frame = result.to_frame()
    assert len(frame) == 1
    assert frame.loc[0, "auc"] == result.auc
    assert frame.columns.tolist() == [field.name for field in dataclasses.fields(result)]
    assert "ties" not in optimal_threshold([0, 1], [1, 2]).to_frame()


def test_text_is_short_and_names_what_it_leaves_out() -> None:
    assert (
        repr(Test(np.float64(1.23456789), 1_000_000, float("nan"))) == "Test(statistic=1.235, df=1000000, p_value=nan)"
    )
    assert "categories=<DataFrame>" in repr(fleiss_kappa([[0, 0], [1, 1]]))


def test_results_are_values() -> None:
    result = calibration([0, 1, 0, 1, 1, 0], [0.2, 0.6, 0.4, 0.7, 0.3, 0.5])
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.slope = 1.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(result)) == result


def notebook_rows(result: object) -> list[list[str]]:
    """Return the cells of the table that a notebook shows: first the header."""
    page = result._repr_html_()  # type: ignore[attr-defined]
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]


def test_a_notebook_shows_each_estimate_beside_its_interval() -> None:
    y, a, b = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [3, 1, 2, 5, 4, 6]
    area = auc(y, a, confidence_level=0.9)
    rows = notebook_rows(area)
    assert rows[:2] == [["", "value", "90% interval"], ["auc", "0.8889", f"{area.ci_low:.4g} to {area.ci_high:.4g}"]]
    assert ["n_positive", "3", ""] in rows and not [row for row in rows if row[0].startswith(("ci_", "confidence"))]
    test = delong_test(y, a, b)
    assert ["difference", f"{test.difference:.4g}", f"{test.ci_low:.4g} to {test.ci_high:.4g}"] in notebook_rows(test)
    limits = bland_altman([1.0, 2, 3, 4], [1.0, 2, 3, 5])
    assert ["loa_low", "-1.23", f"{limits.loa_low_ci_low:.4g} to {limits.loa_low_ci_high:.4g}"] in notebook_rows(limits)


def test_a_notebook_shows_results_without_an_interval() -> None:
    rows = notebook_rows(fleiss_kappa([[0, 0, 0], [1, 1, 1]]))
    assert rows[:2] == [["", "value"], ["kappa", "1"]]
    assert ["categories", "DataFrame"] in rows


def test_a_notebook_runs_no_text_of_the_data() -> None:
    groups = ["<script>a</script>", "b"] * 3
    y = np.array([(True, 1.0 + i) for i in range(6)], dtype=[("event", "?"), ("time", "f8")])
    result = rmst_difference(y, groups, tau=4)
    assert "<script>" not in result._repr_html_() and "&lt;script&gt;" in result._repr_html_()
