"""Habitats: planted sub-regions are found again, with the same numbers, in cases that were not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from radiokit.exceptions import CaseTableError, DataWarning, GeometryError, InputError, ParameterError
from radiokit.features import Habitats, RadiomicsExtractor
from radiokit.filters import Mean
from radiokit.io import Mask, Volume

SHAPE = (8, 16, 16)
REGION = np.zeros(SHAPE, bool)
REGION[1:7, 2:14, 2:14] = True
LEVELS = np.array([20.0, 60.0, 110.0])


def planted(seed: int, shares=(0.5, 0.3, 0.2)) -> np.ndarray:
    """Which habitat each column of voxels belongs to, by planes along x."""
    edges = np.round(np.cumsum([0, *shares]) * 12).astype(int) + 2
    habitat = np.zeros(SHAPE, int)
    for k in range(3):
        habitat[..., edges[k] : edges[k + 1]] = k + 1
    return np.where(REGION, habitat, 0)


def case(seed: int, shares=(0.5, 0.3, 0.2), gain: float = 1.0) -> dict:
    rng = np.random.default_rng(seed)
    image = LEVELS[np.maximum(planted(seed, shares), 1) - 1] + rng.normal(0, 3, SHAPE)
    return {"image": Volume(gain * image, (3, 1, 1)), "mask": Mask(REGION, (3, 1, 1))}


@pytest.fixture
def cases() -> pd.DataFrame:
    shares = [(0.5, 0.25, 0.25), (0.25, 0.25, 0.5), (0.25, 0.5, 0.25), (0.5, 0.5, 0.0)]
    return pd.DataFrame([case(k, s) for k, s in enumerate(shares)], index=[f"P{k}" for k in range(4)])


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_planted_habitats_are_found_in_unseen_cases(cases: pd.DataFrame, method: str) -> None:
    model = Habitats(3, method=method, random_state=0).fit(cases.iloc[:3])
    assert model.centers_["original"].to_numpy() == pytest.approx(LEVELS, abs=2)
    found = model.transform(cases)
    expected = [(0.5, 0.25, 0.25), (0.25, 0.25, 0.5), (0.25, 0.5, 0.25), (0.5, 0.5, 0.0)]
    assert np.allclose(found, expected, atol=0.02)
    labels = model.label_map(cases.loc["P1", "image"], cases.loc["P1", "mask"])
    assert (labels.array == planted(1, expected[1])).mean() > 0.99
    assert labels.spacing == (3, 1, 1)
    parts = model.masks(cases.loc["P3", "image"], cases.loc["P3", "mask"])
    assert list(parts) == [1, 2]  # the third is not there
    assert (parts[1].array | parts[2].array == REGION).all()
    row = RadiomicsExtractor(families=["firstorder"]).extract_case(cases.loc["P3", "image"], parts[2])
    assert row["original_firstorder_Mean"] == pytest.approx(60, abs=1)


def test_numbers_do_not_hang_on_the_seed_and_nothing_on_other_cases(cases: pd.DataFrame) -> None:
    fits = [Habitats(3, random_state=seed).fit(cases.iloc[:3]) for seed in range(3)]
    for fit in fits[1:]:
        assert np.allclose(fit.centers_, fits[0].centers_, atol=2)
        assert np.allclose(fit.transform(cases), fits[0].transform(cases), atol=0.02)
    again = Habitats(3, random_state=0).fit(cases.iloc[:3])
    pd.testing.assert_frame_equal(again.centers_, fits[0].centers_)
    pd.testing.assert_frame_equal(fits[0].transform(cases).iloc[[3]], fits[0].transform(cases.iloc[[3]]))


def test_features_of_each_habitat(cases: pd.DataFrame) -> None:
    extractor = RadiomicsExtractor(families={"firstorder": ["Mean", "Maximum"]})
    model = Habitats(3, extractor=extractor, random_state=0).fit(cases.iloc[:3])
    with pytest.warns(DataWarning, match=r"Habitat 3 cannot be measured.*P3"):
        found = model.transform(cases)
    assert list(found.columns) == list(model.get_feature_names_out())
    assert list(found.columns[:3]) == [
        "habitat1_fraction",
        "habitat1_original_firstorder_Mean",
        "habitat1_original_firstorder_Maximum",
    ]
    means = found[[f"habitat{k}_original_firstorder_Mean" for k in (1, 2, 3)]]
    assert np.allclose(means.iloc[:3], LEVELS, atol=2)
    assert np.isnan(means.iloc[3, 2])
    assert found.loc["P3", "habitat3_fraction"] == 0


def test_images_of_arbitrary_unit_are_scaled_by_case() -> None:
    rows = [case(k, (0.5, 0.25, 0.25), gain) for k, gain in enumerate((1, 5, 0.2, 3))]
    cases = pd.DataFrame(rows, index=list("abcd"))
    model = Habitats(3, scale="case", random_state=0).fit(cases.iloc[:3])
    assert np.allclose(model.transform(cases), [(0.5, 0.25, 0.25)] * 4, atol=0.02)
    assert not np.allclose(
        Habitats(3, random_state=0).fit(cases.iloc[:3]).transform(cases), (0.5, 0.25, 0.25), atol=0.1
    )


def test_several_sequences_and_other_channels(cases: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    two = cases.rename(columns={"image": "image_T1"})
    two["image_T2"] = [Volume(rng.normal(size=SHAPE), (3, 1, 1)) for _ in range(4)]
    model = Habitats(
        2,
        images=["image_T1", "image_T2"],
        channels=[Mean(support=3), "original_firstorder_Range"],
        extractor=RadiomicsExtractor(families={"firstorder": ["Mean"]}),
        random_state=0,
    ).fit(two)
    assert list(model.centers_.columns) == [
        "T1_mean-3-3D",
        "T1_original_firstorder_Range",
        "T2_mean-3-3D",
        "T2_original_firstorder_Range",
    ]
    found = model.transform(two)
    assert "habitat2_T2_original_firstorder_Mean" in found.columns
    assert np.allclose(found[["habitat1_fraction", "habitat2_fraction"]].sum(axis=1), 1)
    named = two.rename(columns={"mask": "mask_T1"})
    pd.testing.assert_frame_equal(model.transform(named), found)
    with pytest.raises(ParameterError, match="1 images are given"):
        model.label_map(two.loc["P0", "image_T1"], two.loc["P0", "mask"])
    shifted = two.copy()
    shifted.at["P2", "image_T2"] = Volume(np.zeros(SHAPE), (3, 1, 1), (9, 0, 0))
    with pytest.raises(GeometryError, match="P2"):
        model.transform(shifted)
    with pytest.raises(GeometryError, match="P2"):
        clone(model).fit(shifted)
    with pytest.raises(CaseTableError, match="image_T9"):
        clone(model).set_params(images=["image_T1", "image_T9"]).fit(two)


def test_scikit_learn_protocol(cases: pd.DataFrame) -> None:
    model = Habitats(3, random_state=0, extractor=RadiomicsExtractor(families={"firstorder": ["Mean"]}))
    copy = clone(model)
    assert repr(copy.get_params(deep=False)) == repr(model.get_params(deep=False))
    assert get_tags(model).requires_fit
    with pytest.raises(Exception, match="not fitted"):
        check_is_fitted(model)
    pipeline = make_pipeline(Habitats(2, random_state=0), StandardScaler()).set_output(transform="pandas")
    assert pipeline.fit_transform(cases).shape == (4, 2)
    assert list(pipeline[0].get_feature_names_out()) == ["habitat1_fraction", "habitat2_fraction"]
    check_is_fitted(pipeline[0])


def test_jobs_change_no_bit(cases: pd.DataFrame) -> None:
    one = Habitats(3, extractor=RadiomicsExtractor(families={"firstorder": ["Mean"]}, n_jobs=1), random_state=0)
    two = Habitats(3, extractor=RadiomicsExtractor(families={"firstorder": ["Mean"]}, n_jobs=2), random_state=0)
    train = cases.iloc[:3]
    expected = one.fit(train).transform(train)
    with parallel_config(backend="threading"):
        pd.testing.assert_frame_equal(two.fit(train).transform(train), expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_habitats": 1},
        {"method": "ward"},
        {"scale": "slice"},
        {"channels": "original"},
        {"channels": []},
        {"channels": ["wavelet"]},
        {"images": "image"},
        {"voxels_per_case": 0},
    ],
)
def test_settings_are_checked(cases: pd.DataFrame, settings: dict) -> None:
    with pytest.raises(ParameterError, match="required"):
        Habitats(**settings).fit(cases)


def test_what_cannot_be_learnt(cases: pd.DataFrame) -> None:
    with pytest.raises(ParameterError, match="learnt nothing"):
        Habitats().transform(cases)
    flat = pd.DataFrame([{**case(0), "image": Volume(np.ones(SHAPE), (3, 1, 1))}], index=["P0"])
    with pytest.raises(InputError, match="do not vary"):
        Habitats().fit(flat)
    hole = case(0)
    hole["image"].array[3, 5, 5] = np.nan
    with pytest.raises(InputError, match="Case P0"):
        Habitats().fit(pd.DataFrame([hole], index=["P0"]))
