"""Twelve kinds of study: whatever a checklist calls met stands in the page, with a table that holds numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.datasets import make_feature_table
from radiokit.report import checklist
from radiokit.report._checklists import TITLES
from radiokit.report._contents import TITLES as SECTION_TITLES
from radiokit.report._figures import figures
from radiokit.report._headline import headline
from radiokit.report._methods import methods_text
from radiokit.report._sections import Picture, sections
from radiokit.study import Study, StudyResult

QUICK = {"repeats": 1, "folds": 2, "bootstraps": 0, "subsamples": 1}
SURVIVAL = {"event": "event", "time": "time"}


def cohort(n: int = 60, centers: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Patients with a binary outcome, a time to an event, a centre, and five features of which one tells both."""
    made = make_feature_table(n, n_features=5, n_informative=2, block=2, effect=1.5, random_state=3)
    rng = np.random.default_rng(0)
    follow, leave = rng.exponential(10 / np.exp(0.4 * made.linear_predictor)), rng.uniform(4, 30, n)
    cases = made.y.to_frame("y").assign(
        age=60 + 10 * rng.standard_normal(n),
        stage=rng.choice(["I", "II"], n),
        center=[f"C{i % centers}" for i in range(n)],
        event=(follow <= leave).astype(int),
        time=np.minimum(follow, leave) + 0.1,
    )
    return cases, made.X


def run(cases: pd.DataFrame, signatures: Any, **arguments: Any) -> StudyResult:
    options = QUICK | arguments.pop("options", {})
    given = {"outcome": "y", "clinical": ["age", "stage"]} | arguments
    return Study(cases, signatures=signatures, options=options, **given).run()


def binary() -> StudyResult:
    cases, X = cohort()
    return run(cases, {"ct": X}, split={"random": 0.3})


def survival() -> StudyResult:
    cases, X = cohort()
    return run(cases, {"ct": X}, outcome=None, survival=SURVIVAL, center="center", split={"external": ["C1"]})


def both() -> StudyResult:
    cases, X = cohort()
    return run(cases, {"ct": X.assign(volume=np.exp(X.iloc[:, 0]))}, survival=SURVIVAL, split={"random": 0.3})


def no_clinical() -> StudyResult:
    cases, X = cohort()
    return run(cases, {"clinical_ct": X}, clinical=[])


def no_signature() -> StudyResult:
    cases, X = cohort()
    cases = cases.assign(volume=np.exp(X.iloc[:, 0]))  # a baseline, and not what the study is about
    return run(cases, {}, center="center", split={"external": ["C1"]})


def one_centre() -> StudyResult:
    cases, X = cohort(centers=1)
    return run(cases, {"ct": X}, center="center")


def eight_centres() -> StudyResult:
    cases, X = cohort(128, centers=8)
    split = {"external": [f"C{i}" for i in range(2, 8)]}
    return run(cases, {"ct": X}, center="center", split=split)


def forest() -> StudyResult:
    cases, X = cohort()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("radiokit.models.kinds.TREES", 20)  # the facts of a small wood are those of a large one
        return run(cases, {"clinical_ct": X}, clinical=[], split={"random": 0.3}, options={"pipeline": "forest"})


def missing() -> StudyResult:
    cases, X = cohort()
    holes = X.assign(**{X.columns[0]: X.iloc[:, 0].where(np.arange(len(X)) % 2 > 0)})
    return run(cases, {"ct": holes}, split={"random": 0.3})


def by_centre() -> StudyResult:
    cases, X = cohort()
    return run(cases, {"ct": X}, center="center", split="leave_one_center_out")


def lesions() -> StudyResult:
    cases, X = cohort()
    cases = cases.assign(patient=[f"P{i // 2}" for i in range(len(cases))])
    same = ["y", "event", "time", "age", "stage"]
    cases[same] = cases.groupby("patient")[same].transform("first")
    return run(cases, {"ct": X}, groups="patient", options={"aggregate": "mean"})


def two_signatures() -> StudyResult:
    cases, X = cohort()
    options = {"pipeline": "lasso", "penalty_folds": 3, "alpha": 0.5, "confidence_level": 0.8}
    return run(cases, {"ct": X.iloc[:, :3], "pet": X.iloc[:, 2:]}, split={"random": 0.3}, options=options)


KINDS: tuple[Callable[[], StudyResult], ...] = (
    binary, survival, both, no_clinical, no_signature, one_centre, eight_centres, forest, missing, by_centre, lesions,
    two_signatures,
)  # fmt: skip


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def study(request: pytest.FixtureRequest) -> tuple[str, StudyResult, dict[str, list[str]]]:
    """A study with the captions of each section of its page."""
    result = request.param()
    pictures = []
    for drawn in figures(result):
        pictures.append(Picture(drawn.name, drawn.section, drawn.title, drawn.caption, "", 1, False))
        drawn.display.close()
    page = {
        s.title: [*(t.caption for t in s.tables if t.rows), *(p.title for p in s.pictures), *s.texts]
        for s in sections(result, pictures)
    }
    page[SECTION_TITLES["summary"]] = headline(result).findings
    page[SECTION_TITLES["methods"]] = methods_text(result)
    page[SECTION_TITLES["provenance"]] = [str(result.provenance)]
    return request.param.__name__, result, page


def test_whatever_is_met_stands_in_the_page(study: tuple[str, StudyResult, dict[str, list[str]]]) -> None:
    name, result, page = study
    for kind in TITLES:
        filled = checklist(result, kind)
        for row in filled[filled["status"] == "met"].itertuples():
            about = f"{name}, {kind} {row.item} ({row.evidence})"
            assert row.where, f"{about}: no place"
            for place in row.where.split("; "):
                section, _, caption = place.partition(": ")
                assert page.get(section), f"{about}: no section {section!r}"
                if caption:
                    assert any(c.startswith(caption.split(" (")[0]) for c in page[section]), f"{about}: no {caption!r}"


