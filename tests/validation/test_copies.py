"""Copies of a case: made before the split (oversampling), or a scan entered under two names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from radiokit.exceptions import DataWarning, InputError, LeakageError, OutcomeError
from radiokit.selection import MRMRSelector
from radiokit.study import Options, Study
from radiokit.validation import (
    calibration_curve_corrected,
    evaluate,
    leave_one_center_out,
    nested_cv,
    optimism_bootstrap,
)
from radiokit.validation.copies import one_patient

FAST = Options(pipeline="lasso", folds=3, repeats=1, bootstraps=0, penalty_folds=3, subsamples=2)


def noise(n: int = 60, p: int = 20) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, p)), index=[f"case{i}" for i in range(n)]).add_prefix("f")
    return X, rng.permutation(np.arange(n) % 3 == 0).astype(int)


def test_oversampling_before_the_split_gains_nothing() -> None:
    """Copies under new ids: a neighbour in training would know them by heart, were they on the other side."""
    X, y = noise()
    rows = np.concatenate([np.arange(60), np.flatnonzero(y), np.flatnonzero(y)])
    copies = X.iloc[rows].reset_index(drop=True)
    model = KNeighborsClassifier(1)
    with pytest.warns(DataWarning, match="20 times rows of different patients hold the same measurements"):
        result = nested_cv(model, copies, y[rows], random_state=0)
    frame = result.predictions.to_frame()
    assert (frame.groupby("group")["fold"].nunique() == 1).all()
    assert frame["group"].nunique() == 60
    assert result.summary.loc[0, "ci_low"] < 0.5 < result.summary.loc[0, "ci_high"]
    with pytest.warns(DataWarning, match="same measurements"):
        table = optimism_bootstrap(model, copies, y[rows], n_bootstraps=20, random_state=0)
    assert table.loc[0, "ci_low"] < 0.5 < table.loc[0, "ci_high"]


def test_a_scan_read_from_a_rounded_file_is_the_same_scan() -> None:
    X, _ = noise()
    X.iloc[1] = [float(f"{v:.7g}") for v in X.iloc[0]]
    with pytest.warns(DataWarning, match="case0 = case1"):
        assert one_patient(X, np.arange(60))[1] == 0
    X.iloc[1] = X.iloc[0] * 1.001
    assert (one_patient(X, np.arange(60)) == np.arange(60)).all()


def test_copies_in_two_centres_are_refused() -> None:
    X, y = noise()
    X.iloc[1] = X.iloc[0]
    with pytest.warns(DataWarning, match="case0 = case1"), pytest.raises(LeakageError, match="training and test"):
        leave_one_center_out(LogisticRegression(), X, y, np.arange(60) % 2)


def test_what_is_no_copy() -> None:
    """The same age and stage, a row of nothing, two lesions of a named patient."""
    rng = np.random.default_rng(0)
    groups = np.arange(40)
    plain = pd.DataFrame({"age": rng.integers(50, 60, 40), "stage": groups % 3, "sex": groups % 2, "node": groups % 2})
    X, _ = noise(40)
    empty, named = X.copy(), X.copy()
    empty.iloc[:3] = np.nan
    empty.iloc[3:6] = 0.0
    named.iloc[1] = named.iloc[0]
    assert (one_patient(plain, groups) == groups).all()
    nullable = X.astype("Float64").assign(n=pd.array([pd.NA] * 40, dtype="Int64"), t=pd.to_timedelta(groups, "D"))
    assert (one_patient(nullable, groups) == groups).all()
    assert (one_patient(empty, groups) == groups).all()
    assert (one_patient(named, groups // 2) == groups // 2).all()


def test_one_scan_under_two_names_is_one_patient_of_a_study() -> None:
    X, y = noise()
    y[:10] = 0
    for k in range(5):
        X.iloc[2 * k + 1] = X.iloc[2 * k]
    cases = pd.DataFrame({"y": y, "center": np.where(np.arange(60) % 2, "A", "B")}, index=X.index)
    result = Study(cases, outcome="y", signatures={"ct": X}, split={"random": 0.4}, options=FAST).run()
    assert (result.predictions.groupby("group")["cohort"].nunique() == 1).all()
    assert result.predictions["group"].nunique() == 55
    assert result.predictions["case_id"].nunique() == 60
    assert any("case0 = case1" in text for text in result.warnings)
    with pytest.raises(LeakageError, match="case0, case1"):
        Study(cases, outcome="y", signatures={"ct": X}, center="center", split={"external": ["A"]}, options=FAST).run()


def test_blanks_and_capitals_make_no_new_patient_and_no_new_centre() -> None:
    X, y = noise()
    y = np.repeat(y[:30], 2)
    X["volume"] = 1.5 * np.arange(60.0) + 1
    cases = pd.DataFrame({"y": y, "patient": [f"P{i // 2}{' ' * (i % 2)}" for i in range(60)]}, index=X.index)
    result = Study(cases, outcome="y", signatures={"ct": X}, groups="patient", options=FAST).run()
    assert result.predictions["group"].nunique() == 30
    cases["center"] = np.repeat(["Lyon", "LYON "], 30)
    with pytest.raises(OutcomeError, match=r"the training cohort \(0 patients\)"):  # one centre, all of it external
        Study(cases, outcome="y", signatures={"ct": X}, center="center", split={"external": ["LYON"]}).run()
    model = LogisticRegression().fit(X[:40], y[:40])
    with pytest.raises(LeakageError, match="to training too"):
        evaluate(model, X[40:], y[40:], source="external", centers=["lyon "] * 20, training_centers=["Lyon"])


def test_ids_that_look_like_lesions_are_suspected() -> None:
    X, y = noise()
    y = np.repeat(y[:30], 2)
    lesions = X.set_axis([f"P{i // 2:02d}_{'LR'[i % 2]}" for i in range(60)])
    said = Study(pd.DataFrame({"y": y}, index=lesions.index), outcome="y", signatures={"ct": lesions}, options=FAST)
    assert any("'P00' comes 2 times" in text for text in said.run().warnings)
    for names in ([f"case_{i}" for i in range(60)], [f"{'ABC'[i % 3]}-{i // 3:02d}" for i in range(60)]):
        plain = X.set_axis(names)
        run = Study(pd.DataFrame({"y": y}, index=names), outcome="y", signatures={"ct": plain}, options=FAST).run()
        assert not any("Case ids look like" in text for text in run.warnings)


def test_a_part_that_keeps_its_fit_is_refused() -> None:
    """Frozen, a selector that saw everybody would be taken into every fold as it is."""
    X, y = noise()
    seen = FrozenEstimator(MRMRSelector(n_features=3).fit(X, y))
    with pytest.raises(LeakageError, match=r"frozenestimator \(FrozenEstimator\) is frozen"):
        nested_cv(make_pipeline(seen, LogisticRegression()), X, y)
    with pytest.raises(LeakageError, match="the estimator"):
        optimism_bootstrap(FrozenEstimator(LogisticRegression().fit(X, y)), X, y, n_bootstraps=2)
    with pytest.raises(LeakageError, match="the estimator"):
        calibration_curve_corrected(FrozenEstimator(LogisticRegression().fit(X, y)), X, y, n_bootstraps=2)
    with pytest.raises(LeakageError, match="the estimator"):
        leave_one_center_out(FrozenEstimator(LogisticRegression().fit(X, y)), X, y, np.repeat(["a", "b"], 30))


def test_cases_that_nobody_called_new() -> None:
    X, y = noise()
    model = LogisticRegression().fit(X, y)
    with pytest.warns(DataWarning, match="not checked that these cases are new"):
        evaluate(model, X, y)
    with pytest.raises(LeakageError, match="60 of 60 cases were in training"):
        evaluate(model, X, y, training_ids=[f"{case} " for case in X.index])
    numbered = X.reset_index(drop=True)
    with pytest.raises(LeakageError, match="60 of 60 cases were in training"):
        evaluate(model, numbered, y, training_ids=list(map(str, range(60))))
    with pytest.raises(InputError, match="training_centers is empty"):
        evaluate(model, X, y, source="external", centers=["A"] * 60, training_centers=[])
