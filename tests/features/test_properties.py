"""Laws that extraction obeys on random regions, in both standards, and regions at the edge of what can be measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from radiokit.exceptions import GeometryError, InputError, MaskError, ParameterError
from radiokit.features import FixedBinCount, FixedBinWidth, RadiomicsExtractor, RegionRules

STANDARDS = ("pyradiomics", "ibsi")
ANYTHING = RegionRules(minimum_dimensions=1, minimum_size=0)
TEXTURES = {"pyradiomics": ["glcm", "glrlm", "glszm", "gldm", "ngtdm"], "ibsi": ["glcm", "glrlm", "glszm", "gldzm"]}
# Triangles know directions: a voxel is cut into them one way and not another.
MESH = "Mesh|Surface|Sphericity|surface|area|volume|spher|compact|aspher|integrated|density|axis"


def random_region(seed: int, shape: tuple[int, int, int] = (9, 11, 12)) -> tuple[np.ndarray, np.ndarray]:
    """Smooth blobs, often in several parts, sometimes touching the border, with integer intensities."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), 1.3)
    return rng.normal(100, 40, shape).round(), field > np.quantile(field, 0.7)


def measured(image: np.ndarray, mask: np.ndarray, standard: str, spacing=(1.0, 1.0, 1.0), **settings) -> pd.Series:
    settings = {"discretization": FixedBinCount(8), "region": ANYTHING} | settings
    return RadiomicsExtractor(standard=standard, **settings).extract_case(image, mask, spacing=spacing)


def assert_equal(found: pd.Series, expected: pd.Series, *, mesh: float = 1e-9) -> None:
    # Diameters in a plane are named after an axis of the array.
    kept = ~expected.index.str.contains("Maximum2D")
    found, expected = found[kept], expected[kept]
    loose = expected.index.str.contains(MESH)
    pd.testing.assert_series_equal(found[~loose], expected[~loose], rtol=1e-8, atol=1e-9)
    pd.testing.assert_series_equal(found[loose], expected[loose], rtol=mesh, atol=1e-9)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("seed", range(3))
def test_quarter_turns_and_mirrors(standard: str, seed: int) -> None:
    image, mask = random_region(seed)
    families = [*TEXTURES[standard], *(("firstorder", "shape") if standard == "pyradiomics" else ("statistics",))]
    expected = measured(image, mask, standard, families=families)
    for change in (lambda a: np.rot90(a, axes=(1, 2)), lambda a: a[:, ::-1], lambda a: a.transpose(1, 2, 0)):
        assert_equal(measured(change(image), change(mask), standard, families=families), expected, mesh=0.05)


@pytest.mark.parametrize("standard", STANDARDS)
def test_a_turn_moves_the_spacing_along(standard: str) -> None:
    image, mask = random_region(3)
    one = measured(image, mask, standard, (3.0, 0.7, 1.1))
    two = measured(np.rot90(image, axes=(1, 2)), np.rot90(mask, axes=(1, 2)), standard, (3.0, 1.1, 0.7))
    assert_equal(two, one, mesh=0.1)


@pytest.mark.parametrize("standard", STANDARDS)
def test_twice_the_spacing(standard: str) -> None:
    """Lengths double, areas are four times, volumes eight times as large; textures do not know."""
    image, mask = random_region(4)
    families = [*TEXTURES[standard], "shape" if standard == "pyradiomics" else "morphology"]
    one, two = (measured(image, mask, standard, (3.0 * f, 0.7 * f, 1.1 * f), families=families) for f in (1, 2))
    texture = one.index.str.contains("_gl|_ngtdm")
    pd.testing.assert_series_equal(two[texture], one[texture], rtol=1e-9)
    if standard == "pyradiomics":
        powers = {"shape_MeshVolume": 3, "shape_SurfaceArea": 2, "shape_Maximum3DDiameter": 1, "shape_Sphericity": 0}
    else:
        powers = {
            "morphology_volume": 3,
            "morphology_surface_area": 2,
            "morphology_maximum_3d_diameter": 1,
            "morphology_sphericity": 0,
        }
    for name, power in powers.items():
        assert two[f"original_{name}"] == pytest.approx(one[f"original_{name}"] * 2**power), name


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("seed", range(2))
def test_fixed_bin_count_forgets_an_affine_change(standard: str, seed: int) -> None:
    image, mask = random_region(seed)
    families = TEXTURES[standard]
    expected = measured(image, mask, standard, families=families)
    # Powers of two leave no rounding behind.
    pd.testing.assert_series_equal(measured(image * 4 - 512, mask, standard, families=families), expected)


@pytest.mark.parametrize("standard", STANDARDS)
def test_what_lies_outside_does_not_matter(standard: str) -> None:
    image, mask = random_region(5)
    families = [*TEXTURES[standard], "shape" if standard == "pyradiomics" else "morphology"]
    expected = measured(image, mask, standard, families=families)
    other = np.where(mask, image, np.random.default_rng(0).normal(0, 1e4, image.shape))
    pd.testing.assert_series_equal(measured(other, mask, standard, families=families), expected)
    padded = np.pad(image, 4), np.pad(mask, 4)
    pd.testing.assert_series_equal(measured(*padded, standard, families=families), expected, rtol=1e-9)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.filterwarnings("ignore::radiokit.exceptions.DataWarning")
