"""The figures of a report, each made from the result's tables; what has no data is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.plotting import (
    CalibrationDisplay,
    CoefficientDisplay,
    CorrelationDisplay,
    DecisionCurveDisplay,
    Display,
    FlowDisplay,
    ForestDisplay,
    FunnelDisplay,
    KaplanMeierDisplay,
    LassoPathDisplay,
    NomogramDisplay,
    RocDisplay,
    ScoreDisplay,
    TimeAucDisplay,
)
from radiokit.plotting.palette import COLORS, GREY
from radiokit.report._explained import attribution_figures, subgroup_figures
from radiokit.report._result import (
    Reportable,
    averaged,
    evidence,
    is_baseline,
    main_models,
    model_names,
    table,
    unit_of_time,
)
from radiokit.stats import roc_curve

MOST_CURVES = 4
RISK_GROUPS = {"low": "low risk", "high": "high risk"}


@dataclass(frozen=True)
class Figure:
    """A display, where it belongs, and what is said about it."""

    name: str
    section: str
    title: str
    caption: str
    display: Display


def figures(result: Reportable) -> Iterator[Figure]:
    """Draw every figure for which the result has data, in the order of the report; close each after use."""
    colors = _colors(result)
    yield from _patients(result)
    yield from _features(result, colors)
    yield from _predictions(result, colors)
    yield from (Figure(*drawn) for drawn in subgroup_figures(result))
    yield from _effects(result)
    yield from (Figure(*drawn) for drawn in attribution_figures(result))
    yield from _survival(result)
    yield from _over_time(result, colors)
    yield from _survival_at_horizon(result, colors)


def _colors(result: Reportable) -> dict[str, str]:
    """One colour a model in all figures: the strongest for the model the study is about, grey for baselines."""
    names = model_names(result)
    bright = [m for m in names if not is_baseline(result, m)]
    # Models of several outcomes that hold the same predictors share a colour.
    parts = {m.name: (m.kind, m.signatures) for e in result.endpoints for m in e.models}
    order = list(dict.fromkeys(parts.get(m, m) for m in [*main_models(result), *bright]))
    return {m: COLORS[order.index(parts.get(m, m)) % len(COLORS)] if m in bright else GREY for m in names}


def _patients(result: Reportable) -> Iterator[Figure]:
    flow = table(result, "flow")
    if flow is not None:
        caption = "Patients and cases at each step; who is excluded and why."
        yield Figure("flow", "patients", "Patient flow", caption, FlowDisplay.from_frame(flow).plot())


def _features(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    funnel = table(result, "funnel")
    if funnel is not None:
        caption = "Number of features left after each selection step, learnt in the training cohort only."
        funnel = _of_mains(result, funnel)
        display = FunnelDisplay.from_frame(funnel).plot(colors=colors)
        yield Figure("funnel", "features", "Feature selection", caption, display)
    for model, path, coefficients in _paths(result):
        caption = (
            "Left: cross-validated deviance (mean and standard error over folds) against the penalty; above, the "
            "number of features with a coefficient. Right: coefficients along the path. Dashed: the penalty used."
        )
        display_path = LassoPathDisplay.from_frame(path, coefficients).plot()
        yield Figure(
            _name("lasso_path", model), "features", f"Path of the penalty, {model}".strip(", "), caption, display_path
        )
    selected = table(result, "selected")
    if selected is not None and {"feature", "coef"} <= set(selected.columns):
        for model, part in _by(_of_mains(result, selected), "model"):
            kept = part[part["coef"].notna() & (part["coef"] != 0)]
            if len(kept):
                caption = (
                    "Coefficients of the standardised features of the signature; right, how often each was selected."
                )
                display_coef = CoefficientDisplay.from_frame(kept.head(30)).plot()
                yield Figure(
                    _name("coefficients", model),
                    "features",
                    f"Coefficients, {model}".strip(", "),
                    caption,
                    display_coef,
                )
    correlation = table(result, "correlation")
    if correlation is not None and "feature" in correlation and len(correlation) > 1:
        matrix = correlation.set_index("feature")
        matrix = matrix.loc[:, [c for c in matrix.columns if c in matrix.index]]
        caption = "Spearman correlation of the selected features in training."
        display_map = CorrelationDisplay.from_correlation(matrix.loc[list(matrix.columns)]).plot()
        yield Figure("correlation", "features", "Correlation of selected features", caption, display_map)


def _of_mains(result: Reportable, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the main models, where they have any; the tables hold all models."""
    own = frame[frame["model"].isin(main_models(result))] if "model" in frame else frame
    return own if len(own) else frame


