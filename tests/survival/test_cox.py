"""CoxModel against R's survival, its behaviour as an estimator, and hostile data."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from survival_reference import golden, golden_cases, golden_target, oracle_cases, oracle_values, random_target

from radiokit.exceptions import DataWarning, InputError, OutcomeError, ParameterError, SeparationWarning
from radiokit.stats import concordance_index, kaplan_meier
from radiokit.survival import CoxModel, as_target, proportional_hazards_test, schoenfeld_residuals

NAMES = ["age", "marker", "sex"]


def _cases(n: int = 80, p: int = 2) -> tuple[pd.DataFrame, np.ndarray]:
    X = pd.DataFrame(np.random.default_rng(7).normal(size=(n, p)), columns=[f"f{i}" for i in range(p)])
    return X, random_target(n, 8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_clusters_and_weights_as_coxph(ties: str) -> None:
    cases = golden_cases()
    model = CoxModel(ties=ties).fit(
        cases[NAMES], golden_target(), sample_weight=cases["weight"], cluster=cases["patient"]
    )
    np.testing.assert_allclose(model.summary_["coef"], golden()[f"weighted.{ties}.coef"], rtol=1e-9)
    np.testing.assert_allclose(model.summary_["se"], golden()[f"cluster.{ties}.se"], rtol=1e-8)


def test_score_and_wald_tests_as_coxph() -> None:
    model = CoxModel().fit(golden_cases()[NAMES], golden_target())
    np.testing.assert_allclose([model.score_test_.statistic, model.wald_.statistic], golden()["score_test"], rtol=1e-8)
    assert model.likelihood_ratio_.df == 3


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_strata_as_coxph_and_survfit(ties: str) -> None:
    X = golden_cases()[["age", "marker", "site"]]
    model = CoxModel(ties=ties, strata="site").fit(X, golden_target())
    np.testing.assert_allclose(model.coef_, golden()[f"strata.{ties}.coef"], rtol=1e-9)
    got = model.predict_survival(X.iloc[:5], [5, 12])
    want = golden()[f"strata.{ties}.survival"].reshape(5, 2)
    followed = np.isfinite(got)
    np.testing.assert_allclose(got[followed], want[followed], rtol=1e-9)
    assert followed.mean() > 0.8
    assert set(model.baseline_["stratum"]) == {"a", "b", "c"}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("transform", ["km", "rank", "log", "identity"])
def test_proportional_hazards_as_cox_zph_with_strata(ties: str, transform: str) -> None:
    X = golden_cases()[["age", "marker", "site"]]
    model = CoxModel(ties=ties, strata=["site"]).fit(X, golden_target())
    table = proportional_hazards_test(model, X, golden_target(), transform=transform)
    np.testing.assert_allclose(table["statistic"], golden()[f"strata.{ties}.zph.{transform}"], rtol=1e-7)
    assert table.index.tolist() == ["age", "marker", "GLOBAL"]


def test_proportional_hazards_of_a_factor_is_one_test() -> None:
    model = CoxModel.from_formula("Surv(time, event) ~ age + C(site)", golden_cases())
    table = proportional_hazards_test(model, golden_cases(), golden_target())
    assert table.index.tolist() == ["age", "site", "GLOBAL"]
    assert table["df"].tolist() == [1, 2, 3]
    got = table[["statistic", "df", "p_value"]].to_numpy().ravel()
    np.testing.assert_allclose(got, golden()["zph.terms"], rtol=1e-8)


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_robust_as_coxph(shared, name: str) -> None:
    data, y = oracle_cases(shared, name)
    want = oracle_values(shared)[f"{name}.coxph_robust"]
    model = CoxModel(robust=True).fit(data[["x1", "x2", "bin"]], y)
    np.testing.assert_allclose(model.summary_["se"], list(want["robust_se"].values()), rtol=1e-8)
    np.testing.assert_allclose(model.summary_["p_value"], list(want["p"].values()), rtol=1e-6)


@pytest.mark.parametrize("name", ["linear", "rcs"])
def test_formula_as_rms(shared, name: str) -> None:
    data, _ = oracle_cases(shared, "coxnom")
    values = oracle_values(shared, "05_logistic_nomogram")
    right = {"linear": "age + cont + C(cat) + C(sex) + lin", "rcs": "rcs(age, 3) + rcs(cont, 4) + C(cat) + C(sex)"}
    model = CoxModel.from_formula(f"Surv(time, event) ~ {right[name]}", data)
    want = values[f"cox.{name}.coef"]["coef"]
    np.testing.assert_allclose(model.coef_, list(want.values()) if isinstance(want, dict) else want, rtol=1e-6)
    lp = np.asarray(values[f"cox.{name}.lp"])
    np.testing.assert_allclose(model.predict(data) - model.predict(data).mean(), lp - lp.mean(), atol=1e-7)
    frozen = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(frozen.predict_survival(data[:3], [100]), model.predict_survival(data[:3], [100]))


@pytest.mark.parametrize("name", ["surv", "surv2"])
def test_schoenfeld_residuals_as_survival(shared, name: str) -> None:
    data, y = oracle_cases(shared, name)
    values = oracle_values(shared)
    names = list(values[f"{name}.coxph.efron"]["coef"])
    X = pd.DataFrame({n: data[n] if n in data else data["group3"] == n.removeprefix("group3") for n in names})
    model = CoxModel().fit(X.astype(float), y)
    table = schoenfeld_residuals(model, X.astype(float), y)
    part, want = table[table["feature"] == "x1"], values[f"{name}.schoenfeld"]
    np.testing.assert_allclose(part["time"], want["times"])
    np.testing.assert_allclose(part["residual"], want["schoenfeld_x1"], atol=1e-7)
    np.testing.assert_allclose(part["scaled_residual"], want["scaled_x1"], rtol=1e-7, atol=1e-10)
    assert table.groupby("feature")["residual"].sum().abs().max() < 1e-6


def test_survival_and_median_agree() -> None:
    X, y = _cases()
    model = CoxModel().fit(X, y)
    median = model.predict_median(X)
    for i in np.flatnonzero(np.isfinite(median))[:10]:
        at, before = model.predict_survival(X.iloc[[i]], [median[i], median[i] - 1e-6])[0]
        assert at <= 0.5 < before
    assert (model.predict_survival(X, [0]) == 1).all()
    assert np.isnan(model.predict_survival(X, [1e9])).all()
    np.testing.assert_allclose(model.baseline_["survival"], np.exp(-model.baseline_["cumulative_hazard"]))


def test_extreme_cases_have_certain_survival() -> None:
    X, y = _cases()
    model = CoxModel().fit(X, y)
    far = pd.DataFrame(np.sign(model.coef_) * np.array([[1e5], [-1e5]]), columns=X.columns)
    middle = np.median(y["time"])
    np.testing.assert_array_equal(model.predict_survival(far, [0, middle]), [[1, 0], [1, 1]])
    assert model.predict_median(far)[0] == y["time"][y["event"]].min()
    assert np.isnan(model.predict_median(far)[1])


def test_null_effect_baseline_is_nelson_aalen() -> None:
    """Orthogonal by design: each covariate pattern has the same outcomes, so the coefficient is 0."""
    time = np.repeat([1.0, 2, 3, 4, 5], 2)
    X = np.tile([[-1.0], [1.0]], (5, 1))
    model = CoxModel(ties="breslow").fit(X, as_target(np.ones(10), time))
    assert model.coef_[0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(model.baseline_["cumulative_hazard"], np.cumsum(2 / np.array([10, 8, 6, 4, 2])))


def test_works_in_pipelines_and_cross_validation() -> None:
    X, y = _cases()
    pipe = make_pipeline(StandardScaler(), CoxModel())
    assert len(cross_val_score(pipe, X, y, cv=3)) == 3
    pipe.fit(X, y)
    assert pipe.score(X, y) == concordance_index(y, pipe.predict(X)).estimate
    plain = CoxModel().fit(X, pd.DataFrame({"time": y["time"], "event": y["event"].astype(int)}))
    np.testing.assert_allclose(pipe.predict(X), plain.predict(X), atol=1e-9)


def test_inputs_are_left_alone() -> None:
    X, y = _cases()
    before, target = X.copy(), y.copy()
    CoxModel().fit(X, y).predict_survival(X, [1, 2])
    pd.testing.assert_frame_equal(X, before)
    np.testing.assert_array_equal(y, target)


def test_perfect_order_and_rare_categories_are_said() -> None:
    y = random_target(40, digits=9)
    with pytest.warns(SeparationWarning, match="separation"):
        CoxModel().fit(pd.DataFrame({"f": -y["time"]}), y)
    rare = (np.arange(40) == np.flatnonzero(~y["event"])[0]).astype(float)
    with pytest.warns(SeparationWarning, match="rare"):
        CoxModel().fit(pd.DataFrame({"rare": rare, "f": np.arange(40) % 7}), y)


def test_aliased_covariates_are_said_and_ignored() -> None:
    X, y = _cases()
    with pytest.warns(DataWarning, match="twice"):
        model = CoxModel().fit(X.assign(twice=2 * X["f0"]), y)
    assert np.isnan(model.summary_.loc["twice"]).all()
    np.testing.assert_allclose(model.predict(X.assign(twice=5.0)), CoxModel().fit(X, y).predict(X), atol=1e-9)
    assert proportional_hazards_test(model, X.assign(twice=2 * X["f0"]), y).index.tolist() == ["f0", "f1", "GLOBAL"]


def test_nothing_that_varies_leaves_the_marginal_curve() -> None:
    X, y = _cases()
    with pytest.warns(DataWarning, match="2 of 2"):
        model = CoxModel(ties="breslow").fit(X * 0, y)
    assert (model.predict(X) == 0).all() and model.likelihood_ratio_.df == 0
    curve = kaplan_meier(y)
    nelson_aalen = np.exp(-np.cumsum(curve["n_events"] / curve["n_at_risk"]))
    np.testing.assert_allclose(model.predict_survival(X[:1], curve["time"])[0], nelson_aalen)
    with pytest.raises(InputError, match="no coefficient"):
        proportional_hazards_test(model, X, y)


def test_events_at_time_zero() -> None:
    X, y = _cases(30, 1)
    y["time"][:3], y["event"][:3] = 0, True
    model = CoxModel().fit(X, y)
    assert model.baseline_["time"].iloc[0] == 0
    with pytest.raises(InputError, match="time 0"):
        proportional_hazards_test(model, X, y, transform="log")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X, y: CoxModel(ties="exact").fit(X, y), InputError, "ties"),
        (lambda X, y: CoxModel(strata="centre").fit(X, y), InputError, "centre"),
        (lambda X, y: CoxModel(strata="f0").fit(X.to_numpy(), y), InputError, "DataFrame"),
        (lambda X, y: CoxModel(confidence_level=2).fit(X, y), InputError, "confidence_level"),
        (lambda X, y: CoxModel().fit(X, y["time"]), OutcomeError, "as_target"),
        (lambda X, y: CoxModel().fit(X, None), OutcomeError, "requires y"),
        (lambda X, y: CoxModel().fit(X[:-1], y), InputError, "79 cases"),
        (lambda X, y: CoxModel().fit(X.assign(f0=np.nan), y), ValueError, "NaN"),
        (lambda X, y: CoxModel().fit(X.assign(stage="II"), y), InputError, "stage.*text"),
        (lambda X, y: CoxModel(strata="f0").fit(X[["f0"]], y), InputError, "besides the strata"),
        (lambda X, y: CoxModel(strata="s").fit(X.assign(s=[None] + ["a"] * 79), y), InputError, "strata has 1 missing"),
        (lambda X, y: CoxModel().fit(X, y, sample_weight=np.zeros(80)), InputError, "positive"),
        (lambda X, y: CoxModel().fit(X, y, cluster=[1, 2]), InputError, "2 values"),
        (lambda X, y: CoxModel().fit(X, as_target(np.zeros(80), y["time"])), OutcomeError, "no events"),
        (lambda X, y: CoxModel.from_formula("f0 ~ f1", X), ParameterError, "Surv"),
        (lambda X, y: CoxModel.from_formula("Surv(t, e) ~ f1", X), InputError, "t, e"),
        (lambda X, y: proportional_hazards_test(object(), X, y), InputError, "CoxModel"),
        (lambda X, y: CoxModel().fit(X, y).predict_survival(X, [np.nan]), InputError, "times"),
    ],
)
def test_bad_input(change, error: type[Exception], message: str) -> None:
    X, y = _cases()
    with pytest.raises(error, match=message):
        change(X, y)


def test_unknown_stratum() -> None:
    X, y = _cases()
    X["site"] = np.where(np.arange(80) % 2, "a", "b")
    model = CoxModel(strata="site").fit(X, y)
    assert model.predict(X.drop(columns="site")).shape == (80,)
    with pytest.raises(InputError, match="lacks the strata"):
        model.predict_survival(X.drop(columns="site"), [1])
    with pytest.raises(InputError, match="not in the training set"):
        model.predict_survival(X.assign(site="c"), [1])


# R 4.2.2, survival 3.5: coxph(Surv(time, event) ~ age + cea + strata(site))$concordance on the same file: 0.7181.
def test_concordance_within_strata_as_coxph(shared) -> None:
    data = pd.read_csv(shared / "data/faults/stats/lesions.csv")
    y = as_target(data["event"], data["time"])
    X = data[["age", "cea", "site"]]
    model = CoxModel(strata="site").fit(X, y)
    assert model.score(X, y) == pytest.approx(0.7181, abs=5e-5)
    with pytest.raises(InputError, match="lacks the strata"):
        model.score(X[["age", "cea"]], y)


def _standard_error(y: np.ndarray, risk: np.ndarray, weight: np.ndarray, layer: np.ndarray, index: float) -> float:
    """By its definition: each case with all its pairs, one by one."""
    influence, total = np.zeros(y.size), 0.0
    for i in np.flatnonzero(y["event"]):
        for j in range(y.size):
            later = y["time"][j] > y["time"][i] or (y["time"][j] == y["time"][i] and not y["event"][j])
            if later and layer[i] == layer[j]:
                pair = weight[i] * weight[j]
                right = float(risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])
                influence[[i, j]] += pair * (right - index)
                total += pair
    return float(np.sqrt(np.sum((influence / total) ** 2)))


@pytest.mark.parametrize("method", ["harrell", "uno"])
def test_concordance_within_strata_is_that_of_all_pairs_inside_them(method: str) -> None:
    rng = np.random.default_rng(1)
    y, layer = random_target(90, rng), rng.integers(0, 3, 90)
    risk, weight = rng.integers(0, 8, 90).astype(float), rng.uniform(0.5, 2, 90)
    found = concordance_index(y, risk, method=method, strata=layer, sample_weight=weight)
    parts = [
        concordance_index(y[layer == k], risk[layer == k], method=method, sample_weight=weight[layer == k])
        for k in range(3)
    ]
    assert found.n_pairs == pytest.approx(sum(p.n_pairs for p in parts))
    assert found.n_concordant == pytest.approx(sum(p.n_concordant for p in parts))
    if method == "harrell":
        right = sum(p.n_concordant + p.n_tied / 2 for p in parts)
        assert found.estimate == pytest.approx(right / found.n_pairs)
        assert found.se == pytest.approx(_standard_error(y, risk, weight, layer, found.estimate), rel=1e-10)
    same = concordance_index(y, risk, method=method, strata=np.full(90, "one"), sample_weight=weight)
    assert same == concordance_index(y, risk, method=method, sample_weight=weight)


@pytest.mark.parametrize("transform", ["identity", "log"])
def test_proportional_hazards_with_weights_is_that_of_repeated_cases(transform: str) -> None:
    """Under Breslow's ties a case of weight 3 is three cases; the centre of g(t) plays no part at the estimate."""
    X, y = _cases(60)
    count = np.random.default_rng(2).integers(1, 4, 60)
    weighted = CoxModel(ties="breslow").fit(X, y, sample_weight=count)
    found = proportional_hazards_test(weighted, X, y, transform=transform, sample_weight=count)
    many, many_y = X.loc[np.repeat(X.index, count)].reset_index(drop=True), np.repeat(y, count)
    want = proportional_hazards_test(CoxModel(ties="breslow").fit(many, many_y), many, many_y, transform=transform)
    pd.testing.assert_frame_equal(found, want, rtol=1e-7)
    plain = proportional_hazards_test(CoxModel(ties="breslow").fit(X, y), X, y, transform=transform)
    assert not np.allclose(plain["statistic"], want["statistic"], rtol=0.01)
