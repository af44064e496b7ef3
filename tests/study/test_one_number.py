"""One number, wherever it is printed: repeats are averaged by one rule, and an estimate has one interval."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import logit
from scipy.stats import norm

from radiokit.study import Options, Study
from radiokit.study._calibration import slope_within
from radiokit.study._over_repeats import by_patient, mean_over_repeats
from radiokit.utils import as_survival_target
from radiokit.validation import Predictions, logrank_within_folds, time_auc_within_folds

N = 110
OPTIONS = Options(
    pipeline="lasso", penalty_folds=3, folds=3, repeats=3, bootstraps=0, subsamples=2, confidence_level=0.9
)


def planted(n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases with both outcomes, gaps in age, two centres; f0 carries the outcome."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal(n)
    ids = [f"P{i:03d}" for i in range(n)]
    X = pd.DataFrame(rng.standard_normal((n, 4)), ids, ["f0", "f1", "f2", "f3"])
    X["f0"] += z
    follow, censoring = np.ceil(rng.exponential(4 / np.exp(0.7 * z))), rng.integers(3, 8, n)
    cases = pd.DataFrame(
        {
            "y": (rng.random(n) < 1 / (1 + np.exp(-1.5 * z))).astype(int),
            "event": (follow <= censoring).astype(int),
            "time": np.minimum(follow, censoring).astype(float),
            "age": np.where(np.arange(n) % 6 > 0, rng.normal(60, 9, n).round(1), np.nan),
            "stage": rng.choice(["I", "II", "III"], n),
            "center": np.where(np.arange(n) % 3 > 0, "A", "B"),
        },
        index=ids,
    )
    return cases, X


@pytest.fixture(scope="module")
def result() -> Any:
    cases, X = planted()
    return Study(
        cases, outcome="y", survival={"event": "event", "time": "time"}, clinical=["age", "stage"], center="center",
        signatures={"ct": X}, split={"external": ["B"]}, options=OPTIONS,
    ).run()  # fmt: skip


def own(result: Any, name: str, **wanted: str) -> pd.DataFrame:
    table = result.tables[name]
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def held_out(result: Any, model: str, source: str) -> pd.DataFrame:
    frame = result.predictions
    return frame[(frame["model"] == model) & (frame["source"] == source)]


def glm(frame: pd.DataFrame) -> Any:
    """R: glm(y ~ qlogis(p), binomial)."""
    design = sm.add_constant(logit(frame["probability"].to_numpy()))
    return sm.GLM(frame["y_true"].to_numpy(), design, family=sm.families.Binomial()).fit(tol=1e-12)


@pytest.mark.parametrize("model", ["clinical", "ct", "combined"])
def test_calibration_in_training_is_the_mean_over_repeats_in_both_tables(result: Any, model: str) -> None:
    parts = [glm(part) for _, part in held_out(result, model, "out-of-fold").groupby("repeat")]
    assert len(parts) == 3
    slope, intercept = (float(np.mean([fit.params[k] for fit in parts])) for k in (1, 0))
    row = own(result, "calibration", model=model, source="out-of-fold").iloc[0]
    assert row["slope"] == pytest.approx(slope, rel=1e-6)
    assert row["intercept"] == pytest.approx(intercept, rel=1e-5, abs=1e-6)
    assert row.filter(like="_ci_").isna().all()
    assert row.filter(like="p_value").isna().all()
    printed = own(result, "performance", model=model, source="out-of-fold").set_index("metric")
    assert printed.loc["calibration_slope", "estimate"] == row["slope"]
    assert printed.loc["calibration_intercept", "estimate"] == row["intercept"]
    squares = held_out(result, model, "out-of-fold").eval("(probability - y_true) ** 2")
    assert printed.loc["brier", "estimate"] == pytest.approx(squares.mean(), rel=1e-9)
    assert row["brier"] == pytest.approx(squares.mean(), rel=1e-9)


@pytest.mark.parametrize("model", ["ct", "combined"])
def test_external_calibration_has_one_interval_at_the_level_of_the_run(result: Any, model: str) -> None:
    fit, z = glm(held_out(result, model, "external")), norm.ppf(0.95)
    row = own(result, "calibration", model=model, source="external").iloc[0]
    printed = own(result, "performance", model=model, source="external").set_index("metric")
    for k, (name, metric) in enumerate((("intercept", "calibration_intercept"), ("slope", "calibration_slope"))):
        expected = [fit.params[k], fit.params[k] - z * fit.bse[k], fit.params[k] + z * fit.bse[k]]
        np.testing.assert_allclose(row[[name, f"{name}_ci_low", f"{name}_ci_high"]].astype(float), expected, rtol=1e-5)
        values = printed.loc[metric, ["estimate", "ci_low", "ci_high"]].astype(float)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
        assert printed.loc[metric, "method"] == row["method"] == "wald"
    assert printed["method"].notna().all()


def test_patients_are_placed_by_their_mean_score(result: Any) -> None:
    frame = held_out(result, "combined", "out-of-fold")
    mean = frame.groupby("case_id")["probability"].mean()
    y = frame.groupby("case_id")["y_true"].first()
    threshold = result.models["combined"].model.threshold
    positive = mean >= threshold
    printed = own(result, "performance", model="combined", source="out-of-fold").set_index("metric")["estimate"]
    assert printed["sensitivity"] == pytest.approx(positive[y == 1].mean())
    assert printed["specificity"] == pytest.approx((~positive)[y == 0].mean())
    assert (frame.groupby("case_id")["risk_group"].nunique() == 1).all()
    assert (frame.groupby("case_id")["risk_group"].first() == np.where(positive, "high", "low")).all()


def test_risk_groups_in_training_are_by_the_mean_risk_and_tested_within_folds(result: Any) -> None:
    name = "combined (survival)"
    mean = held_out(result, name, "out-of-fold").groupby("case_id")["risk"].mean()
    high = int((mean > result.models[name].model.cut).sum())
    test = own(result, "logrank", model=name, source="out-of-fold").iloc[0]
    assert (test["n_high"], test["n_low"]) == (high, len(mean) - high)
    assert test["method"] == "within folds, corrected for shared training cases"
    frame = held_out(result, name, "out-of-fold")
    p = Predictions(
        as_survival_target(frame["event"], frame["time"]), risk=frame["risk"], ids=frame["case_id"],
        groups=frame["group"], fold=frame["fold"], repeat=frame["repeat"], source="out-of-fold",
    )  # fmt: skip
    within = logrank_within_folds(p, p.risk > test["threshold"])
    assert test["p_value"] == pytest.approx(within.p_value)
    areas = own(result, "time_auc", model=name, source="out-of-fold").iloc[0]
    expected = time_auc_within_folds(p, [areas["time"]], confidence_level=0.9).iloc[0]
    np.testing.assert_allclose(
        areas[["auc", "ci_low", "ci_high"]].astype(float), expected[["auc", "ci_low", "ci_high"]].astype(float)
    )
    curve = own(result, "kaplan_meier", model=name, source="out-of-fold")
    assert curve.groupby("group")["n_at_risk"].max()["high"] == high
    assert curve[["se", "ci_low", "ci_high"]].isna().all(axis=None)
    for table in ("hazard_ratio", "risk_groups", "survival_calibration", "survival_accuracy"):
        rows = own(result, table, model=name, source="out-of-fold")
        limits = [c for c in rows if c.endswith(("ci_low", "ci_high", "p_value")) or c == "se"]
        assert limits, table
        assert rows[limits].isna().all(axis=None), table
        assert own(result, table, model=name, source="external")[limits].notna().any(axis=None), table


def test_the_prevalence_model_and_the_decision_curve(result: Any) -> None:
    """Brier: mean of (share of training - y) squared. Net benefit: the mean over repeats of dcurves' formula."""
    train = held_out(result, "combined", "out-of-fold")
    y = train.groupby("case_id")["y_true"].first()
    outside = held_out(result, "combined", "external")["y_true"]
    brier = own(result, "performance", model="prevalence", metric="brier").set_index("source")["estimate"]
    assert brier["out-of-fold"] == pytest.approx(((y.mean() - y) ** 2).mean())
    assert brier["external"] == pytest.approx(((y.mean() - outside) ** 2).mean())
    curve = own(result, "decision_curve", cohort="training", model="combined")
    for _, point in curve.iloc[::17].iterrows():
        t = point["threshold"]
        benefit = []
        for _, part in train.groupby("repeat"):
            treated = part["probability"] >= t
            benefit.append(
                (part["y_true"][treated].sum() - (1 - part["y_true"][treated]).sum() * t / (1 - t)) / len(part)
            )
        assert point["net_benefit"] == pytest.approx(np.mean(benefit))