def test_nothing_is_met_that_the_study_does_not_hold(study: tuple[str, StudyResult, dict[str, list[str]]]) -> None:
    name, result, _ = study
    clear, metrics, tripod = (checklist(result, k).set_index("item") for k in ("clear", "metrics", "tripod_ai"))
    sources = {e.source for e in result.evidence}
    assert (metrics.loc["26", "status"] == "met") == ("test" in sources)
    assert (metrics.loc["27", "status"] == "met") == ("external" in sources)
    assert (metrics.loc["4", "status"] == "met") == (name in ("survival", "eight_centres", "by_centre", "no_signature"))
    kinds = [{m.kind for m in e.models if m.name != e.main} for e in result.endpoints]
    assert (metrics.loc["24", "status"] == "met") == all("clinical" in found for found in kinds)
    words = " ".join(clear["evidence"])
    if not any(e.survival for e in result.endpoints):
        assert "C-index" not in words
    if all(e.survival for e in result.endpoints):
        assert not re.search("sensitivity|AUC", " ".join([*clear["evidence"], *metrics["evidence"]]), re.IGNORECASE)
        assert tripod.loc["13", "status"] == "does not apply"
    pipelines = [s.pipeline for s in result.facts.signatures]
    assert ("penalty chosen" in clear.loc["35", "evidence"]) == any(p.tuning for p in pipelines)
    assert ("standardised" in clear.loc["32", "evidence"]) == any(p.scales for p in pipelines)
    assert (tripod.loc["23b", "status"] == "met") == (len(result.facts.centers) > 1)
    assert (tripod.loc["20c", "status"] == "met") == (len(result.facts.cohorts) > 1)


def test_numbers_of_the_checklists_are_those_of_the_tables(
    study: tuple[str, StudyResult, dict[str, list[str]]],
) -> None:
    _, result, _ = study
    performance = result.tables["performance"]
    said = checklist(result, "tripod_ai").set_index("item").loc["21", "evidence"]
    found = re.findall(r"(\w+): (\d+) patients, (\d+) events", said)
    assert found
    for cohort_name, patients, events in found:
        own = performance[(performance["cohort"] == cohort_name) & performance["metric"].isin(["auc", "c_index"])]
        assert (int(patients), int(events)) in set(zip(own["n"], own["n_events"], strict=True))
    split = checklist(result, "clear").set_index("item").loc["15", "evidence"]
    counted = {c: int(n) for c, n in re.findall(r"(training|test|external) (\d+) patients", split)}
    flow = result.tables["flow"].set_index("step")["n_patients"]
    assert counted == {c: int(flow[c]) for c in counted}
    missing = checklist(result, "clear").set_index("item").loc["29"]
    gaps = re.match(r"(\d+) values are missing", missing["evidence"])
    table = result.tables["missing"]
    assert (int(gaps[1]) if gaps else 0) == int(table.loc[table["kind"] != "volume", "n_missing"].sum())


def test_summary_conclusions_and_tables_agree(study: tuple[str, StudyResult, dict[str, list[str]]]) -> None:
    """Every estimate of the summary is in the table it speaks of; no verdict says the contrary."""
    _, result, _ = study
    summary = headline(result)
    level = f"{100 * result.facts.confidence_level:g}"
    for endpoint in result.endpoints:
        main = result.performance(model=endpoint.main, metric=endpoint.metric)
        leads = [t for t in summary.findings if f"the model “{endpoint.main}” had" in t]
        assert len(leads) == 1
        quoted = float(re.search(r"(?:AUC|C-index) of ([\d.]+)", leads[0])[1])  # type: ignore[index]
        assert quoted == pytest.approx(min(e.estimate for e in main), abs=0.006)
    everything = " ".join([*summary.findings, *summary.cautions])
    for name, index, quoted_text in re.findall(r"“([^”]+)” alone, [^:]+: (AUC|C-index) ([\d.]+)", everything):
        metric = {"AUC": "auc", "C-index": "c_index"}[index]
        known = [e.estimate for e in result.performance(model=name, metric=metric)]
        assert any(abs(float(quoted_text) - value) < 0.006 for value in known), (name, quoted_text)
    for slope in re.findall(r"Calibration slope (−?[\d.]+)", everything):
        known = [e.estimate for e in result.performance(metric="calibration_slope")]
        assert any(abs(float(slope.replace("−", "-")) - value) < 0.06 for value in known), slope
    assert set(re.findall(r"(\d+)% interval", " ".join(summary.findings))) <= {level}
    verdicts = result.tables["conclusions"]
    assert set(verdicts["model"]) == {e.main for e in result.endpoints}
    calibrated = verdicts[verdicts["claim"].str.contains("probabilities")].set_index("model")["verdict"]
    for text in summary.findings:
        if "about right in spread" in text:
            assert "cannot be judged" not in set(calibrated)
    chosen = " ".join(result.warnings)
    assert not ("chosen is largely chance" in chosen and verdicts["reason"].str.contains("chooses none").any())


def test_a_confidence_level_of_80_never_says_95(study: tuple[str, StudyResult, dict[str, list[str]]]) -> None:
    _, result, page = study
    if result.facts.confidence_level == 0.8:
        words = " ".join(text for texts in page.values() for text in texts)
        assert not re.search(r"95 ?%", words)
        assert "80%" in words
