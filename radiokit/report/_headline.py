"""The first box of the report: what was asked, of whom, and what came out, in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from radiokit.report._result import (
    BASELINES,
    SOURCES,
    Endpoint,
    Reportable,
    endpoints,
    kind,
    model_names,
    setting,
    table,
)
from radiokit.report._view import (
    MISSING,
    Cell,
    TableView,
    cohort_label,
    estimate_cell,
    interval_text,
    label,
    number,
    view,
)

WIDE = 0.25  # an interval this wide says little


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
    """Compose the summary from the tables."""
    found = [(e, _rows(result, e)) for e in endpoints(result)]
    findings = [text for endpoint, rows in found for text in _findings(result, endpoint, rows)]
    cautions = [text for endpoint, rows in found for text in _cautions(endpoint, rows)]
    tests = count_tests(result)
    if tests > 1:
        cautions.append(
            f"This report holds {tests:,} p-values; about {max(1, round(0.05 * tests)):,} of them would lie below 0.05 "
            "if nothing were true."
        )
    return Headline(
        question=_question(result),
        cohorts=_cohorts(result),
        findings=findings,
        cautions=list(dict.fromkeys(cautions)),
        warnings=list(dict.fromkeys(str(text) for text in result.warnings)),
        numbers=[_numbers(rows, endpoint) for endpoint, rows in found],
        verdicts=_verdicts(result),
    )


def _verdicts(result: Reportable) -> list[TableView]:
    """Return what these data can show and what they cannot."""
    frame = table(result, "conclusions")
    if frame is None:
        return []
    notes = ["“Not supported” means that these data do not show it, not that it is wrong."]
    caption = "What can be concluded from these data, and what cannot"
    return [view(frame, name="conclusions", caption=caption, notes=notes)]


def outcome_name(result: Reportable) -> str:
    """Return what the study predicts, in the words of its columns."""
    names = []
    outcome, survival = setting(result, "outcome"), setting(result, "survival")
    if outcome:
        names.append(f"“{outcome}”")
    if survival:
        parts = survival.values() if isinstance(survival, dict) else survival
        names.append("time to event (" + ", ".join(f"“{part}”" for part in parts) + ")")
    return " and ".join(names) or "the outcome"


def _question(result: Reportable) -> str:
    models = list(dict.fromkeys(kind(m) for m in model_names(result) if kind(m) not in BASELINES))
    listed = ", ".join(models[:-1]) + f" and {models[-1]}" if len(models) > 1 else "".join(models)
    if not listed:
        return f"Study of {outcome_name(result)}."
    if len(models) > 1:
        return f"How well do the {listed} models predict {outcome_name(result)}?"
    return f"How well does the {listed} model predict {outcome_name(result)}?"


def _cohorts(result: Reportable) -> list[str]:
    performance = table(result, "performance")
    if performance is None:
        return []
    texts = []
    for (cohort,), part in performance.groupby(["cohort"], sort=False):
        events = [
            f"{number(int(own['n_events'].max()))} {what}"
            for metric, what in (("auc", "with the outcome"), ("c_index", "with the event"))
            if len(own := part[part["metric"] == metric])
        ]
        texts.append(f"{str(cohort).capitalize()}: {number(int(part['n'].max()))} patients, {', '.join(events)}")
    return texts


def _rows(result: Reportable, endpoint: Endpoint) -> pd.DataFrame:
    performance = result.tables["performance"]
    rows = performance[performance["metric"] == endpoint.metric]
    return rows.assign(model=rows["model"].astype(str), source=rows["source"].astype(str))


def best_evidence(rows: pd.DataFrame) -> str:
    """Return the most independent source there is."""
    return next((s for s in SOURCES if s in set(rows["source"])), "train")


WHERE = {
    "external": "In centres that gave no patient to training",
    "test": "In patients set aside before training",
    "out-of-fold": "In cross-validation (no patients set aside, none external)",
    "optimism-corrected": "In training, after correction for optimism",
    "train": "In the patients it was trained on, which says little about others",
}


def _findings(result: Reportable, endpoint: Endpoint, rows: pd.DataFrame) -> list[str]:
    source = best_evidence(rows)
    there = rows[rows["source"] == source]
    own = there[there["model"] == endpoint.main]
    if own.empty:
        return []
    row = own.iloc[0]
    binary = endpoint.metric == "auc"
    have, worse = ("the outcome", "has the outcome") if binary else ("the event", "has the event earlier")
    texts = [
        f"{WHERE[source]} ({number(int(row['n']))} patients, {number(int(row['n_events']))} with {have}), the model "
        f"“{endpoint.main}” had {'an AUC' if binary else 'a C-index'} of {number(row['estimate'])}{_interval(row)}: of "
        f"two patients of whom one {worse}, it gives that one the higher risk in about {row['estimate']:.0%} of pairs."
    ]
    for other in filter(None, (endpoint.of_kind("clinical"), endpoint.of_kind("volume"))):
        found = there[there["model"] == other]
        if len(found):
            compared = found.iloc[0]
            texts.append(
                f"For comparison, “{other}” alone: {label(endpoint.metric)} {number(compared['estimate'])}"
                f"{_interval(compared)}{_test(result, str(row['cohort']), endpoint.main, other)}."
            )
    return texts + _calibration(result, str(row["cohort"]), endpoint.main)


def _interval(row: Any) -> str:
    text = interval_text(row.get("ci_low", np.nan), row.get("ci_high", np.nan))
    return f" (95% interval {text})" if text else ""


def _comparisons(result: Reportable, main: str) -> pd.DataFrame | None:
    """Return the table of paired tests that holds the model: AUCs or C-indices."""
    for name in ("delong", "concordance_comparison"):
        tests = table(result, name)
        known = tests is not None and {"cohort", "model_a", "model_b", "difference", "p_value"} <= set(tests.columns)
        if known and tests[["model_a", "model_b"]].eq(main).to_numpy().any():  # type: ignore[index]
            return tests
    return None


def _test(result: Reportable, cohort: str, main: str, other: str) -> str:
    tests = _comparisons(result, main)
    if tests is None:
        return ""
    both = tests[["model_a", "model_b"]].isin([main, other]).all(axis=1)
    pairs = tests[both & (tests["cohort"] == cohort)]
    if pairs.empty or not np.isfinite(pairs["p_value"].iloc[0]):
        return ""
    row = pairs.iloc[0]
    sign = 1 if row["model_a"] == main else -1
    adjusted = "p_adjusted" in pairs and np.isfinite(row["p_adjusted"])
    p = number(row["p_adjusted" if adjusted else "p_value"], p=True)
    p = p.replace("<", "< ") if p.startswith("<") else f"= {p}"
    return f"; the difference of {number(sign * row['difference'])} has {'an adjusted p' if adjusted else 'p'} {p}"


def _calibration(result: Reportable, cohort: str, main: str) -> list[str]:
    calibration = table(result, "calibration")
    if calibration is None or not {"slope", "model", "cohort"} <= set(calibration.columns):
        return []
    own = calibration[(calibration["model"] == main) & (calibration["cohort"] == cohort)]
    if own.empty or not np.isfinite(own["slope"].iloc[0]):
        return []
    slope = float(own["slope"].iloc[0])
    verdict = "about right in spread"
    if slope < 0.8:
        verdict = "too extreme"
    elif slope > 1.25:
        verdict = "too cautious"
    return [f"Calibration slope {number(slope)} (1 is ideal): its predictions are {verdict}.{_level(own)}"]


def _level(own: pd.DataFrame) -> str:
    """Say whether the predictions of a model are too low or too high on the whole, beyond chance."""
    limits = ["calibration_in_the_large_ci_low", "calibration_in_the_large_ci_high"]
    if not {"o_e", *limits} <= set(own.columns) or not np.isfinite(own[["o_e", *limits]].iloc[0].astype(float)).all():
        return ""
    ratio, low, high = own[["o_e", *limits]].iloc[0].astype(float)
    if low <= 0 <= high:
        return ""
    return (
        f" On the whole they are too {'low' if low > 0 else 'high'}: {number(ratio)} times as many events as expected."
    )


def _cautions(endpoint: Endpoint, rows: pd.DataFrame) -> list[str]:
    """Say what a reader might overlook: chance, wide intervals, no independent patients."""
    source = best_evidence(rows)
    own = rows[(rows["source"] == source) & (rows["model"] == endpoint.main)]
    texts = []
    if len(own):
        low, high = float(own["ci_low"].iloc[0]), float(own["ci_high"].iloc[0])
        name = f"{label(endpoint.metric)} of the model “{endpoint.main}”"
        if low <= 0.5 <= high:
            texts.append(f"The interval of the {name} includes 0.5: it may be no better than chance.")
        elif high - low > WIDE:
            texts.append(f"The interval of the {name} is wide ({interval_text(low, high)}): the data are few.")
    if source == "out-of-fold":
        texts.append("No patients were set aside and none come from other centres: this is internal validation.")
    if source == "test":
        texts.append("Test and training patients come from the same source: this is internal validation.")
    return texts


def count_tests(result: Reportable) -> int:
    """Return the number of p-values in all tables."""
    columns = [frame[c] for frame in result.tables.values() for c in frame.columns if str(c).endswith("p_value")]
    return sum(int(column.notna().sum()) for column in columns)


def _numbers(rows: pd.DataFrame, endpoint: Endpoint) -> TableView:
    """One row a model, one column a kind of evidence."""
    honest = rows[rows["source"] != "train"] if (rows["source"] != "train").any() else rows
    pairs = zip(honest["cohort"].astype(str), honest["source"], strict=True)
    order = list(SOURCES)
    columns = sorted(dict.fromkeys(pairs), key=lambda c: order.index(c[1]) if c[1] in order else len(order))
    body = []
    for model in (m for m in endpoint.models if kind(m) != "prevalence"):
        cells = [Cell(model)]
        for cohort, source in columns:
            own = rows[(rows["model"] == model) & (rows["cohort"].astype(str) == cohort) & (rows["source"] == source)]
            values = own[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)
            cells.append(estimate_cell(*values[0]) if len(values) else Cell(MISSING, number=True))
        body.append(cells)
    header = ["Model", *(cohort_label(c, s, SOURCES).capitalize() for c, s in columns)]
    caption = f"{label(endpoint.metric)}, with its 95% interval"
    return TableView(header, body, caption, "", f"headline-{endpoint.metric}")
