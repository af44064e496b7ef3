"""Crops: where they lie, what they show, and what is refused. No torch."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiokit.deep import patch, patch_mask
from radiokit.deep._frames import CropShape
from radiokit.exceptions import GeometryError, InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume, from_sitk, to_sitk
from radiokit.io.sitk import positions

SPACING = (3.0, 0.8, 0.8)
BOX = (slice(10, 15), slice(20, 33), slice(30, 39))


def phantom() -> tuple[Volume, Mask]:
    rng = np.random.default_rng(0)
    region = np.zeros((30, 60, 70), bool)
    region[BOX] = True
    return Volume(rng.normal(size=region.shape), SPACING, (5.0, -7.0, 11.0)), Mask(region, SPACING, (5.0, -7.0, 11.0))


IMAGE, REGION = phantom()


def ramp(shape=(20, 30, 40), spacing=(2.0, 1.0, 1.5)) -> Volume:
    """Every voxel holds a linear function of its place in the patient, which linear interpolation keeps."""
    blank = Volume(np.zeros(shape), spacing, (3.0, 4.0, 5.0))
    points = positions(blank, np.argwhere(np.ones(shape, bool)))
    return blank.with_array((points @ [1.0, 10.0, 100.0]).reshape(shape))


def test_on_the_grid_of_the_image_voxels_are_cut_out() -> None:
    cut = patch(IMAGE, REGION, size=(5, 13, 9), spacing=SPACING)
    np.testing.assert_allclose(cut, IMAGE.array[BOX].astype(np.float32), rtol=1e-5)
    assert patch_mask(REGION, size=(5, 13, 9), spacing=SPACING).all()
    assert patch_mask(REGION, size=(7, 15, 11), spacing=SPACING).sum() == REGION.array.sum()


def test_values_are_those_of_the_place_in_the_patient() -> None:
    image = ramp()
    region = np.zeros(image.shape, bool)
    region[8:12, 10:16, 18:25] = True
    mask = Mask(region, image.spacing, image.origin)
    settings = {"size": (5, 6, 7), "spacing": (1.5, 0.7, 1.1)}
    frame = CropShape(**settings).frames(mask)[0]
    points = positions(
        Volume(np.zeros(frame.size), frame.spacing, frame.origin, frame.direction), np.argwhere(np.ones(frame.size))
    )
    np.testing.assert_allclose(patch(image, mask, **settings).ravel(), points @ [1.0, 10.0, 100.0], rtol=1e-5)
    centre = positions(mask, np.array([[9.5, 12.5, 21.0]]))[0]
    np.testing.assert_allclose(points.mean(axis=0), centre)


@pytest.mark.parametrize("orientation", ["RAS", "LPI", "SPL", "ASR"])
@pytest.mark.parametrize("dimension", ["3D", "2.5D", "2D"])
@pytest.mark.parametrize("planes", ["orthogonal", "adjacent"])
def test_how_a_file_stores_its_axes_changes_nothing(orientation: str, dimension: str, planes: str) -> None:
    image = from_sitk(sitk.DICOMOrient(to_sitk(IMAGE), orientation))
    found = from_sitk(sitk.DICOMOrient(to_sitk(REGION), orientation))
    mask = Mask(found.array > 0, found.spacing, found.origin, found.direction)
    settings = {"size": (20, 20, 22), "spacing": (1, 1, 1), "dimension": dimension, "planes": planes}
    np.testing.assert_allclose(patch(image, mask, **settings), patch(IMAGE, REGION, **settings), atol=1e-4)
    assert (patch_mask(mask, **settings) == patch_mask(REGION, **settings)).all()


def test_an_oblique_grid_keeps_its_planes() -> None:
    angle = np.deg2rad(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    direction = tuple(turn.ravel())
    image = Volume(IMAGE.array, SPACING, (0, 0, 0), direction)
    mask = Mask(REGION.array, SPACING, (0, 0, 0), direction)
    cut = patch(image, mask, size=(5, 13, 9), spacing=SPACING)
    np.testing.assert_allclose(cut, IMAGE.array[BOX], atol=1e-4)


def test_an_image_on_another_grid_is_sampled_at_the_same_places() -> None:
    fine = ramp((40, 60, 80), (1.0, 0.5, 0.75))
    mask = Mask(np.pad(np.ones((4, 4, 4), bool), 8), (2.0, 1.0, 1.5), (3.0, 4.0, 5.0))
    coarse = ramp()
    settings = {"size": (6, 6, 6), "spacing": (1, 1, 1)}
    np.testing.assert_allclose(patch(fine, mask, **settings), patch(coarse, mask, **settings), rtol=1e-5)


def test_slices_show_the_largest_cross_sections() -> None:
    region = np.zeros((20, 20, 20), bool)
    region[5:15, 5:15, 9:12] = True
    region[7, 2:18, 2:18] = True  # the largest axial slice
    image = Volume(np.arange(8000.0).reshape(20, 20, 20))
    settings = {"size": (1, 4, 4), "spacing": (1, 1, 1)}
    flat = patch(image, Mask(region), dimension="2D", **settings)
    np.testing.assert_allclose(flat[0], image.array[7, 8:12, 8:12])
    stack = patch(image, Mask(region), dimension="2.5D", planes="adjacent", **settings)
    np.testing.assert_allclose(stack, image.array[6:9, 8:12, 8:12])
    axial, coronal, sagittal = patch(image, Mask(region), dimension="2.5D", **settings)
    np.testing.assert_allclose(axial, image.array[7, 8:12, 8:12])
    # Rows of the others run along z; their box is centred at z 9.5, x or y 9.5.
    y = int(region.sum(axis=(0, 2)).argmax())
    assert np.isin(coronal, image.array[:, y : y + 10]).all()
    np.testing.assert_allclose(np.diff(coronal, axis=0), 400)
    np.testing.assert_allclose(np.diff(coronal, axis=1), 1)
    np.testing.assert_allclose(np.diff(sagittal, axis=0), 400)
    np.testing.assert_allclose(np.diff(sagittal, axis=1), 20)


def test_a_region_at_the_border_is_padded() -> None:
    region = np.zeros(IMAGE.shape, bool)
    region[0:2, 0:3, 0:4] = True
    mask = Mask(region, SPACING, IMAGE.origin)
    settings = {"size": (8, 9, 10), "spacing": SPACING}
    cut = patch(IMAGE, mask, window=(-1, 1), **settings)
    assert (cut[0] == 0).all()  # the lower end of the window
    np.testing.assert_allclose(cut[3:, 3:, 3:], np.clip(IMAGE.array[:5, :6, :7] / 2 + 0.5, 0, 1), atol=1e-5)
    assert (patch(IMAGE, mask, background=7, **settings)[0] == 7).all()
    raw = patch(IMAGE, mask, **settings)
    assert raw[0, 0, 0] == raw.min() == np.float32(IMAGE.array[:5, :6, :7].min())


def test_a_region_larger_than_the_crop() -> None:
    whole = Mask(np.ones(IMAGE.shape, bool), SPACING, IMAGE.origin)
    settings = {"size": (16, 16, 16), "spacing": (1, 1, 1)}
    middle = CropShape(**settings).frames(whole)[0]
    assert middle.spacing == (1, 1, 1)
    assert middle.fill == pytest.approx(90 / 16)
    assert patch_mask(whole, **settings).all()
    frame = CropShape(too_large="zoom", **settings).frames(whole)[0]
    assert frame.spacing == pytest.approx((90 / 16,) * 3)
    assert patch(IMAGE, whole, too_large="zoom", **settings).shape == (16, 16, 16)
    with pytest.raises(MaskError, match=r"90 x 48 x 56 mm.*16 x 16 x 16 mm"):
        patch(IMAGE, whole, too_large="error", **settings)
    fits = {"size": (5, 13, 9), "spacing": SPACING}
    for rule in ("zoom", "error"):
        np.testing.assert_array_equal(patch(IMAGE, REGION, too_large=rule, **fits), patch(IMAGE, REGION, **fits))


def test_intensities() -> None:
    settings = {"size": (10, 20, 20), "spacing": (3, 1, 1)}
    raw = patch(IMAGE, REGION, **settings)
    scaled = patch(IMAGE, REGION, window=(-0.5, 1.5), **settings)
    np.testing.assert_allclose(scaled, (np.clip(raw, -0.5, 1.5) + 0.5) / 2, atol=1e-6)
    z = patch(IMAGE, REGION, window="zscore", **settings)
    assert (z.mean(), z.std()) == pytest.approx((0, 1), abs=1e-5)
    again = patch(IMAGE.with_array(7 * IMAGE.array + 3), REGION, window="zscore", **settings)
    np.testing.assert_allclose(again, z, atol=1e-4)
    constant = patch(IMAGE.with_array(np.full(IMAGE.shape, 40.1)), REGION, window="zscore", **settings)
    assert (constant == 0).all()
    assert raw.dtype == scaled.dtype == z.dtype == np.float32


def test_inputs_are_not_changed() -> None:
    before = IMAGE.array.copy(), REGION.array.copy()
    patch(IMAGE, REGION, window="zscore")
    assert (before[0] == IMAGE.array).all()
    assert (before[1] == REGION.array).all()


def test_one_slice() -> None:
    flat = Volume(np.arange(400.0).reshape(1, 20, 20))
    mask = Mask((flat.array > 100) & (flat.array < 200))
    assert patch(flat, mask, size=(1, 8, 8), dimension="2D").shape == (1, 8, 8)
    with pytest.raises(InputError, match="dimension='2D'"):
        patch(flat, mask)


def test_voxels_that_are_not_numbers() -> None:
    values = IMAGE.array.copy()
    values[0, 0, 0] = np.nan  # far away
    assert np.isfinite(patch(IMAGE.with_array(values), REGION, size=(5, 5, 5), spacing=(1, 1, 1))).all()
    values[12, 25, 33] = np.inf
    with pytest.raises(InputError, match=r"1 of .* voxels that the crop needs are NaN"):
        patch(IMAGE.with_array(values), REGION, size=(5, 5, 5), spacing=(1, 1, 1))


def test_regions_that_cannot_be_cropped() -> None:
    with pytest.raises(MaskError, match="empty"):
        patch(IMAGE, Mask(np.zeros(IMAGE.shape, bool), SPACING))
    with pytest.raises(GeometryError, match="outside the image"):
        patch(IMAGE, Mask(REGION.array, SPACING, (5000.0, 0, 0)))


@pytest.mark.parametrize(
    "settings",
    [
        {"size": (8, 8)},
        {"size": (8, 8, 0)},
        {"size": (8, 8.5, 8)},
        {"spacing": (1, 1)},
        {"spacing": (1, 0, 1)},
        {"dimension": "4D"},
        {"planes": "all"},
        {"window": (5, 5)},
        {"window": "minmax"},
        {"window": (0, np.inf)},
        {"background": np.nan},
        {"too_large": "skip"},
    ],
)
def test_settings_are_checked(settings: dict) -> None:
    with pytest.raises(ParameterError):
        patch(IMAGE, REGION, **settings)
