"""Adjusted p-values against R's p.adjust (values from tests/golden/padjust.R) and the definitions."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError
from radiokit.stats import adjust_pvalues

GOLDEN = pd.read_csv(Path(__file__).parents[1] / "golden" / "padjust.csv", float_precision="round_trip")
METHODS = ("holm", "hochberg", "hommel", "bonferroni", "BH", "BY", "none")


@pytest.mark.parametrize("method", METHODS)
def test_is_rs(method: str) -> None:
    np.testing.assert_allclose(adjust_pvalues(GOLDEN["p"], method=method), GOLDEN[method], rtol=1e-12)


def test_hommel_is_the_closed_simes_procedure() -> None:
    p = np.array([0.01, 0.02, 0.022, 0.4, 0.03])
    want = np.zeros(p.size)
    for size in range(1, p.size + 1):
        for subset in map(list, combinations(range(p.size), size)):
            simes = np.min(size * np.sort(p[subset]) / np.arange(1, size + 1))
            want[subset] = np.maximum(want[subset], simes)
    np.testing.assert_allclose(adjust_pvalues(p, method="hommel"), want, rtol=1e-13)


def test_missing_values_are_no_tests() -> None:
    got = adjust_pvalues([0.01, np.nan, 0.04], method="bonferroni")
    np.testing.assert_allclose(got, [0.02, np.nan, 0.08])
    assert adjust_pvalues([]).size == 0


def test_bad_input() -> None:
    with pytest.raises(InputError, match="outside"):
        adjust_pvalues([0.1, 1.2])
    with pytest.raises(InputError, match="method"):
        adjust_pvalues([0.1], method="sidak")
