"""Clipping: by hand, gaps stay, constants and outliers, units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import ParameterError
from radiokit.models import Winsorizer
from radiokit.models._winsorizer import sorted_quantiles


def test_bounds_by_hand() -> None:
    x = np.r_[np.arange(1.0, 100.0), 1e6][:, None]
    fitted = Winsorizer(spread=2).fit(x)
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75])
    half = 2 * (high - low) / 1.3489795003921634
    assert (fitted.lower_[0], fitted.upper_[0]) == pytest.approx((middle - half, middle + half))
    assert fitted.transform([[1e9]])[0, 0] == fitted.upper_[0]


def test_gaps_stay_and_empty_columns_pass() -> None:
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0, 50.0], "empty": np.nan, "flat": 2.0, "ties": [0.0, 0.0, 0.0, 9.0]})
    out = Winsorizer(spread=1).set_output(transform="pandas").fit_transform(X)
    pd.testing.assert_frame_equal(out.isna(), X.isna())
    assert (out["flat"] == 2).all()
    assert 0 < out["ties"].max() < 9


def test_units_do_not_matter() -> None:
    X = np.random.default_rng(0).standard_t(2, size=(50, 3))
    one, two = Winsorizer().fit_transform(X), Winsorizer().fit_transform(X * 1000 - 7)
    np.testing.assert_allclose(two, one * 1000 - 7, rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 140, 141, 142, 143])
def test_quantiles_of_sorted_columns_are_those_of_numpy(n: int) -> None:
    values = np.random.default_rng(n).lognormal(size=(n, 20))
    ours = sorted_quantiles(np.sort(values, axis=0), (0.0, 0.25, 0.5, 0.75, 1.0))
    np.testing.assert_array_equal(ours, np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0], axis=0))


def test_spread_must_be_positive() -> None:
    with pytest.raises(ParameterError, match="spread"):
        Winsorizer(spread=0).fit([[1.0], [2.0]])
