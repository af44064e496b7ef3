"""The sentences of the summary: the weakest of the honest estimates first, never the best alone."""

from __future__ import annotations

import numpy as np

from radiokit.report._result import Reportable, evidence, honest
from radiokit.report._view import interval_text, label, number
from radiokit.validation.evidence import HONEST, Evidence, StudyEndpoint
from radiokit.validation.facts import level_text

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
    texts = [_lead(endpoint, worst, alone=len(found) == 1)]
    texts += _others([e for e in found if e is not worst], endpoint)
    for kind in ("clinical", "volume"):
        other = endpoint.of_kind(kind)
        if other is not None:
            texts += _compared(result, endpoint, other.name, worst)
    return texts + _spread(result, endpoint) + level_sentences(result, endpoint)


def _lead(endpoint: StudyEndpoint, worst: Evidence, *, alone: bool) -> str:
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
    return f" ({level_text(found.level)} interval {text})" if text else ""


def _compared(result: Reportable, endpoint: StudyEndpoint, other: str, worst: Evidence) -> list[str]:
    rows = evidence(result, model=other, metric=endpoint.metric, source=worst.source, cohort=worst.cohort)
    return [
        f"For comparison, “{other}” alone, {WHERE[e.source]}: {label(endpoint.metric)} {number(e.estimate)}"
        f"{_interval(e)}{_test(result, e.cohort, worst.model, other)}."
        for e in rows
        if np.isfinite(e.estimate)
    ]


def _test(result: Reportable, cohort: str, main: str, other: str) -> str:
    pairs = [c for c in result.comparisons if {c.model_a, c.model_b} == {main, other} and c.cohort == cohort]
    for found in (pair.seen_from(main) for pair in pairs if pair.tested):
        adjusted = bool(np.isfinite(found.p_adjusted))
        p = found.p_adjusted if adjusted else found.p_value
        equals = "< 0.001" if p < 0.001 else f"= {p:.3f}"
        return f"; the difference of {number(found.difference)} has {'an adjusted p' if adjusted else 'p'} {equals}"
    return ""


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
    """Return what a slope means, no more than its interval and its number of events allow."""
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
    return "the interval is too wide to judge the predictions"


def level_sentences(result: Reportable, endpoint: StudyEndpoint) -> list[str]:
    """Say in which cohort the predicted risks of the main model are too low or too high on the whole, beyond chance."""
    found = [c for c in result.calibrations if c.model == endpoint.main and np.isfinite(c.ratio)]
    return [
        f"On the whole its predicted risks are too {'low' if c.too_low else 'high'} in the {c.cohort} patients: "
        f"{number(c.ratio)} times as many events as expected."
        for c in found
        if c.too_low or c.too_high
    ]
