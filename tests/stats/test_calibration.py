"""Calibration against rms and base R, the laws it must obey, and degenerate probabilities."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from radiokit.engine.loess import fit_loess
from radiokit.engine.lowess import lowess
from radiokit.exceptions import DataWarning, InputError, OutcomeError, SeparationWarning
from radiokit.stats import (
    brier_decomposition,
    brier_score,
    calibration,
    calibration_curve,
    calibration_in_the_large,
    calibration_table,
    hosmer_lemeshow,
    scaled_brier_score,
    survival_calibration_table,
)

SMOOTH = pd.read_csv(Path(__file__).parents[1] / "golden" / "loess.csv", float_precision="round_trip")


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_03_calibration.json").read_text())["results"]


@pytest.fixture(scope="module", params=["dev", "val"])
def part(request: pytest.FixtureRequest, shared: Path) -> tuple[str, np.ndarray, np.ndarray]:
    data = pd.read_csv(shared / f"oracles/data/shared_calib_{request.param}.csv", float_precision="round_trip")
    return request.param, data["y"].to_numpy(), data["p"].to_numpy()


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    p = expit(rng.normal(size=150))
    return rng.random(150) < expit(0.3 + 0.7 * logit(p)), p


@pytest.mark.parametrize("name", SMOOTH["set"].unique())
def test_smoothers_are_rs(name: str) -> None:
    part = SMOOTH[SMOOTH["set"] == name]
    x, y = part["x"].to_numpy(), part["y"].to_numpy(float)
    np.testing.assert_allclose(lowess(x, y), part["lowess"], atol=1e-12)
    np.testing.assert_allclose(fit_loess(x, y)(x), part["loess"], atol=1e-12)
    with pytest.MonkeyPatch.context() as few:
        few.setattr("radiokit.engine.lowess.AT_ONCE", 3 * x.size)  # as of many points: three windows at a time
        np.testing.assert_allclose(lowess(x, y), part["lowess"], atol=1e-12)


def test_calibration_is_val_prob(oracle: dict[str, Any], part: tuple[str, np.ndarray, np.ndarray]) -> None:
    name, y, p = part
    want, result = oracle[f"{name}.val_prob"]["value"], calibration(y, p)
    for field, key in {
        "intercept": "Intercept",
        "slope": "Slope",
        "d": "D",
        "d_chi2": "D:Chi-sq",
        "u": "U",
        "u_chi2": "U:Chi-sq",
        "u_p_value": "U:p",
        "q": "Q",
        "brier": "Brier",
        "r2": "R2",
        "e_max": "Emax",
        "e_90": "E90",
        "e_avg": "Eavg",
        "spiegelhalter_z": "S:z",
        "spiegelhalter_p_value": "S:p",
    }.items():
        assert getattr(result, field) == pytest.approx(want[key], rel=1e-7, abs=1e-9), field
    assert result.ici == pytest.approx(oracle[f"{name}.loess_ICI"]["value"]["ICI"], rel=1e-12)
    assert result.c == pytest.approx(np.atleast_1d(list(oracle[f"{name}.exact_C"]["value"].values()))[0], rel=1e-10)


def test_every_other_field_by_its_definition(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    result, x = calibration(y, p, confidence_level=0.9), logit(p)
    pairs = np.sign(p[y][:, None] - p[~y])
    assert result.dxy == pytest.approx(pairs.mean())
    assert result.c == pytest.approx((1 + pairs.mean()) / 2)
    assert (result.n, result.n_events, result.confidence_level) == (150, y.sum(), 0.9)
    assert result.o_e == pytest.approx(y.mean() / p.mean())
    assert result.brier_scaled == pytest.approx(1 - np.mean((p - y) ** 2) / np.mean((y.mean() - y) ** 2))
    distance = np.abs(p - lowess(p, y.astype(float)))
    assert (result.e_50, result.e_90) == pytest.approx((np.median(distance), np.quantile(distance, 0.9)))
    # Standard errors from Fisher's information at the estimates.
    fitted = expit(result.intercept + result.slope * x)
    design = np.column_stack([np.ones(150), x])
    se = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * (fitted * (1 - fitted))[:, None]))))
    assert (result.intercept_se, result.slope_se) == pytest.approx(se)
    z = 1.6448536269514722
    assert (result.slope_ci_low, result.slope_ci_high) == pytest.approx(
        (result.slope - z * se[1], result.slope + z * se[1])
    )
    large = result.calibration_in_the_large
    shifted = expit(large + x)
    assert shifted.sum() == pytest.approx(y.sum())
    half = z / np.sqrt(np.sum(shifted * (1 - shifted)))
    limits = (result.calibration_in_the_large_ci_low, result.calibration_in_the_large_ci_high)
    assert limits == pytest.approx((large - half, large + half))


def test_calibration_in_the_large_is_glms(oracle: dict[str, Any], part: tuple[str, np.ndarray, np.ndarray]) -> None:
    name, y, p = part
    want, result = oracle[f"{name}.calibration_in_the_large"]["value"], calibration_in_the_large(y, p)
    got = (result.estimate, result.se, result.statistic, result.p_value, result.ci_low, result.ci_high)
    assert got == pytest.approx((want["coef"], want["se"], want["z"], want["p"], *want["ci_wald"]), rel=1e-6, abs=1e-8)


def test_perfectly_recalibrated_has_slope_one(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    fit = calibration(y, p)
    again = calibration(y, expit(fit.intercept + fit.slope * logit(p)))
    assert (again.intercept, again.slope) == pytest.approx((0, 1), abs=1e-9)
    assert again.u_chi2 == pytest.approx(0, abs=1e-9)
    assert (again.o_e, again.calibration_in_the_large) == pytest.approx((1, 0), abs=1e-9)


def test_order_of_cases_does_not_matter(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    order = np.random.default_rng(0).permutation(y.size)
    left, right = calibration(y, p).to_frame(), calibration(y[order], p[order]).to_frame()
    pd.testing.assert_frame_equal(left, right, rtol=1e-9)


def test_separation_is_said() -> None:
    y = [0, 0, 0, 1, 1, 1]
    with pytest.warns(SeparationWarning, match="separate"):
        result = calibration(y, [0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    assert result.slope == math.inf
    assert math.isnan(result.intercept)
    assert result.u_chi2 == pytest.approx(-2 * np.log([0.9, 0.8, 0.7, 0.6, 0.7, 0.8]).sum())
    with pytest.warns(SeparationWarning):
        assert calibration(y, [0.8, 0.7, 0.6, 0.3, 0.2, 0.1]).slope == -math.inf


def test_constant_probability() -> None:
    result = calibration([0, 1, 1, 1], [0.5] * 4)
    assert (result.slope, result.e_max, result.ici) == pytest.approx((0, 0.25, 0.25))
    assert result.intercept == pytest.approx(math.log(3))


def test_certain_probabilities_are_left_out_and_said() -> None:
    y, p = [0, 1, 0, 1, 1, 0, 1], [0.0, 1.0, 0.3, 0.6, 0.4, 0.5, 0.7]
    with pytest.warns(DataWarning, match="2 of 7"):
        result = calibration(y, p)
    assert result.slope == pytest.approx(calibration(y[2:], p[2:]).slope)
    with pytest.raises(InputError, match="exactly 0 or 1"):
        calibration([0, 1], [0, 1])


def test_too_few_values_for_loess_are_said() -> None:
    with pytest.warns(DataWarning, match="ici is NaN"):
        result = calibration([0, 1] * 10, [0.3] * 17 + [0.4, 0.5, 0.6])
    assert math.isnan(result.ici)


@pytest.mark.parametrize("method", ["loess", "lowess", "spline"])
def test_curve_runs_near_the_truth(method: str) -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, size=4000)
    truth = expit(-0.4 + 0.6 * logit(p))
    table = calibration_curve(rng.random(p.size) < truth, p, method=method, grid=np.linspace(0.1, 0.9, 30))
    want = expit(-0.4 + 0.6 * logit(table["predicted"]))
    assert np.abs(table["observed"] - want).max() < 0.06
    if method != "lowess":
        assert ((table["ci_low"] <= want) & (want <= table["ci_high"])).mean() > 0.7


def test_curve_through_the_cases_is_the_ici(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    curve = fit_loess(p, y.astype(float))(p)
    assert np.mean(np.abs(p - curve)) == pytest.approx(calibration(y, p).ici)
    table = calibration_curve(y, p, grid=p)
    np.testing.assert_allclose(table["observed"], np.clip(curve, 0, 1))


def test_hosmer_lemeshow_is_hoslem(oracle: dict[str, Any], part: tuple[str, np.ndarray, np.ndarray]) -> None:
    name, y, p = part
    want = oracle[f"{name}.hoslem.g8"]["value"]
    assert hosmer_lemeshow(y, p, groups=8).statistic == pytest.approx(want["chisq"], rel=1e-10)
    table = calibration_table(y, p, bins=8)
    gap = (table["n_events"] - table["n"] * table["predicted"]) ** 2
    both = gap / (table["n"] * table["predicted"]) + gap / (table["n"] * (1 - table["predicted"]))
    assert both.sum() == pytest.approx(want["chisq"], rel=1e-10)


def test_hosmer_lemeshow_of_three_distinct_risks_has_three_groups() -> None:
    """A score with three risks: each is a group. The sum is by hand: O 1, 2, 3 of 4 against E 0.8, 2, 3.2."""
    p = np.repeat([0.2, 0.5, 0.8], 4)
    y = np.array([1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0])
    test = hosmer_lemeshow(y, p)
    assert test.statistic == pytest.approx(0.2**2 / (0.8 * 0.8) + 0 + 0.2**2 / (3.2 * 0.2), rel=1e-12)
    assert test.df == 1
    assert hosmer_lemeshow(y, p, external=True).df == 3


def test_hosmer_lemeshow_of_certain_predictions() -> None:
    p = np.repeat([0.0, 0.5, 1.0], 4)
    good, bad = np.repeat([0, 0, 1, 1], 3), np.repeat([0, 0, 1, 1], 3)
    good[:4], good[8:] = 0, 1
    bad[0], bad[8:] = 1, 1
    assert math.isfinite(hosmer_lemeshow(good, p, groups=3).statistic)
    assert hosmer_lemeshow(bad, p, groups=3).p_value == 0
    with pytest.raises(InputError, match="2 groups only"):
        hosmer_lemeshow([0, 1, 0, 1], [0.2, 0.2, 0.8, 0.8])


def test_brier_parts_add_up(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    for bins in (None, 4, 10):
        parts = brier_decomposition(y, p, bins=bins)
        total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
        assert total == pytest.approx(parts.brier, rel=1e-12)
    assert brier_decomposition(y, p, bins=None).within == 0
    assert scaled_brier_score(y, np.full(y.size, y.mean())) == pytest.approx(0, abs=1e-14)
    assert brier_score([1, 1], [1, 1]) == 0


def test_table_counts_every_case_once(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    for strategy in ("quantile", "uniform"):
        table = calibration_table(y, p, bins=7, strategy=strategy)
        assert table["n"].sum() == y.size
        assert (table["n"] @ table["predicted"]) == pytest.approx(p.sum())
        assert table["n_events"].sum() == y.sum()
    assert calibration_table([0, 1], [0.5, 0.5])["n"].tolist() == [2]


@pytest.mark.parametrize("function", [calibration, hosmer_lemeshow, calibration_curve, scaled_brier_score])
def test_bad_input(function: Any) -> None:
    with pytest.raises(OutcomeError, match="one class only"):
        function([1, 1, 1], [0.2, 0.4, 0.6])
    with pytest.raises(InputError, match="outside"):
        function([0, 1, 1], [0.2, 0.4, 1.6])
    with pytest.raises(InputError, match="missing"):
        function([0, 1, 1], [0.2, 0.4, np.nan])


def test_survival_groups_are_groupkms(oracle: dict[str, Any], shared: Path) -> None:
    data = pd.read_csv(shared / "oracles/data/shared_coxnom.csv", float_precision="round_trip")
    table = survival_calibration_table(data, oracle["cph.predicted_survival"]["value"], time=300)
    want = np.array(oracle["cph.groupkm"]["value"]["data"])
    got = np.column_stack([table["predicted"], table["n"], table["observed"], table["se"] / table["observed"]])
    np.testing.assert_allclose(got, want[:, [0, 1, 3, 4]], rtol=1e-8)


def test_survival_groups_without_follow_up_are_missing() -> None:
    y = pd.DataFrame({"event": [0, 0, 1, 0], "time": [1.0, 2.0, 5.0, 9.0]})
    table = survival_calibration_table(y, [0.1, 0.2, 0.8, 0.9], time=4, bins=2)
    assert math.isnan(table.loc[0, "observed"])
    assert table.loc[1, "observed"] == 1
    with pytest.raises(OutcomeError, match="longest follow-up"):
        survival_calibration_table(y, [0.1, 0.2, 0.8, 0.9], time=40)


def test_the_spline_takes_a_probability_of_zero_as_half_the_smallest_other() -> None:
    """A logit for 0: half of the smallest probability above 0, where that is below 1e-6, and the same below 1."""
    rng = np.random.default_rng(0)
    p = np.r_[0.0, 4e-8, rng.uniform(0.1, 0.9, 60)]
    y = np.r_[0, 0, (rng.random(60) < p[2:]).astype(int)]
    options = {"method": "spline", "grid": [0.2, 0.5, 0.8]}
    given, spelt = (calibration_curve(y, q, **options) for q in (p, np.r_[2e-8, p[1:]]))
    np.testing.assert_allclose(given["observed"], spelt["observed"], rtol=1e-9)
    np.testing.assert_allclose(given["observed"], calibration_curve(y[::-1], p[::-1], **options)["observed"], rtol=1e-9)
