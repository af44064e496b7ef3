"""Ridge in the space of the cases: conditions of the optimum, and the ordinary path of the features."""

import numpy as np
import pytest

from radiokit.engine import elastic_net as net
from radiokit.engine._elastic_net_kernel import fit_path


def outcome(kind, n, rng, signal):
    if kind == "binary":
        return (rng.random(n) < 1 / (1 + np.exp(-signal))).astype(int)
    y = np.zeros(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = rng.random(n) < 0.6, np.ceil(4 * rng.exponential(np.exp(-signal)))  # many ties
    return y


def problem(kind, n, p, weighted=False):
    rng = np.random.default_rng(n + p)
    X = rng.standard_normal((n, p)) * np.exp(rng.normal(size=p))
    X[:, 1] = 3.0
    weight = rng.uniform(0.2, 3.0, n) if weighted else None
    return X, outcome(kind, n, rng, X[:, 0] / X[:, 0].std()), weight


@pytest.mark.parametrize("kind", ["binary", "survival"])
@pytest.mark.parametrize("shape", [(40, 30), (40, 41), (30, 200)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_zero_at_every_penalty(kind, shape, weighted):
    X, y, weight = problem(kind, *shape, weighted)
    path = net.elastic_net_path(X, y, l1_ratio=0.0, n_lambdas=12, sample_weight=weight)
    made = net.problem_of(X, y, weight, None)
    order = np.argsort(y["time"], kind="stable") if kind == "survival" else np.arange(len(y))
    for penalty, coef, eta in zip(path.lambdas, path.coef, path.linear_predictor(X).T, strict=True):
        score = made.loss.at(eta[order]).score
        pull = made.Z[: X.shape[1]] @ score - penalty * coef * path.scale
        np.testing.assert_allclose(pull, 0.0, atol=1e-7)
        if kind == "binary":
            assert abs(score.sum()) < 1e-7


@pytest.mark.parametrize("kind", ["binary", "survival"])
@pytest.mark.parametrize("given", [None, [2.0, 2.0, 0.3, 0.3, 0.01]])
def test_it_is_the_path_of_the_features(kind, given):
    X, y, _ = problem(kind, 35, 60)
    path = net.elastic_net_path(X, y, l1_ratio=0.0, lambdas=given, n_lambdas=8)
    made = net.problem_of(X, y, None, None)
    by_features, losses, null = fit_path(
        made.loss, made.Z, 0.0, made.factor, path.lambdas, stop_early=False, tolerance=1e-16
    )
    np.testing.assert_allclose(path.coef * path.scale, by_features[:, : X.shape[1]], atol=1e-7)
    np.testing.assert_allclose(path.deviance_ratio, (null - losses) / (null - made.loss.best), atol=1e-9)


def test_a_feature_without_penalty_takes_the_ordinary_path():
    X, y, _ = problem("binary", 30, 50)
    factor = np.ones(50)
    factor[0] = 0.0
    path = net.elastic_net_path(X, y, l1_ratio=0.0, lambdas=[1e6, 1.0], penalty_factor=factor)
    assert abs(path.coef[0, 0]) > 0.1 and np.abs(path.coef[0, 1:]).max() < 1e-4
