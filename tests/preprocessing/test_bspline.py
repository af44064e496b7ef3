"""Our cubic B-spline against ITK's own, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiokit.io import Mask, Volume, to_sitk
from radiokit.preprocessing._bspline import can_interpolate, interpolate_cubic
from radiokit.preprocessing._grids import Grid, nearest, resampler

SPACINGS = (0.5, 0.78125, 0.9765625, 1.0, 2.0, 3.0)


def by_itk(image: Volume, target: Grid, pixel_type: int) -> np.ndarray:
    grid = sitk.ResampleImageFilter()
    grid.SetSize(target.size)
    grid.SetOutputSpacing(target.spacing)
    grid.SetOutputOrigin(target.origin)
    grid.SetOutputDirection(target.direction)
    grid.SetInterpolator(sitk.sitkBSpline)
    grid.SetOutputPixelType(pixel_type)
    return sitk.GetArrayFromImage(grid.Execute(to_sitk(image)))


def a_case(seed: int, dtype: str, largest: int) -> tuple[Volume, Grid]:
    """An image with a grid on a part of it, oblique for odd seeds, often with coinciding voxels."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(4, largest, 3)
    array = (rng.normal(size=shape) * 400).astype(dtype) if dtype != "uint8" else rng.integers(0, 256, shape, dtype)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] if seed % 2 else np.diag(rng.choice([-1.0, 1.0], 3))
    spacing = rng.choice(SPACINGS, 3)
    image = Volume(array, tuple(spacing), tuple(rng.normal(size=3) * 100), tuple(turn.ravel()))
    new = np.ones(3) if seed % 4 else rng.uniform(0.6, 3, 3)
    old = spacing[::-1]
    whole = np.ceil(shape[::-1] * old / new).astype(int)
    start = (whole * rng.uniform(0, 0.4, 3)).astype(int)
    size = np.maximum((whole * rng.uniform(0.3, 0.7, 3)).astype(int), 1)
    corner = 0.5 * (new - old) / old + start * new / old
    source = to_sitk(image)
    origin = source.TransformContinuousIndexToPhysicalPoint(corner.tolist())
    return image, Grid(tuple(size.tolist()), tuple(new.tolist()), origin, source.GetDirection())


@pytest.mark.parametrize("seed", range(24))
def test_no_bit_differs(seed: int) -> None:
    image, target = a_case(seed, "int16", 60)
    found = interpolate_cubic(image, target, keep_type=False)
    assert (found == by_itk(image, target, sitk.sitkFloat64)).all()
    assert (interpolate_cubic(image, target, keep_type=True) == by_itk(image, target, sitk.sitkInt16)).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_nearest_voxel_is_itk_s(seed: int) -> None:
    image, target = a_case(seed, "int16", 40)
    mask = Mask(image.array > 0, image.spacing, image.origin, image.direction)
    grid = resampler(target)
    grid.SetInterpolator(sitk.sitkNearestNeighbor)
    expected = sitk.GetArrayFromImage(grid.Execute(to_sitk(mask)))
    assert (nearest(mask, target) == (expected > 0)).all()


def test_half_way_between_two_voxels_and_outside() -> None:
    mask = Mask(np.indices((5, 5, 5)).sum(axis=0) % 3 == 0, (2.0, 1.0, 0.5))
    target = Grid((12, 12, 12), (0.25, 0.5, 1.0), (-0.75, -1.5, -3.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    grid = resampler(target)
    grid.SetInterpolator(sitk.sitkNearestNeighbor)
    assert (nearest(mask, target) == (sitk.GetArrayFromImage(grid.Execute(to_sitk(mask))) > 0)).all()


def test_a_straight_grid_needs_no_itk() -> None:
    """What is computed here are ITK's own matrices, to the bit."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        direction = np.diag(rng.choice([-1.0, 1.0], 3)).ravel()
        grid = Grid((4, 4, 4), tuple(rng.uniform(0.2, 6, 3)), tuple(rng.normal(size=3) * 100), tuple(direction))
        image = sitk.Image(4, 4, 4, sitk.sitkUInt8)
        image.SetSpacing(grid.spacing)
        image.SetOrigin(grid.origin)
        image.SetDirection(grid.direction)
        index = rng.normal(size=3) * 10
        assert grid.point(index) == image.TransformContinuousIndexToPhysicalPoint(index.tolist())
        back = grid.matrices[1].T
        image.SetOrigin((0, 0, 0))
        assert (back == [image.TransformPhysicalPointToContinuousIndex(unit) for unit in np.eye(3).tolist()]).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_types_and_their_ranges(dtype: str) -> None:
    image, target = a_case(2, dtype if dtype != "uint16" else "int16", 30)
    image = Volume(np.abs(image.array).astype(dtype), image.spacing, image.origin, image.direction)
    found = interpolate_cubic(image, target, keep_type=True)
    expected = by_itk(image, target, to_sitk(image).GetPixelID())
    assert found.dtype == expected.dtype
    assert (found == expected).all()


def test_a_small_part_of_a_long_image() -> None:
    """The margin is all that is seen of the rest."""
    array = np.random.default_rng(1).integers(-1000, 1000, size=(8, 240, 400)).astype(np.int16)
    image = Volume(array, (3.0, 1.0, 1.0))
    target = Grid((20, 15, 10), (1.0, 1.0, 1.0), (170.0, 110.0, 7.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    assert (interpolate_cubic(image, target, keep_type=False) == by_itk(image, target, sitk.sitkFloat64)).all()


def test_outside_is_zero() -> None:
    image = Volume(np.full((6, 6, 6), 5.0))
    target = Grid((4, 4, 4), (4.0, 4.0, 4.0), (-4.0, -4.0, -4.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    assert (interpolate_cubic(image, target, keep_type=True) == by_itk(image, target, sitk.sitkFloat64)).all()


def test_what_is_left_to_itk() -> None:
    assert not can_interpolate(Volume(np.zeros((3, 9, 9))))
    assert not can_interpolate(Volume(np.zeros((9, 9, 9), dtype=np.int64)))
    assert can_interpolate(Volume(np.zeros((9, 9, 9), dtype=np.int16)))
