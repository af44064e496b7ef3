"""Rows at the door of validation: their order changes nothing, lesions are suspected, centres are one however spelt."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GroupKFold, KFold

from radiokit.exceptions import DataWarning, InputError
from radiokit.utils import as_survival_target
from radiokit.validation import (
    Predictions,
    calibration_curve_corrected,
    evaluate,
    leave_one_center_out,
    nested_cv,
    optimism_bootstrap,
)
from radiokit.validation.lesion_ids import suspected_lesions

N = 60


def cohort(names: str = "text") -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.Series]:
    """Features, outcome, patients (some with two lesions) and centres; ids as text or as numbers."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"case {k:03}" for k in rng.permutation(N)] if names == "text" else rng.permutation(500)[:N])
    X = pd.DataFrame(rng.normal(size=(N, 4)), index=ids, columns=list("abcd"))
    y = pd.Series((X["a"] + rng.normal(size=N) > 0).astype(int), index=ids)
    patient = pd.Series([f"P{k}" for k in rng.integers(0, 50, N)], index=ids)
    return X, y, patient, pd.Series(np.arange(N) % 3, index=ids).map({0: "Lyon", 1: "Boston", 2: "Guangzhou"})


FOREST = RandomForestClassifier(n_estimators=5, random_state=0)  # draws rows by position


@pytest.mark.parametrize("names", ["text", "numbers"])
@pytest.mark.parametrize("estimator", [FOREST, LogisticRegressionCV(cv=3, Cs=3)], ids=["forest", "inner folds"])
def test_the_order_of_rows_changes_nothing(names: str, estimator) -> None:
    X, y, patient, center = cohort(names)
    other = np.random.default_rng(1).permutation(N)
    shuffled = [v.iloc[other] for v in (X, y, patient, center)]

    def everything(X, y, patient, center):
        cv = nested_cv(estimator, X, y, outer=3, repeats=2, groups=patient, random_state=0)
        loco = leave_one_center_out(FOREST, X, y, center, random_state=0)
        boot = optimism_bootstrap(FOREST, X, y, n_bootstraps=5, groups=patient, random_state=0)
        curve = calibration_curve_corrected(FOREST, X, y, n_bootstraps=5, random_state=0)
        frozen = LogisticRegression().fit(cohort(names)[0], cohort(names)[1])
        new = evaluate(frozen, X, y, groups=patient, training_ids=["none"], n_bootstraps=20)
        key = ["repeat", "fold", "case_id"]
        return [
            cv.summary, cv.folds, cv.predictions.to_frame().sort_values(key).reset_index(drop=True),
            loco.folds, boot, curve, new,
        ]  # fmt: skip

    for a, b in zip(everything(X, y, patient, center), everything(*shuffled), strict=True):
        pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_rows_without_names_keep_their_order() -> None:
    X, y, _, _ = cohort()
    result = nested_cv(LogisticRegression(), X.to_numpy(), y.to_numpy(), outer=[(range(30), range(30, 60))])
    assert result.predictions.ids.tolist() == list(range(30, 60))


@pytest.mark.parametrize("outer", [KFold(3), GroupKFold(3), "list"])
def test_a_splitter_speaks_of_the_rows_as_they_were_given(outer) -> None:
    X, y, patient, _ = cohort()
    splitter = KFold(3) if outer == "list" else outer
    wanted = list(splitter.split(X, y, patient if isinstance(splitter, GroupKFold) else None))
    result = nested_cv(
        LogisticRegression(),
        X,
        y,
        outer=wanted if outer == "list" else outer,
        groups=patient if isinstance(outer, GroupKFold) else None,
    )
    for k, (train, test) in enumerate(wanted):
        rows = result.predictions.fold == k
        assert set(result.predictions.ids[rows]) == set(X.index[test])
        model = LogisticRegression().fit(X.iloc[np.sort(train)], y.iloc[np.sort(train)])
        right = pd.Series(model.predict_proba(X)[:, 1], index=X.index)[result.predictions.ids[rows]]
        np.testing.assert_allclose(result.predictions.probability[rows], right, atol=1e-5)


SUSPECT = [
    [f"P{k // 2:02}_{k % 2 + 1}" for k in range(N)],
    [f"P{k // 2}-{'left' if k % 2 else 'right'}" for k in range(N)],
    [f"K{k // 3} lesion {k % 3}" for k in range(N)],
    [f"p.{k // 2}.{'ab'[k % 2]}" for k in range(N)],
    *[[f"P{k // 2:02}_{k % 2 + 1}" if k < 24 else f"Q{k}" for k in range(N)]],
]
PLAIN = [
    [f"P{k}" for k in range(N)],
    list(range(N)),
    [f"lyon_{k:03}" for k in range(N)],
    [f"center {k % 2}_{k}" for k in range(N)],  # the stem is a centre: 30 cases each
    [f"P{k // 2:02}_{k % 2 + 1}" if k < 10 else f"Q{k}" for k in range(N)],
    [],
]


