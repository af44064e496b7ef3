"""The outcome at the door."""

from __future__ import annotations

import numpy as np
import pytest

from radiokit.utils import as_survival_target, spells_outcome


@pytest.mark.parametrize(
    ("column", "spells"),
    [
        (["b", "a", "b", "a"], True),
        ([2.5, 1, 2.5, 1], True),
        ([1, 1, 0, 0], False),
        ([1, 0, 1, 2], False),
        ([1] * 4, False),
    ],
)
def test_another_spelling_of_the_outcome(column, spells) -> None:
    assert spells_outcome(column, [1, 0, 1, 0]) is spells


def test_numbers_made_from_the_outcome_or_the_time() -> None:
    rng = np.random.default_rng(0)
    y, time = np.arange(40) % 2, rng.exponential(size=40)
    target = as_survival_target(y, time)
    assert spells_outcome(y + 0.01 * rng.random(40), y)
    assert spells_outcome(np.log(time), target)
    assert spells_outcome(["dead" if v else f"alive {i % 3}" for i, v in enumerate(y)], target)
    assert not spells_outcome(y + 0.9 * rng.random(40), y)  # a good marker may separate them
    assert not spells_outcome(time + 0.1 * rng.normal(size=40), target)
