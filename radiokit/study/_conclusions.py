"""What this study can show and what it cannot: the claims a paper would like to make, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from radiokit.study._deep import is_deep
from radiokit.study._endpoint import Endpoint
from radiokit.study._split import SOURCE_OF

YES, NO, UNKNOWN = "supported", "not supported", "cannot be judged"
COLUMNS = ("model", "claim", "verdict", "reason")
ENOUGH = 100  # events, and patients without, below which calibration cannot be judged
PER_FEATURE = 10
OFTEN = 0.8
PRECISE = 0.2
POWER = 0.8
METRIC = {"auc": "AUC", "c_index": "C-index"}


def conclusions(endpoints: list[Endpoint], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row a claim: the model, the claim, the verdict and the reason in numbers.

    Verdicts are rules, and all of them are in this file: an interval above 0.5, a paired test adjusted for the number
    of comparisons, 100 events and 100 patients without for calibration (Collins et al. 2016, doi 10.1002/sim.6787), of
    which slope and observed to expected events are between 0.8 and 1.25 and not shown to differ from 1, 10 events a
    candidate, features chosen in 8 of 10 subsamples. "Not supported" says that these data do not show it, and
    never that it is wrong.
    """
    rows = [row for endpoint in endpoints if endpoint.models for row in _claims(endpoint, tables)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _claims(endpoint: Endpoint, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str, str, str]]:
    main = endpoint.models[-1].name
    cohort = next(c for c in ("external", "test", "training") if c in endpoint.cohorts())
    metric = "c_index" if endpoint.survival else "auc"
    performance = tables["performance"]
    rows = performance[(performance["model"] == main) & (performance["source"] == SOURCE_OF[cohort])]
    row = rows[rows["metric"] == metric].iloc[0]
    yield (main, *_chance(row, metric, cohort))
    for baseline in ("clinical", "volume"):
        yield from ((main, *found) for found in _better(endpoint, tables, main, baseline, cohort))
    yield (main, *_elsewhere(tables, main, metric))
    if not endpoint.survival:
        yield (main, *_probabilities(tables, main, cohort, row))
        yield from ((main, *found) for found in _threshold(rows))
    yield from ((main, *found) for found in _features(endpoint, tables))
    yield (main, *(_precision(row) if endpoint.survival else _size(int(row["n_events"]), int(row["n"]))))


def _interval(row: pd.Series) -> str:
    return f"{row['estimate']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"


def _chance(row: pd.Series, metric: str, cohort: str) -> tuple[str, str, str]:
    claim = "It separates patients better than chance"
    reason = f"{METRIC[metric]} {_interval(row)}, {cohort}, {int(row['n_events'])} events in {int(row['n'])} patients"
    if not np.isfinite([row["ci_low"], row["ci_high"]]).all():
        return claim, UNKNOWN, f"{METRIC[metric]} without an interval, {cohort}"
    return claim, YES if row["ci_low"] > 0.5 else NO, reason


def _better(
    endpoint: Endpoint, tables: Mapping[str, pd.DataFrame], main: str, baseline: str, cohort: str
) -> Iterator[tuple[str, str, str]]:
    other = f"{baseline}{endpoint.suffix}"
    claim = f"It is better than the {baseline} model"
    names = {m.name for m in endpoint.models}
    if other == main:
        return
    if other not in names:
        yield claim, UNKNOWN, f"there is no {baseline} model"
        return
    tests = tables.get("concordance_comparison" if endpoint.survival else "delong", pd.DataFrame())
    both = tests[["model_a", "model_b"]].isin([main, other]).all(axis=1)
    pair = tests[both & (tests["cohort"] == cohort)]
    if pair.empty or not np.isfinite(pair["p_adjusted"].iloc[0]):
        yield claim, UNKNOWN, "the difference could not be tested"
        return
    test = pair.iloc[0]
    sign = 1 if test["model_a"] == main else -1
    low, high = sorted((sign * test["ci_low"], sign * test["ci_high"]))
    p = "< 0.001" if test["p_adjusted"] < 0.001 else f"= {test['p_adjusted']:.3f}"
    reason = f"difference {sign * test['difference']:.2f} ({low:.2f} to {high:.2f}), adjusted p {p}, {cohort}"
    yield claim, YES if sign * test["difference"] > 0 and test["p_adjusted"] < 0.05 else NO, reason


def _elsewhere(tables: Mapping[str, pd.DataFrame], main: str, metric: str) -> tuple[str, str, str]:
    claim = "It holds in other centres"
    table = tables["performance"]
    found = table[(table["model"] == main) & (table["source"] == "external") & (table["metric"] == metric)]
    if found.empty:
        return claim, UNKNOWN, "no patients of centres that gave none to training"
    row = found.iloc[0]
    return claim, YES if row["ci_low"] > 0.5 else NO, f"{METRIC[metric]} {_interval(row)} in external patients"