@pytest.mark.parametrize("ids", SUSPECT)
def test_ids_of_lesions_are_suspected_everywhere(ids: list[str]) -> None:
    assert suspected_lesions(ids) is not None
    X, y, _, center = cohort()
    X, y = X.set_axis(ids), y.to_numpy()
    fitted = LogisticRegression().fit(X, y)
    calls = [
        lambda **g: nested_cv(LogisticRegression(), X, y, outer=2, random_state=0, **g),
        lambda **g: optimism_bootstrap(LogisticRegression(), X, y, n_bootstraps=3, random_state=0, **g),
        lambda **g: calibration_curve_corrected(LogisticRegression(), X, y, n_bootstraps=3, random_state=0, **g),
        lambda **g: leave_one_center_out(LogisticRegression(), X, y, center.to_numpy(), random_state=0, **g),
        lambda **g: evaluate(fitted, X, y, training_ids=["none"], n_bootstraps=5, **g),
    ]
    for call in calls:
        with pytest.warns(DataWarning, match=r"several lesions.*groups=") as said:
            call()
        assert sum("several lesions" in str(w.message) for w in said) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(groups=np.arange(N))


@pytest.mark.parametrize("ids", PLAIN)
def test_ids_of_patients_are_not(ids: list) -> None:
    assert suspected_lesions(ids) is None


def test_spellings_of_a_centre_are_one_centre() -> None:
    X, y, _, center = cohort()
    odd = center.copy()
    odd.iloc[:9] = [" LYON", "boston ", "GuangZhou"] * 3
    with pytest.warns(DataWarning, match="centers spells"):
        loose = leave_one_center_out(LogisticRegression(), X, y, odd, random_state=0)
    strict = leave_one_center_out(LogisticRegression(), X, y, center, random_state=0)
    assert loose.folds["center"].tolist() == ["Boston", "Guangzhou", "Lyon"]
    pd.testing.assert_frame_equal(loose.folds, strict.folds)
    numbered = leave_one_center_out(LogisticRegression(), X, y, center.map({"Lyon": 3, "Boston": 20, "Guangzhou": 1}))
    assert numbered.folds["center"].tolist() == [1, 3, 20]


@pytest.mark.parametrize("bad", [["A"] * 3, np.full((N, 2), "A"), [*["A"] * (N - 1), None], [*["A"] * (N - 1), " "]])
def test_a_centre_for_each_row_is_required(bad) -> None:
    X, y, _, _ = cohort()
    with pytest.raises(InputError, match="the centre of each of 60 rows"):
        leave_one_center_out(LogisticRegression(), X, y, bad)


def test_a_patient_is_one_whatever_holds_its_number() -> None:
    X, y, _, _ = cohort()
    number = np.arange(N) // 2
    mixed = np.array([n if k % 2 else str(n) for k, n in enumerate(number)], dtype=object)
    a, b = (
        nested_cv(LogisticRegression(), X, y, outer=3, groups=g, random_state=0).predictions
        for g in (mixed, number.astype(str))
    )
    assert a.groups.tolist() == b.groups.tolist()
    np.testing.assert_array_equal(a.probability, b.probability)


def test_columns_that_repeat_and_gaps_are_named() -> None:
    X, y, _, _ = cohort()
    with pytest.raises(InputError, match="repeats the column 'a'"):
        nested_cv(LogisticRegression(), X.set_axis(list("aabc"), axis=1), y)
    with pytest.raises(InputError, match=r"1 columns of X have missing values \(3 of .* in 'b'\).*imputer") as error:
        nested_cv(
            LogisticRegression(), X.assign(b=[np.nan] * 3 + [1.0] * (N - 3)), y, outer=[(range(40), range(40, 60))]
        )
    assert "HistGradientBoosting" not in str(error.value)


def test_predictions_are_labelled_too() -> None:
    y = as_survival_target([1, 0, 1], [1.0, 2, 3])
    with pytest.raises(InputError, match="another order"):
        Predictions(pd.DataFrame(y, index=list("abc")), risk=pd.Series([1.0, 2, 3], index=list("bca")))


def test_a_flat_table_is_called_by_its_id_column_and_keeps_no_numbers_of_rows() -> None:
    """The right value is that of the clean table: a running number of rows sorted by outcome would reach 1.0."""
    X, y, *_ = cohort()
    right = nested_cv(LogisticRegression(), X, y, outer=3, repeats=1, random_state=0).summary
    order = np.argsort(y.to_numpy(), kind="stable")
    flat = X.iloc[order].rename_axis("case_id").reset_index().assign(row=range(N))
    for outcome in (y.iloc[order].reset_index(drop=True), y.iloc[order]):
        with pytest.warns(DataWarning, match="X has row, which names cases or counts rows"):
            got = nested_cv(LogisticRegression(), flat, outcome, outer=3, repeats=1, random_state=0).summary
        pd.testing.assert_frame_equal(got, right)
    with pytest.raises(InputError, match="same rows in another order"):
        nested_cv(LogisticRegression(), flat.drop(columns="row"), y, outer=3, repeats=1, random_state=0)
