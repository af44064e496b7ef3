"""No estimate, test or limit depends on where a column's zero lies or on its unit: year of diagnosis, pH, sodium."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from radiokit.harmonization import ComBat
from radiokit.models import CalibratedModel, LogisticModel, univariable_table
from radiokit.stats import cox_univariable
from radiokit.survival import CoxElasticNet, CoxModel, as_target, proportional_hazards_test, schoenfeld_residuals
from radiokit.survival.competing_risks import FineGray

N = 120
# Mean and SD, with ratios of 0.01 to 10,000.
PLACES = {
    "plain": (0.0, 1.0),
    "pH": (7.4, 0.05),
    "temperature": (36.6, 0.5),
    "sodium": (140.0, 3.0),
    "year": (2015.0, 5.0),
    "far": (1e4, 1.0),
    "seconds": (1.5e9, 2e5),
    "tiny": (3e-6, 3e-8),
    "wide": (100.0, 1e4),
}
AWAY = pytest.mark.parametrize("place", list(PLACES))


@pytest.fixture(scope="module")
def standard() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    z = rng.normal(size=(N, 3))
    z[:, 1] += 0.5 * z[:, 0]
    return pd.DataFrame(z - z.mean(axis=0), columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def labels(standard: pd.DataFrame) -> dict[str, Any]:
    rng = np.random.default_rng(12)
    risk = 0.7 * standard["a"] - 0.4 * standard["b"]
    time = rng.integers(1, 30, N) + np.round(3 * np.exp(-risk))
    cause = rng.integers(0, 3, N)
    return {
        "binary": (risk + rng.logistic(size=N) > 0.6).to_numpy().astype(int),
        "survival": as_target(cause > 0, time),
        "causes": pd.DataFrame({"time": time, "cause": cause}),
    }


def moved(standard: pd.DataFrame, place: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The first column elsewhere, the second at the year, the third as it is; and their units."""
    unit = np.array([PLACES[place][1], 5.0, 1.0])
    X = standard * unit + np.array([PLACES[place][0], 2015.0, 0.0])
    return X, unit


def compare(found: pd.DataFrame, want: pd.DataFrame, unit: np.ndarray, ratio: str) -> None:
    slopes = found.index != "Intercept"
    np.testing.assert_allclose(found.loc[slopes, "coef"] * unit, want.loc[slopes, "coef"], rtol=1e-8)
    np.testing.assert_allclose(found.loc[slopes, "p_value"], want.loc[slopes, "p_value"], rtol=1e-7)
    for column in (ratio, "ci_low", "ci_high"):
        with np.errstate(divide="ignore"):
            logs = np.log(found.loc[slopes, column]) * unit
        known = np.isfinite(logs)  # an odds ratio of a unit of 1e-8 leaves the floats
        np.testing.assert_allclose(logs[known], np.log(want.loc[slopes, column])[known], rtol=1e-7)
        assert known.sum() >= 2
    if "se" in found and want["se"].notna().all():
        np.testing.assert_allclose(found.loc[slopes, "se"] * unit, want.loc[slopes, "se"], rtol=1e-8)


@AWAY
@pytest.mark.parametrize("options", [{}, {"firth": True}, {"penalty": 0.05}], ids=["ml", "firth", "ridge"])
def test_logistic(standard: pd.DataFrame, labels: dict[str, Any], place: str, options: dict[str, Any]) -> None:
    X, unit = moved(standard, place)
    want = LogisticModel(**options).fit(standard, labels["binary"])
    model = LogisticModel(**options).fit(X, labels["binary"])
    if options.get("penalty"):
        np.testing.assert_allclose(model.coef_[0] * unit, want.coef_[0], rtol=1e-8)
    else:
        compare(model.summary_, want.summary_, unit, "odds_ratio")
    assert model.log_likelihood_ == pytest.approx(want.log_likelihood_, rel=1e-9) or options.get("firth")
    assert model.likelihood_ratio_.statistic == pytest.approx(want.likelihood_ratio_.statistic, rel=1e-8)
    np.testing.assert_allclose(model.predict_proba(X), want.predict_proba(standard), rtol=1e-7)


