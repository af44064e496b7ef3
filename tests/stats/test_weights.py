"""Case weights: R's numbers, and that a whole-number weight is so many cases alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from survival_reference import GOLDEN, golden_cases, golden_target

from radiokit.exceptions import InputError
from radiokit.models import LogisticModel
from radiokit.stats import concordance_index, kaplan_meier, median_survival
from radiokit.survival import CoxModel


def weighted() -> pd.DataFrame:
    return golden_cases().assign(count=np.resize([1, 2, 3], 60))


def wanted(name: str) -> np.ndarray:
    table = pd.read_csv(GOLDEN / "weights.csv", float_precision="round_trip")
    return table.loc[table["name"] == name, "value"].to_numpy()


@pytest.mark.parametrize("ci", ["log", "log-log", "plain"])
@pytest.mark.parametrize("weight", ["weight", "count"])
def test_curve_as_survfit(weight: str, ci: str) -> None:
    curve = kaplan_meier(golden_target(), ci=ci, sample_weight=weighted()[weight])
    rows = np.searchsorted(curve["time"], [2, 5, 9, 14], side="right") - 1
    at_risk = curve["n_at_risk"].to_numpy()[np.searchsorted(curve["time"], [2, 5, 9, 14])]
    columns = [curve[name].to_numpy()[rows] for name in ("survival", "se", "ci_low", "ci_high")]
    np.testing.assert_allclose(np.concatenate([at_risk, *columns]), wanted(f"km {weight} {ci}"), rtol=1e-11)


@pytest.mark.parametrize("weight", ["weight", "count"])
def test_medians_as_survfit(weight: str) -> None:
    cases = weighted()
    table = median_survival(golden_target(), groups=cases["site"], sample_weight=cases[weight])
    np.testing.assert_allclose(table[["median", "ci_low", "ci_high"]].to_numpy().ravel(), wanted(f"median {weight}"))


@pytest.mark.parametrize(("method", "timewt"), [("harrell", "n"), ("uno", "n/G2")])
@pytest.mark.parametrize("weight", ["weight", "count"])
def test_concordance_as_survival(weight: str, method: str, timewt: str) -> None:
    cases = weighted()
    c = concordance_index(golden_target(), cases["marker"], method=method, sample_weight=cases[weight])
    np.testing.assert_allclose([c.estimate, c.se], wanted(f"concordance {weight} {timewt}"), rtol=1e-11)


@pytest.mark.parametrize("weight", ["weight", "count"])
def test_logistic_as_glm(weight: str) -> None:
    cases = weighted()
    X = cases[["age", "marker"]].assign(b=(cases["site"] == "b") * 1.0, c=(cases["site"] == "c") * 1.0)
    model = LogisticModel().fit(X, cases["event"], sample_weight=cases[weight])
    table, deviance = model.summary_, -2 * model.log_likelihood_
    got = [*table["coef"], *table["se"], deviance, deviance + model.likelihood_ratio_.statistic]
    np.testing.assert_allclose(got, wanted(f"glm {weight}"), rtol=1e-7)


@pytest.mark.parametrize("weight", ["weight", "count"])
def test_firth_as_brglm2(weight: str) -> None:
    cases = weighted()
    model = LogisticModel(firth=True).fit(cases[["age", "marker"]], cases["event"], sample_weight=cases[weight])
    got = [*model.summary_["coef"], *model.summary_["se"]]
    np.testing.assert_allclose(got, wanted(f"firth {weight}"), rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"firth": True}, {"penalty": 0.1}], ids=str)
def test_a_weight_is_so_many_cases_alike(options: dict[str, Any]) -> None:
    cases = weighted().assign(count=np.resize([0, 2, 3], 60))
    X, y, often = cases[["age", "marker"]], cases["event"], np.repeat(np.arange(60), cases["count"])
    once = LogisticModel(**options).fit(X, y, sample_weight=cases["count"])
    repeated = LogisticModel(**options).fit(X.iloc[often], y.iloc[often])
    pd.testing.assert_frame_equal(once.summary_, repeated.summary_, rtol=1e-7)
    assert once.likelihood_ratio_.statistic == pytest.approx(repeated.likelihood_ratio_.statistic, rel=1e-7)


@pytest.mark.parametrize("weight", [[1, -1, 1, 1], [0, 0, 0, 0], [1, np.nan, 1, 1], [1, 1], ["a"] * 4], ids=str)
def test_weights_that_are_none(weight: list[Any]) -> None:
    y = golden_target()[:4]
    X = np.array([[1.0], [2.0], [3.0], [5.0]])
    for use in (
        lambda: kaplan_meier(y, sample_weight=weight),
        lambda: concordance_index(y, X[:, 0], sample_weight=weight),
        lambda: CoxModel().fit(X, y, sample_weight=weight),
        lambda: LogisticModel().fit(X, [0, 1, 0, 1], sample_weight=weight),
    ):
        with pytest.raises(InputError, match="sample_weight"):
            use()
