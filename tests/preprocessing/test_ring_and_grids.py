"""Rings in mm, and images brought onto each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from radiokit.exceptions import DataWarning, GeometryError, MaskError, ParameterError
from radiokit.io import Mask, Volume
from radiokit.preprocessing import Perturbation, align, on_grid_of, ring

RNG = np.random.default_rng(0)


def box_mask(shape=(13, 21, 19), low=(5, 8, 7), high=(8, 13, 12), spacing=(3.0, 1.0, 0.7)) -> Mask:
    array = np.zeros(shape, bool)
    array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return Mask(array, spacing)


def distances_by_hand(mask: Mask) -> np.ndarray:
    """Distance of each voxel to the region, inside minus that to the outside, from all pairs."""
    place = np.argwhere(np.ones(mask.shape)) * mask.spacing
    inside = mask.array.ravel()
    gaps = np.linalg.norm(place[:, None] - place[None], axis=2)
    out = np.where(inside, -gaps[:, ~inside].min(axis=1), gaps[:, inside].min(axis=1))
    return out.reshape(mask.shape)


@pytest.mark.filterwarnings("ignore:.*beyond the border")
@pytest.mark.parametrize(("inner", "outer"), [(0, 3), (1.5, 4), (-1, 2), (-2, 0)])
def test_a_ring_by_all_pairs(inner: float, outer: float) -> None:
    mask = box_mask((9, 11, 10), (3, 4, 4), (6, 7, 7), (3.0, 1.2, 0.7))
    d = distances_by_hand(mask)
    found = ring(mask, inner, outer)
    assert (found.array == ((d > inner + 1e-9) & (d <= outer + 1e-9))).all()
    assert found.spacing == mask.spacing


def test_rings_tile_space() -> None:
    mask = box_mask()
    parts = [ring(mask, a, b).array for a, b in itertools.pairwise((0, 1, 2.5, 4))]
    assert (np.sum(parts, axis=0) == ring(mask, 0, 4).array).all()
    assert not (ring(mask, 0, 4).array & mask.array).any()


def test_what_is_excluded() -> None:
    mask = box_mask()
    bone = Mask(np.indices(mask.shape)[2] > 12, mask.spacing)
    image = Volume(np.where(np.indices(mask.shape)[1] < 8, -900.0, 40.0), mask.spacing)
    image.array[6, 15, 10] = np.nan
    found = ring(mask, 0, 4, exclude=bone, image=image, intensities=(-100, None)).array
    assert (found == ring(mask, 0, 4).array & ~bone.array & (image.array >= -100)).all()
    with pytest.raises(GeometryError):
        ring(mask, 0, 4, exclude=box_mask(spacing=(1, 1, 1)))
    with pytest.raises(MaskError, match="none after exclusions"):
        ring(mask, 0, 4, image=image, intensities=(5000, None))


def test_a_ring_beyond_the_image_is_cut_and_said() -> None:
    mask = box_mask(low=(0, 0, 0), high=(4, 4, 4))
    with pytest.warns(DataWarning, match="beyond the border"):
        found = ring(mask, 0, 2)
    wide = Mask(np.pad(mask.array, 5), mask.spacing)
    assert (found.array == ring(wide, 0, 2).array[5:-5, 5:-5, 5:-5]).all()


def test_rings_that_cannot_be() -> None:
    mask = box_mask()
    with pytest.raises(MaskError, match="0 voxels lie at these distances"):
        ring(mask, 0, 0.5)
    with pytest.raises(MaskError, match="empty"):
        ring(mask.with_array(np.zeros(mask.shape, bool)), 0, 3)
    for inner, outer in ((3, 3), (4, 1), (0, np.inf)):
        with pytest.raises(ParameterError, match="the first smaller"):
            ring(mask, inner, outer)
    with pytest.raises(ParameterError, match="go together"):
        ring(mask, 0, 3, intensities=(0, 1))


def test_a_ramp_on_another_grid_is_the_ramp() -> None:
    z, y, x = np.indices((10, 12, 14))
    moving = Volume(2.0 * z + y - x, (2, 1, 1), (0, 0, 0))
    reference = Volume(np.zeros((6, 9, 7)), (1.5, 0.8, 1.3), (3.0, 2.0, 1.0))
    for interpolator in ("linear", "cubic"):
        found = on_grid_of(moving, reference, interpolator=interpolator)
        i, j, k = np.indices(reference.shape)
        expected = (3 + 1.5 * i) + (2 + 0.8 * j) - (1 + 1.3 * k)
        tolerance = 1e-6 if interpolator == "linear" else 0.3  # a spline knows the border
        assert np.allclose(found.array, expected, atol=tolerance)
        assert found.origin == reference.origin
    beyond = on_grid_of(moving, Volume(np.zeros((3, 3, 3)), origin=(50, 0, 0)))
    assert np.isnan(beyond.array).all()
    with pytest.raises(ParameterError, match="interpolator"):
        on_grid_of(moving, reference, interpolator="sinc")


def body(seed: int = 0) -> Volume:
    """A body of smooth organs in air."""
    shape = (16, 32, 32)
    z, y, x = np.indices(shape)
    inside = ((z - 8) / 6) ** 2 + ((y - 16) / 12) ** 2 + ((x - 16) / 9) ** 2 < 1
    organs = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2) * 500
    return Volume(np.where(inside, 300 + organs, 0.0), (4.0, 3.0, 3.0))


def test_a_known_motion_is_found_across_contrasts() -> None:
    fixed = body()
    whole = Mask(fixed.array > 0, fixed.spacing)
    turned, lesion = Perturbation(rotation=8, translation=(0, 1.5, -1)).apply(fixed, whole)
    other = turned.with_array(np.sqrt(np.maximum(900 - turned.array, 0)) * 10)  # another sequence
    found = align(other, fixed)
    assert abs(abs(found.rotation[0]) - 8) < 2
    assert max(map(abs, found.rotation[1:])) < 2
    back = found.apply(lesion)
    assert 2 * (back.array & whole.array).sum() / (back.array.sum() + whole.array.sum()) > 0.95
    assert 2 * (lesion.array & whole.array).sum() / (lesion.array.sum() + whole.array.sum()) < 0.93
    image = found.apply(turned)
    inner = ndimage.binary_erosion(whole.array, iterations=2)
    assert np.corrcoef(image.array[inner], fixed.array[inner])[0, 1] > 0.97


def test_two_examinations_far_apart() -> None:
    fixed = body()
    far = Volume(fixed.array, fixed.spacing, (4000, 0, 0))
    with pytest.raises(GeometryError, match="start='centre'"):
        align(far, fixed)
    found = align(far, fixed, start="centre")
    assert repr(align(far, fixed, start="centre")) == repr(found)
    assert found.translation == pytest.approx((4000, 0, 0), abs=1)
    with pytest.raises(ParameterError, match="start"):
        align(far, fixed, start="here")
    with pytest.raises(MaskError, match="No voxel"):
        found.apply(Mask(np.ones((2, 2, 2), bool)))
