"""How good each model is in each cohort, how models differ, and what decisions by them gain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from radiokit import stats
from radiokit.study._calibration import POOLED, WITHIN, Calibrated
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._options import Options
from radiokit.study._over_repeats import by_patient
from radiokit.study._split import SOURCE_OF
from radiokit.study._tables import joined
from radiokit.validation import Predictions, compare_models, net_benefit, performance
from radiokit.validation.evaluation import threshold_range
from radiokit.validation.evidence import Comparison, Evidence, evidence_of
from radiokit.validation.metrics import accuracy, metric_names

PERFORMANCE = (
    "model", "cohort", "source", "metric", "estimate", "ci_low", "ci_high", "method", "n", "n_events", "threshold",
)  # fmt: skip
AT_THRESHOLD = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "mcc")
AVERAGED = "Wilson's interval; mean score of a patient over the repeats; threshold chosen on these scores: optimistic"
TRAINED = "Wilson's interval; threshold from training"
# Methods of `nested_cv` and `leave_one_center_out` in the words of this study's tables.
IN_FULL = {
    "pooled within repeat, no interval": POOLED,
    "one slope, a level for each centre, no interval": WITHIN,
}
FROM_CALIBRATION = {"calibration_intercept": "intercept", "calibration_slope": "slope"}


def performance_evidence(
    endpoint: Endpoint, options: Options, seed: int, calibrations: Sequence[Calibrated]
) -> Iterator[Evidence]:
    """Yield every index of every model in every cohort, with its interval and how that was made.

    Calibration slope and intercept are those of the table `calibration`, so that each has one interval.
    """
    level = options.confidence_level
    calibrated = {(c.model, c.source): c for c in calibrations}
    for model in endpoint.models:
        for (cohort, source), predictions in model.predictions.items():
            labels = {"model": model.name, "cohort": cohort, "source": source}
            if source == "train":
                yield from evidence_of(_apparent(predictions), level, **labels)
                continue
            own = calibrated.get((model.name, source))
            found = evidence_of(_validated(model, predictions, level, seed), level, **labels)
            yield from found if own is None else (_with_calibration(e, own) for e in found)
            if not endpoint.survival:
                yield from _at_threshold(model, predictions, level, labels)
        yield from evidence_of(_corrected(model), level, model=model.name)
    if not endpoint.survival:
        yield from _prevalence(endpoint, level)


def _apparent(p: Predictions) -> pd.DataFrame:
    names = metric_names(p.survival)
    rows = {"metric": names, "estimate": accuracy(p.y_true, p.score), "method": "apparent: not a validation"}
    return pd.DataFrame(rows).assign(n=p.n, n_events=p.n_events)


def _validated(model: Modelled, p: Predictions, level: float, seed: int) -> pd.DataFrame:
    if p.source == "out-of-fold":
        return model.cv.summary.replace({"method": IN_FULL})
    return performance(p, confidence_level=level, random_state=seed)


def _with_calibration(found: Evidence, calibrated: Calibrated) -> Evidence:
    if found.metric not in FROM_CALIBRATION:
        return found
    estimate, low, high = calibrated.estimate(FROM_CALIBRATION[found.metric])
    return replace(found, estimate=estimate, ci_low=low, ci_high=high, method=calibrated.method)


def _at_threshold(model: Modelled, p: Predictions, level: float, labels: dict[str, str]) -> list[Evidence]:
    """Return sensitivity, specificity and the like at the model's threshold; each patient counts once."""
    once, threshold = by_patient(p), model.frozen.threshold
    table = stats.threshold_metrics(once.y_true, once.probability, threshold, confidence_level=level)
    chosen = table.loc[[m for m in AT_THRESHOLD if m in table.index], ["estimate", "ci_low", "ci_high"]]
    rows = chosen.rename_axis("metric").reset_index().assign(n=once.n, n_events=once.n_events)
    reused = p.source == "out-of-fold"
    how: dict[str, Any] = {"method": AVERAGED if reused else TRAINED, "threshold_reused": reused}
    return evidence_of(rows, level, **labels, **how, threshold=threshold)


