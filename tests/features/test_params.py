"""Parameter files: read, refused, written, read again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from radiokit.exceptions import DataWarning, FileError, InputError, ParameterError
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
    feature_maps,
)
from radiokit.filters import LBP2D, LBP3D, Gradient, LoG, Mean, Original, Square, Wavelet
from radiokit.io import read_params, write_params

EVERYTHING = RadiomicsExtractor(
    filters=(
        Original(),
        Measured(
            Wavelet("haar", level=2, start_level=1),
            FixedBinCount(9),
            TextureOptions((2,), weighting_norm="infinity"),
            5,
        ),
        LoG(sigma=1.0),
        LoG(sigma=2.5),
        Square(),
        Gradient(use_spacing=False),
        LBP2D(radius=2.0, samples=12, method="ror"),
        LBP3D(levels=3, radius=2.0, subdivision=2),
    ),
    families={"shape": None, "glcm": ("Contrast", "Id")},
    resampling=Resampling(spacing=(3, 1, None), interpolator="lanczos_sinc"),
    discretization=FixedBinWidth(12.5),
    resegmentation=Resegmentation(range=(-3, None), mode="sigma", shape=True),
    normalization=Normalization(scale=50, outlier_sigma=4),
    texture=TextureOptions(distances=(1, 2), weighting_norm="infinity", gldm_alpha=1, symmetrical_glcm=False),
    region=RegionRules(
        label=3, correct_mask=True, minimum_dimensions=3, minimum_size=40, padding=7, pre_crop=True, channel=2
    ),
    voxel_array_shift=1000,
)


def test_round_trip(tmp_path: Path) -> None:
    write_params(EVERYTHING, tmp_path / "params.yaml")
    again = read_params(tmp_path / "params.yaml")
    assert again.case_task() == EVERYTHING.case_task()
    assert list(again.get_feature_names_out()) == list(EVERYTHING.get_feature_names_out())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyradiomics_accepts_what_is_written(tmp_path: Path) -> None:
    featureextractor = pytest.importorskip("radiomics.featureextractor")
    write_params(EVERYTHING, tmp_path / "params.yaml")
    theirs = featureextractor.RadiomicsFeatureExtractor(str(tmp_path / "params.yaml"))
    assert theirs.settings["resampledPixelSpacing"] == [0, 1.0, 3.0]
    assert theirs.enabledFeatures == {"shape": None, "glcm": ["Contrast", "Id"]}


def test_spatial_lists_are_turned_round() -> None:
    extractor = RadiomicsExtractor.from_params(
        {"setting": {"resampledPixelSpacing": [1, 2, 0], "interpolator": 2, "force2D": True, "force2Ddimension": 2}}
    )
    assert extractor.resampling == Resampling(spacing=(None, 2, 1), interpolator="linear")
    assert extractor.texture == TextureOptions(force2d=True, force2d_dimension=2)


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert read_params(tmp_path / "empty.yaml").case_task() == RadiomicsExtractor().case_task()


def test_settings_of_an_image_type_count_before_those_of_the_file() -> None:
    extractor = RadiomicsExtractor.from_params(
        {"setting": {"binWidth": 10, "wavelet": "db2"}, "imageType": {"Original": {}, "Wavelet": {"binWidth": 3}}}
    )
    assert extractor.discretization == FixedBinWidth(10)
    assert extractor.filters == (Original(), Measured(Wavelet("db2"), FixedBinWidth(3)))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"setting": {"binWidht": 25}}, "binWidht.*Known are.*binWidth"),
        ({"settings": {}}, "settings.*imageType"),
        ({"imageType": {"Wavelets": {}}}, "Wavelets.*Wavelet"),
        ({"imageType": {"Original": {"binWidht": 1}}}, "binWidht"),
        ({"imageType": {"LoG": {}}}, "sigma"),
        ({"imageType": {"LoG": {"sigma": [1.0], "label": 2}}}, "cannot differ"),
        ({"featureClass": {"glcmm": None}}, "glcmm"),
        ({"featureClass": {"glcm": ["Contrst"]}}, "Contrst"),
        ({"featureClass": {"glcm": "Contrast"}}, "list of features"),
        ({"setting": {"binWidth": "wide"}}, "binWidth.*number"),
        ({"setting": {"binWidth": -1}}, "above 0"),
        ({"setting": {"force2D": 1}}, "force2D.*bool"),
        ({"setting": {"resampledPixelSpacing": [1, 1]}}, "3 numbers"),
        ({"setting": {"interpolator": "sitkMagic", "resampledPixelSpacing": [1, 1, 1]}}, "sitkBSpline"),
        ({"setting": {"resegmentRange": [1, 2, 3]}}, "resegmentRange"),
        ({"setting": {"resegmentRange": [1], "resegmentMode": "other"}}, "mode"),
        ({"setting": {"weightingNorm": "chess"}}, "weighting_norm"),
        ({"setting": {"distances": [0]}}, "distances"),
        ({"setting": {"label_channel": "first"}}, "label_channel"),
        ({"setting": [1]}, "name: value"),
    ],
)
def test_what_is_not_known_is_an_error(params: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        RadiomicsExtractor.from_params(params).fit()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.yaml"):
        read_params(tmp_path / "gone.yaml")
    (tmp_path / "bad.yaml").write_text("setting: [")
    with pytest.raises(FileError, match="not valid YAML"):
        read_params(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(ParameterError, match="required: sections"):
        read_params(tmp_path / "list.yaml")


def test_a_file_executes_nothing(tmp_path: Path) -> None:
    (tmp_path / "evil.yaml").write_text(f"setting: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']")
    with pytest.raises(FileError):
        read_params(tmp_path / "evil.yaml")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"filters": [Mean(support=3)]},
        {"filters": [Wavelet(subband="LLH")]},
        {"filters": [Wavelet(), Wavelet("haar")]},
        {"filters": [LoG(sigma=1.0), Measured(LoG(sigma=2.0), FixedBinWidth(1))]},
        {"discretization": {"default": FixedBinWidth(25), "glcm": FixedBinWidth(5)}},
        {"resampling": Resampling(spacing=(1, 1, 1), round_intensities=True)},
        {"resegmentation": Resegmentation(range=(None, 4))},
        {"resegmentation": Resegmentation(range=(0, 4), outlier_sigma=3)},
    ],
)
def test_what_a_file_cannot_hold_is_an_error(settings: dict, tmp_path: Path) -> None:
    with pytest.raises(ParameterError):
        write_params(RadiomicsExtractor(**settings), tmp_path / "params.yaml")


def test_outliers_are_written_as_the_sigma_mode() -> None:
    setting = RadiomicsExtractor(resegmentation=Resegmentation(outlier_sigma=3)).to_params()["setting"]
    assert setting["resegmentRange"] == [-3, 3]
    assert setting["resegmentMode"] == "sigma"


def test_names_of_sigmas_are_those_of_the_file(tmp_path: Path) -> None:
    """pyradiomics spells a sigma as the file does: 1 and 1.0 are two names."""
    (tmp_path / "log.yaml").write_text("imageType: {LoG: {sigma: [1, 2.0]}}\nfeatureClass: {firstorder: [Mean]}\n")
    wanted = ["log-sigma-1-mm-3D_firstorder_Mean", "log-sigma-2-0-mm-3D_firstorder_Mean"]
    extractor = read_params(tmp_path / "log.yaml")
    assert list(extractor.get_feature_names_out()) == wanted
    write_params(extractor, tmp_path / "again.yaml")
    assert list(read_params(tmp_path / "again.yaml").get_feature_names_out()) == wanted
    assert list(RadiomicsExtractor.from_params(extractor.to_params()).get_feature_names_out()) == wanted


def test_a_null_interpolator_keeps_the_grid() -> None:
    """pyradiomics resamples only if both a spacing and an interpolator are there."""
    setting = {"resampledPixelSpacing": [1, 1, 1], "interpolator": None}
    with pytest.warns(DataWarning, match="interpolator is null"):
        assert RadiomicsExtractor.from_params({"setting": setting}).resampling is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RadiomicsExtractor.from_params({"setting": {"interpolator": None}}).resampling is None


VOXEL_FILE = """
imageType: {Original: {}}
featureClass: {glcm: [JointEnergy, Contrast], firstorder: [Mean]}
setting: {binWidth: 10}
voxelSetting: {kernelRadius: 2, maskedKernel: false, initValue: nan, voxelBatch: 1000}
"""


def test_voxel_setting_is_used_for_maps_and_said_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "voxel.yaml").write_text(VOXEL_FILE)
    image = np.random.default_rng(0).normal(100, 30, (6, 7, 8))
    mask = np.zeros(image.shape, bool)
    mask[2:5, 2:6, 2:6] = True
    with pytest.warns(DataWarning, match="voxelSetting.*kernelRadius.*feature_maps"):
        extractor = read_params(tmp_path / "voxel.yaml")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = feature_maps(image, mask, params=tmp_path / "voxel.yaml", spacing=(1, 1, 1))
    names = ["original_glcm_JointEnergy", "original_glcm_Contrast", "original_firstorder_Mean"]
    assert sorted(maps) == sorted(names)
    by_hand = feature_maps(image, mask, names, extractor=extractor, radius=2, masked=False, spacing=(1, 1, 1))
    for name in names:
        np.testing.assert_array_equal(maps[name].array, by_hand[name].array)
        assert np.isnan(maps[name].array[0, 0, 0])
    mean = image[1:6, 1:6, 1:6].mean()
    assert maps["original_firstorder_Mean"].array[3, 3, 3] == pytest.approx(mean)
    params = {"voxelSetting": {"initValue": -1}, "featureClass": {"firstorder": ["Mean"]}}
    own = feature_maps(image, mask, params=params, radius=1, spacing=(1, 1, 1))["original_firstorder_Mean"].array
    assert own[0, 0, 0] == -1 and own[3, 3, 3] == pytest.approx(image[2:5, 2:5, 2:5].mean())
    with pytest.raises(ParameterError, match="one of them"):
        feature_maps(image, mask, params=params, extractor=extractor, spacing=(1, 1, 1))
    with pytest.raises(ParameterError, match="features is None"):
        feature_maps(image, mask, spacing=(1, 1, 1))


@pytest.mark.parametrize("setting", ["geometryTolerance", "binWidth", "binCount", "resegmentRange", "label"])
def test_integers_that_no_float_holds(tmp_path: Path, setting: str) -> None:
    huge = "1" + "0" * 400
    (tmp_path / "p.yaml").write_text(f"setting: {{{setting}: {f'[{huge}]' if setting == 'resegmentRange' else huge}}}")
    with pytest.raises(InputError):
        RadiomicsExtractor.from_params(tmp_path / "p.yaml").to_params()
