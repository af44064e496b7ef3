"""The contents of the page: which table stands under which heading. The page and the checklists both use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from radiokit.report._result import Reportable, endpoints, table

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
        "survival",
        "Time to event",
        "Risk groups by a cut-off that was learnt in training and frozen; predicted survival at a time that was chosen "
        "in training, the median time of its events.",
    ),
    (
        "subgroups",
        "Subgroups and centres",
        "Whether the main model does as well in every kind of patient. Few patients in a subgroup: read the intervals.",
    ),
    ("effects", "Predictors and nomogram", "What drives the prediction, and how to compute it by hand."),
    ("safeguards", "Safeguards", "How this study keeps test data out of training."),
    (
        "checklists",
        "Reporting checklists",
        "What the study knows of itself is filled in, with the place where it stands; what only the author can say is "
        "marked. Items are numbered as in their sources, whose text counts, not our short one.",
    ),
)
TITLES = {key: title for key, title, _ in HEADINGS} | {
    "summary": "Summary",
    "methods": "Methods text",
    "provenance": "Provenance",
}

PAIRS = (
    "cohort", "model_a", "model_b", "auc_a", "auc_b", "c_index_a", "c_index_b", "difference", "p_value", "p_adjusted",
)  # fmt: skip
CALIBRATION = (
    "cohort", "model", "n", "n_events", "calibration_in_the_large", "slope", "intercept", "o_e", "ici", "e_max",
)  # fmt: skip
ACCURACY = ("cohort", "model", "time", "n", "n_events", "o_e", "brier", "brier_scaled", "ibs", "ibs_scaled")
SELECTED = ("model", "feature", "coef", "selection_frequency", "volume_correlation", "center_p_value")
DIVIDED = ("model", "cohort", "variable", "level", "n", "n_events", "metric", "estimate", "interaction_p_value")
BY_CENTRE = ("center", "cohort", "model", "n", "n_events", "metric", "estimate")
RATIOS = ("feature", "odds_ratio", "hazard_ratio", "p_value", "p_adjusted", "n", "n_events")

SMD = "Mean (SD), median [quartiles] or n (%). SMD: standardised mean difference; above 0.1 is an imbalance."
DIFFERENCE = "Difference: A minus B, paired test on the same patients; p adjusted for the number of comparisons."
RATIO = "Intervals: Wald; profile likelihood where Firth's correction was needed (few events)."
SCORES = (
    "Scores of signatures are cross-fitted: alone they have no interval and no p-value, since none is known to hold "
    "over several fits; beside other predictors both are approximate. What a signature adds is shown by the "
    "comparisons of models in patients of the test or external cohort."
)
OPTIMISM = "Intervals: of the .632+ estimate, from the variance of one model's AUC or C-index."
SUBGROUP = (
    "Intervals of AUC and C-index: as in the table of performance; of ratios: profile likelihood (odds), Wald (hazard)."
)
SURVIVING = "Intervals: Kaplan-Meier with Greenwood's variance, on the log scale."
VOLUME = "Volume correlation (Spearman), with the tumour volume: near 1 or −1 it is volume in disguise."


# What a table holds, where that decides how it is shown: the characteristics of groups of patients; columns with the
# number of missing values in each; ratios of the models of several outcomes; coefficients of all models; a value of
# every model.
Kind = Literal["rows", "characteristics", "gaps", "ratios", "all models", "main models"]


@dataclass(frozen=True)
class Entry:
    """A table of the page: heading, caption, the columns that are shown, what a reader has to know, and its kind."""

    section: str
    caption: str
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind: Kind = "rows"


# In the order of the page.
TABLES = {
    "table_one_cohort": Entry("patients", "Characteristics by cohort", notes=(SMD,), kind="characteristics"),
    "table_one_outcome": Entry("patients", "Characteristics by outcome", notes=(SMD,), kind="characteristics"),
    "table_one_center": Entry("patients", "Characteristics by centre", notes=(SMD,), kind="characteristics"),
    "missing": Entry("patients", "Missing values", kind="gaps"),
    "follow_up": Entry("patients", "Follow-up"),
    "failures": Entry("patients", "Cases that could not be measured, and why"),
    "selected": Entry("features", "Features in the signatures", SELECTED, (VOLUME,)),
    "repeatability": Entry(
        "features",
        "Intraclass correlation of repeated measurements in training",
        notes=("Intervals: by the F distribution.",),
    ),
    "repeat_failures": Entry("features", "Perturbed images that could not be measured, and why"),
    "delong": Entry("discrimination", "Comparisons of models", PAIRS, (DIFFERENCE,)),
    "calibration": Entry("calibration", "Calibration", CALIBRATION),
    "optimism": Entry("calibration", "Optimism of the whole pipeline (bootstrap)", notes=(OPTIMISM,)),
    "decision_curve_difference": Entry(
        "usefulness", "Differences in net benefit", notes=("Intervals: bootstrap of the patients, percentiles.",)
    ),
    "concordance_comparison": Entry("survival", "Comparisons of models (C-index)", PAIRS, (DIFFERENCE,)),
    "risk_groups": Entry("survival", "Median survival and survival at the horizon by risk group", notes=(SURVIVING,)),
    "hazard_ratio": Entry("survival", "Hazard ratio of high against low risk"),
    "logrank": Entry("survival", "Log-rank tests"),
    "time_auc": Entry("survival", "Time-dependent AUC"),
    "survival_accuracy": Entry("survival", "Calibration and Brier score of predicted survival", ACCURACY),
    "survival_calibration": Entry("survival", "Predicted and observed survival by group of risk", notes=(SURVIVING,)),
    "subgroups": Entry("subgroups", "The main model by subgroup", DIVIDED, (SUBGROUP,)),
    "performance_by_center": Entry("subgroups", "Performance by centre", BY_CENTRE),
    "univariable": Entry("effects", "Univariable analysis", RATIOS, (RATIO, SCORES), "ratios"),
    "multivariable": Entry("effects", "Multivariable analysis", RATIOS, (RATIO, SCORES), "ratios"),
    "cox": Entry("effects", "Final Cox models", ("model", *RATIOS), ("Intervals: Wald.",), "all models"),
    "proportional_hazards": Entry("effects", "Test of proportional hazards"),
    "nomogram": Entry("effects", "Points of the nomogram"),
    "baseline_survival": Entry(
        "effects", "Baseline survival S0(t), of a patient with log relative hazard 0", kind="main models"
    ),
    "leak_guards": Entry("safeguards", "Safeguards against leaks"),
    "confounding": Entry("safeguards", "Correlation of scores with volume and differences between centres"),
}
# Shown as a figure, whose title begins so, with its numbers among the files of the study.
FIGURES = {
    "flow": ("patients", "Patient flow"),
    "funnel": ("features", "Feature selection"),
    "decision_curve": ("usefulness", "Decision curve"),
    "decision_curve_survival": ("survival", "Decision curve at the horizon"),
    "kaplan_meier": ("survival", "Kaplan-Meier"),
    "calibration_curve": ("calibration", "Bias-corrected calibration"),
    "attributions": ("effects", "Contributions"),
}


@dataclass(frozen=True)
class Place:
    """Where something stands: a section of the page, and the table in it."""

    section: str
    table: str = ""
    caption: str = ""

    @property
    def text(self) -> str:
        """The place as a reader finds it."""
        return f"{TITLES[self.section]}: {self.caption}" if self.caption else TITLES[self.section]


def places(result: Reportable, *names: str) -> tuple[Place, ...]:
    """Return where these tables stand; absent and empty ones are left out."""
    return tuple(place for name in names for place in _of_table(result, name))


def _of_table(result: Reportable, name: str) -> Iterator[Place]:
    if table(result, name) is None:
        return
    if name == "performance":
        kinds = {e.survival for e in endpoints(result)}
        yield from (
            Place("survival" if survival else "discrimination", name, "Performance by model and cohort")
            for survival in sorted(kinds)
        )
    elif name in FIGURES:
        section, caption = FIGURES[name]
        yield Place(section, name, caption)
    else:
        yield Place(TABLES[name].section, name, TABLES[name].caption)
