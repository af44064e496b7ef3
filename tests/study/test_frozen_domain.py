"""Frozen models refuse or flag what they were not built on, and a file can do no harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import FileError, InputError
from radiokit.features import RadiomicsExtractor, Resampling
from radiokit.features.params_file import params_to_text
from radiokit.io import Mask, Volume, write_volume
from radiokit.study import Options, Study, load_signature
from radiokit.study._domain import check_imaging, learn_distribution, learn_imaging, resampled_axes, typicality
from radiokit.study._frozen import Clinical, Feature, Frozen, Score
from radiokit.study._frozen_file import FrozenSignature, _digest


def correlated(n: int, p: int = 12, seed: int = 0) -> pd.DataFrame:
    """Features that are all nearly the same."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + 0.2 * rng.normal(size=(n, p))
    return pd.DataFrame(values, columns=[f"f{j}" for j in range(p)], index=[f"c{seed}_{i}" for i in range(n)])


def signature(**changes: Any) -> FrozenSignature:
    features = tuple(Feature(f"f{j}", 0.0, 0.0, 1.0, 0.1, -3.0, 3.0) for j in range(12))
    model = Frozen("ct", "logistic", 0.0, (("ct", 1.0),), (Score("ct", 0.0, features),), threshold=0.5)
    return FrozenSignature(model, **changes)


def test_typicality_is_uniform_for_cases_like_those_of_training() -> None:
    """Of 400 new cases of the same kind, one in ten is among the farthest tenth."""
    about = learn_distribution(correlated(100))
    rank = typicality(about, correlated(400, seed=1))
    assert 0.05 < np.mean(rank <= 0.1) < 0.17
    assert 0.4 < rank.mean() < 0.6


def test_a_case_odd_as_a_whole_is_flagged_though_each_value_is_in_range() -> None:
    training = correlated(100)
    odd = training.head(3).copy()
    odd.iloc[0] = np.tile([1.5, -1.5], 6)  # against all correlations
    about = {"distribution": learn_distribution(training)}
    found = signature(domain=about).predict(odd)
    assert (found["out_of_range"] == "").all()
    assert "farther" in found["unlike_training"].iloc[0]
    assert found["unlike_training"].tolist()[1:] == ["", ""]
    assert found["typicality"].iloc[0] == pytest.approx(1 / 101)
    pd.testing.assert_series_equal(found["probability"], signature().predict(odd)["probability"])


def test_typicality_is_unknown_where_there_were_too_few() -> None:
    assert learn_distribution(correlated(12)) == {}
    assert np.isnan(signature().predict(correlated(2))["typicality"]).all()


def test_missing_and_empty_columns_do_not_hide_a_case() -> None:
    training = correlated(60)
    training["f3"] = np.nan
    about = learn_distribution(training)
    new = correlated(5, seed=2)
    new.iloc[0, 0] = np.nan
    new.iloc[1, 1] = np.inf
    assert np.isfinite(typicality(about, new)).all()


def provenance(modality: list[str], spacing: list[list[float]]) -> pd.DataFrame:
    index = [f"case{i}" for i in range(len(modality))]
    sizes = pd.DataFrame(spacing, columns=["image_spacing_z", "image_spacing_y", "image_spacing_x"], index=index)
    return sizes.assign(modality=modality)


def test_another_modality_is_refused() -> None:
    about = learn_imaging(provenance(["CT", "CT"], [[2, 1, 1], [3, 1, 1]]))
    with pytest.raises(InputError, match=r"1 images are MR \(case1\); the model was built on CT"):
        check_imaging(about, provenance(["CT", "MR"], [[2, 1, 1]] * 2), resampled=[True] * 3)
    unknown = check_imaging(about, provenance(["", ""], [[2, 1, 1]] * 2), resampled=[True] * 3)
    assert (unknown == "").all()


def test_another_unit_is_refused_and_an_unknown_one_is_flagged() -> None:
    like = provenance(["PT", "PT"], [[2, 1, 1]] * 2)
    about = learn_imaging(like.assign(unit="SUV bw"))
    assert about["unit"] == ["SUV bw"]
    with pytest.raises(InputError, match=r"1 images are in BQML \(case1\); the model was built on SUV bw .* --suv bw"):
        check_imaging(about, like.assign(unit=["SUV bw", "BQML"]), resampled=[True] * 3)
    said = check_imaging(about, like.assign(unit=["SUV bw", ""]), resampled=[True] * 3)
    assert said.tolist() == ["", "the file does not name its unit, in training SUV bw"]
    unitless = check_imaging(learn_imaging(like), like.assign(unit="BQML"), resampled=[True] * 3)
    assert (unitless == "").all()


