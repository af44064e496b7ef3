"""Habitats learnt anew in each fold: a pipeline on the case table, alone or fused with clinical columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiokit.features import Habitats
from radiokit.io import Mask, Volume
from radiokit.models import FusionClassifier
from radiokit.validation import nested_cv

N, SHAPE = 30, (5, 9, 9)
SEEN: list[frozenset[str]] = []


class Watched(Habitats):
    """Remembers who taught it."""

    def fit(self, X: Any = None, y: Any = None) -> Watched:
        SEEN.append(frozenset(X.index))
        return super().fit(X, y)


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    """Tumours of a dark and a bright part; the bright one is larger where the outcome is 1."""
    rng = np.random.default_rng(0)
    region = np.zeros(SHAPE, dtype=bool)
    region[1:4, 1:8, 1:8] = True
    rows = []
    for k in range(N):
        bright = np.arange(9) >= 6 - 2 * (k % 2) + rng.integers(-1, 2)
        image = np.where(bright, 100.0, 20.0) + rng.normal(0, 5, SHAPE)
        rows.append({"image": Volume(image, (3, 1, 1)), "mask": Mask(region, (3, 1, 1)), "age": rng.normal(60, 9)})
    return pd.DataFrame(rows, index=[f"P{k:02d}" for k in range(N)])


@pytest.fixture
def pipeline() -> Any:
    SEEN.clear()
    return make_pipeline(Watched(2, random_state=0), StandardScaler(), LogisticRegression())


def test_each_fold_learns_its_own_habitats(cases: pd.DataFrame, pipeline: Any) -> None:
    y = np.arange(N) % 2
    result = nested_cv(pipeline, cases[["image", "mask"]], y, outer=3, random_state=0)
    folds = result.predictions.to_frame().groupby("fold")["case_id"].agg(frozenset)
    assert set(SEEN) == {frozenset(cases.index) - tested for tested in folds}
    assert result.summary.loc[0, "estimate"] > 0.8


def test_a_fusion_learns_them_without_the_cases_it_scores(cases: pd.DataFrame, pipeline: Any) -> None:
    y = np.arange(N) % 2
    fusion = FusionClassifier({"habitats": (pipeline, ["image", "mask"])}, clinical=["age"], cv=3, random_state=0)
    fitted = fusion.fit(cases, y)
    assert fitted.final_columns_ == ["habitats", "age"]
    assert sorted(map(len, SEEN)) == [20, 20, 20, 30]  # three that score the others, and one for new cases
    assert fitted.predict_proba(cases.iloc[:2]).shape == (2, 2)
    SEEN.clear()
    result = nested_cv(fusion, cases, y, outer=3, random_state=0)
    tested = result.predictions.to_frame().groupby("fold")["case_id"].agg(frozenset)
    assert all(any(seen <= frozenset(cases.index) - out for out in tested) for seen in SEEN)
