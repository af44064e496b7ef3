"""Time-dependent AUC, Brier score and competing risks: R's values, limits in which they are known, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from survival_reference import oracle_cases, oracle_values, random_target

from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import (
    auc,
    brier_curve,
    compare_time_auc,
    cumulative_incidence,
    gray_test,
    integrated_brier,
    kaplan_meier,
    logrank_test,
    time_auc,
)
from radiokit.utils import as_survival_target


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_auc_as_score(shared, name: str) -> None:
    values = oracle_values(shared)
    _, y = oracle_cases(shared, name)
    for times, key in ((values[f"{name}.offset_times"], "offset.Score"), (values[f"{name}.eval_times"], "Score")):
        want = pd.DataFrame(values[f"{name}.{key}"]["AUC"]["columns"])
        want = want[want["model"] == "full"]
        table = time_auc(y, values[f"{name}.markers"]["lp_full"], times)
        np.testing.assert_allclose(table["auc"], want["AUC"], rtol=1e-10)
        np.testing.assert_allclose(table["se"], want["se"], rtol=1e-9)


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_difference_of_aucs_as_score(shared, name: str) -> None:
    values = oracle_values(shared)
    _, y = oracle_cases(shared, name)
    want = pd.DataFrame(values[f"{name}.Score"]["AUC_contrast"]["columns"])
    want = want[(want["model"] == "x1x2") & (want["reference"] == "full")]
    a, b = values[f"{name}.markers"].values()
    table = compare_time_auc(y, a, b, values[f"{name}.eval_times"])
    np.testing.assert_allclose(table["difference"], -want["delta.AUC"], rtol=1e-9)
    np.testing.assert_allclose(table["se"], want["se"], rtol=1e-9)
    np.testing.assert_allclose(table["p_value"], want["p"], rtol=1e-7)
    assert np.isnan(compare_time_auc(y, a, b, [1e6])["p_value"]).all()


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_brier_as_score(shared, name: str) -> None:
    values = oracle_values(shared)
    _, y = oracle_cases(shared, name)
    want = pd.DataFrame(values[f"{name}.Score"]["Brier"]["columns"])
    full = np.array(values[f"{name}.risks"]["full"]["data"])
    table = brier_curve(y, 1 - full, values[f"{name}.eval_times"])
    np.testing.assert_allclose(table["brier"], want.loc[want["model"] == "full", "Brier"], rtol=1e-9)
    np.testing.assert_allclose(table["brier_null"], want.loc[want["model"] == "Null model", "Brier"], rtol=1e-9)


def test_without_censoring_auc_and_brier_are_the_binary_ones() -> None:
    rng = np.random.default_rng(0)
    time, risk = rng.exponential(size=50), rng.normal(size=50)
    y = as_survival_target(np.ones(50), time)
    label = time <= 0.7
    assert time_auc(y, risk, 0.7).loc[0, "auc"] == pytest.approx(auc(label, risk).auc)
    alive = 1 / (1 + np.exp(risk))
    assert brier_curve(y, alive, 0.7).loc[0, "brier"] == pytest.approx(np.mean((~label - alive) ** 2))


def test_weights_of_the_censored_sum_to_one() -> None:
    """With S = 0 for all, the score is the weighted share alive: the Kaplan-Meier estimate."""
    y = random_target(60)
    score = brier_curve(y, np.zeros((60, 1)), 4.0).loc[0, "brier"]
    curve = kaplan_meier(y)
    assert score == pytest.approx(curve.loc[curve["time"] <= 4, "survival"].iloc[-1])


def test_influence_has_mean_zero_and_order_does_not_matter() -> None:
    y, risk = random_target(60), np.random.default_rng(1).normal(size=60).round(1)
    shuffle = np.random.default_rng(2).permutation(60)
    pd.testing.assert_frame_equal(time_auc(y, risk, [2, 4]), time_auc(y[shuffle], risk[shuffle], [2, 4]))
    flipped = time_auc(y, -risk, [2, 4])
    np.testing.assert_allclose(flipped["auc"], 1 - time_auc(y, risk, [2, 4])["auc"])
    np.testing.assert_allclose(flipped["se"], time_auc(y, risk, [2, 4])["se"])


def test_times_without_cases_or_controls() -> None:
    y = as_survival_target([1, 0, 1], [2, 3, 4])
    table = time_auc(y, [3, 2, 1], [1, 2.5, 4, 9])
    assert np.isnan(table["auc"]).tolist() == [True, False, True, True]
    assert np.isnan(brier_curve(y, np.full((3, 2), 0.5), [2.5, 9])["brier"]).tolist() == [False, True]


def test_integral_of_a_constant_is_the_constant() -> None:
    y = random_target(40)
    assert integrated_brier(y, np.full((40, 3), 0.5), [1, 2, 3]) == pytest.approx(0.25)


def test_bad_predictions() -> None:
    y = random_target(10)
    for matrix, message in (
        (np.full((10, 2), 0.5), "shape"),
        (np.full((10, 1), 1.5), "outside"),
        ([[np.nan]] * 10, "missing"),
    ):
        with pytest.raises(InputError, match=message):
            brier_curve(y, matrix, [2.0])
    with pytest.raises(InputError, match="increasing"):
        integrated_brier(y, np.full((10, 2), 0.5), [2, 1])
    with pytest.raises(InputError, match="follow-up"):
        integrated_brier(y, np.full((10, 2), 0.5), [1, 1e6])
    with pytest.raises(InputError, match="times"):
        time_auc(y, np.arange(10), [-1.0])


@pytest.fixture(scope="module")
def competing(shared) -> tuple[pd.DataFrame, dict]:
    return pd.read_csv(shared / "oracles/data/shared_cr.csv", float_precision="round_trip"), oracle_values(shared)


def test_incidence_and_gray_as_cmprsk(competing) -> None:
    data, values = competing
    table = cumulative_incidence(data["time"], data["cause"], groups=data["grp"])
    want = values["cr.cuminc_group"]
    for r, label in enumerate(want["est"]["rows"]):
        group, cause = label.split()
        part = table[(table["group"] == group) & (table["cause"] == int(cause))]
        rows = np.searchsorted(part["time"], [60, 120, 240], side="right") - 1
        np.testing.assert_allclose(part["cumulative_incidence"].to_numpy()[rows], want["est"]["data"][r], rtol=1e-12)
        np.testing.assert_allclose(part["se"].to_numpy()[rows] ** 2, want["var"]["data"][r], rtol=1e-10)
    test = gray_test(data["time"], data["cause"], data["grp"])
    gray = pd.DataFrame(want["gray_tests"]["data"], columns=want["gray_tests"]["cols"])
    np.testing.assert_allclose(test["statistic"], gray["stat"], rtol=1e-10)


def test_incidences_and_survival_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    time, cause = np.ceil(rng.exponential(9, 80)), rng.integers(0, 4, 80)
    table = cumulative_incidence(time, cause)
    total = table.groupby("time")["cumulative_incidence"].sum()
    curve = kaplan_meier(as_survival_target(cause > 0, time)).set_index("time")["survival"]
    np.testing.assert_allclose(total, 1 - curve[total.index])
    assert (table["ci_low"] <= table["cumulative_incidence"]).all()
    assert (table["ci_high"] >= table["cumulative_incidence"]).all()


def test_one_cause_is_kaplan_meier_and_the_logrank_test() -> None:
    y = random_target(60, digits=9)
    table = cumulative_incidence(y["time"], y["event"].astype(int))
    curve = kaplan_meier(y)
    curve = curve[curve["n_events"] > 0]
    np.testing.assert_allclose(table["cumulative_incidence"], 1 - curve["survival"])
    # cmprsk's variance has no factor (n - d)/n and is a little larger than Greenwood's.
    ratio = table["se"].to_numpy()[:20] / curve["se"].to_numpy()[:20]
    assert ((ratio > 1) & (ratio < 1.03)).all()
    groups = np.arange(60) % 2
    gray = gray_test(y["time"], y["event"].astype(int), groups).loc[0, "p_value"]
    assert gray == pytest.approx(logrank_test(y, groups).p_value, abs=0.05)


def test_a_group_without_events_and_bad_causes() -> None:
    table = cumulative_incidence([1, 2, 3, 4], [1, 1, 0, 0], groups=["a", "a", "b", "b"])
    assert (table.loc[table["group"] == "b", "cumulative_incidence"] == 0).all()
    for cause in (["x", "y"], [0.5, 1], [-1, 1], [0, 0], [np.nan, 1]):
        with pytest.raises(OutcomeError, match="cause"):
            cumulative_incidence([1, 2], cause)
    with pytest.raises(OutcomeError, match="negative"):
        cumulative_incidence([-1, 2], [1, 0])
    with pytest.raises(InputError, match="at least 2"):
        gray_test([1, 2], [1, 0], ["a", "a"])


def test_an_event_at_the_very_horizon_is_a_case_and_a_censoring_there_no_control() -> None:
    """T <= t are cases, T > t controls (Uno et al. 2007): by hand, without censoring before t."""
    y = pd.DataFrame({"event": [1, 1, 0, 1, 0], "time": [1.0, 2.0, 2.0, 3.0, 4.0]})
    row = time_auc(y, [4.0, 1.0, 9.0, 2.0, 3.0], [2.0]).iloc[0]
    assert (row["n_cases"], row["n_controls"]) == (2, 2)
    assert row["auc"] == pytest.approx((2 + 0) / 4)  # the first beats both controls, the second none
    later = time_auc(y, [4.0, 1.0, 9.0, 2.0, 3.0], [1.999]).iloc[0]
    assert (later["n_cases"], later["n_controls"]) == (1, 4)


def test_limits_of_the_time_auc_are_wald_at_the_level_asked_for() -> None:
    rng = np.random.default_rng(0)
    y = pd.DataFrame({"event": rng.random(80) < 0.7, "time": rng.exponential(2, 80)})
    row = time_auc(y, rng.normal(size=80), [1.0], confidence_level=0.8).iloc[0]
    np.testing.assert_allclose(
        [row["ci_low"], row["ci_high"]], row["auc"] + 1.2815515655446004 * row["se"] * np.array([-1, 1]), rtol=1e-12
    )
