"""The report as sections: which tables and figures stand where, and how to read them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from radiokit.report._checklists import TITLES, checklist, checklist_score
from radiokit.report._facts import UNMET
from radiokit.report._figures import Figure
from radiokit.report._result import SOURCES, Reportable, endpoints, main_models, table
from radiokit.report._view import TableView, performance_view, view
from radiokit.stats import format_table_one

DISCRIMINATION = ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy")
ACCURACY = ("brier", "brier_scaled", "calibration_intercept", "calibration_slope", "r2")
CONCORDANCE = ("c_index", "calibration_slope")
DELONG = (
    "cohort", "model_a", "model_b", "auc_a", "auc_b", "c_index_a", "c_index_b", "difference", "p_value", "p_adjusted",
)  # fmt: skip
CALIBRATION = (
    "cohort", "model", "n", "n_events", "calibration_in_the_large", "slope", "intercept", "o_e", "brier",
    "brier_scaled", "ici", "e_max",
)  # fmt: skip
SELECTED = ("model", "feature", "coef", "selection_frequency", "volume_correlation", "center_p_value")
RATIOS = ("feature", "odds_ratio", "hazard_ratio", "p_value", "p_adjusted", "n", "n_events")
COLUMNS = {
    "calibration": CALIBRATION, "concordance_comparison": DELONG, "delong": DELONG, "univariable": RATIOS,
    "multivariable": RATIOS, "cox": ("model", *RATIOS),
}  # fmt: skip
INTERVALS = (
    "Estimate with 95% interval under it. n: patients. Apparent: judged on its own training patients, no validation."
)
MOST_ROWS = 60
WIDE = 5.0  # inches: a wider figure has the whole row


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


HEADINGS = (
    ("patients", "Patients", "Who was studied, who was excluded, and how the cohorts differ."),
    (
        "features",
        "Features and signature",
        "What was measured in the images, what was kept, and the resulting formula.",
    ),
    (
        "discrimination",
        "Discrimination",
        "Whether patients with the outcome get higher risks than those without. Thresholds were chosen in training and "
        "frozen. In training, each patient is predicted by a model that was fitted without that patient.",
    ),
    (
        "calibration",
        "Calibration",
        "Whether 20 of 100 patients with a predicted risk of 20% have the outcome. Slope 1 and intercept 0 are ideal; "
        "a slope below 1 means predictions that are too extreme.",
    ),
    (
        "usefulness",
        "Clinical usefulness",
        "Net benefit weighs true against false positives at the risk above which one would act.",
    ),
    (
        "subgroups",
        "Subgroups",
        "Whether the main model does as well in every kind of patient. Few patients a subgroup: read the intervals.",
    ),
    ("effects", "Predictors and nomogram", "What drives the prediction, and how to compute it by hand."),
    ("survival", "Time to event", "Risk groups by a cut-off that was learnt in training and frozen."),
    ("safeguards", "Safeguards", "How this study keeps test data out of training."),
    (
        "checklists",
        "Reporting checklists",
        "What the study knows of itself is filled in; what only the author can say is marked. Items are numbered as in "
        "their sources, whose text counts, not our short one.",
    ),
)


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
    _patients(result, found["patients"])
    _features(result, found["features"])
    _performance(result, found)
    _plain(result, found)
    _checklists(result, found["checklists"])
    return [s for s in found.values() if s.tables or s.pictures or s.texts]


def _patients(result: Reportable, section: Section) -> None:
    for key, caption in (
        ("table_one_cohort", "Characteristics by cohort"),
        ("table_one_outcome", "Characteristics by outcome"),
    ):
        frame = table(result, key)
        if frame is not None:
            note = (
                "Mean (SD), median [quartiles] or n (%). SMD: standardised mean difference; above 0.1 is an imbalance."
            )
            section.tables.append(_table_one(frame, key, caption, note))
    failures = table(result, "failures")
    if failures is not None:
        section.tables.append(view(failures, name="failures", caption="Cases that could not be measured, and why"))


def _table_one(frame: pd.DataFrame, key: str, caption: str, note: str) -> TableView:
    if {"variable", "level", "group", "statistic"} <= set(frame.columns):
        tidy = format_table_one(frame)
        tidy["Characteristic"] = tidy["Characteristic"].str.replace(r"_(?=,| =)", "", regex=True)
        tidy = tidy.replace("inf", "∞")
        printed = view(tidy, name=key, caption=caption, notes=[note])
        return TableView(printed.header, printed.rows, caption, view(frame, name=key, caption="").csv, key, [note])
    return view(frame, name=key, caption=caption, notes=[note])


def _features(result: Reportable, section: Section) -> None:
    selected, formula = (table(result, name) for name in ("selected", "formula"))
    if selected is not None:
        notes = ["Volume correlation (Spearman), with the tumour volume: near 1 or −1 it is volume in disguise."]
        section.tables.append(_clipped(selected, "selected", "Features in the signatures", notes, SELECTED))
    if formula is not None and "formula" in formula:
        mains = main_models(result)
        for _, row in formula.iterrows():
            model = str(row.get("model", ""))
            text = str(row["formula"]).replace("; ", "\n")
            shown = section.texts if model in mains or not model else section.folded
            shown.append(f"{model}\n{text}" if model else text)


def _performance(result: Reportable, found: dict[str, Section]) -> None:
    performance = table(result, "performance")
    for endpoint in endpoints(result) if performance is not None else []:
        own = performance[performance["model"].isin(endpoint.models)]  # type: ignore[index]
        if table(result, "optimism") is not None:
            # A table of its own shows what is apparent and what is corrected.
            own = own[~own["source"].isin(["train", "optimism-corrected"])]
        binary = endpoint.metric == "auc"
        for key, metrics, name, caption in (
            ("discrimination", DISCRIMINATION, "performance", "Performance by model and cohort"),
            ("calibration", ACCURACY, "accuracy", "Overall accuracy and calibration"),
        ) if binary else (("survival", CONCORDANCE, "concordance", "Performance by model and cohort"),):  # fmt: skip
            if set(metrics) & set(own["metric"]):
                view_of = performance_view(own, metrics, name=name, caption=caption, note=INTERVALS, sources=SOURCES)
                found[key].tables.append(view_of)
    delong = table(result, "delong")
    if delong is not None:
        notes = ["Difference: A minus B, paired test on the same patients; p adjusted for the number of comparisons."]
        caption = "Comparisons of models"
        found["discrimination"].tables.append(view(delong, name="delong", caption=caption, notes=notes, columns=DELONG))


def _plain(result: Reportable, found: dict[str, Section]) -> None:
    for key, section, caption in (
        ("calibration", "calibration", "Calibration"),
        ("optimism", "calibration", "Optimism of the whole pipeline (bootstrap)"),
        ("decision_curve_difference", "usefulness", "Differences in net benefit"),
        ("univariable", "effects", "Univariable analysis"),
        ("multivariable", "effects", "Multivariable analysis"),
        ("nomogram", "effects", "Points of the nomogram"),
        ("concordance_comparison", "survival", "Comparisons of models"),
        ("time_auc", "survival", "Time-dependent AUC"),
        ("logrank", "survival", "Log-rank tests"),
        ("cox", "survival", "Cox model"),
        ("proportional_hazards", "survival", "Test of proportional hazards"),
        ("leak_guards", "safeguards", "Safeguards against leaks"),
        ("subgroups", "subgroups", "The main model by subgroup"),
        ("repeatability", "features", "Intraclass correlation of repeated measurements in training"),
        ("repeat_failures", "features", "Perturbed images that could not be measured, and why"),
        ("confounding", "safeguards", "Correlation of scores with volume and differences between centres"),
    ):
        frame = table(result, key)
        for model, part in by_model(frame) if frame is not None else ():
            name, title = (f"{key}_{model}", f"{caption}, {model}") if model else (key, caption)
            found[section].tables.append(_clipped(part, name, title, [], COLUMNS.get(key)))


def _checklists(result: Reportable, section: Section) -> None:
    """Fill the three checklists; without a study's tables there is nothing to say."""
    if not endpoints(result):
        return
    for name, title in TITLES.items():
        filled = checklist(result, name)
        unmet = [
            f"{item} ({text})" for item, text in filled.loc[filled["status"] == UNMET, ["item", "text"]].to_numpy()
        ]
        score = f"{title.split(' (')[0]}: {checklist_score(filled).text}"
        section.texts.append(score + (f" Not met: {'; '.join(unmet)}." if unmet else ""))
        section.tables.append(view(filled, name=f"checklist_{name}", caption=title))


def by_model(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Divide a table of odds and hazard ratios, whose columns differ by model; leave others whole."""
    if not {"model", "odds_ratio", "hazard_ratio"} <= set(frame.columns):
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