def test_units_reach_the_frozen_model_and_do_not_mix() -> None:
    rng = np.random.default_rng(0)
    region = Mask(np.pad(np.ones((3, 3, 3), dtype=bool), 2))

    def scans(*units: str) -> pd.DataFrame:
        """Twenty scans of lesions, those of deaths brighter, in these units by turns."""
        images = [
            Volume(rng.normal(5 + k % 2, 1, size=(7, 7, 7)), metadata={"unit": units[k % len(units)], "modality": "PT"})
            for k in range(20)
        ]
        index = [f"p{k:02d}" for k in range(20)]
        return pd.DataFrame({"died": np.arange(20) % 2, "image": images, "mask": [region] * 20}, index=index)

    def study(cases: pd.DataFrame) -> Study:
        extractor = RadiomicsExtractor(families={"firstorder": ["Mean", "Maximum"]})
        options = Options(folds=2, repeats=1, bootstraps=0, subsamples=2)
        return Study(cases, outcome="died", signatures={"pet": extractor}, options=options)

    with pytest.raises(InputError, match=r"'pet' are in several units: BQML \(10: p01, p03, p05, \.\.\.\); SUV bw"):
        study(scans("SUV bw", "BQML")).run()
    model = study(scans("SUV bw")).run().models["pet"]
    assert model.domain["imaging"]["pet"]["unit"] == ["SUV bw"]
    assert len(model.predict(scans("SUV bw").drop(columns="died"))) == 20
    with pytest.raises(InputError, match="20 images are in BQML"):
        model.predict(scans("BQML").drop(columns="died"))


def test_other_voxels_are_refused_unless_resampled() -> None:
    about = learn_imaging(provenance(["CT", "CT"], [[2, 1, 1], [3, 1, 1]]))
    thick = provenance(["CT", "CT"], [[3.5, 1, 1], [8, 1, 1]])
    with pytest.raises(InputError, match="'case1' has voxels of 8×1×1 mm; the model was built on 2-3×1×1 mm"):
        check_imaging(about, thick, resampled=[False] * 3)
    said = check_imaging(about, thick, resampled=[True] * 3)
    assert said.tolist() == ["", "voxels of 8×1×1 mm, in training 2-3×1×1 mm"]
    assert resampled_axes(RadiomicsExtractor(resampling=Resampling(spacing=(None, 1, 1)))) == [False, True, True]


def test_images_are_checked_on_the_way_to_a_prediction(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, spacing in (("like", (2.0, 1.0, 1.0)), ("thick", (8.0, 1.0, 1.0))):
        mask = np.zeros((6, 8, 8), dtype=np.uint8)
        mask[2:5, 2:6, 2:6] = 1
        write_volume(Volume(rng.normal(size=mask.shape), spacing), tmp_path / f"{name}.nii.gz")
        write_volume(Volume(mask, spacing), tmp_path / f"{name}_mask.nii.gz")
    cases = pd.DataFrame(
        {"image": [str(tmp_path / f"{n}.nii.gz") for n in ("like", "thick")],
         "mask": [str(tmp_path / f"{n}_mask.nii.gz") for n in ("like", "thick")]},
        index=["like", "thick"],
    )  # fmt: skip
    mean = Feature("original_firstorder_Mean", 0.0, 0.0, 1.0, 1.0, -3.0, 3.0)
    model = Frozen("ct", "logistic", 0.0, (("ct", 1.0),), (Score("ct", 0.0, (mean,)),))
    imaging = {"ct": {"spacing_low": [2.0, 1.0, 1.0], "spacing_high": [2.0, 1.0, 1.0]}}

    def frozen(resampling: Any) -> FrozenSignature:
        text = params_to_text(RadiomicsExtractor(families=["firstorder"], resampling=resampling))
        how = {"ct": {"prefix": "", "sequence": "", "params": text}}
        return FrozenSignature(model, extraction=how, domain={"imaging": imaging})

    with pytest.raises(InputError, match="'thick' has voxels of 8×1×1 mm"):
        frozen(None).predict(cases)
    found = frozen(Resampling(spacing=(2, 1, 1))).predict(cases)
    assert found["unlike_training"].tolist() == ["", "voxels of 8×1×1 mm, in training 2×1×1 mm"]


def test_a_study_writes_what_it_was_built_on(tmp_path: Path) -> None:
    features = correlated(60)
    rng = np.random.default_rng(3)
    cases = pd.DataFrame({"y": rng.permutation(np.arange(60) % 2), "age": rng.normal(60, 9, 60)}, index=features.index)
    options = Options(folds=2, repeats=1, bootstraps=0, subsamples=2)
    result = Study(
        cases, outcome="y", clinical=["age"], signatures={"ct": features}, split={"random": 0.3}, options=options
    ).run()
    result.models["combined"].save(tmp_path / "m.rk")
    loaded = load_signature(tmp_path / "m.rk")
    about = loaded.domain["distribution"]
    assert about == result.models["combined"].domain["distribution"]
    assert about["names"] == [*features.columns, "age"]
    assert len(about["distances"]) == 42  # training patients only
    new = cases[["age"]].join(features)
    new.iloc[0, new.columns.get_loc("age")] = np.nan
    flags = loaded.predict(new)
    assert flags["imputed"].iloc[0] == "age"
    with pytest.raises(InputError, match="lacks: age"):
        loaded.predict(new.drop(columns="age"))


def forged(path: Path, change: Any) -> Path:
    """Write a file with a right checksum and a wrong content: what a forger, not an accident, would make."""
    signature().save(path)
    document = json.loads(path.read_text())
    change(document["content"])
    document["sha256"] = _digest(document["content"])
    path.write_text(json.dumps(document).replace('"@infinite"', "1e999").replace('"@nan"', "NaN"))
    return path


def feature(content: dict[str, Any]) -> dict[str, Any]:
    return content["model"]["scores"][0]["features"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: feature(c).update(coef=None), "coefficient of f0 is not a finite number"),
        (lambda c: feature(c).update(scale=0.0), "scale of f0 is 0"),
        (lambda c: feature(c).update(coef="1; import os"), "damaged"),
        (lambda c: c["model"].update(intercept=None), "model.intercept is None; required: a finite number"),
        (lambda c: c["model"].update(weights=[["other", 1.0]]), "weights are given for other"),
        (lambda c: c["model"].update(kind="exec"), "model.kind is 'exec'; required: one of logistic, cox"),
        (lambda c: c["model"].update(scores=7), "damaged"),
        (lambda c: c["model"].update(scores=[{"kind": "os.system", "name": "x"}]), "damaged"),
        (lambda c: c.pop("model"), "damaged"),
        (lambda c: c.update(model=[]), "damaged"),
    ],
)
def test_a_forged_file_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=message):
        load_signature(forged(tmp_path / "m.rk", change))


