"""Decision curves against dcurves, the laws of net benefit, bootstrap bands, and bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.engine.horizon import follow_up
from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import decision_curve, decision_curve_band, decision_curve_difference
from radiokit.utils import as_survival_target


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_04_dca.json").read_text())["results"]


@pytest.fixture(scope="module")
def read(shared: Path) -> Any:
    return lambda name: pd.read_csv(shared / f"oracles/data/shared_{name}.csv", float_precision="round_trip")


@pytest.fixture
def binary() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(2)
    p = rng.uniform(size=120)
    return rng.random(120) < p, {"good": p, "noise": rng.uniform(size=120)}


@pytest.fixture
def survival() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(4)
    risk = rng.uniform(0.05, 0.9, size=150)
    time, censoring = rng.exponential(1 / risk), rng.exponential(3, size=150)
    y = as_survival_target(time <= censoring, np.minimum(time, censoring))
    return y, {"good": risk, "noise": rng.uniform(size=150)}


def same(got: pd.DataFrame, want: dict[str, Any]) -> None:
    assert len(got) > 1
    names = {"prevalence": "pos_rate", "tp_rate": "tp_rate", "fp_rate": "fp_rate", "net_benefit": "net_benefit"}
    for column, key in names.items():
        expected = np.array(np.broadcast_to(want[key], len(got)), dtype=float)
        np.testing.assert_allclose(got[column], expected, rtol=1e-10, atol=1e-12)


def test_competing_risks_are_dcurves(oracle: dict[str, Any], read: Any) -> None:
    data, want = read("cr"), oracle["competing_risks"]
    data = data.dropna(subset=["m_prob"])
    horizon = float(re.search(r"time=(\d+)", want["call"])[1])
    thresholds = want["value"]["all"]["threshold"]
    table = decision_curve(data[["cause", "time"]], data[["m_prob"]], thresholds=thresholds, time=horizon)
    for model, values in want["value"].items():
        same(table[table["model"] == model], values)


def test_harm_is_dcurves(oracle: dict[str, Any], read: Any) -> None:
    data, want = read("dca_binary"), oracle["binary_harm"]["value"]
    table = decision_curve(
        data["y"], data[["m_prob"]], thresholds=want["all"]["threshold"], harm={"m_prob": want["m_prob"]["harm"]}
    )
    same(table[table["model"] == "m_prob"], want["m_prob"])


def test_kaplan_meier_agrees_with_the_other_program(oracle: dict[str, Any], read: Any) -> None:
    data = read("dca_surv")
    y = as_survival_target(data["event"], data["time"])
    thresholds = oracle["survival"]["value"]["all"]["threshold"]
    table = decision_curve(y, data[["m_prob"]], thresholds=thresholds, time=1.5)
    got = table.loc[table["model"] == "m_prob", "net_benefit"].to_numpy()
    want = np.array(oracle["check.survival_m_prob_base_R"]["value"])
    known = ~np.isnan(got)
    assert known.sum() > 50
    np.testing.assert_allclose(got[known], want[known], rtol=1e-10)


def test_thresholds_in_any_order(binary: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, models = binary
    up, down = (decision_curve(y, models, thresholds=t) for t in ([0.1, 0.3, 0.6], [0.6, 0.3, 0.1]))
    key = ["model", "threshold"]
    pd.testing.assert_frame_equal(
        up.sort_values(key).reset_index(drop=True), down.sort_values(key).reset_index(drop=True)
    )


def test_at_the_threshold_is_positive() -> None:
    table = decision_curve([0, 1], {"m": [0.07, 0.07]}, thresholds=[0.07])
    assert table.loc[table["model"] == "m", "test_pos_rate"].tolist() == [1.0]


def test_own_prevalence_changes_nothing(binary: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, models = binary
    pd.testing.assert_frame_equal(decision_curve(y, models), decision_curve(y, models, prevalence=y.mean()), rtol=1e-9)


def test_without_censoring_survival_is_binary(survival: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, models = survival
    y = as_survival_target(np.ones(y.size), y["time"])
    left = decision_curve(y, models, time=1.0)
    right = decision_curve(y["time"] <= 1, models)
    known = left["net_benefit"].notna()
    assert known.mean() > 0.9
    pd.testing.assert_frame_equal(left[known], right[known], rtol=1e-9)


def test_risk_takes_repeats_as_cases(survival: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, _ = survival
    drawn = np.random.default_rng(0).choice(y.size, y.size)
    assert follow_up(y, 1.0).risk(drawn) == pytest.approx(follow_up(y[drawn], 1.0).risk(np.arange(y.size)), rel=1e-12)


def test_difference_holds_what_it_says(binary: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, models = binary
    options = {"thresholds": [0.3, 0.5], "n_bootstraps": 200, "random_state": 1}
    table = decision_curve_difference(y, models, **options)
    curves = decision_curve(y, models, thresholds=[0.3, 0.5]).pivot(index="threshold", columns="model")["net_benefit"]
    np.testing.assert_allclose(table["difference"], curves["good"] - curves["noise"])
    assert (table["ci_low"] <= table["difference"]).all()
    assert (table["ci_high"] >= table["difference"]).all()
    reverse = decision_curve_difference(y, dict(reversed(models.items())), **options)
    np.testing.assert_allclose(reverse["ci_low"], -table["ci_high"], atol=1e-12)
    against = decision_curve_difference(y, models, reference="all", **options)
    assert against["model_b"].unique().tolist() == ["all"]


def test_bootstrap_does_not_depend_on_workers(survival: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, models = survival
    options = {"thresholds": [0.3, 0.5], "time": 1.0, "n_bootstraps": 20, "random_state": 1}
    one, two = (decision_curve_band(y, models, n_jobs=jobs, **options) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two)
    known = one["net_benefit"].notna()
    assert (one.loc[known, "ci_low"] <= one.loc[known, "ci_high"]).all()


def test_case_control_bootstrap_keeps_its_design() -> None:
    y = np.repeat([0, 1], [30, 10])
    table = decision_curve_band(
        y, {"m": y.astype(float)}, thresholds=[0.5], prevalence=0.1, n_bootstraps=20, random_state=0
    )
    row = table[table["model"] == "m"].iloc[0]
    assert (row["net_benefit"], row["ci_low"], row["ci_high"]) == pytest.approx((0.1, 0.1, 0.1))


@pytest.mark.parametrize(
    ("models", "options", "text"),
    [
        ({"all": [0.1, 0.2]}, {}, "reserved"),
        ({"m": [0.1, 1.2]}, {}, "outside"),
        ({"m": [0.1]}, {}, "shape"),
        ({}, {}, "name -> one value"),
        ({"m": [0.1, 0.2]}, {"thresholds": [0.5, 1.0]}, "thresholds"),
        ({"m": [0.1, 0.2]}, {"time": 1}, "binary"),
        ({"m": [0.1, 0.2]}, {"prevalence": 2}, "prevalence"),
        ({"m": [0.1, 0.2]}, {"harm": {"x": 1}}, "no model"),
    ],
)
def test_bad_input(models: dict[str, list[float]], options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        decision_curve([0, 1], models, **options)


def test_bad_survival_input(survival: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    y, models = survival
    with pytest.raises(InputError, match="needs time="):
        decision_curve(y, models)
    with pytest.raises(OutcomeError, match="longest follow-up"):
        decision_curve(y, models, time=1e6)
    with pytest.raises(InputError, match="reference"):
        decision_curve_difference(y, models, time=1.0, reference="best", n_bootstraps=2)
    with pytest.raises(OutcomeError, match="cause"):
        decision_curve(pd.DataFrame({"cause": [0.5, 1], "time": [1, 2]}), {"m": [0.1, 0.2]}, time=1.0)


def test_default_thresholds_are_the_percents_from_1_to_99() -> None:
    table = decision_curve([0, 0, 1, 1], {"m": [0.1, 0.4, 0.35, 0.8]})
    own = table.loc[table["model"] == "m", "threshold"]
    assert own.tolist() == [k / 100 for k in range(1, 100)]  # as dcurves::dca without 0 and 1


def test_two_resamples_are_the_fewest() -> None:
    y, models = [0, 0, 1, 1], {"m": [0.1, 0.4, 0.35, 0.8]}
    options = {"thresholds": [0.3], "random_state": 0}
    assert len(decision_curve_band(y, models, n_bootstraps=2, **options)) == 3
    with pytest.raises(InputError, match="n_bootstraps is 1"):
        decision_curve_band(y, models, n_bootstraps=1, **options)
