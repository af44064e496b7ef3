"""Public survival tables through a study: head and neck (clinical), and Lung1 (clinical and features)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.study import Study

pytestmark = pytest.mark.shared
QUICK = {"folds": 3, "repeats": 1, "bootstraps": 0, "subsamples": 1, "time_unit": "days"}


def by_model(result, metric: str, source: str) -> pd.Series:
    table = result.tables["performance"].query("metric == @metric and source == @source")
    assert table[["ci_low", "ci_high"]].notna().all().all()
    return table.set_index("model")["estimate"]


def test_head_and_neck_is_validated_in_the_other_centre(shared: Path) -> None:
    cases = pd.read_csv(shared / "data/survival/head_neck_pet_ct_clinical_train_centres.csv")
    cases = cases.assign(case_id=cases["centre"] + "_" + cases["patient_id"]).set_index("case_id")
    clinical = ["clin_Age", "clin_T_stage", "clin_N_stage", "clin_HPV", "subtype"]
    cases["subtype"] = cases["subtype"].where(cases["subtype"] == "Oropharynx", "other")
    study = Study(
        cases, outcome=None, survival={"event": "event_Death", "time": "time_Death"}, clinical=clinical,
        signatures={}, center="centre", split={"external": ["CHUS"]}, options=QUICK,
    )  # fmt: skip
    result = study.run()
    assert by_model(result, "c_index", "external")["clinical"] > 0.5
    assert result.models["clinical"].card["trained_on"]["centers"] == ["HGJ"]
    frozen = result.models["clinical"].predict(cases)
    assert (frozen.loc[cases["clin_HPV"].isna(), "imputed"].str.contains("clin_HPV")).all()
    own = result.predictions.query("source == 'external'").set_index("case_id")["risk"]
    assert (frozen.loc[own.index, "risk"] == own).all()
    groups = result.tables["kaplan_meier"].query("source == 'external'")["group"]
    assert set(groups) == {"low", "high"}
    assert result.tables["time_auc"]["auc"].between(0, 1).all()


def test_lung1_features_of_the_largest_region_beside_the_clinic(shared: Path) -> None:
    folder = shared / "data/survival"
    clinical = pd.read_csv(folder / "lung1_clinical.csv").set_index("PatientID")
    features = pd.read_csv(folder / "lung1_pyradiomics_features.csv.gz").set_index("source_case")
    cases = features[["PatientID"]].join(clinical, on="PatientID", how="inner")
    kept = [c for c in features if c.startswith("original_")]
    study = Study(
        cases, outcome=None, survival={"event": "deadstatus.event", "time": "Survival.time"},
        clinical=["age", "clinical.T.Stage", "gender"], signatures={"ct": features.loc[cases.index, kept]},
        groups="PatientID", options=QUICK,
    )  # fmt: skip
    result = study.run()
    assert result.predictions["group"].nunique() == cases["PatientID"].nunique()
    assert {"clinical", "volume", "ct", "combined"} <= set(result.models)
    estimates = by_model(result, "c_index", "out-of-fold")
    assert estimates.between(0.35, 0.75).all()
    assert np.isfinite(result.tables["cox"]["hazard_ratio"]).all()
    assert len(result.tables["attributions"])
