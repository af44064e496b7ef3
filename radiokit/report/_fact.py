"""One line of a checklist: whether something was done in this run, the numbers, and the place where they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from radiokit.report._contents import Place
from radiokit.report._result import Reportable

MET, PARTLY, AUTHOR, UNMET, OUT = "met", "partly", "author", "not met", "does not apply"


@dataclass(frozen=True)
class Fact:
    """Whether something is done, what was found, and where a reader sees it."""

    status: str
    evidence: str
    where: tuple[Place, ...] = ()


FactOf = Callable[[Reportable], Fact]


def met(evidence: str, where: tuple[Place, ...], otherwise: str = "it is not in this report") -> Fact:
    """Return that something is done, if the report shows where; else that it is not met."""
    return Fact(MET, evidence, where) if where else Fact(UNMET, otherwise)


def partly(evidence: str, where: tuple[Place, ...] = ()) -> Fact:
    """Return that the report shows a part, and the author has to add the rest."""
    return Fact(PARTLY, evidence, where)


def author(evidence: str = "for the author") -> Fact:
    """Return that only the author can say it."""
    return Fact(AUTHOR, evidence)


def unmet(evidence: str) -> Fact:
    """Return that it was not done."""
    return Fact(UNMET, evidence)


def out(evidence: str) -> Fact:
    """Return that the item does not apply to this study."""
    return Fact(OUT, evidence)
