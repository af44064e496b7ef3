"""Fingerprints of what a model was fitted to: published values of the mixing, and what they tell apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from radiokit.engine.training_cases import TrainingCases, _scramble, refuse_other_cases
from radiokit.exceptions import InputError

LABELS = np.arange(6, dtype=np.uint64)
TIME, EVENT = np.array([3.0, 1, 4, 1, 5, 9]), np.array([1, 0, 1, 1, 0, 1])


def test_bits_are_mixed_as_splitmix64() -> None:
    """The first numbers of its generator from seed 0 (Vigna's splitmix64.c; each step adds 0x9E3779B97F4A7C15)."""
    states = np.arange(3, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert [hex(x) for x in _scramble(states)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_order_plays_no_part_and_everything_else_does() -> None:
    turned = np.array([4, 2, 5, 0, 1, 3])
    plain = TrainingCases.of(LABELS, TIME, EVENT)
    assert plain == TrainingCases.of(LABELS[turned], TIME[turned], EVENT[turned])
    assert plain == TrainingCases.of(LABELS, TIME, EVENT.astype(bool))
    swapped = EVENT[[1, 0, 2, 3, 4, 5]]
    others = [
        plain,
        TrainingCases.of(LABELS + np.uint64(1), TIME, EVENT),
        TrainingCases.of(LABELS, TIME, swapped),
        TrainingCases.of(LABELS, TIME),
        TrainingCases.of(LABELS, EVENT, TIME),
        TrainingCases.of(LABELS, TIME, EVENT, weights=TIME),
        TrainingCases.of(LABELS, TIME, EVENT, strata=EVENT),
        TrainingCases.of(LABELS[:5], TIME[:5], EVENT[:5]),
    ]
    for a, b in combinations(others, 2):
        with pytest.raises(InputError, match="required: the same"):
            refuse_other_cases(a, b)
    refuse_other_cases(plain, TrainingCases.of(LABELS, TIME, EVENT))


@pytest.mark.parametrize(
    ("change", "what"),
    [({"weights": TIME}, "different weights"), ({"strata": EVENT}, "different strata")],
)
def test_what_differs_is_named(change: dict, what: str) -> None:
    with pytest.raises(InputError, match=what):
        refuse_other_cases(TrainingCases.of(LABELS, TIME, EVENT), TrainingCases.of(LABELS, TIME, EVENT, **change))
