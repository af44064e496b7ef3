"""Several cases a patient: Obuchowski's areas, Rao and Scott's proportions, by loops, bootstrap and stored values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit import stats
from radiokit.exceptions import InputError


def lesions(n_patients: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, two scores and patients: one to five lesions each, alike within a patient."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), rng.integers(1, 6, n_patients))
    shared = rng.normal(size=n_patients)[groups]
    y = rng.random(groups.size) < 1 / (1 + np.exp(-shared))
    a, b = (y + shared + rng.normal(0, 1.5, groups.size) for _ in range(2))
    return y, a, b, groups


def obuchowski(y: np.ndarray, scores: list[np.ndarray], groups: np.ndarray) -> tuple[list[float], np.ndarray]:
    """The formulas of Obuchowski 1997 in plain loops: areas and their covariance."""
    patients = sorted(set(groups.tolist()))
    m, n = int(y.sum()), int((~y).sum())
    areas, of_cases, of_controls = [], [], []
    for score in scores:
        x, w = score[y], score[~y]
        v10 = [np.mean([(s > t) + 0.5 * (s == t) for t in w]) for s in x]
        v01 = [np.mean([(s > t) + 0.5 * (s == t) for s in x]) for t in w]
        area = float(np.mean(v10))
        areas.append(area)
        of_cases.append([sum(v - area for v, g in zip(v10, groups[y], strict=True) if g == p) for p in patients])
        of_controls.append([sum(v - area for v, g in zip(v01, groups[~y], strict=True) if g == p) for p in patients])
    i10, i01, i = len(set(groups[y])), len(set(groups[~y])), len(patients)
    s10 = i10 / ((i10 - 1) * m) * np.array([[np.dot(p, q) for q in of_cases] for p in of_cases])
    s01 = i01 / ((i01 - 1) * n) * np.array([[np.dot(p, q) for q in of_controls] for p in of_controls])
    s11 = i / (i - 1) * np.array([[np.dot(p, q) for q in of_controls] for p in of_cases])
    return areas, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


@pytest.mark.parametrize("seed", range(3))
def test_area_and_comparison_are_obuchowskis(seed: int) -> None:
    y, a, b, groups = lesions(seed=seed)
    areas, covariance = obuchowski(y, [a, b], groups)
    one = stats.auc(y, a, groups=groups)
    assert (one.auc, one.se) == pytest.approx((areas[0], np.sqrt(covariance[0, 0])), rel=1e-12)
    assert one.method == "obuchowski"
    both = stats.delong_test(y, a, b, groups=groups)
    se = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert (both.difference, both.se) == pytest.approx((areas[0] - areas[1], se), rel=1e-10)
    pair = stats.compare_aucs(y, {"a": a, "b": b}, groups=groups).iloc[0]
    assert (pair["se"], pair["p_value"]) == (both.se, both.p_value)


def test_standard_error_is_that_of_a_bootstrap_of_patients() -> None:
    y, a, b, groups = lesions(80, seed=5)
    rows = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    rng = np.random.default_rng(0)
    drawn = [np.concatenate([rows[g] for g in rng.integers(0, len(rows), len(rows))]) for _ in range(800)]
    areas = np.array([[stats.auc(y[d], s[d]).auc for s in (a, b)] for d in drawn])
    assert stats.auc(y, a, groups=groups).se == pytest.approx(areas[:, 0].std(ddof=1), rel=0.1)
    se = stats.delong_test(y, a, b, groups=groups).se
    assert se == pytest.approx((areas[:, 0] - areas[:, 1]).std(ddof=1), rel=0.1)
    assert stats.auc(y, a, groups=groups).se > stats.auc(y, a).se  # lesions of a patient are alike


def test_with_one_lesion_a_patient_it_is_delongs_to_the_bit() -> None:
    y, a, b, _ = lesions()
    names = np.array([f"P{i}" for i in np.random.default_rng(1).permutation(y.size)])
    assert stats.auc(y, a, groups=names) == stats.auc(y, a)
    assert stats.delong_test(y, a, b, groups=names).to_frame().equals(stats.delong_test(y, a, b).to_frame())
    pd.testing.assert_frame_equal(stats.threshold_metrics(y, a, 0.5, groups=names), stats.threshold_metrics(y, a, 0.5))


def test_a_patient_with_a_share_of_positives_of_its_own_is_no_infinity() -> None:
    """One patient with three lesions, one of them positive, among 197 with one: the standard error hardly moves."""
    rng = np.random.default_rng(3)
    y = np.arange(200) % 2 == 0
    a, b = y + rng.normal(0, 2, 200), y + rng.normal(0, 2, 200)
    groups = np.arange(200)
    groups[[1, 3]] = 0
    plain, grouped = stats.delong_test(y, a, b), stats.delong_test(y, a, b, groups=groups)
    assert grouped.se == pytest.approx(plain.se, rel=0.05)
    assert grouped.p_value == pytest.approx(plain.p_value, abs=0.05)


def test_one_patient_of_a_class_has_no_standard_error() -> None:
    y, score = np.array([1, 1, 0, 0, 0]), np.array([3.0, 2.0, 1.0, 2.5, 0.0])
    result = stats.auc(y, score, groups=[0, 0, 1, 2, 3])
    assert np.isnan([result.se, result.ci_low, result.ci_high]).all()
    test = stats.delong_test(y, score, -score, groups=[0, 0, 1, 2, 3])
    assert np.isnan([test.se, test.statistic, test.p_value]).all()


def test_a_missing_patient_is_refused() -> None:
    y, a, _, groups = lesions()
    names = groups.astype(object)
    names[3] = None
    for call in (stats.auc, lambda y, s, groups: stats.threshold_metrics(y, s, 0.0, groups=groups)):
        with pytest.raises(InputError, match="1 missing"):
            call(y, a, groups=names)


def test_proportions_by_patient() -> None:
    """svymean's ratio estimator by loops; Wilson's interval of n over the design effect, solved as a quadratic."""
    y, a, _, groups = lesions(seed=2)
    table = stats.threshold_metrics(y, a, 0.7, groups=groups)
    assert table["estimate"].equals(stats.threshold_metrics(y, a, 0.7)["estimate"])
    right = (a >= 0.7) == y
    z = 1.959963984540054
    for name, among in (
        ("sensitivity", y),
        ("specificity", ~y),
        ("ppv", a >= 0.7),
        ("npv", a < 0.7),
        ("accuracy", y | ~y),
    ):
        p, n = right[among].mean(), among.sum()
        sums = [(right[among & (groups == g)] - p).sum() for g in set(groups[among])]
        variance = len(sums) / (len(sums) - 1) * sum(s**2 for s in sums) / n**2
        size = p * (1 - p) / variance
        limits = np.sort(np.roots([1 + z**2 / size, -2 * p - z**2 / size, p**2]))
        np.testing.assert_allclose(table.loc[name, ["ci_low", "ci_high"]].astype(float), limits, rtol=1e-9)


def test_ratios_by_patient_are_those_of_a_jackknife_of_patients() -> None:
    y, a, _, groups = lesions(300, seed=4)
    table = stats.threshold_metrics(y, a, 0.7, groups=groups)
    names = ["mcc", "lr_positive", "lr_negative"]
    left = [stats.threshold_metrics(y[groups != g], a[groups != g], 0.7)["estimate"][names] for g in range(300)]
    values = np.array(left)
    values[:, 1:] = np.log(values[:, 1:])
    se = np.sqrt(299 / 300 * ((values - values.mean(axis=0)) ** 2).sum(axis=0))
    limits = table.loc[names, ["ci_low", "ci_high"]].to_numpy(copy=True)
    limits[1:] = np.log(limits[1:])
    np.testing.assert_allclose(np.diff(limits)[:, 0] / (2 * 1.959963984540054), se, rtol=0.02)


def test_all_right_or_all_wrong_counts_patients() -> None:
    y, score, groups = np.array([1, 1, 1, 1, 0, 0]), np.array([2.0, 2, 2, 2, 0, 0]), np.array([0, 0, 1, 1, 2, 3])
    table = stats.threshold_metrics(y, score, 1.0, groups=groups)
    low, _ = stats.proportion_ci(2, 2)
    assert table.loc["sensitivity"].tolist() == pytest.approx([1.0, float(low), 1.0])


def test_balanced_patients_have_wide_intervals() -> None:
    """Every patient right in one of two: nothing varies between patients, which proves nothing of patients."""
    y, score, groups = np.ones(8, int), np.tile([0.0, 1.0], 4), np.repeat(np.arange(4), 2)
    row = stats.threshold_metrics(y, score, 0.5, groups=groups).loc["sensitivity"]
    low, high = stats.proportion_ci(2, 4)
    assert row.tolist() == pytest.approx([0.5, float(low), float(high)])


def test_values_computed_in_r_on_two_eyes_a_patient(shared) -> None:
    """Diabetic retinopathy (survival::retinopathy), Obuchowski's formula in R and svymean of the survey package."""
    d = pd.read_csv(shared / "oracles" / "data2" / "retina.csv")
    one = stats.auc(d["status"], d["risk"], groups=d["id"])
    assert (one.auc, one.se) == pytest.approx((0.58208935078958024, 0.030254770838260867), rel=1e-10)
    both = stats.delong_test(d["status"], d["risk"], d["score2"], groups=d["id"])
    assert (both.statistic, both.p_value) == pytest.approx((1.6790705960482091, 0.093138285999109852), rel=1e-9)
    table = stats.threshold_metrics(d["status"], d["risk"], 10, groups=d["id"])
    right = {
        "sensitivity": (0.54689664471375354, 0.69854868690681793),
        "npv": (0.63235678838476161, 0.76697000419382921),
    }
    for name, limits in right.items():
        np.testing.assert_allclose(table.loc[name, ["ci_low", "ci_high"]].astype(float), limits, rtol=1e-9)
