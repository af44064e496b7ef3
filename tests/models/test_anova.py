"""Wald tests of variables as rms::anova, and the heuristic shrinkage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError
from radiokit.models import LogisticModel, anova, shrinkage
from radiokit.survival import CoxModel

MODELS = {
    "anova.logistic": (LogisticModel("low ~ rcs(age, 4) + C(race) + lwt"), "birth"),
    "anova.cox": (CoxModel("Surv(time, status) ~ rcs(age, 4) + C(ecog) + C(sex)"), "lung"),
}


# rms 6.5: anova(lrm(...)) and anova(cph(...)); the values of the oracles.
@pytest.mark.parametrize("name", list(MODELS))
def test_anova_as_rms(shared: Path, name: str) -> None:
    model, dataset = MODELS[name]
    values = pd.read_csv(shared / "oracles/values2.csv").query("id == @name")
    table = anova(model.fit(pd.read_csv(shared / f"oracles/data2/{dataset}.csv")))
    assert len(values) >= 12
    for field, want in zip(values["field"], values["value"], strict=True):
        column, term = field.rstrip("]").split("[")
        assert table.loc[term.replace(",nonlinear", ", nonlinear"), column] == pytest.approx(want, rel=1e-5)


# (LR - df)/LR of the fits of lrm and coxph.
@pytest.mark.parametrize(
    ("name", "model", "dataset"),
    [
        ("shrinkage.logistic", LogisticModel("low ~ age + lwt + C(race) + smoke"), "birth"),
        ("shrinkage.cox", CoxModel("Surv(time, status) ~ age + C(sex) + C(ecog)"), "lung"),
    ],
)
def test_shrinkage_as_defined(shared: Path, name: str, model: object, dataset: str) -> None:
    want = pd.read_csv(shared / "oracles/values2.csv").set_index("id").loc[name, "value"]
    assert shrinkage(model.fit(pd.read_csv(shared / f"oracles/data2/{dataset}.csv"))) == pytest.approx(want, rel=1e-7)


def test_units_play_no_part_and_penalties_are_refused() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"a": rng.normal(size=90), "b": rng.normal(size=90)})
    data["y"] = (data["a"] + rng.logistic(size=90) > 0).astype(int)
    want = anova(LogisticModel("y ~ rcs(a, 3) + b").fit(data))
    far = data.assign(a=2015 + 1e-4 * data["a"], b=1e6 * data["b"])
    pd.testing.assert_frame_equal(anova(LogisticModel("y ~ rcs(a, 3) + b").fit(far)), want, rtol=1e-5)
    # One coefficient: the square of its z.
    z = LogisticModel("y ~ a + b").fit(data).summary_.loc["b", "statistic"]
    assert anova(LogisticModel("y ~ a + b").fit(data)).loc["b", "statistic"] == pytest.approx(z**2)
    ridge = LogisticModel("y ~ a", penalty=0.1).fit(data)
    with pytest.raises(InputError, match="no covariance"):
        anova(ridge)
    with pytest.raises(InputError, match="maximum likelihood"):
        shrinkage(ridge)
