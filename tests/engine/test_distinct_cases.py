"""A path through merged equal cases is the path through all of them."""

from __future__ import annotations

import numpy as np
import pytest

from radiokit.engine import elastic_net as net
from radiokit.engine._distinct_cases import distinct_cases
from radiokit.utils import as_survival_target

RANDOM = np.random.default_rng(4)
N = 40
DRAWN = RANDOM.integers(0, N, N)  # as a bootstrap draws: about a third of the cases are repeats
X = RANDOM.normal(size=(N, 33))
BINARY = X[:, 0] + RANDOM.normal(size=N) > 0
SURVIVAL = as_survival_target(RANDOM.random(N) < 0.7, np.ceil(10 * RANDOM.exponential(np.exp(-X[:, 0]))))


def test_cases_are_counted_and_rows_with_other_outcomes_stay_apart() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 2.0], [3.0, 4.0]])
    found = distinct_cases(values, np.array([1, 0, 1, 0, 0]))
    np.testing.assert_array_equal(found.X, values[[0, 1, 3]])
    assert found.y.tolist() == [1, 0, 0]
    assert found.weight.tolist() == [2.0, 2.0, 1.0]
    assert found.row.tolist() == [0, 1, 0]
    assert found.n_cases == 5


def test_different_cases_are_left_as_they_are() -> None:
    found = distinct_cases(X, BINARY)
    assert found.X is X and found.weight.tolist() == [1.0] * N


@pytest.mark.parametrize("y", [BINARY, SURVIVAL], ids=["binary", "survival"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("p", [10, 33])  # fewer features than half of the cases; more than there are distinct cases
def test_merged_cases_give_the_same_path(y: np.ndarray, l1_ratio: float, p: int) -> None:
    merged = net.elastic_net_path(X[DRAWN][:, :p], y[DRAWN], l1_ratio=l1_ratio, n_lambdas=8)
    whole = net.path_of(net.problem_of(X[DRAWN][:, :p], y[DRAWN], None, None), l1_ratio, None, 8)
    np.testing.assert_allclose(merged.lambdas, whole.lambdas, rtol=1e-12)
    np.testing.assert_allclose(merged.coef, whole.coef, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(merged.deviance_ratio, whole.deviance_ratio, rtol=1e-9, atol=1e-12)