def _paths(result: Reportable) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    paths, coefficients = table(result, "lasso_path"), table(result, "lasso_coefficients")
    if paths is None or coefficients is None:
        return
    for model, path in _by(paths, "model"):
        own = coefficients[coefficients["model"] == model] if "model" in coefficients and model else coefficients
        if len(own):
            yield model, path, own


def _predictions(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    parts = list(_binary_cohorts(result))
    for cohort, part in parts:
        caption = "Sensitivity against 1 − specificity; circles mark the thresholds learnt in training."
        if _cross_validated(part):
            caption = "Sensitivity against 1 − specificity, averaged over the folds of cross-validation."
        display = _roc(result, cohort, part).plot(colors=colors)
        yield Figure(f"roc_{cohort}", "discrimination", f"ROC curves, {cohort}", caption, display)
    for cohort, part in parts:
        yield from _waterfall(result, cohort, averaged(part))
    for cohort, part in parts:
        yield _calibration(result, cohort, averaged(part), colors)
    corrected = table(result, "calibration_curve")
    if corrected is not None:
        for model, part in _by(corrected, "model"):
            if model and model not in main_models(result):
                continue
            caption = (
                "Training: the apparent curve, and the curve after the optimism of the whole pipeline is taken away."
            )
            title = f"Bias-corrected calibration, {model}".strip(", ")
            yield Figure(
                _name("calibration_corrected", model),
                "calibration",
                title,
                caption,
                CalibrationDisplay.from_frame(part).plot(),
            )
    curves = table(result, "decision_curve")
    if curves is not None:
        for cohort, part in _by(curves, "cohort"):
            caption = (
                "Net benefit of acting on the model, against treating all and treating none. A model is useful at the "
                "threshold probabilities where its curve is the highest."
            )
            display_dca = DecisionCurveDisplay.from_frame(part).plot(colors=colors)
            yield Figure(f"decision_curve_{cohort}", "usefulness", f"Decision curve, {cohort}", caption, display_dca)


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
    for main in main_models(result):
        own = part[part["model"] == main]
        if own.empty:
            continue
        known = "threshold" in own and own["threshold"].notna().all()
        threshold = float(own["threshold"].iloc[0]) if known else 0.5
        caption = f"Each bar is a patient: the risk that “{main}” predicts, measured from the frozen threshold."
        display = ScoreDisplay.from_predictions(own["y_true"], own["probability"], threshold=threshold)
        display.plot().ax_.set_ylabel("Predicted risk")
        yield Figure(f"waterfall_{cohort}", "discrimination", f"Predicted risks, {cohort}", caption, display)


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
    return Figure(f"calibration_{cohort}", "calibration", f"Calibration, {cohort}", caption, display)


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


def _effects(result: Reportable) -> Iterator[Figure]:
    for name, title in (("univariable", "Univariable"), ("multivariable", "Multivariable")):
        frame = table(result, name)
        if frame is None or not ({"odds_ratio", "hazard_ratio"} & set(frame.columns)):
            continue
        for model, part in _by(frame, "model"):
            level = result.facts.confidence_level
            caption = f"Ratios with {result.facts.level} intervals, logarithmic scale; right of 1 the risk is higher."
            shown = part.dropna(axis="columns", how="all").head(40)
            display = ForestDisplay.from_frame(shown, confidence_level=level).plot()
            yield Figure(
                _name(f"forest_{name}", model), "effects", f"{title} analysis, {model}".strip(", "), caption, display
            )
    rulers, scale = table(result, "nomogram"), table(result, "nomogram_scale")
    if rulers is not None and scale is not None:
        for model, part in _by(rulers, "model"):
            own = scale[scale["model"] == model].drop(columns="model") if "model" in scale and model else scale
            own = own.dropna(axis="columns", how="all")
            if own.empty:
                continue
            read = "probability" if "probability" in own else "survival"
            caption = (
                "Find the patient's value on each ruler, read the points above it, add them up, and read the predicted "
                f"{read} below the total."
            )
            display_nomogram = NomogramDisplay.from_frame(part, own, time_unit=unit_of_time(result)).plot()
            yield Figure(
                _name("nomogram", model), "effects", f"Nomogram, {model}".strip(", "), caption, display_nomogram
            )


def _over_time(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    areas = table(result, "time_auc")
    if areas is None or areas["time"].nunique() < 3 or areas["auc"].isna().all():
        return
    for cohort, part in _by(areas.dropna(subset="auc"), "cohort"):
        caption = (
            f"AUC of the risk for an event up to each time (cumulative/dynamic), with {result.facts.level} intervals."
        )
        display = TimeAucDisplay.from_frame(part, time_unit=unit_of_time(result)).plot(colors=colors)
        yield Figure(_name("time_auc", cohort), "survival", f"AUC over time, {cohort}", caption, display)


def _survival(result: Reportable) -> Iterator[Figure]:
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
        display = KaplanMeierDisplay.from_frame(part, p_value=p_value, time_unit=unit_of_time(result))
        display.plot(band=bool(bands))
        yield Figure(f"kaplan_meier_{cohort}", "survival", f"Kaplan-Meier, {cohort}", caption, display)


def _survival_at_horizon(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    """Whether predicted survival is right, and useful, at the horizon that was chosen in training."""
    groups = table(result, "survival_calibration")
    if groups is not None and {"predicted", "observed", "cohort", "model"} <= set(groups.columns):
        for cohort, part in _by(groups.dropna(subset=["predicted", "observed"]), "cohort"):
            shown = [m for m in part["model"].unique() if not is_baseline(result, str(m))][-MOST_CURVES:]
            own = part[part["model"].isin(shown)]
            if own.empty:
                continue
            display = CalibrationDisplay.from_groups(own, outcome="survival").plot(colors=colors)
            caption = (
                f"Survival at {_horizon(result, own)} by Kaplan-Meier against the predicted one, in groups of about "
                "equal size. On the diagonal the predictions are right on average."
            )
            title = f"Calibration of predicted survival, {cohort}"
            yield Figure(f"survival_calibration_{cohort}", "survival", title, caption, display)
    curves = table(result, "decision_curve_survival")
    for cohort, part in _by(curves, "cohort") if curves is not None else ():
        caption = (
            f"Net benefit of acting on the predicted risk of an event by {_horizon(result, part)}, against treating "
            "all and treating none."
        )
        display_dca = DecisionCurveDisplay.from_frame(part).plot(colors=colors)
        title = f"Decision curve at the horizon, {cohort}"
        yield Figure(f"decision_curve_survival_{cohort}", "survival", title, caption, display_dca)


def _horizon(result: Reportable, part: pd.DataFrame) -> str:
    if "time" not in part or not part["time"].notna().any():
        return "the horizon"
    return f"{float(part['time'].iloc[0]):.4g} {unit_of_time(result)}".rstrip()


def _name(figure: str, model: str) -> str:
    return f"{figure}_{model}" if model else figure


def _by(frame: pd.DataFrame, column: str) -> Iterator[tuple[str, Any]]:
    if column not in frame:
        yield "", frame
        return
    for (name,), part in frame.groupby([column], sort=False):
        yield str(name), part
