"""What each table says of patients, features and guards: the combined model by itself, gaps, levels, centres."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import kruskal, spearmanr

from radiokit.models import LogisticModel
from radiokit.stats import auc
from radiokit.study import Options, Study
from radiokit.study._cohort import Flow
from radiokit.study._formula import formula
from radiokit.study._frozen import Clinical, Feature, Frozen, Score
from radiokit.study._guard_table import CHECKED, VIOLATED, _cohorts, _external, _lost
from radiokit.study._missing import gaps_of, present
from radiokit.study._split import as_split
from radiokit.validation.facts import FlowStep

OPTIONS = Options(pipeline="lasso", penalty_folds=3, folds=3, repeats=2, bootstraps=0, subsamples=3)
EXTERNAL = [f"C{k}" for k in range(2, 9)]


def planted(n: int = 180) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Nine centres; external patients have a level that training never saw, and gaps."""
    rng = np.random.default_rng(7)
    z = rng.standard_normal(n)
    ids = [f"P{i:03d}" for i in range(n)]
    ct = pd.DataFrame(rng.standard_normal((n, 5)), ids, [f"f{k}" for k in range(5)])
    ct["f0"] += z
    ct["f1"] = ct["f0"] + 0.5 * rng.standard_normal(n)
    pet = pd.DataFrame(rng.standard_normal((n, 3)), ids, ["s0", "s1", "s2"])
    pet["s0"] += 0.7 * z
    center = np.array([f"C{k}" for k in rng.choice(9, n, p=[0.3, 0.3, *([0.4 / 7] * 7)])])
    outside = np.isin(center, EXTERNAL)
    ct.loc[outside & (np.arange(n) % 5 == 0), "f4"] = np.nan
    ct.loc[ids[int(np.flatnonzero(outside)[0])], "f0"] = 50.0
    cases = pd.DataFrame(
        {
            "y": (rng.random(n) < 1 / (1 + np.exp(-1.8 * z))).astype(int),
            "age": np.where(np.arange(n) % 6 > 0, rng.normal(60, 9, n).round(1), np.nan),
            "stage": np.where(outside & (np.arange(n) % 2 == 0), "IV", rng.choice(["I", "II"], n)),
            "volume": np.exp(rng.standard_normal(n)),
            "center": center,
        },
        index=ids,
    )
    cases.loc[cases["center"] == "C8", "y"] = 0
    return cases, ct, pet


@pytest.fixture(scope="module")
def result() -> Any:
    cases, ct, pet = planted()
    return Study(
        cases, outcome="y", clinical=["age", "stage"], signatures={"ct": ct, "pet": pet}, center="center",
        split={"external": EXTERNAL}, options=OPTIONS,
    ).run()  # fmt: skip


def training(cases: pd.DataFrame) -> pd.Series:
    return ~cases["center"].isin(EXTERNAL)


def test_the_combined_model_is_explained_by_its_own_features(result: Any) -> None:
    frozen = result.models["combined"].model
    selected = result.tables["selected"]
    own = selected[selected["model"] == "combined"]
    assert set(own["signature"]) == {"ct", "pet"}
    cases, ct, pet = planted()
    inside = training(cases)
    features = pd.concat([ct.add_prefix("ct_"), pet.add_prefix("pet_")], axis=1)[inside]
    for score in frozen.scores:
        rows = own[own["signature"] == score.name].set_index("feature")
        assert rows.index.tolist() == [f.name for f in score.features]
        np.testing.assert_allclose(rows["coef_raw"], [f.coef / f.scale for f in score.features])
        for name, row in rows.iterrows():
            assert row["volume_correlation"] == pytest.approx(spearmanr(features[name], cases["volume"][inside])[0])
            parts = [part for _, part in features[name].groupby(cases["center"][inside])]
            assert row["center_p_value"] == pytest.approx(kruskal(*parts).pvalue)
            assert 0 <= row["selection_frequency"] <= 1
    funnel = result.tables["funnel"]
    last = funnel[funnel["step"] == "signature"].set_index("model")["n_features"]
    assert last["combined"] == len(own)
    assert funnel.query("model == 'combined' and step == 'computed'")["n_features"].tolist() == [8]
    everything = {f.name for m in result.models.values() for s in m.model.scores for f in s.features} - {"volume"}
    assert set(result.tables["correlation"]["feature"]) == everything


