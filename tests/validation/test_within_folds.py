"""Out-of-fold survival within folds: by loops, against strata of survdiff's kind, and on cohorts without a signal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from radiokit import stats
from radiokit.engine.maxstat import logrank_scores
from radiokit.exceptions import InputError
from radiokit.utils import as_survival_target
from radiokit.validation import (
    Predictions,
    leave_one_center_out,
    logrank_within_folds,
    nested_cv,
    time_auc_within_folds,
)


def out_of_fold(seed: int, n: int = 60, p: int = 30, folds: int = 5, repeats: int = 1, signal: float = 0.0):
    """A cohort and its out-of-fold risks by weighted sums of features; groups by the median of the training scores."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    death, lost = rng.exponential(np.exp(-signal * X[:, 0])), rng.exponential(2.5, n)
    y = as_survival_target(death <= lost, np.minimum(death, lost))
    parts, high = [], []
    for repeat in range(repeats):
        fold = rng.permutation(np.arange(n) % folds)
        risk, group = np.empty(n), np.empty(n, dtype=bool)
        for k in range(folds):
            train, test = fold != k, fold == k
            score = X @ (X[train].T @ logrank_scores(y["time"][train], y["event"][train]))
            risk[test], group[test] = score[test], score[test] > np.median(score[train])
        parts.append(pd.DataFrame({"row": np.arange(n), "risk": risk, "fold": fold, "repeat": repeat}))
        high.append(group)
    table = pd.concat(parts)
    rows = table["row"].to_numpy()
    made = Predictions(
        y[rows], risk=table["risk"], ids=rows, fold=table["fold"], repeat=table["repeat"], source="out-of-fold"
    )
    return made, np.concatenate(high)


def test_one_repeat_is_the_stratified_test_over_the_factor_of_shared_training() -> None:
    p, high = out_of_fold(0, signal=1.0)
    plain = stats.logrank_test(p.y_true, high, strata=p.fold)
    found = logrank_within_folds(p, high)
    assert found.statistic == pytest.approx(plain.statistic / (1 + 5 * 12 / 48), rel=1e-12)  # 1 + k n_test / n_train
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1), rel=1e-12)
    assert logrank_within_folds(p, np.where(high, "high", "low")).statistic == pytest.approx(found.statistic)


def test_repeats_are_averaged_and_narrow_the_variance_by_what_is_seen_between_them() -> None:
    p, high = out_of_fold(1, repeats=4, signal=0.5)
    u, v = [], []
    for r in range(4):
        mine = p.repeat == r
        total = spread = 0.0
        for k in range(5):
            own = mine & (p.fold == k)
            y, g = p.y_true[own], high[own]
            for t in np.unique(y["time"][y["event"]]):  # the log-rank test, written out
                at_risk, now = y["time"] >= t, (y["time"] == t) & y["event"]
                n, d, m = at_risk.sum(), now.sum(), (at_risk & g).sum()
                total += (now & g).sum() - d * m / n
                spread += d * (n - d) / max(n - 1, 1) * m / n * (1 - m / n)
        u.append(total)
        v.append(spread)
    variance = max(2.25 * np.mean(v) - 3 / 4 * np.var(u, ddof=1), np.mean(v))
    assert logrank_within_folds(p, high).statistic == pytest.approx(np.mean(u) ** 2 / variance, rel=1e-10)


def test_without_a_signal_it_rejects_no_more_often_than_it_says() -> None:
    """300 null cohorts: pooled groups reject about three times too often, within folds at most 5 % (3 SE: 8.8 %)."""
    pooled, within, covered = [], [], []
    for seed in range(300):
        p, high = out_of_fold(seed)
        if 0 < high.sum() < high.size:
            pooled.append(stats.logrank_test(p.y_true, high).p_value < 0.05)
        within.append(logrank_within_folds(p, high).p_value < 0.05)
        row = time_auc_within_folds(p, float(np.median(p.y_true["time"]))).iloc[0]
        covered.append(row["ci_low"] <= 0.5 <= row["ci_high"])
    assert np.mean(pooled) > 0.088  # why it is not offered
    assert np.mean(within) < 0.06
    assert np.mean(covered) > 0.93


def test_with_a_signal_it_finds_it() -> None:
    p, high = out_of_fold(2, n=150, p=2, signal=1.5)
    assert logrank_within_folds(p, high).p_value < 0.001
    row = time_auc_within_folds(p, 0.5).iloc[0]
    assert 0.5 < row["ci_low"] < row["auc"] < row["ci_high"] < 1


