"""The extractor against pyradiomics 3.0.1 (golden values), and what it promises whatever the standard."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiokit.exceptions import (
    CaseTableError,
    DataWarning,
    GeometryError,
    InputError,
    MaskError,
    MissingDependencyError,
    ParameterError,
)
from radiokit.features import (
    FixedBinCount,
    FixedBinWidth,
    Measured,
    Normalization,
    RadiomicsExtractor,
    RegionRules,
    Resampling,
    Resegmentation,
    TextureOptions,
)
from radiokit.filters import LBP3D, LoG, Mean, Wavelet
from radiokit.io import Mask, Volume, to_sitk, write_volume

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from pyradiomics_phantom import SPACING, image, mask  # noqa: E402

CASES = json.loads((GOLDEN / "pyradiomics_cases.json").read_text())
IMAGE, MASK = image(), mask()
VOLUME, REGION = Volume(IMAGE, SPACING), Mask(MASK, SPACING)
# pyradiomics adds eps to a product of small numbers: an error of its own, see the notes of the MCC.
TOLERANCE = {"MCC": 5e-4}


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return pd.read_csv(GOLDEN / "pyradiomics.csv")


@pytest.mark.parametrize("case", CASES)
def test_values_of_pyradiomics(case: str, reference: pd.DataFrame) -> None:
    expected = reference[reference["case"] == case].set_index("feature")["value"]
    got = RadiomicsExtractor.from_params(CASES[case]).extract_case(IMAGE, MASK, spacing=SPACING)
    assert sorted(got.index) == sorted(expected.index)
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=TOLERANCE.get(name.rsplit("_", 1)[1], 1e-9), abs=1e-9), name


def small(**kwargs) -> RadiomicsExtractor:
    return RadiomicsExtractor(**{"families": ["firstorder", "glcm"], **kwargs})


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rows = []
    for k in range(4):
        write_volume(Volume(IMAGE + 10 * k * (IMAGE % 3), SPACING), tmp_path / f"image{k}.nii.gz")
        write_volume(REGION, tmp_path / f"mask{k}.nii.gz")
        rows.append((f"P{k}", str(tmp_path / f"image{k}.nii.gz"), str(tmp_path / f"mask{k}.nii.gz")))
    return pd.DataFrame(rows, columns=["case_id", "image", "mask"]).set_index("case_id")


def test_every_kind_of_input_gives_the_same_values(tmp_path: Path) -> None:
    write_volume(VOLUME, tmp_path / "image.nrrd")
    write_volume(REGION, tmp_path / "mask.nrrd")
    pairs = [
        ((IMAGE, MASK), {"spacing": SPACING}),
        ((IMAGE, MASK * 7), {"spacing": SPACING, "label": 7}),
        ((VOLUME, REGION), {}),
        ((VOLUME, MASK), {}),
        ((to_sitk(VOLUME), to_sitk(REGION)), {}),
        ((tmp_path / "image.nrrd", str(tmp_path / "mask.nrrd")), {}),
    ]
    rows = [small().extract_case(*pair, **kwargs) for pair, kwargs in pairs]
    for row in rows[1:]:
        pd.testing.assert_series_equal(row, rows[0], rtol=1e-12)


def test_inputs_are_not_changed() -> None:
    values, region = IMAGE.astype(float), MASK.copy()
    extractor = small(filters=["wavelet", "square", LoG(sigma=1.0)], normalization=Normalization(outlier_sigma=2))
    extractor.extract_case(values, region, spacing=SPACING)
    assert (values == IMAGE).all()
    assert (region == MASK).all()


def test_table_keeps_order_and_jobs_change_no_bit(table: pd.DataFrame) -> None:
    one = small(filters=["original", "wavelet"]).extract(table)
    two = small(filters=["original", "wavelet"], n_jobs=2).extract(table.iloc[::-1])
    pd.testing.assert_frame_equal(one.features, two.features.iloc[::-1], check_exact=True)
    assert list(one.features.index) == list(table.index)
    assert one.provenance["n_voxels"].eq(int(MASK.sum())).all()


def test_scikit_learn_protocol(table: pd.DataFrame) -> None:
    extractor = small(filters=["original", Wavelet("haar")])
    names = extractor.get_feature_names_out()
    frame = extractor.fit_transform(table)
    assert list(frame.columns) == list(names)
    assert repr(clone(extractor).get_params()) == repr(extractor.get_params())
    assert list(extractor.set_output(transform="pandas").transform(table).columns) == list(names)
    scaled = make_pipeline(small(), StandardScaler()).fit_transform(table)
    assert np.allclose(scaled.mean(axis=0), 0)


def test_path_of_a_case_table(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "cases.csv")
    pd.testing.assert_frame_equal(small().transform(tmp_path / "cases.csv"), small().transform(table))


def test_cache_serves_what_has_not_changed(table: pd.DataFrame, tmp_path: Path) -> None:
    extractor = small(cache=tmp_path / "cache")
    first = extractor.extract(table)
    write_volume(Volume(IMAGE * 2, SPACING), table.loc["P2", "image"])
    second = extractor.extract(table)
    assert list(second.provenance["cached"]) == [True, True, False, True]
    assert second.features.drop("P2").equals(first.features.drop("P2"))
    other = small(cache=tmp_path / "cache", discretization=FixedBinWidth(5)).extract(table)
    assert not other.provenance["cached"].any()


def test_cache_of_images_in_memory(tmp_path: Path) -> None:
    cases = pd.DataFrame({"image": [VOLUME], "mask": [REGION]}, index=pd.Index(["P1"], name="case_id"))
    extractor = small(cache=tmp_path)
    assert not extractor.extract(cases).provenance["cached"].any()
    assert extractor.extract(cases).provenance["cached"].all()
    cases.loc["P1", "image"] = VOLUME.with_array(IMAGE + 1)
    assert not extractor.extract(cases).provenance["cached"].any()


def test_own_discretisation_of_a_filter_and_of_a_family() -> None:
    both = small(filters=["original", Measured("square", discretization=FixedBinCount(8))])
    row = both.extract_case(VOLUME, REGION)
    square = small(filters="square", discretization=FixedBinCount(8)).extract_case(VOLUME, REGION)
    pd.testing.assert_series_equal(row.filter(like="square"), square)
    mixed = small(discretization={"default": FixedBinWidth(25), "glcm": FixedBinCount(8)}).extract_case(VOLUME, REGION)
    assert mixed["original_glcm_Contrast"] == pytest.approx(
        small(discretization=FixedBinCount(8)).extract_case(VOLUME, REGION)["original_glcm_Contrast"]
    )
    assert mixed["original_firstorder_Entropy"] == pytest.approx(
        small().extract_case(VOLUME, REGION)["original_firstorder_Entropy"]
    )


def test_a_filter_that_pyradiomics_lacks_has_columns_of_its_own() -> None:
    row = small(filters=[Mean(support=3)], families={"firstorder": ["Mean"]}).extract_case(VOLUME, REGION)
    assert list(row.index) == ["mean-3-3D_firstorder_Mean"]
    assert np.isfinite(row).all()


def test_scaling_laws() -> None:
    """Fixed bin count forgets an affine change; shape grows with the voxel; a shift moves only the mean."""
    texture = RadiomicsExtractor(families=["glcm", "glrlm", "glszm"], discretization=FixedBinCount(8))
    one = texture.extract_case(IMAGE.astype(float), MASK, spacing=SPACING)
    two = texture.extract_case(IMAGE * 4.0 + 16, MASK, spacing=SPACING)
    pd.testing.assert_series_equal(one, two, rtol=1e-9)
    shape = RadiomicsExtractor(families=["shape"])
    small_, large = (shape.extract_case(IMAGE, MASK, spacing=tuple(f * s for s in SPACING)) for f in (1, 2))
    assert large["original_shape_MeshVolume"] == pytest.approx(8 * small_["original_shape_MeshVolume"])
    assert large["original_shape_Sphericity"] == pytest.approx(small_["original_shape_Sphericity"])


def test_padding_around_the_region_changes_nothing() -> None:
    wide = np.pad(IMAGE, 7), np.pad(MASK, 7)
    pd.testing.assert_series_equal(
        RadiomicsExtractor().extract_case(*wide, spacing=SPACING),
        RadiomicsExtractor().extract_case(IMAGE, MASK, spacing=SPACING),
        rtol=1e-9,
    )


def test_resampling_with_correction_puts_a_coarser_mask_on_the_image() -> None:
    coarse = Mask(np.ones((4, 6, 6), bool), spacing=(4.0, 2.0, 2.0), origin=(2.0, 3.0, 3.0))
    with pytest.raises(GeometryError, match="do not share one grid"):
        small().extract_case(VOLUME, coarse)
    row = small(region=RegionRules(correct_mask=True)).extract_case(VOLUME, coarse)
    assert np.isfinite(row).all()
    both = small(region=RegionRules(correct_mask=True), resampling=Resampling(spacing=(2, 1, 1)))
    assert np.isfinite(both.extract_case(VOLUME, coarse)).all()


def test_rounding_is_said_or_left_to_the_image() -> None:
    kept = small(resampling=Resampling(spacing=(1, 1, 1)), families={"firstorder": ["Maximum"]})
    exact = clone(kept).set_params(resampling=Resampling(spacing=(1, 1, 1), round_intensities=False))
    rounded = clone(kept).set_params(resampling=Resampling(spacing=(1, 1, 1), round_intensities=True))
    values = [float(e.extract_case(VOLUME, REGION).iloc[0]) for e in (kept, exact, rounded)]
    assert values[1] != round(values[1])
    assert values[2] == round(values[1])
    assert values[0] == int(values[1])


# ---------------------------------------------------------------------------------------------------------- bad input


def test_a_missing_label_lists_those_present() -> None:
    with pytest.raises(MaskError, match=r"label 1.*2"):
        small().extract_case(IMAGE, MASK * 2, spacing=SPACING, label=1)
    with pytest.raises(MaskError, match="several labels: 1, 2"):
        small().extract_case(IMAGE, MASK + 1 * np.roll(MASK, 1, axis=1), spacing=SPACING)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda i, m: (i, np.zeros_like(m)), MaskError, "no labelled voxel"),
        (lambda i, m: (i, np.arange(m.size).reshape(m.shape) == 5000), MaskError, "1 voxel"),
        (lambda i, m: (np.where(m, np.nan, i), m), InputError, "inside the region are NaN"),
        (lambda i, m: (i[:, :-3], m), GeometryError, "size"),
        (lambda i, m: (i.astype(complex), m), InputError, "required: numbers"),
        (lambda i, m: (i[0, 0], m), InputError, "shape"),
        (lambda i, m: ("no such file.nii.gz", m), InputError, "does not exist"),
        (lambda i, m: (object(), m), InputError, "required: a path"),
    ],
)
def test_bad_cases_say_what_is_wrong(change, error, match: str) -> None:
    pair = change(IMAGE.astype(float), MASK)
    spacing = SPACING if isinstance(pair[0], np.ndarray) and pair[0].ndim == 3 else None
    spacing = (1.0,) if spacing is None and isinstance(pair[0], np.ndarray) else spacing
    with pytest.raises(error, match=match):
        small().extract_case(*pair, spacing=spacing)


def test_an_array_needs_its_spacing_and_a_file_has_its_own() -> None:
    with pytest.raises(ParameterError, match="z, y, x"):
        small().extract_case(IMAGE, MASK)
    with pytest.raises(ParameterError, match="for arrays"):
        small().extract_case(VOLUME, REGION, spacing=SPACING)


def test_a_case_is_read_as_it_is_measured() -> None:
    image, region = small().read_case(IMAGE, 3 * MASK.astype(int), label=3, spacing=SPACING)
    assert image.spacing == region.spacing == SPACING
    np.testing.assert_array_equal(region.array, MASK)


def test_nan_outside_of_the_region_matters_only_where_it_reaches() -> None:
    values = IMAGE.astype(float)
    values[0, 0, 0] = np.inf
    assert np.isfinite(small().extract_case(values, MASK, spacing=SPACING)).all()
    with pytest.raises(InputError, match="beyond the region"):
        small(filters="wavelet").extract_case(values, MASK, spacing=SPACING)


def test_a_constant_region_has_no_infinities() -> None:
    block = np.pad(np.ones((3, 3, 3), bool), 3)
    extractor = RadiomicsExtractor(filters=["original", "wavelet"], families=["firstorder", "ngtdm", "glcm", "glrlm"])
    row = extractor.extract_case(np.full((9, 9, 9), 7.0), block, spacing=(1, 1, 1))
    assert not np.isinf(row).any()
    flat = small().extract_case(np.full(IMAGE.shape, 40), MASK, spacing=SPACING)
    assert flat["original_firstorder_Entropy"] == pytest.approx(0, abs=1e-9)
    assert flat["original_firstorder_Uniformity"] == pytest.approx(1)


def test_one_slice_in_two_and_three_dimensions() -> None:
    plane, region = IMAGE[8], MASK[8]
    flat = RadiomicsExtractor(
        families=["firstorder", "glcm", "shape2D"], texture=TextureOptions(force2d=True, force2d_dimension=0)
    ).extract_case(plane, region, spacing=SPACING[1:])
    assert np.isfinite(flat).all()
    deep = small().extract_case(plane[None], region[None], spacing=SPACING)
    assert deep["original_glcm_Contrast"] == pytest.approx(flat["original_glcm_Contrast"])


def test_region_rules() -> None:
    line = np.zeros_like(MASK)
    line[5, 5, 4:20] = True
    with pytest.raises(MaskError, match="along 1 of 3 axes"):
        small().extract_case(IMAGE, line, spacing=SPACING)
    thin = small(region=RegionRules(minimum_dimensions=1)).extract_case(IMAGE, line, spacing=SPACING)
    assert np.isfinite(thin).all()
    with pytest.raises(MaskError, match=f"more than {10**6}"):
        small(region=RegionRules(minimum_size=10**6)).extract_case(IMAGE, MASK, spacing=SPACING)
    with pytest.raises(MaskError, match="Resegmentation"):
        small(resegmentation=Resegmentation(range=(10_000, None))).extract_case(IMAGE, MASK, spacing=SPACING)


def test_log_needs_enough_voxels() -> None:
    with pytest.warns(DataWarning, match="too few"):
        row = small(filters=[LoG(sigma=40.0)]).extract_case(VOLUME, REGION)
    assert row.isna().all()


@pytest.mark.parametrize(
    "settings",
    [
        {"standard": "mirp"},
        {"engine": "java"},
        {"filters": ()},
        {"filters": "sobel"},
        {"filters": "log"},
        {"filters": ["original", "original"]},
        {"families": ["glcmm"]},
        {"families": {"glcm": ["Contrst"]}},
        {"families": []},
        {"families": ["shape2D"]},
        {"discretization": 25},
        {"discretization": None},
        {"discretization": {"glcmm": FixedBinWidth(25)}},
        {"discretization": FixedBinWidth(25, origin=0)},
        {"resampling": (1, 1, 1)},
        {"resampling": Resampling(spacing=(1, 1, 1), anti_aliasing=True)},
        {"resampling": Resampling(spacing=(1, 1, 1), mask_interpolator="linear")},
        {"aggregation": "3D_avg"},
        {"filters": [LoG(sigma=1.0, truncate=3.0)]},
        {"filters": [Wavelet(rotation_invariant=True)]},
        {"filters": [Wavelet(subband="LL")]},
    ],
)
def test_settings_are_checked_before_any_case(settings: dict) -> None:
    with pytest.raises(ParameterError):
        RadiomicsExtractor(**settings).fit()


def test_failures_are_recorded_and_no_row_is_lost(table: pd.DataFrame) -> None:
    table.loc["P1", "mask"] = table.loc["P0", "image"] + ".gone"
    result = small(on_error="nan").extract(table)
    assert list(result.features.index) == list(table.index)
    assert result.features.loc["P1"].isna().all()
    assert list(result.failures["case_id"]) == ["P1"]
    with pytest.raises(InputError, match="P1"):
        small().extract(table)


def test_a_table_of_several_sequences_says_what_to_do(table: pd.DataFrame) -> None:
    two = table.rename(columns={"image": "image_T1", "mask": "mask_T1"})
    two["image_T2"], two["mask_T2"] = two["image_T1"], two["mask_T1"]
    with pytest.raises(CaseTableError, match="image_T1"):
        small().extract(two)


def test_the_reference_engine() -> None:
    pytest.importorskip("radiomics")
    extractor = small(filters=["original", Measured("square", discretization=FixedBinWidth(10))])
    pd.testing.assert_series_equal(
        clone(extractor).set_params(engine="pyradiomics").extract_case(VOLUME, REGION),
        extractor.extract_case(VOLUME, REGION),
        rtol=1e-6,
    )


def test_the_reference_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "radiomics", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        small(engine="pyradiomics").extract_case(VOLUME, REGION)


def test_local_binary_patterns_are_measured_with_their_own_width() -> None:
    extractor = RadiomicsExtractor(filters=[Measured(LBP3D(), FixedBinWidth(1))], families={"glcm": ["JointEntropy"]})
    assert (extractor.extract_case(VOLUME, REGION) > 0).all()


def test_an_image_that_is_not_defined_everywhere_costs_its_columns_only() -> None:
    extractor = RadiomicsExtractor(filters=["original", LBP3D()], families={"firstorder": ["Mean"]})
    values = np.where(np.indices(MASK.shape)[2] < 12, 0, IMAGE)
    with pytest.warns(DataWarning, match="lbp-3D-k is not defined"):
        row = extractor.extract_case(values, MASK, spacing=SPACING)
    assert list(row.index[row.isna()]) == ["lbp-3D-k_firstorder_Mean"]


def test_a_mask_of_several_channels(tmp_path: Path) -> None:
    both = sitk.Compose(to_sitk(Mask(np.roll(MASK, 2, axis=2), SPACING)), to_sitk(REGION))
    sitk.WriteImage(both, str(tmp_path / "both.seg.nrrd"))
    expected = small().extract_case(VOLUME, REGION)
    for mask_ in (both, tmp_path / "both.seg.nrrd", REGION):
        row = small(region=RegionRules(channel=1)).extract_case(VOLUME, mask_)
        pd.testing.assert_series_equal(row, expected)
    with pytest.raises(MaskError, match="2 channels"):
        small(region=RegionRules(channel=2)).extract_case(VOLUME, both)
