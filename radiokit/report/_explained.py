"""Figures that explain the main model: its performance in subgroups, and the contributions of its predictors."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radiokit.plotting import AttributionDisplay, SubgroupDisplay
from radiokit.report._figure import Figure
from radiokit.report._result import Reportable, endpoints, table
from radiokit.report._view import label
from radiokit.validation.evidence import StudyEndpoint


def subgroup_figures(result: Reportable) -> Iterator[Figure]:
    """Draw the subgroups of each main model."""
    frame = table(result, "subgroups")
    if frame is None:
        return
    for endpoint in endpoints(result):
        model, metric = endpoint.main, endpoint.metric
        own = frame[frame["model"] == model]
        shown = own[own["metric"] == metric]
        if shown.empty or own["variable"].nunique() < 2:
            continue
        cohort = str(shown["cohort"].iloc[0])
        caption = (
            f"{label(metric)} of the model “{model}” in each subgroup of the {cohort} patients, with "
            f"{result.facts.level} intervals; right, events and patients. The line is the value of all. A subgroup "
            "differs where the test of interaction says so, not where its own interval touches 0.5."
        )
        level = result.facts.confidence_level
        display = SubgroupDisplay.from_frame(shown, metric=metric, confidence_level=level).plot()
        yield Figure(f"subgroups_{metric}", "subgroups", f"Subgroups, {model}", "", caption, display)


def attribution_figures(result: Reportable) -> Iterator[Figure]:
    """Draw what moves the predictions of each main model."""
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
        title = f"Contributions, {endpoint.main}"
        yield Figure(f"attributions_{endpoint.metric}", "effects", title, "", caption, display)


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
