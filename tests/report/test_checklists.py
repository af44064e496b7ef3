"""Reporting checklists: complete, filled where the study knows, marked where it cannot, and scored as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from radiokit.exceptions import ParameterError
from radiokit.models.describe import PipelineFacts
from radiokit.report import checklist, checklist_score
from radiokit.report._checklists import HERE, TITLES
from radiokit.report._facts import AUTHOR, FACTS, MET, OUT, PARTLY, UNMET
from radiokit.validation.facts import SignatureFacts, StudyFacts, StudySpec

STATUSES = {MET, PARTLY, AUTHOR, UNMET, OUT}


def items(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / f"{name}.csv", dtype={"item": str}, keep_default_na=False)


def test_items_are_complete_and_every_fact_is_known() -> None:
    assert items("clear")["item"].tolist() == [str(k) for k in range(1, 59)]
    assert items("metrics")["item"].tolist() == [str(k) for k in range(1, 31)]
    tripod = items("tripod_ai")["item"]
    assert len(tripod) == 52
    assert list(dict.fromkeys(tripod.str.rstrip("abcdefg"))) == [str(k) for k in range(1, 28)]
    for name in TITLES:
        assert set(items(name)["fact"]) <= {*FACTS, "author"}
        assert items(name)["item"].is_unique


@pytest.mark.shared
def test_weights_are_those_of_metrics(shared: Path) -> None:
    published = pd.read_csv(shared / "data" / "checklists" / "metrics_items.csv", dtype={"item": str})
    ours = items("metrics")
    assert ours["item"].tolist() == published["item"].tolist()
    assert ours["weight"].astype(float).tolist() == published["weight"].tolist()
    words = {"always": "", "C1": "segmentation", "C1&C2": "automatic", "C3": "handcrafted", "C4": "tabular"}
    expected = published["applies_if"].map({**words, "C5": "network"})
    assert ours["condition"].tolist() == expected.tolist()


def test_a_network_answers_for_its_settings_too(result: Any) -> None:
    """Of the items on extraction METRICS leaves out for networks the standardised software only, not the settings."""
    network = SignatureFacts("CT", "node metastasis", "network", 1, PipelineFacts("a network", network=True))
    deep = SimpleNamespace(**{**vars(result), "facts": StudyFacts(signatures=(network,))})
    status = checklist(deep, "metrics").set_index("item")["status"]
    assert (status[["8", "10", "12", "14", "15", "16"]] == OUT).all()
    assert (status[["11", "13", "17"]] != OUT).all()


def test_weights_sum_to_one() -> None:
    assert items("metrics")["weight"].astype(float).sum() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", TITLES)
def test_filled_from_a_result(name: str, result: Any) -> None:
    filled = checklist(result, name)
    assert set(filled["status"]) <= STATUSES
    assert (filled["evidence"].str.len() > 3).all()
    assert {MET, AUTHOR} <= set(filled["status"])


def test_what_a_study_knows(result: Any) -> None:
    """About 30 items of CLEAR can be filled from a study; ethics, eligibility and readers cannot."""
    clear = checklist(result, "clear").set_index("item")["status"]
    assert clear.isin([MET, PARTLY]).sum() >= 28
    assert (clear[["8", "10", "11", "20", "49", "50"]] == AUTHOR).all()
    assert clear["31"] == UNMET  # no repeated segmentations
    metrics = checklist(result, "metrics").set_index("item")["status"]
    assert metrics["27"] == MET  # an external cohort
    assert metrics["26"] == UNMET  # nobody set aside at random
    assert metrics["17"] == OUT  # no network


def test_without_other_centres_and_clinical_columns_items_are_not_met(result: Any) -> None:
    inside = tuple(e for e in result.evidence if e.source == "out-of-fold" and e.model == "radiomics")
    (endpoint,) = result.endpoints
    alone = replace(endpoint, models=tuple(m for m in endpoint.models if m.kind == "signature"))
    poor = SimpleNamespace(
        **{**vars(result), "evidence": inside, "endpoints": (alone,), "facts": StudyFacts(), "spec": StudySpec()}
    )
    status = checklist(poor, "metrics").set_index("item")["status"]
    assert (status[["4", "24", "25", "26", "27"]] == UNMET).all()
    assert checklist(poor, "clear").set_index("item").loc["17", "status"] == UNMET


def test_the_score_is_the_weight_of_what_is_met_over_what_applies() -> None:
    filled = pd.DataFrame({"status": [MET, UNMET, AUTHOR, OUT], "weight": [0.3, 0.1, 0.2, 0.4]})
    score = checklist_score(filled)
    assert score.met == pytest.approx(50)
    assert score.possible == pytest.approx(100 * 0.5 / 0.6)
    assert "50.0 of 100 points so far (moderate)" in score.text
    counted = checklist_score(filled.drop(columns="weight"))
    assert (counted.met, counted.possible, counted.total) == (1, 2, 3)


def test_the_report_prints_scores_and_unmet_items(result: Any, tmp_path: Path) -> None:
    from radiokit.report import write_folder

    page = write_folder(result, tmp_path).read_text()
    assert "points so far" in page
    assert "Not met: 31 (Repeatability of features between segmentations)" in page
    for name in TITLES:
        assert f"checklist_{name}" in page
        assert len(pd.read_csv(tmp_path / "checklists" / f"{name}.csv")) == len(items(name))


def test_an_unknown_checklist_is_named(result: Any) -> None:
    with pytest.raises(ParameterError, match="known: clear, metrics, tripod_ai"):
        checklist(result, "consort")
