"""What a study of survival shows besides its C-index: risk groups, follow-up, predicted survival at the horizon."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit import stats
from radiokit.engine.baseline import Baseline
from radiokit.exceptions import RadiokitError, RadiokitWarning
from radiokit.study._calibration import POOLED as POOLED_EACH
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._options import Options
from radiokit.study._over_repeats import by_patient, mean_over_repeats
from radiokit.study._tables import joined
from radiokit.survival import CoxModel
from radiokit.utils import drop_warnings
from radiokit.validation import Predictions, logrank_within_folds, time_auc_within_folds
from radiokit.validation.evaluation import threshold_range
from radiokit.validation.evidence import CalibrationEvidence

LIMITS = ("se", "ci_low", "ci_high")
POOLED = "folds pooled; no interval"  # of groups that overlapping models made
WITHIN = "within folds, corrected for shared training cases"
FROZEN = "frozen model"


def survival_tables(endpoint: Endpoint, options: Options) -> tuple[dict[str, pd.DataFrame], list[CalibrationEvidence]]:
    """Return all tables of the risk groups and of the predicted survival, by name, and whether its level is right.

    Out-of-fold risks come from several models that share patients: the log-rank test and the AUC at the horizon are
    taken within folds, with a variance that counts what the models share; other estimates have no interval. Survival is
    read from the baseline of the frozen model.
    """
    level = options.confidence_level
    parts: dict[str, list[pd.DataFrame]] = {}
    calibrations = []
    for model, labels, p in endpoint.judged():
        tables = _of_cohort(model, p, options)
        judge = partial(accuracy, baseline=baseline_of(model), horizon=model.frozen.horizon[0], level=level)
        tables["survival_accuracy"] = mean_over_repeats(p, judge)
        calibrations.append(_level(labels, tables["survival_accuracy"].iloc[0]))
        for name, table in tables.items():
            parts.setdefault(name, []).append(table.assign(**labels))
    found = {name: joined(own, "model", "cohort", "source") for name, own in parts.items()}
    found["follow_up"] = follow_up_table(endpoint, level)
    found["baseline_survival"] = joined(
        (baseline_of(m).table().drop(columns="stratum").assign(model=m.name) for m in endpoint.models), "model"
    )
    found["decision_curve_survival"] = decision_table(endpoint, level)
    return found, calibrations


def baseline_of(model: Modelled) -> Baseline:
    """Return the one baseline hazard of a model of survival."""
    if model.baseline is None:
        raise ValueError(f"{model.name} is not a model of survival")
    return model.baseline


def _level(labels: dict[str, str], row: pd.Series) -> CalibrationEvidence:
    """Return whether as many events are observed as predicted; its limits as logarithms of the ratio."""
    ratio, low, high = (float(row[f"o_e{end}"]) for end in ("", "_ci_low", "_ci_high"))
    with np.errstate(divide="ignore"):  # no event in the lower limit
        limits = np.log([low, high]).tolist()
    size = (int(row["n"]), int(row["n_events"]))
    return CalibrationEvidence(labels["model"], labels["cohort"], labels["source"], *size, ratio, *limits)


def _of_cohort(model: Modelled, p: Predictions, options: Options) -> dict[str, pd.DataFrame]:
    once, level = by_patient(p), options.confidence_level
    (horizon,) = model.frozen.horizon
    group = np.where(once.risk > model.frozen.cut, "high", "low")
    predicted = baseline_of(model).survival(once.risk, [horizon])[:, 0]
    tables = {
        "kaplan_meier": stats.kaplan_meier(once.y_true, groups=group, confidence_level=level),
        "risk_groups": risk_groups(once.y_true, group, horizon, level),
        "survival_calibration": calibration_groups(once.y_true, predicted, horizon, level),
    }
    several = p.source == "out-of-fold"
    if several:
        tables = {name: _without_limits(table) for name, table in tables.items()}
    return tables | {
        "logrank": pd.DataFrame([_logrank(p, once, group, model.frozen.cut)]),
        "hazard_ratio": pd.DataFrame([hazard_ratio(once.y_true, group, level, tested=not several)]),
        "time_auc": _time_auc(p, horizon, level),
    }


def _without_limits(table: pd.DataFrame) -> pd.DataFrame:
    limits = [c for c in table.columns if c.endswith(LIMITS)]
    return table.assign(**dict.fromkeys(limits, np.nan))


def _logrank(p: Predictions, once: Predictions, group: NDArray[Any], cut: float) -> dict[str, Any]:
    """Log-rank test of the risk groups; within folds, each row by the model of its fold, where models are several."""
    row = {"threshold": cut, "n_low": int((group == "low").sum()), "n_high": int((group == "high").sum())}
    nothing = {"statistic": np.nan, "df": np.nan, "p_value": np.nan}
    if min(row["n_low"], row["n_high"]) == 0 or not p.events.any():
        return row | nothing | {"method": "one group only, or no event"}
    try:
        if p.source == "out-of-fold":
            test, method = logrank_within_folds(p, p.risk > cut), WITHIN
        else:
            test, method = stats.logrank_test(once.y_true, group), "log-rank"
    except RadiokitError:  # copies of a patient, or one group in every fold
        return row | nothing | {"method": "not testable within folds"}
    return row | {"statistic": test.statistic, "df": test.df, "p_value": test.p_value, "method": method}


def hazard_ratio(y: NDArray[np.void], group: NDArray[Any], level: float, *, tested: bool) -> dict[str, Any]:
    """Hazard of the high-risk group against that of the low-risk group: Cox's model with nothing else, Efron's ties."""
    high = group == "high"
    events = {"events_low": int(y["event"][~high].sum()), "events_high": int(y["event"][high].sum())}
    row: dict[str, Any] = {"n_low": int((~high).sum()), "n_high": int(high.sum()), **events}
    unknown = {"hazard_ratio": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    if min(events.values()) == 0:
        return row | unknown | {"method": "a group without events: no ratio"}
    with drop_warnings(RadiokitWarning):
        fitted = CoxModel(confidence_level=level).fit(pd.DataFrame({"high": high.astype(float)}), y).summary_.iloc[0]
    if not np.isfinite(fitted["se"]) or fitted["se"] > 100:
        return row | unknown | {"method": "the groups' follow-up does not overlap: no ratio"}
    found = {k: float(fitted[k]) for k in unknown}
    if not tested:
        return row | found | {"ci_low": np.nan, "ci_high": np.nan, "method": POOLED}
    return row | found | {"method": "Cox, Wald"}


def risk_groups(y: NDArray[np.void], group: NDArray[Any], horizon: float, level: float) -> pd.DataFrame:
    """Patients, events, median survival and survival at the horizon of each risk group, by Kaplan-Meier."""
    rows = []
    for name in ("low", "high"):
        own = y[group == name]
        row: dict[str, Any] = {"group": name, "n": own.size, "n_events": int(own["event"].sum())}
        if own.size:
            middle = stats.median_survival(own, confidence_level=level).iloc[0]
            row |= {"median": middle["median"]} | {f"median_{k}": middle[k] for k in ("ci_low", "ci_high")}
        at = survival_at(own, horizon, level) if own.size else {}
        rows.append(row | {"time": horizon} | {k: at.get(k, np.nan) for k in ("survival", "ci_low", "ci_high")})
    columns = ["group", "n", "n_events", "median", "median_ci_low", "median_ci_high", "time", "survival"]
    return pd.DataFrame(rows).reindex(columns=[*columns, "ci_low", "ci_high"])


def survival_at(y: NDArray[np.void], time: float, level: float) -> dict[str, float]:
    """Kaplan-Meier survival at a time with its interval; nothing where nobody is followed so far."""
    if y["time"].max() < time and not y["event"][y["time"] == y["time"].max()].all():
        return {}
    curve = stats.kaplan_meier(y, confidence_level=level)
    before = curve[curve["time"] <= time]
    if before.empty:
        return {"survival": 1.0, "ci_low": 1.0, "ci_high": 1.0}
    return {k: float(before.iloc[-1][k]) for k in ("survival", "ci_low", "ci_high")}


def follow_up_table(endpoint: Endpoint, level: float) -> pd.DataFrame:
    """Median follow-up of each cohort by reverse Kaplan-Meier: events and censorings exchanged.

    Schemper and Smith 1996, doi 10.1016/0197-2456(96)00075-X.
    """
    rows = []
    for cohort in endpoint.cohorts():
        p = by_patient(endpoint.models[0].honest(cohort))
        reverse = pd.DataFrame({"event": ~p.y_true["event"], "time": p.y_true["time"]})
        found = stats.median_survival(reverse, confidence_level=level).iloc[0]
        limits = {k: found[k] for k in ("ci_low", "ci_high")}
        rows.append(
            {"cohort": cohort, "n": p.n, "n_events": p.n_events, "median_follow_up": found["median"], **limits,
             "shortest": float(p.y_true["time"].min()), "longest": float(p.y_true["time"].max()),
             "method": "reverse Kaplan-Meier"}
        )  # fmt: skip
    return pd.DataFrame(rows).assign(endpoint="survival")


def _time_auc(p: Predictions, time: float, level: float) -> pd.DataFrame:
    before, after = p.events & (p.y_true["time"] <= time), p.y_true["time"] > time
    unknown = pd.DataFrame({"time": [time], "auc": np.nan, "ci_low": np.nan, "ci_high": np.nan})
    if not before.any() or not after.any():
        return unknown.assign(method="nobody on one side of the horizon")
    if p.source != "out-of-fold":
        table = stats.time_auc(p.y_true, p.risk, [time], confidence_level=level)
        return table.assign(method="inverse probability of censoring")
    try:
        return time_auc_within_folds(p, [time], confidence_level=level).assign(method=WITHIN)
    except RadiokitError:  # copies of a patient
        return unknown.assign(method="not estimable within folds")


def calibration_groups(
    y: NDArray[np.void], predicted: NDArray[np.float64], horizon: float, level: float
) -> pd.DataFrame:
    """Predicted survival at the horizon beside Kaplan-Meier's, in groups of about equal size."""
    bins = int(np.clip(y["event"].sum() // 10, 2, 5))
    try:
        table = stats.survival_calibration_table(y, predicted, time=horizon, bins=bins, confidence_level=level)
    except RadiokitError:  # the cohort is not followed to the horizon
        return pd.DataFrame({"time": [horizon], "n": [y.size], "predicted": [float(predicted.mean())]})
    table.insert(0, "time", horizon)
    return table


def accuracy(p: Predictions, baseline: Baseline, horizon: float, level: float) -> pd.DataFrame:
    """Observed over expected events by the horizon, Brier score there, and its mean up to there.

    Observed: 1 - Kaplan-Meier; expected: the mean of 1 - predicted survival, whose uncertainty the interval leaves out.
    The Brier scores are weighted for censoring and stand beside those of Kaplan-Meier for everybody.
    """
    predicted = baseline.survival(p.risk, [horizon])
    row: dict[str, Any] = {"time": horizon, "n": p.n, "n_events": p.n_events}
    observed = survival_at(p.y_true, horizon, level)
    expected = float(np.mean(1 - predicted))
    if observed and expected > 0:
        row |= {"o_e": (1 - observed["survival"]) / expected}
        row |= {"o_e_ci_low": (1 - observed["ci_high"]) / expected, "o_e_ci_high": (1 - observed["ci_low"]) / expected}
    columns = ["time", "n", "n_events", "o_e", "o_e_ci_low", "o_e_ci_high"]
    table = pd.DataFrame([row]).reindex(columns=columns)
    if p.source == "out-of-fold":
        table = _without_limits(table)
    method = POOLED_EACH if p.source == "out-of-fold" else FROZEN
    return table.assign(**_brier(p, baseline, horizon), method=method)


def _brier(p: Predictions, baseline: Baseline, horizon: float) -> dict[str, float]:
    names = ("brier", "brier_null", "brier_scaled", "ibs", "ibs_null", "ibs_scaled")
    if p.y_true["time"].max() < horizon:
        return dict.fromkeys(names, float("nan"))
    own = p.y_true["time"][p.events]
    grid = np.unique(np.concatenate([[0.0], baseline.table()["time"], own, [horizon]]))
    grid = grid[grid <= horizon]
    curve = stats.brier_curve(p.y_true, baseline.survival(p.risk, grid), grid)
    steps = np.diff(grid)
    mean = {k: float((curve[k].to_numpy()[:-1] * steps).sum() / horizon) for k in ("brier", "brier_null")}
    last = curve.iloc[-1]
    values = (last["brier"], last["brier_null"], last["brier_scaled"], mean["brier"], mean["brier_null"])
    scaled = 1 - mean["brier"] / mean["brier_null"] if mean["brier_null"] > 0 else float("nan")
    return dict(zip(names, (*map(float, values), scaled), strict=True))


def decision_table(endpoint: Endpoint, level: float) -> pd.DataFrame:
    """Net benefit of acting on the predicted risk by the horizon, in each cohort; repeats are averaged."""
    parts = []
    (horizon,) = endpoint.models[0].frozen.horizon
    for cohort in endpoint.cohorts():
        first = endpoint.models[0].honest(cohort)
        at = survival_at(by_patient(first).y_true, horizon, level)
        if not at or at["survival"] in (0.0, 1.0):
            continue
        grid = threshold_range(1 - at["survival"])
        try:
            table = mean_over_repeats(first, partial(_net_benefit, endpoint=endpoint, cohort=cohort, thresholds=grid))
        except RadiokitError:  # the horizon lies beyond the follow-up
            continue
        parts.append(table.assign(cohort=cohort, time=horizon))
    return joined(parts, "cohort", "time")


def _net_benefit(own: Predictions, *, endpoint: Endpoint, cohort: str, thresholds: NDArray[np.float64]) -> pd.DataFrame:
    """Decision curves of all models in one repeat of a cohort."""
    risks = {}
    for model in endpoint.models:
        p = model.honest(cohort)
        (horizon,) = model.frozen.horizon
        risks[model.name] = 1 - baseline_of(model).survival(p.risk[p.repeat == own.repeat[0]], [horizon])[:, 0]
    return stats.decision_curve(own.y_true, pd.DataFrame(risks), thresholds=thresholds, time=horizon)
