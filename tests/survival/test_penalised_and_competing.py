"""CoxElasticNet against glmnet, FineGray against cmprsk, and their limits."""

from __future__ import annotations

import warnings
from numbers import Real

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.estimator_checks import check_estimator
from survival_reference import oracle_cases, oracle_values, random_target

from radiokit.exceptions import DataWarning, InputError, OutcomeError
from radiokit.stats import cumulative_incidence
from radiokit.survival import CoxElasticNet, CoxModel, as_target
from radiokit.survival.competing_risks import FineGray


@pytest.mark.parametrize("alpha", ["1", "0.5"])
def test_path_and_choice_as_cv_glmnet(shared, alpha: str) -> None:
    values = oracle_values(shared, "07_selection")
    data, y = oracle_cases(shared, "coxnet")
    X = data.drop(columns=["time", "event"])
    want = values[f"cox.alpha{alpha}.cv.groupedTRUE"]
    folds = PredefinedSplit(np.array(values["cox.foldid"]) - 1)
    for rule in ("min", "1se"):
        model = CoxElasticNet(l1_ratio=float(alpha), cv=folds, rule=rule, lambdas=want["lambda"]).fit(X, y)
        assert model.lambda_ == pytest.approx(want[f"lambda_{rule}"])
        np.testing.assert_allclose(model.path_["cv_mean"], want["cvm"], rtol=1e-3)
        coef = want[f"coef_{rule}"]
        expected = [coef.get(name, 0.0) for name in X.columns] if coef else np.zeros(X.shape[1])
        np.testing.assert_allclose(model.coef_, expected, rtol=1e-3, atol=1e-4)
        assert model.selected_ == [n for n, b in zip(X.columns, model.coef_, strict=True) if b]


def test_without_penalty_it_is_cox_with_breslow_ties() -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 3)), columns=list("abc"))
    y = random_target(90, 4)
    net = CoxElasticNet(lambdas=[0.0], cv=3, random_state=0).fit(X, y)
    cox = CoxModel(ties="breslow").fit(X, y)
    np.testing.assert_allclose(net.coef_, cox.coef_, rtol=1e-5)
    np.testing.assert_allclose(net.predict_survival(X, [1, 4]), cox.predict_survival(X, [1, 4]), rtol=1e-5)


def test_everything_shrunk_leaves_the_marginal_curve() -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = random_target(60, 4)
    model = CoxElasticNet(lambdas=[10.0], cv=3, random_state=0).fit(X, y)
    assert model.selected_ == [] and model.score(X, y) == 0.5
    survival = model.predict_survival(X, [2.0])
    assert np.ptp(survival) == 0


def test_seed_decides_the_folds() -> None:
    X = np.random.default_rng(0).normal(size=(60, 5))
    y = random_target(60, 4)
    a, b = (CoxElasticNet(cv=4, random_state=3).fit(X, y) for _ in range(2))
    pd.testing.assert_frame_equal(a.path_, b.path_)
    with pytest.raises(InputError, match="rule"):
        CoxElasticNet(rule="best").fit(X, y)
    with pytest.raises(OutcomeError, match="as_target"):
        CoxElasticNet().fit(X, y["event"])


@pytest.fixture(scope="module")
def competing(shared) -> tuple[pd.DataFrame, dict]:
    return pd.read_csv(shared / "oracles/data/shared_cr.csv", float_precision="round_trip"), oracle_values(shared)


@pytest.mark.parametrize("cause", [1, 2])
def test_fine_gray_as_crr(competing, cause: int) -> None:
    data, values = competing
    want = values[f"cr.crr.cause{cause}"]
    model = FineGray(cause=cause).fit(data[["age", "sex", "hgb", "creat"]], data[["time", "cause"]])
    np.testing.assert_allclose(model.coef_, list(want["coef"].values()), rtol=1e-7)
    np.testing.assert_allclose(model.summary_["se"], list(want["se"].values()), rtol=1e-7)
    assert model.log_likelihood_ == pytest.approx(want["loglik"], rel=1e-10)
    assert model.log_likelihood_null_ == pytest.approx(want["loglik_null"], rel=1e-10)