def test_the_mean_over_repeats_belongs_to_no_fold() -> None:
    p = Predictions(
        [0, 1, 0, 1], probability=[0.2, 0.4, 0.6, 0.8], ids=list("abab"), source="out-of-fold", fold=[0, 0, 1, 1],
        repeat=[0, 0, 1, 1],
    )  # fmt: skip
    once = by_patient(p)
    assert once.ids.tolist() == ["a", "b"]
    assert once.probability == pytest.approx([0.4, 0.6])
    assert len(set(once.fold)) == 2
    table = mean_over_repeats(p, lambda q: pd.DataFrame({"x": [q.probability.max()], "n": [q.n], "s": ["text"]}))
    assert table.to_dict("records") == [{"x": pytest.approx(0.6), "n": 2, "s": "text"}]
    single = p.take(p.repeat == 0)
    assert by_patient(single) is single


def test_a_slope_within_folds_is_that_of_a_model_with_a_level_for_each() -> None:
    """statsmodels: y ~ logit(p) + fold. The pooled slope has the wrong sign, for the levels run against the outcome."""
    rng = np.random.default_rng(5)
    fold = np.repeat([0, 1, 2], 80)
    x = rng.standard_normal(240)
    level = np.array([2.0, 0.0, -2.0])[fold]
    y = rng.random(240) < 1 / (1 + np.exp(-0.6 * x - level))
    p = 1 / (1 + np.exp(-x + 1.5 * level))
    made = Predictions(y, probability=p, source="out-of-fold", fold=fold)
    design = np.column_stack([logit(p), np.eye(3)[fold]])
    right = sm.GLM(y.astype(float), design, family=sm.families.Binomial()).fit(tol=1e-12).params[0]
    assert slope_within(made) == pytest.approx(right, rel=1e-6)
    pooled = sm.GLM(y.astype(float), sm.add_constant(logit(p)), family=sm.families.Binomial()).fit().params[1]
    assert pooled < 0 < right
    constant = Predictions(y, probability=np.full(240, 0.4), source="out-of-fold", fold=fold)
    assert np.isnan(slope_within(constant))


def test_a_survival_slope_within_folds_is_that_of_a_stratified_cox_model() -> None:
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(6)
    fold, x = np.repeat([0, 1], 60), rng.standard_normal(120)
    time = rng.exponential(np.exp(-0.8 * x + 2 * fold))
    event = rng.random(120) < 0.8
    made = Predictions(as_survival_target(event, time), risk=x, source="out-of-fold", fold=fold)
    frame = pd.DataFrame({"t": time, "e": event, "x": x, "fold": fold})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CoxPHFitter().fit(frame, "t", "e", strata=["fold"]).params_["x"]
    assert slope_within(made) == pytest.approx(theirs, rel=1e-4)
