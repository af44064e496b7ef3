"""Concordance over pairs of patients, against pROC's definition, brute force and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit.stats import auc
from radiokit.utils import as_survival_target
from radiokit.validation import Predictions, compare_models, nested_cv, performance
from radiokit.validation.concordance import concordances
from radiokit.validation.metrics import cox_slope, harrell_c, rank_auc, recalibrate


def random_cohort(n: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.4
    return y, 1 / (1 + np.exp(-(y + rng.normal(size=n))))


def test_one_set_equals_the_auc_and_is_narrower_than_delong_by_the_known_term() -> None:
    y, p = random_cohort()
    ours, theirs = concordances([Predictions(y, probability=p)]), auc(y, p)
    assert ours.estimates[0] == pytest.approx(theirs.auc, rel=1e-12)
    m, n, a = y.sum(), (~y).sum(), theirs.auc
    assert ours.covariance[0, 0] == pytest.approx(theirs.se**2 - a * (1 - a) / (m * n), rel=1e-10)


def test_duplicated_patients_do_not_narrow_the_interval() -> None:
    y, p = random_cohort()
    once = concordances([Predictions(y, probability=p)])
    groups = np.tile(np.arange(y.size), 3)
    thrice = concordances([Predictions(np.tile(y, 3), probability=np.tile(p, 3), groups=groups)])
    np.testing.assert_allclose(thrice.estimates, once.estimates)
    np.testing.assert_allclose(thrice.covariance, once.covariance)


def test_order_of_cases_does_not_matter() -> None:
    y, p = random_cohort()
    fold = np.arange(y.size) % 4
    shuffled = np.random.default_rng(1).permutation(y.size)
    whole = Predictions(y, probability=p, fold=fold, source="out-of-fold")
    a, b = concordances([whole]), concordances([whole.take(shuffled)])
    np.testing.assert_allclose([a.estimates[0], a.covariance[0, 0]], [b.estimates[0], b.covariance[0, 0]])


def test_only_pairs_of_one_fold_count() -> None:
    y = np.array([0, 1, 0, 1])
    p = Predictions(y, probability=[0.1, 0.2, 0.8, 0.9], fold=[0, 0, 1, 1], source="out-of-fold")
    assert concordances([p]).estimates[0] == 1.0
    assert rank_auc(p.y_true, p.probability) == 0.75


def test_survival_pairs() -> None:
    y = as_survival_target([1, 0, 1, 0, 1], [1, 2, 3, 3, 5])
    risk = np.array([2.0, 1.0, 0.5, 0.7, 0.1])
    expected = (4 + 1 + 0) / (4 + 2)  # 0 beats four; 2 beats 4 and loses to 3, censored at its time
    assert harrell_c(y, risk) == pytest.approx(expected)
    assert concordances([Predictions(y, risk=risk)]).estimates[0] == pytest.approx(expected)


def test_comparison_out_of_fold_is_antisymmetric_and_zero_for_equals() -> None:
    y, p = random_cohort(80)
    fold = np.arange(y.size) % 5
    a = Predictions(y, probability=p, fold=fold, source="out-of-fold")
    b = Predictions(y, probability=p[::-1], fold=fold, source="out-of-fold")
    ab, ba = compare_models({"a": a, "b": b}), compare_models({"b": b, "a": a})
    assert ab.loc[0, "difference"] == pytest.approx(-ba.loc[0, "difference"])
    assert ab.loc[0, "p_value"] == pytest.approx(ba.loc[0, "p_value"])
    assert compare_models({"a": a, "same": a}).loc[0, ["difference", "p_value"]].tolist() == [0.0, 1.0]


def test_performance_by_patient_when_patients_repeat() -> None:
    y, p = random_cohort()
    groups = np.arange(y.size) // 2
    table = performance(Predictions(y, probability=p, groups=groups)).set_index("metric")
    assert table.loc["auc", "method"] == "obuchowski"
    assert table.loc["auc", "ci_low"] == auc(y, p, groups=groups).ci_low
    assert table.loc["brier", "ci_low"] < table.loc["brier", "estimate"] < table.loc["brier", "ci_high"]


class MeanDifference:
    """The simplest model that can overfit: scores by the difference of the class means."""

    def __new__(cls):
        from sklearn.base import BaseEstimator, ClassifierMixin

        class Model(ClassifierMixin, BaseEstimator):
            def fit(self, X, y):
                X = np.asarray(X)
                self.classes_ = np.array([0, 1])
                self.weight_, self.centre_ = X[y == 1].mean(0) - X[y == 0].mean(0), X.mean(0)
                return self

            def predict_proba(self, X):
                p = 1 / (1 + np.exp(-0.1 * (np.asarray(X) - self.centre_) @ self.weight_))
                return np.column_stack([1 - p, p])

        return Model()


def test_interval_covers_chance_on_noise() -> None:
    """150 null cohorts of 60 with 60 correlated features: the estimate is unbiased, the 95 % interval honest."""
    rng = np.random.default_rng(4)
    mixing = rng.normal(size=(4, 60))
    estimates, covered = [], []
    for seed in range(150):
        X = pd.DataFrame(rng.normal(size=(60, 4)) @ mixing + rng.normal(size=(60, 60)))
        row = nested_cv(MeanDifference(), X, np.arange(60) % 2, random_state=seed).summary.iloc[0]
        estimates.append(row["estimate"])
        covered.append(row["ci_low"] <= 0.5 <= row["ci_high"])
    assert abs(np.mean(estimates) - 0.5) < 3 * np.std(estimates) / np.sqrt(150)
    assert 0.90 <= np.mean(covered) <= 0.995


def test_recalibration_equals_a_plain_logistic_fit() -> None:
    import statsmodels.api as sm

    y, p = random_cohort(80, 3)
    lp = np.log(p / (1 - p))
    fit = sm.Logit(y.astype(float), sm.add_constant(lp)).fit(disp=0, tol=1e-12)
    intercept, slope, r2 = recalibrate(y, p)
    np.testing.assert_allclose([intercept, slope], fit.params, rtol=1e-7)
    n = y.size
    nagelkerke = (1 - np.exp(2 * (fit.llnull - fit.llf) / n)) / (1 - np.exp(2 * fit.llnull / n))
    assert r2 == pytest.approx(nagelkerke, rel=1e-7)


def test_recalibration_does_not_exist_under_separation() -> None:
    assert np.isnan(recalibrate(np.array([False, False, True]), np.array([0.1, 0.2, 0.3]))).all()


def test_cox_slope_equals_a_cox_model_with_ties() -> None:
    from statsmodels.duration.hazard_regression import PHReg

    rng = np.random.default_rng(5)
    risk = rng.normal(size=80)
    y = as_survival_target(rng.random(80) < 0.7, np.ceil(5 * rng.exponential(np.exp(-risk))))
    fit = PHReg(y["time"], risk[:, None], status=y["event"].astype(int), ties="efron").fit()
    assert cox_slope(y, risk) == pytest.approx(fit.params[0], rel=1e-6)


def lone_share(n: int = 200):
    """197 patients with one lesion, and one with three of which one is positive: a share that nobody else has."""
    rng = np.random.default_rng(8)
    y = np.arange(n) % 2 == 0
    groups = np.arange(n)
    groups[[1, 3]] = 0
    return y, groups, [1 / (1 + np.exp(-(y + rng.normal(0, 2, n)))) for _ in range(2)]


@pytest.mark.parametrize("source", ["test", "out-of-fold"])
def test_a_share_of_positives_of_its_own_gives_no_infinite_variance(source: str) -> None:
    y, groups, (a, b) = lone_share()
    fold = groups % 5 if source == "out-of-fold" else None
    made = [
        {name: Predictions(y, probability=p, groups=g, fold=fold, source=source) for name, p in (("a", a), ("b", b))}
        for g in (np.arange(y.size), groups)
    ]
    single, grouped = (compare_models(m).iloc[0] for m in made)
    assert grouped["difference"] == pytest.approx(single["difference"], rel=1e-12)  # groups change no estimate
    assert grouped["se"] == pytest.approx(single["se"], rel=0.05)
    assert 0.5 * single["p_value"] < grouped["p_value"] < 2 * single["p_value"]
    interval = performance(made[1]["a"], n_bootstraps=20).iloc[0]
    assert 0 < interval["ci_low"] < interval["estimate"] < interval["ci_high"] < 1


def test_several_lesions_within_folds_have_the_variance_of_a_bootstrap_of_patients() -> None:
    rng = np.random.default_rng(9)
    groups = np.repeat(np.arange(120), rng.integers(1, 5, 120))
    shared = rng.normal(size=120)[groups]
    y = rng.random(groups.size) < 1 / (1 + np.exp(-shared))
    p = 1 / (1 + np.exp(-(y + shared + rng.normal(size=groups.size))))
    whole = Predictions(y, probability=p, groups=groups, fold=np.zeros(y.size), source="out-of-fold")
    rows = [np.flatnonzero(groups == g) for g in range(120)]
    drawn = [np.concatenate([rows[g] for g in rng.integers(0, 120, 120)]) for _ in range(600)]
    spread = np.std([rank_auc(y[d], p[d]) for d in drawn], ddof=1)
    assert np.sqrt(concordances([whole]).covariance[0, 0]) == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize("survival", [False, True])
@pytest.mark.parametrize("outcome", [0, 1])
@pytest.mark.parametrize("source", ["test", "out-of-fold"])
def test_no_p_value_without_an_estimate_or_a_variance(survival: bool, outcome: int, source: str) -> None:
    """One class, no events: no AUC, no p-value, whatever the source; and one patient of a class has no variance."""
    rng = np.random.default_rng(0)
    y = np.full(12, outcome)
    if survival:
        y = as_survival_target(np.zeros(12, int) if not outcome else [1] + [0] * 11, np.full(12, 3.0))
        y["time"][0] = 5.0  # the one event is the last: no comparable pair
    kind = "risk" if survival else "probability"
    fold = np.arange(12) % 3 if source == "out-of-fold" else None
    made = {n: Predictions(y, **{kind: rng.random(12)}, source=source, fold=fold) for n in "ab"}
    row = compare_models(made).iloc[0]
    assert np.isnan(row[["statistic", "p_value", "p_adjusted", "se", "ci_low", "ci_high"]].astype(float)).all()
    table = performance(made["a"], n_bootstraps=20)
    assert np.isnan(table.loc[0, ["estimate", "ci_low", "ci_high"]].astype(float)).all()
    if not survival and source == "test":
        lone = np.r_[1 - outcome, y[1:]]
        made = {n: Predictions(lone, probability=rng.random(12)) for n in "ab"}
        assert np.isnan(compare_models(made).loc[0, ["statistic", "p_value"]].astype(float)).all()


def test_a_difference_without_variance_has_no_p_value() -> None:
    """A model that is always right against one that is always wrong, on four patients: no p-value of 0."""
    y = np.array([0, 0, 1, 1])
    right = Predictions(y, probability=[0.1, 0.2, 0.8, 0.9])
    wrong = Predictions(y, probability=[0.9, 0.8, 0.2, 0.1])
    row = compare_models({"a": right, "b": wrong}).iloc[0]
    assert row["difference"] == 1
    assert np.isnan(row[["statistic", "p_value"]].astype(float)).all()


def test_confidence_level_reaches_every_comparison() -> None:
    y, groups, (a, b) = lone_share()
    for g in (None, groups):
        made = {n: Predictions(y, probability=p, groups=g) for n, p in (("a", a), ("b", b))}
        wide, narrow = (compare_models(made, confidence_level=level).iloc[0] for level in (0.95, 0.8))
        ratio = (narrow["ci_high"] - narrow["ci_low"]) / (wide["ci_high"] - wide["ci_low"])
        assert ratio == pytest.approx(1.2815515655446004 / 1.959963984540054, rel=1e-9)  # normal quantiles


@pytest.mark.parametrize("sign", [1, -1])
def test_limits_of_a_difference_end_at_one(sign: int) -> None:
    """Two areas in [0, 1] differ by 1 at most; the interval of few survival cases would go beyond."""
    y = as_survival_target([1, 1, 1, 0, 1, 1], [1.0, 2, 3, 4, 5, 6])
    a, b = np.array([6.0, 5, 4, 3, 2, 1]), np.array([1.0, 2, 3.5, 3, 5, 6])
    made = {n: Predictions(y, risk=s) for n, s in zip("ab", (a, b)[::sign], strict=True)}
    row = compare_models(made).iloc[0]
    wald = row["difference"] + sign * 1.959963984540054 * row["se"]
    assert abs(wald) > 1
    assert row["ci_high" if sign == 1 else "ci_low"] == sign


def test_equal_risks_count_one_half() -> None:
    y = as_survival_target([1, 1, 0], [1.0, 2, 3])
    assert harrell_c(y, np.array([1.0, 1, 1])) == 0.5
    assert harrell_c(y, np.array([2.0, 1, 2])) == pytest.approx((1 + 0.5 + 0) / 3)
    assert concordances([Predictions(y, risk=[2.0, 1, 2])]).estimates[0] == pytest.approx(0.5)


def test_indices_that_do_not_exist_are_missing_in_silence() -> None:
    y = as_survival_target([1, 0, 1], [1.0, 2, 3])
    assert np.isnan(cox_slope(y, np.ones(3)))
    four = as_survival_target([1, 1, 1, 1], [1.0, 2, 3, 4])
    assert np.isfinite(cox_slope(four, np.array([0.5, 0.0, 1.0, 0.7])))  # a range of exactly 1 is a range
    assert np.isnan(cox_slope(as_survival_target([0, 0, 0], [1.0, 2, 3]), np.arange(3.0)))
    assert np.isnan(harrell_c(as_survival_target([0, 0, 1], [1.0, 2, 3]), np.arange(3.0)))
    assert np.isnan(rank_auc(np.ones(3, dtype=bool), np.arange(3.0)))
    assert np.isnan(rank_auc(np.zeros(3, dtype=bool), np.arange(3.0)))
    assert np.isnan(recalibrate(np.array([True, False, True]), np.full(3, 0.5))).all()
