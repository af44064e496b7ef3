"""The vectorised rank statistics against scipy, column by column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal, spearmanr

from radiokit.study._confounders import kruskal_wallis, rank_correlation


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Columns with ties and gaps, a volume with a gap, and four centres."""
    rng = np.random.default_rng(0)
    values = pd.DataFrame(np.round(rng.normal(size=(80, 12)), 1))
    values.iloc[::7, ::3] = np.nan
    volume = pd.Series(np.round(np.exp(rng.normal(size=80)), 1))
    volume[3] = np.nan
    return values, volume, pd.Series(rng.choice(list("abcd"), 80))


def test_correlation_as_scipy(table) -> None:
    values, volume, _ = table
    found = rank_correlation(values, volume)
    for j in values:
        both = values[j].notna() & volume.notna()
        assert found[j] == pytest.approx(spearmanr(values[j][both], volume[both]).statistic, abs=1e-12)


def test_kruskal_wallis_as_scipy(table) -> None:
    values, _, center = table
    found = kruskal_wallis(values, center)
    for j in values:
        groups = [part.dropna() for _, part in values[j].groupby(center)]
        assert found[j] == pytest.approx(kruskal(*groups).pvalue, abs=1e-12)


def test_what_cannot_be_judged_is_missing() -> None:
    values = pd.DataFrame(
        {"constant": [1.0] * 6, "two": [1.0, 2.0, *[np.nan] * 4], "one centre": [1.0, 2, 3, *[np.nan] * 3]}
    )
    center = pd.Series(list("aaabbb"))
    assert np.isnan(rank_correlation(values, pd.Series(range(6)))[:2]).all()
    assert np.isnan(kruskal_wallis(values, center)).all()
