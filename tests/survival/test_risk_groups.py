"""Cut-points against maxstat, and risk groups that stay where training put them."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from survival_reference import GOLDEN, oracle_cases, oracle_values, random_target

from radiokit.engine.maxstat import _subset_counts, logrank_scores, p_hothorn_lausen
from radiokit.exceptions import DataWarning, InputError, OutcomeError, ParameterError
from radiokit.stats import logrank_test
from radiokit.survival import CoxModel, RiskStratifier, as_target, optimal_cutpoint


@pytest.mark.parametrize("name", ["surv", "surv2"])
@pytest.mark.parametrize(("score", "share"), [("x1", "0.1"), ("x2", "0.2")])
def test_cut_and_corrections_as_maxstat(shared, name: str, score: str, share: str) -> None:
    want = oracle_values(shared)[f"{name}.maxstat.{score}.{share}"]
    data, y = oracle_cases(shared, name)
    for method, p in (("lausen92", want["p"]["Lau92"]), ("lausen94", want["p"]["Lau94.M"])):
        cut = optimal_cutpoint(y, data[score], min_prop=float(share), method=method)
        assert cut.value == want["cutpoint"]
        assert cut.statistic == pytest.approx(want["M"], rel=1e-12)
        assert cut.p_value == pytest.approx(p, rel=1e-10)
        np.testing.assert_allclose(cut.curve["statistic"], want["stats"], rtol=1e-10)
    exact = optimal_cutpoint(y, data[score], min_prop=float(share))
    if len(data) <= 170:
        assert exact.p_value == pytest.approx(want["p"]["HL"], rel=1e-9)
    else:
        assert exact.method == "lausen94"


def test_exact_p_values_of_small_data_as_maxstat() -> None:
    table = pd.read_csv(GOLDEN / "maxstat.csv", float_precision="round_trip")
    for case, data in table.groupby("case"):
        cut = optimal_cutpoint(as_target(data["event"], data["time"]), data["x"])
        assert cut.p_value == pytest.approx(data["p"].iloc[0], rel=1e-10), case


def test_subset_counts_by_enumeration() -> None:
    scores = np.array([0, 1, 1, 3, 5])
    counts = _subset_counts(scores)
    for size in range(6):
        sums = [sum(c) for c in itertools.combinations(scores.tolist(), size)]
        np.testing.assert_array_equal(counts[size], np.bincount(sums, minlength=11))


@pytest.mark.parametrize("seed", range(4))
def test_p_value_of_one_cut_by_enumeration(seed: int) -> None:
    """With one admitted cut the bound is the exact two-sided permutation p-value of the rounded scores."""
    y = random_target(10, seed)
    scores = logrank_scores(y["time"], y["event"])
    whole = np.rint((scores - scores.min()) * 10 / np.ptp(scores))
    reached = abs(whole[:4].sum() - 0.4 * whole.sum()) - 1e-9
    sums = np.array([sum(c) for c in itertools.combinations(whole, 4)])
    expected = np.mean(np.abs(sums - 0.4 * whole.sum()) >= reached)
    assert p_hothorn_lausen(scores, np.array([4])) == pytest.approx(expected, rel=1e-9)


def test_search_is_paid_for_and_permutations_repeat() -> None:
    y, score = random_target(60, 2), np.random.default_rng(3).normal(size=60)
    cuts = [optimal_cutpoint(y, score, method="permutation", n_permutations=200, random_state=1) for _ in range(2)]
    assert cuts[0].p_value == cuts[1].p_value
    assert cuts[0].p_value > cuts[0].p_unadjusted
    assert cuts[0].p_unadjusted == logrank_test(y, score > cuts[0].value).p_value
    assert (cuts[0].n_low, cuts[0].n_high) == ((score <= cuts[0].value).sum(), (score > cuts[0].value).sum())
    assert "curve=<DataFrame>" in repr(cuts[0]) and "curve" not in cuts[0].to_frame()


def test_direction_does_not_matter() -> None:
    y, score = random_target(60, 2), np.random.default_rng(3).normal(size=60)
    up, down = optimal_cutpoint(y, score), optimal_cutpoint(y, -score)
    assert up.statistic == pytest.approx(down.statistic)


@pytest.mark.parametrize("method", ["hothorn-lausen", "lausen94", "lausen92"])
def test_noise_is_rarely_significant(method: str) -> None:
    generator = np.random.default_rng(0)
    small = [
        optimal_cutpoint(random_target(40, 100 + i), generator.normal(size=40), method=method).p_value < 0.05
        for i in range(60)
    ]
    assert np.mean(small) < 0.15


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda y: optimal_cutpoint(y, np.ones(20)), InputError, "1 distinct"),
        (lambda y: optimal_cutpoint(y, np.arange(20) == 0, min_prop=0.2), InputError, "no cut"),
        (lambda y: optimal_cutpoint(y, np.arange(20), min_prop=0.5), InputError, "min_prop"),
        (lambda y: optimal_cutpoint(y, np.arange(20), method="exact"), InputError, "method"),
        (lambda y: optimal_cutpoint(y, [np.nan, *range(19)]), InputError, "missing"),
        (lambda y: optimal_cutpoint(as_target(np.zeros(20), y["time"]), np.arange(20)), OutcomeError, "no events"),
        (
            lambda y: optimal_cutpoint(as_target(np.ones(20), np.ones(20)), np.arange(20)),
            OutcomeError,
            "one and the same",
        ),
    ],
)
def test_bad_input(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(random_target(20))


def _cohort(n: int = 100, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"], index=[f"case{i}" for i in range(n)])
    return X, as_target(rng.random(n) < 0.7, rng.exponential(np.exp(-X["a"])))


@pytest.mark.parametrize(("cut", "groups"), [("median", 2), ("maxstat", 2), ("tertiles", 3), (0.3, 2)])
def test_cut_is_learnt_in_fit_and_frozen(cut: str | float, groups: int) -> None:
    X, y = _cohort()
    model = RiskStratifier(CoxModel(), cut=cut).fit(X, y)
    other, _ = _cohort(50, 1)
    shifted = other.assign(a=other["a"] + 2.0)
    threshold = model.thresholds_.copy()
    risk = model.predict_risk(shifted)
    expected = (risk[:, None] > threshold).sum(axis=1)
    np.testing.assert_array_equal(model.predict(shifted), expected)
    np.testing.assert_array_equal(model.thresholds_, threshold)
    assert len(model.labels_) == groups
    named = model.stratify(shifted)
    assert named.index.equals(shifted.index) and named.cat.ordered
    assert named.astype(str).tolist() == [model.labels_[g] for g in expected]
    # A cohort of higher risk has more patients of high risk: nothing was cut anew.
    assert (model.predict(shifted) == groups - 1).mean() > (model.predict(X) == groups - 1).mean()


def test_thresholds_are_what_they_say() -> None:
    X, y = _cohort()
    risk = CoxModel().fit(X, y).predict(X)
    assert RiskStratifier(CoxModel()).fit(X, y).thresholds_[0] == pytest.approx(np.median(risk))
    tertiles = RiskStratifier(CoxModel(), cut="tertiles").fit(X, y)
    np.testing.assert_allclose(tertiles.thresholds_, np.quantile(risk, [1 / 3, 2 / 3]))
    best = RiskStratifier(CoxModel(), cut="maxstat", min_prop=0.2).fit(X, y)
    assert best.thresholds_[0] == best.cutpoint_.value == optimal_cutpoint(y, risk, min_prop=0.2).value


def test_single_cases_fall_where_the_cohort_put_them() -> None:
    X, y = _cohort()
    model = RiskStratifier(CoxModel()).fit(X, y)
    one_by_one = [int(model.predict(X.iloc[[i]])[0]) for i in range(20)]
    assert one_by_one == model.predict(X)[:20].tolist()


def test_empty_groups_and_unknown_cuts() -> None:
    X, y = _cohort()
    with pytest.warns(DataWarning, match="high"):
        RiskStratifier(CoxModel(), cut=1e6).fit(X, y)
    for cut in ("quartiles", True, None):
        with pytest.raises(ParameterError, match="cut"):
            RiskStratifier(CoxModel(), cut=cut).fit(X, y)
    with pytest.raises(OutcomeError):
        RiskStratifier(CoxModel()).fit(X, y["time"])
