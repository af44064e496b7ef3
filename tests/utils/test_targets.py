"""The outcome at the door."""

from __future__ import annotations

import pytest

from radiokit.utils import spells_outcome


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
