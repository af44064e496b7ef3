"""A study result as objects: they agree with the tables, survive JSON and pickle, and show hostile names as text."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.datasets import make_feature_table
from radiokit.study import Study, StudyResult
from radiokit.study._result import file_names
from radiokit.validation.evidence import evidence_of
from radiokit.validation.facts import level_text

HOSTILE = "<b>ct</b>"


@pytest.fixture(scope="module")
def result() -> StudyResult:
    made = make_feature_table(60, n_features=4, n_informative=2, block=2, effect=1.5, random_state=0)
    cases = made.y.to_frame("y").assign(age=np.arange(60.0) % 17)
    options = {"repeats": 1, "folds": 2, "bootstraps": 0, "subsamples": 1, "confidence_level": 0.9}
    signatures = {"clinical_ct": made.X.iloc[:, :2], HOSTILE: made.X.iloc[:, 2:]}
    split = {"random": 0.3}
    return Study(cases, outcome="y", clinical=["age"], signatures=signatures, split=split, options=options).run()


def test_a_model_knows_its_kind_whatever_its_name(result: StudyResult) -> None:
    (endpoint,) = result.endpoints
    assert (endpoint.name, endpoint.survival, endpoint.main) == ("y", False, "combined")
    kinds = {m.name: m.kind for m in endpoint.models}
    assert kinds == {
        "prevalence": "prevalence", "clinical": "clinical", "clinical_ct": "signature", HOSTILE: "signature",
        "combined": "combined",
    }  # fmt: skip
    combined = endpoint.models[-1]
    assert (combined.signatures, combined.clinical) == (("clinical_ct", HOSTILE), ("age",))
    assert set(result.models) == set(kinds) - {"prevalence"} == set(result.facts.frozen)


def test_evidence_is_the_table_of_performance(result: StudyResult) -> None:
    table = result.tables["performance"]
    assert len(result.evidence) == len(table)
    (found,) = result.performance(model="combined", source="test", metric="auc")
    row = table.query("model == 'combined' and source == 'test' and metric == 'auc'").iloc[0]
    assert (found.estimate, found.ci_low, found.ci_high) == (row["estimate"], row["ci_low"], row["ci_high"])
    assert (found.level, found.method, found.n, found.n_events) == (0.9, row["method"], row["n"], row["n_events"])
    assert {e.source for e in result.performance()} == {"test", "out-of-fold"}
    assert {e.source for e in result.performance(source="train")} == {"train"}


def test_it_is_json_and_pickle(result: StudyResult) -> None:
    read = json.loads(result.to_json(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert set(read) == {
        "spec", "endpoints", "evidence", "comparisons", "calibrations", "verdicts", "facts", "tables", "warnings",
        "provenance",
    }  # fmt: skip
    assert read["endpoints"][0]["models"][-1]["kind"] == "combined"
    assert read["evidence"][0]["estimate"] == result.evidence[0].estimate
    copy = pickle.loads(pickle.dumps(result))
    assert (copy.endpoints, copy.facts) == (result.endpoints, result.facts)


def test_a_notebook_shows_names_as_text(result: StudyResult) -> None:
    page = result._repr_html_()
    assert HOSTILE not in page
    assert "&lt;b&gt;ct&lt;/b&gt;" in page
    assert "90% interval" in page
    assert StudyResult({}, pd.DataFrame())._repr_html_()
    model = result.models["combined"]._repr_html_()
    assert HOSTILE not in model and "&lt;b&gt;ct&lt;/b&gt;" in model
    assert "combined: logistic model" in model and "<td>clinical</td><td>1</td><td>age</td>" in model
    (auc,) = result.performance(model="combined", source="test", metric="auc")
    assert f"<td>test</td><td>auc</td><td>{auc.estimate:.4g}</td>" in model


def test_models_whose_file_names_are_one_have_two_files(tmp_path: Path, result: StudyResult) -> None:
    assert file_names({"CT 1": 0, "CT_1": 0, "ct/1": 0, "CT_1_2": 0}) == ["CT_1", "CT_1_2", "ct_1_3", "CT_1_2_2"]
    result.save(tmp_path)
    assert len(list(tmp_path.glob("*.rk"))) == len(result.models)


def test_evidence_without_an_interval_says_so() -> None:
    row = {"model": "m", "cohort": "test", "source": "test", "metric": "auc", "estimate": 0.7, "n": 9, "n_events": 4}
    (found,) = evidence_of(pd.DataFrame([row]), 0.95)
    assert not found.has_interval
    assert (found.n, found.method) == (9, "")
    assert [level_text(v) for v in (0.8, 0.95, 0.995)] == ["80%", "95%", "99.5%"]
