"""Kaplan-Meier, medians, restricted means and the log-rank test against R, and what must always hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from survival_reference import golden, golden_cases, golden_target, oracle_cases, oracle_values, random_target

from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import (
    adjust_pvalues,
    kaplan_meier,
    logrank_test,
    median_survival,
    pairwise_logrank,
    rmst,
    rmst_difference,
)
from radiokit.utils import as_survival_target


@pytest.mark.parametrize("ci", ["log", "log-log", "plain"])
def test_curve_as_survfit(ci: str) -> None:
    curve = kaplan_meier(golden_target(), ci=ci, confidence_level=0.9)
    rows = np.searchsorted(curve["time"], [2, 5, 9, 14], side="right") - 1
    got = np.concatenate([curve[name].to_numpy()[rows] for name in ("survival", "se", "ci_low", "ci_high")])
    np.testing.assert_allclose(got, golden()[f"km.{ci}"], rtol=1e-12)


def test_medians_as_survfit() -> None:
    table = median_survival(golden_target(), groups=golden_cases()["site"])
    got = table[["median", "ci_low", "ci_high"]].to_numpy().T.ravel()
    np.testing.assert_allclose(got, golden()["median"])
    assert table["n"].sum() == 60


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_restricted_mean_as_surv_rm2(shared, name: str) -> None:
    values = oracle_values(shared)
    data, y = oracle_cases(shared, name)
    tau = values[f"{name}.eval_times"][2]
    table = rmst(y, tau=tau, groups=data["group2"])
    for row, arm in zip(table.itertuples(), ("arm0", "arm1"), strict=True):
        want = values[f"{name}.rmst"][arm]
        assert row.rmst == pytest.approx(want["Est."], rel=1e-12)
        assert row.se == pytest.approx(want["se"], rel=1e-12)
    test = rmst_difference(y, data["group2"], tau=tau)
    want = values[f"{name}.rmst"]["unadjusted"]["data"][0]
    np.testing.assert_allclose([test.difference, test.ci_low, test.ci_high, test.p_value], want, rtol=1e-9)


def test_stratified_logrank_as_survdiff() -> None:
    cases = golden_cases()
    test = logrank_test(golden_target(), cases["site"], strata=cases["sex"])
    assert test.statistic == pytest.approx(golden()["survdiff.strata"][0], rel=1e-12)
    assert test.df == 2


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_logrank_as_survdiff(shared, name: str) -> None:
    values = oracle_values(shared)
    data, y = oracle_cases(shared, name)
    for groups in ("group2", "group3"):
        test = logrank_test(y, data[groups])
        assert test.statistic == pytest.approx(values[f"{name}.survdiff.{groups}.rho0"]["chisq"], rel=1e-10)


def test_order_of_cases_does_not_matter() -> None:
    y, shuffle = random_target(80), np.random.default_rng(1).permutation(80)
    groups = np.arange(80) % 3
    pd.testing.assert_frame_equal(kaplan_meier(y, groups=groups), kaplan_meier(y[shuffle], groups=groups[shuffle]))
    assert logrank_test(y, groups).statistic == pytest.approx(logrank_test(y[shuffle], groups[shuffle]).statistic)


def test_time_unit_scales_times_only() -> None:
    y = random_target(60)
    years = as_survival_target(y["event"], y["time"] * 12)
    assert rmst(years, tau=60).loc[0, "rmst"] == pytest.approx(12 * rmst(y, tau=5).loc[0, "rmst"])
    assert median_survival(years).loc[0, "median"] == pytest.approx(12 * median_survival(y).loc[0, "median"])
    groups = np.arange(60) % 2
    assert logrank_test(years, groups).statistic == pytest.approx(logrank_test(y, groups).statistic)


def test_without_censoring_the_curve_is_the_share_alive() -> None:
    time = np.array([1.0, 2, 2, 3, 5])
    curve = kaplan_meier(as_survival_target(np.ones(5), time))
    np.testing.assert_allclose(curve["survival"], [(time > t).mean() for t in curve["time"]], atol=1e-15)
    last = curve.iloc[-1]
    assert last["survival"] == 0 and np.isnan(last["se"]) and np.isnan(last["ci_high"])


def test_nobody_has_the_event() -> None:
    y = as_survival_target(np.zeros(4), [1, 2, 3, 3])
    curve = kaplan_meier(y)
    assert (curve["survival"] == 1).all() and (curve["ci_low"] == 1).all()
    assert np.isnan(median_survival(y).loc[0, "median"])
    with pytest.raises(OutcomeError, match="no events"):
        logrank_test(y, [0, 0, 1, 1])


def test_events_at_time_zero_and_all_times_tied() -> None:
    curve = kaplan_meier(as_survival_target([1, 1, 0], [0, 2, 2]))
    assert curve["time"].tolist() == [0, 2]
    assert curve["survival"].tolist() == pytest.approx([2 / 3, 1 / 3])
    tied = logrank_test(as_survival_target([1, 1, 1, 1], [3, 3, 3, 3]), ["a", "a", "b", "b"])
    assert np.isnan(tied.statistic) and np.isnan(tied.p_value)


def test_a_flat_half_gives_the_midpoint() -> None:
    assert median_survival(as_survival_target([1, 1, 1, 1], [1, 2, 6, 8])).loc[0, "median"] == 4


def test_trend_of_two_groups_is_the_logrank_test() -> None:
    y, groups = random_target(50), np.arange(50) % 2
    assert logrank_test(y, groups, trend=True).statistic == pytest.approx(logrank_test(y, groups).statistic)


def test_pairs_are_tests_of_two_groups() -> None:
    y, groups = random_target(90), np.array(["a", "b", "c"])[np.arange(90) % 3]
    table = pairwise_logrank(y, groups, adjust="holm")
    for row in table.itertuples():
        keep = np.isin(groups, [row.group_a, row.group_b])
        assert row.p_value == pytest.approx(logrank_test(y[keep], groups[keep]).p_value)
    np.testing.assert_allclose(table["p_adjusted"], adjust_pvalues(table["p_value"], method="holm"))


def test_a_group_of_one_case_and_categories_in_their_order() -> None:
    y = random_target(20)
    groups = pd.Categorical(["low"] * 19 + ["high"], categories=["low", "high", "unused"], ordered=True)
    assert kaplan_meier(y, groups=groups)["group"].unique().tolist() == ["low", "high"]
    assert logrank_test(y, groups).df == 1


def test_horizon_beyond_the_follow_up() -> None:
    y = as_survival_target([1, 0], [1, 5])
    with pytest.raises(InputError, match="followed up to 5"):
        rmst(y, tau=6)
    assert rmst(as_survival_target([1, 1], [1, 5]), tau=6).loc[0, "rmst"] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: kaplan_meier(y, ci="logit"), "ci is 'logit'"),
        (lambda y: kaplan_meier(y, groups=[1, 2]), "2 values for 20 cases"),
        (lambda y: kaplan_meier(y, groups=[None, *[1] * 19]), "1 missing"),
        (lambda y: kaplan_meier(y, groups=np.ones((20, 2))), "shape"),
        (lambda y: rmst(y, tau="late"), "numbers"),
        (lambda y: kaplan_meier(y, confidence_level=95), "confidence_level"),
        (lambda y: logrank_test(y, np.ones(20)), "at least 2"),
        (lambda y: rmst_difference(y, np.arange(20) % 3, tau=0.1), "3 groups"),
        (lambda y: rmst(y, tau=-1), "tau"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(random_target(20))


@pytest.mark.parametrize("time", [[1.0, np.nan], [1.0, -2.0], [1.0, np.inf]])
def test_bad_times(time: list[float]) -> None:
    with pytest.raises(OutcomeError):
        kaplan_meier(pd.DataFrame({"event": [1, 0], "time": time}))
