"""Perturbed cohorts: ICC by hand, the same values however they are run, and repeats that a selector takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiokit.exceptions import DataWarning, MaskError, ParameterError
from radiokit.features import RadiomicsExtractor, remeasure, robustness
from radiokit.io import Mask, Volume, write_volume
from radiokit.preprocessing import Perturbation
from radiokit.selection import RepeatabilitySelector
from radiokit.stats import icc

FAMILIES = {"firstorder": ["Mean", "Skewness", "Entropy"], "glcm": ["Contrast"], "shape": ["MeshVolume"]}
ASKED = {"rotations": (-8, 8), "growth": (-0.15, 0.15), "noise": "estimate"}


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    z, y, x = np.indices((12, 20, 20))
    rows = []
    for k in range(6):
        region = ((z - 6) * 2) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 < (5 + 0.5 * k) ** 2
        image = 30.0 * k + (5 + 3 * k) * rng.normal(size=region.shape)
        rows.append({"image": Volume(image, (2, 1, 1)), "mask": Mask(region, (2, 1, 1)), "age": k})
    return pd.DataFrame(rows, index=[f"P{k}" for k in range(6)])


def small(**settings) -> RadiomicsExtractor:
    return RadiomicsExtractor(families=FAMILIES, **settings)


def test_icc_of_the_original_and_every_perturbation(cases: pd.DataFrame) -> None:
    again = remeasure(small(), cases, ASKED, random_state=1)
    assert list(again) == [str(p) for p in Perturbation.grid(**ASKED)]
    assert len(again) == 4
    original = small().extract(cases).features
    table = robustness(small(), cases, ASKED, form="ICC(3,1)", random_state=1)
    expected = icc({"original": original, **again.tables}, form="ICC(3,1)")
    pd.testing.assert_frame_equal(table, expected)
    assert (table["n_raters"] == 5).all()
    assert robustness(small(), cases, ASKED, random_state=1)["form"].unique() == ["ICC(1,1)"]
    found = table.set_index("feature")["icc"]
    assert found["original_firstorder_Mean"] > 0.95
    assert found["original_firstorder_Mean"] > found["original_firstorder_Skewness"]


def test_each_measurement_is_that_of_the_perturbed_pair(cases: pd.DataFrame) -> None:
    change = Perturbation(rotation=12, translation=0.3, growth=0.2)
    again = remeasure(small(), cases, [change])
    for case_id, row in cases.iterrows():
        image, mask = change.apply(row["image"], row["mask"])
        expected = small().extract_case(image, mask)
        # Only which voxels of the last layer join is random.
        shape = again[str(change)].loc[case_id, "original_shape_MeshVolume"]
        assert shape == pytest.approx(expected["original_shape_MeshVolume"], rel=0.02)
        mean = again[str(change)].loc[case_id, "original_firstorder_Mean"]
        assert mean == pytest.approx(expected["original_firstorder_Mean"], abs=2)


def test_nothing_but_the_seed_changes_a_value(cases: pd.DataFrame, tmp_path: Path) -> None:
    one = remeasure(small(), cases, ASKED, random_state=7)
    two = remeasure(small(n_jobs=2), cases, ASKED, random_state=7)
    part = remeasure(small(), cases.iloc[[4, 1]], ASKED, random_state=7)
    other = remeasure(small(), cases, {"noise": "estimate"}, random_state=8)
    same = remeasure(small(), cases, {"noise": "estimate"}, random_state=7)
    assert not np.allclose(other["noise estimate"], same["noise estimate"])
    for name in one:
        pd.testing.assert_frame_equal(one[name], two[name])
        pd.testing.assert_frame_equal(one[name].iloc[[4, 1]], part[name])
    cached = small(cache=tmp_path / "cache")
    first = remeasure(cached, cases, ASKED, random_state=7)
    n_files = len(list((tmp_path / "cache").rglob("*")))
    second = remeasure(cached, cases, ASKED, random_state=7)
    assert len(list((tmp_path / "cache").rglob("*"))) == n_files
    for name in one:
        pd.testing.assert_frame_equal(first[name], second[name])
        pd.testing.assert_frame_equal(first[name], one[name])


def test_files_and_labels(cases: pd.DataFrame, tmp_path: Path) -> None:
    rows = []
    for case_id, row in cases.iloc[:2].iterrows():
        write_volume(row["image"], tmp_path / f"{case_id}.nii.gz")
        labels = Volume(np.where(row["mask"].array, 3, 7 * (np.indices(row["mask"].shape)[2] < 2)), (2, 1, 1))
        write_volume(labels.with_array(labels.array.astype(np.uint8)), tmp_path / f"{case_id}_m.nii.gz")
        rows.append({"case_id": case_id, "image": f"{case_id}.nii.gz", "mask": f"{case_id}_m.nii.gz", "label": 3})
    pd.DataFrame(rows).to_csv(tmp_path / "cases.csv", index=False)
    again = remeasure(small(), tmp_path / "cases.csv", {"growth": 0.2})
    expected = remeasure(small(), cases.iloc[:2], {"growth": 0.2})
    pd.testing.assert_frame_equal(again["growth +20%"], expected["growth +20%"], rtol=1e-6)


def test_failures_are_said_and_listed(cases: pd.DataFrame) -> None:
    one_voxel = np.zeros(cases.loc["P0", "mask"].shape, bool)
    one_voxel[6, 10:12, 10:12] = True
    broken = cases.copy()
    broken.at["P2", "mask"] = Mask(one_voxel, (2, 1, 1))
    asked = {"growth": (0.0, -0.75)}  # a single voxel is left
    with pytest.raises(MaskError, match=r"P2 \| growth -75%"):
        remeasure(small(), broken, asked)
    with pytest.warns(DataWarning, match="1 measurements of 1 cases failed"):
        again = remeasure(small(on_error="nan"), broken, asked)
    assert again.failures[["case_id", "perturbation", "error"]].to_numpy().tolist() == [
        ["P2", "growth -75%", "MaskError"]
    ]
    assert again["growth -75%"].loc["P2"].isna().all()
    assert again["growth -75%"].drop("P2").notna().all(axis=None)
    with pytest.warns(DataWarning):
        table = robustness(small(on_error="nan"), broken, asked)
    assert (table["n_subjects"] == 5).all()


def test_repeats_feed_the_selector_and_only_training_cases_count(cases: pd.DataFrame) -> None:
    again = remeasure(small(), cases, ASKED)
    X = small().extract(cases).features
    selector = RepeatabilitySelector(again, form="ICC(1,1)", use="estimate", threshold=0.9)
    pipeline = make_pipeline(selector, StandardScaler())
    clone(pipeline).fit(X)
    train = X.iloc[:4]
    fitted = clone(selector).fit(train)
    assert list(fitted.case_ids_) == list(train.index)
    table = robustness(small(), cases.iloc[:4], ASKED).set_index("feature")
    pd.testing.assert_series_equal(fitted.scores_["icc"], table["icc"])
    assert fitted.get_feature_names_out().tolist() == table.index[table["icc"] >= 0.9].tolist()


@pytest.mark.parametrize("bad", [[], {}, [Perturbation(rotation=3), Perturbation(rotation=3)]])
def test_perturbations_have_to_be_some_and_different(cases: pd.DataFrame, bad) -> None:
    with pytest.raises(ParameterError, match="required: at least one"):
        remeasure(small(), cases, bad)
