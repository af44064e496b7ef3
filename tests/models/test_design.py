"""Formulas, factors and splines: R's knots and basis, names with any character, clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.engine.design import column_design, model_frame
from radiokit.engine.formula import parse_formula
from radiokit.engine.spline import spline_basis, spline_knots
from radiokit.exceptions import DataWarning, InputError, ParameterError
from radiokit.models import LogisticModel


@pytest.mark.parametrize("name", ["rcs3", "rcs4", "rcs5"])
def test_knots_and_basis_as_hmisc(shared: Path, name: str) -> None:
    values = json.loads((shared / "oracles/values/shared_05_logistic_nomogram.json").read_text())["results"]
    data = pd.read_csv(shared / "oracles/data/shared_logit.csv")
    reference = values[f"{name}.rcs"]["value"]
    for variable, knots in reference["knots"].items():
        np.testing.assert_allclose(spline_knots(data[variable], len(knots)), knots, rtol=1e-12)
        basis = reference["basis"][variable]
        np.testing.assert_allclose(spline_basis(basis["x"], knots), basis["basis"]["data"], atol=1e-10)


def test_a_spline_is_linear_beyond_its_outer_knots() -> None:
    knots = [1.0, 2.0, 4.0, 5.0]
    for x in (np.linspace(-3, 1, 5), np.linspace(5, 9, 5)):
        assert np.abs(np.diff(spline_basis(x, knots), n=2, axis=0)).max() < 1e-10


def test_small_samples_take_the_fifth_smallest_and_largest() -> None:
    x = np.arange(50.0)
    assert spline_knots(x, 3).tolist() == [4.0, 24.5, 45.0]


def test_many_ties_at_the_minimum_move_the_first_knot_inside() -> None:
    x = np.r_[np.zeros(40), np.arange(1.0, 201.0)]
    assert spline_knots(x, 4)[0] == 1.0


def test_names_with_blanks_and_html() -> None:
    data = pd.DataFrame({"<b>size</b> mm": [1.0, 2.0, 3.0], "a b": ["x", "y", "x"], "y": [0, 1, 0]})
    design, frame, _ = model_frame("y ~ `<b>size</b> mm` + C(`a b`)", data)
    assert design.names == ["<b>size</b> mm", "a b=y"]
    assert design.matrix(frame).to_numpy().tolist() == [[1, 0], [2, 1], [3, 0]]


def test_dot_stands_for_the_other_columns() -> None:
    data = pd.DataFrame({"y": [0, 1, 1], "a": [1.0, 2.0, 4.0], "b": ["u", "v", "u"]})
    assert model_frame("y ~ .", data)[0].names == ["a", "b=v"]


def test_levels_are_sorted_and_an_ordered_categorical_keeps_its_order() -> None:
    data = pd.DataFrame({"y": [0, 1, 1, 0], "n": [10, 9, 2, 2], "t": ["b", "a", "b", "a"]})
    assert model_frame("y ~ C(n) + t", data)[0].names == ["n=9", "n=10", "t=b"]
    data["t"] = pd.Categorical(data["t"], ["b", "a", "never"], ordered=True)
    assert model_frame("y ~ t", data)[0].names == ["t=a"]


def test_levels_are_the_same_as_numbers_or_text() -> None:
    design = column_design(pd.DataFrame({"g": ["1", "2", "3"]}))
    assert design.matrix(pd.DataFrame({"g": [3.0, 1.0]})).to_numpy().tolist() == [[0, 1], [0, 0]]


def test_incomplete_rows_are_left_out_and_said() -> None:
    data = pd.DataFrame({"y": [0, 1, 1, 0], "a": [1.0, np.nan, 2.0, 3.0], "unused": [np.nan] * 4})
    with pytest.warns(DataWarning, match="1 of 4 rows"):
        _, frame, _ = model_frame("y ~ a", data)
    assert frame.index.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y", "required: 'outcome ~"),
        ("y ~ (a + b) * c", "cannot be read"),
        ("y ~ a:a", "more than once"),
        ("y ~ a * b + b:a", "more than once"),
        ("y < 'x ~ a", "in quotes"),
        ("y ~ log(a)", "made a column"),
        ("y ~ a + a", "more than once"),
        ("y ~ rcs(a, two)", "no number of knots"),
        ("y ~ rcs(a, [1, 2])", "3 or more"),
        ("y ~ rcs(a, 3, 4)", "3 arguments"),
        ("Surv(time) ~ a", "Surv"),
        ("y == yes ~ a", "in quotes"),
        ("y ~ C(a, b)", "takes one name"),
        ("y ~ C(a, reference=2, b)", "3 arguments"),
    ],
)
def test_formulas_that_cannot_be_read_say_why(formula: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_formula(formula)


def test_what_was_never_seen_is_refused() -> None:
    data = pd.DataFrame({"y": [0, 1, 1], "g": ["a", "b", "a"], "x": [1.0, 2.0, 3.0]})
    design = model_frame("y ~ g + x", data).design
    with pytest.raises(InputError, match="c"):
        design.matrix(pd.DataFrame({"g": ["c"], "x": [1.0]}))
    with pytest.raises(InputError, match="lacks the columns x"):
        design.matrix(pd.DataFrame({"g": ["a"]}))
    with pytest.raises(InputError, match="Missing values in x"):
        design.matrix(pd.DataFrame({"g": ["a"], "x": [np.nan]}))
    with pytest.raises(InputError, match="names z"):
        model_frame("y ~ z", data)
    with pytest.raises(InputError, match="one level only"):
        model_frame("y ~ C(x)", data.assign(x=1.0))


def test_a_term_keeps_its_range_and_its_values_where_they_are_few() -> None:
    """As rms' datadist: up to ten distinct values are listed, in order; more are a range."""
    few, many = np.tile([3.0, 1, 2, 5, 4, 6, 10, 8, 9, 7], 11), np.tile(np.arange(11.0), 10)
    table = pd.DataFrame(
        {"y": np.arange(110) % 3 == 0, "few": few, "many": many, "tenth": np.repeat(np.arange(1, 11), 11) / 10}
    )
    terms = LogisticModel.from_formula("y ~ few + many + rcs(tenth, 3)", table).design_.terms
    assert [(t.variable, t.low, t.high) for t in terms] == [("few", 1, 10), ("many", 0, 10), ("tenth", 0.1, 1)]
    assert [t.values for t in terms] == [tuple(range(1, 11)), (), tuple(k / 10 for k in range(1, 11))]
