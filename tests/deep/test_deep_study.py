"""Networks in a study: as its signature and as its features, frozen, and applied by another centre."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("monai", reason="the extra deep is not installed")

from radiokit.datasets import make_cohort
from radiokit.deep import Crop, DeepClassifier, DeepFeatureExtractor, Network, Training
from radiokit.exceptions import FileError, InputError, ParameterError
from radiokit.io import read_cases
from radiokit.study import Options, Study, load_signature

FAST = Options(folds=2, repeats=1, bootstraps=20, subsamples=1)
TRAINING = {"epochs": 2, "batch_size": 8, "patience": None, "augmentation": None}
CROP = {"size": [3, 12, 12], "spacing": [2, 4, 4], "window": {"ct": [-100, 200], "mr": "zscore"}, "missing": "zero"}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    made = make_cohort(
        39, centers=3, sequences=("ct", "mr"), necrosis=60, second_lesions=0, missing=0, folder=folder, random_state=0
    )
    table = pd.read_csv(folder / "cases.csv")
    table.loc[3, ["image_mr", "mask_mr"]] = np.nan
    table.to_csv(folder / "cases.csv", index=False)
    return made


STUDY = f"""
cases: cases.csv
outcome: outcome
clinical: [age]
signatures:
  network:
    deep:
      backbone: resnet_small
      dimension: 2.5D
      sequences: [ct, mr]
      crop: {json.dumps(CROP)}
      training: {json.dumps(TRAINING)}
