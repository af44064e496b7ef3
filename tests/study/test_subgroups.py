"""Subgroups: the same numbers as the statistics on their patients, one test of interaction a variable."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from radiokit.stats import auc, concordance_index, delong_test_unpaired
from radiokit.study._cohort import Patients
from radiokit.study._subgroups import COLUMNS, heterogeneity, subgroup_table
from radiokit.utils import as_survival_target
from radiokit.validation import Predictions

N = 240


def planted(survival: bool = False, differ: bool = True) -> tuple[Any, Patients, Predictions]:
    """A score that works in women and, with `differ`, says nothing in men."""
    rng = np.random.default_rng(0)
    sex = np.where(np.arange(N) % 2, "m", "f")
    score = rng.normal(size=N)
    lp = 1.8 * score * ((sex == "f") | (not differ))
    ids = np.array([f"P{i}" for i in range(N)])
    p = 1 / (1 + np.exp(-score))
    if survival:
        target = as_survival_target(rng.random(N) < 0.8, rng.exponential(np.exp(-lp)))
        predictions = Predictions(target, risk=score, ids=ids, source="test")
    else:
        predictions = Predictions(rng.random(N) < 1 / (1 + np.exp(-lp)), probability=p, ids=ids, source="test")
    age = pd.Series(rng.normal(60, 8, N), index=ids)
    X = pd.DataFrame({"sex": sex, "age": age, "site": np.where(np.arange(N) < 4, "rare", "usual")}, index=ids)
    series = pd.Series(ids, index=ids)
    cohort = pd.Series("test", index=ids)
    cohort.iloc[:40] = "training"
    center = pd.Series(rng.choice(["A", "B", "C"], N), index=ids)
    data = Patients(X, series, cohort, center, None, ("sex", "age", "site"), {})
    model = SimpleNamespace(name="combined", honest=lambda cohort: predictions)
    return SimpleNamespace(models=(model,), main=model, farthest="test"), data, predictions


def test_subgroups_are_what_the_statistics_say() -> None:
    endpoint, data, p = planted()
    table = subgroup_table(endpoint, data, 0.95)
    assert tuple(table.columns) == COLUMNS
    auc_rows = table[table["metric"] == "auc"].set_index(["variable", "level"])
    women = (data.X["sex"] == "f").to_numpy()
    theirs = auc(p.y_true[women], p.probability[women])
    own = auc_rows.loc[("sex", "f")]
    assert own["estimate"] == pytest.approx(theirs.auc)
    assert own["n"] == women.sum()
    assert own["n_events"] == p.y_true[women].sum()
    assert auc_rows.loc[("all", ""), "estimate"] == pytest.approx(auc(p.y_true, p.probability).auc)
    middle = data.X["age"][data.training].median()
    assert ("age", f"≤ {middle:g}") in auc_rows.index
    assert auc_rows.loc["centre"].index.tolist() == ["A", "B", "C"]


def test_the_test_of_interaction_of_two_is_the_unpaired_delong_test() -> None:
    endpoint, data, p = planted()
    table = subgroup_table(endpoint, data, 0.95).query("metric == 'auc' and variable == 'sex'")
    women = (data.X["sex"] == "f").to_numpy()
    theirs = delong_test_unpaired(p.y_true[women], p.probability[women], p.y_true[~women], p.probability[~women])
    assert table["interaction_p_value"].notna().sum() == 1  # one test, so that p-values are counted once
    z = np.sqrt(chi2.isf(table["interaction_p_value"].iloc[0], 1))
    assert z == pytest.approx(abs(theirs.statistic), rel=0.03)
    assert table["interaction_p_adjusted"].iloc[0] >= table["interaction_p_value"].iloc[0]


def test_no_interaction_where_none_was_planted() -> None:
    endpoint, data, _ = planted(differ=False)
    table = subgroup_table(endpoint, data, 0.95)
    assert (table["interaction_p_value"].dropna() > 0.02).all()
    ratios = table.query("metric == 'odds_ratio' and variable == 'sex'")
    assert (ratios["ci_low"] > 1).all()


def test_small_subgroups_are_counted_and_not_estimated() -> None:
    endpoint, data, _ = planted()
    rare = subgroup_table(endpoint, data, 0.95).query("level == 'rare'")
    assert (rare["n"] == 4).all()
    assert rare["estimate"].isna().all()


def test_survival() -> None:
    endpoint, data, p = planted(survival=True)
    table = subgroup_table(endpoint, data, 0.95)
    women = (data.X["sex"] == "f").to_numpy()
    rows = table.set_index(["metric", "variable", "level"])
    expected = concordance_index(p.y_true[women], p.risk[women]).estimate
    assert rows.loc[("c_index", "sex", "f"), "estimate"] == pytest.approx(expected, abs=1e-6)
    assert rows.loc[("hazard_ratio", "sex", "f"), "estimate"] > 3
    assert rows.loc[("hazard_ratio", "sex", "f"), "interaction_p_value"] < 1e-3


def test_heterogeneity_is_cochrans_q() -> None:
    assert heterogeneity(np.array([[0.0, 1.0], [1.96 * np.sqrt(2), 1.0]])) == pytest.approx(0.05, abs=1e-3)
    assert np.isnan(heterogeneity(np.array([[0.0, 1.0], [np.nan, 1.0]])))