def test_firth_limits_of_the_intercept_are_those_of_another_zero(
    standard: pd.DataFrame, labels: dict[str, Any]
) -> None:
    """With the zero at the value 1.5 the intercept is the log-odds there: limits by a search of our own."""
    from scipy.optimize import brentq, minimize
    from scipy.stats import chi2

    from radiokit.engine.logistic import _Cases, _penalised, _standardise, fit_firth

    x = standard[["a"]].to_numpy()
    model = LogisticModel(firth=True).fit(x - 1.5, labels["binary"])
    cases = _Cases.of(labels["binary"].astype(bool), None)
    Z = np.column_stack([np.ones(N), x[:, 0] - 1.5])
    best = fit_firth(x - 1.5, labels["binary"].astype(bool)).coef
    top = _penalised(Z, cases, best)[0]

    def gap(a: float) -> float:
        held = minimize(lambda b: -_penalised(Z, cases, np.array([a, b[0]]))[0], [best[1]], tol=1e-12)
        return -held.fun - top + chi2.ppf(0.95, 1) / 2

    low, high = brentq(gap, best[0] - 4, best[0]), brentq(gap, best[0], best[0] + 4)
    np.testing.assert_allclose(
        np.log(model.summary_.loc["Intercept", ["ci_low", "ci_high"]].astype(float)), [low, high], rtol=1e-5
    )
    assert _standardise(x).used.all()


@AWAY
def test_firth_table_of_one_variable(standard: pd.DataFrame, labels: dict[str, Any], place: str) -> None:
    X, unit = moved(standard, place)
    for firth in (True, False):
        want = univariable_table(standard, labels["binary"], firth=firth)
        compare(univariable_table(X, labels["binary"], firth=firth), want, unit, "odds_ratio")


@AWAY
def test_cox(standard: pd.DataFrame, labels: dict[str, Any], place: str) -> None:
    X, unit = moved(standard, place)
    y = labels["survival"]
    for options in ({}, {"ties": "breslow"}, {"robust": True}):
        want, model = (CoxModel(**options).fit(V, y) for V in (standard, X))
        compare(model.summary_, want.summary_, unit, "hazard_ratio")
        for test in ("wald_", "score_test_", "likelihood_ratio_"):
            assert getattr(model, test).statistic == pytest.approx(getattr(want, test).statistic, rel=1e-7)
            assert getattr(model, test).df == 3
        np.testing.assert_allclose(
            model.predict_survival(X, [5, 20]), want.predict_survival(standard, [5, 20]), rtol=1e-7
        )
    pd.testing.assert_frame_equal(
        proportional_hazards_test(model, X, y), proportional_hazards_test(want, standard, y), rtol=1e-6
    )
    found, expected = schoenfeld_residuals(model, X, y), schoenfeld_residuals(want, standard, y)
    per_row = np.tile(unit, len(found) // 3)
    np.testing.assert_allclose(found["scaled_residual"] * per_row, expected["scaled_residual"], rtol=1e-5, atol=1e-6)
    compare(
        cox_univariable(X, y).set_index("feature").assign(hazard_ratio=1.0, ci_low=1.0, ci_high=1.0),
        cox_univariable(standard, y).set_index("feature").assign(hazard_ratio=1.0, ci_low=1.0, ci_high=1.0),
        unit,
        "hazard_ratio",
    )


@AWAY
def test_fine_and_gray(standard: pd.DataFrame, labels: dict[str, Any], place: str) -> None:
    X, unit = moved(standard, place)
    want, model = (FineGray().fit(V, labels["causes"]) for V in (standard, X))
    compare(model.summary_, want.summary_, unit, "hazard_ratio")
    np.testing.assert_allclose(
        model.predict_cumulative_incidence(X, [10]), want.predict_cumulative_incidence(standard, [10]), rtol=1e-7
    )


@AWAY
def test_cox_elastic_net(standard: pd.DataFrame, labels: dict[str, Any], place: str) -> None:
    X, unit = moved(standard, place)
    for ratio in (0.0, 1.0):
        net = CoxElasticNet(l1_ratio=ratio, cv=3, lambdas=[0.1, 0.03], random_state=0)
        want = net.fit(standard, labels["survival"]).coef_
        np.testing.assert_allclose(net.fit(X, labels["survival"]).coef_ * unit, want, rtol=1e-6, atol=1e-8)


@AWAY
def test_platt_and_combat(standard: pd.DataFrame, labels: dict[str, Any], place: str) -> None:
    X, _ = moved(standard, place)
    center = np.repeat(["A", "B"], N // 2)
    combat = ComBat(batch="center", covariates=["a"]).set_output(transform="pandas")
    both = [clone(combat).fit(V.assign(center=center), labels["binary"]) for V in (standard, X)]
    np.testing.assert_allclose(both[1].gamma_, both[0].gamma_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(both[1].delta2_, both[0].delta2_, rtol=1e-7)
    found = both[1].transform(X.assign(center=center))
    np.testing.assert_allclose(
        (found["b"] - 2015) / 5, both[0].transform(standard.assign(center=center))["b"], atol=1e-7
    )
    models = [CalibratedModel(LogisticModel(), cv=3, random_state=0).fit(V, labels["binary"]) for V in (standard, X)]
    np.testing.assert_allclose(models[1].predict_proba(X), models[0].predict_proba(standard), rtol=1e-6)
