"""A study of survival: one baseline hazard, risk groups, follow-up, predicted survival at the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter

from radiokit.engine.baseline import baseline_hazard
from radiokit.stats import decision_curve
from radiokit.study import Options, Study
from radiokit.study._survival import accuracy, calibration_groups, hazard_ratio, risk_groups, survival_at
from radiokit.utils import as_survival_target
from radiokit.validation import Predictions

OPTIONS = Options(
    pipeline="lasso", penalty_folds=3, folds=3, repeats=2, bootstraps=0, subsamples=2, time_unit="years",
    confidence_level=0.9,
)  # fmt: skip
LEVEL = 0.9


def planted(n: int = 120) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow-up in whole years, so that times are tied."""
    rng = np.random.default_rng(1)
    z = rng.standard_normal(n)
    ids = [f"P{i:03d}" for i in range(n)]
    X = pd.DataFrame(rng.standard_normal((n, 3)), ids, ["f0", "f1", "f2"])
    X["f0"] += 1.5 * z
    follow, censoring = np.ceil(rng.exponential(4 / np.exp(0.8 * z))), rng.integers(3, 8, n)
    event = follow <= censoring
    cases = pd.DataFrame(
        {
            "event": event.astype(int),
            "time": np.minimum(follow, censoring).astype(float),
            "age": rng.normal(60, 9, n).round(1),
            "center": np.where(np.arange(n) % 3 > 0, "A", "B"),
        },
        index=ids,
    )
    return cases, X


def study(**options: Any) -> Any:
    cases, X = planted()
    changed = Options(**{**{k: getattr(OPTIONS, k) for k in OPTIONS.__dataclass_fields__}, **options})
    return Study(
        cases, outcome=None, survival={"event": "event", "time": "time"}, clinical=["age"], signatures={"ct": X},
        center="center", split={"external": ["B"]}, options=changed,
    ).run()  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Any:
    return study()


def one(result: Any, name: str, **wanted: str) -> pd.Series:
    table = result.tables[name]
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def outside(result: Any, model: str) -> pd.DataFrame:
    frame = result.predictions
    return frame[(frame["model"] == model) & (frame["source"] == "external")]


def line(x: Any, y: Any) -> np.poly1d:
    return np.poly1d(np.polyfit(np.asarray(x, float), np.asarray(y, float), 1))


@pytest.mark.parametrize("calibration", ["none", "platt"])
def test_a_patients_survival_is_the_same_by_nomogram_file_formula_and_table(result: Any, calibration: str) -> None:
    made = result if calibration == "none" else study(calibration="platt", repeats=1, folds=2)
    cases, X = planted()
    frozen = made.models["combined"]
    (horizon,) = frozen.model.horizon
    predicted = frozen.predict(pd.concat([cases, X], axis=1))
    survival = predicted[f"survival_{horizon:g}"].to_numpy()
    baseline = made.tables["baseline_survival"].query("model == 'combined'").set_index("time")["survival"]
    np.testing.assert_allclose(survival, baseline[horizon] ** np.exp(predicted["risk"]), rtol=1e-12)
    (formula,) = made.tables["formula"].query("model == 'combined'")["formula"]
    assert f"survival at {horizon:g} years = {baseline[horizon]:.6g} ^ exp(log relative hazard)" in formula
    points, scale = (made.tables[k].query("model == 'combined'") for k in ("nomogram", "nomogram_scale"))
    axis = {v: line(t["value"], t["points"]) for v, t in points.groupby("variable")}
    total = axis["ct"](predicted["score_ct"]) + axis["age"](cases["age"])
    eta = line(scale["total_points"], scale["linear_predictor"])(total)
    column = scale[f"survival_{horizon:g}"]
    base = np.exp(np.log(column.iloc[100]) / np.exp(scale["linear_predictor"].iloc[100]))
    np.testing.assert_allclose(base ** np.exp(eta), survival, atol=1e-9)


def test_the_baseline_is_efrons_of_the_fit(result: Any) -> None:
    """Brute force over tied deaths, with the risks of the clinical model, which are those of its fit."""
    frame = result.predictions.query("model == 'clinical' and source == 'train'")
    hazard, expected = 0.0, {}
    for t in sorted(frame["time"][frame["event"]].unique()):
        weight = np.exp(frame["risk"])
        at_risk, dying = weight[frame["time"] >= t].sum(), weight[(frame["time"] == t) & frame["event"]]
        hazard += sum(1 / (at_risk - k / len(dying) * dying.sum()) for k in range(len(dying)))
        expected[t] = np.exp(-hazard)
    own = result.tables["baseline_survival"].query("model == 'clinical'").set_index("time")["survival"]
    np.testing.assert_allclose(own, pd.Series(expected), rtol=1e-10)


