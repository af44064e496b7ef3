"""Concordance against R's survival, a double loop, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from survival_reference import golden, golden_cases, golden_target, oracle_cases, oracle_values, random_target

from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import auc, compare_concordance, concordance_index
from radiokit.utils import as_survival_target


@pytest.mark.parametrize(("method", "timewt"), [("harrell", "n"), ("uno", "n/G2")])
@pytest.mark.parametrize("tau", [8, 100])
def test_as_survival_concordance(method: str, timewt: str, tau: int) -> None:
    result = concordance_index(golden_target(), golden_cases()["marker"], method=method, tau=tau)
    np.testing.assert_allclose([result.estimate, result.se], golden()[f"concordance {timewt} {tau}"], rtol=1e-11)


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_comparison_as_survival(shared, name: str) -> None:
    values = oracle_values(shared)
    _, y = oracle_cases(shared, name)
    a, b = (
        values[f"{name}.markers"].values()
        if "columns" not in values[f"{name}.markers"]
        else values[f"{name}.markers"]["columns"].values()
    )
    test, want = compare_concordance(y, a, b), values[f"{name}.cindex.concordance_pair"]
    assert test.difference == pytest.approx(want["diff"], rel=1e-10)
    assert test.se == pytest.approx(want["se_diff"], rel=1e-9)


@pytest.mark.parametrize("digits", [0, 1])
def test_counts_of_a_double_loop(digits: int) -> None:
    y = random_target(70, 3, digits=digits)
    risk = np.random.default_rng(4).integers(0, 8, 70)
    counts = {"concordant": 0, "discordant": 0, "tied": 0}
    for i in np.flatnonzero(y["event"]):
        for j in range(70):
            later = y["time"][j] > y["time"][i] or (y["time"][j] == y["time"][i] and not y["event"][j])
            if later:
                sign = np.sign(risk[i] - risk[j])
                counts[{1: "concordant", -1: "discordant", 0: "tied"}[int(sign)]] += 1
    got = concordance_index(y, risk)
    assert (got.n_concordant, got.n_discordant, got.n_tied) == tuple(counts.values())
    assert got.n_pairs == sum(counts.values())


def test_direction_permutation_and_monotone_maps() -> None:
    y, risk = random_target(60), np.random.default_rng(2).normal(size=60)
    got = concordance_index(y, risk)
    assert concordance_index(y, -risk).estimate == pytest.approx(1 - got.estimate)
    assert concordance_index(y, np.exp(3 * risk)).estimate == got.estimate
    shuffle = np.random.default_rng(5).permutation(60)
    assert concordance_index(y[shuffle], risk[shuffle]).se == pytest.approx(got.se, rel=1e-12)


def test_uno_without_censoring_is_harrell() -> None:
    y = as_survival_target(np.ones(40), np.random.default_rng(0).exponential(size=40))
    risk = np.random.default_rng(1).normal(size=40)
    assert concordance_index(y, risk, method="uno").estimate == concordance_index(y, risk).estimate


def test_one_time_of_events_is_an_auc() -> None:
    label, risk = np.arange(30) % 3 == 0, np.random.default_rng(6).normal(size=30)
    y = as_survival_target(label, np.where(label, 1.0, 2.0))
    assert concordance_index(y, risk).estimate == pytest.approx(auc(label, risk).auc)


def test_identical_scores_do_not_differ() -> None:
    y, risk = random_target(30), np.arange(30.0)
    test = compare_concordance(y, risk, risk)
    assert (test.difference, test.statistic, test.p_value) == (0, 0, 1)


def test_interval_stays_within_limits() -> None:
    y = as_survival_target([1, 1, 1, 0], [1, 2, 3, 4])
    got = concordance_index(y, [4, 3, 2, 1])
    assert got.estimate == 1 and got.ci_high == 1 and got.se == 0
    assert concordance_index(y, np.zeros(4)).estimate == 0.5


def test_a_million_pairs_in_a_moment() -> None:
    y = random_target(20_000, digits=3)
    assert 0.45 < concordance_index(y, np.random.default_rng(0).normal(size=20_000)).estimate < 0.55


def test_no_comparable_pair() -> None:
    for y in (
        as_survival_target([0, 0], [1, 2]),
        as_survival_target([1, 1], [3, 3]),
        as_survival_target([0, 1], [1, 2]),
    ):
        with pytest.raises(OutcomeError, match="comparable"):
            concordance_index(y, [1, 2])


def test_bad_input() -> None:
    y = random_target(10)
    for risk in (np.arange(9), [np.nan, *range(9)]):
        with pytest.raises(InputError, match="risk"):
            concordance_index(y, risk)
    with pytest.raises(InputError, match="method"):
        concordance_index(y, np.arange(10), method="somers")
    with pytest.raises(OutcomeError, match="event"):
        concordance_index(np.arange(10.0), np.arange(10))
