"""What a study can show and what it cannot is said in words: first of all where patients are few."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from radiokit.datasets import make_feature_table
from radiokit.report._findings import level_sentences
from radiokit.report._headline import headline
from radiokit.stats import auc, calibration
from radiokit.study import Options, Study
from radiokit.study._calibration import Calibrated
from radiokit.study._conclusions import COLUMNS, NO, UNKNOWN, YES, _calibrated, _precision
from radiokit.study._detectable import detectable_auc, hanley_se
from radiokit.validation.evidence import Evidence, StudyEndpoint, StudyModel

OPTIONS = Options(folds=3, repeats=2, bootstraps=0, subsamples=5)


@pytest.fixture(scope="module")
def small() -> Any:
    """30 patients, 12 with the event, 40 features of noise."""
    rng = np.random.default_rng(4)
    ids = [f"P{i:02d}" for i in range(30)]
    X = pd.DataFrame(rng.normal(size=(30, 40)), index=ids, columns=[f"f{j}" for j in range(40)])
    event = rng.permutation(np.arange(30) < 12).astype(int)
    cases = pd.DataFrame({"event": event, "age": rng.normal(60, 9, 30)}, index=ids)
    return Study(cases, outcome="event", clinical=["age"], signatures={"ct": X}, options=OPTIONS).run()


def verdicts(result: Any) -> pd.DataFrame:
    table = result.tables["conclusions"]
    assert tuple(table.columns) == COLUMNS
    return table.set_index("claim")


def test_thirty_cases_with_twelve_events(small: Any) -> None:
    table = verdicts(small)
    verdict, reason = table["verdict"], table["reason"]
    assert verdict["It separates patients better than chance"] == NO
    assert "12 events in 30 patients" in reason["It separates patients better than chance"]
    assert verdict["It is better than the clinical model"] == NO
    assert verdict["It is better than the volume model"] == UNKNOWN
    assert verdict["It holds in other centres"] == UNKNOWN
    assert verdict["Its probabilities are well calibrated"] == UNKNOWN
    assert verdict["Its sensitivity and specificity at the threshold are known"] == UNKNOWN
    assert verdict["Its choice of features is stable"] == UNKNOWN
    assert "uses all 40 features and chooses none; 12 events" in reason["Its choice of features is stable"]
    assert verdict["Its size is enough to find a moderate signal (0.70)"] == NO
    assert YES not in set(verdict)


def test_the_warnings_say_it_too(small: Any) -> None:
    said = " ".join(small.warnings)
    assert "12 events in training for 41 candidate predictors" in said
    assert "has 12 patients of the rarer outcome: its intervals are wide" in said
    assert "No external cohort" in said or "No centre is named" in said
    assert "Riley" in said or "events for each" in said


def test_the_report_says_it_on_its_first_screen(small: Any, tmp_path: Path) -> None:
    page = small.report(tmp_path / "report.html").read_text()
    summary = page[page.index('id="summary"') : page.index("</section>")]
    assert "What can be concluded from these data, and what cannot" in summary
    assert "cannot be judged" in summary
    found = headline(small)
    assert any("no better than chance" in text for text in found.cautions)
    assert any("internal validation" in text for text in found.cautions)


def test_a_strong_signal_in_many_patients_is_supported() -> None:
    made = make_feature_table(400, n_features=6, n_informative=2, block=3, effect=2.0, centers=2, random_state=0)
    age = np.random.default_rng(0).normal(60, 9, 400)
    cases = pd.DataFrame({"y": made.y, "center": made.center, "age": age})
    study = Study(
        cases, outcome="y", clinical=["age"], signatures={"ct": made.X}, center="center",
        split={"external": ["center_2"]}, options=OPTIONS,
    )  # fmt: skip
    verdict = verdicts(study.run())["verdict"]
    for claim in (
        "It separates patients better than chance",
        "It is better than the clinical model",
        "It holds in other centres",
        "Its size is enough to find a moderate signal (0.70)",
    ):
        assert verdict[claim] == YES, claim


def test_survival_has_its_own_verdicts() -> None:
    made = make_feature_table(60, n_features=6, n_informative=2, block=3, effect=1.5, random_state=0)
    cases = pd.DataFrame({"e": made.survival["event"].astype(int), "t": made.survival["time"]}, index=made.X.index)
    result = Study(
        cases, outcome=None, survival={"event": "e", "time": "t"}, signatures={"ct": made.X}, options=OPTIONS
    ).run()
    table = verdicts(result)
    assert table.loc["It separates patients better than chance", "verdict"] == YES
    assert "C-index" in table.loc["It separates patients better than chance", "reason"]
    assert table.loc["It is better than the clinical model", "verdict"] == UNKNOWN


def test_the_size_of_a_survival_study_is_not_that_of_its_censored_patients() -> None:
    """37 patients of whom 4 are censored: patients with events are compared with each other, too."""
    row = Evidence("m", "training", "out-of-fold", "c_index", 0.61, 0.50, 0.72, 0.95, "", 37, 33)
    claim, verdict, reason = _precision(row)
    assert claim == "Its size is enough to find a moderate signal (0.70)"
    assert verdict == YES
    assert "33 events in 37 patients tell the C-index to ± 0.11; a true C-index of 0.66" in reason
    assert _precision(replace(row, ci_low=0.4, ci_high=0.8))[1] == NO
    assert _precision(replace(row, ci_low=np.nan))[1] == UNKNOWN


def test_standard_error_and_power() -> None:
    """Hanley and McNeil's formula against DeLong's on normal scores; the AUC that is found in 80 % of studies."""
    rng = np.random.default_rng(0)
    y = np.arange(4000) < 1600
    found = auc(y, rng.normal(size=4000) + y)
    assert hanley_se(found.auc, 1600, 2400) == pytest.approx(found.se, rel=0.1)
    least = detectable_auc(12, 18)
    assert 0.72 < least < 0.82
    small = np.arange(30) < 12
    distance = np.sqrt(2) * norm.ppf(least)
    excluded = [auc(small, rng.normal(size=30) + distance * small).ci_low > 0.5 for _ in range(300)]
    assert 0.7 < np.mean(excluded) < 0.95
    assert np.isnan(detectable_auc(1, 30))


def test_probabilities_of_the_right_spread_may_still_be_too_low() -> None:
    """A calibration slope of 1 says nothing of the level: half as many events again as expected is not calibrated."""
    rng = np.random.default_rng(0)
    logit = rng.normal(size=600)
    for shift, expected in ((0.0, YES), (1.0, NO)):
        y = rng.random(600) < 1 / (1 + np.exp(-logit - shift))
        table = calibration(y.astype(int), 1 / (1 + np.exp(-logit))).to_frame().assign(model="m", cohort="external")
        row = table.iloc[0]
        found = Calibrated(
            "m", "external", "external", "wald", row.drop(["model", "cohort"]).to_dict(), 600, int(y.sum())
        )
        verdict, reason = _calibrated(found.evidence())
        assert verdict == expected, reason
        endpoint = StudyEndpoint("y", False, (StudyModel("m", "signature", "y"),))
        said = level_sentences(SimpleNamespace(calibrations=(found.evidence(),)), endpoint)
        assert ("On the whole its predicted risks are too low" in " ".join(said)) == (expected == NO)