def test_hazard_ratio_of_the_groups_against_lifelines(result: Any) -> None:
    frame = outside(result, "ct")
    fitted = CoxPHFitter(alpha=0.1).fit(
        frame.assign(high=(frame["risk_group"] == "high").astype(float))[["time", "event", "high"]], "time", "event"
    )
    row = one(result, "hazard_ratio", model="ct", source="external")
    assert row["hazard_ratio"] == pytest.approx(fitted.hazard_ratios_["high"], rel=1e-3)
    limits = np.exp(fitted.confidence_intervals_.loc["high"]).to_numpy()
    np.testing.assert_allclose(row[["ci_low", "ci_high"]].astype(float), limits, rtol=1e-3)
    assert (row["n_low"], row["n_high"]) == (
        (frame["risk_group"] == "low").sum(),
        (frame["risk_group"] == "high").sum(),
    )


def test_without_events_in_a_group_there_is_no_ratio() -> None:
    y = as_survival_target([1, 1, 0, 0], [1.0, 2.0, 3.0, 4.0])
    row = hazard_ratio(y, np.array(["high", "high", "low", "low"]), LEVEL, tested=True)
    assert np.isnan([row["hazard_ratio"], row["ci_low"], row["ci_high"]]).all()
    assert "without events" in row["method"]
    apart = as_survival_target([1, 1, 1, 1], [1.0, 2.0, 3.0, 4.0])
    row = hazard_ratio(apart, np.array(["high", "high", "low", "low"]), LEVEL, tested=True)
    assert np.isnan([row["hazard_ratio"], row["ci_low"], row["ci_high"]]).all()


def test_groups_median_and_survival_against_lifelines(result: Any) -> None:
    frame = outside(result, "ct")
    rows = result.tables["risk_groups"].query("model == 'ct' and source == 'external'").set_index("group")
    for group, part in frame.groupby("risk_group"):
        fitted = KaplanMeierFitter().fit(part["time"], part["event"])
        assert rows.loc[group, "survival"] == pytest.approx(fitted.predict(rows.loc[group, "time"]))
        assert rows.loc[group, "n_events"] == part["event"].sum()
        expected = fitted.median_survival_time_
        assert rows.loc[group, "median"] == expected or (np.isnan(rows.loc[group, "median"]) and np.isinf(expected))
    assert rows["ci_low"].lt(rows["survival"]).all()


def test_an_empty_group_is_a_row_without_estimates() -> None:
    y = as_survival_target([1, 0, 1], [1.0, 2.0, 3.0])
    rows = risk_groups(y, np.array(["low"] * 3), 2.0, LEVEL).set_index("group")
    assert rows.loc["high", "n"] == 0
    assert np.isnan(rows.loc["high", ["median", "survival"]].astype(float)).all()
    assert rows.loc["low", "survival"] == pytest.approx(2 / 3)


def test_survival_at_a_time_is_known_only_where_somebody_is_followed_so_far() -> None:
    y = as_survival_target([0, 1, 0], [2.0, 3.0, 4.0])
    assert survival_at(y, 1.0, LEVEL) == {"survival": 1.0, "ci_low": 1.0, "ci_high": 1.0}
    assert survival_at(y, 3.0, LEVEL)["survival"] == pytest.approx(0.5)
    assert survival_at(y, 4.0, LEVEL)["survival"] == pytest.approx(0.5)
    assert survival_at(y, 5.0, LEVEL) == {}
    dead = as_survival_target([1, 1], [2.0, 3.0])
    assert survival_at(dead, 5.0, LEVEL)["survival"] == 0.0


def test_median_follow_up_is_that_of_the_censored(result: Any) -> None:
    frame = outside(result, "ct")
    fitted = KaplanMeierFitter().fit(frame["time"], ~frame["event"])
    row = one(result, "follow_up", cohort="external")
    assert row["median_follow_up"] == fitted.median_survival_time_
    assert row["longest"] == frame["time"].max()
    assert row["shortest"] == frame["time"].min()
    assert (row["n"], row["n_events"]) == (len(frame), frame["event"].sum())


def uncensored(n: int = 90) -> tuple[Predictions, Any, float]:
    """Everybody dies, so that all is a mean over patients."""
    rng = np.random.default_rng(2)
    risk = rng.standard_normal(n)
    y = as_survival_target(np.ones(n, bool), rng.exponential(np.exp(-risk)) + 0.01)
    return Predictions(y, risk=risk, source="test"), baseline_hazard(y["time"], y["event"], risk), 0.6


