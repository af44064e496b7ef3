"""The median imputer equals scikit-learn's, on tables and arrays, with gaps, empty and whole columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer

from radiokit.models import MedianImputer


def _table(n: int, share: float) -> pd.DataFrame:
    random = np.random.default_rng(n)
    table = pd.DataFrame(random.lognormal(size=(n, 6)), columns=list("abcdef"))
    table = table.mask(random.random(table.shape) < share)
    return table.assign(whole=random.normal(size=n), ties=np.arange(n) // 2, empty=np.nan)


@pytest.mark.parametrize("n", [1, 2, 7, 40, 700])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7])
def test_equals_scikit_learn(n: int, share: float) -> None:
    table, new = _table(n, share), _table(5, 0.3)
    theirs = SimpleImputer(strategy="median", keep_empty_features=True).set_output(transform="pandas").fit(table)
    ours = MedianImputer().set_output(transform="pandas").fit(table)
    np.testing.assert_array_equal(ours.statistics_, theirs.statistics_)
    pd.testing.assert_frame_equal(ours.transform(new), theirs.transform(new), check_exact=True)
    np.testing.assert_array_equal(MedianImputer().fit(table.to_numpy()).transform(new.to_numpy()), ours.transform(new))


def test_refuses_other_columns_and_infinity() -> None:
    table = _table(7, 0.1)
    fitted = MedianImputer().fit(table)
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(table[table.columns[::-1]])
    with pytest.raises(ValueError, match="infinity"):
        MedianImputer().fit(table.assign(a=np.inf))
