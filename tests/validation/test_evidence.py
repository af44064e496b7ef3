"""Evidence is picked by every part that is named, and by no other."""

from __future__ import annotations

import math
from itertools import product

import pytest

from radiokit.validation.evidence import Evidence, select

NAMES = {"model": ("clinical", "combined"), "cohort": ("test", "training"), "metric": ("auc", "brier")}
ALL = [
    Evidence(model, cohort, "test", metric, 0.7, 0.6, 0.8, 0.95, "delong", 10, 4)
    for model, cohort, metric in product(*NAMES.values())
]


@pytest.mark.parametrize("part", NAMES)
def test_one_part_halves_the_evidence(part: str) -> None:
    for wanted in NAMES[part]:
        found = select(ALL, **{part: wanted})
        assert found == [e for e in ALL if getattr(e, part) == wanted] and len(found) == 4
    assert select(ALL, source="external") == [] and select(ALL, source="test") == ALL == select(ALL)
    assert select(ALL, model="combined", cohort="test", metric="brier") == [ALL[5]]


@pytest.mark.parametrize(("low", "high", "known"), [(0.6, 0.8, True), (math.nan, 0.8, False), (0.6, math.nan, False)])
def test_an_interval_has_two_limits(low: float, high: float, known: bool) -> None:
    assert Evidence("m", "test", "test", "auc", 0.7, low, high, 0.95, "delong", 10, 4).has_interval is known
