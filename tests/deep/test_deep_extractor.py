"""The deep extractor: the same protocol, runner and cache as the handcrafted one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from radiokit.deep import DeepFeatureExtractor, DeepOptions, Weights, build_network, patch, patch_mask  # noqa: E402
from radiokit.exceptions import (  # noqa: E402
    CaseTableError,
    DataWarning,
    ExtractionError,
    FileError,
    GeometryError,
    InputError,
    MaskError,
    ParameterError,
)
from radiokit.features import RadiomicsExtractor  # noqa: E402
from radiokit.io import Mask, Volume, write_volume  # noqa: E402

SPACING = (2.0, 1.0, 1.0)
SIZE = (16, 16, 16)


@pytest.fixture(scope="module")
def weights() -> Weights:
    torch.manual_seed(0)
    return Weights(build_network("resnet_small").net)


def case(k: int = 0) -> tuple[Volume, Mask]:
    rng = np.random.default_rng(k)
    region = np.zeros((14, 24, 24), bool)
    region[4:9, 6 + k : 15 + k, 7:16] = True
    return Volume(rng.normal(size=region.shape) + 2 * region, SPACING), Mask(region, SPACING)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rows = []
    for k in range(5):
        image, mask = case(k)
        paths = [str(tmp_path / f"{name}{k}.nii.gz") for name in ("image", "mask")]
        for volume, path in zip((image, mask), paths, strict=True):
            write_volume(volume, path)
        rows.append((f"P{k}", *paths))
    return pd.DataFrame(rows, columns=["case_id", "image", "mask"]).set_index("case_id")


@pytest.fixture
def make(weights: Weights):
    def made(**settings) -> DeepFeatureExtractor:
        return DeepFeatureExtractor(
            **{"backbone": "resnet_small", "weights": weights, "patch_size": SIZE, "device": "cpu", **settings}
        )

    return made


def test_a_row_is_what_the_network_gives_for_the_crop(make, weights: Weights) -> None:
    image, mask = case()
    row = make().extract_case(image, mask)
    trunk = build_network("resnet_small")
    weights.load_into(trunk.net)
    crop = patch(image, mask, size=SIZE, spacing=(1, 1, 1), window="zscore")
    with torch.inference_mode():
        expected = trunk.eval()(torch.from_numpy(crop)[None, None])[0]
    np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", ["layer1", "layer4"])
@pytest.mark.parametrize("dimension", ["3D", "2.5D", "2D"])
def test_pooling_over_the_region_and_the_map(make, layer: str, dimension: str) -> None:
    image, mask = case()
    settings = {"weights": None, "layer": layer, "dimension": dimension}
    with pytest.warns(DataWarning, match="random projections"):
        overall = make(**settings).extract_case(image, mask)
    with pytest.warns(DataWarning, match="random"):
        inside = make(pooling="masked", **settings).extract_case(image, mask)
    assert np.isfinite(inside).all()
    assert len(inside) == len(overall) == (16 if layer == "layer1" else 128)
    assert set(inside.index).isdisjoint(overall.index)
    whole = Mask(np.ones_like(mask.array), SPACING)
    with pytest.warns(DataWarning):
        same = [make(pooling=p, **settings).extract_case(image, whole) for p in ("masked", "global")]
    if dimension == "3D" and layer == "layer1":  # the crop lies inside of the region: every cell counts alike
        assert patch_mask(whole, size=SIZE, spacing=(1, 1, 1)).all()
        np.testing.assert_allclose(*same, rtol=1e-4, atol=1e-6)


def test_masked_pooling_by_hand(make, weights: Weights) -> None:
    image, mask = case()
    row = make(layer="layer1", pooling="masked").extract_case(image, mask)
    trunk = build_network("resnet_small")
    weights.load_into(trunk.net)
    crop = torch.from_numpy(patch(image, mask, size=SIZE, spacing=(1, 1, 1), window="zscore"))[None, None]
    with torch.inference_mode():
        maps = trunk.eval().feature_map(crop, "layer1")[0].numpy().astype(float)
    assert maps.shape == (16, 4, 4, 4)
    from radiokit.deep._frames import CropShape
    from radiokit.deep._patches import cut_shares

    share = cut_shares(mask, CropShape(SIZE, (1, 1, 1)).frames(mask))
    # Cells lie over voxels 0, 4, 8, 12: voxels 2, 6, 10 lie across the middle between two of them.
    own = np.zeros((4, 16))
    for cell, (first, last) in enumerate(((-9, 2), (2, 6), (6, 10), (10, 99))):
        own[cell] = [0.5 if v in (first, last) else float(first < v < last) for v in range(16)]
    own /= own.sum(axis=1, keepdims=True)
    weight = np.einsum("az,by,cx,zyx->abc", own, own, own, share)
    np.testing.assert_allclose(row, (maps * weight).sum(axis=(1, 2, 3)) / weight.sum(), rtol=1e-4, atol=1e-6)


def test_batches_workers_and_order_change_nothing(make, table: pd.DataFrame) -> None:
    one = make(batch_size=1).extract(table).features
    rounding = 1e-5 * np.abs(one.to_numpy()).max()
    for extractor, cases in (
        (make(batch_size=2), table),
        (make(batch_size=8), table.iloc[::-1]),
        (make(batch_size=3, n_jobs=2), table),
    ):
        found = extractor.extract(cases).features.loc[table.index]
        pd.testing.assert_frame_equal(found, one, rtol=0, atol=rounding)
    alone = make().extract(table.iloc[[2]]).features
    pd.testing.assert_frame_equal(alone, one.iloc[[2]], rtol=0, atol=rounding)


def test_random_weights_repeat_to_the_bit(make, table: pd.DataFrame) -> None:
    tables = []
    for seed in (3, 3, 4):
        with pytest.warns(DataWarning, match="random"):
            tables.append(make(weights=None, random_state=seed).transform(table))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert not np.allclose(tables[0], tables[2])


def test_bfloat16_drifts_little(make, table: pd.DataFrame) -> None:
    exact, fast = make().transform(table), make(precision="bfloat16").transform(table)
    assert np.abs(exact - fast).to_numpy().max() < 0.05 * np.abs(exact.to_numpy()).max()
    with pytest.raises(ParameterError, match="float16"):
        make(precision="float16").transform(table)


def test_scikit_learn_protocol(make, table: pd.DataFrame) -> None:
    extractor = make()
    names = extractor.get_feature_names_out()
    assert list(names[:2]) == ["deep_resnet_small_0", "deep_resnet_small_1"]
    frame = extractor.fit(table).transform(table)
    assert list(frame.columns) == list(names)
    assert list(frame.index) == list(table.index)
    copy = clone(make(weights="w.pt", layer="layer2"))
    assert repr(copy.get_params()) == repr(make(weights="w.pt", layer="layer2").get_params())
    assert list(extractor.set_output(transform="pandas").transform(table).columns) == list(names)
    scaled = make_pipeline(make(), StandardScaler()).fit_transform(table)
    assert np.allclose(scaled.mean(axis=0), 0)


def test_it_composes_with_the_handcrafted_one(make, table: pd.DataFrame) -> None:
    radiomics = RadiomicsExtractor(families=["firstorder"])
    union = FeatureUnion([("radiomics", radiomics), ("deep", make())], verbose_feature_names_out=False)
    both = union.set_output(transform="pandas").fit_transform(table)
    assert both.shape == (5, 18 + 128)
    joined = radiomics.extract(table).join(make().extract(table.iloc[::-1]))
    pd.testing.assert_frame_equal(joined.features, both, check_names=False)
    damaged = table.copy()
    damaged.loc["P1", "mask"] = "gone.nii.gz"
    parts = [clone(e).set_params(on_error="nan").extract(damaged) for e in (radiomics, make())]
    joined = parts[0].join(parts[1])
    assert list(joined.features.index[joined.features.isna().all(axis=1)]) == ["P1"]
    assert list(joined.failures["case_id"]) == ["P1"]
    assert {"n_voxels", "crop_fill", "seconds"} <= set(joined.provenance)
    with pytest.raises(CaseTableError, match="P0"):
        parts[0].join(make().extract(table.drop("P0")))
    with pytest.raises(CaseTableError, match="deep_resnet_small_0"):
        parts[1].join(parts[1])


def test_cache_serves_what_has_not_changed(make, table: pd.DataFrame, tmp_path: Path, weights: Weights) -> None:
    settings = {"cache": tmp_path / "cache", "batch_size": 2}
    first = make(**settings).extract(table)
    write_volume(case(0)[0].with_array(case(0)[0].array * 2), table.loc["P2", "image"])
    second = make(**settings).extract(table)
    assert list(second.provenance["cached"]) == [True, True, False, True, True]
    assert second.features.drop("P2").equals(first.features.drop("P2"))
    assert make(**{**settings, "batch_size": 5}).extract(table).provenance["cached"].all()
    other = build_network("resnet_small").net
    for change in (
        {"weights": Weights(other)},
        {"patch_size": (18, 16, 16)},
        {"window": (-3, 3)},
        {"options": DeepOptions(stride=1)},
        {"precision": "bfloat16"},
    ):
        assert not make(**settings, **change).extract(table).provenance["cached"].any()


def test_rows_go_to_a_file_as_they_come(make, table: pd.DataFrame, tmp_path: Path) -> None:
    table.loc["P3", "mask"] = "gone.nii.gz"
    extractor = make(on_error="nan", batch_size=2)
    done = extractor.extract_to(table, tmp_path / "deep.parquet")
    expected = extractor.extract(table)
    pd.testing.assert_frame_equal(pd.read_parquet(done.path), expected.features)
    assert list(done.failures["case_id"]) == ["P3"]
    with pytest.raises(FileError, match="parquet"):
        extractor.extract_to(table, tmp_path / "deep.csv")


def test_failures_are_recorded_and_no_row_is_lost(make, table: pd.DataFrame) -> None:
    values = case(1)[0].array.copy()
    values[6, 10, 10] = np.nan
    write_volume(Volume(values, SPACING), table.loc["P1", "image"])
    write_volume(Volume(np.zeros(values.shape, np.uint8), SPACING), table.loc["P3", "mask"])
    with pytest.warns(DataWarning, match="NaN or infinite"):
        found = make(on_error="nan", batch_size=2).extract(table)
    assert list(found.features.index) == list(table.index)
    assert list(found.features.isna().all(axis=1)) == [False, True, False, True, False]
    assert found.failures[["case_id", "error"]].to_numpy().tolist() == [["P1", "InputError"], ["P3", "MaskError"]]
    with pytest.raises(InputError, match=r"P1.*NaN"):
        make().extract(table)


def test_a_region_larger_than_the_crop_is_said(make) -> None:
    image, _ = case()
    cases = pd.DataFrame({"image": [image], "mask": [Mask(np.ones(image.shape, bool), SPACING)]}, index=["P9"])
    with pytest.warns(DataWarning, match=r"larger than the crop.*P9"):
        found = make().extract(cases)
    assert found.provenance["crop_fill"].item() == pytest.approx(28 / 16)
    zoomed = make(options=DeepOptions(too_large="zoom")).extract(cases)
    assert np.isfinite(zoomed.features.to_numpy()).all()
    with pytest.raises(MaskError, match="P9"):
        make(options=DeepOptions(too_large="error")).extract(cases)


def test_two_dimensional_images(make) -> None:
    rng = np.random.default_rng(0)
    picture = rng.normal(size=(40, 50))
    region = np.zeros(picture.shape, int)
    region[10:20, 15:30] = 3
    flat = make(weights=None, dimension="2D", patch_size=(1, 24, 24))
    with pytest.warns(DataWarning):
        row = flat.extract_case(picture, region, spacing=(0.5, 0.5), label=3)
    assert np.isfinite(row).all()
    with pytest.raises(InputError, match="dimension='2D'"):
        make().extract_case(picture, region, spacing=(0.5, 0.5))


def test_standardisation_of_channels(make) -> None:
    image, mask = case()
    with pytest.warns(DataWarning):
        plain = make(weights=None, dimension="2D", window=(-4, 4)).extract_case(image, mask)
        shifted = make(
            weights=None, dimension="2D", window=(-4, 4), options=DeepOptions(mean=(0.0,) * 3, sd=(1.0,) * 3)
        ).extract_case(image, mask)
        other = make(
            weights=None, dimension="2D", window=(-4, 4), options=DeepOptions(mean=(0.5, 0.4, 0.4), sd=(0.2,) * 3)
        ).extract_case(image, mask)
    pd.testing.assert_series_equal(plain, shifted)
    assert not np.allclose(plain, other)


def test_features_that_overflow_are_an_error(make, weights: Weights) -> None:
    net = build_network("resnet_small").net
    with torch.no_grad():
        net.conv1.weight.fill_(3e38)
    with pytest.raises(ExtractionError, match="NaN or infinite"):
        make(weights=net).extract_case(*case())


def test_image_and_mask_have_to_share_a_grid(make) -> None:
    image, mask = case()
    with pytest.raises(GeometryError):
        make().extract_case(image, Mask(mask.array, SPACING, (0, 0, 7)))


def test_weights_that_do_not_fit_are_refused_before_any_case(make) -> None:
    with pytest.raises(FileError, match="do not fit"):
        make(backbone="resnet10").fit()
    with pytest.raises(FileError, match="do not exist"):
        make(weights="nowhere.pt").fit()


@pytest.mark.parametrize(
    "settings",
    [
        {"backbone": "alexnet"},
        {"layer": "layer9"},
        {"pooling": "max"},
        {"dimension": "4D"},
        {"patch_size": (8, 8)},
        {"spacing": (1, 1, -1)},
        {"window": (3, 1)},
        {"precision": "int8"},
        {"batch_size": 0},
        {"random_state": None},
        {"options": {"stride": 1}},
        {"options": DeepOptions(mean=(0.5,) * 3, sd=(0.2,) * 3)},
        {"backbone": "densenet121", "patch_size": (28, 32, 32)},
        {"device": "gpu"},
        {"weights": 5},
    ],
)
def test_settings_are_checked_before_any_case(make, settings: dict) -> None:
    with pytest.raises(ParameterError):
        make(**settings).fit()


@pytest.mark.parametrize(
    "options", [{"planes": "all"}, {"too_large": "skip"}, {"mean": (1.0,)}, {"mean": (1,), "sd": (0,)}]
)
def test_options_are_checked(options: dict) -> None:
    with pytest.raises(ParameterError):
        DeepOptions(**options)
