"""Repeatability, mRMR, recursive elimination, stability and Boruta."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from radiokit.exceptions import InputError, ParameterError
from radiokit.selection import (
    BorutaSelector,
    MRMRSelector,
    RecursiveSelector,
    RepeatabilitySelector,
    StabilitySelector,
)
from radiokit.selection._relevance import residuals, score_z
from radiokit.stats import icc
from radiokit.utils import as_survival_target


@pytest.fixture
def cohort() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(100, 12)), columns=list("abcdefghijkl"))
    X.index = [f"p{i}" for i in range(100)]
    signal = X["a"].to_numpy() * 1.5
    survival = as_survival_target(rng.random(100) < 0.7, np.ceil(rng.exponential(np.exp(-signal)) * 10))
    return X, (signal + rng.normal(size=100) > 0).astype(int), survival


SELECTORS = [
    MRMRSelector(n_features=3),
    RecursiveSelector(n_features=3),
    RecursiveSelector(cv=3, random_state=0),
    StabilitySelector(n_subsamples=6, random_state=0),
    BorutaSelector(n_trees=30, max_iterations=12, random_state=0),
]


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_planted_feature_is_found(selector: Any, kind: str, cohort: Any) -> None:
    X, binary, survival = cohort
    fitted = selector.set_output(transform="pandas").fit(X, binary if kind == "binary" else survival)
    assert "a" in fitted.transform(X).columns
    assert fitted.scores_.index.tolist() == list(X.columns)


def test_mrmr_order_as_mrmre(shared: Path) -> None:
    values = json.loads((shared / "oracles/values/shared_07_selection.json").read_text())["results"]
    data = pd.read_csv(shared / "oracles/data/shared_features.csv", float_precision="round_trip")
    scores = MRMRSelector(n_features=15).fit(data.drop(columns="y"), data["y"]).scores_
    assert scores["rank"].dropna().sort_values().index.tolist() == values["mRMRe.classic"]["value"]["selected"]


def test_mrmr_passes_over_a_twin(cohort: Any) -> None:
    X, y, _ = cohort
    X = X.assign(twin=X["a"] + 1e-6 * X["b"])
    assert len({"a", "twin"} & set(MRMRSelector(n_features=5).fit(X, y).get_feature_names_out())) == 1


def test_elimination_takes_any_importance(cohort: Any) -> None:
    X, y, _ = cohort
    for estimator in (LogisticRegression(), RandomForestClassifier(30, random_state=0)):
        selector = RecursiveSelector(estimator, n_features=2, step=0.5).fit(X * 1000, y)
        assert "a" in selector.get_feature_names_out()
        assert selector.scores_["rank"].min() == 1
        assert (selector.scores_["rank"] == 1).sum() == 2


def test_elimination_curve_has_a_row_a_size(cohort: Any) -> None:
    X, y, _ = cohort
    selector = RecursiveSelector(cv=4, random_state=0).fit(X, y)
    assert selector.path_["n_features"].tolist()[0] == 12
    assert selector.path_["n_features"].tolist()[-1] == 1
    assert selector.path_["cv_mean"].max() > 0.75


def test_workers_do_not_change_the_result(cohort: Any) -> None:
    X, y, _ = cohort
    one, two = (StabilitySelector(n_subsamples=4, n_jobs=n, random_state=0).fit(X, y) for n in (1, 2))
    pd.testing.assert_frame_equal(one.scores_, two.scores_)


def test_noise_is_not_stable() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 40))
    selector = StabilitySelector(n_subsamples=10, min_features=0, threshold=0.9, random_state=0)
    assert selector.fit(X, np.arange(80) % 2).get_support().sum() == 0
    assert selector.false_bound_ < 40


def test_boruta_rejects_noise_and_keeps_twins(cohort: Any) -> None:
    X, y, _ = cohort
    X = X.assign(twin=X["a"] + 0.1 * X["b"])
    scores = BorutaSelector(n_trees=40, max_iterations=20, random_state=0).fit(X, y).scores_
    assert (scores.loc[["a", "twin"], "decision"] == "confirmed").all()
    assert (scores["decision"] == "rejected").sum() >= 8
    assert (scores["hits"] <= scores["trials"]).all()


def test_repeatability_is_the_icc(cohort: Any) -> None:
    X, _, _ = cohort
    rng = np.random.default_rng(1)
    again = X.iloc[10:40] + rng.normal(size=(30, 12)) * np.linspace(0.05, 2, 12)
    selector = RepeatabilitySelector(again, threshold=0.75).fit(X)
    want = icc({"one": X.iloc[10:40], "two": again}, form="ICC(2,1)").set_index("feature")
    pd.testing.assert_series_equal(selector.scores_["ci_low"], want["ci_low"])
    assert selector.get_support().tolist() == (want["ci_low"] >= 0.75).tolist()
    assert selector.case_ids_.tolist() == X.index[10:40].tolist()
    wide = RepeatabilitySelector([again, again], use="estimate", threshold=0.2).fit(X)
    assert wide.get_support().sum() > selector.get_support().sum()


def test_repeats_of_test_patients_are_never_used(cohort: Any) -> None:
    X, y, _ = cohort
    again = X + 0.1 * np.random.default_rng(1).normal(size=X.shape)
    pipeline = make_pipeline(RepeatabilitySelector(again.copy()), LogisticRegression())
    again.iloc[50:] = 1e6 * np.random.default_rng(0).normal(size=(50, 12))  # nonsense, for patients not in training
    assert RepeatabilitySelector(again).fit(X.iloc[:50]).get_support().all()
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=3)).all()


def test_repeatability_says_what_is_wrong(cohort: Any) -> None:
    X, _, _ = cohort
    noise = X.apply(lambda column: column.sample(frac=1, random_state=0).to_numpy())
    for repeat, error, message in (
        (X.set_axis([f"other {i}" for i in range(100)]), InputError, "0 training cases"),
        (X.set_axis(range(100)), InputError, "row labels"),
        (X.drop(columns="b"), InputError, "lacks 1 features"),
        (pd.concat([X, X.head(1)]), InputError, "twice"),
        (noise, ParameterError, "No feature reaches"),
        ("file.csv", InputError, "DataFrame"),
    ):
        with pytest.raises(error, match=message):
            RepeatabilitySelector(repeat).fit(X)
    with pytest.raises(InputError, match="X is a ndarray"):
        RepeatabilitySelector(X).fit(X.to_numpy())


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (MRMRSelector(n_features=0), "n_features"),
        (RecursiveSelector(step=1.5), "step"),
        (RecursiveSelector(n_features=0), "n_features"),
        (StabilitySelector(fraction=1.0), "fraction"),
        (BorutaSelector(alpha=0), "alpha"),
    ],
    ids=repr,
)
def test_bad_parameters(selector: Any, message: str, cohort: Any) -> None:
    X, y, _ = cohort
    with pytest.raises(ParameterError, match=message):
        selector.fit(X, y)


def test_score_test_and_residuals_agree(cohort: Any) -> None:
    """The score of Cox's model at zero is the sum of feature times martingale residual."""
    X, _, y = cohort
    ties = len(np.unique(y["time"][y["event"]])) < y["event"].sum()
    assert ties
    values = X.to_numpy()
    score = (values - values.mean(axis=0)).T @ residuals(y)
    assert np.sign(score).tolist() == np.sign(score_z(values, y)).tolist()
    assert abs(residuals(y).sum()) < 1e-10
