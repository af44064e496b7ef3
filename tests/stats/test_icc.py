"""ICC against psych, one feature and thousands, missing values and degenerate features."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError
from radiokit.stats import icc

FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_08_agreement_combat.json").read_text())["results"]


@pytest.fixture
def cube() -> np.ndarray:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(25, 1, 40))
    return 100 + truth + rng.normal(size=(25, 3, 40)) * rng.uniform(0.1, 2, size=40) + rng.normal(size=(1, 3, 40))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a", "b"])
def test_is_psychs(oracle: dict[str, Any], shared: Path, name: str, form: str) -> None:
    ratings = pd.read_csv(shared / f"oracles/data/shared_icc_{name}.csv").to_numpy()
    want, i = oracle[f"{name}.psych"]["value"], FORMS.index(form)
    row = icc(ratings, form=form).iloc[0]
    got = row[["icc", "f_statistic", "df1", "df2", "p_value", "ci_low", "ci_high"]].to_numpy(float)
    keys = ["ICC", "F", "df1", "df2", "p", "lower bound", "upper bound"]
    np.testing.assert_allclose(got, [want[key][i] for key in keys], rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_many_features_are_each_feature_alone(cube: np.ndarray, form: str) -> None:
    together = icc(cube, form=form)
    alone = pd.concat([icc(cube[:, :, j], form=form) for j in range(cube.shape[2])], ignore_index=True)
    pd.testing.assert_frame_equal(together.drop(columns="feature"), alone.drop(columns="feature"), rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_unit_and_origin_of_a_feature_do_not_matter(cube: np.ndarray, form: str) -> None:
    left, right = icc(cube, form=form), icc(1e6 - 7 * cube, form=form)
    np.testing.assert_allclose(left["icc"], right["icc"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(left["ci_low"], right["ci_low"], rtol=1e-7, atol=1e-8)


def test_frames_are_matched_by_label(cube: np.ndarray) -> None:
    subjects = [f"s{i}" for i in range(25)]
    features = [f"f{j}" for j in range(40)]
    frames = {f"r{k}": pd.DataFrame(cube[:, k], index=subjects, columns=features) for k in range(3)}
    frames["r1"] = frames["r1"].sample(frac=1, random_state=0).sample(frac=1, axis=1, random_state=0)
    got = icc(frames, form="ICC(2,1)")
    assert got["feature"].tolist() == features
    np.testing.assert_allclose(got["icc"], icc(cube, form="ICC(2,1)")["icc"], rtol=1e-12)


def test_missing_measurements_leave_the_subject_out_of_that_feature(cube: np.ndarray) -> None:
    holed = cube.copy()
    holed[3, 1, 5] = np.nan
    got = icc(holed, form="ICC(3,1)")
    assert got["n_subjects"].tolist() == [25] * 5 + [24] + [25] * 34
    assert got.loc[5, "icc"] == pytest.approx(icc(np.delete(cube[:, :, 5], 3, axis=0), form="ICC(3,1)")["icc"][0])
    holed[:, :, 7] = np.nan
    assert math.isnan(icc(holed, form="ICC(3,1)").loc[7, "icc"])


@pytest.mark.parametrize("form", FORMS)
def test_degenerate_features(form: str) -> None:
    subjects = np.array([0.1, 0.7, 0.3, 0.9])[:, None]
    cube = np.stack(
        [np.full((4, 3), 0.1), np.repeat(subjects, 3, axis=1), subjects + np.array([0.0, 0.5, 1.0])], axis=2
    )
    table = icc(cube, form=form)
    assert math.isnan(table.loc[0, "icc"])
    assert table.loc[1, ["icc", "ci_low", "ci_high"]].tolist() == [1, 1, 1]
    assert math.isnan(table.loc[1, "p_value"])  # no error at all: nothing to test against
    if form in ("ICC(3,1)", "ICC(3,k)"):
        assert table.loc[2, "icc"] == pytest.approx(1)
    else:
        assert table.loc[2, "icc"] < 0.7
        assert table.loc[2, "ci_low"] <= table.loc[2, "icc"]


def test_bad_input(cube: np.ndarray) -> None:
    frame = pd.DataFrame({"f": [1.0, 2.0]}, index=["a", "b"])
    for ratings, text in (
        ([1.0, 2.0], "dimensions"),
        ([[1.0], [2.0]], "1 raters"),
        ({"r1": frame, "r2": frame.rename(index={"b": "c"})}, "same subjects"),
        ({"r1": frame, "r2": frame.rename(columns={"f": "g"})}, "same features"),
        ({"r1": pd.concat([frame, frame]), "r2": frame}, "repeats"),
        ({"r1": [1, 2]}, "DataFrames"),
        ([[1.0, np.inf], [2.0, 1.0]], "infinite"),
    ):
        with pytest.raises(InputError, match=text):
            icc(ratings, form="ICC(2,1)")
    with pytest.raises(InputError, match="form"):
        icc(cube, form="ICC2")
