"""Tables as a reader wants them: intervals beside their estimates, short numbers, plain headings."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from radiokit.report._result import SOURCES
from radiokit.validation.evidence import SOURCES as SOURCE_ORDER
from radiokit.validation.evidence import Evidence

LABELS = {
    "auc": "AUC", "auc_a": "AUC A", "auc_b": "AUC B", "auc_fold_mean": "AUC, mean of folds",
    "auc_pooled": "AUC, pooled", "brier": "Brier", "brier_null": "Brier of Kaplan-Meier",
    "brier_scaled": "Scaled Brier", "c_index": "C-index", "c_index_a": "C-index A", "c_index_b": "C-index B",
    "calibration_in_the_large": "In the large", "calibration_intercept": "Intercept", "calibration_slope": "Slope",
    "case_id": "Case", "center": "Centre", "center_p_value": "p, centres", "ci_high": "Upper limit",
    "ci_low": "Lower limit", "coef": "Coefficient", "coef_raw": "Per unit", "corrected_632plus": "Corrected, .632+",
    "cumulative_hazard": "Cumulative hazard", "df": "df", "dxy": "Somers' D", "e_50": "E 50", "e_90": "E 90",
    "e_avg": "E avg", "e_max": "E max", "events_high": "Events, high risk", "events_low": "Events, low risk",
    "f1": "F1", "hazard_ratio": "Hazard ratio", "ibs": "Integrated Brier",
    "ibs_null": "Integrated Brier of Kaplan-Meier", "ibs_scaled": "Scaled integrated Brier", "icc": "ICC",
    "ici": "ICI", "interaction_p_adjusted": "p, interaction, adjusted", "interaction_p_value": "p, interaction",
    "lr_negative": "LR−", "lr_positive": "LR+", "mcc": "MCC", "median": "Median survival",
    "median_follow_up": "Median follow-up", "model_a": "Model A", "model_b": "Model B", "n": "n",
    "n_bootstraps": "Resamples", "n_cases": "Cases", "n_controls": "Controls", "n_events": "Events",
    "n_features": "Features", "n_high": "High risk", "n_low": "Low risk", "n_missing": "Missing",
    "n_patients": "Patients", "npv": "NPV", "o_e": "O/E", "odds_ratio": "Odds ratio", "p": "p",
    "p_adjusted": "p adjusted", "p_value": "p", "percent_missing": "Missing, %", "ppv": "PPV", "r2": "R²",
    "r2_nagelkerke": "R²", "se": "SE", "source": "Cohort", "selection_frequency": "Selected", "smd": "SMD",
    "survival": "Survival at the horizon", "threshold": "Threshold", "vif": "VIF",
    "volume_correlation": "ρ with volume",
}  # fmt: skip
P_VALUES = ("p_value", "interaction_p_value", "center_p_value", "u_p_value", "spiegelhalter_p_value")
ADJUSTED = ("p_adjusted", "interaction_p_adjusted")
ESTIMATES = ("estimate", "odds_ratio", "hazard_ratio", "difference", "auc", "c_index", "net_benefit", "survival")
# How an estimate was made, where its short name is no word.
METHODS = {"delong": "DeLong", "obuchowski": "Obuchowski, by patient", "wald": "Wald"}
# What the short names of these columns mean; a name that is not here is spelled out.
WORDS: dict[object, dict[str, str]] = {"source": SOURCES, "metric": {}}
MISSING = "–"
FOLDED_ROWS = 24


@dataclass(frozen=True)
class Cell:
    """Text, and smaller text under it."""

    text: str
    small: str = ""
    number: bool = False

    @property
    def long(self) -> bool:
        """Whether the text may be broken into lines."""
        return len(self.text) > 34


@dataclass(frozen=True)
class TableView:
    """A table ready to print, with its data at full precision."""

    header: list[str]
    rows: list[list[Cell]]
    caption: str
    csv: str  # data URI
    name: str
    notes: list[str] = field(default_factory=list)

    @property
    def folded(self) -> bool:
        """Whether the table is so long that it is shown on demand only."""
        return len(self.rows) > FOLDED_ROWS

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers, to be set flush right."""
        return [all(row[i].number for row in self.rows) if self.rows else False for i in range(len(self.header))]


