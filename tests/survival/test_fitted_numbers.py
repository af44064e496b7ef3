"""Every number that a survival model keeps, by its definition: sums over risk sets, written out case by case."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, norm
from survival_reference import random_target

from radiokit.exceptions import InputError
from radiokit.models import likelihood_ratio
from radiokit.survival import (
    CoxElasticNet,
    CoxModel,
    RiskStratifier,
    as_target,
    optimal_cutpoint,
    proportional_hazards_test,
)
from radiokit.survival.competing_risks import FineGray


def _cases(n: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"a": rng.normal(1, 1, n), "b": rng.normal(0, 2, n)})
    y = random_target(n, 11, digits=0)  # whole times: many ties
    y["time"] += 1
    return X, y


def _log_likelihood(X: np.ndarray, y: np.ndarray, beta: np.ndarray, ties: str) -> float:
    """Breslow 1974 and Efron 1977: the tied deaths leave the risk set together, or one after the other in parts."""
    eta, total = X @ beta, 0.0
    for t in np.unique(y["time"][y["event"]]):
        dead = y["event"] & (y["time"] == t)
        at_risk, dying = np.exp(eta[y["time"] >= t]).sum(), np.exp(eta[dead]).sum()
        d = int(dead.sum())
        total += eta[dead].sum()
        for k in range(d):
            total -= np.log(at_risk - (k / d * dying if ties == "efron" else 0))
    return total


def _gradient(f: Callable[[np.ndarray], float], at: np.ndarray, h: float = 1e-5) -> np.ndarray:
    return np.array([(f(at + h * e) - f(at - h * e)) / (2 * h) for e in np.eye(at.size)])


def _information(f: Callable[[np.ndarray], float], at: np.ndarray, h: float = 1e-4) -> np.ndarray:
    return -np.array([(_gradient(f, at + h * e, h) - _gradient(f, at - h * e, h)) / (2 * h) for e in np.eye(at.size)])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_likelihood_and_its_three_tests(ties: str) -> None:
    X, y = _cases()
    model = CoxModel(ties=ties, confidence_level=0.9).fit(X, y)

    def f(beta: np.ndarray) -> float:
        return _log_likelihood(X.to_numpy(), y, beta, ties)

    zero, beta = np.zeros(2), model.coef_
    np.testing.assert_allclose(_gradient(f, beta), 0, atol=1e-5)
    assert model.log_likelihood_ == pytest.approx(f(beta), rel=1e-12)
    assert model.log_likelihood_null_ == pytest.approx(f(zero), rel=1e-12)
    information = _information(f, beta)
    np.testing.assert_allclose(model.covariance_, np.linalg.inv(information), rtol=1e-4)
    score = _gradient(f, zero)
    for test, want in (
        (model.likelihood_ratio_, 2 * (f(beta) - f(zero))),
        (model.wald_, beta @ information @ beta),
        (model.score_test_, score @ np.linalg.solve(_information(f, zero), score)),
    ):
        assert test.statistic == pytest.approx(want, rel=1e-4)
        assert test.df == 2
        assert test.p_value == pytest.approx(chi2.sf(want, 2), rel=1e-3)
    assert model.aic_ == pytest.approx(2 * 2 - 2 * f(beta))
    assert (model.n_, model.n_events_) == (60, int(y["event"].sum()))
    assert model.events_per_parameter_ == y["event"].sum() / 2
    np.testing.assert_allclose(model.center_, X.mean())
    se = np.sqrt(np.diag(np.linalg.inv(information)))
    row = model.summary_
    np.testing.assert_allclose(row["se"], se, rtol=1e-4)
    np.testing.assert_allclose(row["statistic"], beta / se, rtol=1e-4)
    np.testing.assert_allclose(row["p_value"], 2 * norm.sf(np.abs(beta / se)), rtol=1e-3)
    np.testing.assert_allclose(row["hazard_ratio"], np.exp(beta))
    np.testing.assert_allclose(row["ci_low"], np.exp(beta - 1.6448536269514722 * se), rtol=1e-4)
    np.testing.assert_allclose(row["ci_high"], np.exp(beta + 1.6448536269514722 * se), rtol=1e-4)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_baseline_is_the_sum_over_risk_sets(ties: str) -> None:
    X, y = _cases()
    model = CoxModel(ties=ties).fit(X, y)
    risk = np.exp((X.to_numpy() - X.to_numpy().mean(axis=0)) @ model.coef_)
    times, total, want = np.unique(y["time"][y["event"]]), 0.0, []
    for t in times:
        dead = y["event"] & (y["time"] == t)
        d = int(dead.sum())
        for k in range(d):
            total += 1 / (risk[y["time"] >= t].sum() - (k / d * risk[dead].sum() if ties == "efron" else 0))
        want.append(total)
    table = model.baseline_.set_index("time").loc[times]
    np.testing.assert_allclose(table["cumulative_hazard"], want, rtol=1e-9)
    np.testing.assert_allclose(table["survival"], np.exp(-np.array(want)), rtol=1e-9)
    np.testing.assert_allclose(model.predict(X), np.log(risk), atol=1e-9)
    np.testing.assert_allclose(model.predict_survival(X, times), np.exp(-np.outer(risk, want)), rtol=1e-9)
    # Followed to the last time and no further; between two deaths the curve is level.
    last = y["time"].max()
    assert np.isfinite(model.predict_survival(X, [last])).all()
    assert np.isnan(model.predict_survival(X, [last + 1e-6])).all()
    assert (model.predict_survival(X, [times[1] + 0.4]) == model.predict_survival(X, [times[1]])).all()


def test_medians_are_those_of_the_own_stratum() -> None:
    X, y = _cases()
    X["site"] = np.where(np.arange(60) % 3 == 0, "north", "south")
    X["ward"] = np.arange(60) % 2
    model = CoxModel(strata=["site", "ward"]).fit(X, y)
    found = model.predict_median(X)
    for i in range(60):
        mine = (X["site"] == X["site"][i]).to_numpy() & (X["ward"] == X["ward"][i]).to_numpy()
        times = np.unique(y["time"][mine & y["event"]])
        curve = model.predict_survival(X.iloc[[i]], times)[0]
        want = times[curve <= 0.5][0] if (curve <= 0.5).any() else np.nan
        assert found[i] == pytest.approx(want, nan_ok=True)
    assert np.isfinite(found).any()
    # A plain column of the joint groups is the same strata.
    joint = X[["a", "b"]].assign(group=X["site"] + X["ward"].astype(str))
    alone = CoxModel(strata="group").fit(joint, y)
    np.testing.assert_allclose(alone.coef_, model.coef_, rtol=1e-10)
    np.testing.assert_allclose(alone.predict_median(joint), found)


def test_subdistribution_without_censoring() -> None:
    """All times are seen, so every weight is 1: whom another cause took stays at risk for ever."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=50), "b": rng.normal(size=50)})
    time, cause = np.round(rng.exponential(5, 50) + 0.1, 0), rng.integers(1, 3, 50)
    model = FineGray(cause=2, confidence_level=0.9).fit(X, pd.DataFrame({"time": time, "cause": cause}))
    # The same as Cox's model with the competing events censored after the last time.
    y = as_target(cause == 2, np.where(cause == 2, time, time.max() + 1))
    np.testing.assert_allclose(model.coef_, CoxModel(ties="breslow").fit(X, y).coef_, rtol=1e-8)
    assert (model.n_, model.n_events_, model.n_competing_) == (50, (cause == 2).sum(), (cause == 1).sum())
    beta = model.coef_
    gain = _log_likelihood(X.to_numpy(), y, beta, "breslow") - _log_likelihood(X.to_numpy(), y, 0 * beta, "breslow")
    assert model.likelihood_ratio_.statistic == pytest.approx(2 * gain, rel=1e-9)
    assert model.likelihood_ratio_.df == 2
    assert model.likelihood_ratio_.p_value == pytest.approx(chi2.sf(2 * gain, 2), rel=1e-8)
    np.testing.assert_allclose(model.center_, X.mean())
    risk = np.exp((X - X.mean()).to_numpy() @ beta)
    times = np.unique(time[cause == 2])
    steps = [(cause[time == t] == 2).sum() / risk[y["time"] >= t].sum() for t in times]
    table = model.baseline_.set_index("time").loc[times]
    np.testing.assert_allclose(table["cumulative_hazard"], np.cumsum(steps), rtol=1e-9)
    np.testing.assert_allclose(table["cumulative_incidence"], 1 - np.exp(-np.cumsum(steps)), rtol=1e-9)
    found = model.predict_cumulative_incidence(X, times)
    np.testing.assert_allclose(found, 1 - np.exp(-np.outer(risk, np.cumsum(steps))), rtol=1e-9)
    assert np.isnan(model.predict_cumulative_incidence(X, [time.max() + 1e-6])).all()
    row = model.summary_
    se = np.sqrt(np.diag(model.covariance_))
    np.testing.assert_allclose(row["ci_low"], np.exp(beta - 1.6448536269514722 * se), rtol=1e-9)