center: center
groups: patient_id
split: {{external: [C]}}
options: {{folds: 2, repeats: 1, bootstraps: 20, subsamples: 1}}
"""


@pytest.fixture(scope="module")
def result(cohort):
    (cohort.folder / "study.yaml").write_text(STUDY)
    study = Study.from_yaml(cohort.folder / "study.yaml")
    return study.run(cache=cohort.folder / "cache")


def test_a_study_file_trains_networks(cohort, result, tmp_path: Path) -> None:
    assert set(result.models) == {"clinical", "network", "combined"}
    auc = result.tables["performance"].query("metric == 'auc' and source == 'external' and model == 'combined'")
    assert len(auc) == 1 and auc["n"].item() == 13
    assert result.tables["failures"].empty
    assert "selected" not in result.tables or result.tables["selected"].empty
    weights = dict(result.models["combined"].model.weights)
    assert set(weights) == {"network", "age"}
    text = result.report(tmp_path / "report.html").read_text()
    assert "convolutional network (resnet_small, 2.5D) trained end to end" in text
    assert "crops of ct and mr around the tumour (3x12x12 voxels of 2x4x4 mm" in text


def test_models_of_one_run_share_what_they_have_trained(cohort, result) -> None:
    """Two folds and the fit on all, alone; in the combined model these again, with five cross-fitted ones for each."""
    kept = list((cohort.folder / "cache" / "fits" / "networks").glob("*.pt"))
    assert len(kept) == 3 + 3 * 5


def test_the_frozen_network_predicts_the_same_bits_elsewhere(cohort, result, tmp_path: Path) -> None:
    result.save(tmp_path)
    own = result.predictions.query("model == 'combined' and source == 'external'").set_index("case_id")["probability"]
    new = pd.read_csv(cohort.folder / "cases.csv", dtype={"case_id": str}).set_index("case_id").loc[own.index[::-1]]
    new.to_csv(cohort.folder / "new.csv")
    command = [
        sys.executable,
        "-m",
        "radiokit",
        "predict",
        str(tmp_path / "combined.rk"),
        str(cohort.folder / "new.csv"),
    ]
    done = subprocess.run([*command, "-o", str(tmp_path / "out.csv"), "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fresh = pd.read_csv(tmp_path / "out.csv", index_col=0, float_precision="round_trip")["probability"]
    assert (fresh.loc[own.index] == own).all()


def test_a_survival_study_of_a_network_alone(cohort, tmp_path: Path) -> None:
    network = DeepClassifier(
        Network("resnet_small", dimension="2.5D"),
        sequences=["ct"],
        crop=Crop.from_mapping({**CROP, "window": "zscore"}),
        training=Training(**TRAINING),
    )
    result = Study(
        cohort.cases, outcome=None, survival={"event": "event", "time": "time"}, signatures={"network": network},
        center="center", split={"external": ["C"]}, options=FAST,
    ).run()  # fmt: skip
    own = result.predictions.query("source == 'external'").set_index("case_id")["risk"]
    result.models["network"].save(tmp_path / "network.rk")
    fresh = load_signature(tmp_path / "network.rk").predict(cohort.cases.loc[own.index])["risk"]
    assert (fresh == own).all() and own.std() > 0


def test_a_frozen_network_that_was_changed_is_refused(cohort, result, tmp_path: Path) -> None:
    from radiokit.study import _frozen_file as file

    path = tmp_path / "network.rk"
    result.models["network"].save(path)
    document = json.loads(path.read_text())
    score = document["content"]["model"]["scores"][0]
    weights = score["model"]["network"]["weights"]
    score["model"]["network"]["weights"] = weights[:400] + ("B" if weights[400] == "A" else "A") + weights[401:]
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match="was changed"):
        load_signature(path)
    document["sha256"] = file._digest(document["content"])
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match="weights of the network were changed"):
        load_signature(path)


def test_without_torch_the_frozen_network_says_what_it_needs(cohort, result, tmp_path: Path) -> None:
    result.models["network"].save(tmp_path / "network.rk")
    code = (
        "import importlib.abc, sys\n"
        "class Absent(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n"
        "            raise ImportError('No module named torch')\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from radiokit.study import load_signature\n"
        f"model = load_signature({str(tmp_path / 'network.rk')!r})\n"
        f"model.predict({str(cohort.folder / 'cases.csv')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MissingDependencyError" in done.stderr and "pip install 'radiokit[deep]'" in done.stderr


def test_deep_features_are_features_like_any_other(cohort, tmp_path: Path) -> None:
    cases = read_cases(cohort.folder / "cases.csv", optional=["mr"])
    assert cases.loc[cases.index[3], "image_mr"] == ""
    extractor = DeepFeatureExtractor(
        backbone="resnet_small", patch_size=(16, 16, 16), spacing=(3, 3, 3), window=(-100, 200)
    )
    table = cases.drop(columns=["image_mr", "mask_mr"]).rename(columns={"image_ct": "image", "mask_ct": "mask"})
    arguments = {"outcome": "outcome", "center": "center", "groups": "patient_id", "split": {"external": ["C"]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random weights
        result = Study(table, signatures={"deep": extractor}, options=FAST, **arguments).run()
        result.save(tmp_path)
        model = load_signature(tmp_path / "deep.rk")
        own = result.predictions.query("source == 'external'").set_index("case_id")["probability"]
        fresh = model.predict(table.loc[own.index[::-1], ["image", "mask"]])["probability"]
    assert (fresh.loc[own.index] == own).all()
    assert len(result.tables["selected"])


def test_what_a_study_cannot_do_with_a_network_it_says(cohort) -> None:
    table = cohort.cases
    common = {"outcome": "outcome", "groups": "patient_id", "options": FAST}
    own = DeepClassifier(clinical=["age"], training=Training(epochs=1))
    with pytest.raises(ParameterError, match="names clinical columns of its own"):
        Study(table, signatures={"deep": own}, **common).run()
    with pytest.raises(ParameterError, match="a deep model holds bakbone"):
        Study(table, signatures={"deep": {"deep": {"bakbone": "resnet10"}}}, **common).run()
    twice = pd.concat([table.iloc[:8], table.iloc[:8].rename(index=lambda i: f"{i}b")]).assign(volume=1.0)
    network = DeepClassifier(Network("resnet_small"), crop=Crop(size=(8, 8, 8), missing="zero"))
    with pytest.raises(InputError, match="has no features to average"):
        Study(
            twice,
            signatures={"deep": network},
            outcome="outcome",
            groups="patient_id",
            options=Options(aggregate="mean"),
        ).run()
    broken = table.assign(image_ct=[__file__, *table["image_ct"].iloc[1:]])
    reading = Study(
        broken, signatures={"deep": network.set_params(training=Training(epochs=1, patience=None))}, **common
    )
    failures = reading.run().tables["failures"]
    assert failures["case_id"].tolist() == [table.index[0]]
