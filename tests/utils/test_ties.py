"""Times equal but for rounding, against survival::aeqSurv's rule by hand and R's values on such times."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit import stats
from radiokit.survival import CoxModel, as_target, optimal_cutpoint
from radiokit.utils import tie_times, tie_to


def near_ties(n: int = 80, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A cohort in days, and its times in years as the difference of two dates gives them."""
    rng = np.random.default_rng(seed)
    days = rng.integers(1, 30, n) * 73
    start = rng.integers(1, 60, n) + rng.integers(0, 365, n) / 365
    years = (start + days / 365) - start  # exact fifths, were it not for rounding
    data = pd.DataFrame({"x": rng.normal(size=n), "g": rng.integers(0, 2, n), "event": rng.random(n) < 0.6})
    return data, days / 365, years


def aeq_surv(time: np.ndarray) -> np.ndarray:
    """survival::aeqSurv, word by word in loops."""
    tolerance = np.sqrt(np.finfo(float).eps)
    y = sorted(set(time.tolist()))
    mean = sum(map(abs, y)) / len(y)
    cuts = [y[0]]
    for before, after in pairwise(y):
        if not (after - before <= tolerance or (after - before) / mean <= tolerance):
            cuts.append(after)
    return np.array([max(c for c in cuts if c <= t) for t in time])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 365.25, 1e9])
def test_times_are_tied_by_the_rule_of_aeqsurv(scale: float) -> None:
    _, exact, years = near_ties()
    assert np.unique(years).size > np.unique(exact).size + 9
    np.testing.assert_array_equal(tie_times(years * scale), aeq_surv(years * scale))


def test_times_without_near_ties_are_unchanged_to_the_bit() -> None:
    time = np.random.default_rng(1).exponential(3, 500)
    assert tie_times(time).tobytes() == time.tobytes()
    assert tie_times([0.0, 0.0]).tolist() == [0.0, 0.0]
    assert tie_times([]).size == 0


def test_a_chain_of_near_ties_is_its_first_time() -> None:
    step = 0.9 * np.sqrt(np.finfo(float).eps)
    assert tie_times([1 + 2 * step, 1.0, 1 + step, 5.0]).tolist() == [1.0, 1.0, 1.0, 5.0]


def test_a_horizon_is_tied_to_the_nearest_known_time() -> None:
    assert tie_to(0.1 + 0.2, [0.3, 0.4]).item() == 0.3
    assert tie_to([0.2999, 0.41, 0.0], [0.3, 0.4]).tolist() == [0.2999, 0.41, 0.0]
    assert tie_to(3.0, []).item() == 3.0
    assert tie_to(3.0 - 1e-12, [3.0]).item() == 3.0
    assert tie_to([], [3.0]).size == 0


def everything(time: np.ndarray, horizon: float, data: pd.DataFrame) -> dict[str, np.ndarray]:
    """Every survival statistic of one cohort."""
    y = as_target(data["event"], time)
    x, g, event = data["x"].to_numpy(), data["g"].to_numpy(), data["event"].to_numpy()
    cause = np.where(event, 1 + g, 0)
    p = np.linspace(0.1, 0.9, len(x))[np.argsort(np.argsort(-x))]
    cox = CoxModel().fit(data[["x"]], y)
    causes = pd.DataFrame({"cause": cause, "time": time})
    return {
        "kaplan_meier": stats.kaplan_meier(y).drop(columns=["group", "time"]),
        "median": stats.median_survival(y)[["median", "ci_low"]],
        "logrank": stats.logrank_test(y, g).to_frame(),
        "pairwise": stats.pairwise_logrank(y, g)["statistic"],
        "rmst": stats.rmst(y, tau=horizon)[["rmst", "se"]],
        "concordance": stats.concordance_index(y, x).to_frame().drop(columns="method"),
        "uno": stats.concordance_index(y, x, method="uno", tau=horizon).to_frame().drop(columns="method"),
        "time_auc": stats.time_auc(y, x, [horizon]).drop(columns="time"),
        "compare_time_auc": stats.compare_time_auc(y, x, x**2, [horizon]).drop(columns="time"),
        "brier": stats.brier_curve(y, p[:, None], [horizon]).drop(columns="time"),
        "incidence": stats.cumulative_incidence(time, cause).drop(columns=["group", "time"]),
        "gray": stats.gray_test(time, cause, g),
        "decision": stats.decision_curve(y, {"m": 1 - p}, thresholds=[0.2], time=horizon).drop(columns="model"),
        "competing": stats.decision_curve(causes, {"m": 1 - p}, thresholds=[0.2], time=horizon).drop(columns="model"),
        "calibration": stats.survival_calibration_table(y, p, time=horizon, bins=2),
        "cutpoint": np.array([optimal_cutpoint(y, x).statistic]),
        "cox": np.append(cox.coef_, cox.predict_survival(data[["x"]].head(3), [horizon])),
    }


@pytest.mark.parametrize("shift", [0.0, -4e-10, 4e-10])
def test_every_survival_function_sees_the_ties_that_whole_days_have(shift: float) -> None:
    """The same cohort in exact fifths of a year and with rounded differences of dates: the same numbers."""
    data, exact, rounded = near_ties()
    clean, dirty = everything(np.round(exact, 6), 2.4, data), everything(rounded, 2.4 + shift, data)
    for name, value in clean.items():
        np.testing.assert_allclose(
            np.asarray(dirty[name], float), np.asarray(value, float), rtol=1e-6, atol=1e-9, err_msg=name
        )


def test_values_of_r_on_near_ties() -> None:
    """coxph, survdiff and survival::concordance of R 4.2.2, survival 3.5-3, on 120 times in decimal years."""
    d = pd.read_csv(Path(__file__).parent / "near_ties.csv")
    y = as_target(d["e"], d["t"])
    assert len(stats.kaplan_meier(y)) == 50
    assert CoxModel().fit(d[["x"]], y).coef_[0] == pytest.approx(0.15457, abs=1e-5)
    assert stats.logrank_test(y, d["g"]).statistic == pytest.approx(0.3725, abs=1e-4)
    assert stats.concordance_index(y, d["x"]).estimate == pytest.approx(0.5436, abs=1e-4)
