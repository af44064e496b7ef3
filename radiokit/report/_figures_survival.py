"""Figures of a time to an event: survival curves, AUC over time, calibration and net benefit at the horizon."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radiokit.plotting import CalibrationDisplay, DecisionCurveDisplay, KaplanMeierDisplay, TimeAucDisplay
from radiokit.report._figure import Figure, by
from radiokit.report._result import Reportable, is_baseline, main_models, table

MOST_CURVES = 4
RISK_GROUPS = {"low": "low risk", "high": "high risk"}


def survival_figures(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    """Draw the figures of survival outcomes."""
    yield from _kaplan_meier(result)
    yield from _over_time(result, colors)
    yield from _at_horizon(result, colors)


def _kaplan_meier(result: Reportable) -> Iterator[Figure]:
    curves, tests = table(result, "kaplan_meier"), table(result, "logrank")
    if curves is None:
        return
    mains = [m for m in main_models(result) if m in set(curves["model"])]
    for (model, cohort), part in curves.groupby(["model", "cohort"], sort=False):
        if mains and model not in mains:
            continue
        p_value = None
        if tests is not None:
            row = tests[(tests["model"] == model) & (tests["cohort"] == cohort)]["p_value"].dropna()
            p_value = float(row.iloc[0]) if len(row) else None
        bands = {"ci_low", "ci_high"} <= set(part.columns) and part["ci_low"].notna().any()
        shown = f", bands are {result.facts.level} intervals" if bands else ""
        caption = (
            f"Survival by risk group of the model {model}; the cut-off was learnt in training. Marks are censored "
            f"patients{shown}, below the numbers at risk."
        )
        part = part.assign(group=part["group"].replace(RISK_GROUPS)).sort_values(
            "group", ascending=False, kind="stable"
        )
        display = KaplanMeierDisplay.from_frame(part, p_value=p_value, time_unit=result.spec.time_unit)
        display.plot(band=bool(bands))
        yield Figure("kaplan_meier", "survival", "Kaplan-Meier", str(cohort), caption, display)


def _over_time(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    areas = table(result, "time_auc")
    if areas is None or areas["time"].nunique() < 3 or areas["auc"].isna().all():
        return
    for cohort, part in by(areas.dropna(subset="auc"), "cohort"):
        caption = (
            f"AUC of the risk for an event up to each time (cumulative/dynamic), with {result.facts.level} intervals."
        )
        display = TimeAucDisplay.from_frame(part, time_unit=result.spec.time_unit).plot(colors=colors)
        yield Figure("time_auc", "survival", "AUC over time", cohort, caption, display)


def _at_horizon(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    """Whether predicted survival is right, and useful, at the horizon that was chosen in training."""
    groups = table(result, "survival_calibration")
    if groups is not None and {"predicted", "observed", "cohort", "model"} <= set(groups.columns):
        for cohort, part in by(groups.dropna(subset=["predicted", "observed"]), "cohort"):
            shown = [m for m in part["model"].unique() if not is_baseline(result, str(m))][-MOST_CURVES:]
            own = part[part["model"].isin(shown)]
            if own.empty:
                continue
            display = CalibrationDisplay.from_groups(own, outcome="survival").plot(colors=colors)
            caption = (
                f"Survival at {_horizon(result, own)} by Kaplan-Meier against the predicted one, in groups of about "
                "equal size. On the diagonal the predictions are right on average."
            )
            title = "Calibration of predicted survival"
            yield Figure("survival_calibration", "survival", title, cohort, caption, display)
    curves = table(result, "decision_curve_survival")
    for cohort, part in by(curves, "cohort") if curves is not None else ():
        caption = (
            f"Net benefit of acting on the predicted risk of an event by {_horizon(result, part)}, against treating "
            "all and treating none."
        )
        display_dca = DecisionCurveDisplay.from_frame(part).plot(colors=colors)
        title = "Decision curve at the horizon"
        yield Figure("decision_curve_survival", "survival", title, cohort, caption, display_dca)


def _horizon(result: Reportable, part: pd.DataFrame) -> str:
    if "time" not in part or not part["time"].notna().any():
        return "the horizon"
    return f"{float(part['time'].iloc[0]):.4g} {result.spec.time_unit}".rstrip()
