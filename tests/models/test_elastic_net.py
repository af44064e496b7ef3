"""The elastic net: glmnet's values, and the conditions that a minimum must meet whatever computed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.engine.elastic_net import cross_validated_path, elastic_net_path
from radiokit.engine.folds import fold_ids
from radiokit.exceptions import DataWarning, OutcomeError, ParameterError
from radiokit.utils import as_survival_target


def problem(n: int, p: int, seed: int = 0, survival: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) @ (np.eye(p) + 0.5 * rng.normal(size=(p, p)) / np.sqrt(p)) * rng.uniform(0.1, 10, p) + 3
    signal = (X[:, 0] - 3) / X[:, 0].std()
    if survival:
        time = np.ceil(rng.exponential(np.exp(-signal)) * 10)
        return X, as_survival_target(rng.random(n) < 0.7, time)
    return X, signal + rng.normal(size=n) > 0


def gradient(X: np.ndarray, y: np.ndarray, coef: np.ndarray, intercept: float) -> np.ndarray:
    """Of the mean log-likelihood by standardised coefficients, written down a second time."""
    n, eta = len(X), X @ coef + intercept
    Z = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    if y.dtype.names is None:
        return Z.T @ (y - 1 / (1 + np.exp(-eta))) / n
    total = np.zeros(X.shape[1])
    for i in np.flatnonzero(y["event"]):
        at_risk = y["time"] >= y["time"][i]
        risk = np.exp(eta[at_risk])
        total += Z[i] - risk @ Z[at_risk] / risk.sum()
    return total / n


@pytest.mark.parametrize("survival", [False, True])
@pytest.mark.parametrize(("n", "p"), [(60, 8), (40, 120)])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_every_model_of_the_path_is_a_minimum(survival: bool, n: int, p: int, l1_ratio: float) -> None:
    X, y = problem(n, p, survival=survival)
    X[:, 3] = X[:, 2]  # a copy
    X[:, 4] = 7.0  # a constant
    path = elastic_net_path(X, y, l1_ratio=l1_ratio)
    for lam, coef, intercept in zip(path.lambdas[::9], path.coef[::9], path.intercept[::9], strict=True):
        b = coef * path.scale
        slope = gradient(X, y, coef, intercept) - lam * (1 - l1_ratio) * b
        assert np.abs(slope[b == 0]).max() <= lam * l1_ratio * (1 + 1e-6)
        np.testing.assert_allclose(slope[b != 0], lam * l1_ratio * np.sign(b[b != 0]), atol=1e-7)
    assert (path.coef[:, 4] == 0).all()
    assert (path.coef[0] == 0).all()


def test_path_and_curve_as_glmnet(shared: Path) -> None:
    values = json.loads((shared / "oracles/values/shared_07_selection.json").read_text())["results"]
    data = pd.read_csv(shared / "oracles/data/shared_features.csv", float_precision="round_trip")
    X, y = data.drop(columns="y"), data["y"].to_numpy()
    for alpha in ("1", "0.5", "0"):
        want = values[f"binomial.alpha{alpha}.cv.deviance"]["value"]
        folds = np.asarray(values["foldid"]["value"]) - 1
        got = cross_validated_path(X.to_numpy(), y, folds, l1_ratio=float(alpha), lambdas=want["lambda"])
        np.testing.assert_allclose(got.cv_mean, want["cvm"], rtol=2e-4)
        np.testing.assert_allclose(got.cv_se, want["cvsd"], rtol=2e-3)
        assert got.path.lambdas[got.index_min] == pytest.approx(want["lambda_min"], rel=1e-12)
        assert got.path.lambdas[got.index_1se] == pytest.approx(want["lambda_1se"], rel=1e-12)


GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("alpha", [1.0, 0.5])
@pytest.mark.parametrize("name", ["binomial", "wide", "cox"])
def test_default_path_and_curve_as_cv_glmnet(name: str, alpha: float) -> None:
    cases = pd.read_csv(GOLDEN / "cv_glmnet_cases.csv").query("table == @name").dropna(axis=1)
    want = pd.read_csv(GOLDEN / "cv_glmnet_values.csv", keep_default_na=False)
    want = want.query("table == @name and alpha == @alpha").reset_index()
    X, event = cases.filter(regex="^f[0-9]").to_numpy(), cases["event"].to_numpy()
    y = as_survival_target(event, cases["time"]) if name == "cox" else event == 1
    got = cross_validated_path(X, y, cases["fold"].to_numpy(), l1_ratio=alpha)
    np.testing.assert_allclose(got.path.lambdas, want["lambda"], rtol=1e-8)  # as many: the same end
    np.testing.assert_allclose(got.cv_mean, want["cvm"], rtol=1e-5)
    np.testing.assert_allclose(got.cv_se, want["cvsd"], rtol=1e-4)
    assert got.path.n_features.tolist() == want["nzero"].tolist()
    assert want["chosen"][got.index_min] == "min"
    assert want["chosen"][got.index_1se] == "1se"


def test_a_path_is_read_between_and_beyond_its_penalties() -> None:
    X, y = problem(60, 6)
    path = elastic_net_path(X, y, lambdas=[0.2, 0.1, 0.02])
    read = path.at(np.array([0.5, 0.2, 0.125, 0.02, 0.001]))
    by_hand = [path.coef[0], path.coef[0], 0.25 * path.coef[0] + 0.75 * path.coef[1], path.coef[2], path.coef[2]]
    np.testing.assert_allclose(read.coef, by_hand, rtol=1e-12, atol=1e-15)
    one = elastic_net_path(X, y, lambdas=[0.1])
    np.testing.assert_array_equal(one.at(np.array([0.3, 0.05])).coef, np.repeat(one.coef, 2, axis=0))


def test_penalty_factors_as_glmnet(shared: Path) -> None:
    values = json.loads((shared / "oracles/values/shared_07_selection.json").read_text())["results"]
    data = pd.read_csv(shared / "oracles/data/shared_features.csv", float_precision="round_trip")
    X, y = data.drop(columns="y"), data["y"].to_numpy()
    factor = np.resize([0.5, 1.0, 2.0], X.shape[1])
    got = elastic_net_path(X.to_numpy(), y, lambdas=[0.1, 0.05], penalty_factor=factor)
    for lam, coef in zip((0.1, 0.05), got.coef, strict=True):
        want = next(v for k, v in values["binomial.alpha1.penalty_factor"]["value"].items() if k.endswith(f"{lam:g}"))
        want = np.array([want.get(name, 0.0) for name in X.columns], dtype=float)
        np.testing.assert_allclose(coef, want, atol=2e-5, rtol=1e-4)


def test_a_factor_of_zero_is_no_penalty_and_infinity_keeps_out() -> None:
    X, y = problem(80, 6)
    factor = np.array([1, 0, 1, np.inf, 1, 1])
    path = elastic_net_path(X, y, penalty_factor=factor)
    assert (path.coef[:, 3] == 0).all()
    assert (path.coef[:, 1] != 0).all()
    assert np.count_nonzero(path.coef[0]) == 1


def test_weights_are_repeated_cases() -> None:
    X, y = problem(50, 5)
    weight = np.resize([1, 2, 3], 50)
    one = elastic_net_path(X, y, lambdas=[0.05], sample_weight=weight)
    two = elastic_net_path(np.repeat(X, weight, axis=0), np.repeat(y, weight), lambdas=[0.05])
    np.testing.assert_allclose(one.coef, two.coef, atol=1e-8)


@pytest.mark.parametrize("survival", [False, True])
def test_neither_order_of_cases_nor_scale_of_features_matters(survival: bool) -> None:
    X, y = problem(60, 30, survival=survival)
    order = np.random.default_rng(1).permutation(60)
    a = elastic_net_path(X, y, lambdas=[0.08])
    b = elastic_net_path(X[order] * 1000 - 5, y[order], lambdas=[0.08])
    np.testing.assert_allclose(b.coef * 1000, a.coef, atol=1e-7)


def test_an_integer_cv_is_lowered_to_the_events_and_said() -> None:
    X, y = problem(30, 3)
    y[:] = False
    y[:3] = True
    with pytest.warns(DataWarning, match="3 folds are used"):
        folds = fold_ids(10, X, y, random_state=0)
    assert np.bincount(folds, weights=y).tolist() == [1, 1, 1]


def test_patients_stay_together() -> None:
    X, y = problem(60, 3)
    patients = np.repeat(np.arange(30), 2)
    folds = fold_ids(5, X, y, random_state=0, groups=patients)
    assert all(len(set(folds[patients == p])) == 1 for p in range(30))


def test_a_numpy_generator_seeds_the_folds() -> None:
    X, y = np.zeros((40, 1)), np.arange(40) % 2
    one, same, other = (fold_ids(5, X, y, random_state=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_bad_input_is_refused() -> None:
    X, y = problem(30, 3)
    with pytest.raises(ParameterError, match="l1_ratio"):
        elastic_net_path(X, y, l1_ratio=2)
    with pytest.raises(ParameterError, match="lambdas"):
        elastic_net_path(X, y, lambdas=[-1.0])
    with pytest.raises(ParameterError, match="penalty_factor"):
        elastic_net_path(X, y, penalty_factor=[1.0])
    with pytest.raises(OutcomeError, match="No event"):
        elastic_net_path(X, as_survival_target(np.zeros(30), np.ones(30)))
    one = np.zeros(30, dtype=bool)
    one[0] = True
    with pytest.raises(OutcomeError, match="1 case of the rarer"):
        fold_ids(5, X, one)
    with pytest.raises(ParameterError, match="2 folds or more"):
        fold_ids(1, X, y)
    twice: Any = [(np.arange(15), np.arange(15, 30)), (np.arange(14), np.arange(14, 30))]
    with pytest.raises(ParameterError, match="more than once"):
        fold_ids(twice, X, y)


@pytest.mark.parametrize("survival", [False, True])
def test_ridge_in_the_space_of_the_cases_is_ridge(survival: bool) -> None:
    X, y = problem(30, 90, survival=survival)
    fast = elastic_net_path(X, y, l1_ratio=0.0, lambdas=[5.0, 0.5])
    # A factor that differs by a hair takes the long way.
    long = elastic_net_path(X, y, l1_ratio=0.0, lambdas=[5.0, 0.5], penalty_factor=np.r_[1 + 1e-9, np.ones(89)])
    np.testing.assert_allclose(fast.coef, long.coef, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(fast.intercept, long.intercept, atol=1e-7)
