"""Bins against numpy.digitize, on values that lie on edges."""

from __future__ import annotations

import numpy as np
import pytest

from radiokit.exceptions import InputError, ParameterError
from radiokit.features._binning import bin_values
from radiokit.features._settings import FixedBinCount, FixedBinWidth


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("width", [25, 0.1, 0.3, 7.5])
def test_width_equals_digitize(dtype, width):
    rng = np.random.default_rng(0)
    values = (rng.integers(0, 90, 400) * width).astype(dtype)
    low = values.min() if np.issubdtype(dtype, np.floating) else int(values.min())
    high = values.max() if np.issubdtype(dtype, np.floating) else int(values.max())
    edges = np.arange(low - low % width, high + 2 * width, width)
    levels = bin_values(values, FixedBinWidth(width))
    np.testing.assert_array_equal(levels.level, np.digitize(values, edges))
    assert levels.level.min() == 1
    assert levels.n_levels == levels.level.max()


@pytest.mark.parametrize("count", [1, 2, 32, 1000])
def test_count_equals_digitize(count):
    values = np.random.default_rng(1).normal(size=500)
    edges = np.histogram_bin_edges(values, count)
    edges[-1] += 1
    np.testing.assert_array_equal(bin_values(values, FixedBinCount(count)).level, np.digitize(values, edges))


def test_edges_are_multiples_of_the_width():
    assert bin_values(np.array([54.0, 74.9, 75, 166]), FixedBinWidth(25)).level.tolist() == [1, 1, 2, 5]
    assert bin_values(np.array([-1.0, 0, 24, 25]), FixedBinWidth(25)).level.tolist() == [1, 2, 2, 3]


def test_a_constant_region_has_one_level():
    assert bin_values(np.full(5, 50.0), FixedBinWidth(25)).level.tolist() == [1] * 5
    assert bin_values(np.full(5, 3.3), FixedBinCount(32)).n_levels == 17  # numpy: edges half a unit around the value


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_must_be_finite(bad):
    with pytest.raises(InputError, match="finite"):
        bin_values(np.array([1.0, bad]), FixedBinWidth(1))


def test_a_width_fits_the_image():
    with pytest.raises(ParameterError, match="grey levels"):
        bin_values(np.array([0.0, 1e12]), FixedBinWidth(1))
