"""The synthetic feature table follows the coefficients it reports."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiokit.datasets import make_feature_table
from radiokit.exceptions import ParameterError


def test_coefficients_are_found_again() -> None:
    table = make_feature_table(20_000, n_features=8, n_informative=2, block=4, random_state=0)
    found = LogisticRegression(C=np.inf).fit(table.X, table.y).coef_[0]
    np.testing.assert_allclose(found, table.coefficients, atol=0.12)


def test_blocks_are_correlated() -> None:
    X = make_feature_table(20_000, n_features=7, block=3, correlation=0.6, random_state=0).X
    r = np.corrcoef(X.to_numpy().T)
    block = np.arange(7) // 3
    np.testing.assert_allclose(r, np.where(np.eye(7), 1, np.where(block[:, None] == block, 0.6, 0)), atol=0.03)


def test_deterministic_and_centres_shift() -> None:
    one, two = (make_feature_table(500, centers=2, random_state=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.X, two.X)
    means = one.X.groupby(one.center).mean()
    assert (means.loc["center_1"].abs() < 0.25).all()
    assert (means.loc["center_2"].abs() > 0.25).any()


@pytest.mark.parametrize("wrong", [{"n": 0}, {"block": 0}, {"n_informative": 11}, {"correlation": 1.0}])
def test_bad_table_arguments(wrong: dict) -> None:
    with pytest.raises(ParameterError, match="required"):
        make_feature_table(**{"n": 10, "random_state": 0} | wrong)