def _corrected(model: Modelled) -> pd.DataFrame:
    """Return the corrected indices: by .632+ where it is defined, since Harrell's way fails where features are many."""
    if model.optimism.empty:
        return model.optimism
    known = model.optimism["corrected_632plus"].notna()
    resamples = f"{int(model.optimism['n_bootstraps'].max())} resamples"
    train = model.predictions["training", "train"]
    return model.optimism[["metric", "ci_low", "ci_high"]].assign(
        estimate=model.optimism["corrected_632plus"].where(known, model.optimism["corrected"]),
        method=np.where(known, f"bootstrap .632+, {resamples}", f"bootstrap optimism, {resamples}"),
        cohort="training",
        source="optimism-corrected",
        n=train.n,
        n_events=train.n_events,
    )


def _prevalence(endpoint: Endpoint, level: float) -> Iterator[Evidence]:
    """Yield the evidence for the model that knows only how common the outcome was in training."""
    reference = endpoint.models[0]
    share = float(reference.predictions["training", "train"].y_true.mean())
    for cohort in endpoint.cohorts():
        p = by_patient(reference.honest(cohort))
        brier = float(np.mean((share - p.y_true) ** 2))
        rows = pd.DataFrame({"metric": ["auc", "brier"], "estimate": [0.5, brier], "method": "constant probability"})
        labels = {"model": f"prevalence{endpoint.suffix}", "cohort": cohort, "source": SOURCE_OF[cohort]}
        yield from evidence_of(rows.assign(n=p.n, n_events=p.n_events), level, **labels)


UNTESTED = ("difference", "se", "ci_low", "ci_high", "statistic", "p_value", "p_adjusted")


def comparison_table(endpoint: Endpoint, options: Options) -> pd.DataFrame:
    """Return each pair of models in each cohort."""
    if len(endpoint.models) < 2:
        return pd.DataFrame()
    parts = []
    for cohort in endpoint.cohorts():
        table = compare_models(
            {m.name: m.honest(cohort) for m in endpoint.models}, confidence_level=options.confidence_level
        )
        unknown = table[[f"{endpoint.metric}_a", f"{endpoint.metric}_b", "difference"]].isna().any(axis="columns")
        # Without both estimates there is no difference, and no test of it.
        table.loc[unknown, list(UNTESTED)] = np.nan
        parts.append(table.assign(cohort=cohort, source=SOURCE_OF[cohort]))
    return joined(parts, "cohort", "source")


def comparisons_of(table: pd.DataFrame) -> list[Comparison]:
    """Return the pairs of a table of comparisons as objects."""
    names = [f.name for f in fields(Comparison)]
    return [Comparison(**{name: row[name] for name in names}) for row in table.to_dict("records")]


def corrected_curves(endpoint: Endpoint) -> pd.DataFrame:
    """Return the calibration curves in training, apparent and corrected for optimism."""
    return joined([m.calibration.assign(model=m.name) for m in endpoint.models], "model")


def decision_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return the net benefit in each cohort, over thresholds that its prevalence makes plausible."""
    parts = [
        net_benefit({m.name: m.honest(cohort) for m in endpoint.models}).assign(cohort=cohort)
        for cohort in endpoint.cohorts()
    ]
    return joined(parts, "cohort")


def benefit_difference(endpoint: Endpoint, options: Options, seed: int) -> pd.DataFrame:
    """Return the gain in net benefit of the main model over the clinical one, in patients who were held out."""
    main, baseline = endpoint.main, endpoint.of_kind("clinical")
    if baseline is None:
        return pd.DataFrame()
    parts = []
    for cohort in endpoint.cohorts():
        if cohort == "training":
            continue
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
    return joined(parts, "cohort")


def optimism_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return the apparent and the corrected accuracy of each whole pipeline."""
    return joined([m.optimism.assign(model=m.name) for m in endpoint.models], "model")


def prediction_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return all predictions: of every cohort by the frozen model, and out-of-fold in training (every repeat)."""
    parts = []
    for model in endpoint.models:
        for (cohort, source), p in model.predictions.items():
            table = p.to_frame().assign(cohort=cohort, model=model.name)
            if source != "out-of-fold":
                table[["repeat", "fold"]] = np.nan
                table = table.join(model.flags[source], on="case_id")
            threshold = model.frozen.cut if endpoint.survival else model.frozen.threshold
            table["threshold"] = threshold
            once = by_patient(p)  # a patient is in one risk group: that of the mean over the repeats
            score = table["case_id"].map(dict(zip(once.ids.tolist(), once.score.tolist(), strict=True)))
            high = score > threshold if endpoint.survival else score >= threshold
            table["risk_group"] = np.where(high, "high", "low")
            parts.append(table)
    return joined(parts, "case_id", "group", "cohort", "source", "model")
