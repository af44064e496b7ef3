"""Losses by hand, by R's survival, and by radiokit's own Cox model; batches and the split that stops training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.deep._batches import epoch_steps, stopping_split
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
    from radiokit.engine.cox import partial_likelihood, risk_sets

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
    from radiokit.deep._losses import BinaryLoss

    score, y = np.array([-1.0, 2.0, 0.5, 50.0]), np.array([False, True, False, True])
    p = 1 / (1 + np.exp(-score))
    own = np.where(y, -3 * np.log(p), -np.log1p(-np.where(y, 0, p)))
    loss = BinaryLoss(y, (1.0, 3.0))(torch.as_tensor(score), np.arange(4))
    assert loss.item() == pytest.approx(own.sum() / 8, rel=1e-12)


def binary(event: np.ndarray):
    from radiokit.deep._losses import BinaryLoss

    return BinaryLoss(event)


def survival(event: np.ndarray, time: np.ndarray):
    from radiokit.deep._losses import CoxLoss

    return CoxLoss(time.astype(float), event)


SIZES = [(9, 4, 4), (17, 3, 8), (33, 16, 8), (5, 1, 2), (3, 1, 8), (64, 2, 4), (7, 3, 2), (2, 1, 2), (99, 1, 8)]


@pytest.mark.parametrize(("n", "events", "size"), SIZES)
@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_no_batch_is_larger_than_asked_for_nor_a_single_case(kind: str, n: int, events: int, size: int) -> None:
    event = np.arange(n) < events
    loss = binary(event) if kind == "binary" else survival(event, np.arange(n))
    rows = np.arange(n)
    steps = epoch_steps(loss, rows, size, (0, 1))
    batches = [batch for step in steps for batch in step]
    seen = np.sort(np.concatenate(batches))
    assert len(np.unique(seen)) == len(seen) and set(seen) <= set(rows)
    assert all(2 <= batch.size <= size for batch in batches)
    assert len(seen) == n or size == 2, "only pairs leave one of an odd number for another epoch"
    for step in steps:
        assert loss.has_gradient(np.concatenate(step)), "a step from which nothing is learnt"
    if kind == "binary":
        assert all(len(step) == 1 for step in steps), "no loss of single cases needs several batches"
    again = epoch_steps(loss, rows, size, (0, 1))
    assert [[b.tolist() for b in s] for s in steps] == [[b.tolist() for b in s] for s in again]


def test_steps_without_a_risk_set_join_others() -> None:
    """Events last: the last one of a step alone is compared with nobody."""
    time = np.arange(40.0)
    loss = survival(time >= 35, time)
    for seed in range(30):
        assert all(loss.usable(np.concatenate(step)) for step in epoch_steps(loss, np.arange(40), 4, (seed, 0)))


def test_which_rows_say_something() -> None:
    late = survival(np.array([0, 0, 0, 1], bool), np.array([1, 2, 3, 9]))
    assert not late.usable(np.arange(4)), "nobody else is at risk at the only event"
    assert survival(np.array([1, 0, 0, 0], bool), np.array([1, 2, 3, 9])).usable(np.arange(4))
    assert survival(np.array([1, 1], bool), np.array([2, 2])).usable(np.arange(2)), "tied deaths are at risk together"
    assert not binary(np.ones(3, bool)).usable(np.arange(3)) and binary(np.ones(3, bool)).has_gradient(np.arange(1))


def test_who_stops_the_training_is_whole_patients_of_both_outcomes() -> None:
    patients = np.repeat(np.arange(40), 2)
    event = np.repeat(np.arange(40) % 4 == 0, 2)
    rows = np.arange(80)
    train, stop = stopping_split(binary(event), rows, patients, 0.2, seed=0)
    assert not set(patients[train]) & set(patients[stop])
    assert len(train) + len(stop) == 80 and len(stop) == 16 and event[stop].sum() == 4
    assert stop.tolist() != stopping_split(binary(event), rows, patients, 0.2, seed=1)[1].tolist()
    with pytest.warns(DataWarning, match="none can be spared"):
        train, stop = stopping_split(binary(np.arange(9) == 0), np.arange(9), np.arange(9), 0.2, seed=0)
    assert len(train) == 9 and not len(stop)


@pytest.mark.parametrize("events", [4, 5, 8])
def test_who_stops_the_training_has_a_risk_set(events: int) -> None:
    for seed in range(60):
        event = np.zeros(30, dtype=bool)
        event[np.random.default_rng(seed).permutation(30)[:events]] = True
        loss = survival(event, np.where(event, 100 + np.arange(30), np.arange(30)))
        train, stop = stopping_split(loss, np.arange(30), np.arange(30), 0.2, seed=seed)
        assert loss.usable(train) and loss.usable(stop)


def test_several_batches_have_the_gradient_of_one() -> None:
    """Group normalisation looks at no other case: then one step of 9 in batches of 3 is the step of 9."""
    from radiokit.deep._augment import Patches
    from radiokit.deep._fitted import Plan
    from radiokit.deep._store import CropStore
    from radiokit.deep._train import Inputs, Task, Trainer
    from radiokit.deep.settings import Network, Training

    rng = np.random.default_rng(0)
    inputs = Inputs(CropStore(rng.normal(size=(9, 1, 1, 8, 8)).astype(np.float32), list("abcdefghi")), np.zeros((9, 0)))
    loss = survival(np.arange(9) % 3 == 0, rng.permutation(9))
    plan = Plan(Network("resnet_small", "2D", 1, "group"), 1)
    task = Task(inputs, loss, np.arange(9), np.arange(0), Patches((1.0, 1.0, 1.0), (True,)), 0)
    found = []
    for step in ([np.arange(9)], np.array_split(np.arange(9), 3)):
        how = Training(epochs=1, augmentation=None)
        trainer = Trainer(plan.build, task, how, device=torch.device("cpu"), config="")
        trainer.network.train()
        value = trainer._gradient(step, 0)
        found.append((value, [p.grad.numpy().copy() for p in trainer.network.parameters()]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for whole, parts in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(parts, whole, atol=1e-5 * np.abs(whole).max() + 1e-8)
