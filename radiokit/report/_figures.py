"""The figures of a report in the order of the page; what has no data is left out."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radiokit.plotting import (
    CoefficientDisplay,
    CorrelationDisplay,
    FlowDisplay,
    ForestDisplay,
    FunnelDisplay,
    LassoPathDisplay,
    NomogramDisplay,
)
from radiokit.report._explained import attribution_figures, subgroup_figures
from radiokit.report._figure import Figure, by, model_colors, of_mains
from radiokit.report._figures_binary import binary_figures
from radiokit.report._figures_survival import survival_figures
from radiokit.report._result import Reportable, table

RATIOS = ("odds_ratio", "hazard_ratio")


def figures(result: Reportable) -> Iterator[Figure]:
    """Draw every figure for which the result has data, in the order of the report; close each after use."""
    colors = model_colors(result)
    yield from _patients(result)
    yield from _features(result, colors)
    yield from binary_figures(result, colors)
    yield from subgroup_figures(result)
    yield from _effects(result)
    yield from attribution_figures(result)
    yield from survival_figures(result, colors)


def _patients(result: Reportable) -> Iterator[Figure]:
    flow = table(result, "flow")
    if flow is not None:
        caption = "Patients and cases at each step; who is excluded and why."
        yield Figure("flow", "patients", "Patient flow", "", caption, FlowDisplay.from_frame(flow).plot())


def _features(result: Reportable, colors: dict[str, str]) -> Iterator[Figure]:
    funnel = table(result, "funnel")
    if funnel is not None:
        caption = "Number of features left after each selection step, learnt in the training cohort only."
        funnel = of_mains(result, funnel)
        display = FunnelDisplay.from_frame(funnel).plot(colors=colors)
        yield Figure("funnel", "features", "Feature selection", "", caption, display)
    for model, path, coefficients in _paths(result):
        caption = (
            "Left: cross-validated deviance (mean and standard error over folds) against the penalty; above, the "
            "number of features with a coefficient. Right: coefficients along the path. Dashed: the penalty used."
        )
        display_path = LassoPathDisplay.from_frame(path, coefficients).plot()
        yield Figure("lasso_path", "features", "Path of the penalty", model, caption, display_path)
    selected = table(result, "selected")
    if selected is not None and {"feature", "coef"} <= set(selected.columns):
        for model, part in by(of_mains(result, selected), "model"):
            kept = part[part["coef"].notna() & (part["coef"] != 0)]
            if len(kept):
                caption = (
                    "Coefficients of the standardised features of the signature; right, how often each was selected."
                )
                display_coef = CoefficientDisplay.from_frame(kept.head(30)).plot()
                yield Figure("coefficients", "features", "Coefficients", model, caption, display_coef)
    correlation = table(result, "correlation")
    if correlation is not None and "feature" in correlation and len(correlation) > 1:
        matrix = correlation.set_index("feature")
        matrix = matrix.loc[:, [c for c in matrix.columns if c in matrix.index]]
        caption = "Spearman correlation of the selected features in training."
        display_map = CorrelationDisplay.from_correlation(matrix.loc[list(matrix.columns)]).plot()
        yield Figure("correlation", "features", "Correlation of selected features", "", caption, display_map)


def _paths(result: Reportable) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    paths, coefficients = table(result, "lasso_path"), table(result, "lasso_coefficients")
    if paths is None or coefficients is None:
        return
    for model, path in by(paths, "model"):
        own = coefficients[coefficients["model"] == model] if "model" in coefficients and model else coefficients
        if len(own):
            yield model, path, own


def _effects(result: Reportable) -> Iterator[Figure]:
    for name, title in (("univariable", "Univariable"), ("multivariable", "Multivariable")):
        frame = table(result, name)
        if frame is None or not set(RATIOS) & set(frame.columns):
            continue
        for model, part in by(frame, "model"):
            level = result.facts.confidence_level
            caption = f"Ratios with {result.facts.level} intervals, logarithmic scale; right of 1 the risk is higher."
            if part["ci_low"].isna().all():  # cross-fitted scores alone: the table says why they have no interval
                continue
            absent = [ratio for ratio in RATIOS if ratio in part and part[ratio].isna().all()]
            display = ForestDisplay.from_frame(part.drop(columns=absent).head(40), confidence_level=level).plot()
            yield Figure(f"forest_{name}", "effects", f"{title} analysis", model, caption, display)
    rulers, scale = table(result, "nomogram"), table(result, "nomogram_scale")
    if rulers is not None and scale is not None:
        for model, part in by(rulers, "model"):
            own = scale[scale["model"] == model].drop(columns="model") if "model" in scale and model else scale
            own = own.dropna(axis="columns", how="all")
            if own.empty:
                continue
            read = "probability" if "probability" in own else "survival"
            caption = (
                "Find the patient's value on each ruler, read the points above it, add them up, and read the predicted "
                f"{read} below the total."
            )
            display_nomogram = NomogramDisplay.from_frame(part, own, time_unit=result.spec.time_unit).plot()
            yield Figure("nomogram", "effects", "Nomogram", model, caption, display_nomogram)
