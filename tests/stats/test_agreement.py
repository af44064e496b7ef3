"""Concordance, limits of agreement and kappas against epiR, irr, psych and DescTools; VIF and sample sizes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError
from radiokit.stats import (
    bland_altman,
    cohen_kappa,
    concordance_correlation,
    fleiss_kappa,
    sample_size_binary,
    sample_size_survival,
    vif,
)


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_08_agreement_combat.json").read_text())["results"]


@pytest.fixture(scope="module")
def pair(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    data = pd.read_csv(shared / "oracles/data/shared_pair.csv", float_precision="round_trip")
    return data["r1"].to_numpy(), data["r2"].to_numpy()


def test_ccc_is_epirs(oracle: dict[str, Any], pair: tuple[np.ndarray, np.ndarray]) -> None:
    want, got = oracle["ccc.epiR"]["value"], concordance_correlation(*pair)
    rho = want["rho_c"]
    np.testing.assert_allclose([got.ccc, got.ci_low, got.ci_high], [rho["est"], rho["lower"], rho["upper"]], rtol=1e-9)
    assert got.bias_correction == pytest.approx(want["C_b"], rel=1e-9)
    wald = oracle["ccc.epiR_asymptotic"]["value"]
    assert 2 * 1.959963984540054 * got.se == pytest.approx(wald["upper"] - wald["lower"], rel=1e-9)


def test_limits_of_agreement_are_bland_altmans(oracle: dict[str, Any], pair: tuple[np.ndarray, np.ndarray]) -> None:
    want, got = oracle["bland_altman"]["value"], bland_altman(*pair)
    np.testing.assert_allclose([got.loa_low, got.loa_high], want["loa_z"], rtol=1e-9)
    np.testing.assert_allclose([got.loa_low_ci_low, got.loa_low_ci_high], want["loa_lower_ci_t_exactvar"], rtol=1e-4)
    assert got.p_value == pytest.approx(want["paired_p"], rel=1e-9)
    assert got.slope == pytest.approx(want["prop_bias_slope"], rel=1e-9)


def test_agreement_of_constant_and_equal_measurements() -> None:
    assert math.isnan(concordance_correlation([1, 1, 1], [1, 2, 3]).ccc)
    equal = concordance_correlation([1, 2, 3], [1, 2, 3])
    assert (equal.ccc, equal.ci_low, equal.ci_high) == (1, 1, 1)
    same = bland_altman([1, 2, 3], [1, 2, 3])
    assert (same.sd, same.loa_low) == (0, 0)
    assert math.isnan(same.p_value)
    with pytest.raises(InputError, match="pairs"):
        concordance_correlation([1, 2], [1, 2])
    with pytest.raises(InputError, match="b has shape"):
        bland_altman([1, 2], [1, 2, 3])


@pytest.mark.parametrize(("weights", "irr"), [(None, "unweighted"), ("linear", "equal"), ("quadratic", "squared")])
def test_kappa_is_irrs(oracle: dict[str, Any], shared: Path, weights: str | None, irr: str) -> None:
    data = pd.read_csv(shared / "oracles/data/shared_kappa2.csv", dtype=str)
    got, want = cohen_kappa(data["r1"], data["r2"], weights=weights), oracle[f"kappa2.irr.{irr}"]["value"]
    assert (got.kappa, got.statistic) == pytest.approx((want["value"], want["statistic"]), rel=1e-9)


def test_kappa_takes_the_order_of_levels() -> None:
    a, b = ["low", "high", "mid", "mid", "high"], ["low", "mid", "mid", "high", "high"]
    named = cohen_kappa(a, b, weights="linear", levels=["low", "mid", "high"])
    code = {"low": 0, "mid": 1, "high": 2}
    numbers = cohen_kappa([code[v] for v in a], [code[v] for v in b], weights="linear")
    assert named.kappa == pytest.approx(numbers.kappa)
    assert cohen_kappa(a, a).kappa == pytest.approx(1)
    with pytest.raises(InputError, match="not among levels"):
        cohen_kappa(a, b, levels=["low", "mid"])
    with pytest.raises(InputError, match="weights"):
        cohen_kappa(a, b, weights="equal")
    assert math.isnan(cohen_kappa([1, 1], [1, 1]).kappa)


def test_fleiss_categories_are_irrs(oracle: dict[str, Any], shared: Path) -> None:
    data = pd.read_csv(shared / "oracles/data/shared_kappa.csv", dtype=str)
    want, got = oracle["fleiss.exactFALSE"]["value"], fleiss_kappa(data)
    assert (got.kappa, got.statistic) == pytest.approx((want["value"], want["statistic"]), rel=1e-9)
    detail = np.reshape(want["detail"]["data"], (-1, 3))
    np.testing.assert_allclose(got.categories["kappa"], detail[:, 0], atol=5.1e-4)
    np.testing.assert_allclose(got.categories["statistic"], detail[:, 1], atol=5.1e-4)
    assert "categories" not in got.to_frame()
    assert math.isnan(fleiss_kappa([[1, 1], [1, 1]]).kappa)
    with pytest.raises(InputError, match="missing"):
        fleiss_kappa([["a", None], ["b", "b"]])


def test_vif_is_one_over_tolerance() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4))
    X[:, 1] += X[:, 0]
    others = [np.delete(X, j, axis=1) for j in range(4)]
    r2 = [
        1 - np.linalg.lstsq(np.c_[np.ones(50), o], X[:, j], rcond=None)[1][0] / X[:, j].var() / 50
        for j, o in enumerate(others)
    ]
    np.testing.assert_allclose(vif(X)["tolerance"], 1 - np.array(r2), rtol=1e-9)


def test_vif_of_dependent_and_constant_columns() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(30, 3)), columns=list("abc"))
    frame["d"], frame["e"] = frame["a"] + frame["b"], 1.0
    got = vif(frame).set_index("feature")["vif"]
    assert np.isinf(got[["a", "b", "d"]]).all()
    assert 1 <= got["c"] < 2
    assert math.isnan(got["e"])
    assert np.isinf(vif(rng.normal(size=(3, 5)))["vif"]).all()
    with pytest.raises(InputError, match="missing"):
        vif([[1, np.nan], [2, 3]])
    with pytest.raises(InputError, match="not numbers"):
        vif(pd.DataFrame({"a": ["x", "y"]}))


def test_c_statistic_agrees_with_simulation() -> None:
    rng = np.random.default_rng(0)
    n, share, shift = 400_000, 0.174, math.sqrt(2) * 0.8416212335729143
    y = rng.random(n) < share
    eta = math.log(share / (1 - share)) - shift**2 / 2 + shift * (rng.normal(size=n) + shift * y)
    gain = np.where(y, -np.logaddexp(0, -eta) - math.log(share), -np.logaddexp(0, eta) - math.log(1 - share))
    got = sample_size_binary(n_parameters=15, prevalence=share, c_statistic=0.8).r2_cs
    assert got == pytest.approx(1 - math.exp(-2 * gain.mean()), rel=0.01)


def test_sample_sizes_meet_their_own_criteria() -> None:
    result = sample_size_binary(n_parameters=12, prevalence=0.2, r2_nagelkerke=0.3)
    assert result.r2_cs / result.r2_max == pytest.approx(0.3)
    s = result.shrinkage
    assert 12 / ((s - 1) * math.log(1 - result.r2_cs / s)) == pytest.approx(result.n, rel=1e-6)
    wide = {"n_parameters": 2, "r2_cs": 0.2, "event_rate": 0.1, "time_point": 5.0, "mean_follow_up": 3.0}
    n = sample_size_survival(**wide).criteria["n"][2]
    risk = 1 - math.exp(-0.5)
    gap = [1 - math.exp(-(0.1 + 1.96 * math.sqrt(0.1 / (m * 3))) * 5) - risk for m in (n - 1, n)]
    assert gap[1] <= 0.05 < gap[0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "exactly one"),
        ({"r2_cs": 0.1, "c_statistic": 0.7}, "exactly one"),
        ({"r2_cs": 0.9}, "largest possible"),
        ({"c_statistic": 0.4}, "c_statistic"),
        ({"r2_cs": 0.1, "shrinkage": 1.0}, "shrinkage"),
        ({"r2_cs": "0.1"}, "r2_cs is '0.1'; required: a finite number"),
        ({"r2_cs": 0.1, "margin": "small"}, "margin is 'small'"),
        ({"c_statistic": math.nan}, "c_statistic is nan"),
    ],
)
def test_bad_sample_size(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        sample_size_binary(n_parameters=5, prevalence=0.3, **options)
    with pytest.raises(InputError, match="event_rate"):
        sample_size_survival(n_parameters=5, r2_cs=0.1, event_rate=0, time_point=1, mean_follow_up=1)
    with pytest.raises(InputError, match="time_point is '2 years'; required: a finite number"):
        sample_size_survival(n_parameters=5, r2_cs=0.1, event_rate=0.1, time_point="2 years", mean_follow_up=1)  # type: ignore[arg-type]


def test_slope_of_the_differences_is_that_of_a_regression() -> None:
    """scipy.stats.linregress of the differences on the means: slope and its two-sided p-value."""
    from scipy.stats import linregress

    rng = np.random.default_rng(0)
    a = rng.normal(10, 2, 9)
    b = 0.8 * a + rng.normal(0, 0.5, 9)
    result = bland_altman(a, b)
    fit = linregress((a + b) / 2, a - b)
    assert (result.slope, result.slope_p_value) == pytest.approx((fit.slope, fit.pvalue), rel=1e-10)


def test_differences_without_spread_have_no_test() -> None:
    shifted = bland_altman([1.0, 2, 3, 4], [2.0, 3, 4, 5])
    assert shifted.bias == -1
    assert math.isnan(shifted.p_value)
    assert math.isnan(bland_altman([1.0, 2, 3], [1.0, 2, 3]).p_value)


def test_limits_of_kappa_end_at_one() -> None:
    a = np.repeat([0, 1], 10)
    b = a.copy()
    b[0] = 1
    near = cohen_kappa(a, b)
    assert near.kappa + 1.959963984540054 * near.se > 1
    assert near.ci_high == 1
    assert cohen_kappa(a, 1 - b).ci_low == -1


@pytest.mark.parametrize("function", [bland_altman, concordance_correlation])
@pytest.mark.parametrize("name", ["a", "b"])
def test_the_measurement_that_is_too_large_is_named(function: Callable[..., Any], name: str) -> None:
    values = {"a": [1.0, 2, 3, 4], "b": [1.1, 2.2, 2.9, 4.1]}
    values[name] = [1e200, 2, 3, 4]
    with pytest.raises(InputError, match=rf"\b{name}\b"):
        function(**values)
