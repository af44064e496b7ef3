"""What this study can show and what it cannot: the claims a paper would like to make, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiokit.study._detectable import POWER, detectable_auc, detectable_concordance
from radiokit.study._endpoint import Data, Endpoint, Modelled
from radiokit.study._pipelines import describe
from radiokit.study._sample_size import candidate_predictors, rarer_outcome
from radiokit.study._split import SOURCE_OF
from radiokit.study._within_centers import (
    CenterEffect,
    Within,
    can_help,
    center_effect,
    concordance_within,
    difference_within,
)
from radiokit.study.deep import is_deep

YES, NO, UNKNOWN = "supported", "not supported", "cannot be judged"
COLUMNS = ("model", "claim", "verdict", "reason")
ENOUGH = 100  # events, and patients without, below which calibration cannot be judged
PER_FEATURE = 10
OFTEN = 0.8
PRECISE = 0.2
METRIC = {"auc": "AUC", "c_index": "C-index"}

CHANCE = "It separates patients better than chance"
ELSEWHERE = "It holds in other centres"
WORD = "Its probabilities can be taken at their word"
KNOWN = "Its sensitivity and specificity at the threshold are known"
MATTER = "The features it uses are the ones that matter"
MODERATE = "Its size is enough to find a moderate signal (0.70)"

Found = tuple[str, str, str]


@dataclass(frozen=True)
class Case:
    """One outcome's main model before the court: where it is judged, at which level, and what the centre tells."""

    endpoint: Endpoint
    tables: Mapping[str, pd.DataFrame]
    data: Data
    level: float
    effect: CenterEffect

    @property
    def main(self) -> Modelled:
        """The model of all predictors."""
        return self.endpoint.main

    @property
    def metric(self) -> str:
        """What separation is measured by."""
        return "c_index" if self.endpoint.survival else "auc"

    @property
    def cohort(self) -> str:
        """The patients farthest from training."""
        return next(c for c in ("external", "test", "training") if c in self.endpoint.cohorts())

    @property
    def rows(self) -> pd.DataFrame:
        """The model's performance in that cohort."""
        table = self.tables["performance"]
        return table[(table["model"] == self.main.name) & (table["source"] == SOURCE_OF[self.cohort])]

    @property
    def row(self) -> pd.Series:
        """Its AUC or C-index there."""
        return self.rows[self.rows["metric"] == self.metric].iloc[0]


