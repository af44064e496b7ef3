"""Repeated measurements in a study: what does not repeat is dropped, and test patients have no say in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.datasets import make_cohort, make_feature_table
from radiokit.exceptions import InputError, ParameterError
from radiokit.features import RadiomicsExtractor
from radiokit.io import read_mask, write_volume
from radiokit.report import checklist
from radiokit.report._methods import methods_text
from radiokit.study import Options, Study, load_signature

FAST = Options(folds=3, repeats=1, bootstraps=0, subsamples=2)
SHAKY = ["feature_00", "feature_03"]
N = 90


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cases of three centres, their features, and a second reader who agrees but for two features."""
    made = make_feature_table(N, n_features=8, n_informative=2, block=4, effect=1.5, centers=3, random_state=0)
    cases = pd.DataFrame(
        {
            "outcome": made.y,
            "event": made.survival["event"].astype(int),
            "time": made.survival["time"],
            "center": made.center,
        }
    )
    rng = np.random.default_rng(1)
    again = made.X + 0.05 * rng.standard_normal(made.X.shape)
    again[SHAKY] = rng.standard_normal((N, 2))
    return cases, made.X, again


def study(cases: pd.DataFrame, source: object, **changes) -> Study:
    arguments = {"outcome": "outcome", "center": "center", "split": {"external": ["center_3"]}, "options": FAST}
    return Study(cases, signatures={"ct": source}, **{**arguments, **changes})


@pytest.fixture(scope="module")
def result(tables):
    cases, features, again = tables
    return study(cases, {"features": features, "repeat": again}, survival={"event": "event", "time": "time"}).run()


def test_what_does_not_repeat_is_dropped(tables, result) -> None:
    cases, *_ = tables
    table = result.tables["repeatability"].query("model == 'ct'").set_index("feature")
    assert sorted(table.index[~table["kept"]]) == SHAKY
    assert set(table["n_subjects"]) == {int((cases["center"] != "center_3").sum())}
    assert not set(SHAKY) & set(result.tables["selected"]["feature"])


def test_everyone_is_told(result, tmp_path: Path) -> None:
    funnel = result.tables["funnel"].query("model == 'ct'").set_index("step")["n_features"]
    assert (funnel["computed"], funnel["repeatability"]) == (8, 6)
    assert list(funnel.index[:2]) == ["computed", "repeatability"]
    guard = result.tables["leak_guards"].set_index("guard").loc["repeated measurements of test patients"]
    assert guard["status"] == "checked"
    assert "30 cases outside of training were left out" in guard["how"]
    result.save(tmp_path)
    files = list(tmp_path.rglob("*.rk"))
    assert len(files) == 2
    for file in files:
        (said,) = load_signature(file).card["repeatability"]
        assert (said["icc_form"], said["icc"], said["kept"], said["patients"]) == ("ICC(2,1)", 0.75, 6, 60)
    assert checklist(result, "metrics").set_index("item").loc["14", "status"] != "not met"
    assert "ICC(2,1), whose lower 95% limit was below 0.75 were removed" in " ".join(methods_text(result))
    assert result.spec.signatures["ct"]["repeat"] == "table of 8 columns"


def test_repeats_of_test_patients_change_nothing(tables, result) -> None:
    """Garbage, or nothing, where other centres were measured again: the same models to the bit."""
    cases, features, again = tables
    outside = cases["center"] == "center_3"
    garbage = again.copy()
    garbage[outside] = 1e6
    survival = {"event": "event", "time": "time"}
    for repeats in ([garbage], {"second reader": again[~outside]}):
        other = study(cases, {"features": features, "repeat": repeats}, survival=survival).run()
        for name in ("ct", "ct (survival)"):
            assert other.models[name].model == result.models[name].model


def test_each_fold_takes_the_repeats_of_its_own_patients(tables, monkeypatch) -> None:
    from radiokit.selection import RepeatabilitySelector

    cases, features, again = tables
    seen: list[tuple[set[str], set[str]]] = []
    fit = RepeatabilitySelector.fit

    def watched(self, X, y=None):
        fitted = fit(self, X, y)
        seen.append((set(X.index), set(self.case_ids_)))
        return fitted

    monkeypatch.setattr(RepeatabilitySelector, "fit", watched)
    study(cases, {"features": features, "repeat": again}).run(n_jobs=1)
    assert len(seen) >= 4
    assert all(used == trained for trained, used in seen)
    assert min(len(used) for _, used in seen) <= 40


def test_from_a_file_with_prefixes_and_a_cache(tables, tmp_path: Path) -> None:
    cases, features, again = tables
    for name, table in (("cases", cases), ("ct", features), ("second", again)):
        table.rename_axis("case_id").to_csv(tmp_path / f"{name}.csv")
    (tmp_path / "study.yaml").write_text(
        "cases: cases.csv\noutcome: outcome\ncenter: center\n"
        "signatures:\n"
        "  ct: {features: ct.csv, repeat: second.csv, icc: 0.8, icc_form: 'ICC(3,1)', icc_use: estimate}\n"
        "  raw: {features: ct.csv}\n"
        "options: {folds: 3, repeats: 1, bootstraps: 0, subsamples: 2, pipeline: lasso, penalty_folds: 3}\n"
    )
    first = Study.from_yaml(tmp_path / "study.yaml").run(cache=tmp_path / "cache")
    stored = sorted((tmp_path / "cache").rglob("*.case"))
    second = Study.from_yaml(tmp_path / "study.yaml").run(cache=tmp_path / "cache")
    assert sorted((tmp_path / "cache").rglob("*.case")) == stored
    assert second.models["combined"].model == first.models["combined"].model
    table = first.tables["repeatability"]
    assert set(table["model"]) == {"ct"}
    assert sorted(table.loc[~table["kept"], "feature"]) == [f"ct_{name}" for name in SHAKY]
    assert first.models["combined"].card["repeatability"][0]["icc_form"] == "ICC(3,1)"
    assert "repeatability" not in first.models["raw"].card


