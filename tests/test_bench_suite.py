"""The benchmark suite: reports follow the schema; the comparison sees what became slower, less right, or is gone."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import history
import numpy as np
import page
import pandas as pd
import pytest
import records
import suite
import verdict
from null_suite import NULLS, Null, judge, judged, run_null, summarise

from radiokit.datasets import FeatureTable

FOLDER = Path(suite.__file__).parent
SCRIPTS = sorted(FOLDER.glob("bench_*.py"))


def work(times: int) -> float:
    return float(sum(np.linalg.svd(np.eye(60) + k, compute_uv=False).sum() for k in range(times)))


def quick_records(times: int, wrong: float = 0.0) -> list[dict[str, Any]]:
    """One task with a peer that takes ten of the units of work, and one whose peer is absent."""

    def accuracy(ours: float, theirs: float | None) -> records.Accuracy | None:
        return None if theirs is None else records.Accuracy.difference("largest difference", wrong, 1e-6)

    both = records.side_by_side("task", lambda: work(times), lambda: work(10), peer_name="numpy", accuracy=accuracy)
    absent = records.side_by_side("lonely", lambda: work(1), None, peer_name="nobody", accuracy=accuracy)
    return json.loads(json.dumps([both.as_dict(), absent.as_dict()]))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "ENOUGH_S", 0.05)


@pytest.fixture
def report(quick: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(suite, "run_one", lambda name, full: (0, quick_records(2)))
    return suite.run(["stats"], full=False)


def test_a_report_follows_the_schema(report: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((FOLDER / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    check.validate(report)
    check.validate(json.loads(page.REPORT.read_text()))
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**report, "results": [{**report["results"][0], "ratio": "fast"}]})


def test_peak_memory_is_that_of_the_task(quick: None) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is counted anew on Linux only")
    large = records.alone("large", lambda: np.ones(30_000_000).sum()).ours.peak_mb
    small = records.alone("small", lambda: np.ones(3).sum()).ours.peak_mb
    assert large is not None and small is not None
    assert 200 < large - small < 300  # 240 MB of floats


def changed(report: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made = copy.deepcopy(report)
    made["results"][0] |= fields
    return made


@pytest.mark.parametrize(
    ("share", "worse"), [(1.0, False), (0.86, False), (0.84, True), (0.1, True), (5.0, False)]
)  # fmt: skip
def test_a_ratio_may_fall_by_15_percent(report: dict[str, Any], share: float, worse: bool) -> None:
    now = changed(report, ratio=share * report["results"][0]["ratio"])
    assert verdict.compare(now, report)[0]["worse"] == worse
    assert verdict.fallen(now, report) == ({"task"} if worse else set())


@pytest.mark.parametrize(
    ("now", "before", "better", "lost"),
    [
        (2e-7, 1e-12, "lower", False),
        (2e-6, 1e-12, "lower", True),  # beyond the limit
        (float("nan"), 1e-12, "lower", True),
        (0.70, 0.72, "higher", True),  # worse than before by more than the slack
        (0.715, 0.72, "higher", False),
        (0.60, None, "higher", True),
    ],
)
def test_accuracy_is_lost_beyond_limit_or_slack(
    report: dict[str, Any], now: float, before: float | None, better: str, lost: bool
) -> None:
    limit, slack = (1e-6, 1e-6) if better == "lower" else (0.65, 0.01)
    about = {"what": "AUC", "limit": limit, "slack": slack, "better": better}
    earlier = changed(report, accuracy=None if before is None else {**about, "value": before})
    found = verdict.compare(changed(report, accuracy={**about, "value": now}), earlier)[0]
    assert found["worse"] == lost
    assert found["verdict"].startswith("accuracy lost") == lost


def test_a_task_that_is_gone_is_worse_and_a_new_one_is_not(report: dict[str, Any]) -> None:
    fewer = {**report, "results": report["results"][1:]}
    assert next((r["verdict"], r["worse"]) for r in verdict.compare(fewer, report)) == ("not measured any more", True)
    assert not any(r["worse"] for r in verdict.compare(report, fewer))
    unmeasured = changed(report, accuracy=None)
    assert verdict.compare(unmeasured, report)[0]["verdict"] == "accuracy is not measured any more"
    assert verdict.compare(unmeasured, report)[0]["worse"]
    absent = changed(report, ratio=None, peer_time=None, accuracy=None)
    assert verdict.compare(absent, report)[0]["verdict"] == "numpy is absent: neither ratio nor difference"
    assert not verdict.compare(absent, report)[0]["worse"]


def suite_against(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--only", "stats", "--against", str(earlier)])
    try:
        suite.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_a_function_slowed_on_purpose_ends_with_exit_1(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = tmp_path / "before.json"
    earlier.write_text(json.dumps(report))
    monkeypatch.setattr(suite, "run_one", lambda name, full: (0, quick_records(8)))
    assert suite_against(earlier, monkeypatch) == 1
    said = capsys.readouterr().out
    assert said.count("Measured again: task") == 2
    assert re.search(r"\| task \| numpy \|.*\*\*ratio fell by \d\d%\*\* \|", said)
    monkeypatch.setattr(suite, "run_one", lambda name, full: (0, quick_records(2, wrong=1e-3)))
    assert suite_against(earlier, monkeypatch) == 1
    assert "accuracy lost: largest difference 0.001, limit 1e-06" in capsys.readouterr().out
    # Measured busy once, quiet the second time: no alarm.
    answers = iter([quick_records(8), quick_records(1)])
    monkeypatch.setattr(suite, "run_one", lambda name, full: (0, next(answers)))
    assert suite_against(earlier, monkeypatch) == 0
    # A benchmark that ends with an error is never silent.
    monkeypatch.setattr(suite, "run_one", lambda name, full: (3, quick_records(2)))
    assert suite_against(earlier, monkeypatch) == 1
    assert "stats failed (exit status 3)" in capsys.readouterr().out


def test_what_is_no_report_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert suite_against(tmp_path / "none.json", monkeypatch) == 2


def test_history_is_read_by_github_action_benchmark(report: dict[str, Any]) -> None:
    """customBiggerIsBetter: an array of objects with name, unit and a number; range and extra are text."""
    (entry,) = history.bigger_is_better(report)
    assert (entry["name"], entry["unit"]) == ("task", "times as fast as numpy")
    assert entry["value"] == report["results"][0]["ratio"]
    assert all(isinstance(entry[key], str) for key in ("range", "extra"))


def test_the_page_of_the_docs_is_made_from_the_report(report: dict[str, Any]) -> None:
    assert page.PAGE.read_text() == page.page(json.loads(page.REPORT.read_text()))
    assert "| task |" in page.page(report)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.name)
def test_every_script_is_in_the_suite_and_needs_no_argument(script: Path) -> None:
    assert script.stem.removeprefix("bench_") in suite.BENCHES
    positional = re.findall(r'add_argument\("(?!-)[a-z_]+"[^)]*', script.read_text())
    assert all('nargs="?"' in call or 'nargs="*"' in call for call in positional)


def facts(**columns: Any) -> pd.DataFrame:
    """Facts of 40 cohorts; what is not given is missing."""
    empty = dict.fromkeys(("estimate", "truth", "ci_low", "ci_high", "p_value", "happened"), np.nan)
    return pd.DataFrame({"seed": range(40), **empty, **columns})


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ({"estimate": np.linspace(0.4, 0.6, 40), "truth": 0.5}, ""),
        ({"estimate": np.linspace(0.4, 0.6, 40) + 0.04, "truth": 0.5}, "mean +4.2 SE"),
        ({"truth": 0.5, "ci_low": [0.4] * 33 + [0.6] * 7, "ci_high": 0.7}, ""),  # P(7 or more of 40) = 0.0034
        ({"truth": 0.5, "ci_low": [0.4] * 32 + [0.6] * 8, "ci_high": 0.7}, "coverage"),  # P(8 or more) = 0.0007
        ({"p_value": [0.04] * 8 + [0.5] * 32}, "p < 0.05"),
        ({"happened": [True] * 9 + [False] * 31}, "supported"),
    ],
)
def test_the_null_suite_fails_beyond_three_standard_errors(columns: dict[str, Any], wrong: str) -> None:
    assert judged(facts(**columns))["beyond 3 SE"] == wrong


@pytest.mark.parametrize(("lasts", "wrong"), [(20, ""), (1000, "mean")])
def test_what_is_beyond_three_standard_errors_must_be_so_in_more_cohorts_too(lasts: int, wrong: str) -> None:
    def direct(table: FeatureTable, seed: int) -> Iterator[dict[str, Any]]:
        wave = 0.01 * (-1) ** seed
        yield {"fact": "auc", "estimate": 0.5 + wave + (0.02 if seed < lasts else -0.01), "truth": 0.5}

    table = run_null(Null("passing chance", direct=direct), 20, cache=None, n_jobs=1)
    assert table["beyond 3 SE"].str.startswith(wrong).all()
    assert (table["beyond 3 SE"] == "").all() == (wrong == "")
    assert table["cohorts"].tolist() == [60]


def test_the_null_suite_runs_a_study_and_knows_every_option() -> None:
    from radiokit.study._options import CALIBRATIONS, PIPELINES

    tried = {k.options.get("pipeline") for k in NULLS} | {k.options.get("calibration") for k in NULLS}
    assert tried >= set(PIPELINES) - {"ridge"} and tried >= set(CALIBRATIONS) - {"none"}  # ridge is the default
    kind = Null("small", {"pipeline": "logistic", "folds": 3}, {"split": {"random": 0.3}}, n=60, n_features=4)
    table = summarise(pd.DataFrame([row for seed in range(2) for row in judge(seed, kind)]))
    assert {"auc, out-of-fold", "auc, test", "calibration_slope, test", "claim: better than chance"} <= set(
        table["fact"]
    )
    assert (table["cohorts"] == 2).all()
