"""The sentences of the summary: the weakest of the honest estimates first, never the best alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiokit.report._result import Reportable, evidence, honest, table
from radiokit.report._view import interval_text, label, number
from radiokit.validation.evidence import HONEST, Evidence, StudyEndpoint

WHERE = {
    "external": "in centres that gave no patient to training",
    "test": "in patients set aside before training",
    "out-of-fold": "in cross-validation",
    "optimism-corrected": "in training, after correction for optimism",
    "train": "in the patients it was trained on, which says little about others",
}
NEAR = (0.8, 1.25)  # calibration slopes between these are about right in spread
ENOUGH = 100  # events, and patients without, for a calibration that can be judged (Collins et al. 2016)


def findings_of(result: Reportable, endpoint: StudyEndpoint) -> list[str]:
    """Return how well the main model does, beside the models it is compared with, and whether its risks are right."""
    found = [e for e in honest(result, endpoint, endpoint.main) if np.isfinite(e.estimate)]
    found = found or evidence(result, model=endpoint.main, metric=endpoint.metric)[:1]
    if not found:
        return []
    worst = min(found, key=lambda e: e.estimate)
    texts = [_lead(result, endpoint, worst, alone=len(found) == 1)]
    texts += _others([e for e in found if e is not worst], endpoint)
    for kind in ("clinical", "volume"):
        other = endpoint.of_kind(kind)
        if other is not None:
            texts += _compared(result, endpoint, other.name, worst)
    return texts + _spread(result, endpoint) + level_sentences(result, endpoint)


def _lead(result: Reportable, endpoint: StudyEndpoint, worst: Evidence, *, alone: bool) -> str:
    have = "with the event" if endpoint.survival else "with the outcome"
    what = "a C-index" if endpoint.survival else "an AUC"
    worse = "has the event earlier" if endpoint.survival else "has the outcome"
    lowest = "" if alone else ", the lowest of its estimates in patients it was not trained on"
    where = WHERE[worst.source]
    return (
        f"{where[0].upper()}{where[1:]} ({number(worst.n)} patients, {number(worst.n_events)} {have}), the model "
        f"“{worst.model}” had {what} of {number(worst.estimate)}{_interval(worst)}{lowest}: of two patients of whom "
        f"one {worse}, it gives that one the higher risk in about {worst.estimate:.0%} of pairs."
    )


def _others(found: list[Evidence], endpoint: StudyEndpoint) -> list[str]:
    if not found:
        return []
    listed = " and ".join(f"{number(e.estimate)}{_interval(e)} {WHERE[e.source]}" for e in found)
    return [f"Its {label(endpoint.metric)} was {listed}."]


def _interval(found: Evidence) -> str:
    text = interval_text(found.ci_low, found.ci_high) if found.has_interval else ""
    return f" ({100 * found.level:.10g}% interval {text})" if text else ""


def _compared(result: Reportable, endpoint: StudyEndpoint, other: str, worst: Evidence) -> list[str]:
    rows = evidence(result, model=other, metric=endpoint.metric, source=worst.source, cohort=worst.cohort)
    return [
        f"For comparison, “{other}” alone, {WHERE[e.source]}: {label(endpoint.metric)} {number(e.estimate)}"
        f"{_interval(e)}{_test(result, e.cohort, worst.model, other)}."
        for e in rows
        if np.isfinite(e.estimate)
    ]


def _test(result: Reportable, cohort: str, main: str, other: str) -> str:
    for name in ("delong", "concordance_comparison"):
        tests = table(result, name)
        if tests is None or not {"cohort", "model_a", "model_b", "difference", "p_value"} <= set(tests.columns):
            continue
        both = tests[["model_a", "model_b"]].isin([main, other]).all(axis=1)
        pairs = tests[both & (tests["cohort"] == cohort)].dropna(subset="p_value")
        if len(pairs):
            return _tested(pairs.iloc[0], main)
    return ""


def _tested(row: pd.Series, main: str) -> str:
    sign = 1 if row["model_a"] == main else -1
    adjusted = "p_adjusted" in row and np.isfinite(row["p_adjusted"])
    p = number(row["p_adjusted" if adjusted else "p_value"], p=True)
    p = p.replace("<", "< ") if p.startswith("<") else f"= {p}"
    return f"; the difference of {number(sign * row['difference'])} has {'an adjusted p' if adjusted else 'p'} {p}"


def _spread(result: Reportable, endpoint: StudyEndpoint) -> list[str]:
    """Say whether predictions are too extreme or too timid, by the slope that is farthest from 1."""
    found = evidence(result, model=endpoint.main, metric="calibration_slope")
    found = [e for e in found if e.source in HONEST and np.isfinite(e.estimate)]
    if not found:
        return []
    worst = max(found, key=_from_one)
    others = " and ".join(f"{number(e.estimate)} {WHERE[e.source]}" for e in found if e is not worst)
    rest = f" (it was {others})" if others else ""
    return [
        f"Calibration slope {number(worst.estimate)}{_interval(worst)} {WHERE[worst.source]}{rest}; 1 is ideal: "
        f"{_verdict(worst)}."
    ]


def _from_one(found: Evidence) -> float:
    """Distance of a slope from 1 as a ratio; a slope that is not above 0 is the farthest."""
    return abs(float(np.log(found.estimate))) if found.estimate > 0 else float("inf")


def _verdict(found: Evidence) -> str:
    """Return what a slope says, no more than its interval and its number of events allow."""
    low, high = NEAR
    extreme = "too extreme" if found.estimate < 1 else "too timid"
    rough = "" if min(found.n_events, found.n - found.n_events) >= ENOUGH else ", a rough estimate from few patients"
    if not found.has_interval:
        if low <= found.estimate <= high:
            return "it has no interval, so its predictions cannot be judged"
        return f"its predictions look {extreme}{rough or ', without an interval'}"
    if found.ci_high < 1 or found.ci_low > 1:
        return f"its predictions are {extreme}{rough}"
    if low <= found.ci_low and found.ci_high <= high:
        return f"its predictions are about right in spread{rough}"
    return "the interval is too wide to judge them"


def level_sentences(result: Reportable, endpoint: StudyEndpoint) -> list[str]:
    """Say in which cohort the predictions of the main model are too low or too high on the whole, beyond chance."""
    frame = table(result, "survival_accuracy" if endpoint.survival else "calibration")
    limits = (
        ["o_e_ci_low", "o_e_ci_high"]
        if endpoint.survival
        else ["calibration_in_the_large_ci_low", "calibration_in_the_large_ci_high"]
    )
    needed = ["model", "cohort", "o_e", *limits]
    if frame is None or not set(needed) <= set(frame.columns):
        return []
    none = 1.0 if endpoint.survival else 0.0
    said = []
    for _, row in frame[frame["model"] == endpoint.main].dropna(subset=needed).iterrows():
        low, high = float(row[limits[0]]), float(row[limits[1]])
        if low > none or high < none:
            said.append(
                f"On the whole they are too {'low' if low > none else 'high'} in the {row['cohort']} patients: "
                f"{number(float(row['o_e']))} times as many events as expected."
            )
    return said
