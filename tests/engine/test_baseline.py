"""One baseline hazard: the definition written out, and the models that use it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit.engine.baseline import Baseline, baseline_hazard
from radiokit.exceptions import InputError
from radiokit.survival import CoxElasticNet, CoxModel, as_target


def by_definition(time, event, eta, at, *, ties, weight=None) -> float:
    """Sum, over the deaths until `at`, of one over the risk left: tied deaths leave one share at a time (Efron)."""
    weight = np.ones(time.size) if weight is None else weight
    risk, total = weight * np.exp(eta), 0.0
    for t in sorted({s for s, e in zip(time, event, strict=True) if e and s <= at}):
        dying = event & (time == t)
        m, d = int(dying.sum()), float(weight[dying].sum())
        for k in range(m):
            gone = risk[dying].sum() * k / m if ties == "efron" else 0.0
            total += d / m / (risk[time >= t].sum() - gone)
    return total


@pytest.fixture(scope="module")
def cases() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    time = rng.integers(1, 6, 80).astype(float)  # whole years: many ties
    return time, rng.random(80) < 0.6, rng.normal(0.4, 0.8, 80), rng.uniform(0.5, 2, 80)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_hazard_is_the_definition(cases, ties: str) -> None:
    time, event, eta, weight = cases
    base = baseline_hazard(time, event, eta, ties=ties, weights=weight)
    for at in (0.5, 1, 2.5, 5):
        expected = by_definition(time, event, eta, at, ties=ties, weight=weight)
        assert base.cumulative_hazard(np.zeros(1), [at])[0, 0] == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(base.survival(eta[:3], [at])[:, 0], np.exp(-expected * np.exp(eta[:3])), rtol=1e-12)
    assert np.isnan(base.survival(eta[:1], [5.5])).all()


def test_strata_have_a_hazard_each(cases) -> None:
    time, event, eta, _ = cases
    layer = np.arange(80) % 2
    base = baseline_hazard(time, event, eta, strata=layer)
    for k in (0, 1):
        alone = baseline_hazard(time[layer == k], event[layer == k], eta[layer == k])
        found = base.survival(np.zeros(1), [1, 2, 3], np.array([k]))
        np.testing.assert_allclose(found, alone.survival(np.zeros(1), [1, 2, 3]), rtol=1e-13)


def test_models_take_their_hazard_from_here(cases) -> None:
    time, event, eta, _ = cases
    X, y = pd.DataFrame({"score": eta}), as_target(event, time)
    for model, ties in ((CoxModel(), "efron"), (CoxModel(ties="breslow"), "breslow"), (_ridge(), "breslow")):
        fitted = model.fit(X, y)
        base = baseline_hazard(time, event, fitted.predict(X), ties=ties)
        np.testing.assert_allclose(fitted.predict_survival(X, [1, 3]), base.survival(fitted.predict(X), [1, 3]))
        np.testing.assert_allclose(fitted.baseline_["cumulative_hazard"], base.table()["cumulative_hazard"])


def _ridge() -> CoxElasticNet:
    return CoxElasticNet(l1_ratio=0, cv=3, lambdas=[0.1], random_state=0)


def test_median_is_reached_at_exactly_one_half() -> None:
    at_half = Baseline.from_table(pd.DataFrame({"time": [1.0, 3.0], "cumulative_hazard": [0.2, np.log(2)]}), np.ones(1))
    assert at_half.median(np.zeros(1))[0] == 3.0
    below = pd.DataFrame({"time": [1.0, 3.0], "cumulative_hazard": [0.2, np.log(2) * (1 - 1e-9)]})
    assert np.isnan(Baseline.from_table(below, np.ones(1)).median(np.zeros(1))[0])
    # With hazard ratio 2, half of log 2 is enough.
    early = pd.DataFrame({"time": [2.0, 3.0], "cumulative_hazard": [np.log(2) / 2, 0.6]})
    assert Baseline.from_table(early, np.ones(1)).median(np.array([np.log(2)]))[0] == 2.0


def test_scores_beyond_any_hazard_are_refused(cases) -> None:
    time, event, eta, _ = cases
    with pytest.raises(InputError, match="Centre the scores"):
        baseline_hazard(time, event, eta + 700)