@pytest.mark.parametrize("word", ["@nan", "@infinite"])
def test_numbers_that_are_none_are_refused(word: str, tmp_path: Path) -> None:
    with pytest.raises(FileError):
        load_signature(forged(tmp_path / "m.rk", lambda c: feature(c).update(coef=word)))


def test_hostile_files_do_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "m.rk"
    for content in (b"[" * 200_000, b'{"a":' * 100_000, b"\x80\x04\x95", b"\xff\xfe", b"", b"null", b"[]", b"1" * 6000):
        path.write_bytes(content)
        with pytest.raises(FileError, match="not a frozen model"):
            load_signature(path)
    with pytest.raises(FileError, match="is a folder"):
        load_signature(tmp_path)
    monkeypatch.setattr("radiokit.study._frozen_file.MOST_BYTES", 100)
    signature().save(path)
    with pytest.raises(FileError, match="MiB, which no file of its kind has"):
        load_signature(path)


def test_loading_runs_nothing(tmp_path: Path) -> None:
    """A parameter file inside that would construct a Python object is text until it is used, and then refused."""
    mark = tmp_path / "ran"
    text = f"!!python/object/apply:os.system ['touch {mark}']"
    how = {"ct": {"prefix": "", "sequence": "", "params": text}}
    signature(extraction=how).save(tmp_path / "m.rk")
    loaded = load_signature(tmp_path / "m.rk")
    with pytest.raises(FileError):
        loaded.predict(pd.DataFrame({"image": ["a.nii"], "mask": ["b.nii"]}, index=["a"]))
    assert not mark.exists()


def test_clinical_values_as_they_come(tmp_path: Path) -> None:
    clinical = (Clinical("age", impute=60.0, low=40.0, high=80.0), Clinical("sex", ("f", "m"), "f"))
    model = Frozen("clinical", "logistic", -6.0, (("age", 0.1), ("sex=m", 1.0)), clinical=clinical)
    table = pd.DataFrame({"age": [None, 90.0, 50.0], "sex": ["m", "", "x"]}, index=list("abc"))
    found = FrozenSignature(model).predict(table)
    assert found["imputed"].tolist() == ["age", "sex", ""]
    assert found["out_of_range"].tolist() == ["", "age", ""]
    assert found["unknown_level"].tolist() == ["", "", "sex"]
    with pytest.raises(InputError, match=r"text in age \(case a: 'old'\)"):
        FrozenSignature(model).predict(table.assign(age="old"))


def test_a_signature_whose_name_begins_with_that_of_another() -> None:
    """The features of `ct_late` begin with `ct_` too; each is measured in the images of its own signature."""
    mean = params_to_text(RadiomicsExtractor(families={"firstorder": ["Mean"]}))
    column = "original_firstorder_Mean"
    scores = tuple(
        Score(name, 0.0, (Feature(f"{name}_{column}", 0.0, 0.0, 1.0, 1.0, -1e3, 1e3),)) for name in ("ct", "ct_late")
    )
    model = Frozen("combined", "logistic", 0.0, (("ct", 0.1), ("ct_late", 0.1)), scores, threshold=0.5)
    frozen = FrozenSignature(
        model, extraction={name: {"prefix": f"{name}_", "sequence": name, "params": mean} for name in ("ct", "ct_late")}
    )
    values = np.arange(64.0).reshape(4, 4, 4)
    images = {"image_ct": [Volume(values)], "image_ct_late": [Volume(values + 5)]}
    masks = {"mask_ct": [Mask(values > 31)], "mask_ct_late": [Mask(values > 31)]}
    given = pd.DataFrame({f"ct_{column}": [47.5], f"ct_late_{column}": [52.5]}, index=["a"])
    found = frozen.predict(pd.DataFrame({**images, **masks}, index=["a"]))
    pd.testing.assert_frame_equal(found, frozen.predict(given))