def test_external_patients_are_flagged_as_predict_flags_them(result: Any) -> None:
    cases, ct, pet = planted()
    table = pd.concat([cases, ct.add_prefix("ct_"), pet.add_prefix("pet_")], axis=1)
    frame = result.predictions.query("model == 'combined' and source == 'external'").set_index("case_id")
    again = result.models["combined"].predict(table.loc[frame.index])
    for flag in ("imputed", "out_of_range", "unknown_level"):
        assert (frame[flag] == again[flag]).all(), flag
    outside = cases.loc[frame.index]
    assert ((frame["unknown_level"] == "stage") == (outside["stage"] == "IV")).all()
    assert frame["imputed"].str.contains("age").eq(outside["age"].isna()).all()
    held_out = result.predictions.query("source == 'out-of-fold'")
    assert held_out[["imputed", "unknown_level"]].isna().all(axis=None)
    said = " ".join(result.warnings)
    count = int((outside["stage"] == "IV").sum())
    assert f"combined: {count} of {len(frame)} external patients have a category that training never saw" in said
    assert f"stage {count}" in said
    assert (
        f"external patients have a missing value, filled as in training: age {int(outside['age'].isna().sum())}" in said
    )
    assert "a value outside the range of training" in said


def test_univariable_rows_are_of_complete_cases(result: Any) -> None:
    cases, *_ = planted()
    data = cases[training(cases)]
    known = data["age"].notna()
    table = result.tables["univariable"].set_index("feature")
    assert table.loc["age", ["n", "n_missing"]].tolist() == [known.sum(), (~known).sum()]
    assert table.loc["age", "n_events"] == data["y"][known].sum()
    assert table.loc["ct", "n"] == len(data)
    # A cross-fitted score comes from several fits: tested as if it were measured, noise is significant too often.
    assert table.loc["ct", "p_value":"p_value"].isna().all() and np.isfinite(table.loc["ct", "coef"])
    assert np.isfinite(table.loc["age", "p_value"])
    fit = sm.GLM(data["y"][known], sm.add_constant(data["age"][known]), family=sm.families.Binomial()).fit(tol=1e-12)
    firth = LogisticModel(firth=True).fit(data.loc[known, ["age"]], data["y"][known])  # where events are few
    assert min(abs(table.loc["age", "coef"] - c) for c in (fit.params["age"], firth.coef_.ravel()[0])) < 1e-7
    assert table.loc["stage=II", "variable"] == "stage"
    multivariable = result.tables["multivariable"]
    assert (multivariable["n"] == len(data)).all()
    assert (multivariable["n_imputed"] == (~known).sum()).all()


def test_missing_values_are_counted_for_each_variable_and_cohort(result: Any) -> None:
    cases, ct, _ = planted()
    table = result.tables["missing"].set_index(["variable", "cohort"])
    inside = training(cases)
    for cohort, rows in (("training", inside), ("external", ~inside)):
        row = table.loc[("age", cohort)]
        assert (row["kind"], row["n"], row["n_missing"]) == ("clinical", rows.sum(), cases["age"][rows].isna().sum())
        assert row["percent_missing"] == pytest.approx(100 * cases["age"][rows].isna().mean())
        assert table.loc[("ct_f4", cohort), "n_missing"] == ct["f4"][rows].isna().sum()
    assert set(table["kind"]) == {"clinical", "volume", "ct", "pet"}
    assert len(table) == 2 * (2 + 1 + 5 + 3)


def test_what_counts_as_a_value() -> None:
    assert present(pd.Series([1.0, np.nan, np.inf, 0.0])).tolist() == [True, False, False, True]
    assert present(pd.Series(["a", " ", None, ""])).tolist() == [True, False, False, False]
    assert present(pd.Series([1, None], dtype="Int64")).tolist() == [True, False]


def test_every_centre_has_its_row_whatever_their_number(result: Any) -> None:
    cases, *_ = planted()
    table = result.tables["performance_by_center"].query("model == 'combined' and source == 'external'")
    frame = result.predictions.query("model == 'combined' and source == 'external'").set_index("case_id")
    assert sorted(table["center"].unique()) == EXTERNAL
    for (center, metric), part in table.groupby(["center", "metric"]):
        own = frame[cases.loc[frame.index, "center"] == center]
        row = part.iloc[0]
        assert (row["n"], row["n_events"]) == (len(own), own["y_true"].sum())
        if metric == "o_e":
            assert row["estimate"] == pytest.approx(own["y_true"].sum() / own["probability"].sum())
        elif own["y_true"].nunique() == 2:
            assert row["estimate"] == pytest.approx(auc(own["y_true"], own["probability"]).auc)
        else:
            assert np.isnan([row["estimate"], row["ci_low"], row["ci_high"]]).all()
            assert "one outcome only" in row["method"]
    levels = result.tables["subgroups"].query("variable == 'centre'")["level"]
    assert set(levels) == set(EXTERNAL)
    assert set(result.tables["table_one_center"]["group"]) == {"overall", *cases["center"].unique()}


