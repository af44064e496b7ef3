"""Nothing leaks, nothing is lost, and the number of workers changes nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiokit.exceptions import InputError, LeakageError, OutcomeError
from radiokit.validation import leave_one_center_out, nested_cv
from radiokit.validation._folds import patient_folds, prepare

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3 == 0
X = pd.DataFrame(RNG.normal(size=(60, 6)) + 0.8 * Y[:, None], index=[f"c{i:02d}" for i in range(60)])
MODEL = make_pipeline(StandardScaler(), LogisticRegression())


def test_selection_inside_the_folds_finds_nothing_in_noise() -> None:
    noise = pd.DataFrame(np.random.default_rng(2).normal(size=(60, 2000)))
    y = np.arange(60) % 2
    honest = nested_cv(make_pipeline(SelectKBest(k=5), MODEL), noise, y, repeats=2, random_state=0).summary
    chosen = SelectKBest(k=5).fit_transform(noise, y)
    naive = nested_cv(MODEL, chosen, y, repeats=2, random_state=0).summary
    assert honest.loc[0, "ci_low"] < 0.5 < honest.loc[0, "ci_high"]
    assert naive.loc[0, "estimate"] > 0.8


def test_every_case_once_a_repeat() -> None:
    result = nested_cv(MODEL, X, Y, outer=5, repeats=3, random_state=1)
    assert (result.predictions.to_frame().groupby(["case_id", "repeat"]).size() == 1).all()
    assert len(result.predictions.ids) == 180
    assert result.predictions.n == 60
    assert len(result.folds) == 15


def test_workers_and_row_order_change_nothing() -> None:
    model = make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3))
    one = nested_cv(model, X, Y, repeats=2, random_state=1, n_jobs=1)
    two = nested_cv(model, X, Y, repeats=2, random_state=1, n_jobs=2)
    pd.testing.assert_frame_equal(one.summary, two.summary)
    shuffled = np.random.default_rng(3).permutation(60)
    other = nested_cv(MODEL, X.iloc[shuffled], Y[shuffled], random_state=1)
    straight = nested_cv(MODEL, X, Y, random_state=1)
    np.testing.assert_allclose(other.summary["estimate"].astype(float), straight.summary["estimate"].astype(float))


def test_a_patient_is_never_on_both_sides() -> None:
    groups = np.arange(60) // 2
    result = nested_cv(MODEL, X, Y, groups=groups, repeats=2, random_state=0)
    frame = result.predictions.to_frame()
    assert (frame.groupby(["group", "repeat"])["fold"].nunique() == 1).all()
    with pytest.raises(LeakageError, match="training and test at once"):
        nested_cv(MODEL, X, Y, groups=groups, outer=KFold(5, shuffle=True, random_state=0))
    assert nested_cv(MODEL, X, Y, groups=groups, outer=GroupKFold(5)).predictions.n == 60


def test_repeats_of_a_foreign_splitter_are_recognised() -> None:
    result = nested_cv(MODEL, X, Y, outer=RepeatedStratifiedKFold(n_splits=4, n_repeats=3, random_state=0))
    assert result.folds["repeat"].tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_inner_folds_keep_patients_together() -> None:
    groups = np.repeat(np.arange(20), 3)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=4)
    prepared = prepare(search, Y, groups, None, 0)
    for train, test in prepared.cv.split():
        assert not set(groups[train]) & set(groups[test])
    assert prepare(search, Y, np.arange(60), None, 0).cv == 4
    assert prepare(make_pipeline(StandardScaler(), search), Y, groups, 3, 0)[-1].cv.get_n_splits() == 3


def test_folds_are_even_and_complain_when_they_cannot_be() -> None:
    folds = patient_folds(Y, np.arange(60), 5, 0)
    assert np.bincount(folds[Y]).tolist() == [4] * 5
    with pytest.raises(OutcomeError, match="5 folds need at least 5 patients"):
        nested_cv(MODEL, X.iloc[:5], [0, 1, 0, 1, 0])


def test_leave_one_center_out() -> None:
    centers = np.repeat(["A", "B", "C"], 20)
    result = leave_one_center_out(MODEL, X, Y, centers, random_state=0)
    assert result.folds["center"].tolist() == ["A", "B", "C"]
    assert (result.folds["ci_low"] <= result.folds["auc"]).all()
    expected = MODEL.fit(X.iloc[20:], Y[20:]).predict_proba(X.iloc[:20])[:, 1]
    np.testing.assert_allclose(result.predictions.probability[:20], expected)
    with pytest.raises(LeakageError):
        leave_one_center_out(MODEL, X, Y, centers, groups=np.arange(60) % 30)
    with pytest.raises(InputError, match="at least 2"):
        leave_one_center_out(MODEL, X, Y, np.zeros(60))


def test_misaligned_tables_are_refused() -> None:
    with pytest.raises(InputError, match=r"y\.loc"):
        nested_cv(MODEL, X, pd.Series(Y, index=X.index[::-1]))
    with pytest.raises(InputError, match="59 values"):
        nested_cv(MODEL, X, Y[:59])
    with pytest.raises(OutcomeError, match="one class"):
        nested_cv(MODEL, X, np.zeros(60))


def test_finished_folds_are_not_computed_again(tmp_path) -> None:
    first = nested_cv(MODEL, X, Y, random_state=0, cache=tmp_path)
    entries = sorted(tmp_path.glob("*.case"))
    assert len(entries) == 5
    stamps = [e.stat().st_mtime_ns for e in entries[1:]]
    entries[0].unlink()
    again = nested_cv(MODEL, X, Y, random_state=0, cache=tmp_path)
    pd.testing.assert_frame_equal(first.summary, again.summary)
    assert [e.stat().st_mtime_ns for e in entries[1:]] == stamps
    nested_cv(MODEL, X + 1, Y, random_state=0, cache=tmp_path)
    assert len(list(tmp_path.glob("*.case"))) == 10


def test_the_interval_over_folds_is_nadeau_and_bengios() -> None:
    """Written out: mean +- t(k - 1) sqrt((1/J + n_test/n_train) s2) over J = 2 k folds, doi 10.1023/A:1024068626366."""
    X, y, k = pd.DataFrame({"a": np.random.default_rng(3).normal(size=60)}), np.arange(60) % 2, 4
    result = nested_cv(MODEL, X, y, outer=k, repeats=2, random_state=0, confidence_level=0.9)
    row = result.summary.set_index("metric").loc["auc_fold_mean"]
    areas = result.folds["auc"].to_numpy()
    assert areas.size == 8
    half = 2.353363434801823 * np.sqrt((1 / 8 + 15 / 45) * areas.var(ddof=1))  # t quantile: qt(0.95, 3)
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (areas.mean(), max(areas.mean() - half, 0), min(areas.mean() + half, 1)), rel=1e-12
    )
    assert half < min(areas.mean(), 1 - areas.mean())  # nothing is clipped here


def test_one_fold_has_no_interval_over_folds() -> None:
    X, y = pd.DataFrame({"a": np.random.default_rng(3).normal(size=40)}), np.arange(40) % 2
    result = nested_cv(MODEL, X, y, outer=[(range(20), range(20, 40))])
    row = result.summary.set_index("metric").loc["auc_fold_mean"]
    assert np.isfinite(row["estimate"])
    assert np.isnan([row["ci_low"], row["ci_high"]]).all()


def test_a_notebook_shows_the_summary() -> None:
    X = pd.DataFrame({"volume": np.arange(20.0)})
    found = nested_cv(LogisticRegression(), X, [0, 1] * 10, outer=2, random_state=0)
    text = found._repr_html_()
    assert "20 cases, 10 events, 2 folds" in text
    assert f"<td>{found.summary['estimate'][0]:.4g}</td>" in text
