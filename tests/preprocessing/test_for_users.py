"""What users do before extraction: windows, bias fields, common scales, repaired masks, new spacings."""

from __future__ import annotations

import numpy as np
import pytest

from radiokit.exceptions import InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.io.sitk import positions
from radiokit.preprocessing import (
    NyulNormalizer,
    correct_bias,
    drop_small,
    fill_holes,
    largest_component,
    resample,
    resample_mask,
    standardize,
    window,
)

RNG = np.random.default_rng(0)


def test_window_keeps_what_is_inside() -> None:
    image = Volume(RNG.normal(0, 500, size=(5, 6, 7)))
    found = window(image, level=40, width=400).array
    inside = (image.array >= -160) & (image.array <= 240)
    assert (found[inside] == image.array[inside]).all()
    assert found.min() == -160
    assert found.max() == 240
    with pytest.raises(ParameterError):
        window(image, 40, 0)


def test_z_scores_of_a_reference_tissue() -> None:
    image, tissue = Volume(RNG.normal(50, 7, size=(8, 8, 8))), Mask(RNG.random((8, 8, 8)) > 0.7)
    scores = standardize(image, within=tissue).array
    assert scores[tissue.array].mean() == pytest.approx(0, abs=1e-12)
    assert scores[tissue.array].std(ddof=1) == pytest.approx(1)
    everything = Mask(np.ones((8, 8, 8), bool))
    assert np.allclose(standardize(image, within=everything).array, standardize(image).array)
    assert np.abs(standardize(image, within=tissue, outlier_sigma=1, scale=10).array).max() == pytest.approx(10)
    with pytest.raises(InputError, match="holds 0 voxels"):
        standardize(image, within=Mask(np.zeros((8, 8, 8), bool)))


def test_n4_takes_away_a_slow_gain() -> None:
    z, y, x = np.indices((16, 24, 24))
    ball = (z - 8) ** 2 / 49 + (y - 12) ** 2 / 100 + (x - 12) ** 2 / 100 < 1
    truth = np.where(ball, 100 + 20 * ((x // 3 + y // 3) % 2), 0.0)
    seen = truth * np.exp((x - 12) / 25.0)
    found = correct_bias(Volume(seen), Mask(ball), shrink=1, iterations=(30, 30)).array
    spread = [np.std(image[ball] / truth[ball]) / np.mean(image[ball] / truth[ball]) for image in (seen, found)]
    assert spread[1] < 0.4 * spread[0]
    for bad in (truth - 50, np.ones((4, 4, 4)), np.full((4, 4, 4), np.nan)):
        with pytest.raises(InputError, match="N4 needs"):
            correct_bias(Volume(bad))


def test_nyul_undoes_gain_and_offset() -> None:
    base = RNG.gamma(4.0, size=(10, 10, 10))
    images = [Volume(gain * base + offset) for gain, offset in ((1, 0), (5, 100), (0.2, -3))]
    scale = NyulNormalizer().fit(images)
    found = [scale.transform(image).array for image in images]
    assert np.allclose(found[0], found[1])
    assert np.allclose(found[0], found[2])
    assert scale.landmarks_[0] == pytest.approx(0)
    assert scale.landmarks_[-1] == pytest.approx(100)
    shuffled = Volume(np.sort(base.ravel()).reshape(base.shape))
    assert np.allclose(np.sort(scale.transform(shuffled).array.ravel()), np.sort(found[0].ravel()))


def test_nyul_in_a_mask_and_what_it_refuses() -> None:
    image = Volume(RNG.normal(size=(6, 6, 6)))
    body = Mask(RNG.random((6, 6, 6)) > 0.3)
    scale = NyulNormalizer(percentiles=(5, 50, 95), scale=(-1, 1)).fit([image], [body])
    marks = np.percentile(image.array[body.array], (5, 50, 95))
    assert scale.landmarks_ == pytest.approx(-1 + 2 * (marks - marks[0]) / (marks[2] - marks[0]))
    with pytest.raises(ParameterError, match="fit"):
        NyulNormalizer().transform(image)
    with pytest.raises(ParameterError, match="ascending"):
        NyulNormalizer(percentiles=(50, 10)).fit([image])
    with pytest.raises(InputError, match="no image"):
        NyulNormalizer().fit([])
    with pytest.raises(InputError, match="Image 1"):
        NyulNormalizer().fit([image, Volume(np.zeros((2, 2, 2)))])
    with pytest.raises(InputError, match="constant"):
        scale.transform(Volume(np.zeros((2, 2, 2))))


def test_repair_only_what_is_asked() -> None:
    array = np.zeros((6, 8, 8), bool)
    array[1:5, 1:5, 1:5] = True
    array[2, 2, 2] = False  # a hole
    array[3, 3, 1] = False  # a notch
    array[5, 7, 7] = True  # a speck
    mask = Mask(array, spacing=(2, 1, 1))
    assert largest_component(mask).array.sum() == array.sum() - 1
    assert drop_small(mask, 2).array.sum() == array.sum() - 1
    assert drop_small(mask, 1).array.sum() == array.sum()
    filled = fill_holes(mask)
    assert filled.array.sum() == array.sum() + 1
    assert filled.spacing == mask.spacing
    assert mask.array.sum() == array.sum()
    with pytest.raises(MaskError, match="largest part"):
        drop_small(mask, 1000)
    for function in (largest_component, lambda m: drop_small(m, 1)):
        with pytest.raises(MaskError, match="empty"):
            function(Mask(np.zeros((2, 2, 2), bool)))


def test_resampled_image_and_mask_share_a_grid() -> None:
    z, y, x = np.indices((8, 12, 10))
    image = Volume(2.0 * z + y - 3.0 * x, (3, 1, 2), (5, 6, 7))
    mask = Mask((z > 1) & (z < 6) & (y > 2) & (y < 9) & (x > 2) & (x < 8), (3, 1, 2), (5, 6, 7))
    fine, region = resample(image, (1, 1, 1), interpolator="linear"), resample_mask(mask, (1, 1, 1))
    assert fine.shape == region.shape == (24, 12, 20)
    assert fine.origin == region.origin
    centre = [positions(g, [np.array(g.shape) / 2 - 0.5]) for g in (image, fine)]
    assert np.allclose(*centre)
    where = (positions(fine, np.argwhere(region.array)) - np.array(image.origin)) / image.spacing
    assert np.allclose(fine.array[region.array], where @ [2, 1, -3])
    assert region.array.sum() == pytest.approx(mask.array.sum() * 6, rel=0.15)
    assert resample(image, (None, 2, 2)).spacing == (3, 2, 2)
    for bad in ((1, 1), (0, 1, 1)):
        with pytest.raises(ParameterError, match="spacing"):
            resample(image, bad)
    with pytest.raises(ParameterError, match="interpolator"):
        resample(image, (1, 1, 1), interpolator="sinc")
