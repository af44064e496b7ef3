"""Labels of pandas inputs: the same rows in one order, or an error, at every door that takes two inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiokit import harmonization, models, plotting, selection, stats, survival, validation
from radiokit.exceptions import InputError
from radiokit.survival.competing_risks import FineGray
from radiokit.utils import same_rows

N = 40
RNG = np.random.default_rng(0)
IDS = [f"P{i:02}" for i in range(N)]
TABLE = pd.DataFrame(
    {
        "y": np.arange(N) % 2,
        "p": RNG.uniform(0.05, 0.95, N),
        "q": RNG.uniform(0.05, 0.95, N),
        "g": np.arange(N) // 2 % 2,
        "k": np.arange(N) // 2,
        "time": RNG.exponential(3, N),
        "event": RNG.random(N) < 0.7,
        "cause": RNG.integers(0, 3, N),
        "w": RNG.uniform(0.5, 2, N),
    },
    index=IDS,
)
T = {c: TABLE[c] for c in TABLE}
T["x"] = TABLE[["p", "q"]]
T["s"] = TABLE[["event", "time"]]
T["c"] = TABLE[["cause", "time"]]
LR, CV = LogisticRegression(), {"outer": 2, "random_state": 0}
BOOT = {"n_bootstraps": 5, "random_state": 0}

# Every public function of case inputs, with the names of what it is given.
CALLS: dict[str, tuple[Callable[..., Any], str]] = {
    "auc": (stats.auc, "y p"),
    "auc.groups": (lambda y, p, k: stats.auc(y, p, groups=k), "y p k"),
    "roc_curve": (stats.roc_curve, "y p"),
    "delong_test": (lambda y, p, q, k: stats.delong_test(y, p, q, groups=k), "y p q k"),
    "delong_test_unpaired": (lambda y, p: stats.delong_test_unpaired(y, p, [0, 1, 1, 0], [1, 2, 3, 4]), "y p"),
    "mcnemar_test": (stats.mcnemar_test, "y g event"),
    "predictive_value_test": (stats.predictive_value_test, "y g event"),
    "auc_noninferiority": (lambda y, p, q: stats.auc_noninferiority(y, p, q, margin=0.1), "y p q"),
    "multiclass_auc": (
        lambda y, x: stats.multiclass_auc(y, x.set_axis([0, 1], axis=1)), "y x",
    ),
    "compare_aucs": (lambda y, p, q: stats.compare_aucs(y, {"a": p, "b": q}), "y p q"),
    "compare_aucs.table": (stats.compare_aucs, "y x"),
    "partial_auc": (stats.partial_auc, "y p"),
    "sensitivity_at": (lambda y, p: stats.sensitivity_at_specificity(y, p, 0.9, **BOOT), "y p"),
    "specificity_at": (lambda y, p: stats.specificity_at_sensitivity(y, p, 0.9, **BOOT), "y p"),
    "optimal_threshold": (stats.optimal_threshold, "y p"),
    "threshold_metrics": (lambda y, p, k: stats.threshold_metrics(y, p, 0.5, groups=k), "y p k"),
    "brier_score": (stats.brier_score, "y p"),
    "scaled_brier_score": (stats.scaled_brier_score, "y p"),
    "brier_decomposition": (stats.brier_decomposition, "y p"),
    "calibration": (stats.calibration, "y p"),
    "calibration_in_the_large": (stats.calibration_in_the_large, "y p"),
    "calibration_table": (stats.calibration_table, "y p"),
    "calibration_curve": (stats.calibration_curve, "y p"),
    "hosmer_lemeshow": (stats.hosmer_lemeshow, "y p"),
    "decision_curve": (lambda y, p: stats.decision_curve(y, {"m": p}), "y p"),
    "decision_curve.table": (stats.decision_curve, "y x"),
    "decision_curve_band": (lambda y, p: stats.decision_curve_band(y, {"m": p}, **BOOT), "y p"),
    "decision_curve_difference": (lambda y, p: stats.decision_curve_difference(y, {"m": p}, **BOOT), "y p"),
    "decision_curve.survival": (lambda s, p: stats.decision_curve(s, {"m": p}, time=2.0), "s p"),
    "net_reclassification": (stats.net_reclassification, "y p q"),
    "integrated_discrimination": (stats.integrated_discrimination, "y p q"),
    "reclassification_table": (lambda y, p, q: stats.reclassification_table(y, p, q, cutoffs=[0.5]), "y p q"),
    "kaplan_meier": (lambda s, g, w: stats.kaplan_meier(s, groups=g, sample_weight=w), "s g w"),
    "median_survival": (lambda s, g: stats.median_survival(s, groups=g), "s g"),
    "logrank_test": (lambda s, g, k: stats.logrank_test(s, g, strata=k), "s g k"),
    "pairwise_logrank": (stats.pairwise_logrank, "s g"),
    "rmst": (lambda s, g: stats.rmst(s, groups=g, tau=2.0), "s g"),
    "rmst_difference": (lambda s, g: stats.rmst_difference(s, g, tau=2.0), "s g"),
    "concordance_index": (lambda s, p, w: stats.concordance_index(s, p, sample_weight=w), "s p w"),
    "compare_concordance": (stats.compare_concordance, "s p q"),
    "time_auc": (lambda s, p: stats.time_auc(s, p, [2.0]), "s p"),
    "compare_time_auc": (lambda s, p, q: stats.compare_time_auc(s, p, q, [2.0]), "s p q"),
    "brier_curve": (lambda s, x: stats.brier_curve(s, x, [1.0, 2.0]), "s x"),
    "integrated_brier": (lambda s, x: stats.integrated_brier(s, x, [1.0, 2.0]), "s x"),
    "survival_calibration_table": (lambda s, p: stats.survival_calibration_table(s, p, time=2.0), "s p"),
    "cumulative_incidence": (lambda t, c, g: stats.cumulative_incidence(t, c, groups=g), "time cause g"),
    "gray_test": (stats.gray_test, "time cause g"),
    "RocDisplay": (plotting.RocDisplay.from_predictions, "y p"),
    "RocDisplay.table": (plotting.RocDisplay.from_predictions, "y x"),
    "CalibrationDisplay": (lambda y, p, q: plotting.CalibrationDisplay.from_predictions(y, {"a": p, "b": q}), "y p q"),
    "DecisionCurveDisplay": (plotting.DecisionCurveDisplay.from_predictions, "y p"),
    "TimeAucDisplay": (lambda s, p: plotting.TimeAucDisplay.from_predictions(s, p, times=[2.0]), "s p"),
    "ScoreDisplay": (plotting.ScoreDisplay.from_predictions, "y p"),
    "KaplanMeierDisplay": (plotting.KaplanMeierDisplay.from_predictions, "s g"),
    "bland_altman": (stats.bland_altman, "p q"),
    "concordance_correlation": (stats.concordance_correlation, "p q"),
    "cohen_kappa": (stats.cohen_kappa, "y g"),
    "cox_univariable": (stats.cox_univariable, "x s"),
    "as_target": (survival.as_target, "event time"),
    "optimal_cutpoint": (survival.optimal_cutpoint, "s p"),
    "CoxModel": (lambda x, s, w, k: survival.CoxModel().fit(x, s, sample_weight=w, cluster=k), "x s w k"),
    "CoxModel.score": (lambda x, s: survival.CoxModel().fit(TABLE[["p", "q"]], T["s"]).score(x, s), "x s"),
    "schoenfeld_residuals": (
        lambda x, s: survival.schoenfeld_residuals(survival.CoxModel().fit(TABLE[["p", "q"]], T["s"]), x, s), "x s",
    ),
    "proportional_hazards_test": (
        lambda x, s: survival.proportional_hazards_test(survival.CoxModel().fit(TABLE[["p", "q"]], T["s"]), x, s),
        "x s",
    ),
    "CoxElasticNet": (lambda x, s: survival.CoxElasticNet(cv=2, random_state=0).fit(x, s), "x s"),
    "RiskStratifier": (lambda x, s: survival.RiskStratifier(survival.CoxModel()).fit(x, s), "x s"),
    "FineGray": (lambda x, c: FineGray().fit(x, c), "x c"),
    "LogisticModel": (lambda x, y, w: models.LogisticModel().fit(x, y, w), "x y w"),
    "CalibratedModel": (lambda x, y: models.CalibratedModel(LR, cv=2).fit(x, y), "x y"),
    "RadiomicsSignature": (lambda x, y: models.RadiomicsSignature(cv=2).fit(x, y), "x y"),
    "FusionClassifier": (lambda x, y: models.FusionClassifier({"a": (LR, ["p"])}, clinical=["q"]).fit(x, y), "x y"),
    "LogisticModel.score": (
        lambda x, y, w: models.LogisticModel().fit(TABLE[["p", "q"]], TABLE["y"]).score(x, y, w), "x y w",
    ),
    "RadiomicsSignature.score": (
        lambda x, y: models.RadiomicsSignature(cv=2).fit(TABLE[["p", "q"]], TABLE["y"]).score(x, y), "x y",
    ),
    "univariable_table": (models.univariable_table, "x y"),
    "multivariable_table": (models.multivariable_table, "x y"),
    "UnivariateSelector": (lambda x, y: selection.UnivariateSelector().fit(x, y), "x y"),
    "ComBat": (lambda x, y: harmonization.ComBat(batch="g").fit(x.assign(g=TABLE["g"]), y), "x p"),
    "nested_cv": (lambda x, y, k: validation.nested_cv(LR, x, y, groups=k, **CV), "x y k"),
    "optimism_bootstrap": (lambda x, y, k: validation.optimism_bootstrap(LR, x, y, groups=k, **BOOT), "x y k"),
    "calibration_curve_corrected": (
        lambda x, y, k: validation.calibration_curve_corrected(LR, x, y, groups=k, **BOOT), "x y k",
    ),
    "leave_one_center_out": (lambda x, y, g: validation.leave_one_center_out(LR, x, y, g), "x y g"),
    "Predictions": (lambda y, p, k: validation.Predictions(y, probability=p, groups=k), "y p k"),
    "evaluate": (
        lambda x, y, k: validation.evaluate(
            LR.fit(TABLE[["p", "q"]], TABLE["y"]), x, y, groups=k, training_ids=["Q"], n_bootstraps=5
        ),
        "x y k",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::radiokit.exceptions.RadiokitWarning")
@pytest.mark.parametrize(("call", "names"), CALLS.values(), ids=CALLS)
def test_labels_in_another_order_are_refused(call: Callable[..., Any], names: str) -> None:
    given = [T[n] for n in names.split()]
    call(*given)  # in order it works
    shuffled = RNG.permutation(N)
    for k in range(len(given)):
        other = [*given[:k], given[k].iloc[shuffled], *given[k + 1 :]]
        with pytest.raises(InputError, match=r"hold the same rows in another order.*\.loc\["):
            call(*other)
        renamed = [*given[:k], given[k].set_axis([f"Q{i}" for i in range(N)]), *given[k + 1 :]]
        with pytest.raises(InputError, match="name their rows differently"):
            call(*renamed)


def frames(*indexes: Any) -> dict[str, pd.Series]:
    return {f"v{i}": pd.Series(range(3), index=index) for i, index in enumerate(indexes)}


@pytest.mark.parametrize(
    "indexes",
    [
        (["a", "b", "c"], ["a", "b", "c"]),
        (["a", "b", "c"], None),  # a default index has no labels of its own
        ([1, 2, 3], ["1", "2", "3"]),
        ([7, 8, 9], None),
        (pd.RangeIndex(3), [0.0, 1.0, 2.0]),
        (None, ["a", "b", "c"], None),
    ],
)
def test_these_rows_go_together(indexes: Any) -> None:
    given = frames(*indexes)
    same_rows(**given)
    with pytest.raises(InputError, match="required"):  # one of them by other names is not let through
        same_rows(
            **given, other=pd.Series(range(3), index=["x", "y", "z"]), another=pd.Series(range(3), index=list("xzy"))
        )


@pytest.mark.parametrize(
    "indexes",
    [
        (["a", "b", "c"], ["b", "a", "c"]),
        (["a", "b", "c"], ["a", "b", "d"]),
        ([0, 1, 2], [2, 1, 0]),
        (None, [2, 0, 1]),
        (None, pd.RangeIndex(2, -1, -1)),
        (None, pd.RangeIndex(5, 8)),  # two slices of one table
        (None, ["a", "b", "c"], ["c", "b", "a"]),  # the two that have labels disagree
        (["a", "a", "b"], ["a", "b", "a"]),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]]), pd.MultiIndex.from_product([["a"], [3, 2, 1]])),
    ],
)
def test_these_do_not(indexes: Any) -> None:
    with pytest.raises(InputError, match="required"):
        same_rows(**frames(*indexes))


def test_arrays_lists_and_other_lengths_go_by_position() -> None:
    same_rows(a=np.arange(3), b=[1, 2, 3], c=None, d=pd.Series([1, 2, 3], index=list("abc")))
    same_rows(a=pd.Series([1, 2]), b=pd.Series([1, 2, 3]))  # the length is checked elsewhere
    with pytest.raises(InputError, match="required"):  # an array between two tables does not hide that they differ
        same_rows(a=pd.Series([1, 2], index=["a", "b"]), b=np.arange(2), c=pd.Series([1, 2], index=["b", "a"]))
