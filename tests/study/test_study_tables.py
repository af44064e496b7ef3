"""A study of feature tables: what it finds, what it cannot leak, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.datasets import make_feature_table
from radiokit.exceptions import (
    CaseTableError,
    DataWarning,
    FileError,
    InputError,
    LeakageError,
    OutcomeError,
    ParameterError,
    RadiokitError,
)
from radiokit.study import Options, Study, load_signature
from radiokit.study._run import Run
from radiokit.study._sources import TableSource

QUICK = Options(pipeline="lasso", folds=3, repeats=1, bootstraps=2, penalty_folds=3, subsamples=5)
RUN = Run(0)
FAST = Options(pipeline="lasso", folds=3, repeats=1, bootstraps=0, penalty_folds=3, subsamples=2)


def cohort(n: int = 120, seed: int = 0, n_features: int = 15) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A case table and its feature table; features 00 and 05 are planted."""
    made = make_feature_table(n, n_features=n_features, n_informative=2, effect=1.5, centers=3, random_state=seed)
    rng = np.random.default_rng(seed)
    cases = pd.DataFrame(
        {
            "outcome": made.y,
            "event": made.survival["event"].astype(int),
            "time": made.survival["time"],
            "center": made.center,
            "patient_id": [f"P{i}" for i in range(n)],
            "age": np.round(60 + 10 * rng.standard_normal(n)),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    cases.loc[cases.index[:6], "age"] = np.nan
    features = made.X.assign(volume=np.exp(rng.standard_normal(n)))
    return cases, features


def small() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A cohort for what does not depend on numbers."""
    return cohort(60, n_features=8)


def study(cases: pd.DataFrame, features: pd.DataFrame, **changes) -> Study:
    arguments = {
        "outcome": "outcome",
        "clinical": ["age", "sex"],
        "signatures": {"radiomics": features},
        "center": "center",
        "groups": "patient_id",
        "split": {"external": ["center_3"]},
        "options": QUICK,
    }
    return Study(cases, **{**arguments, **changes})


@pytest.fixture(scope="module")
def result():
    cases, features = cohort()
    return study(cases, features, survival={"event": "event", "time": "time"}).run()


def test_contract_of_the_tables(result) -> None:
    for name in (
        "table_one_cohort", "table_one_outcome", "flow", "funnel", "selected", "formula", "performance", "delong",
        "univariable", "multivariable", "nomogram", "calibration", "decision_curve", "kaplan_meier", "logrank", "cox",
        "failures", "leak_guards", "optimism", "lasso_path", "lasso_coefficients",
    ):  # fmt: skip
        assert name in result.tables, name
    columns = {"model", "cohort", "source", "metric", "estimate", "ci_low", "ci_high", "method", "n", "n_events"}
    assert columns <= set(result.tables["performance"].columns)
    assert {"case_id", "group", "cohort", "source", "model", "y_true", "probability"} <= set(result.predictions.columns)
    assert {"clinical", "volume", "radiomics", "combined"} <= set(result.models)
    assert {"combined (survival)", "volume (survival)"} <= set(result.models)


def test_planted_features_are_found(result) -> None:
    chosen = result.tables["selected"].query("model == 'radiomics'").set_index("feature")
    blocks = {name: [f"feature_{i:02d}" for i in range(start, start + 5)] for name, start in (("a", 0), ("b", 5))}
    for block in blocks.values():
        assert chosen.index.isin(block).any()
    strongest = chosen["coef"].abs().nlargest(2).index
    assert strongest.isin([*blocks["a"], *blocks["b"]]).all()
    assert chosen["selection_frequency"].between(0, 1).all()


def test_radiomics_beats_baselines_and_only_validation_has_intervals(result) -> None:
    auc = result.tables["performance"].query("metric == 'auc'").set_index(["model", "source"])
    assert auc.loc[("radiomics", "external"), "ci_low"] > 0.6
    assert auc.loc[("volume", "external"), "ci_low"] < 0.5 < auc.loc[("volume", "external"), "ci_high"]
    assert auc.loc[("radiomics", "train"), "method"] == "apparent: not a validation"
    assert np.isnan(auc.loc[("radiomics", "train"), "ci_low"])


def test_nobody_is_in_two_cohorts_or_lost(result) -> None:
    frame = result.predictions
    assert (frame.groupby("group")["cohort"].nunique() == 1).all()
    assert frame["case_id"].nunique() == 120
    flow = result.tables["flow"].set_index("step")["n_patients"]
    assert flow["training"] + flow["external"] == flow["in the case table"] == 120


def test_thresholds_are_learnt_in_training(result) -> None:
    frame = result.predictions.query("model == 'combined'")
    assert frame["threshold"].nunique() == 1
    assert result.models["combined"].model.threshold == frame["threshold"].iloc[0]


def test_delong_is_never_on_training(result) -> None:
    assert "train" not in set(result.tables["delong"]["source"])
    methods = result.tables["delong"].groupby("source")["method"].unique()
    assert methods["external"].tolist() == ["delong"]
    assert methods["out-of-fold"].tolist() == ["within-fold pairs"]


def test_test_patients_change_nothing_that_was_learnt() -> None:
    """Garbage in the external features leaves every frozen number untouched."""
    cases, features = small()
    first = study(cases, features, options=FAST).run()
    outside = cases["center"] == "center_3"
    garbage = features.copy()
    garbage.loc[outside] = garbage[outside] * 100 + 7
    cases.loc[outside, "age"] = 20.0
    cases.loc[outside, "outcome"] = 1 - cases.loc[outside, "outcome"]
    other = study(cases, garbage, options=FAST).run()
    for name in ("clinical", "volume", "radiomics", "combined"):
        assert other.models[name].model == first.models[name].model


def test_workers_change_nothing() -> None:
    cases, features = small()
    changes = {"survival": {"event": "event", "time": "time"}, "options": replace(FAST, bootstraps=2)}
    one, two = (study(cases, features, **changes).run(n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    for name in ("performance", "selected", "optimism"):
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])


def test_a_killed_study_goes_on_where_it_was(tmp_path) -> None:
    cases, features = small()
    again_and_first = study(cases, features, options=replace(FAST, bootstraps=2))
    first = again_and_first.run(cache=tmp_path)
    stored = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.case")}
    assert stored
    again = again_and_first.run(cache=tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.case")} == stored
    pd.testing.assert_frame_equal(first.predictions, again.predictions)


def test_frozen_models_predict_bit_for_bit_in_a_fresh_process(result, tmp_path) -> None:
    cases, features = cohort()
    result.save(tmp_path)
    cases[["age", "sex"]].join(features).to_csv(tmp_path / "new.csv")
    code = (
        "import sys, radiokit.study as s\n"
        "for name in ('combined', 'combined_survival', 'volume'):\n"
        "    s.load_signature(f'{sys.argv[1]}/{name}.rk').predict(f'{sys.argv[1]}/new.csv')"
        ".to_csv(f'{sys.argv[1]}/{name}.predicted.csv')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path)], check=True)
    columns = {"combined": "probability", "combined (survival)": "risk", "volume": "probability"}
    files = {"combined": "combined", "combined (survival)": "combined_survival", "volume": "volume"}
    for name, column in columns.items():
        fresh = pd.read_csv(tmp_path / f"{files[name]}.predicted.csv", index_col=0, float_precision="round_trip")[
            column
        ]
        own = result.predictions.query("model == @name and source != 'out-of-fold'").set_index("case_id")[column]
        assert (fresh.loc[own.index] == own).all()
    stored = pd.read_csv(tmp_path / "predictions.csv", float_precision="round_trip")
    assert (stored["probability"].dropna().to_numpy() == result.predictions["probability"].dropna().to_numpy()).all()


def test_frozen_models_refuse_and_flag(result, tmp_path) -> None:
    cases, features = cohort()
    result.save(tmp_path)
    model = load_signature(tmp_path / "combined.rk")
    table = cases[["age", "sex"]].join(features)
    with pytest.raises(InputError, match="needs 1 columns that the table lacks: sex"):
        model.predict(table.drop(columns="sex"))
    first = model.model.feature_names[0]
    with pytest.raises(InputError, match="built from a feature table"):
        model.predict(table.drop(columns=first))
    odd = table.head(3).copy()
    odd.iloc[0, odd.columns.get_loc(first)] = 1e6
    odd.iloc[1, odd.columns.get_loc("sex")] = "x"
    odd.iloc[2, odd.columns.get_loc("age")] = np.nan
    flags = model.predict(odd)
    assert first in flags["out_of_range"].iloc[0]
    assert flags["unknown_level"].iloc[1] == "sex"
    assert "age" in flags["imputed"].iloc[2]
    assert flags["probability"].between(0, 1).all()


def test_tampering_is_noticed(result, tmp_path) -> None:
    result.save(tmp_path)
    path = tmp_path / "radiomics.rk"
    document = json.loads(path.read_text())
    document["content"]["model"]["scores"][0]["features"][0]["coef"] *= 1.0001
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match="changed after it was written"):
        load_signature(path)
    path.write_text("not json")
    with pytest.raises(FileError, match="not a frozen model"):
        load_signature(path)
    with pytest.raises(FileError, match="Cannot read"):
        load_signature(tmp_path / "absent.rk")


def test_two_lesions_of_a_patient_become_one_row() -> None:
    cases, features = small()
    twin_cases, twin_features = cases.head(10).copy(), features.head(10).copy()
    twin_cases.index = twin_features.index = twin_cases.index + "_second"
    twin_features["volume"] = twin_features["volume"] * 10
    cases, features = pd.concat([cases, twin_cases]), pd.concat([features, twin_features])
    quick = {"split": {"random": 0.3}, "options": FAST}
    result = study(cases, features, **quick).run()
    assert result.predictions["group"].nunique() == 60
    assert (result.predictions.groupby("group")["case_id"].nunique() == 1).all()
    kept = set(result.predictions["case_id"])
    assert set(twin_cases.index) <= kept  # the larger lesion
    mean = study(cases, features, **{**quick, "options": replace(FAST, aggregate="mean")}).run()
    assert mean.predictions["group"].nunique() == 60
    with pytest.raises(InputError, match="aggregate: mean"):
        study(cases, features.drop(columns="volume"), **quick).run()
    cases.loc[twin_cases.index[0], "outcome"] = 1 - cases.loc[twin_cases.index[0], "outcome"]
    with pytest.raises(InputError, match="differs between the cases of 1 patients"):
        study(cases, features, **quick).run()


def test_external_is_earned() -> None:
    cases, features = small()
    cases["set"] = np.where(np.arange(60) < 40, "train", "external")
    with pytest.raises(LeakageError, match="call them test"):
        study(cases, features, split={"column": "set"}).run()
    with pytest.raises(LeakageError, match="no `center`"):
        study(cases, features, split={"column": "set"}, center=None).run()
    with pytest.raises(ParameterError, match="the centres are"):
        study(cases, features, split={"external": ["elsewhere"]}).run()


def test_a_random_split_is_stratified_by_patient_and_does_not_depend_on_row_order() -> None:
    cases, features = small()
    quick = {
        "split": {"random": 0.3},
        "options": FAST,
        "clinical": ["age"],
    }
    one = study(cases, features, **quick).run().predictions
    order = np.random.default_rng(0).permutation(60)
    two = study(cases.iloc[order], features.iloc[order], **quick).run().predictions
    tested = [set(p.loc[p["source"] == "test", "case_id"]) for p in (one, two)]
    assert tested[0] == tested[1]
    share = cases["outcome"].mean()
    assert abs(cases.loc[sorted(tested[0]), "outcome"].mean() - share) < 0.05


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda c, f: (c.assign(outcome=1), f), OutcomeError, "without"),
        (lambda c, f: (c.head(5), f), RadiokitError, "folds need"),
        (lambda c, f: (c.assign(outcome="yes"), f), OutcomeError, "required: the numbers 0 and 1"),
        (lambda c, f: (c.drop(columns="outcome"), f), CaseTableError, "has no column 'outcome'"),
        (lambda c, f: (c.head(0), f), CaseTableError, "no rows"),
        (lambda c, f: (c, f.set_axis([f"x{i}" for i in range(len(f))])), CaseTableError, "shares no case id"),
        (lambda c, f: (c, f.assign(note="text")), InputError, "hold text in note"),
        (lambda c, f: (c, f.assign(outcome=c["outcome"])), InputError, "holds the outcome"),
        (lambda c, f: (c, f.assign(leak=3 - 2.0 * c["outcome"])), LeakageError, "'leak' is the outcome"),
        (lambda c, f: (c.assign(age=c["outcome"].map({0: "no", 1: "yes"})), f), LeakageError, "'age' is the outcome"),
        (lambda c, f: (c.assign(outcome=np.nan), f), OutcomeError, "no case has a value"),
    ],
)
def test_bad_input_is_refused_with_a_reason(change, error, message) -> None:
    cases, features = change(*cohort(40))
    with pytest.raises(error, match=message):
        study(cases, features, split={"random": 0.3}).run()


def test_odd_but_honest_input_runs_and_is_said() -> None:
    """A constant feature, an empty one, HTML in a name, missing outcomes, infinities: all recorded, nobody lost."""
    cases, features = small()
    cases["outcome"] = cases["outcome"].astype(float)
    cases.iloc[:3, cases.columns.get_loc("outcome")] = np.nan
    features = features.rename(columns={"feature_00": "<b>&amp;'\"</b>"}).assign(constant=1.0, empty=np.nan)
    features.iloc[5, 0] = np.inf
    features.iloc[10] = np.nan
    result = study(cases, features, split={"random": 0.3}, options=replace(FAST, bootstraps=2)).run()
    assert any("3 of 60 cases have no outcome" in w for w in result.warnings)
    assert any("1 of 57 cases have no features" in w for w in result.warnings)
    assert result.tables["failures"]["case_id"].tolist() == [cases.index[10]]
    assert result.predictions["case_id"].nunique() == 56
    assert not result.tables["selected"]["feature"].isin(["constant", "empty"]).any()


def test_small_cohorts_say_so(result) -> None:
    said = " ".join(result.warnings)
    assert "candidate predictors" in said
    assert "intervals are wide" in said


def test_a_number_of_the_case_is_no_feature() -> None:
    """Cases numbered by outcome: the number would predict perfectly."""
    cases, features = small()
    order = cases["outcome"].rank(method="first")
    for name, said in (("patient", "names cases and is no feature"), ("nr", "counts its rows")):
        with pytest.warns(DataWarning, match=said):
            measured = TableSource(features.assign(**{name: order})).measure("r", cases, RUN)
        assert list(measured.features) == list(features)
    with pytest.raises(CaseTableError, match="a column 'ID' and an index 'case_id'"):
        TableSource(features.assign(ID=order)).measure("r", cases, RUN)


def test_unknown_settings_are_refused(tmp_path) -> None:
    with pytest.raises(ParameterError, match="known"):
        Study("x.csv", outcome="y", signatures={"a": "b.csv"}, options={"fold": 3}).run()
    path = tmp_path / "study.yaml"
    path.write_text("cases: cases.csv\nsignatures: {}\nsplitt: cv\n")
    with pytest.raises(ParameterError, match="splitt"):
        Study.from_yaml(path)
    path.write_text("cases: $RADIOKIT_NO_SUCH_VARIABLE/cases.csv\nsignatures: {}\n")
    with pytest.raises(ParameterError, match="not set"):
        Study.from_yaml(path)
    path.write_text("- a list")
    with pytest.raises(ParameterError, match="holds list"):
        Study.from_yaml(path)
    with pytest.raises(FileError, match="Cannot read"):
        Study.from_yaml(tmp_path / "absent.yaml")


def test_a_study_from_a_file_equals_one_from_python(tmp_path: Path) -> None:
    cases, features = small()
    cases.to_csv(tmp_path / "cases.csv")
    features.to_csv(tmp_path / "features.csv")
    (tmp_path / "study.yaml").write_text(
        "cases: cases.csv\noutcome: outcome\nclinical: [age, sex]\ncenter: center\ngroups: patient_id\n"
        "signatures: {radiomics: {features: features.csv}}\nsplit: {random: 0.3}\n"
        "options: {folds: 3, repeats: 1, bootstraps: 0, penalty_folds: 3, subsamples: 2, pipeline: lasso}\n"
    )
    python = study(cases, features, split={"random": 0.3}, options=FAST).run()
    file = Study.from_yaml(tmp_path / "study.yaml").run()
    pd.testing.assert_frame_equal(python.predictions, file.predictions)


def test_null_outcomes_give_intervals_over_chance() -> None:
    """Permuted outcomes: no model's interval, in any cohort, excludes an AUC of 0.5."""
    cases, features = cohort(120)
    cases["outcome"] = np.random.default_rng(6).permutation(cases["outcome"].to_numpy())
    null = study(cases, features, options=replace(QUICK, bootstraps=0)).run()
    rows = null.tables["performance"].query("metric == 'auc'").dropna(subset=["ci_low"])
    assert len(rows) >= 8
    assert ((rows["ci_low"] <= 0.5) & (rows["ci_high"] >= 0.5)).all()


def test_leave_one_center_out() -> None:
    cases, features = small()
    result = study(cases, features, split="leave_one_center_out", options=FAST).run()
    frame = result.predictions.query("source == 'out-of-fold' and model == 'radiomics'")
    center = cases.loc[frame["case_id"], "center"].to_numpy()
    assert pd.Series(center).groupby(frame["fold"].to_numpy()).nunique().eq(1).all()


def test_survival_alone_with_two_signatures() -> None:
    cases, features = small()
    signatures = {"ct": features, "mr": features.iloc[:, :3]}
    survival = {"event": "event", "time": "time"}
    result = Study(cases, outcome=None, survival=survival, signatures=signatures, options=FAST).run()
    assert set(result.models) == {"volume", "ct", "mr", "combined"}
    assert result.tables["selected"]["feature"].str.match("(ct|mr)_").all()
    assert result.predictions["risk_group"].isin(["low", "high"]).all()


def test_a_nomogram_draws_a_category_on_one_ruler() -> None:
    cases, features = small()
    cases["stage"] = np.resize(["I", "II", "III"], len(cases))
    survival = {"event": "event", "time": "time"}
    both = study(cases, features, clinical=["age", "stage"], survival=survival, options=FAST).run()
    for name in ("combined", "combined (survival)"):
        table = both.tables["nomogram"].query("model == @name")
        assert set(table["variable"]) == {"radiomics", "age", "stage"}
        assert table.loc[table["variable"] == "stage", "value"].tolist() == ["I", "II", "III"]
        assert both.models[name].nomogram


def test_clinical_alone() -> None:
    cases, _ = small()
    result = Study(cases, outcome="outcome", clinical=["age", "sex"], signatures={}, options=FAST).run()
    assert set(result.models) == {"clinical"}
    assert "nomogram" in result.tables


def test_repeated_patients_without_groups_are_suspected() -> None:
    cases, features = small()
    cases["patient_id"] = np.repeat(np.arange(30), 2)
    result = study(cases, features, groups=None, options=FAST).run()
    assert any("Set groups: patient_id" in w for w in result.warnings)
