"""Formulas as text: ``"y ~ age + C(stage) + rcs(cea, 4)"`` becomes names on the left and parts on the right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from radiokit.exceptions import ParameterError

OTHERS = "."  # the name that stands for all other columns


@dataclass(frozen=True)
class Part:
    """A term as it is written: a variable as it is ("auto"), as a factor, or as a spline.

    `knots` is the number of knots of a spline, or their places; `reference` the level that a factor starts from.
    """

    kind: Literal["auto", "factor", "spline"]
    variable: str
    knots: int | tuple[float, ...] = 0
    reference: str | None = None


@dataclass(frozen=True)
class Formula:
    """The two sides of a formula: names of the outcome (none, one, or time and event), and the terms."""

    text: str
    response: tuple[str, ...]
    parts: tuple[Part, ...]


def parse_formula(formula: str) -> Formula:
    """Read a formula; the left side may be empty, for a model whose outcome is given apart."""
    if not isinstance(formula, str):
        raise ParameterError(f"formula is {formula!r}; required: text such as 'y ~ age + C(stage)'.")
    left, tilde, right = formula.partition("~")
    if not tilde or not right.strip():
        raise ParameterError(f"The formula is {formula!r}; required: 'outcome ~ term + term', for example 'y ~ age'.")
    parts = tuple(_part(text) for text in _split(right, "+") if text != "1")
    repeated = {p.variable for p in parts if sum(q.variable == p.variable for q in parts) > 1}
    if repeated:
        raise ParameterError(f"The formula names {', '.join(sorted(repeated))} more than once; required: once each.")
    return Formula(formula, _response(left), parts)


def _response(left: str) -> tuple[str, ...]:
    if not left.strip():
        return ()
    survival = re.fullmatch(r"\s*Surv\((.+)\)\s*", left)
    names = tuple(_name(v) for v in _split(survival.group(1) if survival else left, ","))
    if len(names) != (2 if survival else 1):
        raise ParameterError(f"The left side is {left.strip()!r}; required: one outcome, or Surv(time, event).")
    return names


def _split(text: str, separator: str) -> list[str]:
    """Split outside of brackets, quotes and backticks."""
    parts, depth, quote, start = [], 0, "", 0
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "`'\"":
            quote = letter
        else:
            depth += (letter in "([") - (letter in ")]")
            if letter == separator and depth == 0:
                parts.append(text[start:i].strip())
                start = i + 1
    return [*parts, text[start:].strip()]


def _name(text: str) -> str:
    text = text.strip()
    if len(text) > 2 and text[0] == text[-1] == "`":
        return text[1:-1]
    if not re.fullmatch(r"[^\W\d][\w.]*", text):
        raise ParameterError(
            f"{text!r} cannot be read as a column name. Terms are a name, C(name) or rcs(name, knots), joined by +; a "
            "name with other characters goes in backticks; an interaction or a transformed variable is made a column."
        )
    return text


def _part(text: str) -> Part:
    if text == OTHERS:
        return Part("auto", OTHERS)
    call = re.fullmatch(r"(C|rcs)\((.*)\)", text, re.DOTALL)
    if not call:
        return Part("auto", _name(text))
    name, *options = _split(call.group(2), ",")
    if len(options) > 1:
        raise ParameterError(
            f"{text!r} has {len(options) + 1} arguments; required: C(name), C(name, reference='level'), "
            "rcs(name, number of knots) or rcs(name, [knot, knot, knot])."
        )
    if call.group(1) == "C":
        return Part("factor", _name(name), reference=_reference(options[0], text) if options else None)
    return Part("spline", _name(name), knots=_knots(options[0] if options else "5", text))


def _reference(option: str, text: str) -> str:
    given = re.fullmatch(r"reference\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([\w.]+))", option)
    if not given:
        raise ParameterError(
            f"{text!r}: C() takes one name, and reference='level' to start from another level than the first; an "
            "ordered categorical sets the order of all levels."
        )
    return next(value for value in given.groups() if value is not None)


def _knots(option: str, text: str) -> int | tuple[float, ...]:
    try:
        if not option.startswith("["):
            return int(option)
        knots = tuple(sorted({float(v) for v in option.strip("[]").split(",")}))
    except ValueError:
        raise ParameterError(f"{text!r}: {option!r} is no number of knots and no list of knots.") from None
    if len(knots) < 3:
        raise ParameterError(f"{text!r} has {len(knots)} different knots; required: 3 or more.")
    return knots
