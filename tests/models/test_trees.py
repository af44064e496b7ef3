"""Trees as arrays: XGBoost's and scikit-learn's own predictions and contributions; Shapley values by brute force."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier

from radiokit.exceptions import InputError, ParameterError
from radiokit.models import BoostedClassifier, BoostedSurvival
from radiokit.models.trees import TreeEnsemble, from_booster, from_forest
from radiokit.stats import concordance_index
from radiokit.utils import as_survival_target


def cases(n: int = 80, p: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, (X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=n) > 0).astype(int)


def booster() -> tuple[xgboost.Booster, xgboost.DMatrix, np.ndarray]:
    X, y = cases()
    data = xgboost.DMatrix(X, label=y, base_margin=np.full(len(X), 0.3))
    settings = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.3, "nthread": 1, "base_score": 0.5}
    return xgboost.train(settings, data, 30), data, X


def expected(trees: TreeEnsemble, x: np.ndarray, known: tuple[int, ...]) -> float:
    """Mean of the leaves where the features that are not known send a case both ways: the definition, node by node."""

    def below(node: int) -> float:
        j = trees.feature[node]
        if j < 0:
            return float(trees.value[node])
        left, right = trees.left[node], trees.right[node]
        if j in known:
            return below(left if np.float32(x[j]) < trees.threshold[node] else right)
        share = trees.cover[left] / trees.cover[node]
        return share * below(left) + (1 - share) * below(right)

    return trees.base + sum(below(root) for root in trees.roots)


def shapley(trees: TreeEnsemble, x: np.ndarray, i: int) -> float:
    """Shapley's formula over all subsets of the other features."""
    others = [j for j in range(x.size) if j != i]
    total = 0.0
    for size in range(x.size):
        weight = factorial(size) * factorial(x.size - size - 1) / factorial(x.size)
        for known in combinations(others, size):
            total += weight * (expected(trees, x, (*known, i)) - expected(trees, x, known))
    return total


def test_boosted_trees_are_those_of_xgboost() -> None:
    model, data, X = booster()
    trees = from_booster(model, base=0.3)
    np.testing.assert_allclose(trees.predict(X), model.predict(data, output_margin=True), atol=1e-5)
    contributions = model.predict(data, pred_contribs=True)
    np.testing.assert_allclose(trees.attributions(X), contributions[:, :-1], atol=1e-5)
    assert trees.expectation() == pytest.approx(contributions[0, -1], abs=1e-5)


def test_a_forest_is_that_of_scikit_learn() -> None:
    X, y = cases()
    X[:40] = np.round(X[:40], 1)  # values on thresholds
    forest = RandomForestClassifier(50, min_samples_leaf=2, class_weight="balanced", random_state=0).fit(X, y)
    np.testing.assert_allclose(from_forest(forest).predict(X), forest.predict_proba(X)[:, 1], atol=1e-14)


@pytest.mark.parametrize("kind", ["booster", "forest"])
def test_attributions_are_shapley_values_and_sum_to_the_prediction(kind: str) -> None:
    X, y = cases()
    if kind == "booster":
        trees = from_booster(booster()[0], base=0.3)
    else:
        trees = from_forest(RandomForestClassifier(10, random_state=0).fit(X, y))
    found = trees.attributions(X)
    np.testing.assert_allclose(found.sum(axis=1) + trees.expectation(), trees.predict(X), atol=1e-12)
    for row in (0, 7):
        by_subsets = [shapley(trees, X[row], i) for i in range(X.shape[1])]
        np.testing.assert_allclose(found[row], by_subsets, atol=1e-12)


def test_boosting_finds_a_product_that_no_line_sees() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = X[:, 0] * X[:, 1] > 0
    model = BoostedClassifier(random_state=0).fit(X[:200], y[:200])
    assert (model.predict(X[200:]) == y[200:]).mean() > 0.8
    again = BoostedClassifier(random_state=0).fit(X[:200], y[:200])
    assert (again.decision_function(X) == model.decision_function(X)).all()


@pytest.mark.parametrize("objective", ["cox", "aft"])
def test_boosted_survival_ranks(objective: str) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4))
    y = as_survival_target(rng.random(300) < 0.7, rng.exponential(np.exp(-1.5 * X[:, 0])))
    y["time"][0] = 0.0
    risk = BoostedSurvival(objective=objective, random_state=0).fit(X[:200], y[:200]).predict(X[200:])
    assert concordance_index(y[200:], risk).estimate > 0.7


def test_parameters_out_of_range_are_refused() -> None:
    X, y = cases()
    with pytest.raises(ParameterError, match="n_trees is 0"):
        BoostedClassifier(n_trees=0).fit(X, y)
    with pytest.raises(InputError, match="objective"):
        BoostedSurvival(objective="weibull").fit(X, as_survival_target(y, np.ones(len(y))))
