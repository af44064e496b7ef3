"""Selectors: R's tests and correlations, planted features, order of cases, constants, gaps, and pipelines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from radiokit.exceptions import DataWarning, InputError, OutcomeError, ParameterError
from radiokit.selection import CorrelationSelector, LassoSelector, UnivariateSelector, VarianceSelector
from radiokit.utils import as_survival_target


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_07_selection.json").read_text())["results"]


@pytest.fixture(scope="module")
def features(shared: Path) -> tuple[pd.DataFrame, np.ndarray]:
    data = pd.read_csv(shared / "oracles/data/shared_features.csv", float_precision="round_trip")
    return data.drop(columns="y"), data["y"].to_numpy()


@pytest.fixture
def cohort() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(100, 8)), columns=list("abcdefgh"))
    X["copy"] = X["a"] + 0.01 * rng.normal(size=100)
    signal = X["a"].to_numpy()
    survival = as_survival_target(rng.random(100) < 0.7, rng.exponential(np.exp(-signal)))
    return X, (signal + rng.normal(size=100) > 0).astype(int), survival


SELECTORS = [
    VarianceSelector(),
    CorrelationSelector(),
    CorrelationSelector(keep="first", method="pearson"),
    UnivariateSelector(),
    UnivariateSelector(test="logistic", adjust="BH"),
    LassoSelector(cv=5, random_state=0),
]


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_scores_support_and_names_agree(selector: Any, kind: str, cohort: Any) -> None:
    X, binary, survival = cohort
    if kind == "survival" and getattr(selector, "test", "") == "logistic":
        pytest.skip("a logistic test has no survival outcome")
    y = binary if kind == "binary" else survival
    fitted = selector.set_output(transform="pandas").fit(X, y)
    assert fitted.scores_.index.tolist() == list(X.columns)
    assert fitted.scores_.index.name == "feature"
    out = fitted.transform(X)
    assert out.columns.tolist() == X.columns[fitted.get_support()].tolist() == fitted.get_feature_names_out().tolist()
    pd.testing.assert_frame_equal(out, X[out.columns])


@pytest.mark.parametrize("selector", SELECTORS[:-1], ids=repr)
def test_order_of_cases_does_not_matter(selector: Any, cohort: Any) -> None:
    X, y, _ = cohort
    order = np.random.default_rng(1).permutation(len(X))
    one = selector.fit(X, y).get_support()
    np.testing.assert_array_equal(selector.fit(X.iloc[order], y[order]).get_support(), one)


def test_constants_go_whatever_their_size() -> None:
    X = pd.DataFrame({"a": [1e9, 1e9, 1e9], "b": [0.1, 0.1 + 1e-17, 0.1], "c": [1e-9, 2e-9, 3e-9], "gap": [np.nan] * 3})
    X["some"] = [np.nan, 1.0, 2.0]
    selector = VarianceSelector().fit(X)
    assert selector.get_feature_names_out().tolist() == ["c", "some"]
    assert selector.scores_.loc["some", "variance"] == 0.25
    assert np.isnan(selector.scores_.loc["gap", "variance"])
    with pytest.raises(ParameterError, match="No feature"):
        VarianceSelector().fit(X[["a"]])
    with pytest.raises(ParameterError, match="at least 0"):
        VarianceSelector(-1).fit(X)


def test_of_a_pair_the_more_relevant_stays(cohort: Any) -> None:
    X, y, survival = cohort
    X = X.assign(copy=X["a"] + 0.3 * np.random.default_rng(2).normal(size=100))[["copy", *"abcdefgh"]]
    for target in (y, survival):
        scores = CorrelationSelector().fit(X, target).scores_
        assert scores.loc["copy", "displaced_by"] == "a"
        assert scores.loc["copy", "correlation"] > 0.9
    assert CorrelationSelector(keep="first").fit(X).scores_.loc["a", "displaced_by"] == "copy"


def test_no_pair_that_stays_correlates_above_the_threshold(features: Any) -> None:
    X, y = features
    selector = CorrelationSelector(threshold=0.8).set_output(transform="pandas").fit(X, y)
    left = selector.transform(X).corr(method="spearman").abs().to_numpy()
    assert (left[np.triu_indices(len(left), 1)] <= 0.8 + 1e-9).all()
    gone = selector.scores_[selector.scores_["displaced_by"].notna()]
    assert (gone["correlation"] > 0.8).all()
    assert set(gone["displaced_by"]) <= set(selector.get_feature_names_out())


def test_p_values_as_r(features: Any, oracle: dict[str, Any]) -> None:
    X, y = features
    table = oracle["univariate"]["value"]["table"]
    columns = table.get("columns", table)
    for test, name in (("welch", "welch_p"), ("mannwhitney", "mw_p_cc")):
        got = UnivariateSelector(test=test).fit(X, y).scores_["p_value"]
        np.testing.assert_allclose(got, np.asarray(columns[name], dtype=float), rtol=1e-8)
    got = UnivariateSelector(test="auto").fit(X, y).scores_["p_value"]
    np.testing.assert_allclose(got, np.asarray(oracle["normality_then_test"]["value"], dtype=float), rtol=1e-8)


def test_nothing_significant_leaves_the_best(cohort: Any) -> None:
    X, y, _ = cohort
    noise = X[list("bcdefgh")]
    selector = UnivariateSelector(test="welch", alpha=1e-9, min_features=2).fit(noise, y)
    best = selector.scores_["p_value"].nsmallest(2).index
    assert set(selector.get_feature_names_out()) == set(best)
    assert LassoSelector(cv=5, lambdas=[100.0]).fit(X, y).get_support().sum() == 1


def test_constant_features_are_never_significant(cohort: Any) -> None:
    X, y, survival = cohort
    X = X.assign(flat=3.0)
    for test in ("auto", "welch", "mannwhitney", "logistic"):
        selector = UnivariateSelector(test=test).fit(X, y)
        assert np.isnan(selector.scores_.loc["flat", "p_value"])
        assert "flat" not in selector.get_feature_names_out()
    assert np.isnan(UnivariateSelector().fit(X, survival).scores_.loc["flat", "p_value"])


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_lasso_finds_what_was_planted(kind: str, cohort: Any) -> None:
    X, binary, survival = cohort
    selector = LassoSelector(cv=5, rule="1se", random_state=0).fit(X, binary if kind == "binary" else survival)
    assert {"a", "copy"} & set(selector.get_feature_names_out())
    assert selector.scores_["coef_standardized"].abs().idxmax() in ("a", "copy")


def test_a_pipeline_of_selectors(cohort: Any) -> None:
    X, y, _ = cohort
    steps = make_pipeline(VarianceSelector(), CorrelationSelector(), UnivariateSelector(alpha=0.2), LassoSelector(cv=3))
    out = steps.set_output(transform="pandas").fit_transform(X.assign(flat=0.0), y)
    assert set(out.columns) <= set(X.columns)
    assert {"a", "copy"} & set(out.columns)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (CorrelationSelector(threshold=0), "threshold"),
        (CorrelationSelector(method="kendall"), "method"),
        (CorrelationSelector(keep="best"), "keep"),
        (UnivariateSelector(test="anova"), "test"),
        (UnivariateSelector(alpha=0), "alpha"),
        (UnivariateSelector(test="cox"), "survival target"),
        (LassoSelector(rule="best"), "rule"),
        (LassoSelector(l1_ratio=0), "l1_ratio"),
    ],
    ids=repr,
)
def test_bad_parameters(selector: Any, message: str, cohort: Any) -> None:
    X, y, _ = cohort
    with pytest.raises((InputError, ValueError), match=message):
        selector.fit(X, y)


def test_bad_outcomes_and_gaps(cohort: Any) -> None:
    X, y, survival = cohort
    with pytest.raises(OutcomeError, match="one class"):
        UnivariateSelector().fit(X, np.zeros(100))
    with pytest.raises(OutcomeError, match="two classes"):
        UnivariateSelector().fit(X, np.arange(100) % 3)
    with pytest.raises(ValueError, match="NaN"):
        CorrelationSelector().fit(X.mask(X > 2), y)
    with pytest.raises(InputError, match="binary outcome"):
        UnivariateSelector(test="welch").fit(X, survival)
    few = np.zeros(100)
    few[:2] = 1
    with pytest.warns(DataWarning, match="2 folds"):
        LassoSelector(random_state=0).fit(X, few)
