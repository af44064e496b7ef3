"""The first box of the report: what was asked, of whom, and what came out, in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from radiokit.report._findings import WHERE, findings_of
from radiokit.report._result import SOURCES, Reportable, endpoints, evidence, honest
from radiokit.report._view import (
    METHODS,
    MISSING,
    P_VALUES,
    Cell,
    TableView,
    cohort_label,
    estimate_cell,
    interval_text,
    label,
    number,
    view,
)
from radiokit.validation.evidence import BASELINES, HONEST, Evidence, StudyEndpoint

WIDE = 0.25  # an interval this wide says little
APART = 0.1  # estimates this far apart are two stories
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Headline:
    """The summary: sentences, cohorts, the main numbers, and every warning."""

    question: str
    cohorts: list[str]
    findings: list[str]
    cautions: list[str]
    warnings: list[str]
    numbers: list[TableView] = field(default_factory=list)
    verdicts: list[TableView] = field(default_factory=list)


def headline(result: Reportable) -> Headline:
    """Compose the summary from the evidence of the study."""
    found = endpoints(result)
    return Headline(
        question=_question(result),
        cohorts=_cohorts(result),
        findings=[text for endpoint in found for text in findings_of(result, endpoint)],
        cautions=list(dict.fromkeys([*(t for e in found for t in _cautions(result, e)), *_chance(result)])),
        warnings=list(dict.fromkeys(map(str, result.warnings))),
        numbers=[_numbers(result, endpoint) for endpoint in found],
        verdicts=_verdicts(result),
    )


def _verdicts(result: Reportable) -> list[TableView]:
    """Return what these data can show and what they cannot."""
    if not result.verdicts:
        return []
    frame = pd.DataFrame(result.verdicts)
    notes = ["“Not supported” means that these data do not show it, not that it is wrong."]
    caption = "What can be concluded from these data, and what cannot"
    return [view(frame, name="conclusions", caption=caption, notes=notes)]


def outcome_name(result: Reportable) -> str:
    """Return what the study predicts, in the words of its columns."""
    names = []
    if result.spec.outcome:
        names.append(f"“{result.spec.outcome}”")
    if result.spec.survival:
        names.append("time to event (" + ", ".join(f"“{part}”" for part in result.spec.survival.values()) + ")")
    return " and ".join(names) or "the outcome"


def _question(result: Reportable) -> str:
    models = [m for e in endpoints(result) for m in e.models if m.kind not in BASELINES]
    names = list(dict.fromkeys(m.signatures[0] if m.kind == "signature" else m.kind for m in models))
    if not names:
        return f"Study of {outcome_name(result)}."
    if len(names) > 1:
        listed = ", ".join(names[:-1]) + f" and {names[-1]}"
        return f"How well do the {listed} models predict {outcome_name(result)}?"
    return f"How well does the {names[0]} model predict {outcome_name(result)}?"


def _cohorts(result: Reportable) -> list[str]:
    counts: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for endpoint in endpoints(result):
        for found in reversed(honest(result, endpoint, endpoint.main)):
            what = "with the event" if endpoint.survival else "with the outcome"
            counts.setdefault(found.cohort, []).append(f"{number(found.n_events)} {what}")
            sizes[found.cohort] = max(found.n, sizes.get(found.cohort, 0))
    return [f"{c.capitalize()}: {number(sizes[c])} patients, {', '.join(texts)}" for c, texts in counts.items()]


def _cautions(result: Reportable, endpoint: StudyEndpoint) -> list[str]:
    """Say what a reader might overlook: chance, wide intervals, no independent patients."""
    found = honest(result, endpoint, endpoint.main)
    texts = []
    for own in found:
        name = f"{label(own.metric)} of the model “{own.model}” {WHERE[own.source]}"
        if own.ci_low <= 0.5 <= own.ci_high:
            texts.append(f"The interval of the {name} includes 0.5: it may be no better than chance.")
        elif own.ci_high - own.ci_low > WIDE:
            texts.append(
                f"The interval of the {name} is wide ({interval_text(own.ci_low, own.ci_high)}): few patients."
            )
    texts += _apart(found)
    sources = {own.source for own in found}
    if sources == {"out-of-fold"}:
        texts.append("No patients were set aside and none come from other centres: this is internal validation.")
    if "test" in sources and "external" not in sources:
        texts.append("Test and training patients come from the same source: this is internal validation.")
    return texts


def _apart(found: list[Evidence]) -> list[str]:
    """Say where estimates differ between cohorts, so that the best is not quoted alone."""
    known = sorted((e for e in found if np.isfinite(e.estimate)), key=lambda e: e.estimate)
    if len(known) < 2 or known[-1].estimate - known[0].estimate < APART:
        return []
    low, high = known[0], known[-1]
    return [
        f"The {label(low.metric)} of the model “{low.model}” is {number(low.estimate)} {WHERE[low.source]} and "
        f"{number(high.estimate)} {WHERE[high.source]}: chance, or other patients. Quote both."
    ]


def _chance(result: Reportable) -> list[str]:
    tests = count_tests(result)
    if tests < 2:
        return []
    return [
        f"This report holds {tests:,} p-values; about {max(1, round(SIGNIFICANT * tests)):,} of them would lie below "
        f"{SIGNIFICANT:g} if nothing were true."
    ]


def count_tests(result: Reportable) -> int:
    """Return the number of p-values in all tables."""
    columns = [frame[c] for frame in result.tables.values() for c in frame.columns if c in P_VALUES]
    return sum(int(column.notna().sum()) for column in columns)


def _numbers(result: Reportable, endpoint: StudyEndpoint) -> TableView:
    """One row for each model, one column for each kind of evidence."""
    own = [e for m in endpoint.names for e in evidence(result, model=m, metric=endpoint.metric)]
    shown = [e for e in own if e.source in HONEST] or own
    order = list(SOURCES)
    columns = sorted(dict.fromkeys((e.cohort, e.source) for e in shown), key=lambda c: order.index(c[1]))
    by_place = {(e.model, e.cohort, e.source): e for e in shown}
    body = []
    for model in (m.name for m in endpoint.models if m.kind != "prevalence"):
        cells = [by_place.get((model, *column)) for column in columns]
        absent = Cell(MISSING, number=True)
        body.append([Cell(model), *(estimate_cell(e.estimate, e.ci_low, e.ci_high) if e else absent for e in cells)])
    header = ["Model", *(cohort_label(c, s).capitalize() for c, s in columns)]
    methods = dict.fromkeys(
        f"{METHODS.get(e.method, e.method)} ({SOURCES[e.source]})" for e in shown if e.has_interval and e.method
    )
    notes = [f"Intervals: {'; '.join(methods)}."] if methods else []
    caption = f"{label(endpoint.metric)}, with its {result.facts.level} interval"
    return TableView(header, body, caption, "", f"headline-{endpoint.metric}", notes)
