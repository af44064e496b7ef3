"""What a study is given: tables joined by case id, levels spelled in many ways, gaps, splits of two kinds, odd columns.

The right value of each is the study of the same data as one clean table; what cannot be right is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import CaseTableError, InputError, LeakageError, OutcomeError, ParameterError, RadiokitError
from radiokit.study import FrozenSignature, Options, Study
from radiokit.study._cohort import Flow, Roles, aggregate, outcome_known
from radiokit.study._frozen import Clinical, Frozen
from radiokit.study._inputs import case_table, spelled
from radiokit.study._run import Run
from radiokit.study._sources import TableSource
from radiokit.study._split import as_split, divide
from radiokit.utils import as_table
from radiokit.utils.marks import mark

RUN = Run(0)
QUICK = Options(pipeline="lasso", folds=3, repeats=1, bootstraps=0, penalty_folds=3, subsamples=1)
N = 60


def cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    ids = pd.Index([f"P{i:03d}" for i in range(N)], name="case_id")
    z = rng.standard_normal(N)
    cases = pd.DataFrame(
        {
            "y": (rng.random(N) < 1 / (1 + np.exp(-2 * z))).astype(int),
            "age": rng.normal(60, 10, N).round(1),
            "stage": rng.choice(["I", "II"], N),
            "center": rng.choice(["A", "B", "C"], N),
        },
        ids,
    )
    features = pd.DataFrame(rng.standard_normal((N, 4)), ids, [f"f{i}" for i in range(4)])
    return cases, features.assign(f0=z)


def entered(cases: pd.DataFrame | Path, *, split=None, **columns) -> pd.DataFrame:
    roles = Roles("y", None, None, tuple(columns.get("clinical", ())), columns.get("center"), columns.get("groups"))
    split = as_split(split)
    return spelled(outcome_known(case_table(cases, roles, split, {}), roles, Flow()), roles, split)


def predictions(cases: pd.DataFrame, features: pd.DataFrame, **changes) -> pd.Series:
    given = {"outcome": "y", "clinical": ["age"], "split": {"random": 0.3}, "options": QUICK} | changes
    found = Study(cases, signatures={"r": features}, **given).run().predictions
    return found.set_index(["model", "source", "case_id"])["probability"].sort_index()


SPOILT = [
    lambda t: t.reset_index().sort_values("f0" if "f0" in t else "age"),
    lambda t: t.reset_index().sample(frac=1, random_state=3, ignore_index=True),
    lambda t: pd.concat([t[30:], t[:30]]).reset_index(),
    lambda t: t.sample(frac=1, random_state=4),
]


def test_the_order_and_the_labels_of_the_rows_change_nothing() -> None:
    """Joined by row labels, the tables of a study of AUC 0.88 gave 0.58."""
    cases, features = cohort()
    right = predictions(cases, features, clinical=[])
    for first, second in (SPOILT[:2], SPOILT[2:]):
        got = predictions(first(cases), second(features), clinical=[])
        pd.testing.assert_series_equal(got, right, rtol=0, atol=1e-9)


@pytest.mark.parametrize("change", SPOILT)
def test_features_stay_with_their_case(change) -> None:
    cases, features = cohort()
    got = TableSource(change(features)).measure("r", cases, RUN)
    pd.testing.assert_frame_equal(got.features, features)
    kept = features[features["f1"] > 0]
    got = TableSource(change(kept)).measure("r", cases, RUN)
    assert got.failures["case_id"].tolist() == features.index.difference(kept.index).tolist()
    pd.testing.assert_frame_equal(got.features.dropna(), kept)


def test_each_table_is_blamed_for_its_own_ids() -> None:
    cases, features = cohort()
    with pytest.raises(CaseTableError, match="the feature table of signature 'r' repeats 1 case ids: P000"):
        TableSource(pd.concat([features, features[:1]])).measure("r", cases, RUN)
    with pytest.raises(CaseTableError, match="the case table repeats 1 case ids: P000"):
        entered(pd.concat([cases, cases[:1]]))
    with pytest.raises(CaseTableError, match="repeats the column 'f0'"):
        TableSource(pd.concat([features, features[["f0"]]], axis=1)).measure("r", cases, RUN)
    with pytest.raises(InputError, match="dates in day"):
        TableSource(features.assign(day=pd.Timestamp("2024-01-01"))).measure("r", cases, RUN)


def test_columns_named_by_numbers_and_by_levels() -> None:
    cases, features = cohort()
    for columns in (range(4), pd.MultiIndex.from_product([["ct"], ["a", "b", "c", "d"]])):
        got = TableSource(features.set_axis(columns, axis=1)).measure("r", cases, RUN).features
        np.testing.assert_array_equal(got.to_numpy(), features.to_numpy())
        assert all(isinstance(c, str) for c in got)


def test_what_is_missing_often_is_said() -> None:
    cases, features = cohort()
    gaps = features.assign(f0=features["f0"].where(np.arange(N) % 2 > 0))
    with pytest.warns(UserWarning, match=r"1 features of signature 'r' are missing in 20% .* f0 \(50%\)"):
        TableSource(gaps).measure("r", cases, RUN)


def test_a_selection_on_the_cases_is_seen_in_a_flat_table() -> None:
    cases, features = cohort()
    mark(features, "a selector", features.index)
    for table in (features, features.reset_index()):
        with pytest.raises(LeakageError, match="chosen by a selector"):
            TableSource(table).measure("r", cases, RUN)


def test_centres_and_cohorts_are_known_and_spelled_once() -> None:
    cases, _ = cohort()
    odd = cases.assign(center=cases["center"].where(np.arange(N) % 5 > 0, " " + cases["center"].str.lower()))
    with pytest.warns(UserWarning, match="column 'center' spells 3 levels in several ways"):
        assert entered(odd, center="center")["center"].tolist() == cases["center"].tolist()
    gap = cases.assign(center=cases["center"].where(cases["center"] != "C"), set="train")
    with pytest.raises(CaseTableError, match=r"have no center: column 'center' is empty \(missing\) for P0"):
        entered(gap, center="center")
    with pytest.raises(CaseTableError, match="have no cohort"):
        entered(gap.assign(set=None), split={"column": "set"})
    with pytest.raises(CaseTableError, match="have no patient"):
        entered(gap.assign(pat=None), groups="pat")
    for odd, kind in ((pd.Timestamp("2024-01-01"), "dates"), (pd.Timedelta(1, "D"), "Timedelta"), (1j, "complex")):
        with pytest.raises(CaseTableError, match=f"'day' holds .*{kind}"):
            entered(cases.assign(day=odd), clinical=["day"])


def test_codes_of_centres_stay_as_written(tmp_path: Path) -> None:
    cases, _ = cohort()
    cases["center"] = np.where(np.arange(N) % 2, "01", "1")
    cases.to_csv(tmp_path / "cases.csv")
    assert set(entered(tmp_path / "cases.csv", center="center")["center"]) == {"01", "1"}
    assert set(entered(cases.assign(center=2.0), center="center")["center"]) == {"2"}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"column": "set", "external": ["A"]}, "column.*different ways|external, column"),
        ({"column": "set", "random": 0.3}, "divide the patients in different ways"),
        ({"cv": True, "random": 0.3}, "divide the patients in different ways"),
        ({"external": [["A"]]}, "required: names of centres"),
        ({"external": True}, "required: names of centres"),
        ({"random": 30}, "share of patients"),
    ],
)
def test_splits_that_cannot_be(split, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        as_split(split)


def test_external_centres_are_named_in_any_spelling() -> None:
    cases, features = cohort()
    roles = Roles("y", None, None, (), "center", None)
    for named in (["b"], "B ", ["B"]):
        split = as_split({"external": named, "random": 0.2})
        table = spelled(case_table(cases, roles, split, {}), roles, split)
        patients = aggregate(table, {"r": features}, roles, QUICK, Flow())
        cohorts = divide(patients, split, 0)
        assert set(cases.loc[cohorts.index[cohorts == "external"], "center"]) == {"B"} and (cohorts == "test").sum() > 5
    with pytest.raises(ParameterError, match="names 2; the centres are A, B, C"):
        divide(patients, as_split({"external": 2}), 0)


def test_outcomes_that_are_no_numbers() -> None:
    cases, features = cohort()
    words = cases.assign(y=np.where(cases["y"] == 1, "mets", "no mets"))
    with pytest.raises(OutcomeError, match=r"holds 'mets', 'no mets'; required: the numbers 0 and 1, .* == EVENT"):
        predictions(words, features)
    survival = {"outcome": None, "survival": {"event": "y", "time": "day"}}
    with pytest.raises(OutcomeError, match="'day' holds dates; required: the time"):
        predictions(cases.assign(day=pd.Timestamp("2024-01-01")), features, **survival)
    with pytest.raises(ParameterError, match="clinical names a column twice"):
        predictions(cases, features, clinical=["age", "age"])


def test_a_nullable_column_gives_the_numbers_of_the_plain_one() -> None:
    cases, _ = cohort()
    gap = cases.assign(age=cases["age"].where(np.arange(N) % 5 > 0))
    right, nullable = (
        Study(table, outcome="y", clinical=["age"], signatures={}, options=QUICK).run().predictions
        for table in (gap, gap.astype({"age": "Float64"}))
    )
    pd.testing.assert_frame_equal(nullable, right)
    for dtype in ("float64[pyarrow]", object):
        pd.testing.assert_frame_equal(entered(gap.astype({"age": dtype})), entered(gap))


def model() -> FrozenSignature:
    clinical = (Clinical("age", impute=60.0, low=40.0, high=80.0), Clinical("stage", ("I", "II"), "I"))
    return FrozenSignature(Frozen("m", "logistic", -6.0, (("age", 0.1), ("stage=II", 1.0)), clinical=clinical))


def test_new_patients_enter_by_the_same_door(tmp_path: Path) -> None:
    new = pd.DataFrame({"age": [61, 75], "stage": ["II", "I"]}, index=pd.Index(["007", "8"], name="case_id"))
    right = model().predict(new)["probability"]
    odd = new.reset_index().sort_values("age", ascending=False).astype({"age": "Int64"})
    pd.testing.assert_series_equal(model().predict(odd)["probability"].loc[["007", "8"]], right)
    flagged = model().predict(new.assign(stage=[" ii ", "i"]))
    pd.testing.assert_series_equal(flagged["probability"], right)
    assert flagged["unknown_level"].tolist() == ["", ""]
    new.to_csv(tmp_path / "new.csv", sep=";", decimal=",")
    pd.testing.assert_series_equal(model().predict(tmp_path / "new.csv")["probability"], right)
    (tmp_path / "new.csv").write_text("case_id,age,stage\n007,61,5,II\n")
    with pytest.raises(CaseTableError, match=r"row 1 \(007, 61, 5, \.\.\.\) has 4 cells, the header 3"):
        model().predict(tmp_path / "new.csv")
    with pytest.raises(InputError, match="text in age"):
        model().predict(new.assign(age="old"))
    # Few patients: a stage of 1, 2, 3 does not count rows, and a column that the model names is never left out.
    many = pd.DataFrame({"age": range(1, 13), "stage": "I"}, index=[f"c{i}" for i in range(12)])
    assert model().predict(many)["out_of_range"].tolist() == ["age"] * 12


def test_one_rule_for_all_doors_refuses_with_our_errors() -> None:
    """Tables that no one can read end in an error of radiokit, whichever door they knock at."""
    cases, features = cohort()
    for bad in (
        features.set_axis(pd.MultiIndex.from_product([["a"], range(N)])),
        features.set_axis(range(N)),
        features.assign(ID="x"),
        features.astype(str),
        features.set_axis(["f"] * 4, axis=1),
    ):
        with pytest.raises(RadiokitError):
            TableSource(bad).measure("r", cases, RUN)
    with pytest.raises(InputError, match="is a int"):
        as_table(7)


def test_several_lesions_of_a_new_patient_are_said() -> None:
    new = pd.DataFrame({"age": [61, 75], "stage": "I", "patient_id": "P1"}, index=["P1_L", "P1_R"])
    with pytest.warns(UserWarning, match="names 1 patients in 2 rows"):
        model().predict(new)
    card = {"provenance": {"settings": {"groups": "person", "options": {"aggregate": "mean"}}}}
    with pytest.warns(UserWarning, match=r"'person' names 1 patients .* \(rule for several lesions: mean\)"):
        FrozenSignature(model().model, card=card).predict(new.rename(columns={"patient_id": "person"}))


@pytest.mark.parametrize("numbers", [np.arange(1, 61), np.random.default_rng(0).permutation(60) + 1000])
@pytest.mark.parametrize("how", ["clinical", "columns"])
def test_a_number_of_the_row_predicts_nothing(numbers: np.ndarray, how: str) -> None:
    """Sorted by outcome, such a number reached an AUC of 1.00 and the verdict "supported"."""
    cases = pd.DataFrame({"case_id": [f"P{i:02d}" for i in range(60)], "y": np.arange(60) // 30, "nr": numbers})
    given = {"clinical": ["nr"], "signatures": {}} if how == "clinical" else {"signatures": {"s": {"columns": ["nr"]}}}
    with pytest.raises(CaseTableError, match=r"'nr' counts the cases .* each once.* and is not a measurement"):
        Study(cases, outcome="y", **given).run()
