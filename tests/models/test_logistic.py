"""Logistic models against R, separation, columns that cannot be estimated, tables, and what is refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, ttest_ind

from radiokit.engine import univariable
from radiokit.exceptions import (
    DataWarning,
    InputError,
    OutcomeError,
    ParameterError,
    SeparationWarning,
    SmallSampleWarning,
)
from radiokit.models import LogisticModel, likelihood_ratio, multivariable_table, univariable_table


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_05_logistic_nomogram.json").read_text())["results"]


@pytest.fixture(scope="module")
def birthwt(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles/data/shared_logit.csv", float_precision="round_trip")


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(90, 3)), columns=["a", "b", "c"]).assign(g=rng.choice(list("xyz"), 90))
    return table.assign(y=(table["a"] + rng.normal(size=90) > 0.3).astype(int))


def test_spline_model_as_lrm(oracle: dict[str, Any], birthwt: pd.DataFrame) -> None:
    model = LogisticModel.from_formula("y ~ rcs(age, 4) + rcs(lwt, 4) + C(race) + C(smoke) + ht", birthwt)
    want = oracle["rcs4.lrm.coef"]["value"]
    np.testing.assert_allclose(model.summary_["coef"], list(want["coef"].values()), rtol=1e-6)
    np.testing.assert_allclose(model.summary_["se"], list(want["se"].values()), rtol=1e-6)
    stats = oracle["rcs4.lrm.stats"]["value"]
    assert model.likelihood_ratio_.statistic == pytest.approx(stats["Model L.R."], rel=1e-8)
    assert model.likelihood_ratio_.df == stats["d.f."]


def test_firth_as_logistf(oracle: dict[str, Any], shared: Path) -> None:
    data = pd.read_csv(shared / "oracles/data/shared_firth.csv", float_precision="round_trip")
    X, y = data.drop(columns="y"), data["y"]
    model, want = LogisticModel(firth=True).fit(X, y), oracle["firth.logistf"]["value"]
    np.testing.assert_allclose(model.summary_["coef"], list(want["coef"].values()), rtol=1e-6)
    np.testing.assert_allclose(model.summary_["p_value"], list(want["p"].values()), rtol=1e-6)
    np.testing.assert_allclose(np.log(model.summary_["ci_low"]), list(want["ci_lower"].values()), rtol=1e-6)
    np.testing.assert_allclose(np.log(model.summary_["ci_high"]), list(want["ci_upper"].values()), rtol=1e-6)
    ratio = 2 * (want["loglik"]["full"] - want["loglik"]["null"])
    assert model.likelihood_ratio_.statistic == pytest.approx(ratio, rel=1e-6)


def test_two_models_as_anova(oracle: dict[str, Any], birthwt: pd.DataFrame) -> None:
    small = LogisticModel.from_formula("y ~ age + lwt", birthwt)
    large = LogisticModel.from_formula("y ~ age + lwt + race + smoke + ptl + ht + ui", birthwt)
    want = oracle["anova_lr_two_models"]["value"]
    test = likelihood_ratio(small, large)
    assert test.statistic == pytest.approx(want["Deviance"][1], rel=1e-7)
    assert test.p_value == pytest.approx(want["Pr(>Chi)"][1], rel=1e-6)
    with pytest.raises(InputError, match="not nested"):
        likelihood_ratio(large, small)


def test_the_score_vanishes_at_the_estimate(data: pd.DataFrame) -> None:
    X = data[["a", "b", "c"]]
    model = LogisticModel().fit(X, data["y"])
    residual = data["y"] - model.predict_proba(X)[:, 1]
    assert abs(residual.sum()) < 1e-9
    assert np.abs(X.T @ residual).max() < 1e-9


def test_units_and_order_of_cases_do_not_matter(data: pd.DataFrame) -> None:
    X, y = data[["a", "b"]], data["y"]
    one = LogisticModel().fit(X, y).summary_
    shuffled = data.sample(frac=1, random_state=1)
    two = LogisticModel().fit(shuffled[["a", "b"]] * 1e6 + 1e3, shuffled["y"]).summary_
    np.testing.assert_allclose(two.loc["a", "coef"] * 1e6, one.loc["a", "coef"], rtol=1e-8)
    np.testing.assert_allclose(two.loc["a", "p_value"], one.loc["a", "p_value"], rtol=1e-8)


def test_labels_may_be_text(data: pd.DataFrame) -> None:
    label = data["y"].map({0: "benign", 1: "malignant"})
    model = LogisticModel().fit(data[["a"]], label)
    assert set(model.predict(data[["a"]])) <= {"benign", "malignant"}
    assert model.coef_[0, 0] == LogisticModel().fit(data[["a"]], data["y"]).coef_[0, 0]


@pytest.mark.parametrize("gap", [0, 1])
def test_separation_is_said_complete_or_quasi(gap: int) -> None:
    x = np.r_[np.arange(10), np.arange(10 - 1 + gap, 20 - 1 + gap)][:, None].astype(float)
    y = np.repeat([0, 1], 10)
    with pytest.warns(SeparationWarning, match="firth"):
        model = LogisticModel().fit(x, y)
    assert model.separated_
    firth = LogisticModel(firth=True).fit(x, y)
    assert np.isfinite(firth.summary_["coef"]).all()
    assert firth.summary_.loc["x0", "p_value"] < 0.001


def test_a_strong_effect_is_no_separation() -> None:
    x = np.r_[np.arange(30.0), np.arange(30.0) + 25][:, None]
    model = LogisticModel().fit(x, np.repeat([0, 1], 30))
    assert not model.separated_


def test_copies_and_constants_get_no_coefficient(data: pd.DataFrame) -> None:
    X = data[["a", "b"]].assign(copy=data["a"] * 2 + data["b"], one=1.0)
    with pytest.warns(DataWarning, match="copy, one"):
        model = LogisticModel().fit(X, data["y"])
    assert model.summary_["coef"].isna().tolist() == [False, False, False, True, True]
    reference = LogisticModel().fit(data[["a", "b"]], data["y"])
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(data[["a", "b"]]), atol=1e-10)


def test_more_columns_than_cases() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 50)), np.arange(20) % 2
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = LogisticModel().fit(X, y)
    assert {w.category for w in seen} == {DataWarning, SeparationWarning}
    assert np.isfinite(model.predict_proba(X)).all()


def test_ridge_shrinks_and_has_no_p_values(data: pd.DataFrame) -> None:
    X, y = data[["a", "b", "c"]], data["y"]
    free, ridge = LogisticModel().fit(X, y), LogisticModel(penalty=0.1).fit(X, y)
    assert np.linalg.norm(ridge.coef_) < np.linalg.norm(free.coef_)
    assert ridge.summary_["p_value"].isna().all()
    # The gradient of the objective is zero.
    residual = (y - ridge.predict_proba(X)[:, 1]).to_numpy()
    slope = (X - X.mean()).T.to_numpy() @ residual / len(y) - 0.1 * X.var(ddof=0).to_numpy() * ridge.coef_[0]
    assert np.abs(slope).max() < 1e-8


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"confidence_level": 2}, InputError, "confidence_level"),
        ({"firth": True, "penalty": 1.0}, ParameterError, "exclude"),
        ({"penalty": -1.0}, InputError, "penalty"),
        ({"penalty": "l2"}, InputError, "penalty is .l2.; required: a number"),
    ],
)
def test_bad_parameters(data: pd.DataFrame, parameters: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        LogisticModel(**parameters).fit(data[["a"]], data["y"])


def test_one_class_and_missing_values_are_refused(data: pd.DataFrame) -> None:
    with pytest.raises(OutcomeError, match="one class"):
        LogisticModel().fit(data[["a"]], np.zeros(90))
    with pytest.raises(ValueError, match="NaN"):
        LogisticModel().fit(data[["a"]].mask(data["a"] > 1), data["y"])


def test_univariable_rows_are_models_of_their_own(data: pd.DataFrame) -> None:
    X = data[["a", "g"]].assign(flat=2.0, empty=np.nan)
    X.loc[:4, "a"] = np.nan
    table = univariable_table(X, data["y"])
    assert table.index.tolist() == ["a", "g=y", "g=z", "flat", "empty"]
    assert table["n"].tolist() == [85, 90, 90, 90, 0]
    assert table.loc[["flat", "empty"], "coef"].isna().all()
    alone = LogisticModel().fit(data.loc[5:, ["a"]], data.loc[5:, "y"])
    assert table.loc["a", "p_value"] == pytest.approx(alone.summary_.loc["a", "p_value"])


@pytest.mark.parametrize("direction", ["backward", "forward", "both"])
def test_stepwise_as_stepaic(oracle: dict[str, Any], birthwt: pd.DataFrame, direction: str) -> None:
    X = birthwt[["age", "lwt", "race", "smoke", "ptl", "ht", "ui"]]
    with pytest.warns(DataWarning, match="ignore the search"), pytest.warns(SmallSampleWarning):
        table = multivariable_table(X, birthwt["y"], stepwise=direction)
    want = oracle[f"stepAIC.{direction}.AIC"]["value"]["coef"]
    np.testing.assert_allclose(np.sort(table["coef"]), np.sort(list(want.values())), rtol=1e-5)


def test_multivariable_counts_complete_rows(data: pd.DataFrame) -> None:
    X = data[["a", "g"]].copy()
    X.loc[0, "a"] = np.nan
    with pytest.warns(DataWarning, match="1 of 90"):
        table = multivariable_table(X, data["y"])
    assert table["n"].unique().tolist() == [89]
    assert table["variable"].tolist() == ["Intercept", "a", "g", "g"]


def test_tests_of_many_features_as_scipy(data: pd.DataFrame) -> None:
    X, y = data[["a", "b", "c"]].round(1).to_numpy(), data["y"].to_numpy() == 1
    welch, mann = ttest_ind(X[y], X[~y], equal_var=False), mannwhitneyu(X[y], X[~y], method="asymptotic")
    np.testing.assert_allclose(univariable.welch(X, y).p_value, welch.pvalue, rtol=1e-10)
    np.testing.assert_allclose(univariable.student(X, y).p_value, ttest_ind(X[y], X[~y]).pvalue, rtol=1e-10)
    np.testing.assert_allclose(univariable.mann_whitney(X, y).p_value, mann.pvalue, rtol=1e-10)
    alone = [LogisticModel().fit(X[:, [j]], y).summary_.iloc[1] for j in range(3)]
    fast = univariable.logistic(X, y)
    np.testing.assert_allclose(fast.p_value, [row["p_value"] for row in alone], rtol=1e-7)
    np.testing.assert_allclose(fast.coef, [row["coef"] for row in alone], rtol=1e-8)
    np.testing.assert_allclose(fast.se, [row["se"] for row in alone], rtol=1e-8)


def test_a_feature_that_separates_has_a_small_p_value() -> None:
    x = np.column_stack([np.arange(20.0), np.ones(20)])
    tested = univariable.logistic(x, np.arange(20) >= 10)
    assert tested.separated.tolist() == [True, False]
    assert tested.p_value[0] < 1e-5
    assert np.isnan(tested.p_value[1])


def test_ridge_compares_with_the_share_of_events(data: pd.DataFrame) -> None:
    """The null likelihood is that of one probability for all, n (p log p + q log q), with and without weights."""
    X, y = data[["a", "b"]], data["y"].to_numpy()
    for weight in (np.ones(len(y)), np.random.default_rng(0).uniform(0.5, 2, len(y))):
        model = LogisticModel(penalty=0.1).fit(X, y, sample_weight=weight)
        share, n = np.average(y, weights=weight), weight.sum()
        null = n * (share * np.log(share) + (1 - share) * np.log(1 - share))
        p = model.predict_proba(X)[:, 1]
        fitted = weight @ np.where(y == 1, np.log(p), np.log(1 - p))
        assert model.log_likelihood_ == pytest.approx(fitted, rel=1e-10)
        assert model.likelihood_ratio_.statistic == pytest.approx(2 * (fitted - null), rel=1e-9)
