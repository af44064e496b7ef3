"""Feature maps: each value is what a neighbourhood gives when it is measured by itself, and what pyradiomics gives."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import ParameterError
from radiokit.features import FixedBinWidth, Measured, RadiomicsExtractor, Resampling, TextureOptions, feature_maps
from radiokit.features._binning import GreyLevels, bin_values
from radiokit.features._measure import FORMULAS
from radiokit.features._region import Region
from radiokit.features._texture import Texture
from radiokit.filters import LBP3D
from radiokit.io import read_volume, write_volume

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from pyradiomics_phantom import SPACING, image, mask  # noqa: E402

IMAGE, MASK = image(), mask() & (np.indices(mask().shape)[0] % 5 < 3)
MASK[:4] = MASK[12:] = False
MASK[:, :10] = MASK[:, 20:] = False
MASK[0, 0, 0] = True  # a voxel by itself
OPTIONS = {
    "plain": TextureOptions(),
    "weighted": TextureOptions(weighting_norm="euclidean", symmetrical_glcm=False),
    "far": TextureOptions(distances=(1, 2), gldm_alpha=1),
    "flat": TextureOptions(force2d=True, force2d_dimension=0),
}


@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_neighbourhood_by_itself(options: TextureOptions, radius: int) -> None:
    """The stacked matrices against those of regions, voxel by voxel; the correlation coefficient has its own rule."""
    names = [
        f"original_{c}_{f}" for c, formulas in FORMULAS.items() if c != "firstorder" for f in formulas if f != "MCC"
    ]
    extractor = RadiomicsExtractor(texture=options)
    maps = feature_maps(IMAGE, MASK, names, radius=radius, extractor=extractor, spacing=SPACING)
    field = np.zeros(np.add(IMAGE.shape, 2 * radius), dtype=int)
    levels = bin_values(IMAGE[MASK], FixedBinWidth(25))
    field[tuple(slice(radius, -radius) for _ in range(3))][MASK] = levels.level
    for voxel in np.argwhere(MASK)[::97]:
        cube = field[tuple(slice(v, v + 2 * radius + 1) for v in voxel)]
        cube = cube[radius : radius + 1] if options.force2d else cube
        texture = Texture(Region(cube > 0, SPACING), GreyLevels(cube[cube > 0], levels.n_levels), options)
        for name in names:
            _, family, feature = name.split("_")
            subject = getattr(texture, family)
            expected = np.atleast_1d(FORMULAS[family][feature](subject))
            counted = ~np.isnan(getattr(subject, "total", np.zeros(1)))
            expected = expected[counted & ~np.isnan(expected)]
            got = maps[name].array[tuple(voxel)]
            if not expected.size:
                assert np.isnan(got), name
            else:
                assert got == pytest.approx(expected.mean(), rel=1e-9, abs=1e-9), name


def test_first_order_maps_by_definition() -> None:
    names = [f"original_firstorder_{f}" for f in ("Mean", "Maximum", "Variance", "Energy")]
    maps = feature_maps(IMAGE, MASK, names, spacing=SPACING)
    wide, inside = np.pad(IMAGE.astype(float), 1), np.pad(MASK, 1)
    for voxel in np.argwhere(MASK)[::11]:
        cube = tuple(slice(v, v + 3) for v in voxel)
        x = wide[cube][inside[cube]]
        got = [maps[name].array[tuple(voxel)] for name in names]
        assert got == pytest.approx([x.mean(), x.max(), x.var(), (x**2).sum()])


def test_values_of_pyradiomics() -> None:
    """Golden: pyradiomics_maps.py, 20 voxels of 93 features."""
    expected = pd.read_csv(GOLDEN / "pyradiomics_maps.csv").set_index(["z", "y", "x"])
    maps = feature_maps(image(), mask(), list(expected.columns), spacing=SPACING)
    for name in expected:
        got = [maps[name].array[place] for place in expected.index]
        assert got == pytest.approx(expected[name].tolist(), rel=1e-6, abs=1e-9), name


def test_jobs_do_not_matter_and_outside_is_said() -> None:
    names = ["original_glcm_Contrast", "wavelet-LLH_firstorder_Mean"]
    one = feature_maps(IMAGE, MASK, names, spacing=SPACING, outside=-1.0)
    two = feature_maps(IMAGE, MASK, names, spacing=SPACING, outside=-1.0, n_jobs=2)
    for name in names:
        assert np.array_equal(one[name].array, two[name].array, equal_nan=True)
        assert (one[name].array[~MASK] == -1).all()


def test_unmasked_neighbourhoods_see_the_image() -> None:
    name = "original_firstorder_Mean"
    found = feature_maps(IMAGE, MASK, [name], spacing=SPACING, masked=False)[name].array
    z, y, x = np.argwhere(MASK)[200]
    assert found[z, y, x] == pytest.approx(IMAGE[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean())


def test_maps_follow_the_grid_of_the_extractor(tmp_path: Path) -> None:
    extractor = RadiomicsExtractor(resampling=Resampling(spacing=(2, 1.6, 1.8)))
    name = "original_glszm_ZoneEntropy"
    found = feature_maps(IMAGE, mask(), [name], extractor=extractor, spacing=SPACING)[name]
    assert found.spacing == (2, 1.6, 1.8)
    write_volume(found, tmp_path / "map.nii.gz")
    with pytest.warns(UserWarning, match="NaN"):
        again = read_volume(tmp_path / "map.nii.gz")
    assert np.allclose(again.array, found.array, equal_nan=True)


def test_a_filter_with_a_shift_of_its_own_has_it_in_maps_too() -> None:
    name = "original_firstorder_Energy"
    maps = [
        feature_maps(IMAGE, MASK, [name], extractor=extractor, spacing=SPACING)[name].array[MASK]
        for extractor in (
            RadiomicsExtractor(filters=[Measured("original", voxel_array_shift=1000)]),
            RadiomicsExtractor(voxel_array_shift=1000),
            RadiomicsExtractor(),
        )
    ]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] > maps[2]).all()


def test_filters_follow_the_names() -> None:
    names = ["log-sigma-1-5-mm-3D_firstorder_Mean", "lbp-3D-m1_firstorder_Mean", "wavelet2-HHH_firstorder_Mean"]
    maps = feature_maps(IMAGE, mask(), names, spacing=SPACING)
    assert all(np.isfinite(maps[name].array[mask()]).all() for name in names)
    own = RadiomicsExtractor(filters=[Measured(LBP3D(), FixedBinWidth(1))])
    assert (
        np.nanmax(
            feature_maps(IMAGE, mask(), ["lbp-3D-m1_glcm_Contrast"], extractor=own, spacing=SPACING)[
                "lbp-3D-m1_glcm_Contrast"
            ].array
        )
        > 0
    )


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["original_shape_Elongation"], {}),
        (["original_glcm_Contrst"], {}),
        (["sobel_glcm_Contrast"], {}),
        (["square_glcm_Contrast"], {"extractor": RadiomicsExtractor()}),
        ([], {}),
        (["original_glcm_Contrast"], {"radius": 0}),
        (["original_glcm_Contrast"], {"radius": 1.5}),
        (["original_glcm_Contrast"], {"extractor": RadiomicsExtractor(standard="ibsi")}),
    ],
)
def test_what_cannot_be_mapped(names: list[str], options: dict) -> None:
    with pytest.raises(ParameterError):
        feature_maps(IMAGE, MASK, names, spacing=SPACING, **options)