@pytest.mark.parametrize(
    "voxels",
    [
        [(4, 5, 6)],  # one voxel
        [(0, 0, 0)],  # one voxel in the corner
        [(4, 5, 6), (4, 5, 7)],
        [(0, 0, 0), (8, 10, 11)],  # two parts, both at the border
        [(4, 5, x) for x in range(12)],  # a line from border to border
        [(4, y, x) for y in range(11) for x in range(12)],  # a whole slice
        [(0, y, x) for y in range(3) for x in range(4)] + [(8, y, x) for y in range(7, 11) for x in range(4)],
    ],
    ids=["voxel", "corner", "pair", "two ends", "line", "slice", "two plates"],
)
def test_regions_at_the_limit_are_numbers_or_say_why(standard: str, voxels: list) -> None:
    image, _ = random_region(0)
    mask = np.zeros(image.shape, bool)
    mask[tuple(np.transpose(voxels))] = True
    try:
        row = measured(image, mask, standard, (2.0, 1.0, 1.0), discretization=FixedBinWidth(25))
    except MaskError as error:
        assert "voxel" in str(error)
        assert len(voxels) == 1
        return
    assert not np.isinf(row).any()
    mean = "original_firstorder_Mean" if standard == "pyradiomics" else "original_statistics_mean"
    assert row[mean] == pytest.approx(image[mask].mean())


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("value", [0.0, 7.0, -1000.0])
@pytest.mark.filterwarnings("ignore::radiokit.exceptions.DataWarning")
def test_a_constant_region(standard: str, value: float) -> None:
    _, mask = random_region(1)
    row = measured(np.full(mask.shape, value), mask, standard)
    assert not np.isinf(row).any()
    variance = "original_firstorder_Variance" if standard == "pyradiomics" else "original_statistics_variance"
    assert row[variance] == 0


@pytest.mark.parametrize("standard", STANDARDS)
def test_five_thousand_grey_levels(standard: str) -> None:
    """As many levels as values: no table of levels by levels, and entropy as by hand."""
    rng = np.random.default_rng(0)
    mask = np.pad(np.ones((16, 18, 18), bool), 1)
    image = np.zeros(mask.shape)
    image[mask] = rng.permutation(5184)
    # Each value occurs once: zones and runs are single voxels, and few pairs repeat.
    single = {"pyradiomics": ("ZonePercentage", "RunPercentage"), "ibsi": ("zone_percentage", "run_percentage")}
    zones, runs = single[standard]
    contrast = "Contrast" if standard == "pyradiomics" else "contrast"
    families = {"glszm": [zones], "glrlm": [runs], "glcm": [contrast]}
    row = measured(image, mask, standard, discretization=FixedBinWidth(1), families=families)
    assert row[f"original_glszm_{zones}"] == row[f"original_glrlm_{runs}"] == 1
    # Two levels drawn at random from n differ by n^2 / 6 on average in the square.
    assert row[f"original_glcm_{contrast}"] == pytest.approx(5184**2 / 6, rel=0.05)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers(standard: str, bad: float) -> None:
    image, mask = random_region(2)
    inside = image.copy()
    inside[tuple(np.argwhere(mask)[5])] = bad
    with pytest.raises(InputError, match="NaN or infinite"):
        measured(inside, mask, standard)
    outside = image.copy()
    outside[tuple(np.argwhere(~mask)[5])] = bad
    families = TEXTURES[standard]
    pd.testing.assert_series_equal(
        measured(outside, mask, standard, families=families), measured(image, mask, standard, families=families)
    )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"spacing": None}, ParameterError, "z, y, x"),
        ({"spacing": (1, 1)}, ParameterError, "required: 3 numbers of mm"),
        ({"spacing": (1, 0, 1)}, InputError, "positive"),
        ({"spacing": (1, np.nan, 1)}, InputError, "finite"),
        ({"mask": np.ones((3, 3, 3), bool)}, GeometryError, "size"),
        ({"mask": np.zeros((9, 11, 12), bool)}, MaskError, "no labelled voxel"),
        ({"mask": np.full((9, 11, 12), 0.5)}, MaskError, "fraction|whole"),
        ({"mask": [[1]]}, InputError, "required: a path, a Mask"),
        ({"image": np.ones((2, 9, 11, 12))}, InputError, "required: numbers"),
    ],
)
def test_arrays_that_cannot_be_measured_say_why(arguments: dict, error: type, match: str) -> None:
    image, mask = random_region(0)
    given = {"image": image, "mask": mask, "spacing": (1.0, 1.0, 1.0)} | arguments
    with pytest.raises(error, match=match):
        RadiomicsExtractor(families=["firstorder"]).extract_case(**given)
