"""Each rule of the verdicts at both sides of its bound, on made-up tables: a verdict is never turned round unseen."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.pipeline import make_pipeline

from radiokit.selection import RepeatabilitySelector, UnivariateSelector
from radiokit.study._assessment import Assessment
from radiokit.study._cohort import Patients
from radiokit.study._conclusions import (
    CALIBRATED,
    CHANCE,
    ELSEWHERE,
    KNOWN,
    MODERATE,
    NO,
    STABLE,
    UNKNOWN,
    YES,
    _better,
    _calibrated,
    _elsewhere,
    _features,
    _precision,
    _probabilities,
    _size,
    _threshold,
    chooses,
    verdicts,
)
from radiokit.study._conclusions import _chance as judge_chance
from radiokit.study._detectable import detectable_auc, detectable_concordance, hanley_se
from radiokit.study._endpoint import Endpoint
from radiokit.study._explain import UsedFeature
from radiokit.study._options import Options
from radiokit.study._pipelines import signature_pipeline
from radiokit.study._within_centers import CenterEffect, can_help, center_effect, concordance_within, difference_within
from radiokit.utils import as_survival_target
from radiokit.validation import Predictions
from radiokit.validation.evidence import CalibrationEvidence, Comparison, Evidence, Verdict
from radiokit.validation.facts import SampleSize

SOURCES = {"training": "out-of-fold", "test": "test", "external": "external"}
LEVEL = 0.95


class Model:
    """As much of a model as verdicts look at."""

    def __init__(self, name: str, kind: str, scores: dict[str, Predictions], *, by_center: bool = False) -> None:
        self.name, self.kind, self.scores, self.by_center = name, kind, scores, by_center
        self.signatures: dict[str, Any] = {}
        self.predictions: dict[Any, Any] = {}

    def honest(self, cohort: str) -> Predictions:
        return self.scores[cohort]


def scored(seed: int = 0, strength: float = 1.0, n: int = 120) -> Predictions:
    """Predictions of n test patients, half with the outcome."""
    y = np.arange(n) % 2 == 0
    lp = strength * y + np.random.default_rng(seed).standard_normal(n)
    return Predictions(y, probability=1 / (1 + np.exp(-lp)), source="test")


def performance(**rows: tuple[float, float, float]) -> tuple[Evidence, ...]:
    """Evidence ``metric__source=(estimate, low, high)`` for the combined model."""
    found = []
    for key, limits in rows.items():
        metric, source = key.split("__")
        source = source.replace("_", "-")
        found.append(Evidence("combined", "", source, metric, *limits, LEVEL, "", 200, 80))
    return tuple(found)


def case(
    *,
    cohorts: tuple[str, ...] = ("training", "external"),
    effect: CenterEffect | None = None,
    center: pd.Series | None = None,
    survival: bool = False,
    level: float = LEVEL,
    others: tuple[Model, ...] = (),
    scores: Predictions | None = None,
    by_center: bool = False,
    size: SampleSize | None = None,
    **evidence: Any,
) -> Assessment:
    p = scored() if scores is None else scores
    main = Model("combined", "combined", dict.fromkeys(SOURCES, p), by_center=by_center)
    main.predictions = dict.fromkeys(((c, SOURCES[c]) for c in cohorts), p)
    endpoint = Endpoint("y", survival, p.y_true, models=(*others, main))  # type: ignore[arg-type]
    index = pd.Index(p.ids)
    data = Patients(
        pd.DataFrame(index=index), pd.Series(index, index), pd.Series("test", index), center, None, (), {}
    )  # fmt: skip
    return Assessment(
        endpoint, data, level, size or SampleSize("y", 300, 100, 10, 3), effect or CenterEffect(), **evidence
    )


def _chance(found: Assessment) -> tuple[str, str, str]:
    here = found.discrimination(found.cohort)
    assert here is not None
    return judge_chance(found, here)


@pytest.mark.parametrize(("low", "verdict"), [(0.51, YES), (0.5, NO), (0.49, NO), (np.nan, UNKNOWN)])
def test_better_than_chance_is_an_interval_above_a_half(low: float, verdict: str) -> None:
    made = case(evidence=performance(auc__external=(0.7, low, 0.9)))
    claim, found, reason = _chance(made)
    assert (claim, found) == (CHANCE, verdict)
    if verdict == UNKNOWN:
        assert reason == "AUC without an interval, external"
    else:
        assert reason == f"AUC 0.70 ({low:.2f} to 0.90), external, 80 events in 200 patients"
    claim, found, reason = _elsewhere(made)
    assert (claim, found) == (ELSEWHERE, verdict)
    assert ("in external patients" in reason) and ("nan" not in reason)


def test_the_farthest_cohort_is_judged() -> None:
    evidence = performance(auc__external=(0.6, 0.4, 0.8), auc__test=(0.9, 0.8, 1.0), auc__out_of_fold=(0.7, 0.6, 0.8))
    for cohorts, verdict in (
        (("training", "test", "external"), NO), (("training", "test"), YES), (("training",), YES),
    ):  # fmt: skip
        assert _chance(case(evidence=evidence, cohorts=cohorts))[1] == verdict
    without = performance(auc__test=(0.9, 0.8, 1.0))
    assert _elsewhere(case(evidence=without))[1:] == (
        UNKNOWN,
        "no patients of centres that gave none to training",
    )


def test_survival_is_judged_by_the_c_index() -> None:
    evidence = performance(auc__external=(0.9, 0.8, 1.0), c_index__external=(0.6, 0.45, 0.75))
    assert _chance(case(evidence=evidence, survival=True))[1:] == (
        NO, "C-index 0.60 (0.45 to 0.75), external, 80 events in 200 patients",
    )  # fmt: skip
    assert _elsewhere(case(evidence=evidence, survival=True))[1] == NO


def test_a_constant_separates_nobody_even_without_an_interval() -> None:
    constant = Predictions(np.arange(60) % 2 == 0, probability=np.full(60, 0.5), source="external")
    made = case(evidence=performance(auc__external=(0.5, np.nan, np.nan)), scores=constant)
    assert _chance(made)[1:] == (NO, "it predicts the same for every patient, external")


# ------------------------------------------------------------------------------------------------ the centre tells


def of_centres(seed: int, informative: float) -> tuple[Predictions, pd.Series]:
    """Two centres of 20 % and 80 % events; the score knows the centre, and `informative` of the outcome within."""
    rng = np.random.default_rng(seed)
    center = np.repeat(["A", "B"], 100)
    y = rng.random(200) < np.where(center == "A", 0.2, 0.8)
    lp = 2.0 * (center == "B") + informative * y + 0.5 * rng.standard_normal(200)
    ids = [f"P{i}" for i in range(200)]
    return Predictions(y, probability=1 / (1 + np.exp(1 - lp)), ids=ids, source="test"), pd.Series(center, index=ids)


EFFECT = CenterEffect(p_value=1e-4, auc=0.8)


@pytest.mark.parametrize(("informative", "verdict"), [(0.0, UNKNOWN), (2.0, YES)])
def test_where_the_centre_tells_the_outcome_pairs_of_one_centre_decide(informative: float, verdict: str) -> None:
    p, center = of_centres(0, informative)
    evidence = performance(auc__test=(0.8, 0.7, 0.9), auc__out_of_fold=(0.8, 0.7, 0.9))
    made = case(evidence=evidence, cohorts=("training", "test"), effect=EFFECT, center=center, scores=p)
    _, found, reason = _chance(made)
    assert found == verdict
    assert "the outcome differs between centres (p < 0.001)" in reason
    assert "within centres" in reason
    # Folds across centres: no interval within both is known.
    assert _chance(case(evidence=evidence, cohorts=("training",), effect=EFFECT, center=center, scores=p))[1] == UNKNOWN
    # One centre left out at a time compares within centres anyway; external centres are new to the model.
    left_out = case(evidence=evidence, cohorts=("training",), effect=EFFECT, center=center, scores=p, by_center=True)
    assert _chance(left_out)[1] == YES
    outside = performance(auc__external=(0.8, 0.7, 0.9))
    assert _chance(case(evidence=outside, effect=EFFECT, center=center, scores=p))[1] == YES
    no_effect = case(evidence=evidence, cohorts=("training", "test"), center=center, scores=p)
    assert _chance(no_effect)[1] == YES
    weak = performance(auc__test=(0.6, 0.45, 0.8))
    assert _chance(case(evidence=weak, cohorts=("training", "test"), effect=EFFECT, center=center, scores=p))[1] == NO


def test_concordance_within_centres_is_that_of_its_pairs() -> None:
    p, center = of_centres(1, 1.0)
    model = Model("m", "combined", {"test": p})
    wins = []
    for name in ("A", "B"):
        here = (center == name).to_numpy()
        a, b = p.probability[here & p.y_true], p.probability[here & ~p.y_true]
        wins.append((a[:, None] > b) + 0.5 * (a[:, None] == b))
    expected = np.concatenate([w.ravel() for w in wins]).mean()
    found = concordance_within(model, "test", center, LEVEL)
    assert found is not None
    assert found.estimate == pytest.approx(expected)
    assert found.ci_low < expected < found.ci_high
    wide = concordance_within(model, "test", center, 0.99)
    assert wide is not None
    assert wide.ci_low < found.ci_low
    other = Model("o", "clinical", {"test": of_centres(1, 0.0)[0]})
    same = difference_within(model, model, "test", center, LEVEL)
    assert same is not None
    assert (same.estimate, same.ci_low, same.ci_high) == pytest.approx((0, 0, 0), abs=1e-7)
    gain = difference_within(model, other, "test", center, LEVEL)
    assert gain is not None
    assert gain.estimate > 0.2
    assert gain.ci_low == pytest.approx(2 * gain.estimate - gain.ci_high)
    assert can_help(model, "test")
    assert not can_help(model, "external")


def test_the_effect_of_the_centre_is_a_test_of_training_patients() -> None:
    p, center = of_centres(2, 0.0)
    cohort = pd.Series("training", center.index)
    data = Patients(
        pd.DataFrame(index=center.index), pd.Series(center.index, center.index), cohort, center, None, (), {}
    )
    binary: Any = SimpleNamespace(survival=False, y=p.y_true)
    effect = center_effect(binary, data)
    assert effect.tells
    assert effect.alone
    assert effect.auc == pytest.approx(0.8, abs=0.05)  # 80 % and 20 %: (0.8 * 0.8 + 0.2 * 0.8 * ...) by design
    shuffled: Any = SimpleNamespace(survival=False, y=np.random.default_rng(0).permutation(p.y_true))
    assert not center_effect(shuffled, data).tells
    time = np.where(center == "A", 5.0, 1.0) * np.random.default_rng(0).exponential(size=200) + 0.01
    survival: Any = SimpleNamespace(survival=True, y=as_survival_target(np.ones(200, bool), time))
    assert center_effect(survival, data).tells
    assert not center_effect(survival, data).alone
    outside = Patients(data.X, data.group, pd.Series("external", center.index), center, None, (), {})
    assert not center_effect(binary, outside).tells  # external centres are new to the model
    for lacking in (None, pd.Series("A", center.index)):
        without = Patients(data.X, data.group, cohort, lacking, None, (), {})
        assert not center_effect(binary, without).tells


# ---------------------------------------------------------------------------------------------------- comparisons


def pair(difference: float, p: float, *, turned: bool = False, cohort: str = "external") -> tuple[Comparison, ...]:
    a, b = ("clinical", "combined") if turned else ("combined", "clinical")
    d = -difference if turned else difference
    own = Comparison(a, b, cohort, cohort, d, d - 0.05, d + 0.05, p, p, "delong")
    return (replace(own, model_a="x", model_b="y", p_adjusted=0.9), own)


def test_a_comparison_is_the_same_from_both_sides() -> None:
    own = pair(0.1, 0.04)[1]
    turned = own.seen_from("clinical")
    assert (turned.model_a, turned.model_b, turned.difference) == ("clinical", "combined", -0.1)
    assert (turned.ci_low, turned.ci_high) == (-own.ci_high, -own.ci_low)
    assert turned.seen_from("combined") == own == own.seen_from("combined")
    assert own.tested
    assert not pair(0.1, np.nan)[1].tested


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("difference", "p", "verdict"),
    [(0.1, 0.04, YES), (0.1, 0.06, NO), (-0.1, 0.04, NO), (np.nan, 0.0, UNKNOWN), (0.1, np.nan, UNKNOWN)],
)
def test_better_is_a_positive_difference_with_a_small_adjusted_p(
    difference: float, p: float, verdict: str, turned: bool
) -> None:
    clinical = Model("clinical", "clinical", dict.fromkeys(SOURCES, scored(1, 0.0)))
    made = case(comparisons=pair(difference, p, turned=turned), others=(clinical,))
    ((claim, found, reason),) = _better(made, "clinical")
    assert (claim, found) == ("It is better than the clinical model", verdict)
    if verdict == UNKNOWN:
        assert reason == "the difference could not be tested"
    else:
        assert reason == (
            f"difference {difference:.2f} ({difference - 0.05:.2f} to {difference + 0.05:.2f}), adjusted p = {p:.3f}, "
            "external"
        )


def test_the_level_of_the_run_decides_what_is_a_small_p() -> None:
    clinical = Model("clinical", "clinical", dict.fromkeys(SOURCES, scored(1, 0.0)))
    pairs = pair(0.1, 0.15)
    assert next(_better(case(comparisons=pairs, others=(clinical,)), "clinical"))[1] == NO
    assert next(_better(case(comparisons=pairs, others=(clinical,), level=0.8), "clinical"))[1] == YES
    tiny = case(comparisons=pair(0.1, 0.0004), others=(clinical,))
    assert "adjusted p < 0.001" in next(_better(tiny, "clinical"))[2]


def test_a_comparison_needs_the_other_model_and_its_cohort() -> None:
    clinical = Model("clinical", "clinical", dict.fromkeys(SOURCES, scored(1, 0.0)))
    pairs = pair(0.1, 0.01, cohort="test")
    assert next(_better(case(comparisons=pairs), "clinical"))[1:] == (UNKNOWN, "there is no clinical model")
    assert next(_better(case(comparisons=pairs, others=(clinical,)), "clinical"))[1] == UNKNOWN
    right = case(comparisons=pair(0.1, 0.01), others=(clinical,), survival=True)
    assert next(_better(right, "clinical"))[1] == YES
    alone = case(comparisons=pairs)
    alone.main.kind = "clinical"  # type: ignore[misc]
    assert list(_better(alone, "clinical")) == []


@pytest.mark.parametrize(("informative", "verdict"), [(0.0, UNKNOWN), (2.5, YES)])
def test_better_has_to_show_within_centres_too(informative: float, verdict: str) -> None:
    p, center = of_centres(3, informative)
    noise = Predictions(p.y_true, probability=np.linspace(0.1, 0.9, 200), ids=p.ids, source="test")
    clinical = Model("clinical", "clinical", {"test": noise})
    made = case(
        comparisons=pair(0.2, 0.001, cohort="test"), cohorts=("training", "test"), effect=EFFECT, center=center,
        scores=p, others=(clinical,),
    )  # fmt: skip
    found = next(_better(made, "clinical"))
    assert found[1] == verdict
    assert "within centres" in found[2]


# ---------------------------------------------------------------------------------------------------- calibration

GOOD = CalibrationEvidence("combined", "external", "external", 300, 120, 1.0, -0.2, 0.2, 1.0, 0.8, 1.2)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, YES),
        ({"n_events": 100}, YES),
        ({"n_events": 99}, UNKNOWN),
        ({"n_events": 200}, YES),
        ({"n_events": 201}, UNKNOWN),
        ({"slope": 0.8, "slope_low": 0.5}, YES),
        ({"slope": 0.79, "slope_low": 0.5}, NO),
        ({"slope": 1.25, "slope_high": 1.6}, YES),
        ({"slope": 1.26, "slope_high": 1.6}, NO),
        ({"ratio": 0.8}, YES),
        ({"ratio": 0.79}, NO),
        ({"ratio": 1.25}, YES),
        ({"ratio": 1.26}, NO),
        ({"slope_low": 1.01, "slope": 1.1}, NO),
        ({"slope_low": 1.0}, YES),
        ({"slope_high": 0.99, "slope": 0.9}, NO),
        ({"slope_high": 1.0}, YES),
        ({"level_low": 0.01}, NO),
        ({"level_low": 0.0}, YES),
        ({"level_high": -0.01}, NO),
        ({"level_high": 0.0}, YES),
        ({"slope": np.nan}, UNKNOWN),
        ({"level_high": np.nan}, UNKNOWN),
    ],
)
def test_probabilities_are_well_calibrated(changes: dict[str, float], verdict: str) -> None:
    assert _calibrated(replace(GOOD, **changes))[0] == verdict


def test_one_cohort_that_fails_is_enough() -> None:
    """Internal slope 0.48 beside an external one of 1.02: the worse counts, and both are told."""
    rows = tuple(replace(GOOD, cohort=c, slope=v, slope_low=v - 0.3, slope_high=v + 0.3)
                 for c, v in (("training", 0.1), ("test", 0.48), ("external", 1.02)))  # fmt: skip
    claim, verdict, reason = _probabilities(case(calibrations=rows))
    assert (claim, verdict) == (CALIBRATED, NO)
    assert "slope 0.48 (0.18 to 0.78), 1.00 times the expected events, test" in reason
    assert "slope 1.02 (0.72 to 1.32), 1.00 times the expected events, external" in reason
    assert "training" not in reason
    right = (rows[0], rows[2])
    assert _probabilities(case(calibrations=right))[1] == YES
    few = (*right, replace(rows[1], slope=1.0, n_events=10))
    assert _probabilities(case(calibrations=few))[1] == UNKNOWN
    assert _probabilities(case(calibrations=rows[:1]))[1] == NO


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "source", "verdict"),
    [
        ((0.8, 0.70, 0.90), (0.7, 0.60, 0.80), "external", YES),
        ((0.8, 0.70, 0.91), (0.7, 0.60, 0.80), "external", UNKNOWN),
        ((0.8, 0.70, 0.90), (0.7, 0.55, 0.80), "external", UNKNOWN),
        ((0.8, 0.70, 0.90), (0.7, 0.60, 0.80), "out-of-fold", NO),
        ((1.0, 0.95, 1.00), (0.0, 0.00, 0.05), "external", NO),
        ((0.0, 0.00, 0.05), (1.0, 0.95, 1.00), "external", NO),
        ((0.6, 0.50, 0.70), (0.4, 0.30, 0.50), "external", NO),
        ((0.6, 0.50, 0.70), (0.41, 0.31, 0.51), "external", YES),
    ],
)
def test_sensitivity_and_specificity_are_known(
    sensitivity: tuple[float, ...], specificity: tuple[float, ...], source: str, verdict: str
) -> None:
    reused = source == "out-of-fold"
    rows = [
        Evidence("m", "", source, metric, estimate, low, high - 1e-9, LEVEL, "", 200, 80, 0.5, reused)
        for metric, (estimate, low, high) in (("sensitivity", sensitivity), ("specificity", specificity))
    ]  # 0.9 - 0.7 is more than 0.2 in floats
    ((claim, found, reason),) = _threshold(rows)
    assert (claim, found) == (KNOWN, verdict)
    assert "sensitivity" in reason
    assert "specificity" in reason
    assert ("optimistic" in reason) == (source == "out-of-fold")
    assert list(_threshold([replace(row, ci_low=np.nan) for row in rows])) == []
    assert list(_threshold(rows[:1])) == []


# ------------------------------------------------------------------------------------------------------- features


def features(
    frequency: list[float],
    *,
    candidates: int,
    events: int,
    pipeline: str = "lasso",
    clinical: tuple[str, ...] = (),
    **more: Any,
) -> Any:
    used = [UsedFeature("combined", "ct", f"f{i}", 0, 0, 0, share, 0, 0) for i, share in enumerate(frequency)]
    size = SampleSize("y", 300, events, candidates + len(clinical), 3)
    made = case(features=(*used, UsedFeature("ct", "ct", "f9", 0, 0, 0, 0.0, 0, 0)), size=size, **more)
    estimator = signature_pipeline(False, options=Options(pipeline=pipeline))
    made.main.signatures["ct"] = (estimator, [f"f{i}" for i in range(candidates)])
    return next(_features(made))


@pytest.mark.parametrize(
    ("frequency", "candidates", "events", "verdict"),
    [
        ([0.8, 1.0], 10, 100, YES),
        ([0.79, 1.0], 10, 100, NO),
        ([0.8, 1.0], 10, 99, UNKNOWN),
        ([0.8, 1.0], 10, 200, YES),
        ([1.0], 1, 100, YES),
    ],
)
def test_features_that_matter_are_those_of_the_main_model(
    frequency: list[float], candidates: int, events: int, verdict: str
) -> None:
    claim, found, reason = features(frequency, candidates=candidates, events=events)
    assert (claim, found) == (STABLE, verdict)
    often = sum(f >= 0.8 for f in frequency)
    assert reason == (
        f"{often} of {len(frequency)} were chosen in 80% of subsamples; {events} events for {candidates} candidate "
        "predictors"
    )


def test_the_verdict_counts_candidates_as_the_warning_does() -> None:
    """Clinical columns are candidates too: 51 events for 5 features and 2 clinical columns are too few."""
    assert features([1.0], candidates=5, events=51)[1] == YES
    found = features([1.0], candidates=5, events=51, clinical=("age", "stage"))
    assert found[1:] == (UNKNOWN, "1 of 1 were chosen in 80% of subsamples; 51 events for 7 candidate predictors")


def test_a_model_that_chooses_none_is_not_judged_by_its_choice() -> None:
    found = features([1.0, 1.0], candidates=2, events=100, pipeline="ridge")
    assert found[1:] == (UNKNOWN, "the model uses all 2 features and chooses none; 100 events")
    found = features([1.0], candidates=2, events=100, pipeline="forest")
    assert found[1:] == (UNKNOWN, "the model uses 1 of 2 features and chooses none; 100 events")
    for pipeline, choice in (("lasso", True), ("elastic_net", True), ("ridge", False), ("svm_rbf", False)):
        assert chooses(signature_pipeline(False, options=Options(pipeline=pipeline))) == choice, pipeline
    ridge = signature_pipeline(False, options=Options(pipeline="ridge"))
    measured_twice = pd.DataFrame(np.eye(4), index=list("abcd"))
    assert not chooses(make_pipeline(RepeatabilitySelector(measured_twice), ridge.steps[1][1], ridge.steps[-1][1]))
    assert chooses(make_pipeline(UnivariateSelector(), ridge.steps[-1][1]))
    assert list(_features(case())) == []


# ----------------------------------------------------------------------------------------------------------- size


def test_size_by_the_least_auc_that_is_found() -> None:
    """Bounds by the definition: at the least AUC, (AUC - 0.5) / se is z(level) + z(power)."""
    for level in (0.95, 0.8):
        least = detectable_auc(40, 60, level)
        assert (least - 0.5) / hanley_se(least, 40, 60) == pytest.approx(norm.ppf((1 + level) / 2) + norm.ppf(0.8))
    assert detectable_auc(40, 60, 0.8) < detectable_auc(40, 60, 0.95)
    assert np.isnan(detectable_auc(1, 30))
    assert np.isfinite(detectable_auc(4, 30))
    (here,) = performance(auc__external=(0.7, 0.6, 0.8))
    for events, verdict in ((60, YES), (12, NO), (1, UNKNOWN)):
        assert _size(replace(here, n=2 * events, n_events=events))[:2] == (MODERATE, verdict)
    reason = _size(replace(here, n=120, n_events=60))[2]
    assert "60 events and 60 patients without, a true AUC of 0.64" in reason
    assert "found in 80% of such studies" in reason


def test_size_of_a_survival_study_by_its_interval() -> None:
    for level in (0.95, 0.8):
        se = 0.05
        half = norm.ppf((1 + level) / 2) * se
        least = detectable_concordance(half, level)
        assert (least - 0.5) / se == pytest.approx(norm.ppf((1 + level) / 2) + norm.ppf(0.8))
    (row,) = performance(c_index__external=(0.6, 0.5, 0.745))
    assert _precision(row)[1] == YES
    assert _precision(replace(row, ci_high=0.80))[1] == NO
    assert _precision(replace(row, ci_high=np.nan))[1:] == (UNKNOWN, "C-index without an interval")
    # The same interval at 80 % belongs to fewer patients.
    assert _precision(replace(row, level=0.8))[1] == NO


def test_all_claims_of_a_binary_and_a_survival_outcome_in_order() -> None:
    evidence = performance(auc__test=(0.8, 0.7, 0.9), c_index__test=(0.8, 0.7, 0.9))
    p, center = of_centres(0, 1.0)
    how: dict[str, Any] = {"cohorts": ("training", "test"), "scores": p, "center": center}
    made = verdicts(case(evidence=evidence, calibrations=(replace(GOOD, cohort="test"),), **how))
    assert [v.claim for v in made] == [
        CHANCE, "It is better than the clinical model", "It is better than the volume model", ELSEWHERE, CALIBRATED,
        MODERATE,
    ]  # fmt: skip
    assert {v.model for v in made} == {"combined"}
    assert all(isinstance(v, Verdict) for v in made)
    survival = {v.claim for v in verdicts(case(evidence=evidence, survival=True, **how))}
    assert CALIBRATED not in survival
    assert MODERATE in survival
