"""The Cox kernels: R's survival on weighted, tied and clustered data; features one by one and all at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from survival_reference import golden, golden_cases, golden_target, random_target

from radiokit.engine.cox import fit_cox, partial_likelihood, risk_sets
from radiokit.engine.cox_residuals import robust_covariance, score_residuals
from radiokit.exceptions import InputError, OutcomeError, SeparationWarning
from radiokit.stats import cox_univariable


def _fit(ties: str, **options):
    cases, y = golden_cases(), golden_target()
    X = cases[["age", "marker", "sex"]].to_numpy(dtype=float)
    return fit_cox(X, y["time"], y["event"], ties=ties, **options)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_weighted_fit_as_coxph(ties: str) -> None:
    fit = _fit(ties, weights=golden_cases()["weight"].to_numpy(dtype=float))
    np.testing.assert_allclose(fit.coef, golden()[f"weighted.{ties}.coef"], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), golden()[f"weighted.{ties}.se"], rtol=1e-9)
    np.testing.assert_allclose(
        [fit.log_likelihood_null, fit.log_likelihood], golden()[f"weighted.{ties}.loglik"], rtol=1e-12
    )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cluster_sandwich_as_coxph(ties: str) -> None:
    fit = _fit(ties, weights=golden_cases()["weight"].to_numpy(dtype=float))
    covariance = robust_covariance(fit, golden_cases()["patient"].to_numpy() - 1)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), golden()[f"cluster.{ties}.se"], rtol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_derivatives_are_those_of_the_likelihood(ties: str) -> None:
    y = random_target(40, 1, digits=0)
    X = np.random.default_rng(2).normal(size=(40, 2))
    sets = risk_sets(y["time"], y["event"], ties=ties)
    X, beta = X[sets.order], np.array([0.4, -0.3])

    def value(b: np.ndarray) -> float:
        return partial_likelihood(sets, X, X @ b).value

    def score(b: np.ndarray) -> np.ndarray:
        return partial_likelihood(sets, X, X @ b).score

    state = partial_likelihood(sets, X, X @ beta)
    np.testing.assert_allclose(state.score, approx_fprime(beta, value, 1e-6), rtol=1e-4)
    np.testing.assert_allclose(state.information, -approx_fprime(beta, score, 1e-6), rtol=1e-4)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_residuals_sum_to_zero(ties: str) -> None:
    fit = _fit(ties)
    np.testing.assert_allclose(score_residuals(fit).sum(axis=0), 0, atol=1e-7)


def test_without_ties_both_methods_agree() -> None:
    y = random_target(50, 3, digits=12)
    X = np.random.default_rng(4).normal(size=(50, 3))
    efron, breslow = (fit_cox(X, y["time"], y["event"], ties=t) for t in ("efron", "breslow"))
    np.testing.assert_allclose(efron.coef, breslow.coef, rtol=1e-12)


def test_scales_and_origins_of_covariates() -> None:
    y = random_target(60)
    X = np.random.default_rng(1).normal(size=(60, 2))
    plain = fit_cox(X, y["time"], y["event"])
    moved = fit_cox(X * [1e6, 1e-6] + [1e7, 3.0], y["time"], y["event"])
    np.testing.assert_allclose(moved.coef * [1e6, 1e-6], plain.coef, rtol=1e-7)
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("unit", [1e100, 1e-100])
def test_covariates_of_any_magnitude(unit: float) -> None:
    y = random_target(60)
    x = np.random.default_rng(1).normal(size=(60, 1))
    plain = fit_cox(x, y["time"], y["event"])
    scaled = fit_cox(x * unit, y["time"], y["event"])
    assert scaled.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
    assert cox_univariable(x * unit, y).loc[0, "statistic"] == pytest.approx(cox_univariable(x, y).loc[0, "statistic"])


def test_doubled_cases_are_weights_of_two() -> None:
    y = random_target(30, digits=9)
    X = np.random.default_rng(1).normal(size=(30, 2))
    twice = np.repeat(np.arange(30), 2)
    doubled = fit_cox(X[twice], y["time"][twice], y["event"][twice], ties="breslow")
    weighted = fit_cox(X, y["time"], y["event"], ties="breslow", weights=np.full(30, 2.0))
    np.testing.assert_allclose(doubled.coef, weighted.coef, rtol=1e-10)


def test_aliased_columns_get_no_coefficient() -> None:
    y = random_target(40)
    a = np.random.default_rng(1).normal(size=40)
    fit = fit_cox(np.column_stack([a, np.full(40, 0.1), 2 * a + 1]), y["time"], y["event"])
    assert np.isfinite(fit.coef).tolist() == [True, False, False]
    alone = fit_cox(a[:, None], y["time"], y["event"])
    assert fit.coef[0] == pytest.approx(alone.coef[0], rel=1e-10)
    null = fit_cox(np.ones((40, 2)), y["time"], y["event"])
    assert not null.used.any() and null.log_likelihood == null.log_likelihood_null


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_all_features_at_once_are_models_one_by_one(ties: str) -> None:
    y = random_target(60, digits=0)
    X = pd.DataFrame(np.random.default_rng(3).normal(size=(60, 7)) * np.logspace(-3, 3, 7)).add_prefix("f")
    table = cox_univariable(X, y, ties=ties)
    assert table["feature"].tolist() == list(X.columns)
    for row in table.itertuples():
        one = fit_cox(X[[row.feature]].to_numpy(), y["time"], y["event"], ties=ties)
        assert row.coef == pytest.approx(one.coef[0], rel=1e-9)
        assert row.se == pytest.approx(np.sqrt(one.covariance[0, 0]), rel=1e-9)


def test_batches_do_not_change_a_feature(monkeypatch) -> None:
    y = random_target(50)
    X = np.random.default_rng(3).normal(size=(50, 20))
    whole = cox_univariable(X, y)
    monkeypatch.setattr("radiokit.stats._cox_univariable.BATCH_CELLS", 150)
    np.testing.assert_allclose(cox_univariable(X, y)["coef"], whole["coef"], rtol=1e-12)


def test_constant_separating_and_missing_features() -> None:
    y = random_target(30, digits=9)
    X = pd.DataFrame({"flat": np.full(30, 3.3), "good": np.random.default_rng(0).normal(size=30)})
    table = cox_univariable(X, y).set_index("feature")
    assert np.isnan(table.loc["flat", "coef"]) and np.isnan(table.loc["flat", "p_value"])
    assert np.isfinite(table.loc["good", "p_value"])
    with pytest.warns(SeparationWarning, match="time"):
        cox_univariable(pd.DataFrame({"time": -y["time"]}), y)
    with pytest.raises(InputError, match="good"):
        cox_univariable(X.assign(good=np.nan), y)
    y["event"] = False
    with pytest.raises(OutcomeError, match="no events"):
        cox_univariable(X, y)