def test_what_a_penalised_fit_keeps() -> None:
    X, y = _cases()
    model = CoxElasticNet(l1_ratio=0.5, lambdas=[0.2, 0.05, 0.01], cv=4, random_state=0).fit(X, y)
    assert (model.n_, model.n_events_) == (60, int(y["event"].sum()))
    np.testing.assert_allclose(model.center_, X.mean())
    assert model.coef_path_.shape == (3, 2)
    row = int(np.flatnonzero(model.path_["lambda"] == model.lambda_)[0])
    assert model.path_["chosen"].tolist() == [k == row for k in range(3)]
    np.testing.assert_array_equal(model.coef_, model.coef_path_[row])
    # Glmnet's criterion has its minimum there: the gradient of the smooth part balances the penalty.
    sd, n = X.to_numpy().std(axis=0), len(X)
    for lam, beta in zip(model.path_["lambda"], model.coef_path_, strict=True):
        slope = _gradient(lambda b: _log_likelihood(X.to_numpy(), y, b, "breslow") / n, beta) / sd
        scaled = beta * sd
        pull = slope - lam * 0.5 * scaled
        used = beta != 0
        np.testing.assert_allclose(pull[used], lam * 0.5 * np.sign(beta[used]), atol=1e-5)
        assert (np.abs(pull[~used]) <= lam * 0.5 + 1e-6).all()
    risk = np.exp((X - X.mean()).to_numpy() @ model.coef_)
    times = np.unique(y["time"][y["event"]])
    steps = [(y["event"] & (y["time"] == t)).sum() / risk[y["time"] >= t].sum() for t in times]
    table = model.baseline_.set_index("time").loc[times]
    np.testing.assert_allclose(table["cumulative_hazard"], np.cumsum(steps), rtol=1e-9)
    np.testing.assert_allclose(model.predict(X), np.log(risk), atol=1e-12)
    np.testing.assert_allclose(model.predict_survival(X, times), np.exp(-np.outer(risk, np.cumsum(steps))), rtol=1e-9)