def test_time_auc_is_the_mean_over_folds_by_pairs() -> None:
    p, _ = out_of_fold(3, signal=1.0)
    found = time_auc_within_folds(p, [0.5, 0.9, 1e9])
    for t, row in zip((0.5, 0.9), found.itertuples(), strict=False):
        parts = [stats.time_auc(p.y_true[p.fold == k], p.risk[p.fold == k], [t]).iloc[0] for k in range(5)]
        parts = [part for part in parts if np.isfinite(part["auc"])]
        weight = np.array([part["n_cases"] * part["n_controls"] for part in parts], dtype=float)
        areas, errors = (np.array([part[c] for part in parts]) for c in ("auc", "se"))
        assert row.auc == pytest.approx(np.average(areas, weights=weight), rel=1e-12)
        se = np.sqrt(2.25 * (weight**2 @ errors**2) / weight.sum() ** 2)
        half = 1.959963984540054 * se / (row.auc * (1 - row.auc))
        middle = np.log(row.auc / (1 - row.auc))
        limits = 1 / (1 + np.exp(-np.array([middle - half, middle + half])))
        np.testing.assert_allclose([row.ci_low, row.ci_high], limits, rtol=1e-9)
        assert row.n_folds == len(parts)
    assert found.iloc[2].isna().sum() == 3
    assert found.iloc[2]["n_folds"] == 0


def test_level_and_repeats_of_the_time_auc() -> None:
    p, _ = out_of_fold(4, repeats=3, signal=1.0)
    wide, narrow = (time_auc_within_folds(p, 0.7, confidence_level=c).iloc[0] for c in (0.99, 0.5))
    assert wide["ci_low"] < narrow["ci_low"] < narrow["ci_high"] < wide["ci_high"]
    assert wide["n_folds"] == 15
    own = [time_auc_within_folds(p.take(p.repeat == r), 0.7).iloc[0]["auc"] for r in range(3)]
    assert wide["auc"] == pytest.approx(np.mean(own), rel=1e-12)


def test_what_has_no_folds_or_no_groups_is_refused() -> None:
    p, high = out_of_fold(5)
    frozen = Predictions(p.y_true, risk=p.risk, source="test")
    with pytest.raises(InputError, match="out-of-fold"):
        logrank_within_folds(frozen, high)
    with pytest.raises(InputError, match="out-of-fold"):
        time_auc_within_folds(frozen, 1.0)
    binary = Predictions(high, probability=np.full(60, 0.5), fold=p.fold, source="out-of-fold")
    with pytest.raises(InputError, match="survival outcome"):
        logrank_within_folds(binary, high)
    with pytest.raises(InputError, match="2"):
        logrank_within_folds(p, np.ones(60))
    with pytest.raises(InputError, match="3 groups"):
        logrank_within_folds(p, np.arange(60) % 3)
    lesions = Predictions(p.y_true, risk=p.risk, groups=np.arange(60) // 2, fold=p.fold, source="out-of-fold")
    with pytest.raises(InputError, match="30 rows are of patients that have several"):
        logrank_within_folds(lesions, high)


def test_folds_without_both_groups_say_nothing() -> None:
    y = as_survival_target([1, 1, 1, 1], [1.0, 2, 3, 4])
    p = Predictions(y, risk=[1.0, 2, 3, 4], fold=[0, 0, 1, 1], source="out-of-fold")
    test = logrank_within_folds(p, [0, 0, 1, 1])
    assert np.isnan([test.statistic, test.p_value]).all()


class Prevalence:
    """A model with the right slope within centres, and the level of the others' prevalence."""

    def __new__(cls):
        from sklearn.base import BaseEstimator, ClassifierMixin

        class Model(ClassifierMixin, BaseEstimator):
            def fit(self, X, y):
                self.classes_ = np.array([0, 1])
                self.level_ = np.log(y.mean() / (1 - y.mean()))
                return self

            def predict_proba(self, X):
                p = 1 / (1 + np.exp(-(self.level_ + np.asarray(X)[:, 0])))
                return np.column_stack([1 - p, p])

        return Model()


def test_slope_of_left_out_centres_is_that_within_them() -> None:
    """Prevalence 0.1 to 0.9 by centre: pooled scores run the wrong way, within centres the slope is right."""
    rng = np.random.default_rng(0)
    center = np.repeat([0, 1, 2, 3], 150)
    x = rng.normal(size=600)
    y = (rng.random(600) < 1 / (1 + np.exp(-(x + np.array([-2.2, -0.7, 0.7, 2.2])[center])))).astype(int)
    result = leave_one_center_out(Prevalence(), pd.DataFrame({"x": x}), y, center)
    summary = result.summary.set_index("metric")
    lp = np.log(result.predictions.probability / (1 - result.predictions.probability))
    import statsmodels.api as sm

    design = np.column_stack([lp, np.eye(4)[result.predictions.fold]])
    right = sm.Logit(result.predictions.y_true.astype(float), design).fit(disp=0).params[0]
    assert summary.loc["calibration_slope", "estimate"] == pytest.approx(right, rel=1e-5)
    assert abs(right - 1) < 0.3
    pooled = sm.Logit(result.predictions.y_true.astype(float), sm.add_constant(lp)).fit(disp=0).params[1]
    assert pooled < 0.4  # what it would have been
    assert not {"auc_pooled", "r2"} & set(summary.index)
    assert np.isnan(summary.loc["calibration_intercept", "estimate"])
    assert {"calibration_intercept", "auc_pooled"} <= set(nested_cv(Prevalence(), x[:, None], y).summary["metric"])