def test_accuracy_without_censoring_is_a_mean_over_patients() -> None:
    p, baseline, horizon = uncensored()
    row = accuracy(p, baseline, horizon, LEVEL).iloc[0]
    died = p.y_true["time"] <= horizon
    survival = baseline.survival(p.risk, [horizon])[:, 0]
    assert row["o_e"] == pytest.approx(died.mean() / (1 - survival).mean())
    assert row["brier"] == pytest.approx(np.mean((survival - ~died) ** 2))
    assert row["brier_null"] == pytest.approx(died.mean() * (1 - died.mean()))
    assert row["brier_scaled"] == pytest.approx(1 - row["brier"] / row["brier_null"])
    fine = np.linspace(0, horizon, 20001)[:-1]
    squares = (baseline.survival(p.risk, fine) - (p.y_true["time"][:, None] > fine)) ** 2
    assert row["ibs"] == pytest.approx(squares.mean(), rel=1e-3)
    share = (p.y_true["time"][:, None] <= fine).mean(axis=0)
    assert row["ibs_null"] == pytest.approx((share * (1 - share)).mean(), rel=1e-3)
    assert row["ibs_scaled"] == pytest.approx(1 - row["ibs"] / row["ibs_null"])
    assert row["o_e_ci_low"] < row["o_e"] < row["o_e_ci_high"]


def test_accuracy_beyond_the_follow_up_is_missing() -> None:
    p, baseline, _ = uncensored()
    early = Predictions(as_survival_target(np.zeros(90, bool), np.full(90, 0.1)), risk=p.risk, source="external")
    row = accuracy(early, baseline, 0.6, LEVEL).iloc[0]
    assert np.isnan(row[["o_e", "brier", "ibs"]].astype(float)).all()
    assert calibration_groups(early.y_true, np.full(90, 0.5), 0.6, LEVEL)["n"].tolist() == [90]


def test_calibration_groups_hold_everybody_at_the_level_of_the_run(result: Any) -> None:
    rows = result.tables["survival_calibration"].query("model == 'ct' and source == 'external'")
    assert rows["n"].sum() == len(outside(result, "ct"))
    assert (rows["predicted"].diff().dropna() > 0).all()
    p, baseline, horizon = uncensored()
    wide, narrow = (
        calibration_groups(p.y_true, baseline.survival(p.risk, [horizon])[:, 0], horizon, level)
        for level in (0.99, 0.5)
    )
    assert len(wide) == 5
    assert (wide["ci_low"] < narrow["ci_low"]).all()


def test_the_decision_curve_is_that_of_the_predicted_risk(result: Any) -> None:
    frame, curve = outside(result, "ct"), result.tables["decision_curve_survival"]
    own = curve[(curve["model"] == "ct") & (curve["cohort"] == "external")]
    frozen = result.models["ct"].model
    risk = 1 - frozen.baseline[0] ** np.exp(frame["risk"].to_numpy())
    y = as_survival_target(frame["event"], frame["time"])
    theirs = decision_curve(y, {"ct": risk}, thresholds=own["threshold"].to_numpy(), time=frozen.horizon[0])
    np.testing.assert_allclose(own["net_benefit"], theirs.query("model == 'ct'")["net_benefit"])
    assert {"all", "none", "ct", "clinical", "combined"} == set(curve["model"])
    assert set(curve["cohort"]) == {"training", "external"}
    middle = own["threshold"].iloc[[0, -1]].to_numpy()
    assert (
        middle[0] < (1 - KaplanMeierFitter().fit(frame["time"], frame["event"]).predict(frozen.horizon[0])) < middle[1]
    )


def test_tables_of_a_cox_model_say_at_the_level_of_the_run_how_many_patients(result: Any) -> None:
    frame = result.predictions.query("model == 'clinical' and source == 'train'")
    cases, _ = planted()
    data = frame.set_index("case_id")[["time", "event"]].join(cases["age"])
    fitted = CoxPHFitter(alpha=0.1).fit(data, "time", "event")
    row = one(result, "cox", model="clinical", feature="age")
    limits = np.exp(fitted.confidence_intervals_.loc["age"]).to_numpy()
    np.testing.assert_allclose(row[["ci_low", "ci_high"]].astype(float), limits, rtol=1e-4)
    assert (row["n"], row["n_imputed"]) == (len(frame), 0)