def conclusions(
    endpoints: list[Endpoint], tables: Mapping[str, pd.DataFrame], data: Data, confidence_level: float
) -> pd.DataFrame:
    """Return a row a claim: the model, the claim, the verdict and the reason in numbers.

    Verdicts are rules, and all of them are in this file: an interval above 0.5, a paired test adjusted for the number
    of comparisons, 100 events and 100 patients without for calibration (Collins et al. 2016, doi 10.1002/sim.6787), of
    which slope and observed to expected events are between 0.8 and 1.25 and not shown to differ from 1, 10 events a
    candidate, features chosen in 8 of 10 subsamples. Where the outcome differs between the centres of training, a model
    has to show what it knows within centres. "Not supported" says that these data do not show it, and never that it is
    wrong; what has no estimate or no interval cannot be judged.
    """
    rows = []
    for endpoint in endpoints:
        if endpoint.models:
            case = Case(endpoint, tables, data, confidence_level, center_effect(endpoint, data))
            rows += [(case.main.name, *found) for found in _claims(case)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _claims(case: Case) -> Iterator[Found]:
    yield _chance(case)
    for baseline in ("clinical", "volume"):
        yield from _better(case, baseline)
    yield _elsewhere(case)
    if not case.endpoint.survival:
        yield _probabilities(case)
        yield from _threshold(case.rows)
    yield from _features(case)
    yield _precision(case.row, case.level) if case.endpoint.survival else _size(case.row, case.level)


def _interval(row: pd.Series | Within) -> str:
    values = (
        (row.estimate, row.ci_low, row.ci_high) if isinstance(row, Within) else row[["estimate", "ci_low", "ci_high"]]
    )
    return "{:.2f} ({:.2f} to {:.2f})".format(*values)


def _known(row: pd.Series) -> bool:
    """Whether an estimate has an interval."""
    return bool(np.isfinite(row[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)).all())


def _above(row: pd.Series) -> str:
    """Verdict of an interval against 0.5; without an interval there is none."""
    return UNKNOWN if not _known(row) else YES if row["ci_low"] > 0.5 else NO


def _unjudged(metric: str) -> str:
    return f"{METRIC[metric]} without an interval"


def _chance(case: Case) -> Found:
    row, name = case.row, METRIC[case.metric]
    score = case.main.honest(case.cohort).score
    if np.ptp(score) == 0:
        return CHANCE, NO, f"it predicts the same for every patient, {case.cohort}"
    if not _known(row):
        return CHANCE, UNKNOWN, f"{_unjudged(case.metric)}, {case.cohort}"
    reason = f"{name} {_interval(row)}, {case.cohort}, {int(row['n_events'])} events in {int(row['n'])} patients"
    verdict = _above(row)
    if verdict == YES and _may_be_the_centre(case):
        return CHANCE, *_chance_within(case, reason)
    return CHANCE, verdict, reason


def _may_be_the_centre(case: Case) -> bool:
    """Whether the outcome differs between centres of training, and patients of these centres are judged together."""
    return case.effect.tells and can_help(case.main, case.cohort)


def _chance_within(case: Case, reason: str) -> tuple[str, str]:
    """Judge a model by pairs of patients of one centre: the centre tells the outcome, and the model may know it."""
    assert case.data.center is not None  # who has no centres has no effect of them
    within = concordance_within(case.main, case.cohort, case.data.center, case.level)
    reason += f"; but the outcome differs between centres ({_p(case.effect.p_value)}), so the model may know the centre"
    if within is None:
        return UNKNOWN, f"{reason}: validate by leave_one_center_out"
    reason += f"; within centres {_interval(within)}"
    return (YES if within.ci_low > 0.5 else UNKNOWN), reason


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _better(case: Case, baseline: str) -> Iterator[Found]:
    claim = f"It is better than the {baseline} model"
    others = [m for m in case.endpoint.models if m.kind == baseline]
    if others and others[0] is case.main:
        return
    if not others:
        yield claim, UNKNOWN, f"there is no {baseline} model"
        return
    other = others[0]
    tests = case.tables.get("concordance_comparison" if case.endpoint.survival else "delong", pd.DataFrame())
    both = tests[["model_a", "model_b"]].isin([case.main.name, other.name]).all(axis=1) & (
        tests["cohort"] == case.cohort
    )
    pair = tests[both]
    if pair.empty or not np.isfinite(pair[["difference", "p_adjusted"]].iloc[0].to_numpy(dtype=float)).all():
        yield claim, UNKNOWN, "the difference could not be tested"
        return
    test = pair.iloc[0]
    sign = 1 if test["model_a"] == case.main.name else -1
    low, high = sorted((sign * test["ci_low"], sign * test["ci_high"]))
    difference = sign * float(test["difference"])
    reason = f"difference {difference:.2f} ({low:.2f} to {high:.2f}), adjusted {_p(test['p_adjusted'])}, {case.cohort}"
    verdict = YES if difference > 0 and test["p_adjusted"] < 1 - case.level else NO
    if verdict == YES and _may_be_the_centre(case):
        verdict, reason = _better_within(case, other, reason)
    yield claim, verdict, reason


def _better_within(case: Case, other: Modelled, reason: str) -> tuple[str, str]:
    assert case.data.center is not None
    within = difference_within(case.main, other, case.cohort, case.data.center, case.level)
    reason += f"; but the outcome differs between centres ({_p(case.effect.p_value)})"
    if within is None:
        return UNKNOWN, f"{reason}: validate by leave_one_center_out"
    return (YES if within.ci_low > 0 else UNKNOWN), f"{reason}; within centres {_interval(within)}"


def _elsewhere(case: Case) -> Found:
    table = case.tables["performance"]
    of_main = (table["model"] == case.main.name) & (table["metric"] == case.metric)
    found = table[of_main & (table["source"] == "external")]
    if found.empty:
        return ELSEWHERE, UNKNOWN, "no patients of centres that gave none to training"
    row = found.iloc[0]
    if not _known(row):
        return ELSEWHERE, UNKNOWN, f"{_unjudged(case.metric)} in external patients"
    return ELSEWHERE, _above(row), f"{METRIC[case.metric]} {_interval(row)} in external patients"


_SLOPE = ("slope", "slope_ci_low", "slope_ci_high")
_LEVEL = ("o_e", "calibration_in_the_large_ci_low", "calibration_in_the_large_ci_high")


def _probabilities(case: Case) -> Found:
    """Judge calibration in every cohort that was held out: one where it fails is enough to fail."""
    table = case.tables["calibration"]
    own = table[table["model"] == case.main.name]
    held_out = own[own["cohort"] != "training"]
    judged = [_calibrated(row) for _, row in (held_out if len(held_out) else own).iterrows()]
    verdicts = {verdict for verdict, _ in judged}
    verdict = next(v for v in (NO, UNKNOWN, YES) if v in verdicts)
    return WORD, verdict, "; ".join(reason for _, reason in judged)


def _calibrated(row: pd.Series) -> tuple[str, str]:
    events, others = int(row["n_events"]), int(row["n"] - row["n_events"])
    cohort = row["cohort"]
    if min(events, others) < ENOUGH:
        reason = f"{events} events and {others} patients without, {cohort}; about {ENOUGH} of each are needed"
        return UNKNOWN, reason
    values = [float(row.get(c, np.nan)) for c in (*_SLOPE, *_LEVEL)]
    if not np.isfinite(values).all():
        return UNKNOWN, f"slope and level have no interval that is known to hold, {cohort}"
    slope, low, high, ratio, least, most = values
    right = low <= 1 <= high and least <= 0 <= most and all(0.8 <= v <= 1.25 for v in (slope, ratio))
    reason = f"calibration slope {slope:.2f} ({low:.2f} to {high:.2f}), {ratio:.2f} times the expected events, {cohort}"
    return (YES if right else NO), reason


def _threshold(rows: pd.DataFrame) -> Iterator[Found]:
    found = rows[rows["metric"].isin(["sensitivity", "specificity"])].dropna(subset=["ci_low", "ci_high"])
    if len(found) < 2:
        return
    width = float((found["ci_high"] - found["ci_low"]).max())
    said = ", ".join(f"{r['metric']} {_interval(r)}" for _, r in found.iterrows())
    if float(found["estimate"].sum()) <= 1:
        yield KNOWN, NO, f"{said}; together no more than 1, which a coin reaches: the threshold tells nothing"
        return
    chosen = "; chosen on these very scores, so optimistic" if (rows["source"] == "out-of-fold").all() else ""
    verdict = UNKNOWN if width > PRECISE else (NO if chosen else YES)
    yield KNOWN, verdict, said + chosen


def _features(case: Case) -> Iterator[Found]:
    """Judge the features of the main model itself, which has fitted its signatures anew."""
    selected = case.tables.get("selected", pd.DataFrame())
    own = selected[selected["model"] == case.main.name] if len(selected) else selected
    if own.empty:
        return
    rarer, candidates = rarer_outcome(case.endpoint, case.data), candidate_predictors(case.endpoint, case.data)
    signatures = [v for v in dict(case.main.stack.signatures or {}).values() if not is_deep(v[0])]
    if not any(chooses(estimator) for estimator, _ in signatures):
        # A ridge model: a small weight is a choice too, but none that could be counted.
        offered = sum(len(columns) for _, columns in signatures)
        used = f"all {offered}" if len(own) >= offered else f"{len(own)} of {offered}"
        yield MATTER, UNKNOWN, f"the model uses {used} features and chooses none; {rarer} events"
        return
    often = int((own["selection_frequency"] >= OFTEN).sum())
    reason = (
        f"{often} of {len(own)} were chosen in {OFTEN:.0%} of subsamples; {rarer} events for {candidates} candidate "
        "predictors"
    )
    if rarer < PER_FEATURE * candidates:
        yield MATTER, UNKNOWN, reason
    else:
        yield MATTER, YES if often == len(own) else NO, reason


def chooses(estimator: object) -> bool:
    """Whether a pipeline looks at the outcome, or at other features, to leave features out."""
    facts = describe(estimator)
    return facts.selects or len(facts.reduces) > 1


def _size(row: pd.Series, level: float) -> Found:
    """Say from which AUC on a study of this size has a fair chance to exclude 0.5."""
    events, n = int(row["n_events"]), int(row["n"])
    least = detectable_auc(events, n - events, level)
    if not np.isfinite(least):
        return MODERATE, UNKNOWN, "too few patients of one outcome"
    reason = (
        f"with {events} events and {n - events} patients without, a true AUC of {least:.2f} or more is found in "
        f"{POWER:.0%} of such studies"
    )
    return MODERATE, YES if least <= 0.7 else NO, reason


def _precision(row: pd.Series, level: float) -> Found:
    """Say the same of the C-index: patients with an event are pairs too, so the interval tells it, and no count."""
    half = float(row["ci_high"] - row["ci_low"]) / 2
    if not np.isfinite(half):
        return MODERATE, UNKNOWN, _unjudged("c_index")
    least = detectable_concordance(half, level)
    reason = (
        f"{int(row['n_events'])} events in {int(row['n'])} patients tell the C-index to ± {half:.2f}; a true C-index "
        f"of {least:.2f} or more is found in {POWER:.0%} of such studies"
    )
    return MODERATE, YES if least <= 0.7 else NO, reason
