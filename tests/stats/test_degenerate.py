"""Data that no textbook shows: a sensible value or a radiokit error, never a bare one, never a warning of numpy."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit import models, nomogram, stats, survival
from radiokit.exceptions import InputError, RadiokitError, RadiokitWarning
from radiokit.survival.competing_risks import FineGray

N = 12
RNG = np.random.default_rng(0)
FINE_OUTCOME = RNG.permutation(np.arange(N) % 2)
FINE_SCORE, FINE_TIME = RNG.normal(size=N), RNG.exponential(5, N)


def target(event: Any, time: Any) -> np.ndarray:
    """A survival target without any check."""
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


OUTCOMES = {
    "fine": FINE_OUTCOME,
    "one class": np.ones(N, int),
    "one positive": np.r_[1, np.zeros(N - 1, int)],
    "one case": np.array([1]),
    "two cases": np.array([0, 1]),
    "no case": np.array([], int),
    "NaN": np.r_[np.nan, np.arange(N - 1) % 2],
    "infinite": np.r_[np.inf, np.arange(N - 1) % 2],
    "three values": np.arange(N) % 3,
    "minus one": np.arange(N) % 2 * 2 - 1,
    "None": np.array([0, 1, None] * 4, object),
    "nothing": None,
    "table": np.ones((3, 4)),
}
SCORES = {
    "fine": FINE_SCORE,
    "all tied": np.ones(N),
    "separates": FINE_OUTCOME * 10.0 + np.arange(N) * 0.1,
    "NaN": np.r_[np.nan, FINE_SCORE[1:]],
    "infinite": np.r_[np.inf, FINE_SCORE[1:]],
    "text": np.array(list("ab") * 6),
    "none": np.array([]),
    "short": FINE_SCORE[:3],
    "two columns": RNG.normal(size=(N, 2)),
    "nothing": None,
    "bool": np.arange(N) % 2 == 0,
}
PROBABILITIES = {
    "fine": RNG.uniform(0.1, 0.9, N),
    "all tied": np.full(N, 0.5),
    "zero": np.zeros(N),
    "one": np.ones(N),
    "some 0 and 1": np.r_[0, 1, RNG.uniform(0.1, 0.9, N - 2)],
    "separates": FINE_OUTCOME.astype(float),
    "tiny": np.full(N, 1e-300),
    "two values": np.where(np.arange(N) < 6, 0.3, 0.6),
    "NaN": np.r_[np.nan, np.full(N - 1, 0.5)],
    "outside": np.r_[1.2, np.full(N - 1, 0.5)],
    "text": np.array(list("ab") * 6),
    "none": np.array([]),
}
SURVIVAL = {
    "fine": target(np.arange(N) % 3 > 0, FINE_TIME),
    "no event": target(False, FINE_TIME),
    "all events": target(True, FINE_TIME),
    "all tied": target(np.arange(N) % 2 > 0, np.full(N, 3.0)),
    "events all tied": target(True, np.full(N, 3.0)),
    "times of zero": target(np.arange(N) % 2 > 0, np.zeros(N)),
    "some of zero": target(True, np.r_[0, 0, FINE_TIME[2:]]),
    "negative": target(True, np.r_[-1, FINE_TIME[1:]]),
    "NaN": target(True, np.r_[np.nan, FINE_TIME[1:]]),
    "infinite": target(True, np.r_[np.inf, FINE_TIME[1:]]),
    "one event": target(np.arange(N) == 5, np.arange(1.0, N + 1)),
    "last event": target(np.arange(N) == N - 1, np.arange(1.0, N + 1)),
    "one case": target(True, [2.0]),
    "two cases": target([True, False], [1.0, 2.0]),
    "no case": target([], []),
    "plain": np.arange(N),
    "text": pd.DataFrame({"event": list("ab") * 6, "time": np.arange(N)}),
    "nothing": None,
}
GROUPS = {
    "fine": np.array(list("aab" * 4)),
    "one": np.array(["a"] * N),
    "of one case": np.array(["b"] + ["a"] * (N - 1)),
    "each alone": np.arange(N),
    "missing": np.array(["a", None] * 6, object),
    "short": np.array(["a"]),
    "nothing": None,
}
TIMES = {
    "fine": FINE_TIME,
    "zero": np.zeros(N),
    "tied": np.ones(N),
    "negative": -np.ones(N),
    "NaN": np.r_[np.nan, np.ones(N - 1)],
    "short": np.ones(2),
}
CAUSES = {
    "fine": np.arange(N) % 3,
    "censored": np.zeros(N, int),
    "one kind": np.ones(N, int),
    "negative": np.arange(N) - 3,
    "NaN": np.r_[np.nan, np.ones(N - 1)],
    "text": np.array(list("ab") * 6),
    "fractions": np.full(N, 0.5),
    "one other": np.r_[2, np.ones(N - 1, int)],
}
RATINGS = {
    "fine": np.arange(N) % 3,
    "shifted": (np.arange(N) + 1) % 3,
    "constant": np.ones(N, int),
    "text": np.array(list("ab") * 6),
    "NaN": np.r_[np.nan, np.ones(N - 1)],
    "none": np.array([]),
    "one case": np.array([1]),
    "table": np.ones((3, 2)),
}
CUBES = {
    "fine": RNG.normal(size=(5, 3)),
    "constant": np.ones((5, 3)),
    "one subject": np.ones((1, 3)),
    "one rater": np.ones((4, 1)),
    "NaN": np.full((4, 3), np.nan),
    "infinite": np.array([[1, np.inf], [2, 3], [3, 4]]),
    "agree": np.repeat(np.arange(5.0)[:, None], 2, 1),
    "huge": RNG.normal(size=(5, 2)) * 1e300,
    "flat": np.ones(4),
    "none": np.ones((0, 3)),
    "no feature": np.ones((4, 2, 0)),
    "text": np.array([list("abc")] * 4),
}
COUNTS = {
    "fine": [[3, 4], [5, 6]],
    "zero": [[0, 0], [0, 0]],
    "empty row": [[0, 0], [3, 4]],
    "negative": [[-1, 2], [3, 4]],
    "NaN": [[np.nan, 1], [2, 3]],
    "fractions": [[0.5, 1], [2, 3]],
    "flat": [1, 2],
    "one cell": [[3]],
    "none": [],
    "text": [["a", "b"], ["c", "d"]],
}
P1, P2 = PROBABILITIES["fine"], PROBABILITIES["fine"][::-1]


def frame(x: Any) -> Any:
    return pd.DataFrame({"a": x, "b": np.arange(len(x)) % 3}) if x is not None and np.ndim(x) == 1 else x


def backwards(x: Any) -> Any:
    return None if x is None else np.ravel(x)[::-1]


def over_time(p: Any) -> np.ndarray:
    return np.column_stack([p, p])


CUT, BOOT = {"cutoffs": [0.2, 0.5]}, {"n_bootstraps": 5, "random_state": 0}
# What is called, on all of one table with the first of the other, and on the first of one with all of the other.
USES: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = {
    "auc": (stats.auc, OUTCOMES, SCORES),
    "roc_curve": (stats.roc_curve, OUTCOMES, SCORES),
    "delong_test": (lambda y, s: stats.delong_test(y, s, backwards(s)), OUTCOMES, SCORES),
    "auc.groups": (lambda y, s: stats.auc(y, s, groups=np.arange(np.size(y)) // 2), OUTCOMES, SCORES),
    "delong_test.groups": (
        lambda y, s: stats.delong_test(y, s, backwards(s), groups=np.arange(np.size(y)) // 2), OUTCOMES, SCORES,
    ),
    "auc.by": (lambda y, g: stats.auc(y, FINE_SCORE, groups=g), OUTCOMES, GROUPS),
    "threshold_metrics.groups": (
        lambda y, g: stats.threshold_metrics(y, FINE_SCORE[: np.size(y)], 0.0, groups=g), OUTCOMES, GROUPS,
    ),
    "mcnemar_test": (lambda y, s: stats.mcnemar_test(y, s, FINE_OUTCOME[: np.size(y)]), OUTCOMES, OUTCOMES),
    "predictive_value_test": (
        lambda y, s: stats.predictive_value_test(y, s, FINE_OUTCOME[: np.size(y)]), OUTCOMES, OUTCOMES,
    ),
    "auc_noninferiority": (lambda y, s: stats.auc_noninferiority(y, s, backwards(s), margin=0.1), OUTCOMES, SCORES),
    "multiclass_auc": (
        lambda y, p: stats.multiclass_auc(y, pd.DataFrame({0: 1 - np.asarray(p), 1: p}), method="ovr"),
        {k: v for k, v in OUTCOMES.items() if k not in ("nothing", "table")},
        {k: v for k, v in PROBABILITIES.items() if k != "text"},
    ),
    "pool": (lambda q, u: stats.pool(q, u), SCORES, PROBABILITIES),
    "delong_test_unpaired": (lambda y, s: stats.delong_test_unpaired(y, s, y, s), OUTCOMES, SCORES),
    "compare_aucs": (lambda y, s: stats.compare_aucs(y, {"a": s, "b": s}), OUTCOMES, SCORES),
    "partial_auc": (lambda y, s: stats.partial_auc(y, s, max_fpr=0.2), OUTCOMES, SCORES),
    "partial_auc.tpr": (lambda y, s: stats.partial_auc(y, s, min_tpr=0.9), OUTCOMES, SCORES),
    "optimal_threshold": (stats.optimal_threshold, OUTCOMES, SCORES),
    "threshold_metrics": (lambda y, s: stats.threshold_metrics(y, s, 0.5), OUTCOMES, SCORES),
    "sensitivity_at": (lambda y, s: stats.sensitivity_at_specificity(y, s, 0.9, **BOOT), OUTCOMES, SCORES),
    "specificity_at": (lambda y, s: stats.specificity_at_sensitivity(y, s, [0.9], **BOOT), OUTCOMES, SCORES),
    "calibration": (stats.calibration, OUTCOMES, PROBABILITIES),
    "calibration_in_the_large": (stats.calibration_in_the_large, OUTCOMES, PROBABILITIES),
    "calibration_table": (stats.calibration_table, OUTCOMES, PROBABILITIES),
    "calibration_curve": (stats.calibration_curve, OUTCOMES, PROBABILITIES),
    "calibration_curve.spline": (
        lambda y, p: stats.calibration_curve(y, p, method="spline"), OUTCOMES, PROBABILITIES,
    ),
    "hosmer_lemeshow": (stats.hosmer_lemeshow, OUTCOMES, PROBABILITIES),
    "brier_score": (stats.brier_score, OUTCOMES, PROBABILITIES),
    "scaled_brier_score": (stats.scaled_brier_score, OUTCOMES, PROBABILITIES),
    "brier_decomposition": (stats.brier_decomposition, OUTCOMES, PROBABILITIES),
    "decision_curve": (lambda y, p: stats.decision_curve(y, {"m": p}), OUTCOMES, PROBABILITIES),
    "decision_curve.survival": (lambda y, p: stats.decision_curve(y, {"m": p}, time=2.0), SURVIVAL, PROBABILITIES),
    "decision_curve_band": (lambda y, p: stats.decision_curve_band(y, {"m": p}, **BOOT), OUTCOMES, PROBABILITIES),
    "net_reclassification": (lambda y, p: stats.net_reclassification(y, p, p[::-1]), OUTCOMES, PROBABILITIES),
    "net_reclassification.cut": (
        lambda y, p: stats.net_reclassification(y, p, p[::-1], **CUT), OUTCOMES, PROBABILITIES,
    ),
    "net_reclassification.time": (
        lambda y, p: stats.net_reclassification(y, p, p[::-1], time=2.0, **BOOT), SURVIVAL, PROBABILITIES,
    ),
    "integrated_discrimination": (
        lambda y, p: stats.integrated_discrimination(y, p, p[::-1]), OUTCOMES, PROBABILITIES,
    ),
    "reclassification_table": (
        lambda y, p: stats.reclassification_table(y, p, p[::-1], **CUT), OUTCOMES, PROBABILITIES,
    ),
    "kaplan_meier": (lambda y, g: stats.kaplan_meier(y, groups=g), SURVIVAL, GROUPS),
    "kaplan_meier.log-log": (lambda y, g: stats.kaplan_meier(y, groups=g, ci="log-log"), SURVIVAL, GROUPS),
    "median_survival": (lambda y, g: stats.median_survival(y, groups=g), SURVIVAL, GROUPS),
    "rmst": (lambda y, g: stats.rmst(y, groups=g, tau=2.0), SURVIVAL, GROUPS),
    "rmst_difference": (lambda y, g: stats.rmst_difference(y, g, tau=2.0), SURVIVAL, GROUPS),
    "logrank_test": (stats.logrank_test, SURVIVAL, GROUPS),
    "logrank_test.trend": (lambda y, g: stats.logrank_test(y, g, trend=True), SURVIVAL, GROUPS),
    "logrank_test.strata": (lambda y, g: stats.logrank_test(y, GROUPS["fine"], strata=g), SURVIVAL, GROUPS),
    "pairwise_logrank": (stats.pairwise_logrank, SURVIVAL, GROUPS),
    "concordance_index": (stats.concordance_index, SURVIVAL, SCORES),
    "concordance_index.uno": (lambda y, s: stats.concordance_index(y, s, method="uno", tau=3.0), SURVIVAL, SCORES),
    "compare_concordance": (lambda y, s: stats.compare_concordance(y, s, backwards(s)), SURVIVAL, SCORES),
    "time_auc": (lambda y, s: stats.time_auc(y, s, [1.0, 3.0, 1e9]), SURVIVAL, SCORES),
    "compare_time_auc": (lambda y, s: stats.compare_time_auc(y, s, backwards(s), [1.0, 3.0]), SURVIVAL, SCORES),
    "brier_curve": (lambda y, p: stats.brier_curve(y, over_time(p), [1.0, 3.0]), SURVIVAL, PROBABILITIES),
    "integrated_brier": (lambda y, p: stats.integrated_brier(y, over_time(p), [1.0, 3.0]), SURVIVAL, PROBABILITIES),
    "survival_calibration_table": (
        lambda y, p: stats.survival_calibration_table(y, p, time=2.0), SURVIVAL, PROBABILITIES,
    ),
    "optimal_cutpoint": (survival.optimal_cutpoint, SURVIVAL, SCORES),
    "cumulative_incidence": (stats.cumulative_incidence, TIMES, CAUSES),
    "gray_test": (lambda t, c: stats.gray_test(t, c, GROUPS["fine"]), TIMES, CAUSES),
    "gray_test.one case": (lambda t, c: stats.gray_test(t, c, GROUPS["of one case"]), TIMES, CAUSES),
    "bland_altman": (stats.bland_altman, SCORES, SCORES),
    "concordance_correlation": (stats.concordance_correlation, SCORES, SCORES),
    "cohen_kappa": (stats.cohen_kappa, RATINGS, RATINGS),
    "cohen_kappa.quadratic": (lambda a, b: stats.cohen_kappa(a, b, weights="quadratic"), RATINGS, RATINGS),
    "fleiss_kappa": (lambda a, _: stats.fleiss_kappa(a), CUBES, {"": None}),
    "icc": (lambda a, _: stats.icc(a, form="ICC(2,1)"), CUBES, {"": None}),
    "icc.k": (lambda a, _: stats.icc(a, form="ICC(3,k)"), CUBES, {"": None}),
    "chi_squared_test": (lambda a, _: stats.chi_squared_test(a), COUNTS, {"": None}),
    "fisher_exact_test": (lambda a, _: stats.fisher_exact_test(a), COUNTS, {"": None}),
    "vif": (lambda a, _: stats.vif(a), {"fine": frame(FINE_SCORE), **SCORES, **CUBES}, {"": None}),
    "adjust_pvalues": (lambda a, _: stats.adjust_pvalues(a), {**PROBABILITIES, **SCORES}, {"": None}),
    "proportion_ci": (
        lambda a, b: stats.proportion_ci(a, b),
        {"fine": 3, "zero": 0, "more": 9, "negative": -1, "NaN": np.nan, "text": "a"}, {"fine": 5, "zero": 0},
    ),
    "cox_univariable": (lambda y, x: stats.cox_univariable(frame(x), y), SURVIVAL, SCORES),
    "CoxModel": (
        lambda y, x: survival.CoxModel().fit(frame(x), y).predict_survival(frame(x), [1.0, 1e9]), SURVIVAL, SCORES,
    ),
    "CoxModel.robust": (
        lambda y, x: survival.CoxModel(ties="breslow", robust=True).fit(frame(x), y).summary_, SURVIVAL, SCORES,
    ),
    "proportional_hazards_test": (
        lambda y, x: survival.proportional_hazards_test(survival.CoxModel().fit(frame(x), y), frame(x), y),
        SURVIVAL, SCORES,
    ),
    "RiskStratifier": (
        lambda y, x: survival.RiskStratifier(survival.CoxModel()).fit(frame(x), y).predict(frame(x)),
        SURVIVAL, SCORES,
    ),
    "FineGray": (
        lambda t, c: FineGray().fit(frame(FINE_SCORE), pd.DataFrame({"time": t, "cause": c[: len(t)]})).summary_,
        TIMES, CAUSES,
    ),
    "LogisticModel": (lambda y, x: models.LogisticModel().fit(frame(x), y).summary_, OUTCOMES, SCORES),
    "LogisticModel.ridge": (lambda y, x: models.LogisticModel(penalty=0.1).fit(frame(x), y), OUTCOMES, SCORES),
    "univariable_table": (lambda y, x: models.univariable_table(frame(x), y), OUTCOMES, SCORES),
    "multivariable_table": (
        lambda y, x: models.multivariable_table(frame(x), y, stepwise="backward"), OUTCOMES, SCORES,
    ),
    "Nomogram": (
        lambda y, x: nomogram.Nomogram.from_model(models.LogisticModel().fit(frame(x), y)).scale, OUTCOMES, SCORES,
    ),
    "Nomogram.cox": (
        lambda y, x: nomogram.Nomogram.from_model(survival.CoxModel().fit(frame(x), y), times=[2.0]).scale,
        SURVIVAL, SCORES,
    ),
    "table_one": (lambda x, _: stats.table_one(frame(x)), SCORES, {"": None}),
}  # fmt: skip


def combinations() -> Iterator[Any]:
    for name, (use, first, second) in USES.items():
        pairs = [(a, next(iter(second))) for a in first] + [(next(iter(first)), b) for b in second][1:]
        for a, b in pairs:
            yield pytest.param(use, first[a], second[b], id=f"{name}-{a}-{b}")


def fitting(value: Any, like: Any) -> Any:
    """As many values as the other argument has, where that one is short by design."""
    n = len(like) if np.ndim(like) else N
    return value[:n] if isinstance(value, np.ndarray) and value.ndim == 1 and len(value) == N and n < N else value


def refuse_false_certainty(result: Any) -> None:
    """No p-value without a statistic, a standard error and an estimate, and none of exactly 0 but by underflow.

    One other may be 0: Hosmer and Lemeshow's, where an event of probability 0 has happened. Exact tests
    have no statistic.
    """
    table = result.to_frame() if hasattr(result, "to_frame") and not isinstance(result, pd.Series) else result
    if not isinstance(table, pd.DataFrame):
        return
    said = {c for c in table.columns if str(c).endswith("p_value")}
    for name in said:
        p = table[name].to_numpy(float)
        named = "u_chi2" if name == "u_p_value" else name.replace("p_value", "z") if name != "p_value" else "statistic"
        numeric = named in table and table[named].dtype.kind == "f"
        z = table[named].abs().to_numpy(float) if numeric else np.zeros(len(p))
        beyond = ((z > 37) & ((z < 1e6) | (name != "p_value"))) | np.isinf(z)
        assert not (p[~beyond] == 0).any(), f"{name} is 0"
        if "df" in table and table["df"].isna().all() and "se" not in table:
            continue
        for needed in {"statistic", "se", "difference", "kappa", "bias", "icc", "nri", "idi"} & set(table.columns):
            if name == "p_value" and table[needed].dtype.kind == "f":
                assert np.isnan(p[np.isnan(table[needed].to_numpy(float))]).all(), f"p-value without {needed}"


@pytest.mark.parametrize(("use", "first", "second"), list(combinations()))
def test_a_value_or_an_error_that_says_what_to_do(use: Callable[..., Any], first: Any, second: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", RadiokitWarning)
        try:
            refuse_false_certainty(use(first, fitting(second, first)))
        except RadiokitError as error:
            said = str(error)
            assert re.search(r"require|need|drop|lacks|give|recode|encode|impute|lower|must", said, re.I), said
        except ValueError as error:
            # scikit-learn's own check of X, in its own words; "All arrays" is pandas refusing this test's columns.
            source = inspect.getmodule(inspect.trace()[-1][0])
            assert source is not None and source.__name__.startswith(("sklearn", "pandas")), error


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.auc(FINE_OUTCOME, FINE_SCORE, confidence_level="a"),
        lambda: stats.threshold_metrics(FINE_OUTCOME, FINE_SCORE, "a"),
        lambda: stats.calibration_table(FINE_OUTCOME, P1, bins=2.5),
        lambda: stats.calibration_table(FINE_OUTCOME, P1, bins=0),
        lambda: stats.hosmer_lemeshow(FINE_OUTCOME, P1, groups=2),
        lambda: stats.brier_decomposition(FINE_OUTCOME, P1, bins=0),
        lambda: stats.decision_curve(SURVIVAL["fine"], {"m": P1}, time=1e9),
        lambda: stats.decision_curve(FINE_OUTCOME, {"m": P1}, thresholds=[np.nan]),
        lambda: stats.rmst(SURVIVAL["fine"], tau=-1),
        lambda: stats.logrank_test(SURVIVAL["fine"], None),
        lambda: survival.optimal_cutpoint(SURVIVAL["fine"], FINE_SCORE, min_prop=0.6),
        lambda: models.LogisticModel(firth=True).fit(RNG.normal(size=(N, 20)), FINE_OUTCOME),
        lambda: models.LogisticModel().fit(pd.DataFrame({"a": list("ab") * 6}), FINE_OUTCOME),
        lambda: survival.CoxModel().fit(pd.DataFrame({"a": 1e300 * FINE_SCORE}), SURVIVAL["fine"]),
        lambda: models.univariable_table(pd.DataFrame(index=range(N)), FINE_OUTCOME),
        lambda: stats.vif(np.ones((0, 2))),
    ],
)
def test_options_out_of_range(call: Callable[[], Any]) -> None:
    with pytest.raises(InputError):
        call()