def test_every_admitted_cut_and_its_statistic() -> None:
    """Log-rank scores and their permutation variance by their definitions (Lausen and Schumacher 1992)."""
    y = random_target(40, 6, digits=9)
    score = np.round(np.random.default_rng(8).normal(size=40), 1)
    cut = optimal_cutpoint(y, score, min_prop=0.2, method="lausen94")
    a = np.array([
        y["event"][i]
        - sum(y["event"][j] / ((y["time"] > y["time"][j]).sum() + 1) for j in range(40) if y["time"][j] <= y["time"][i])
        for i in range(40)
    ])  # fmt: skip
    want = {}
    for value in np.unique(score)[:-1]:
        low = score <= value
        m = int(low.sum())
        if 8 <= m <= 32:
            spread = m * (40 - m) / (40 * 39) * np.sum((a - a.mean()) ** 2)
            want[value] = (abs(a[low].sum() - m * a.mean()) / np.sqrt(spread), m)
    found = cut.curve
    assert found["threshold"].tolist() == list(want)
    np.testing.assert_allclose(found["statistic"], [s for s, _ in want.values()], rtol=1e-9)
    assert found["n_low"].tolist() == [m for _, m in want.values()]
    best = max(want, key=lambda value: want[value][0])
    assert (cut.value, cut.n_low, cut.n_high, cut.method) == (best, want[best][1], 40 - want[best][1], "lausen94")
    assert cut.statistic == pytest.approx(want[best][0], rel=1e-9)


def test_proportional_hazards_is_the_score_test_of_a_time_by_covariate_term() -> None:
    """Numerical derivatives of the likelihood with x g(t) beside x, at its coefficient 0."""
    X, y = _cases()
    x = X[["a"]]
    model = CoxModel(ties="breslow").fit(x, y)
    for name, g in (("identity", lambda t: t), ("log", np.log)):

        def f(theta: np.ndarray, g: Callable[[float], float] = g) -> float:
            total, a = 0.0, x["a"].to_numpy()
            for t in np.unique(y["time"][y["event"]]):
                slope = theta[0] + theta[1] * g(t)
                dead, later = y["event"] & (y["time"] == t), y["time"] >= t
                total += slope * a[dead].sum() - dead.sum() * np.log(np.exp(slope * a[later]).sum())
            return total

        at = np.array([model.coef_[0], 0.0])
        score = _gradient(f, at)
        want = score @ np.linalg.solve(_information(f, at), score)
        found = proportional_hazards_test(model, x, y, transform=name)
        assert found.loc["a", "statistic"] == pytest.approx(want, rel=1e-4)
        assert found.loc["GLOBAL", "p_value"] == pytest.approx(chi2.sf(want, 1), rel=1e-3)
        assert found["df"].tolist() == [1, 1]


def test_groups_in_another_order_are_refused_and_a_stratifier_knows_its_columns() -> None:
    X, y = _cases()
    patient = pd.Series(np.arange(60) // 2, index=[f"c{i}" for i in range(60)])
    X.index = patient.index
    with pytest.raises(InputError, match="order"):
        CoxElasticNet(cv=3).fit(X, y, groups=patient[::-1])
    model = RiskStratifier(CoxModel()).fit(X, y)
    assert model.n_features_in_ == 2 and model.feature_names_in_.tolist() == ["a", "b"]


def test_fine_gray_knows_which_events_it_was_fitted_to() -> None:
    X, y = _cases()
    table = pd.DataFrame({"time": y["time"], "cause": y["event"] * (1 + np.arange(60) % 2)})
    other = table.assign(cause=table["cause"].where(table["cause"] != 2, 0))
    with pytest.raises(InputError, match="different outcome"):
        likelihood_ratio(FineGray().fit(X[["a"]], table), FineGray().fit(X, other))
