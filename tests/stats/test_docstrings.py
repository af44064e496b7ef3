"""Every public statistic teaches: a formula, a source, how to read it, what it returns and when it fails."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from radiokit import models, nomogram, stats, survival
from radiokit.survival import competing_risks

# They lay out, write or build; there is nothing to estimate.
NO_STATISTICS = {"write_table", "as_survival_target", "format_table_one", "format_model_table", "coefficient_table"}
# They compose what others estimate.
COMPOSED = {"univariable_table", "table_one", "compare_aucs", "reclassification_table", "Nomogram", "RiskStratifier"}
LOGISTIC = ("LogisticModel", "likelihood_ratio", "univariable_table", "multivariable_table")


def public() -> Iterator[Any]:
    for room in (stats, survival, models, nomogram, competing_risks):
        for name in LOGISTIC if room is models else room.__all__:
            thing = getattr(room, name)
            if inspect.isfunction(thing) or (inspect.isclass(thing) and hasattr(thing, "fit")):
                yield pytest.param(thing, id=f"{room.__name__.removeprefix('radiokit.')}.{name}")


def doc(thing: Any) -> str:
    return inspect.getdoc(thing) or ""


@pytest.mark.parametrize("thing", [p for p in public() if p.values[0].__name__ not in NO_STATISTICS])
def test_it_says_how_to_read_it_and_where_it_comes_from(thing: Any) -> None:
    assert re.search(r"How to read it[.:]", doc(thing)), "no 'How to read it'"
    source = r"doi:|https?://|\b(19|20)\d\d\b|\bas R's\b|::"
    assert re.search(source, doc(thing)) or thing.__name__ in COMPOSED, "no source"


@pytest.mark.parametrize("thing", [p for p in public() if p.values[0].__name__ not in NO_STATISTICS | COMPOSED])
def test_it_has_a_formula(thing: Any) -> None:
    assert re.search(r":math:|\.\. math::|``[^`]*[-+/*=][^`]*``|`[a-z_]+`", doc(thing)), "no formula"


@pytest.mark.parametrize("thing", [p for p in public() if inspect.isfunction(p.values[0])])
def test_a_function_says_what_it_returns_and_when_it_fails(thing: Any) -> None:
    for section in ("Parameters", "Returns", "Examples"):
        assert f"{section}\n---" in doc(thing), f"no {section}"
    takes_data = any(p.kind is not p.KEYWORD_ONLY for p in inspect.signature(thing).parameters.values())
    assert "Raises\n---" in doc(thing) or not takes_data, "no Raises"


@pytest.mark.parametrize("thing", [p for p in public() if inspect.isclass(p.values[0])])
def test_an_estimator_says_what_it_learns(thing: Any) -> None:
    for section in ("Parameters", "Attributes", "Examples"):
        assert f"{section}\n---" in doc(thing), f"no {section}"
    for name, method in inspect.getmembers(thing, inspect.isfunction):
        if not name.startswith("_") and method.__module__.startswith("radiokit"):
            assert doc(method), f"{name} has no docstring"