def view(
    frame: pd.DataFrame, *, name: str, caption: str, columns: Sequence[str] | None = None, notes: Iterable[str] = ()
) -> TableView:
    """Present a table; `columns` chooses and orders, the file behind the link holds everything."""
    full = with_index(frame)
    shown = full if columns is None else full[[c for c in columns if c in full.columns]]
    limits = _limits(full)
    edges = {c for pair in limits.values() for c in pair}
    kept = [c for c in shown.columns if c not in edges and not (shown[c].isna().all() and len(shown))]
    places = {c: full.columns.get_loc(c) for c in {*kept, *edges}}
    rows = []
    for values in full.itertuples(index=False, name=None):
        record = {c: values[place] for c, place in places.items()}
        rows.append([_presented(c, record, limits) for c in kept])
    return TableView([label(c) for c in kept], rows, caption, csv_uri(full), name, list(notes))


def _limits(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the columns that hold the interval of another: `ci_low` of the estimate, `x_ci_low` of x."""
    pairs = {c: (f"{c}_ci_low", f"{c}_ci_high") for c in map(str, frame.columns)}
    estimate = next((c for c in ESTIMATES if c in frame.columns), None)
    if estimate is not None:
        pairs[estimate] = ("ci_low", "ci_high")
    return {c: pair for c, pair in pairs.items() if set(pair) <= set(frame.columns)}


def _presented(column: str, record: Mapping[str, Any], limits: Mapping[str, tuple[str, str]]) -> Cell:
    if column not in limits:
        return cell(column, record[column])
    low, high = (record[c] for c in limits[column])
    return estimate_cell(record[column], low, high)


def with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a meaningful index as columns."""
    if isinstance(frame.index, pd.RangeIndex) or (frame.index.name is None and frame.index.dtype.kind in "iu"):
        return frame.reset_index(drop=True)
    named = frame.rename_axis("feature") if frame.index.nlevels == 1 and frame.index.name is None else frame
    return named.reset_index()


def label(column: object) -> str:
    """Return a heading for a column of the vocabulary; other names stay as they are, without underscores."""
    name = str(column)
    if name in LABELS:
        return LABELS[name]
    words = name.replace("_", " ") if name.islower() else name
    return words[:1].upper() + words[1:]


def cell(column: object, value: Any) -> Cell:
    """Present one value."""
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no")
    if column in WORDS and isinstance(value, str):
        return Cell(WORDS[column].get(value) or label(value))
    if isinstance(value, int | float | np.integer | np.floating):
        return Cell(number(value, p=column in (*P_VALUES, *ADJUSTED)), number=True)
    if value is None or value is pd.NA or value is pd.NaT or str(value) == "":
        return Cell("")
    return Cell(str(value))


def estimate_cell(estimate: float, low: float, high: float) -> Cell:
    """Present an estimate with its interval under it."""
    return Cell(number(estimate), interval_text(low, high), number=True)


def interval_text(low: float, high: float) -> str:
    """Return an interval: a dash between positive numbers, a word where there is a minus sign."""
    if not np.isfinite([low, high]).any():
        return ""
    plain = np.isfinite([low, high]).all() and min(low, high) >= 0
    joined = "–" if plain else " to "
    return f"{number(low)}{joined}{number(high)}"


def number(value: Any, *, p: bool = False) -> str:
    """Return a number as papers print it: p-values to three decimals, others to two or three figures."""
    if not np.isfinite(value):
        return MISSING if np.isnan(value) else ("∞" if value > 0 else "−∞")
    if abs(value) < 1e-12 and not p:
        return "0"
    if p:
        return "<0.001" if value < 0.001 else f"{value:.3f}"
    if float(value).is_integer() and (abs(value) >= 10 or isinstance(value, int | np.integer)):
        return f"{int(value):,}".replace("-", "−")
    size = abs(value)
    if 0 < size < 0.0001 or size >= 1e6:
        return f"{value:.2e}".replace("-", "−")
    digits = 4 if size < 0.00095 else 3 if size < 0.095 else (2 if size < 10 else (1 if size < 1000 else 0))
    return f"{value:,.{digits}f}".replace("-", "−")


def method_note(frame: pd.DataFrame) -> list[str]:
    """Return how the numbers of a table were made, each method with the cohorts it was used in."""
    if "method" not in frame:
        return []
    known = frame[frame["method"].notna()].replace({"method": METHODS})
    parts = known.groupby("method", sort=False)
    if "cohort" not in known:
        return [f"How: {'; '.join(str(method) for method, _ in parts)}."]
    listed = [f"{', '.join(dict.fromkeys(part['cohort'].astype(str)))}: {method}" for method, part in parts]
    return [f"How: {'; '.join(listed)}."] if listed else []


def csv_uri(frame: pd.DataFrame) -> str:
    """Return the whole table as a data URI, at full precision."""
    text = frame.to_csv(index=False)
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()


def performance_view(
    evidence: Sequence[Evidence],
    metrics: Sequence[str],
    *,
    name: str,
    caption: str,
    level: str,
    csv: str,
    constant: Collection[str] = (),
) -> TableView:
    """Present estimates as one row for each model and cohort, one column for each index.

    `constant` names models without predictors: how their numbers are made needs no explanation.
    """
    present = [m for m in metrics if any(e.metric == m for e in evidence)]
    chosen = sorted((e for e in evidence if e.metric in present), key=lambda e: SOURCE_ORDER.index(e.source))
    rows: dict[tuple[str, str, str], dict[str, Evidence]] = {}
    for e in chosen:
        rows.setdefault((e.cohort, e.source, e.model), {})[e.metric] = e
    thresholds = any(np.isfinite(e.threshold) for e in chosen)
    header = ["Cohort", "Model", "n", "Events", *(["Threshold"] if thresholds else []), *map(label, present)]
    body = [
        [Cell(cohort_label(cohort, source)), Cell(model), *_counts(found, thresholds), *_estimates(found, present)]
        for (cohort, source, model), found in rows.items()
    ]
    explained = [e for e in chosen if e.model not in constant]
    return TableView(header, body, caption, csv, name, _notes(explained, present, level))


def _counts(found: Mapping[str, Evidence], thresholds: bool) -> list[Cell]:
    first = next(iter(found.values()))
    cells = [cell("n", first.n), cell("n_events", first.n_events)]
    if thresholds:
        known = [e.threshold for e in found.values() if np.isfinite(e.threshold)]
        cells.append(cell("threshold", known[0] if known else np.nan))
    return cells


def _estimates(found: Mapping[str, Evidence], metrics: Sequence[str]) -> list[Cell]:
    known = (found.get(metric) for metric in metrics)
    return [estimate_cell(e.estimate, e.ci_low, e.ci_high) if e else Cell(MISSING, number=True) for e in known]


def _notes(shown: Sequence[Evidence], metrics: Sequence[str], level: str) -> list[str]:
    """Return what a reader has to know of the numbers that are there, and of no others."""
    first = f"Estimate with {level} interval under it, where there is one. n: patients."
    if any(e.source == "train" for e in shown):
        first += " Apparent: judged on its own training patients, no validation."
    used: dict[str, tuple[list[str], list[str]]] = {}
    for e in sorted(shown, key=lambda e: metrics.index(e.metric)):
        names, where = used.setdefault(METHODS.get(e.method, e.method), ([], []))
        names.append(label(e.metric))
        where.append(SOURCES[e.source])
    methods = [
        f"{', '.join(dict.fromkeys(names))} ({', '.join(dict.fromkeys(where))}): {method}"
        for method, (names, where) in used.items()
        if method
    ]
    return [first, f"How: {'; '.join(methods)}."] if methods else [first]


def cohort_label(cohort: str, source: str) -> str:
    """Return the name of a cohort with the origin of its predictions."""
    meaning = SOURCES[source]
    return meaning if meaning.startswith(cohort) else f"{cohort} ({meaning})"
