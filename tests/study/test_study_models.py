"""Models of a study other than a weighted sum: frozen bit for bit, explained exactly, calibrated in training only."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.svm import SVC

from radiokit.datasets import make_feature_table
from radiokit.exceptions import FileError, InputError, ParameterError
from radiokit.models import signature_pipeline
from radiokit.study import FrozenSignature, Study, load_signature
from radiokit.study._attributions import contributions
from radiokit.study._frozen import Frozen
from radiokit.study._linear import score_of
from radiokit.study._scores import KINDS, number

QUICK: dict[str, Any] = {"folds": 2, "repeats": 1, "bootstraps": 0, "subsamples": 1}


def cohort() -> tuple[pd.DataFrame, pd.DataFrame]:
    made = make_feature_table(80, n_features=6, n_informative=2, block=3, effect=1.5, centers=2, random_state=0)
    rng = np.random.default_rng(0)
    cases = pd.DataFrame({"outcome": made.y, "event": made.survival["event"].astype(int)})
    cases = cases.assign(time=made.survival["time"], stage=np.resize(["I", "II", "III"], 80))
    cases["age"] = rng.normal(60, 8, 80)
    features = made.X.copy()
    features.iloc[::9, 1] = np.nan
    return cases, features


@cache
def run(pipeline: str, *, outcome: str | None = "outcome", **options: Any):
    cases, features = cohort()
    survival = None if outcome else {"event": "event", "time": "time"}
    study = Study(
        cases, outcome=outcome, survival=survival, clinical=["age", "stage"], signatures={"ct": features},
        split={"random": 0.25}, options={**QUICK, "pipeline": pipeline, **options},
    )  # fmt: skip
    return study.run()


CASES = [
    ("xgboost", {}),
    ("svm_rbf", {}),
    ("svm_linear", {"calibration": "beta"}),
    ("logistic", {"calibration": "isotonic", "class_weight": "balanced"}),
    ("xgboost", {"outcome": None, "calibration": "platt"}),
    ("elastic_net", {"outcome": None}),
]


PREDICT = """
import sys
from pathlib import Path
import radiokit.study as study
for path in sorted(Path(sys.argv[1]).glob("*/*.rk")):
    study.load_signature(path).predict(f"{sys.argv[1]}/new.csv").to_csv(path.with_suffix(".csv"))
