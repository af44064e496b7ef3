"""Perturbed images: each change against what it has to be, by hand or by another computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from radiokit.exceptions import DataWarning, GeometryError, InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.preprocessing import Perturbation, estimate_noise, grow, perturb, randomize_contour

SPACING = (2.0, 1.0, 1.0)


def ball(shape=(15, 25, 25), radius=8.0, spacing=SPACING) -> Mask:
    place = np.indices(shape) * np.reshape(spacing, (3, 1, 1, 1))
    middle = (np.array(shape) - 1) / 2 * spacing
    return Mask(((place - middle.reshape(3, 1, 1, 1)) ** 2).sum(axis=0) <= radius**2, spacing)


def smooth(shape=(15, 25, 25), seed=0, spacing=SPACING) -> Volume:
    noise = np.random.default_rng(seed).normal(size=shape)
    return Volume(1000 * ndimage.gaussian_filter(noise, 2.0, mode="wrap"), spacing)


# ------------------------------------------------------------------------------------------------------------- motion


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_a_quarter_turn_moves_every_voxel_to_another(turns: int) -> None:
    image, region = smooth(), ball()
    region.array[7, 14, 18] = False
    found, mask = Perturbation(rotation=90 * turns).apply(image, region)
    assert np.allclose(found.array, np.rot90(image.array, turns, axes=(1, 2)), atol=1e-6)
    assert (mask.array == np.rot90(region.array, turns, axes=(1, 2))).all()
    assert (found.spacing, found.origin) == (image.spacing, image.origin)


def test_whole_voxels_are_shifted_without_loss() -> None:
    image, region = smooth(), ball(radius=5)
    found, mask = Perturbation(translation=(1, -2, 3)).apply(image, region)
    assert (mask.array == np.roll(region.array, (1, -2, 3), axis=(0, 1, 2))).all()
    assert np.allclose(found.array[mask.array], image.array[region.array], atol=1e-6)


def test_a_turn_is_one_in_mm_whatever_the_spacing() -> None:
    """A ramp along the turned axis has the same slope in mm."""
    spacing = (2.0, 0.5, 1.5)
    y, x = (axis * step for axis, step in zip(np.indices((15, 41, 31))[1:], spacing[1:], strict=True))
    region = ball((15, 41, 31), 6.0, spacing)
    angle = np.radians(30)
    found, mask = Perturbation(rotation=30).apply(Volume(y.astype(float), spacing), region)
    expected = np.cos(angle) * (y - 10) + np.sin(angle) * (x - 22.5) + 10
    assert np.allclose(found.array[mask.array], expected[mask.array], atol=0.05)


def test_there_and_back_again() -> None:
    image, region = smooth(), ball(radius=6)
    there = Perturbation(rotation=17, translation=0.4).apply(image, region)
    back, mask = Perturbation(translation=-0.4).apply(*there)
    back, mask = Perturbation(rotation=-17).apply(back, mask)
    assert np.abs(back.array - image.array)[region.array].max() < 0.05 * np.ptp(image.array[region.array])
    assert (mask.array != region.array).sum() < 0.1 * region.array.sum()
    assert np.abs(there[0].array - image.array)[region.array].max() > 0.2 * np.ptp(image.array[region.array])


def test_one_slice_stays_one_slice() -> None:
    image, region = smooth((1, 25, 25)), ball((1, 25, 25))
    found, mask = Perturbation(translation=0.5, rotation=10).apply(image, region)
    assert found.shape == (1, 25, 25)
    assert mask.array.sum() == pytest.approx(region.array.sum(), rel=0.1)


def test_what_leaves_the_image_is_said() -> None:
    image, region = smooth(), ball()
    with pytest.warns(DataWarning, match=r"\d+ of \d+ voxels of the region are turned or shifted out"):
        Perturbation(translation=(0, 8, 0)).apply(image, region)
    point = np.zeros(image.shape, bool)
    point[7, 12, 12] = True
    with pytest.raises(MaskError, match="no voxel holds half"):
        Perturbation(translation=0.4).apply(image, Mask(point, SPACING))


def test_a_region_at_the_border_keeps_its_layers() -> None:
    image = smooth()
    region = np.zeros(image.shape, bool)
    region[:5, :8, 5:15] = True
    for shift in (-0.3, 0.3):
        _, mask = Perturbation(translation=(shift, 0, 0)).apply(image, Mask(region, SPACING))
        assert (mask.array == region).all()


def test_far_away_from_the_region_the_nearest_voxel_will_do() -> None:
    image = smooth((3, 160, 25), spacing=(1, 1, 1))
    region = np.zeros(image.shape, bool)
    region[:, 5:15, 8:18] = True
    found, _ = Perturbation(translation=(0, 0.25, 0)).apply(image, Mask(region))
    assert (found.array[:, 80:] == image.array[:, 80:]).all()
    assert not np.isclose(found.array[:, 5:60], image.array[:, 5:60]).all()


# --------------------------------------------------------------------------------------------------- noise and outline


@pytest.mark.parametrize("sigma", [2.0, 15.0])
def test_noise_is_found_under_a_smooth_image(sigma: float) -> None:
    image = smooth((20, 60, 60))
    assert estimate_noise(image) < 0.1 * image.array.std()
    noisy = image.with_array(image.array + np.random.default_rng(1).normal(0, sigma, image.shape))
    assert estimate_noise(noisy) == pytest.approx(sigma, rel=0.1)
    padded = noisy.with_array(np.where(np.indices(image.shape)[2] < 20, 0.0, noisy.array))
    assert estimate_noise(padded) == pytest.approx(sigma, rel=0.15)
    assert estimate_noise(Volume(np.full((4, 8, 8), 7.0))) == 0
    with pytest.raises(InputError, match="NaN"):
        estimate_noise(Volume(np.full((4, 8, 8), np.nan)))


def test_added_noise_has_the_level_asked_for() -> None:
    image, region = smooth((20, 40, 40)), ball((20, 40, 40))
    added = Perturbation(noise=7.0).apply(image, region, random_state=0)[0].array - image.array
    assert added.std() == pytest.approx(7, rel=0.03)
    whole = Volume(np.rint(image.array + 3000).astype(np.uint16), SPACING)
    noisy = Perturbation(noise="estimate").apply(whole, region, random_state=0)[0]
    assert noisy.array.dtype == np.uint16
    zero = Perturbation(noise=5.0).apply(Volume(np.zeros(image.shape, np.uint8), SPACING), region, random_state=0)[0]
    assert zero.array.max() < 40  # negative values did not wrap round


@pytest.mark.parametrize("fraction", [-0.9, -0.3, -0.1, 0.0, 0.01, 0.1, 0.5, 3.0])
def test_growth_is_exact_to_the_voxel_and_nearest_first(fraction: float) -> None:
    region = ball(radius=6)
    found = grow(region, fraction, random_state=0)
    n = int(region.array.sum())
    assert found.array.sum() == round(n * (1 + fraction))
    if fraction > 0:
        assert found.array[region.array].all()
        distance = ndimage.distance_transform_edt(~region.array, sampling=SPACING)
        joined, left_out = found.array & ~region.array, ~found.array
        assert distance[joined].max() <= distance[left_out].min() + 1e-9
    elif fraction < 0:
        assert region.array[found.array].all()
        depth = ndimage.distance_transform_edt(np.pad(region.array, 1), sampling=SPACING)[1:-1, 1:-1, 1:-1]
        assert depth[region.array & ~found.array].max() <= depth[found.array].min() + 1e-9


def test_growth_at_the_border_and_without_room() -> None:
    corner = np.zeros((4, 4, 4), bool)
    corner[:2, :2, :2] = True
    assert grow(Mask(corner), 7.0, random_state=0).array.all()
    assert grow(Mask(np.ones((3, 3, 3), bool)), -0.96, random_state=0).array[1, 1, 1]
    for fraction in (7.2, -0.99):
        with pytest.raises(MaskError, match="required: at least 1, and room"):
            grow(Mask(corner), fraction)
    for fraction in (-1.0, np.nan):
        with pytest.raises(ParameterError, match="above -1"):
            grow(Mask(corner), fraction)


def test_outlines_are_drawn_along_edges() -> None:
    region = ball((24, 40, 40), 12.0)
    edges = Volume(np.where(region.array, 100.0, 0.0), SPACING)
    sharp = [randomize_contour(edges, region, random_state=seed).array for seed in range(4)]
    for found in sharp:  # where the edge is clear all readers agree
        assert 2 * (found & region.array).sum() / (found.sum() + region.array.sum()) > 0.95
    blurred = Volume(np.random.default_rng(0).normal(size=region.shape), SPACING)
    vague = [randomize_contour(blurred, region, random_state=seed).array for seed in range(8)]
    dice = [2 * (f & region.array).sum() / (f.sum() + region.array.sum()) for f in vague]
    assert 0.6 < np.mean(dice) < 0.97
    assert np.mean([f.sum() for f in vague]) == pytest.approx(region.array.sum(), rel=0.15)
    assert not (vague[0] == vague[1]).all()
    assert (vague[0] == randomize_contour(blurred, region, random_state=0).array).all()


def test_an_outline_is_never_empty() -> None:
    point = np.zeros((9, 9, 9), bool)
    point[4, 4, 4] = True
    image = Volume(np.random.default_rng(0).normal(size=(9, 9, 9)))
    assert all(randomize_contour(image, Mask(point), random_state=s).array.any() for s in range(5))
    with pytest.raises(InputError, match="NaN"):
        randomize_contour(Volume(np.full((9, 9, 9), np.nan)), Mask(point))


# ---------------------------------------------------------------------------------------------------------- all of them


def test_every_combination_once_and_in_order() -> None:
    image, region = smooth(), ball()
    asked = {"rotations": (-5, 5), "translations": (0.25, (0, 0, 0.5)), "growth": 0.1, "randomize_contour": 2}
    pairs = list(perturb(image, region, **asked, random_state=3))
    assert len(pairs) == 8
    assert len({pair.description for pair in pairs}) == 8
    assert [pair.perturbation for pair in pairs] == list(Perturbation.grid(**asked))
    again = list(perturb(image, region, **asked, random_state=3))
    for one, two in zip(pairs, again, strict=True):
        assert (one.image.array == two.image.array).all()
        assert (one.mask.array == two.mask.array).all()
    other = next(iter(perturb(image, region, **asked, random_state=4)))
    assert not (other.mask.array == pairs[0].mask.array).all()
    (image_, mask_), first = pairs[0], pairs[0]
    assert image_ is first.image
    assert mask_ is first.mask


def test_draws_of_one_level_differ() -> None:
    image, region = smooth(), ball()
    one, two = perturb(image, region, noise=("estimate", "estimate"), random_state=0)
    assert one.description == "noise estimate"
    assert two.description == "noise estimate #2"
    assert not (one.image.array == two.image.array).all()
    assert [str(p) for p in Perturbation.grid(noise=True)] == ["noise estimate"]


def test_inputs_are_not_changed() -> None:
    image, region = smooth(), ball()
    kept = image.array.copy(), region.array.copy()
    list(perturb(image, region, rotations=9, noise=3.0, growth=(-0.2, 0.2), randomize_contour=True, random_state=0))
    assert (image.array == kept[0]).all()
    assert (region.array == kept[1]).all()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"rotations": np.nan},
        {"translations": [(0.1, 0.2)]},
        {"noise": -1.0},
        {"noise": "chang"},
        {"growth": -1.5},
    ],
)
def test_bad_wishes_are_refused_before_any_work(asked: dict) -> None:
    with pytest.raises(ParameterError, match="required"):
        perturb(smooth(), ball(), **asked)


def test_bad_pairs() -> None:
    image, region = smooth(), ball()
    with pytest.raises(InputError, match="required: Volume and Mask"):
        next(perturb(image.array, region.array, rotations=5))  # type: ignore[arg-type]
    with pytest.raises(GeometryError, match="spacing"):
        next(perturb(image, ball(spacing=(1, 1, 1)), rotations=5))
    with pytest.raises(InputError, match="NaN or infinite"):
        next(perturb(image.with_array(np.full(image.shape, np.nan)), region, rotations=5))
    with pytest.raises(MaskError, match="empty"):
        next(perturb(image, region.with_array(np.zeros(image.shape, bool)), rotations=5))
