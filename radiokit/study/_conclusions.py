"""What this study can show and what it cannot: the claims a paper would like to make, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from radiokit.study._assessment import Assessment
from radiokit.study._detectable import POWER, detectable_auc, detectable_concordance
from radiokit.study._pipelines import describe
from radiokit.study._within_centers import Within, can_help, concordance_within, difference_within
from radiokit.study.deep import is_deep
from radiokit.validation.evidence import CalibrationEvidence, Evidence, ModelKind, Verdict, select

VerdictText = Literal["supported", "not supported", "cannot be judged"]
YES: VerdictText = "supported"
NO: VerdictText = "not supported"
UNKNOWN: VerdictText = "cannot be judged"
BESIDE: tuple[ModelKind, ...] = ("clinical", "volume")  # simple models that the main one has to beat
COLUMNS = ("model", "claim", "verdict", "reason")
ENOUGH = 100  # events, and patients without, below which calibration cannot be judged
PER_FEATURE = 10
OFTEN = 0.8
PRECISE = 0.2
METRIC = {"auc": "AUC", "c_index": "C-index"}

CHANCE = "It separates patients better than chance"
ELSEWHERE = "It holds in other centres"
CALIBRATED = "Its probabilities are well calibrated"
KNOWN = "Its sensitivity and specificity at the threshold are known"
STABLE = "Its choice of features is stable"
MODERATE = "Its size is enough to find a moderate signal (0.70)"

Found = tuple[str, VerdictText, str]


def verdicts(found: Assessment) -> list[Verdict]:
    """Return a verdict on each claim about the main model of an outcome, with the reason in numbers.

    Verdicts are rules, and all of them are in this file: an interval above 0.5, a paired test adjusted for the number
    of comparisons, 100 events and 100 patients without for calibration (Collins et al. 2016, doi 10.1002/sim.6787), of
    which slope and observed to expected events are between 0.8 and 1.25 and not shown to differ from 1, 10 events for
    each candidate predictor, features chosen in 8 of 10 subsamples. Where the outcome differs between the centres of
    training, a model has to show what it knows within centres. "Not supported" means that these data do not show it,
    not that it is wrong; what has no estimate or no interval cannot be judged.
    """
    return [Verdict(found.main.name, claim, verdict, reason) for claim, verdict, reason in _claims(found)]


def _claims(found: Assessment) -> Iterator[Found]:
    here = found.discrimination(found.cohort)
    if here is None:
        raise ValueError(f"no AUC or C-index of {found.main.name!r} in the {found.cohort} patients")
    yield _chance(found, here)
    for baseline in BESIDE:
        yield from _better(found, baseline)
    yield _elsewhere(found)
    if not found.endpoint.survival:
        yield _probabilities(found)
        yield from _threshold(select(found.evidence, model=found.main.name, source=here.source))
    yield from _features(found)
    yield _precision(here) if found.endpoint.survival else _size(here)


def _interval(found: Evidence | Within) -> str:
    return f"{found.estimate:.2f} ({found.ci_low:.2f} to {found.ci_high:.2f})"


def _above(found: Evidence) -> VerdictText:
    """Judge an interval against 0.5; without an interval there is no verdict."""
    return UNKNOWN if not found.known else YES if found.ci_low > 0.5 else NO


def _unjudged(metric: str) -> str:
    return f"{METRIC[metric]} without an interval"


def _chance(found: Assessment, here: Evidence) -> Found:
    if np.ptp(found.main.honest(found.cohort).score) == 0:
        return CHANCE, NO, f"it predicts the same for every patient, {found.cohort}"
    if not here.known:
        return CHANCE, UNKNOWN, f"{_unjudged(here.metric)}, {found.cohort}"
    reason = f"{METRIC[here.metric]} {_interval(here)}, {found.cohort}, {here.n_events} events in {here.n} patients"
    verdict = _above(here)
    if verdict == YES and _may_be_the_center(found):
        return CHANCE, *_chance_within(found, reason)
    return CHANCE, verdict, reason


def _may_be_the_center(found: Assessment) -> bool:
    """Whether the outcome differs between centres of training, and patients of these centres are judged together."""
    return found.center_effect.tells and can_help(found.main, found.cohort)


def _chance_within(found: Assessment, reason: str) -> tuple[VerdictText, str]:
    """Judge a model by pairs of patients of one centre: the outcome differs by centre, and the model may know it."""
    within = concordance_within(found.main, found.cohort, found.data.center, found.level)
    p = _p(found.center_effect.p_value)
    reason += f"; but the outcome differs between centres ({p}), so the model may know the centre"
    return _within(within, reason, above=0.5)


def _within(within: Within | None, reason: str, *, above: float) -> tuple[VerdictText, str]:
    if within is None:
        return UNKNOWN, f"{reason}: validate by leave_one_center_out"
    return (YES if within.ci_low > above else UNKNOWN), f"{reason}; within centres {_interval(within)}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _better(found: Assessment, baseline: ModelKind) -> Iterator[Found]:
    claim = f"It is better than the {baseline} model"
    if found.main.kind == baseline:
        return
    other = found.endpoint.of_kind(baseline)
    if other is None:
        yield claim, UNKNOWN, f"there is no {baseline} model"
        return
    test = found.difference(other.name)
    if test is None or not np.isfinite([test.difference, test.p_adjusted]).all():
        yield claim, UNKNOWN, "the difference could not be tested"
        return
    reason = (
        f"difference {test.difference:.2f} ({test.ci_low:.2f} to {test.ci_high:.2f}), adjusted {_p(test.p_adjusted)}, "
        f"{found.cohort}"
    )
    verdict: VerdictText = YES if test.difference > 0 and test.p_adjusted < 1 - found.level else NO
    if verdict == YES and _may_be_the_center(found):
        within = difference_within(found.main, other, found.cohort, found.data.center, found.level)
        reason += f"; but the outcome differs between centres ({_p(found.center_effect.p_value)})"
        verdict, reason = _within(within, reason, above=0.0)
    yield claim, verdict, reason


def _elsewhere(found: Assessment) -> Found:
    there = found.discrimination("external")
    if there is None:
        return ELSEWHERE, UNKNOWN, "no patients of centres that gave none to training"
    if not there.known:
        return ELSEWHERE, UNKNOWN, f"{_unjudged(there.metric)} in external patients"
    return ELSEWHERE, _above(there), f"{METRIC[there.metric]} {_interval(there)} in external patients"


def _probabilities(found: Assessment) -> Found:
    """Judge calibration in every cohort that was held out: one where it fails is enough to fail."""
    own = [c for c in found.calibrations if c.model == found.main.name]
    judged = [_calibrated(c) for c in [c for c in own if c.cohort != "training"] or own]
    verdicts = {verdict for verdict, _ in judged}
    verdict = next(v for v in (NO, UNKNOWN, YES) if v in verdicts)
    return CALIBRATED, verdict, "; ".join(reason for _, reason in judged)


def _calibrated(found: CalibrationEvidence) -> tuple[VerdictText, str]:
    events, others = found.n_events, found.n - found.n_events
    if min(events, others) < ENOUGH:
        reason = f"{events} events and {others} patients without, {found.cohort}; about {ENOUGH} of each are needed"
        return UNKNOWN, reason
    if not found.known:
        return UNKNOWN, f"slope and level have no interval that is known to hold, {found.cohort}"
    level_right = not (found.too_low or found.too_high)
    slope_right = found.slope_low <= 1 <= found.slope_high
    right = slope_right and level_right and all(0.8 <= v <= 1.25 for v in (found.slope, found.ratio))
    reason = (
        f"calibration slope {found.slope:.2f} ({found.slope_low:.2f} to {found.slope_high:.2f}), {found.ratio:.2f} "
        f"times the expected events, {found.cohort}"
    )
    return (YES if right else NO), reason


def _threshold(own: list[Evidence]) -> Iterator[Found]:
    found = [e for e in own if e.metric in ("sensitivity", "specificity") and e.has_interval]
    if len(found) < 2:
        return
    width = max(e.ci_high - e.ci_low for e in found)
    text = ", ".join(f"{e.metric} {_interval(e)}" for e in found)
    if sum(e.estimate for e in found) <= 1:
        yield KNOWN, NO, f"{text}; together no more than 1, as by tossing a coin: the threshold tells nothing"
        return
    reused = all(e.threshold_reused for e in found)
    verdict: VerdictText = UNKNOWN if width > PRECISE else NO if reused else YES
    yield KNOWN, verdict, text + ("; chosen on these very scores, so optimistic" if reused else "")


def _features(found: Assessment) -> Iterator[Found]:
    """Judge the features of the main model itself, which has fitted its signatures anew."""
    own = [f for f in found.features if f.model == found.main.name]
    if not own:
        return
    size = found.sample_size
    signatures = [v for v in found.main.signatures.values() if not is_deep(v[0])]
    if not any(chooses(estimator) for estimator, _ in signatures):
        # A ridge model: a small weight is a choice too, but none that could be counted.
        offered = sum(len(columns) for _, columns in signatures)
        used = f"all {offered}" if len(own) >= offered else f"{len(own)} of {offered}"
        yield STABLE, UNKNOWN, f"the model uses {used} features and chooses none; {size.events} events"
        return
    often = sum(f.selection_frequency >= OFTEN for f in own)
    reason = (
        f"{often} of {len(own)} were chosen in {OFTEN:.0%} of subsamples; {size.events} events for {size.candidates} "
        "candidate predictors"
    )
    if size.events < PER_FEATURE * size.candidates:
        yield STABLE, UNKNOWN, reason
    else:
        yield STABLE, YES if often == len(own) else NO, reason


def chooses(estimator: object) -> bool:
    """Whether a pipeline looks at the outcome, or at other features, to leave features out."""
    facts = describe(estimator)
    return facts.selects or facts.chooses


def _size(here: Evidence) -> Found:
    """Judge from which AUC on a study of this size has a fair chance to exclude 0.5."""
    events, others = here.n_events, here.n - here.n_events
    least = detectable_auc(events, others, here.level)
    if not np.isfinite(least):
        return MODERATE, UNKNOWN, "too few patients of one outcome"
    reason = (
        f"with {events} events and {others} patients without, a true AUC of {least:.2f} or more is found in "
        f"{POWER:.0%} of such studies"
    )
    return MODERATE, YES if least <= 0.7 else NO, reason


def _precision(here: Evidence) -> Found:
    """Judge the same for a C-index, by its interval: pairs of two patients with the event count too."""
    half = (here.ci_high - here.ci_low) / 2
    if not np.isfinite(half):
        return MODERATE, UNKNOWN, _unjudged("c_index")
    least = detectable_concordance(half, here.level)
    reason = (
        f"{here.n_events} events in {here.n} patients tell the C-index to ± {half:.2f}; a true C-index of {least:.2f} "
        f"or more is found in {POWER:.0%} of such studies"
    )
    return MODERATE, YES if least <= 0.7 else NO, reason