assert "xgboost" not in sys.modules
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one fresh process predicts with the frozen models of all studies."""
    folder = tmp_path_factory.mktemp("frozen")
    cases, features = cohort()
    cases[["age", "stage"]].join(features).to_csv(folder / "new.csv")
    for k, (pipeline, options) in enumerate(CASES):
        (folder / str(k)).mkdir()
        for name in ("ct", "combined"):
            run(pipeline, **options).models[name].save(folder / str(k) / f"{name}.rk")
    subprocess.run([sys.executable, "-W", "error", "-c", PREDICT, str(folder)], check=True)
    return folder


@pytest.mark.parametrize("k", range(len(CASES)), ids=[pipeline for pipeline, _ in CASES])
def test_what_the_study_predicts_a_fresh_process_predicts_and_the_parts_sum_to_it(k: int, elsewhere: Path) -> None:
    pipeline, options = CASES[k]
    result = run(pipeline, **options)
    column = "risk" if "outcome" in options else "probability"
    for name in ("ct", "combined"):
        fresh = pd.read_csv(elsewhere / str(k) / f"{name}.csv", index_col=0, float_precision="round_trip")[column]
        own = result.predictions.query("model == @name and source != 'out-of-fold'").set_index("case_id")[column]
        assert (fresh.loc[own.index] == own).all()
        _parts_sum(result, name, own)


def _parts_sum(result: Any, name: str, own: pd.Series) -> None:
    model = result.models[name].model
    total = result.tables["attributions"].query("model == @name").groupby("case_id")["attribution"].sum()
    if model.kind == "logistic":
        bend = model.calibration.log_odds if model.calibration else float
        total = total.map(lambda lp: 1 / (1 + np.exp(-bend(lp))))
    np.testing.assert_allclose(total.loc[own.index], own, atol=1e-9)


def test_a_category_is_one_variable_and_linear_attributions_are_centred() -> None:
    pipeline, options = CASES[3]
    result = run(pipeline, **options)
    table = result.tables["attributions"].query("model == 'combined' and cohort == 'training'")
    means = table.groupby("feature")["attribution"].mean()
    assert {"age", "stage"} <= set(means.index)
    np.testing.assert_allclose(means.drop("(base value)"), 0, atol=1e-12)


def test_a_kernel_is_one_variable_and_features_know_their_importance() -> None:
    result = run("svm_rbf")
    assert "score_ct" in set(result.tables["attributions"]["feature"])
    chosen = run("xgboost").tables["selected"].set_index("feature")
    assert chosen["importance"].idxmax() in {f"feature_{j:02d}" for j in range(6)}
    assert (chosen["importance"] > 0).all()


def test_models_for_one_kind_of_outcome_are_refused_for_the_other() -> None:
    with pytest.raises(ParameterError, match="required for survival"):
        run("forest", outcome=None)
    with pytest.raises(ParameterError, match="pipeline is 'lightgbm'"):
        run("lightgbm")


@pytest.mark.parametrize("model", [GradientBoostingClassifier(), SVC(kernel="poly")])
def test_what_cannot_be_frozen_is_refused_clearly(model: Any) -> None:
    _, features = cohort()
    y = cohort()[0]["outcome"]
    with pytest.raises(InputError, match="cannot be frozen"):
        score_of("ct", model.fit(features.fillna(0), y), features.fillna(0))


def frozen(kind: str) -> FrozenSignature:
    cases, features = cohort()
    fitted = signature_pipeline(kind, random_state=0).fit(features, cases["outcome"])
    return FrozenSignature(Frozen("ct", "logistic", 0.0, (("ct", 1.0),), (score_of("ct", fitted, features),)))


def test_a_frozen_forest_is_the_fitted_one(tmp_path: Path) -> None:
    cases, features = cohort()
    fitted = signature_pipeline("forest", class_weight="balanced", random_state=0).fit(features, cases["outcome"])
    score = score_of("ct", fitted, features)
    FrozenSignature(Frozen("ct", "logistic", 0.0, (("ct", 1.0),), (score,))).save(tmp_path / "ct.rk")
    read = load_signature(tmp_path / "ct.rk").predict(features)
    np.testing.assert_allclose(read["probability"], fitted.predict_proba(features)[:, 1], atol=1e-12)
    assert read["score_ct"].tolist() == score.values(features)


def written(path: Path, content: dict[str, Any], version: int) -> None:
    from radiokit.study._frozen_file import _digest

    document = {"format": "radiokit signature", "version": version, "sha256": _digest(content), "content": content}
    path.write_text(json.dumps(document))


def test_files_of_the_first_version_are_read(tmp_path: Path) -> None:
    _, features = cohort()
    model = frozen("ridge")
    model.save(tmp_path / "ct.rk")
    content = json.loads((tmp_path / "ct.rk").read_text())["content"]
    del content["model"]["scores"][0]["kind"], content["model"]["calibration"]
    written(tmp_path / "old.rk", content, 1)
    old = load_signature(tmp_path / "old.rk").predict(features)
    pd.testing.assert_frame_equal(old, model.predict(features), check_exact=True)
    written(tmp_path / "new.rk", content, 3)
    with pytest.raises(FileError, match="reads versions 1 and 2"):
        load_signature(tmp_path / "new.rk")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["left"].__setitem__(0, 0),  # a circle
        lambda s: s["feature"].__setitem__(0, 99),
        lambda s: s["value"].pop(),
        lambda s: s["roots"].append(10**6),
        lambda s: s.__setitem__("kind", "os.system"),
    ],
)
def test_trees_that_lead_nowhere_are_refused(change: Any, tmp_path: Path) -> None:
    frozen("xgboost").save(tmp_path / "ct.rk")
    content = json.loads((tmp_path / "ct.rk").read_text())["content"]
    change(content["model"]["scores"][0])
    written(tmp_path / "bad.rk", content, 2)
    with pytest.raises(FileError, match="damaged"):
        load_signature(tmp_path / "bad.rk")


@dataclass(frozen=True)
class LengthOfName:
    """A score that reads a column of the case table which is no number, as a network reads images."""

    name: str
    weight: float
    kind: ClassVar[str] = "length"
    features: ClassVar[tuple[()]] = ()
    columns: ClassVar[tuple[str, ...]] = ("image",)

    def values(self, table: pd.DataFrame) -> list[float]:
        return [self.weight * len(path) for path in table["image"]]

    def plain(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "weight": self.weight}

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> LengthOfName:
        return cls(raw["name"], number(raw["weight"]))


def test_one_more_kind_of_score_reads_what_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "length", (__name__, "LengthOfName"))
    model = Frozen("deep", "logistic", -1.0, (("net", 1.0),), (LengthOfName("net", 0.5),))
    FrozenSignature(model).save(tmp_path / "deep.rk")
    table = pd.DataFrame({"image": ["a", "abc"]}, index=["x", "y"])
    found = load_signature(tmp_path / "deep.rk").predict(table)
    assert found["score_net"].tolist() == [0.5, 1.5]
    added, base = contributions(model, table, table)
    assert (added["score_net"] + base).tolist() == [-0.5, 0.5]
    with pytest.raises(InputError, match="lacks: image"):
        model.predict(table.rename(columns={"image": "scan"}))
