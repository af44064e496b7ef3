"""A study from images on disk whose truth is planted, its frozen models, and what happens to broken cases."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from radiokit.datasets import make_cohort
from radiokit.features import RadiomicsExtractor
from radiokit.study import Options, Study, load_signature

CLINICAL = ["age", "sex", "cea", "stage"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(120, centers=3, folder=tmp_path_factory.mktemp("cohort"), random_state=0)


@pytest.fixture(scope="module")
def features(cohort) -> pd.DataFrame:
    return RadiomicsExtractor().fit_transform(cohort.cases)


@pytest.fixture(scope="module")
def result(cohort, features):
    return Study(
        cohort.cases.drop(columns=["image", "mask"]),
        outcome="outcome",
        clinical=CLINICAL,
        signatures={"radiomics": features},
        center="center",
        groups="patient_id",
        split={"external": ["C"]},
        options=Options(repeats=1, bootstraps=0, subsamples=2),
    ).run()


def test_planted_truth_is_found(cohort, features, result) -> None:
    """Chosen features follow the planted latents; the external AUC is the planted one, within its sampling error."""
    latents = cohort.truth.cases[["heterogeneity", "irregularity"]]
    chosen = result.tables["selected"].query("model == 'radiomics'")
    strongest = chosen.loc[chosen["coef"].abs().idxmax(), "feature"]
    correlation = latents.loc[features.index].corrwith(features[strongest], method="spearman").abs()
    assert correlation.max() > 0.5
    external = result.tables["performance"].query("source == 'external' and metric == 'auc'").set_index("model")
    planted = cohort.truth.auc.loc["C", "auc"]
    for model in ("radiomics", "combined"):
        assert external.loc[model, "ci_low"] > 0.5
        assert external.loc[model, "ci_low"] <= planted + 0.05
        assert external.loc[model, "ci_high"] >= cohort.truth.planted_auc
    assert external.loc["volume", "ci_low"] < 0.5 < external.loc["volume", "ci_high"]


def test_patients_with_two_lesions_count_once(cohort, result) -> None:
    assert len(cohort.cases) > cohort.cases["patient_id"].nunique() == 120
    assert result.predictions["group"].nunique() == result.predictions["case_id"].nunique() == 120
    largest = result.tables["flow"].set_index("step").loc["one row for each patient"]
    assert largest["n_cases"] == 120


def test_from_images_with_broken_cases_to_a_frozen_model(cohort, tmp_path: Path) -> None:
    """A missing region is a recorded failure; the frozen model measures new images itself, bit for bit."""
    cases = cohort.cases.groupby("center").head(16).copy()
    broken = cases.index[0]
    image = tmp_path / "broken.nii.gz"
    shutil.copy(cases.loc[broken, "image"], image)
    image.write_bytes(image.read_bytes()[:2000])
    cases.loc[broken, "image"] = str(image)
    small = RadiomicsExtractor(families=["shape", "firstorder"])
    result = Study(
        cases,
        outcome="outcome",
        clinical=["age"],
        signatures={"radiomics": small},
        center="center",
        groups="patient_id",
        split={"external": ["C"]},
        options=Options(folds=3, repeats=1, bootstraps=0, subsamples=2),
    ).run(cache=tmp_path / "cache")
    assert result.tables["failures"]["case_id"].tolist() == [broken]
    assert any("1 of 48 cases have no features" in w for w in result.warnings)
    result.save(tmp_path)
    assert load_signature(tmp_path / "combined.rk").card["trained_on"]["centers"] == ["A", "B"]
    own = result.predictions.query("model == 'combined' and source == 'external'").set_index("case_id")["probability"]
    cases.loc[own.index].to_csv(tmp_path / "new.csv")
    command = [sys.executable, "-m", "radiokit", "predict", str(tmp_path / "combined.rk"), str(tmp_path / "new.csv")]
    done = subprocess.run([*command, "-o", str(tmp_path / "out.csv"), "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fresh = pd.read_csv(tmp_path / "out.csv", index_col=0, float_precision="round_trip")["probability"]
    assert (fresh.loc[own.index] == own).all()
