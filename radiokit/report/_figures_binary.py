"""Figures of a binary outcome: ROC curves, predicted risks, calibration, net benefit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from radiokit.plotting import CalibrationDisplay, DecisionCurveDisplay, RocDisplay, ScoreDisplay
from radiokit.report._figure import Figure, by
from radiokit.report._result import Reportable, averaged, evidence, is_baseline, main_models, table
from radiokit.stats import roc_curve

MOST_CURVES = 4


def binary_figures(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    """Draw the figures of binary outcomes."""
    parts = list(_binary_cohorts(result))
    for cohort, part in parts:
        caption = "Sensitivity against 1 − specificity; circles mark the thresholds learnt in training."
        if _cross_validated(part):
            caption = "Sensitivity against 1 − specificity, averaged over the folds of cross-validation."
        display = _roc(result, cohort, part).plot(colors=colors)
        yield Figure("roc", "discrimination", "ROC curves", cohort, caption, display)
    for cohort, part in parts:
        yield from _waterfall(result, cohort, averaged(part))
    for cohort, part in parts:
        yield _calibration(result, cohort, averaged(part), colors)
    corrected = table(result, "calibration_curve")
    if corrected is not None:
        for model, part in by(corrected, "model"):
            if model and model not in main_models(result):
                continue
            caption = (
                "Training: the apparent curve, and the curve after the optimism of the whole pipeline is taken away."
            )
            display_corrected = CalibrationDisplay.from_frame(part).plot()
            title = "Bias-corrected calibration"
            yield Figure("calibration_corrected", "calibration", title, model, caption, display_corrected)
    curves = table(result, "decision_curve")
    if curves is not None:
        for cohort, part in by(curves, "cohort"):
            caption = (
                "Net benefit of acting on the model, against treating all and treating none. A model is useful at the "
                "threshold probabilities where its curve is the highest."
            )
            display_dca = DecisionCurveDisplay.from_frame(part).plot(colors=colors)
            yield Figure("decision_curve", "usefulness", "Decision curve", cohort, caption, display_dca)


def _binary_cohorts(result: Reportable) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the predictions of each cohort, those on training data left out: they show what is known already."""
    frame = result.predictions
    if not {"y_true", "probability", "cohort", "source"} <= set(frame.columns):
        return
    honest = frame[(frame["source"] != "train") & frame["y_true"].notna() & frame["probability"].notna()]
    for (cohort,), part in honest.groupby(["cohort"], sort=False):
        if part["y_true"].nunique() == 2:
            yield str(cohort), part.assign(y_true=part["y_true"].astype(int))


def _waterfall(result: Reportable, cohort: str, part: pd.DataFrame) -> Iterator[Figure]:
    """Draw the risks of each main model; without a threshold there is nothing to measure them from."""
    for main in main_models(result):
        own = part[part["model"] == main]
        if own.empty or "threshold" not in own or own["threshold"].isna().any():
            continue
        threshold = float(own["threshold"].iloc[0])
        caption = f"Each bar is a patient: the risk that “{main}” predicts, measured from the frozen threshold."
        display = ScoreDisplay.from_predictions(own["y_true"], own["probability"], threshold=threshold)
        display.plot().ax_.set_ylabel("Predicted risk")
        yield Figure("waterfall", "discrimination", "Predicted risks", cohort, caption, display)


def _calibration(result: Reportable, cohort: str, part: pd.DataFrame, colors: dict[str, str]) -> Figure:
    names = [str(m) for m in part["model"].unique()]
    shown = [m for m in names if not is_baseline(result, m)][-MOST_CURVES:] or names
    wide = part.pivot(index="case_id", columns="model", values="probability")[shown]
    y = part.drop_duplicates("case_id").set_index("case_id")["y_true"].loc[wide.index]
    caption = (
        f"Observed proportion against predicted probability: smooth curves (lowess), groups of equal size with "
        f"{result.facts.level} intervals, and below, where the predictions lie. On the diagonal the predictions are "
        "right on average."
    )
    if _cross_validated(part):
        caption += " A patient's prediction is the mean over the repeats of cross-validation."
    bins = int(np.clip(len(y) // 20, 2, 10))
    level = result.facts.confidence_level
    display = CalibrationDisplay.from_predictions(y.to_numpy(), wide, bins=bins, confidence_level=level)
    display.plot(colors=colors)
    return Figure("calibration", "calibration", "Calibration", cohort, caption, display)


def _roc(result: Reportable, cohort: str, part: pd.DataFrame) -> RocDisplay:
    """ROC curves with the areas of the performance table, so that figure and table say the same."""
    curves, areas, points = [], [], []
    for (model,), own in part.groupby(["model"], sort=False):
        curves.append(_curve(own).assign(model=str(model)))
        found = [e for e in evidence(result, model=str(model), cohort=cohort) if e.source == own["source"].iloc[0]]
        values = {e.metric: e for e in found}
        if "auc" in values:
            area = values["auc"]
            row = {"model": model, "auc": area.estimate, "ci_low": area.ci_low, "ci_high": area.ci_high}
            areas.append(row | {"confidence_level": area.level})
        if {"sensitivity", "specificity"} <= set(values) and not _cross_validated(own):
            fpr = 1 - values["specificity"].estimate
            points.append({"model": model, "fpr": fpr, "sensitivity": values["sensitivity"].estimate})
    if len(areas) < len(curves):
        return RocDisplay.from_frame(averaged(part), confidence_level=result.facts.confidence_level)
    return RocDisplay(pd.concat(curves), pd.DataFrame(areas), pd.DataFrame(points) if points else None)


def _cross_validated(part: pd.DataFrame) -> bool:
    return "fold" in part and bool(part["fold"].notna().all())


def _curve(own: pd.DataFrame) -> pd.DataFrame:
    """One curve; over folds the average sensitivity at each false positive rate (Fawcett 2006, vertical averaging)."""
    keys = [c for c in ("repeat", "fold") if c in own and own[c].notna().all()]
    if not _cross_validated(own):
        return roc_curve(own["y_true"], own["probability"])[["fpr", "sensitivity"]]
    grid = np.linspace(0, 1, 101)
    folds = []
    for _, fold in own.groupby(keys):
        if fold["y_true"].nunique() == 2:
            curve = roc_curve(fold["y_true"], fold["probability"])
            folds.append(np.interp(grid, curve["fpr"], curve["sensitivity"]))
    if not folds:
        return roc_curve(own["y_true"], own["probability"])[["fpr", "sensitivity"]]
    return pd.DataFrame({"fpr": np.append(0.0, grid), "sensitivity": np.append(0.0, np.mean(folds, axis=0))})
