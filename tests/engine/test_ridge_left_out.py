"""Leave-one-out without fitting again, beside fits of all other cases."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from radiokit.engine import ridge_left_out as left
from radiokit.engine.elastic_net import binomial_deviance, problem_of
from radiokit.exceptions import OutcomeError, ParameterError
from radiokit.models import FusionClassifier, RadiomicsSignature, default_pipeline


def table(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    return X, (rng.random(n) < 1 / (1 + np.exp(-1.5 * X[:, 0]))).astype(int)


def refitted(Z, y, penalty, keep, n):
    """Coefficients of the cases to keep, by a general optimiser; the loss is a sum over n."""

    def loss(b):
        eta = Z[keep] @ b[1:] + b[0]
        residual = (1 / (1 + np.exp(-eta)) - y[keep]) / n
        value = (np.logaddexp(0, eta) - y[keep] * eta).sum() / n + penalty / 2 * b[1:] @ b[1:]
        return value, np.r_[residual.sum(), Z[keep].T @ residual + penalty * b[1:]]

    return minimize(loss, np.zeros(Z.shape[1] + 1), jac=True, method="L-BFGS-B", options={"gtol": 1e-10}).x


@pytest.mark.parametrize("p", [6, 20, 80])
def test_it_is_close_to_fits_without_the_case(p):
    X, y = table(30, p)
    found = left.ridge_left_out(X, y, n_lambdas=3)
    Z = problem_of(X, y, None, None).Z[:-1].T
    exact = np.empty((30, 3))
    for j, penalty in enumerate(found.path.lambdas):
        for i in range(30):
            b = refitted(Z, y, penalty, np.arange(30) != i, 30)
            exact[i, j] = Z[i] @ b[1:] + b[0]
    np.testing.assert_allclose(found.cv_mean, binomial_deviance(exact, y).mean(axis=0), rtol=0.05)
    assert np.argmin(found.cv_mean) == np.argmin(binomial_deviance(exact, y).mean(axis=0))


def test_equal_rows_are_left_out_together():
    X, y = table(20, 30)
    repeats = np.r_[np.arange(20), np.arange(0, 20, 2)]
    found = left.ridge_left_out(X[repeats], y[repeats], lambdas=[0.3])
    Z = problem_of(X[repeats], y[repeats], None, None).Z[:-1].T
    exact = np.empty(30)
    for i in range(30):
        b = refitted(Z, y[repeats], 0.3, repeats != repeats[i], 30)
        exact[i] = Z[i] @ b[1:] + b[0]
    np.testing.assert_allclose(found.cv_mean, binomial_deviance(exact[:, None], y[repeats]).mean(axis=0), rtol=0.01)


def test_both_systems_give_one_form():
    X, y = table(50, 40)
    problem = problem_of(X, y, None, None)
    local = problem.loss.at(0.3 * problem.Z[0] - 0.1)
    np.testing.assert_allclose(
        left._form_by_cases(problem, local, 0.2), left._form_by_features(problem, local, 0.2), rtol=1e-9
    )


def test_the_order_of_cases_changes_nothing():
    X, y = table(40, 70)
    order = np.random.default_rng(1).permutation(40)
    one, other = (RadiomicsSignature(cv="loo", l1_ratio=0, n_lambdas=9).fit(X[k], y[k]) for k in (np.arange(40), order))
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-6)


def test_only_ridge_of_a_binary_outcome_has_it():
    X, y = table(40, 5)
    with pytest.raises(ParameterError, match="loo"):
        RadiomicsSignature(cv="loo").fit(X, y)
    with pytest.raises(ParameterError, match="cv is 'all'; required"):
        RadiomicsSignature(cv="all", l1_ratio=0).fit(X, y)
    with pytest.raises(ParameterError, match="above 0"):
        RadiomicsSignature(cv="loo", l1_ratio=0, lambdas=[1.0, 0.0]).fit(X, y)
    target = pd.DataFrame({"event": y.astype(bool), "time": np.arange(1.0, 41)}).to_records(index=False)
    with pytest.raises(OutcomeError, match="binary"):
        left.ridge_left_out(X, np.array(target, dtype=[("event", bool), ("time", float)]))


def test_rows_of_a_patient_that_differ_are_left_out_together():
    X, y = table(60, 8)
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    patients = np.repeat(np.arange(30), 2)
    outcome = np.repeat(y[:30], 2)
    fusion = FusionClassifier({"s": default_pipeline(random_state=0)}, random_state=0).fit(frame, outcome, patients)
    assert not isinstance(fusion.signatures_["s"].named_steps["signature"].cv, str)
