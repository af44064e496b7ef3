"""Figures of for whom and by what the main model predicts: subgroups and contributions of predictors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from radiokit.plotting import AttributionDisplay, SubgroupDisplay
from radiokit.report._result import Reportable, endpoints, main_models, table
from radiokit.validation.evidence import StudyEndpoint

Drawn = tuple[str, str, str, str, Any]
WORDS = {"auc": "AUC", "c_index": "C-index"}


def subgroup_figures(result: Reportable) -> Iterator[Drawn]:
    """Yield name, section, title, caption and display of each main model's subgroups."""
    frame = table(result, "subgroups")
    if frame is None:
        return
    for model in (m for m in main_models(result) if m in set(frame["model"])):
        own = frame[frame["model"] == model]
        metric = next((m for m in WORDS if m in set(own["metric"])), None)
        if metric is None or own["variable"].nunique() < 2:
            continue
        shown = own[own["metric"] == metric]
        cohort = str(shown["cohort"].iloc[0])
        caption = (
            f"{WORDS[metric]} of the model “{model}” in each subgroup of the {cohort} patients, with "
            f"{result.facts.level} intervals; right, events and patients. The line is the value of all. A subgroup "
            "differs where the test of interaction says so, not where its own interval touches 0.5."
        )
        level = result.facts.confidence_level
        display = SubgroupDisplay.from_frame(shown, metric=metric, confidence_level=level).plot()
        yield f"subgroups_{metric}", "subgroups", f"Subgroups, {model}", caption, display


def attribution_figures(result: Reportable) -> Iterator[Drawn]:
    """Yield name, section, title, caption and display of what moves each main model's predictions."""
    frame = table(result, "attributions")
    if frame is None:
        return
    for endpoint in endpoints(result):
        if not is_explained(result, endpoint):
            continue
        own = _one_cohort(frame[frame["model"] == endpoint.main])
        scale = "log relative hazard" if endpoint.survival else "log-odds"
        caption = (
            f"Each dot is a patient: how far a predictor moves the {scale} that “{endpoint.main}” predicts from that "
            "of an average training patient; the contributions of a patient add up to the prediction. They explain the "
            "model, not the disease."
        )
        display = AttributionDisplay.from_frame(own).plot(label=f"Contribution to the {scale}")
        yield f"attributions_{endpoint.metric}", "effects", f"Contributions, {endpoint.main}", caption, display


def is_explained(result: Reportable, endpoint: StudyEndpoint) -> bool:
    """Whether the contributions of several predictors of the main model are known, and so drawn."""
    frame = table(result, "attributions")
    if frame is None:
        return False
    return _one_cohort(frame[frame["model"] == endpoint.main])["feature"].nunique() > 1


def _one_cohort(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the patients that were held out farthest, where cohorts are named."""
    if "cohort" not in frame:
        return frame
    chosen = next((c for c in ("external", "test", "training") if c in set(frame["cohort"])), None)
    return frame if chosen is None else frame[frame["cohort"] == chosen]
