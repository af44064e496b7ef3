"""The report as sections: which tables and figures stand where, and how to read them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from radiokit.report._checklists import TITLES, checklist, checklist_score
from radiokit.report._contents import HEADINGS, TABLES, Entry, Kind
from radiokit.report._facts import UNMET
from radiokit.report._figure import Figure
from radiokit.report._result import SOURCES, Reportable, endpoints, main_models, table
from radiokit.report._view import TableView, csv_uri, method_note, performance_view, view, with_index
from radiokit.stats import format_table_one
from radiokit.validation.evidence import HONEST, StudyEndpoint

DISCRIMINATION = ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy")
ACCURACY = ("brier", "brier_scaled", "r2")
CONCORDANCE = ("c_index", "calibration_slope")
MOST_ROWS = 60
WIDE = 5.0  # inches: a wider figure has the whole row
TIMES = ("time", "median", "median_follow_up", "shortest", "longest")


@dataclass(frozen=True)
class Picture:
    """A figure as the page holds it."""

    name: str
    section: str
    title: str
    caption: str
    uri: str
    width: int  # CSS pixels
    wide: bool


@dataclass
class Section:
    """A heading with what stands under it."""

    key: str
    title: str
    intro: str
    tables: list[TableView] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)


def picture(figure: Figure, svg: str) -> Picture:
    """Return a figure as the page holds it: an image of its own, in which no text can become markup of the page."""
    inches = float(figure.display.figure_.get_size_inches()[0])
    uri = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return Picture(figure.name, figure.section, figure.title, figure.caption, uri, round(96 * inches), inches > WIDE)


def sections(result: Reportable, pictures: Sequence[Picture]) -> list[Section]:
    """Sort tables and figures under their headings; a heading with nothing under it is left out."""
    found = {key: Section(key, title, intro) for key, title, intro in HEADINGS}
    for drawn in pictures:
        found[drawn.section].pictures.append(drawn)
    _performance(result, found)
    for name, entry in TABLES.items():
        frame = table(result, name)
        if frame is not None:
            found[entry.section].tables += _entry(result, name, frame, entry)
    _formulas(result, found["features"])
    _checklists(result, found["checklists"])
    return [s for s in found.values() if s.tables or s.pictures or s.texts]


def _entry(result: Reportable, name: str, frame: pd.DataFrame, entry: Entry) -> list[TableView]:
    if entry.kind == "characteristics":
        return [_table_one(frame, name, entry)]
    frame = _shown_rows(result, frame, entry.kind)
    columns = _columns(frame, entry)
    return [
        _clipped(part, f"{name}_{model}" if model else name, f"{entry.caption}, {model}" if model else entry.caption,
                 [*entry.notes, *method_note(part), *_unit(result, part)], columns)
        for model, part in (by_model(frame) if entry.kind == "ratios" else [("", frame)])
        if len(part)
    ]  # fmt: skip


def _shown_rows(result: Reportable, frame: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Return the rows that the page shows; the files of the study have all."""
    if kind == "gaps":
        return frame[frame["n_missing"] > 0]
    if kind == "main models":
        return frame[frame["model"].isin(main_models(result))]
    if kind == "all models":
        shown = table(result, "multivariable")  # it holds the main models
        return frame if shown is None else frame[~frame["model"].isin(set(shown["model"]))]
    return frame


def _columns(frame: pd.DataFrame, entry: Entry) -> list[str]:
    """Return what is shown: methods stand in a note, and the source of predictions says more than the cohort."""
    wanted = list(entry.columns or map(str, frame.columns))
    if "source" in frame:
        wanted = list(dict.fromkeys("source" if c == "cohort" else c for c in wanted))
    return [c for c in wanted if c in frame.columns and c != "method"]


def _unit(result: Reportable, frame: pd.DataFrame) -> list[str]:
    """Return the unit of the times of a table, where the study names one."""
    unit = result.spec.time_unit
    return [f"Times in {unit}."] if unit and set(TIMES) & set(map(str, frame.columns)) else []


def _table_one(frame: pd.DataFrame, name: str, entry: Entry) -> TableView:
    printed = view(format_table_one(frame).replace("inf", "∞"), name=name, caption=entry.caption, notes=entry.notes)
    return replace(printed, csv=csv_uri(with_index(frame)))


def _formulas(result: Reportable, section: Section) -> None:
    for formula in result.facts.formulas:
        shown = section.texts if formula.model in main_models(result) else section.folded
        shown.append("\n".join((formula.model, *formula.lines)))


def _performance(result: Reportable, found: dict[str, Section]) -> None:
    performance = table(result, "performance")
    for endpoint in endpoints(result) if performance is not None else []:
        own = [e for e in result.evidence if e.model in endpoint.names]
        if table(result, "optimism") is not None:
            # A table of its own shows what is apparent and what is corrected.
            own = [e for e in own if e.source in HONEST]
        csv = csv_uri(performance[performance["model"].isin(endpoint.names)])  # type: ignore[index]
        for section, metrics, name, caption in _views(endpoint):
            if any(e.metric in metrics for e in own):
                constant = [m.name for m in endpoint.models if m.kind == "prevalence"]
                shown = performance_view(
                    own, metrics, name=name, caption=caption, level=result.facts.level, csv=csv, constant=constant
                )
                found[section].tables.append(shown)


def _views(endpoint: StudyEndpoint) -> list[tuple[str, tuple[str, ...], str, str]]:
    if endpoint.survival:
        return [("survival", CONCORDANCE, "concordance", "Performance by model and cohort")]
    return [
        ("discrimination", DISCRIMINATION, "performance", "Performance by model and cohort"),
        ("calibration", ACCURACY, "accuracy", "Overall accuracy"),
    ]


def _checklists(result: Reportable, section: Section) -> None:
    """Fill the three checklists; without a study's tables there is nothing to say."""
    if not endpoints(result):
        return
    for name, title in TITLES.items():
        filled = checklist(result, name)
        unmet = [
            f"{item} ({text})" for item, text in filled.loc[filled["status"] == UNMET, ["item", "text"]].to_numpy()
        ]
        score = f"{title.name}: {checklist_score(filled).text}"
        section.texts.append(score + (f" Not met: {'; '.join(unmet)}." if unmet else ""))
        section.tables.append(view(filled, name=f"checklist_{name}", caption=title.text))


def by_model(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Divide the ratios of several models, whose rows do not say which is theirs; leave those of one whole."""
    if frame["model"].nunique() < 2:
        return [("", frame)]
    parts = frame.groupby(["model"], sort=False)
    return [(str(name), part.dropna(axis="columns", how="all")) for (name,), part in parts]


def _clipped(
    frame: pd.DataFrame, name: str, caption: str, notes: list[str], columns: Sequence[str] | None
) -> TableView:
    """Show the first rows of a long table; its file holds all."""
    if "source" in frame:
        ranks = {key: i for i, key in enumerate(SOURCES)}
        frame = frame.sort_values("source", key=lambda s: s.map(ranks).fillna(len(ranks)), kind="stable")
    shown = view(frame, name=name, caption=caption, notes=notes, columns=columns)
    if len(shown.rows) <= MOST_ROWS:
        return shown
    notes = [*notes, f"First {MOST_ROWS} of {len(shown.rows):,} rows; the file has all."]
    return TableView(shown.header, shown.rows[:MOST_ROWS], caption, shown.csv, name, notes)
