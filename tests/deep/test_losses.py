"""Losses by hand, by R's survival, and by radiokit's own Cox model; batches and the split that stops training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.deep._batches import epoch_batches, stopping_split
from radiokit.exceptions import DataWarning, OutcomeError

torch = pytest.importorskip("torch", reason="the extra deep is not installed")

TIME = np.array([5.0, 3, 3, 8, 8, 8, 1, 12, 7, 3, 12, 10])
EVENT = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0], dtype=bool)
RISK = np.array([0.3, -1.2, 0.8, 2.1, -0.4, 0, 1.5, -2.2, 0.6, 1.1, -0.7, 3])


def cox(risk, time=TIME, event=EVENT, **kwargs):
    from radiokit.deep._losses import cox_loss

    return cox_loss(torch.as_tensor(risk, dtype=torch.float64), time, event, **kwargs)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_loss_is_that_of_r(ties: str) -> None:
    golden = pd.read_csv(Path(__file__).parents[1] / "golden" / "cox_loss.csv").set_index("ties")
    assert -EVENT.sum() * cox(RISK, ties=ties).item() == pytest.approx(golden.loc[ties, "log_likelihood"], rel=1e-13)


def test_cox_loss_by_hand() -> None:
    """Three deaths, two of them at one time: each term written out."""
    risk = np.log([2.0, 3.0, 5.0, 7.0])
    time, event = np.array([4.0, 2.0, 2.0, 3.0]), np.array([True, True, True, False])
    breslow = np.log(3 / 17) + np.log(5 / 17) + np.log(2 / 2)
    efron = np.log(3 / 17) + np.log(5 / (17 - 8 / 2)) + np.log(2 / 2)
    assert cox(risk, time, event, ties="breslow").item() == pytest.approx(-breslow / 3, rel=1e-12)
    assert cox(risk, time, event, ties="efron").item() == pytest.approx(-efron / 3, rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_gradient_is_that_of_the_cox_model(ties: str) -> None:
    """With risks x b the slope in b is the score of the partial likelihood."""
    from radiokit.stats._cox_fit import partial_likelihood, risk_sets

    rng = np.random.default_rng(0)
    X, beta = rng.normal(size=(12, 3)), np.array([0.4, -1.0, 0.2])
    leaf = torch.tensor(beta, requires_grad=True)
    from radiokit.deep._losses import cox_loss

    loss = cox_loss(torch.as_tensor(X) @ leaf, TIME, EVENT, ties=ties) * EVENT.sum()
    loss.backward()
    sets = risk_sets(TIME, EVENT, ties=ties)
    own = partial_likelihood(sets, X[sets.order], X[sets.order] @ beta)
    assert loss.item() == pytest.approx(-own.value, rel=1e-12)
    np.testing.assert_allclose(leaf.grad.numpy(), -own.score, rtol=1e-10)


def test_cox_loss_holds_for_any_order_shift_and_size() -> None:
    order = np.random.default_rng(1).permutation(TIME.size)
    assert cox(RISK[order], TIME[order], EVENT[order]).item() == pytest.approx(cox(RISK).item(), rel=1e-13)
    assert cox(RISK + 500).item() == pytest.approx(cox(RISK).item(), rel=1e-11)
    with pytest.raises(OutcomeError, match="none of 12 cases has an event"):
        cox(RISK, TIME, np.zeros(12, dtype=bool))


def test_cross_entropy_is_the_weighted_likelihood() -> None:
    from radiokit.deep._losses import BinaryTarget

    score, y = np.array([-1.0, 2.0, 0.5, 50.0]), np.array([False, True, False, True])
    p = 1 / (1 + np.exp(-score))
    own = np.where(y, -3 * np.log(p), -np.log1p(-np.where(y, 0, p)))
    loss = BinaryTarget(y, (1.0, 3.0)).loss(torch.as_tensor(score), np.arange(4))
    assert loss.item() == pytest.approx(own.sum() / 8, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "events", "size"), [(9, 4, 4), (17, 3, 8), (33, 16, 8), (5, 1, 2), (3, 1, 8), (64, 2, 4)]
)
def test_batches_are_whole_and_hold_events(n: int, events: int, size: int) -> None:
    event = np.arange(n) < events
    batches = epoch_batches(event, size, (0, 1))
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert all(event[b].any() and b.size >= min(size, n) for b in batches)
    assert [b.tolist() for b in batches] == [b.tolist() for b in epoch_batches(event, size, (0, 1))]
    assert n < 5 or [b.tolist() for b in batches] != [b.tolist() for b in epoch_batches(event, size, (0, 2))]


def test_who_stops_the_training_is_whole_patients_of_both_outcomes() -> None:
    patients = np.repeat(np.arange(40), 2)
    event = np.repeat(np.arange(40) % 4 == 0, 2)
    train, stop = stopping_split(event, patients, 0.2, seed=0, both=True)
    assert not set(patients[train]) & set(patients[stop])
    assert len(train) + len(stop) == 80 and len(stop) == 16 and event[stop].sum() == 4
    assert stop.tolist() != stopping_split(event, patients, 0.2, seed=1, both=True)[1].tolist()
    with pytest.warns(DataWarning, match="none can be spared"):
        train, stop = stopping_split(np.arange(9) == 0, np.arange(9), 0.2, seed=0, both=True)
    assert len(train) == 9 and not len(stop)