def test_one_cause_is_the_cox_model() -> None:
    X = np.random.default_rng(0).normal(size=(70, 2))
    y = random_target(70, 4, digits=9)
    fine = FineGray().fit(X, pd.DataFrame({"time": y["time"], "cause": y["event"].astype(int)}))
    cox = CoxModel(ties="breslow", robust=True).fit(X, y)
    np.testing.assert_allclose(fine.coef_, cox.coef_, rtol=1e-9)
    np.testing.assert_allclose(fine.summary_["se"], cox.summary_["se"], rtol=1e-9)
    incidence = fine.predict_cumulative_incidence(X[:4], [2.0])
    np.testing.assert_allclose(incidence, 1 - cox.predict_survival(X[:4], [2.0]), rtol=1e-9)


def test_incidence_rises_and_causes_leave_room_for_each_other(competing) -> None:
    data, _ = competing
    X, y = data[["age", "hgb"]], data[["time", "cause"]]
    at = [60.0, 120.0, 240.0]
    first, second = (
        FineGray(cause=k).fit(X, y).predict_cumulative_incidence(X.mean().to_frame().T, at) for k in (1, 2)
    )
    assert (np.diff(first) > 0).all() and (first + second < 1).all()
    assert np.isnan(FineGray().fit(X, y).predict_cumulative_incidence(X[:1], [1e6])).all()


class CompetingShim(FineGray):
    """FineGray on the plain y of scikit-learn's checks, as times with causes in turn."""

    def fit(self, X, y=None):
        values = np.asarray(y)
        if values.dtype.kind in "buifO" and values.ndim == 1 and all(isinstance(v, Real) for v in values):
            time = np.abs(values.astype(float)) + 1 + 1e-3 * np.arange(values.size)
            y = pd.DataFrame({"time": time, "cause": np.arange(values.size) % 3})
        return super().fit(X, y)


def test_fine_gray_passes_scikit_learns_checks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(CompetingShim(), on_skip=None)


def test_fine_gray_refuses() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = pd.DataFrame({"time": np.arange(20.0), "cause": np.arange(20) % 3})
    with pytest.raises(OutcomeError, match="cause=5"):
        FineGray(cause=5).fit(X, y)
    with pytest.raises(OutcomeError, match="requires y"):
        FineGray().fit(X, None)
    with pytest.raises(OutcomeError, match="`time` and `cause`"):
        FineGray().fit(X, as_target(np.ones(20), np.arange(20)))
    with pytest.raises(InputError, match="20 cases"):
        FineGray().fit(X, y[:-1])
    with pytest.raises(InputError, match="varies"):
        FineGray().fit(np.ones((20, 2)), y)
    with pytest.warns(DataWarning, match="constant"):
        FineGray().fit(np.column_stack([X[:, 0], np.ones(20)]), y)


def test_a_path_that_nearly_separates_stays_finite() -> None:
    """More features than events: the cases left out lie hundreds of log hazards away."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 60))
    y = as_target(rng.random(60) < 0.5, rng.exponential(10, 60))
    model = CoxElasticNet(cv=3, n_lambdas=40, random_state=0).fit(X, y)
    assert np.isfinite(model.path_[["cv_mean", "cv_se"]]).all().all()


@pytest.mark.parametrize("n", [7, 10, 33, 49])
def test_where_everybody_has_had_the_event_the_interval_has_no_width(n: int) -> None:
    """A sum of n times 1/n is 1 up to rounding only; the limits were 0 and 1 there, or 1 and 1."""
    table = cumulative_incidence(np.arange(1.0, n + 1), np.ones(n, int))
    np.testing.assert_allclose(table.iloc[-1][["cumulative_incidence", "ci_low", "ci_high"]].astype(float), 1.0)
    assert (table["cumulative_incidence"] <= 1).all()
