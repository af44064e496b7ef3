"""ROC against pROC's stored values, properties that any AUC must have, and bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import (
    auc,
    compare_aucs,
    delong_test,
    delong_test_unpaired,
    optimal_threshold,
    partial_auc,
    roc_curve,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
    threshold_metrics,
)

MARKERS = ("m1", "m2", "m3", "age")


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_01_roc.json").read_text())["results"]


@pytest.fixture(scope="module")
def data(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles/data/shared_roc.csv", float_precision="round_trip")


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.random(60) < 0.4
    return y, np.round(rng.normal(size=60) + y, 1)


@pytest.mark.parametrize("marker", MARKERS)
def test_auc_is_procs(oracle: dict[str, Any], data: pd.DataFrame, marker: str) -> None:
    result = auc(data["y"], data[marker])
    ci = oracle[f"auc_ci95_delong.{marker}"]["value"]
    assert result.auc == pytest.approx(oracle[f"auc.{marker}"]["value"], rel=1e-12)
    assert result.se**2 == pytest.approx(oracle[f"auc_var_delong.{marker}"]["value"], rel=1e-10)
    assert (result.ci_low, result.ci_high) == pytest.approx((ci["lower"], ci["upper"]), rel=1e-10)


@pytest.mark.parametrize("marker", MARKERS)
def test_curve_is_procs(oracle: dict[str, Any], data: pd.DataFrame, marker: str) -> None:
    want = {
        k: np.array([float(str(v).replace("Inf", "inf")) for v in x])
        for k, x in oracle[f"curve.{marker}"]["value"].items()
    }
    got = roc_curve(data["y"], data[marker]).sort_values("threshold", kind="stable")
    order = np.argsort(want["thresholds"])
    np.testing.assert_allclose(got["threshold"], want["thresholds"][order], rtol=1e-14)
    np.testing.assert_allclose(got["sensitivity"], want["sensitivities"][order], rtol=1e-14)
    np.testing.assert_allclose(got["specificity"], want["specificities"][order], rtol=1e-14)


@pytest.mark.parametrize("marker", MARKERS)
def test_reading_the_curve_is_procs(oracle: dict[str, Any], data: pd.DataFrame, marker: str) -> None:
    at_sp, at_se = (oracle[f"{k}.{marker}"]["value"]["columns"] for k in ("se_at_sp", "sp_at_se"))
    got = sensitivity_at_specificity(data["y"], data[marker], at_sp["specificity"], n_bootstraps=0)
    np.testing.assert_allclose(got["sensitivity"], at_sp["sensitivity"], rtol=1e-12)
    got = specificity_at_sensitivity(data["y"], data[marker], at_se["sensitivity"], n_bootstraps=0)
    np.testing.assert_allclose(got["specificity"], at_se["specificity"], rtol=1e-12)


@pytest.mark.parametrize("pair", ["m1_vs_m2", "m1_vs_m3", "m2_vs_m3"])
def test_one_sided_p_is_procs(oracle: dict[str, Any], data: pd.DataFrame, pair: str) -> None:
    a, b = pair.split("_vs_")
    for side in ("less", "greater"):
        got = delong_test(data["y"], data[a], data[b], alternative=side).p_value
        assert got == pytest.approx(oracle[f"delong_paired_{side}.{pair}"]["value"], rel=1e-9)


def test_unpaired_df_is_welchs(oracle: dict[str, Any], data: pd.DataFrame) -> None:
    one, two = data[data["group"] == 1], data[data["group"] == 0]
    got = delong_test_unpaired(one["y"], one["m1"], two["y"], two["m1"])
    want = oracle["delong_unpaired.m1"]["value"]
    assert got.df == pytest.approx(want["parameter"]["df"], rel=1e-10)
    assert got.p_value == pytest.approx(want["p.value"], rel=1e-9)


@pytest.mark.parametrize("marker", MARKERS)
def test_weighted_threshold_is_procs(oracle: dict[str, Any], data: pd.DataFrame, marker: str) -> None:
    row = oracle[f"youden_weighted.{marker}"]["value"]["columns"]
    got = optimal_threshold(data["y"], data[marker], cost=2, prevalence=0.3)
    assert got.value == pytest.approx(np.atleast_1d(row["threshold"])[0], rel=1e-12)


@pytest.mark.parametrize("stem", ["diag.m1.ge0.21", "diag.m2.ge17.5"])
def test_likelihood_ratios_are_simels(oracle: dict[str, Any], data: pd.DataFrame, stem: str) -> None:
    _, marker, cut = stem.split(".", 2)
    got = threshold_metrics(data["y"], data[marker], float(cut[2:]))
    for row, key in (("lr_positive", "lr_pos"), ("lr_negative", "lr_neg")):
        np.testing.assert_allclose(got.loc[row], oracle[f"{stem}.lr_log_ci"]["value"][key], rtol=1e-10)


def test_auc_is_the_share_of_ordered_pairs(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    above = np.sign(score[y][:, None] - score[~y][None, :])
    assert auc(y, score).auc == pytest.approx(((above + 1) / 2).mean(), rel=1e-14)


def test_delong_is_the_textbook_variance(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    psi = (np.sign(score[y][:, None] - score[~y][None, :]) + 1) / 2
    variance = psi.mean(axis=1).var(ddof=1) / y.sum() + psi.mean(axis=0).var(ddof=1) / (~y).sum()
    assert auc(y, score).se == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_monotone_scores_and_order_of_cases_do_not_matter(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    order = np.random.default_rng(0).permutation(y.size)
    want = auc(y, score)
    for got in (auc(y, np.exp(score)), auc(y[order], score[order])):
        assert (got.auc, got.se) == pytest.approx((want.auc, want.se), rel=1e-12)
    assert auc(y, -score).auc == pytest.approx(1 - want.auc, rel=1e-12)
    assert auc(~y, -score).se == pytest.approx(want.se, rel=1e-12)


def test_degenerate_curves() -> None:
    y = np.array([0, 0, 1, 1])
    perfect, constant = auc(y, [1, 2, 3, 4]), auc(y, [5, 5, 5, 5])
    assert (perfect.auc, perfect.se, perfect.ci_low, perfect.ci_high) == (1, 0, 1, 1)
    assert (constant.auc, constant.se) == (0.5, 0)
    same = delong_test(y, [1, 3, 2, 4], [2, 6, 4, 8])
    assert (same.statistic, same.p_value) == (0, 1)
    opposite = delong_test(y, [1, 2, 3, 4], [4, 3, 2, 1])
    assert opposite.difference == 1
    assert np.isnan([opposite.statistic, opposite.p_value, opposite.ci_low]).all()  # four cases prove nothing
    assert math.isnan(auc([0, 0, 1], [1, 2, 3]).se)
    nothing = optimal_threshold(y, [5, 5, 5, 5])
    assert (nothing.value, nothing.ties) == (-math.inf, (-math.inf, math.inf))


def test_whole_range_is_the_auc(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    for options in ({}, {"max_fpr": 1}, {"min_tpr": 0}):
        assert partial_auc(y, score, **options) == pytest.approx(auc(y, score).auc, rel=1e-12)
    assert math.isnan(partial_auc(y, -score, max_fpr=0.2))


def test_ci_of_mcc_covers() -> None:
    rng = np.random.default_rng(1)
    cells = np.array([0.3, 0.1, 0.15, 0.45])
    tp, fp, fn, tn = cells
    truth = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    hits = []
    for a, b, c, d in rng.multinomial(200, cells, size=400):
        y, called = np.repeat([1, 0, 1, 0], [a, b, c, d]), np.repeat([1, 1, 0, 0], [a, b, c, d])
        row = threshold_metrics(y, called, 0.5).loc["mcc"]
        hits.append(row["ci_low"] <= truth <= row["ci_high"])
    assert 0.91 < np.mean(hits) < 0.985


def test_metrics_without_a_denominator_are_missing() -> None:
    table = threshold_metrics([0, 0, 1], [0.1, 0.2, 0.3], 9)
    assert table.loc["ppv"].isna().all()
    assert table.loc["sensitivity", "estimate"] == 0
    assert table.loc["lr_positive"].isna().all()
    only_negative = threshold_metrics([0, 0], [0.1, 0.9], 0.5)
    assert only_negative.loc["specificity", "estimate"] == 0.5
    assert only_negative.loc["sensitivity"].isna().all()


def test_compare_aucs_takes_a_dict_and_keeps_the_frame(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    frame = pd.DataFrame({"a": score, "b": -score, "c": score**2})
    before = frame.copy()
    left, right = compare_aucs(y, frame), compare_aucs(y, dict(frame))
    pd.testing.assert_frame_equal(left, right)
    pd.testing.assert_frame_equal(frame, before)


def test_bootstrap_interval_holds_the_estimate_and_repeats(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, score = sample
    first, second = (
        sensitivity_at_specificity(y, score, [0.5, 0.9], n_bootstraps=200, random_state=7) for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)
    assert (first["ci_low"] <= first["sensitivity"]).all()
    assert (first["sensitivity"] <= first["ci_high"]).all()


@pytest.mark.parametrize(
    ("y", "score", "error", "text"),
    [
        ([1, 1, 1], [1, 2, 3], OutcomeError, "one class only"),
        ([0, 1, 2], [1, 2, 3], OutcomeError, "required: 0 and 1"),
        ([0, 1, np.nan], [1, 2, 3], OutcomeError, "missing"),
        ([0, 1, 1], [1, np.nan, 3], InputError, "1 missing or infinite"),
        ([0, 1, 1], [1, 2], InputError, "shape"),
        ([0, 1, 1], ["a", "b", "c"], InputError, "not numbers"),
    ],
)
def test_bad_input_says_what_is_wrong(y: list[float], score: list[Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        auc(y, score)


def test_bad_options() -> None:
    y, score = [0, 1], [1.0, 2.0]
    with pytest.raises(InputError, match="one of them"):
        partial_auc(y, score, max_fpr=0.1, min_tpr=0.9)
    with pytest.raises(InputError, match="max_fpr"):
        partial_auc(y, score, max_fpr=0)
    with pytest.raises(InputError, match="criterion"):
        optimal_threshold(y, score, criterion="best")
    with pytest.raises(InputError, match="confidence_level"):
        auc(y, score, confidence_level=95)
    with pytest.raises(InputError, match="two or more"):
        compare_aucs(y, {"a": score})
    with pytest.raises(InputError, match="threshold"):
        threshold_metrics(y, score, math.nan)
    with pytest.raises(InputError, match="alternative"):
        delong_test(y, score, score, alternative="both")
