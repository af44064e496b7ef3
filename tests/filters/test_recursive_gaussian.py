"""The recursive Laplacian of Gaussian against ITK's, and against the true one."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from radiokit.filters._recursive_gaussian import REACH, laplacian_of_gaussian


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((12, 20, 37), (1.0, 1.0, 1.0)), ((4, 9, 16), (3.0, 0.977, 0.8)), ((40, 5, 4), (1.0, 2.0, 1.0))],
)
@pytest.mark.parametrize("sigma", [0.7, 2.0, 5.0])
def test_equals_itk_bit_for_bit(dtype, shape, spacing, sigma):
    array = np.random.default_rng(0).normal(500, 300, shape).astype(dtype)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[::-1])
    expected = sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(image, sigma, True))
    got = laplacian_of_gaussian(array, spacing, sigma)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_is_close_to_the_laplacian_of_a_gaussian():
    impulse = np.zeros((41, 41, 41))
    impulse[20, 20, 20] = 1
    true = 9 * ndimage.gaussian_laplace(impulse, 3.0, truncate=8)
    got = laplacian_of_gaussian(impulse, (1.0, 1.0, 1.0), 3.0)
    assert np.abs(got - true).max() < 0.05 * np.abs(true).max()


def test_a_constant_image_has_no_response():
    got = laplacian_of_gaussian(np.full((6, 7, 8), 100.0), (1.0, 1.0, 2.0), 2.0)
    np.testing.assert_allclose(got, 0, atol=1e-3)


def test_a_part_is_a_part_of_the_whole() -> None:
    array = np.random.default_rng(3).normal(size=(9, 11, 13)).astype(np.float32) * 100
    box = (slice(2, 7), slice(0, 4), slice(5, 13))
    whole = laplacian_of_gaussian(array, (2.0, 1.0, 0.7), 1.5)
    assert (laplacian_of_gaussian(array, (2.0, 1.0, 0.7), 1.5, box) == whole[box]).all()


@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_one_slice_equals_itk_in_two_dimensions(sigma):
    array = np.random.default_rng(0).normal(500, 300, (23, 37)).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.8, 1.3))
    expected = sitk.GetArrayFromImage(sitk.LaplacianRecursiveGaussian(image, sigma, True))
    np.testing.assert_array_equal(laplacian_of_gaussian(array[None], (1.0, 1.3, 0.8), sigma)[0], expected)


@pytest.mark.parametrize(("sigma", "spacing"), [(1.0, (1.0, 1.0, 1.0)), (2.0, (3.0, 1.6, 1.4)), (0.3, (1.0, 1.0, 1.0))])
@pytest.mark.parametrize("beyond", [1.0, 1e3])
def test_what_is_far_away_changes_no_bit(sigma: float, spacing: tuple[float, ...], beyond: float) -> None:
    """Only the box and the reach of the recursion are filtered; what lies beyond may be a thousand times as bright."""
    margins = np.ceil(REACH * sigma / np.array(spacing)).astype(int) + 4
    array = np.random.default_rng(0).normal(size=tuple(2 * margins + 20)) * 1000
    box = tuple(slice(m + 8, m + 12) for m in margins)
    near = tuple(slice(8, 2 * m + 12) for m in margins)
    bright = array * beyond
    bright[near] = array[near]
    whole = laplacian_of_gaussian(bright, spacing, sigma)
    assert (laplacian_of_gaussian(bright, spacing, sigma, box) == whole[box]).all()


def test_a_gaussian_far_below_one_voxel_has_no_value() -> None:
    array = np.ones((5, 5, 5))
    with np.errstate(all="raise"):
        assert np.isnan(laplacian_of_gaussian(array, (1.0, 1.0, 1.0), 1e-6)).all()
