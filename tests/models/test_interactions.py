"""Interactions, strata and comparisons inside formulas, as R's model.matrix, lrm and coxph have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.engine.design import model_frame
from radiokit.exceptions import InputError, ParameterError
from radiokit.models import LogisticModel, anova, likelihood_ratio
from radiokit.nomogram import Nomogram
from radiokit.stats import format_model_table
from radiokit.survival import CoxModel, as_target, proportional_hazards_test
from radiokit.validation import optimism_bootstrap

MODELS: dict[str, tuple[Any, str]] = {
    "logistic.interaction": (LogisticModel("low ~ age * smoke + lwt"), "birth"),
    "logistic.colon": (LogisticModel("low ~ age + smoke + age:smoke"), "birth"),
    "logistic.factor_by_number": (LogisticModel("low ~ C(race) * lwt"), "birth"),
    "logistic.spline_interaction": (LogisticModel("low ~ rcs(age, 3) * smoke + lwt"), "birth"),
    "logistic.event_expression": (LogisticModel("bwt < 2500 ~ age + lwt"), "birth"),
    "cox.interaction": (CoxModel("Surv(time, status) ~ age * C(sex) + C(ecog)"), "lung"),
    "cox.strata": (CoxModel("Surv(time, status) ~ age + ph_ecog + strata(sex)"), "lung"),
    "cox.strata_interaction": (CoxModel("Surv(time, status) ~ karno + karno:C(trt) + strata(celltype)"), "veteran"),
    "cox.event_expression": (CoxModel("Surv(time, status == 1) ~ age + C(sex)"), "lung"),
}


# rms 6.5 (lrm) and survival 3.5 (coxph): coefficients and standard errors in R's order, and the three tests of all
# coefficients; the values of the oracles.
@pytest.mark.parametrize("name", list(MODELS))
def test_fit_as_r(shared: Path, name: str) -> None:
    model, dataset = MODELS[name]
    values = pd.read_csv(shared / "oracles/values2.csv").query("id == @name")
    model.fit(pd.read_csv(shared / f"oracles/data2/{dataset}.csv"))
    for column in ("coef", "se"):
        want = values.loc[values["field"].str.startswith(f"{column}["), "value"]
        assert len(want) >= 2
        found = model.summary_[column]
        np.testing.assert_allclose(found if len(found) == len(want) else found[1:], want, rtol=2e-5)
    tests = values["field"].str.extract(r"^(likelihood_ratio|score|wald)\.(statistic|df|p_value)$").dropna()
    assert len(tests) >= 3
    for row, (test, part) in tests.iterrows():
        attribute = {"likelihood_ratio": "likelihood_ratio_", "score": "score_test_", "wald": "wald_"}[test]
        assert getattr(getattr(model, attribute), part) == pytest.approx(values.loc[row, "value"], rel=1e-5), test


def test_anova_of_a_variable_includes_its_interactions(shared: Path) -> None:
    values = pd.read_csv(shared / "oracles/values2.csv").query("id == 'anova.interaction'")
    table = anova(LogisticModel("low ~ age * smoke + C(race)").fit(pd.read_csv(shared / "oracles/data2/birth.csv")))
    for field, want in zip(values["field"], values["value"], strict=True):
        column, term = field.rstrip("]").split("[")
        assert table.loc[term, column] == pytest.approx(want, rel=1e-5)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 200
    table = pd.DataFrame({"a": rng.normal(size=n), "g": rng.choice(list("xyz"), n), "h": rng.choice(list("uv"), n)})
    risk = table["a"] * (table["g"] == "z") + 0.5 * table["a"]
    return table.assign(
        y=(risk + rng.logistic(size=n) > 0).astype(int), time=rng.exponential(np.exp(-risk)), event=rng.random(n) < 0.7
    )


def test_columns_are_products_with_the_first_variable_fastest(data: pd.DataFrame) -> None:
    design, frame, _ = model_frame("y ~ g * h + rcs(a, 3) * g", data)
    assert design.names[-6:] == ["g=y:h=v", "g=z:h=v", "a:g=y", "a':g=y", "a:g=z", "a':g=z"]
    matrix = design.matrix(frame)
    np.testing.assert_allclose(matrix["a':g=z"], matrix["a'"] * matrix["g=z"])
    np.testing.assert_allclose(matrix["g=z:h=v"], matrix["g=z"] * matrix["h=v"])
    assert design.variables == ["g", "h", "a"]


def test_interactions_are_validated_compared_and_printed(data: pd.DataFrame) -> None:
    model = LogisticModel("y ~ a * g")
    table = optimism_bootstrap(model, data[["a", "g"]], data["y"], n_bootstraps=5, random_state=0)
    assert np.isfinite(table["corrected"]).all()
    small, large = LogisticModel("y ~ a + g").fit(data), model.fit(data)
    assert likelihood_ratio(small, large).df == 2
    assert "a:g=z" in format_model_table(large)["Characteristic"].tolist()
    with pytest.raises(InputError, match="interaction a:g"):
        Nomogram.from_model(large)
    cox = CoxModel("Surv(time, event) ~ a * g").fit(data)
    y = as_target(data["event"], data["time"])
    assert proportional_hazards_test(cox, data, y).index.tolist() == ["a", "g", "a:g", "GLOBAL"]


def test_strata_in_the_formula_are_the_parameter(data: pd.DataFrame) -> None:
    y = as_target(data["event"], data["time"])
    inside = CoxModel("Surv(time, event) ~ a + strata(g, h)").fit(data)
    apart = CoxModel("Surv(time, event) ~ a", strata=["g", "h"]).fit(data)
    pd.testing.assert_frame_equal(inside.summary_, apart.summary_)
    pd.testing.assert_frame_equal(inside.baseline_, apart.baseline_)
    assert inside.score(data, y) == apart.score(data, y)
    np.testing.assert_array_equal(inside.predict_survival(data, [0.5]), apart.predict_survival(data, [0.5]))
    with pytest.raises(ParameterError, match="twice"):
        CoxModel("Surv(time, event) ~ a + strata(g)", strata="h").fit(data)
    with pytest.raises(ParameterError, match="is for CoxModel"):
        LogisticModel("y ~ a + strata(g)").fit(data)


def test_comparisons_on_the_left(data: pd.DataFrame) -> None:
    coded = data.assign(status=np.where(data["event"], "dead", "alive"), code=data["y"] + 1)
    want = CoxModel("Surv(time, event) ~ a").fit(data).summary_
    pd.testing.assert_frame_equal(CoxModel("Surv(time, status == 'dead') ~ a").fit(coded).summary_, want)
    pd.testing.assert_frame_equal(
        LogisticModel("code >= 2 ~ a").fit(coded).summary_, LogisticModel("y ~ a").fit(data).summary_
    )
    with pytest.raises(ParameterError, match="cannot be compared"):
        LogisticModel("status < 2 ~ a").fit(coded)


def test_a_product_of_a_factor_needs_what_it_differs_from(data: pd.DataFrame) -> None:
    with pytest.raises(ParameterError, match="stands without a"):
        LogisticModel("y ~ g + a:g").fit(data)
    assert LogisticModel("y ~ a + a:g").fit(data).design_.names == ["a", "a:g=y", "a:g=z"]
