"""Cropping, z-scores, resegmentation and grids."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk

from radiokit.exceptions import DataWarning, InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.io.sitk import positions
from radiokit.preprocessing import (
    bounding_box,
    crop,
    on_grid_of,
    require_inside,
    resample_around,
    resegment,
    standardize,
)

RNG = np.random.default_rng(0)
OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


def block(shape=(8, 9, 10), box=(slice(2, 5), slice(3, 7), slice(4, 9))) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[box] = True
    return mask


def test_box_of_every_single_voxel() -> None:
    for index in np.ndindex(2, 3, 2):
        mask = np.zeros((2, 3, 2), bool)
        mask[index] = True
        assert bounding_box(mask) == tuple(slice(i, i + 1) for i in index)
    with pytest.raises(MaskError, match="empty"):
        bounding_box(np.zeros((2, 2, 2), bool))


def test_a_crop_stays_where_it_was_in_the_patient() -> None:
    image = Volume(RNG.normal(size=(8, 9, 10)), (2, 1, 0.5), (5, -3, 7), OBLIQUE)
    part = crop(image, bounding_box(block()), padding=1)
    assert (part.array == image.array[1:6, 2:8, 3:10]).all()
    assert np.allclose(positions(part, [[0, 0, 0]]), positions(image, [[1, 2, 3]]))
    everything = crop(image, bounding_box(block()), padding=99)
    assert everything.shape == image.shape


def test_z_scores() -> None:
    image = Volume(RNG.normal(5, 3, size=(6, 6, 6)))
    scores = standardize(image, scale=10).array
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    assert scores.std(ddof=1) == pytest.approx(10)
    clipped = standardize(image, scale=10, outlier_sigma=1).array
    assert np.allclose(clipped, np.clip(scores, -10, 10))
    with pytest.raises(InputError, match="not all equal"):
        standardize(Volume(np.ones((2, 2, 2))))
    with pytest.raises(InputError, match="finite"):
        standardize(Volume(np.array([[[1.0, np.nan]]])))


def test_resegmentation_modes() -> None:
    image = Volume(np.arange(10.0).reshape(1, 1, 10))
    mask = Mask(np.ones((1, 1, 10), bool))
    kept = {
        "absolute": resegment(image, mask, range=(2, 5)),
        "open": resegment(image, mask, range=(None, 5)),
        "relative": resegment(image, mask, range=(0.5, 1), mode="relative"),
        "sigma": resegment(image, mask, range=(-1, 1), mode="sigma"),
        "outliers": resegment(image, mask, outlier_sigma=1),
        "both": resegment(image, mask, range=(2, 9), outlier_sigma=1),
    }
    found = {name: np.flatnonzero(m.array).tolist() for name, m in kept.items()}
    assert found["absolute"] == [2, 3, 4, 5]
    assert found["open"] == [0, 1, 2, 3, 4, 5]
    assert found["relative"] == [5, 6, 7, 8, 9]
    assert found["sigma"] == found["outliers"] == [2, 3, 4, 5, 6, 7]
    assert found["both"] == [4, 5, 6, 7]
    assert mask.array.all()
    with pytest.raises(MaskError, match="left 1 of 10"):
        resegment(image, mask, range=(9, None))
    with pytest.raises(ParameterError, match="mode"):
        resegment(image, mask, range=(0, 1), mode="percent")


def test_resampling_of_a_linear_ramp_is_the_ramp() -> None:
    z, y, x = np.indices((12, 14, 16))
    image = Volume(3.0 * z + 2.0 * y - x, (2, 1, 1), (0, 0, 0))
    mask = Mask(block((12, 14, 16), (slice(4, 8), slice(5, 9), slice(6, 11))), (2, 1, 1))
    part, region = resample_around(image, mask, (1, 0.5, None), interpolator="linear", padding=0)
    assert part.spacing == (1, 0.5, 1)
    zz, yy, xx = np.moveaxis(positions(part, np.argwhere(region.array)), -1, 0)
    assert np.allclose(part.array[region.array], 3 * zz / 2 + 2 * yy - xx)
    assert region.array.sum() * 0.5 == pytest.approx(mask.array.sum() * 2)


def test_resampling_keeps_the_type_or_not() -> None:
    image = Volume(RNG.integers(-100, 100, size=(8, 9, 10)).astype(np.int16), (2, 1, 1))
    mask = Mask(block(), (2, 1, 1))
    kept, _ = resample_around(image, mask, (1, 1, 1))
    free, _ = resample_around(image, mask, (1, 1, 1), keep_type=False)
    assert kept.array.dtype == np.int16
    assert np.abs(kept.array - free.array).max() < 1


def test_an_axis_of_one_voxel_is_kept() -> None:
    mask = Mask(block(box=(slice(3, 4), slice(2, 6), slice(2, 8))), (3, 1, 1))
    part, region = resample_around(Volume(RNG.normal(size=mask.shape), (3, 1, 1)), mask, (1, 0.5, 0.5), padding=0)
    assert part.spacing == (3, 0.5, 0.5)
    assert np.ptp(np.nonzero(region.array)[0]) == 0


def test_regions_have_to_lie_inside_of_the_image() -> None:
    image = Volume(np.zeros((8, 9, 10)), direction=OBLIQUE)
    inside = Mask(block(), direction=OBLIQUE)
    require_inside(image, inside)
    moved = Mask(block(), origin=(0, 0, 4), direction=OBLIQUE)
    with pytest.raises(MaskError, match="reaches out of the image"):
        require_inside(image, moved)
    with pytest.warns(DataWarning, match="lie outside of the reference grid"):
        assert 0 < on_grid_of(moved, image).array.sum() < inside.array.sum()


def test_a_mask_on_another_grid_is_sampled_at_the_nearest_voxel() -> None:
    image = Volume(np.zeros((6, 6, 6)))
    fine = Mask(np.ones((4, 4, 4), bool), spacing=(0.5, 0.5, 0.5), origin=(1.75, 1.75, 1.75))
    found = on_grid_of(fine, image)
    assert found.array.sum() == 8
    assert bounding_box(found) == (slice(2, 4),) * 3
    tiny = Mask(np.ones((1, 1, 1), bool), spacing=(0.1, 0.1, 0.1), origin=(1.5, 1.5, 1.5))
    with pytest.raises(MaskError, match="no voxel of the region is left"):
        on_grid_of(tiny, image)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize("outlier_sigma", [None, 1.5])
def test_z_scores_equal_itk_in_the_last_bit(dtype, outlier_sigma):
    """pyradiomics: sitk.Normalize, outliers cut, then the factor."""
    array = np.random.default_rng(0).normal(100, 40, (9, 31, 17)).clip(0, 250).astype(dtype)
    wanted = sitk.GetArrayFromImage(sitk.Normalize(sitk.GetImageFromArray(array)))
    if outlier_sigma is not None:
        wanted = np.clip(wanted, -outlier_sigma, outlier_sigma)
    before = array.copy()
    found = standardize(Volume(array), scale=37.3, outlier_sigma=outlier_sigma).array
    np.testing.assert_array_equal(found, wanted * 37.3)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(array, before)


def test_z_scores_hold_one_image_beside_their_own():
    array = np.random.default_rng(0).normal(size=(40, 100, 100))
    standardize(Volume(array[:2]))
    tracemalloc.start()
    standardize(Volume(array), scale=100, outlier_sigma=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * array.nbytes