def test_volume_is_described_by_median_and_quartiles(result: Any) -> None:
    for name in ("table_one_cohort", "table_one_outcome", "table_one_center"):
        table = result.tables[name]
        assert table[table["variable"] == "volume"]["statistic"].str.startswith("median").all(), name
        assert table[table["variable"] == "age"]["statistic"].str.startswith("mean").all(), name


def test_guards_say_what_was_looked_at(result: Any) -> None:
    table = result.tables["leak_guards"].set_index("guard")
    assert VIOLATED not in set(table["status"])
    assert not table["status"].isin(["impossible", "done"]).any()
    n_models = 5  # clinical, volume, ct, pet, combined
    assert table.loc["selection before the split", "how"].startswith(f"{n_models * 6} fits")
    assert "5 of 5 thresholds" in table.loc["threshold or cut-off chosen on test patients", "how"]
    cases, *_ = planted()
    outside = int((~training(cases)).sum())
    assert f"{n_models * outside} predictions" in table.loc["calibration or decision curves of a refitted model", "how"]
    assert "7 external centres, 0 of them" in table.loc["a random split called external", "how"]
    assert "the scores ct, pet were cross-fitted" in table.loc["score fitted and fused on the same patients", "how"]
    assert table.loc["settings not reported", "status"] == "not possible"


def test_a_guard_that_is_broken_says_so() -> None:
    ids = pd.Index(["a", "b", "c"])
    data: Any = SimpleNamespace(
        cohort=pd.Series(["training", "external", "external"], ids),
        group=pd.Series(["P1", "P1", "P2"], ids),
        center=pd.Series(["Lyon", "LYON ", "X"], ids),
        training=np.array([True, False, False]),
    )
    roles: Any = SimpleNamespace(groups="patient")
    assert _cohorts(data, roles)[1:] == ("2 patients (by column 'patient'), 1 of them in two cohorts", VIOLATED)
    assert _external(data)[1:] == ("2 external centres, 1 of them with patients in training", VIOLATED)
    steps = [FlowStep("in the case table", "stage", 10, 10), FlowStep("excluded", "excluded", 2, 2, "outcome missing")]
    for trained, status in ((7, VIOLATED), (8, CHECKED)):
        assert _lost(Flow([*steps, FlowStep("training", "cohort", trained, trained)]))[2] == status


# ------------------------------------------------------------------------------------------- cohorts without estimates


def test_an_external_cohort_of_one_class_has_no_p_and_no_verdict() -> None:
    cases, ct, _ = planted(120)
    cases["y"] = cases["y"].where(training(cases), 0)
    made = Study(
        cases, outcome="y", clinical=["age"], signatures={"ct": ct}, center="center", split={"external": EXTERNAL},
        options=replace(OPTIONS, repeats=1),
    ).run()  # fmt: skip
    tests = made.tables["delong"].query("source == 'external'")
    assert len(tests)
    assert tests[["difference", "statistic", "p_value", "p_adjusted"]].isna().all(axis=None)
    verdict = made.tables["conclusions"].set_index("claim")
    for claim in ("It separates patients better than chance", "It is better than the clinical model",
                  "It holds in other centres", "Its probabilities are well calibrated"):  # fmt: skip
        assert verdict.loc[claim, "verdict"] == "cannot be judged", claim
    assert not verdict["reason"].str.contains("nan").any()


def test_a_model_that_predicts_the_prevalence_says_so() -> None:
    rng = np.random.default_rng(0)
    ids = [f"P{i}" for i in range(80)]
    noise = pd.DataFrame(rng.standard_normal((80, 3)), ids, list("abc"))
    cases = pd.DataFrame({"y": np.arange(80) % 2}, ids)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = Study(
            cases, outcome="y", signatures={"ct": noise}, split={"random": 0.3},
            options=Options(calibration="isotonic", folds=2, repeats=1, bootstraps=0, subsamples=1, pipeline="ridge"),
        ).run()  # fmt: skip
    constant = made.predictions.query("source == 'train'")["probability"].nunique() == 1
    assert constant == any("it predicts the prevalence" in text for text in made.warnings)
    held_out = made.predictions.query("source == 'test'")["probability"]
    row = made.tables["conclusions"].set_index("claim").loc["It separates patients better than chance"]
    assert (held_out.nunique() == 1) == ("the same for every patient" in row["reason"])
    if held_out.nunique() == 1:
        assert row["verdict"] == "not supported"