def test_perturbed_images_of_training_patients_only(tmp_path: Path) -> None:
    cohort = make_cohort(24, centers=2, folder=tmp_path / "cohort", random_state=0)
    cases = cohort.cases.drop_duplicates("patient_id")
    small = RadiomicsExtractor(families={"shape": ["MeshVolume", "Sphericity"], "firstorder": ["Mean", "Minimum"]})
    asked = {"extractor": small, "image": "image", "perturb": {"growth": [-0.1, 0.1]}, "icc": 0.5}
    external = sorted(cases["center"].unique())[-1]
    run = study(cases, asked, split={"external": [external]}).run(cache=tmp_path / "cache")
    trained = int((cases["center"] != external).sum())
    # One entry a case, and two more a training case.
    assert len(list((tmp_path / "cache" / "cases").glob("*.case"))) == len(cases) + 2 * trained
    table = run.tables["repeatability"].set_index("feature")
    assert set(table["n_subjects"]) == {trained}
    assert table.loc["original_shape_MeshVolume", "kept"]
    (card,) = run.models["ct"].card["repeatability"]
    assert (card["icc_form"], card["patients"]) == ("ICC(1,1)", trained)
    assert "growth" in card["measured"]


def test_perturbed_images_that_fail_are_named(tmp_path: Path) -> None:
    """A region of which one voxel is left when it shrinks: its patient stays in the study, and everyone is told."""
    cohort = make_cohort(24, centers=2, folder=tmp_path / "cohort", random_state=0)
    cases = cohort.cases.drop_duplicates("patient_id")
    tiny = cases.index[0]
    mask = read_mask(cases.loc[tiny, "mask"])
    four = np.zeros(mask.shape, dtype=bool)
    z, y, x = np.argwhere(mask.array)[0]
    four[z, y : y + 2, x : x + 2] = True
    write_volume(mask.with_array(four), cases.loc[tiny, "mask"])
    small = RadiomicsExtractor(families={"firstorder": ["Mean", "Minimum"]})
    asked = {"extractor": small, "image": "image", "perturb": {"growth": [-0.75, 0.1]}, "icc": 0.1}
    run = study(cases, asked, center=None, split=None).run()
    failed = run.tables["repeat_failures"]
    assert failed.columns.tolist() == ["signature", "case_id", "perturbation", "error", "message"]
    assert failed["case_id"].tolist() == [tiny]
    assert tiny in set(run.predictions["case_id"])
    assert not len(run.tables["failures"])
    (said,) = [text for text in run.warnings if "perturbed images" in text]
    assert f"1 of {2 * len(cases)} measurements" in said
    assert tiny in said
    page = run.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Perturbed images that could not be measured" in page
    run.save(tmp_path / "saved")
    assert tiny in (tmp_path / "saved" / "tables" / "repeat_failures.csv").read_text()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"icc": 0.9}, "either repeat"),
        ({"repeat": [], "icc": 0.9}, "a list of these"),
        ({"repeat": "second.csv", "perturb": {"growth": 0.1}}, "either repeat"),
        ({"perturb": {"growth": 0.1}}, "no images"),
        ({"perturb": {"swirl": 0.1}}, "required: a mapping of rotations"),
        ({"repeat": "second.csv", "icc": 75}, "between 0 and 1"),
        ({"repeat": "second.csv", "icc_form": "ICC(4,1)"}, "ICC"),
        ({"repeat": "second.csv", "icc_use": "best"}, "icc_use"),
    ],
)
def test_what_cannot_be_meant_is_refused(tables, keys, message) -> None:
    cases, features, _ = tables
    with pytest.raises((ParameterError, InputError), match=message):
        study(cases, {"features": features, **keys}).run()


def test_repeats_that_do_not_fit_are_refused(tables) -> None:
    cases, features, again = tables
    with pytest.raises(InputError, match="lacks 1 of its 8 features: feature_01"):
        study(cases, {"features": features, "repeat": again.drop(columns="feature_01")}).run()
    trained = cases["center"] != "center_3"
    few = again[~trained | (trained.cumsum() <= 2)]
    with pytest.raises(InputError, match="2 of 60 training patients"):
        study(cases, {"features": features, "repeat": few}).run()
    twice = cases.assign(patient=[f"P{i // 2}" for i in range(N)], outcome=np.repeat([0, 1, 1], 30))
    with pytest.raises(InputError, match="aggregate: largest"):
        study(
            twice, {"features": features, "repeat": again}, groups="patient", center=None, split=None,
            options={"aggregate": "mean"},
        ).run()  # fmt: skip


def test_weights_of_classes_need_classes(tables) -> None:
    cases, features, _ = tables
    with pytest.raises(ParameterError, match="survival outcome only"):
        study(
            cases, features, outcome=None, survival={"event": "event", "time": "time"},
            options={"class_weight": "balanced"},
        ).run()  # fmt: skip
