"""How good each model is in each cohort, how models differ, and whether their probabilities hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiokit import stats
from radiokit.study._calibration import WITHIN, slope_within
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._options import Options
from radiokit.study._over_repeats import by_patient
from radiokit.study._split import SOURCE_OF
from radiokit.validation import Predictions, compare_models, net_benefit, performance
from radiokit.validation.evaluation import threshold_range
from radiokit.validation.metrics import accuracy, metric_names

PERFORMANCE = (
    "model", "cohort", "source", "metric", "estimate", "ci_low", "ci_high", "method", "n", "n_events", "threshold",
)  # fmt: skip
AT_THRESHOLD = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "mcc")


def performance_table(endpoint: Endpoint, options: Options, seed: int, calibration: pd.DataFrame) -> pd.DataFrame:
    """Every index of every model in every cohort, with its interval and how that was made.

    Calibration slope and intercept are those of the table `calibration`, so that each has one interval.
    """
    parts = []
    for model in endpoint.models:
        for (cohort, source), predictions in model.predictions.items():
            table = _apparent(predictions) if source == "train" else _validated(model, predictions, options, seed)
            if source != "train" and not endpoint.survival:
                own = calibration[(calibration["model"] == model.name) & (calibration["source"] == source)]
                table = _with_calibration(table, own.iloc[0])
            parts.append(table.assign(model=model.name, cohort=cohort, source=source))
        if len(model.optimism):
            parts.append(_corrected(model))
    if not endpoint.survival:
        parts.append(_prevalence(endpoint))
    table = pd.concat([p for p in parts if len(p)], ignore_index=True)
    return table.reindex(columns=list(PERFORMANCE))


def _apparent(p: Predictions) -> pd.DataFrame:
    names = metric_names(p.survival)
    rows = {"metric": names, "estimate": accuracy(p.y_true, p.score), "method": "apparent: not a validation"}
    return pd.DataFrame(rows).assign(n=p.n, n_events=p.n_events)


def _validated(model: Modelled, p: Predictions, options: Options, seed: int) -> pd.DataFrame:
    held_out = p.source == "out-of-fold"
    if held_out:
        table = _cross_validated(model)
    else:
        table = performance(p, confidence_level=options.confidence_level, random_state=seed).drop(columns="model")
    if p.survival:
        return table
    once = by_patient(p)
    cut = _at_threshold(once, model.frozen.threshold, options.confidence_level)
    note = f"wilson; {AVERAGED}; threshold chosen on these scores: optimistic" if held_out else TRAINED
    return pd.concat([table, cut.assign(method=note, n=once.n, n_events=once.n_events)], ignore_index=True)


AVERAGED = "mean score of a patient over the repeats"
TRAINED = "wilson; threshold from training"


def _cross_validated(model: Modelled) -> pd.DataFrame:
    """Return the summary of the cross-validation; by centre without what pools the scores of several centres."""
    table = model.cv.summary.copy()
    table["method"] = table["method"].replace(
        "pooled within repeat, no interval", "folds pooled in each repeat, mean over repeats; no interval"
    )
    if not model.by_center:
        return table
    table = table[~table["metric"].isin(["auc_pooled", "c_index_pooled", "r2"])].reset_index(drop=True)
    if model.cv.predictions.survival:
        slope = table["metric"] == "calibration_slope"
        table.loc[slope, ["estimate", "method"]] = [slope_within(model.cv.predictions), WITHIN]
    return table


def _with_calibration(table: pd.DataFrame, calibration: pd.Series) -> pd.DataFrame:
    table = table.copy()
    for metric, name in (("calibration_intercept", "intercept"), ("calibration_slope", "slope")):
        row = table["metric"] == metric
        columns = (name, f"{name}_ci_low", f"{name}_ci_high")
        table.loc[row, ["estimate", "ci_low", "ci_high"]] = [float(calibration.get(c, np.nan)) for c in columns]
        table.loc[row, "method"] = calibration["method"]
    return table


def _at_threshold(p: Predictions, threshold: float, confidence_level: float) -> pd.DataFrame:
    table = stats.threshold_metrics(p.y_true, p.probability, threshold, confidence_level=confidence_level)
    chosen = table.loc[[m for m in AT_THRESHOLD if m in table.index], ["estimate", "ci_low", "ci_high"]]
    return chosen.rename_axis("metric").reset_index().assign(threshold=threshold)


def _corrected(model: Modelled) -> pd.DataFrame:
    """Return the corrected indices: by .632+ where it is defined, since Harrell's way fails where features are many."""
    table = model.optimism[["metric", "corrected", "corrected_632plus", "ci_low", "ci_high"]]
    known = table["corrected_632plus"].notna()
    resamples = f"{int(model.optimism['n_bootstraps'].max())} resamples"
    train = model.predictions["training", "train"]
    return pd.DataFrame(
        {
            "metric": table["metric"],
            "estimate": table["corrected_632plus"].where(known, table["corrected"]),
            "ci_low": table["ci_low"],
            "ci_high": table["ci_high"],
            "method": np.where(known, f"bootstrap .632+, {resamples}", f"bootstrap optimism, {resamples}"),
            "model": model.name,
            "cohort": "training",
            "source": "optimism-corrected",
            "n": train.n,
            "n_events": train.n_events,
        }
    )


