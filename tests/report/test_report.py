"""The page says what the tables say, holds everything it needs, and shows hostile names as text."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import FileError
from radiokit.plotting import FlowDisplay
from radiokit.report import write_folder, write_report
from radiokit.report._figure import Figure
from radiokit.report._figures_binary import binary_figures
from radiokit.report._headline import headline
from radiokit.report._methods import methods_text
from radiokit.report._view import interval_text, number, view
from radiokit.validation.evidence import CalibrationEvidence, Comparison, evidence_of
from radiokit.validation.facts import StudyFacts, StudySpec

HOSTILE = "<script>alert('x')</script>"
SECTIONS = (
    "summary", "patients", "features", "discrimination", "calibration", "usefulness", "effects", "survival",
    "safeguards", "methods", "provenance",
)  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def path(result: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(result, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path.read_text())


def empty(**changes: Any) -> SimpleNamespace:
    fields = {
        "tables": {}, "predictions": pd.DataFrame(), "warnings": [], "provenance": {}, "models": {},
        "spec": StudySpec(), "endpoints": (), "facts": StudyFacts(),
    }  # fmt: skip
    made = {**fields, **changes}
    performance = made["tables"].get("performance", pd.DataFrame())
    return SimpleNamespace(
        evidence=evidence_of(performance, 0.95), comparisons=(), calibrations=(), verdicts=(), **made
    )


def test_every_section_is_there_and_linked(page: Page) -> None:
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    assert set(SECTIONS) <= ids
    assert {f"#{name}" for name in SECTIONS} <= links
    assert len([i for _, attrs in page.tags if (i := attrs.get("id"))]) == len(ids), "an id comes twice"


def test_nothing_is_loaded_or_run(page: Page) -> None:
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "embed", "base", "form")]
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(
                ("#", "data:image/svg+xml", "data:text/csv", "data:application/json")
            )
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    svgs = [base64.b64decode(attrs["src"].partition(",")[2]).decode() for tag, attrs in page.tags if tag == "img"]
    assert len(svgs) >= 14
    assert not [svg for svg in svgs if "<script" in svg or re.search(r'href="(?!#|data:)', svg)]


def test_hostile_names_are_text(page: Page) -> None:
    assert page.text.count(HOSTILE) >= 8
    assert "the mask is empty & <b>void</b>" in page.text


def test_summary_says_what_the_tables_say(page: Page, result: Any) -> None:
    """The lowest of the honest estimates leads, with its own patients; the others follow."""
    performance = result.tables["performance"]
    own = performance[(performance["model"] == "combined") & (performance["metric"] == "auc")]
    row = own.sort_values("estimate").iloc[0]
    where = {"external": "In centres that gave no patient to training", "out-of-fold": "In cross-validation"}
    expected = f"AUC of {row['estimate']:.2f} (95% interval {row['ci_low']:.2f}–{row['ci_high']:.2f})"
    assert expected in page.text
    assert f"{where[row['source']]} ({row['n']} patients" in page.text
    for other in own["estimate"].drop(row.name):
        assert f"{other:.2f} (95% interval" in page.text
    assert "“clinical” alone" in page.text
    assert "It holds in other centres" in page.text and "AUC 0.80 (0.70 to 0.90)" in page.text
    for warning in result.warnings:
        assert warning in page.text


def test_files_behind_links_hold_the_tables_at_full_precision(page: Page, result: Any) -> None:
    files = {a["download"]: a["href"] for tag, a in page.tags if tag == "a" and "download" in a}
    read = pd.read_csv(
        io.BytesIO(base64.b64decode(files["performance.csv"].partition(",")[2])), float_precision="round_trip"
    )
    pd.testing.assert_series_equal(read["estimate"], result.tables["performance"]["estimate"], check_exact=True)
    assert json.loads(base64.b64decode(files["provenance.json"].partition(",")[2]))["seed"] == 0
    assert "predictions.csv" in files


def test_same_result_same_page(result: Any, path: Path, tmp_path: Path) -> None:
    assert write_report(result, tmp_path).read_bytes() == path.read_bytes()


def test_missing_tables_are_missing_sections(tmp_path: Path, result: Any) -> None:
    only = empty(tables={"failures": result.tables["failures"], "performance": pd.DataFrame()})
    text = Page(write_report(only, tmp_path).read_text())
    ids = {attrs.get("id") for _, attrs in text.tags}
    assert {"summary", "patients", "provenance"} <= ids
    assert not {"features", "discrimination", "methods", "survival"} & ids


def test_one_row_of_evidence_is_called_what_it_is(result: Any, make_endpoint: Any) -> None:
    performance = result.tables["performance"]
    inner = performance[performance["source"] == "out-of-fold"]
    found = headline(empty(tables={"performance": inner}, endpoints=(make_endpoint(),)))
    assert found.findings[0].startswith("In cross-validation (110 patients")
    assert any("internal validation" in text for text in found.cautions)
    assert not any("external" in text.lower() for text in found.findings)


@pytest.mark.parametrize(
    ("slopes", "words"),
    [
        ({"test": (0.48, 0.15, 0.91), "external": (1.02, 0.6, 1.4)}, "slope 0.48 (95% interval 0.15–0.91) in"),
        ({"test": (0.94, 0.38, 1.5)}, "the interval is too wide to judge the predictions"),
        ({"test": (1.0, 0.9, 1.1)}, "about right in spread"),
        ({"test": (1.6, 1.2, 2.0)}, "too timid"),
        ({"test": (0.6, 0.4, 0.8)}, "too extreme"),
        ({"out-of-fold": (0.5, np.nan, np.nan)}, "look too extreme"),
        ({"test": (-0.2, -1.0, 0.6), "external": (1.6, 1.2, 2.0)}, "slope −0.20"),
    ],
)  # fmt: skip
def test_the_slope_farthest_from_1_is_the_one_that_is_quoted(
    slopes: dict[str, tuple[float, float, float]], words: str, make_endpoint: Any
) -> None:
    cohort = {"out-of-fold": "training"}
    common = {"model": "combined", "n": 400, "n_events": 200}
    rows = [common | {"cohort": s, "source": s, "metric": "auc", "estimate": 0.8} for s in slopes]
    for source, (estimate, low, high) in slopes.items():
        place = {"cohort": cohort.get(source, source), "source": source}
        interval = {"estimate": estimate, "ci_low": low, "ci_high": high}
        rows.append(common | place | {"metric": "calibration_slope"} | interval)
    found = headline(empty(tables={"performance": pd.DataFrame(rows)}, endpoints=(make_endpoint(),)))
    assert any(words in text for text in found.findings), found.findings


def test_chance_and_wide_intervals_are_said_aloud(result: Any, make_endpoint: Any) -> None:
    performance = result.tables["performance"].copy()
    main = (performance["model"] == "combined") & (performance["metric"] == "auc")
    for low, high, words in ((0.45, 0.8, "no better than chance"), (0.55, 0.95, "few patients")):
        performance.loc[main, ["ci_low", "ci_high"]] = low, high
        found = headline(empty(tables={"performance": performance}, endpoints=(make_endpoint(),)))
        assert any(words in text for text in found.cautions)


def test_estimates_that_tell_two_stories_are_both_to_be_quoted(make_endpoint: Any) -> None:
    common = {"model": "combined", "metric": "auc", "ci_low": 0.6, "ci_high": 0.7, "n": 400, "n_events": 200}
    for external, said in ((0.87, True), (0.7, False)):
        rows = [
            common | {"cohort": "training", "source": "out-of-fold", "estimate": 0.69},
            common | {"cohort": "external", "source": "external", "estimate": external},
        ]
        found = headline(empty(tables={"performance": pd.DataFrame(rows)}, endpoints=(make_endpoint(),)))
        assert any("is 0.69 in cross-validation and 0.87 in centres" in text for text in found.cautions) == said
        assert "AUC of 0.69" in found.findings[0]


def test_too_many_events_and_differences_are_told_from_the_main_model(make_endpoint: Any) -> None:
    common = {"metric": "auc", "estimate": 0.7, "n": 400, "n_events": 200, "cohort": "test", "source": "test"}
    rows = pd.DataFrame([common | {"model": name} for name in ("clinical", "combined")])
    pair = Comparison("clinical", "combined", "test", "test", -0.1, -0.2, -0.01, 0.03, 0.06, "delong")
    level = CalibrationEvidence("combined", "test", "test", 400, 200, 1.5, 0.1, 0.7)
    result = empty(tables={"performance": rows}, endpoints=(make_endpoint(),))
    result.comparisons, result.calibrations = (pair,), (level,)
    said = headline(result).findings
    assert any("the difference of 0.10 has an adjusted p = 0.060" in text for text in said)
    assert (
        "On the whole its predicted risks are too low in the test patients: 1.50 times as many events as expected."
        in said
    )
    result.calibrations = (replace(level, level_low=-0.1),)
    assert not any("On the whole" in text for text in headline(result).findings)


def test_two_outcomes_have_their_own_findings(result: Any, make_endpoint: Any, tmp_path: Path) -> None:
    performance = result.tables["performance"]
    survival = performance[performance["metric"] == "auc"].assign(metric="c_index")
    survival["model"] += " (survival)"
    uni = result.tables["univariable"].assign(model="combined")
    hazard = uni.rename(columns={"odds_ratio": "hazard_ratio"}).assign(model="combined (survival)")
    tables = {"performance": pd.concat([performance, survival]), "univariable": pd.concat([uni, hazard])}
    both = empty(
        tables=tables, predictions=result.predictions,
        spec=StudySpec(outcome="n", survival={"event": "e", "time": "t"}),
        endpoints=(make_endpoint(), make_endpoint(survival=True, suffix=" (survival)")),
    )  # fmt: skip
    found = headline(both)
    assert [t.name for t in found.numbers] == ["headline-auc", "headline-c_index"]
    assert any("a C-index of" in text for text in found.findings)
    text = Page(write_report(both, tmp_path).read_text()).text
    assert "Univariable analysis, combined (survival)" in text
    assert "Hazard ratio" in text


def test_ratios_without_any_interval_stand_in_the_table_only(result: Any, tmp_path: Path) -> None:
    """The scores of two signatures alone: cross-fitted, so that no interval is known."""
    ratios = pd.DataFrame({"model": "radiomics", "feature": ["ct", "pet"], "odds_ratio": [2.0, 1.5]})
    tables = {"univariable": ratios.assign(ci_low=np.nan, ci_high=np.nan, p_value=np.nan)}
    page = Page(write_report(empty(tables=tables), tmp_path).read_text())
    assert "Univariable analysis" in page.text and "2.00" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]


def test_risks_are_drawn_from_a_threshold_that_is_known_only(result: Any) -> None:
    def captions(predictions: pd.DataFrame) -> list[str]:
        known = SimpleNamespace(**{**vars(result), "predictions": predictions})
        found = []
        for figure in binary_figures(known, {}):
            figure.display.close()
            found += [figure.caption] * (figure.kind == "waterfall")
        return found

    external = result.predictions[result.predictions["cohort"] == "external"]
    assert ["frozen threshold" in caption for caption in captions(external)] == [True]
    assert captions(external.assign(threshold=np.nan)) == captions(external.drop(columns="threshold")) == []


def test_methods_name_what_was_done(result: Any) -> None:
    text = " ".join(methods_text(result))
    for words in (
        "5-fold cross-validation",
        "repeated 2 times",
        "radiokit 0.1",
        "DeLong",
    ):
        assert words in text
    assert "3 patients (4 lesions): outcome missing" in text


@pytest.mark.parametrize(
    ("kind", "words"), [("svm_rbf", "Gaussian kernel"), ("ridge", "ridge"), ("xgboost", "XGBoost")]
)
def test_methods_name_the_model_that_was_chosen(result: Any, make_facts: Any, kind: str, words: str) -> None:
    text = " ".join(methods_text(SimpleNamespace(**{**vars(result), "facts": make_facts(kind)})))
    assert words in text
    assert "LASSO" not in text


def test_folder_holds_everything(result: Any, tmp_path: Path) -> None:
    odd = SimpleNamespace(**{**vars(result), "tables": {**result.tables, "../odd name": pd.DataFrame({"a": [1]})}})
    report = write_folder(odd, tmp_path / "new" / "folder")
    root = report.parent
    assert {p.name for p in root.iterdir()} == {
        "checklists", "figures", "methods.txt", "predictions.csv", "provenance.json", "report.html", "tables",
    }  # fmt: skip
    pngs, svgs = ({p.stem for p in (root / "figures").glob(f"*.{s}")} for s in ("png", "svg"))
    assert pngs == svgs
    assert {"roc_external", "calibration_external", "decision_curve_external", "nomogram", "flow"} <= pngs
    assert len(list((root / "tables").glob("*.csv"))) == len(odd.tables)
    back = pd.read_csv(root / "predictions.csv", float_precision="round_trip")
    np.testing.assert_array_equal(back["probability"], result.predictions["probability"])
    assert not list(tmp_path.parent.glob("odd*"))


def test_figures_whose_file_names_are_one_have_two_files(
    result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def figures(result: Any) -> Iterator[Figure]:
        for cohort in ("Lyon 1", "lyon/1"):
            display = FlowDisplay.from_frame(result.tables["flow"]).plot()
            yield Figure("flow", "patients", "Patient flow", cohort, "", display)

    monkeypatch.setattr("radiokit.report._write.figures", figures)
    write_report(result, tmp_path / "report.html", figures_folder=tmp_path / "figures")
    assert sorted(p.name for p in (tmp_path / "figures").glob("*.svg")) == ["flow_Lyon_1.svg", "flow_lyon_1_2.svg"]


def test_a_path_that_cannot_be_written_says_so(result: Any, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="Does the folder exist"):
        write_report(empty(), tmp_path / "no" / "report.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        write_folder(empty(), tmp_path / "file")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8449, "0.84"), (-0.5, "−0.50"), (0.0123, "0.012"), (12345, "12,345"), (3, "3"), (0.00001, "1.00e−05"),
     (np.nan, "–"), (np.inf, "∞"), (150.25, "150.2"), (2500.4, "2,500"), (0.0, "0")],
)  # fmt: skip
def test_numbers_as_papers_print_them(value: float, text: str) -> None:
    assert number(value) == text


def test_p_values_and_intervals() -> None:
    assert number(0.0004, p=True) == "<0.001"
    assert number(0.04321, p=True) == "0.043"
    assert interval_text(0.5, 0.9) == "0.50–0.90"
    assert interval_text(-0.5, 0.9) == "−0.50 to 0.90"
    assert interval_text(np.nan, np.nan) == ""


def test_view_keeps_order_and_merges_intervals() -> None:
    values = {"auc": 0.8, "ci_low": 0.7, "ci_high": 0.9, "slope": 1.0, "slope_ci_low": 0.5, "slope_ci_high": 1.5}
    frame = pd.DataFrame([{**values, "empty": np.nan}])
    shown = view(frame, name="x", caption="")
    assert shown.header == ["AUC", "Slope"]
    assert [c.small for c in shown.rows[0]] == ["0.70–0.90", "0.50–1.50"]


def test_print_cuts_no_table(path: Path) -> None:
    """On paper nothing scrolls: what overflows is shown, cells wrap, and folded tables are open."""
    printed = path.read_text().partition("@media print")[2].partition("</style>")[0]
    assert ".scroll { overflow: visible; }" in printed
    assert "white-space: pre-wrap" in printed
    assert "details::details-content { content-visibility: visible" in printed


def browse(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--enable-logging=stderr",
        f"--user-data-dir={path.parent / 'profile'}", *arguments, path.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser on the path")
def test_a_browser_renders_it(path: Path, tmp_path: Path) -> None:
    import matplotlib.image

    done = browse(path, "--dump-dom")
    for name in SECTIONS:
        assert f'id="{name}"' in done.stdout
    assert "&lt;script&gt;alert" in done.stdout
    picture = tmp_path / "screen.png"
    done = browse(path, f"--screenshot={picture}", "--window-size=1280,5000")
    assert "Refused to" not in done.stderr
    assert "CONSOLE" not in done.stderr
    pixels = (matplotlib.image.imread(picture)[..., :3] * 255).round().astype(int)
    assert pixels.shape[:2] == (5000, 1280)
    curve = np.abs(pixels - np.array([0, 114, 178])).max(axis=-1) <= 2
    assert curve[2500:].sum() > 500, "no figure was drawn"