def _probabilities(tables: Mapping[str, pd.DataFrame], main: str, cohort: str, row: pd.Series) -> tuple[str, str, str]:
    claim = "Its probabilities can be taken at their word"
    events, others = int(row["n_events"]), int(row["n"] - row["n_events"])
    if min(events, others) < ENOUGH:
        return claim, UNKNOWN, f"{events} events and {others} patients without; about {ENOUGH} of each are needed"
    table = tables["calibration"]
    table = table[(table["model"] == main) & (table["cohort"] == cohort)]
    values = [float(table[c].iloc[0]) if c in table else np.nan for c in (*_SLOPE, *_LEVEL)]
    if not np.isfinite(values).all():
        return claim, UNKNOWN, "the calibration slope and level could not be estimated"
    slope, low, high, ratio, least, most = values
    right = low <= 1 <= high and least <= 0 <= most and all(0.8 <= v <= 1.25 for v in (slope, ratio))
    reason = f"calibration slope {slope:.2f} ({low:.2f} to {high:.2f}), {ratio:.2f} times the expected events"
    return claim, YES if right else NO, reason


_SLOPE = ("slope", "slope_ci_low", "slope_ci_high")
_LEVEL = ("o_e", "calibration_in_the_large_ci_low", "calibration_in_the_large_ci_high")


def _threshold(rows: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    found = rows[rows["metric"].isin(["sensitivity", "specificity"])].dropna(subset=["ci_low", "ci_high"])
    if len(found) < 2:
        return
    width = float((found["ci_high"] - found["ci_low"]).max())
    said = ", ".join(f"{r['metric']} {_interval(r)}" for _, r in found.iterrows())
    chosen = "; chosen on these very scores, so optimistic" if (rows["source"] == "out-of-fold").all() else ""
    verdict = UNKNOWN if width > PRECISE else (NO if chosen else YES)
    yield "Its sensitivity and specificity at the threshold are known", verdict, said + chosen


def _features(endpoint: Endpoint, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str, str]]:
    selected = tables.get("selected", pd.DataFrame())
    names = {m.name for m in endpoint.models}
    if selected.empty or not selected["model"].isin(names).any():
        return
    own = selected[selected["model"].isin(names)]
    claim = "The features it uses are the ones that matter"
    train = endpoint.models[-1].predictions["training", "train"]
    rarer = train.n_events if endpoint.survival else min(train.n_events, train.n - train.n_events)
    signatures = dict(endpoint.models[-1].stack.signatures or {}).values()
    candidates = sum(len(columns) for estimator, columns in signatures if not is_deep(estimator))
    if candidates and len(own) >= candidates:
        # A ridge model: a small weight is a choice too, but none that could be counted.
        yield claim, UNKNOWN, f"the model uses all {candidates} features and chooses none; {rarer} events"
        return
    often = int((own["selection_frequency"] >= OFTEN).sum())
    reason = (
        f"{often} of {len(own)} were chosen in {OFTEN:.0%} of subsamples; {rarer} events for {candidates} candidates"
    )
    if candidates and rarer / candidates < PER_FEATURE:
        yield claim, UNKNOWN, reason
    else:
        yield claim, YES if often == len(own) else NO, reason


MODERATE = "Its size is enough to find a moderate signal (0.70)"


def _size(events: int, n: int) -> tuple[str, str, str]:
    """Say from which AUC on a study of this size has a fair chance to exclude 0.5."""
    least = detectable_auc(events, n - events)
    if not np.isfinite(least):
        return MODERATE, UNKNOWN, "too few patients of one outcome"
    reason = (
        f"with {events} events and {n - events} patients without, a true AUC of {least:.2f} or more is found in "
        f"{POWER:.0%} of such studies"
    )
    return MODERATE, YES if least <= 0.7 else NO, reason


def _precision(row: pd.Series) -> tuple[str, str, str]:
    """Say the same of the C-index: patients with an event are pairs too, so the interval tells it, and no count."""
    half = float(row["ci_high"] - row["ci_low"]) / 2
    if not np.isfinite(half):
        return MODERATE, UNKNOWN, "C-index without an interval"
    least = 0.5 + half * (1 + norm.ppf(POWER) / norm.ppf(0.975))
    reason = (
        f"{int(row['n_events'])} events in {int(row['n'])} patients tell the C-index to ± {half:.2f}; a true C-index "
        f"of {least:.2f} or more is found in {POWER:.0%} of such studies"
    )
    return MODERATE, YES if least <= 0.7 else NO, reason


def detectable_auc(events: int, others: int, power: float = POWER) -> float:
    """Return the least AUC whose 95 % interval excludes 0.5 with this power.

    Standard errors by Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    if min(events, others) < 2:
        return float("nan")

    def excess(area: float) -> float:
        return area - 0.5 - (norm.ppf(0.975) + norm.ppf(power)) * hanley_se(area, events, others)

    return float(brentq(excess, 0.5, 1 - 1e-9)) if excess(1 - 1e-9) > 0 else float("nan")


def hanley_se(area: float, events: int, others: int) -> float:
    """Return the standard error of an AUC by Hanley and McNeil's formula."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    top = area * (1 - area) + (events - 1) * (q1 - area**2) + (others - 1) * (q2 - area**2)
    return float(np.sqrt(top / (events * others)))