def test_leaving_centres_out_calibrates_within_them() -> None:
    cases, ct, _ = planted()
    cases = cases[training(cases) | cases["center"].isin(["C2", "C3"])]
    made = Study(
        cases, outcome="y", signatures={"ct": ct.loc[cases.index]}, center="center", split="leave_one_center_out",
        options=OPTIONS,
    ).run()  # fmt: skip
    row = made.tables["calibration"].set_index("model").loc["ct"]
    assert row["method"].startswith("within centres")
    assert np.isfinite(row["slope"])
    assert "intercept" not in row or np.isnan(row["intercept"])
    metrics = made.tables["performance"].query("model == 'ct' and source == 'out-of-fold'").set_index("metric")
    assert metrics.loc["calibration_slope", "estimate"] == row["slope"]
    assert np.isnan(metrics.loc["calibration_intercept", "estimate"])
    assert not {"auc_pooled", "r2"} & set(metrics.index)
    assert set(made.tables["subgroups"]["metric"]) == {"auc"}
    by_center = made.tables["performance_by_center"].query("model == 'ct' and metric == 'auc'").set_index("center")
    frame = made.predictions.query("model == 'ct' and source == 'out-of-fold'").set_index("case_id")
    for name, part in frame.groupby(cases["center"]):
        assert by_center.loc[name, "estimate"] == pytest.approx(auc(part["y_true"], part["probability"]).auc)
    assert by_center["method"].eq("delong").all()


def test_random_alone_sets_three_of_ten_patients_aside() -> None:
    assert as_split("random").random == 0.3
    assert as_split({"random": 0.2}).random == 0.2
    cases, ct, _ = planted(100)
    made = Study(
        cases, outcome="y", signatures={"ct": ct}, split="random",
        options=Options(pipeline="lasso", penalty_folds=3, folds=2, repeats=1, bootstraps=0, subsamples=1),
    ).run()  # fmt: skip
    assert made.predictions.query("source == 'test'")["case_id"].nunique() == 30


# --------------------------------------------------------------------------------------------------------- formulas


def test_a_formula_can_be_computed_by_hand() -> None:
    """Evaluated as text it gives the frozen model's own numbers: bounds, logarithms and the baseline included."""
    features = (
        Feature("a", 0.0, 2.0, 4.0, 0.5, -9, 9, clip_low=-1.0, clip_high=3.0),
        Feature("b", 0.0, 0.0, 1.0, -1.0, 0, 9, log=True),
        Feature("c", 0.0, 0.0, 1.0, 0.25, 0, 9, clip_high=2.0),
    )
    score = Score("ct", 0.125, features)
    frozen = Frozen("m", "cox", 0.0, (("ct", 1.5), ("age", -0.02)), (score,), (Clinical("age"),),
                    cut=0.0, horizon=(24.0,), baseline=(0.625,))  # fmt: skip
    case = {"a": 7.0, "b": 2.0, "c": 5.0, "age": 50.0}
    own = frozen.predict(pd.DataFrame([case], index=["x"])).iloc[0]
    lines = formula(frozen, "months")
    assert lines[2] == "survival at 24 months = 0.625 ^ exp(log relative hazard)"
    assert lines[1] == "log relative hazard = 1.5 × ct - 0.02 × age"

    def clip(x: float, low: float, high: float) -> float:
        return min(max(x, low), high)

    names = {**case, "clip": clip, "log": np.log, "inf": np.inf}
    for name, line in (("ct", lines[0]), ("lp", lines[1])):
        right = line.split(" = ")[1].replace("×", "*").replace("∞", "inf")
        names[name] = eval(right, {}, names)  # the text is ours
    assert names["ct"] == pytest.approx(own["score_ct"])
    assert names["lp"] == pytest.approx(own["risk"])
    assert 0.625 ** np.exp(names["lp"]) == pytest.approx(own["survival_24"])
    logistic = formula(replace(frozen, kind="logistic", intercept=-2e-17, weights=(("ct", 1.0),), clinical=()))
    assert logistic[1:] == ["log-odds = ct", "probability = 1 / (1 + exp(-log-odds))"]
    assert formula(Frozen("m", "logistic", 0.5, ())) == ["log-odds = 0.5", "probability = 1 / (1 + exp(-log-odds))"]


def test_missing_values_of_a_table_without_variables() -> None:
    empty: Any = SimpleNamespace(
        clinical=(), volume=None, features={}, X=pd.DataFrame(index=["a"]), cohort=pd.Series("training", index=["a"])
    )
    assert gaps_of(empty) == []