def _prevalence(endpoint: Endpoint) -> pd.DataFrame:
    """Return the model that knows only how common the outcome was in training."""
    rows = []
    reference = endpoint.models[0]
    share = float(reference.predictions["training", "train"].y_true.mean())
    for cohort in endpoint.cohorts():
        p = by_patient(reference.honest(cohort))
        brier = float(np.mean((share - p.y_true) ** 2))
        for metric, value in (("auc", 0.5), ("brier", brier)):
            rows.append(
                {"model": f"prevalence{endpoint.suffix}", "cohort": cohort,
                 "source": SOURCE_OF[cohort], "metric": metric,
                 "estimate": value, "method": "constant probability", "n": p.n, "n_events": p.n_events}
            )  # fmt: skip
    return pd.DataFrame(rows)


UNTESTED = ("difference", "se", "ci_low", "ci_high", "statistic", "p_value", "p_adjusted")


def comparison_table(endpoint: Endpoint, options: Options) -> pd.DataFrame:
    """Each pair of models in each cohort."""
    if len(endpoint.models) < 2:
        return pd.DataFrame()
    parts = []
    for cohort in endpoint.cohorts():
        table = compare_models(
            {m.name: m.honest(cohort) for m in endpoint.models}, confidence_level=options.confidence_level
        )
        unknown = table[list(table.columns[:5])].isna().any(axis="columns")
        # Without both estimates there is no difference, and no test of it.
        table.loc[unknown, list(UNTESTED)] = np.nan
        parts.append(table.assign(cohort=cohort, source=SOURCE_OF[cohort]))
    table = pd.concat(parts, ignore_index=True)
    return table[["cohort", "source", *[c for c in table.columns if c not in ("cohort", "source")]]]


def corrected_curves(endpoint: Endpoint) -> pd.DataFrame:
    """Calibration curves in training, apparent and corrected for optimism."""
    parts = [m.calibration.assign(model=m.name) for m in endpoint.models if len(m.calibration)]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    return table[["model", *[c for c in table.columns if c != "model"]]]


def decision_table(endpoint: Endpoint) -> pd.DataFrame:
    """Net benefit in each cohort, over thresholds that its prevalence makes plausible."""
    parts = []
    for cohort in endpoint.cohorts():
        table = net_benefit({m.name: m.honest(cohort) for m in endpoint.models})
        table.insert(0, "cohort", cohort)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def benefit_difference(endpoint: Endpoint, options: Options, seed: int) -> pd.DataFrame:
    """Return the gain in net benefit of the main model over the clinical one, in patients that were held out."""
    main, baseline = endpoint.main, endpoint.of_kind("clinical")
    held_out = [c for c in endpoint.cohorts() if c != "training"]
    if baseline is None or baseline is main or not held_out:
        return pd.DataFrame()
    parts = []
    for cohort in held_out:
        p, q = main.honest(cohort), baseline.honest(cohort)
        table = stats.decision_curve_difference(
            p.y_true,
            pd.DataFrame({main.name: p.probability, baseline.name: q.probability}),
            thresholds=threshold_range(float(p.y_true.mean()), 9),
            n_bootstraps=200,
            confidence_level=options.confidence_level,
            random_state=seed,
        )
        parts.append(table.assign(cohort=cohort))
    table = pd.concat(parts, ignore_index=True)
    return table[["cohort", *[c for c in table.columns if c != "cohort"]]]


def optimism_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return apparent and corrected accuracy of each whole pipeline."""
    parts = [m.optimism.assign(model=m.name) for m in endpoint.models if len(m.optimism)]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    return table[["model", *[c for c in table.columns if c != "model"]]]


def prediction_table(endpoint: Endpoint) -> pd.DataFrame:
    """All predictions: frozen ones of every cohort, out-of-fold ones of training (every repeat)."""
    parts = []
    for model in endpoint.models:
        for (cohort, source), predictions in model.predictions.items():
            p = predictions
            table = p.to_frame().assign(cohort=cohort, model=model.name)
            if source != "out-of-fold":
                table[["repeat", "fold"]] = np.nan
                table = table.join(model.flags[source], on="case_id")
            threshold = model.frozen.cut if endpoint.survival else model.frozen.threshold
            table["threshold"] = threshold
            score = table["case_id"].map(dict(zip(*_placed(p), strict=True)))
            high = score > threshold if endpoint.survival else score >= threshold
            table["risk_group"] = np.where(high, "high", "low")
            parts.append(table)
    table = pd.concat(parts, ignore_index=True)
    first = ["case_id", "group", "cohort", "source", "model"]
    return table[[*first, *[c for c in table.columns if c not in first]]]


def _placed(p: Predictions) -> tuple[list[Any], list[float]]:
    """Return the patients and the score by which each is placed: the mean over the repeats."""
    once = by_patient(p)
    return once.ids.tolist(), once.score.tolist()
