"""Formulas as text: ``"y ~ age * C(stage) + rcs(cea, 4)"`` becomes names on the left and parts on the right."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pandas as pd

from radiokit.exceptions import ParameterError

OTHERS = "."  # the name that stands for all other columns
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


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
class Response:
    """A column on the left side: as it is, or compared with a value (``status == 2``)."""

    name: str
    comparison: str = ""
    value: float | str = 0.0

    def values(self, frame: pd.DataFrame) -> pd.Series:
        """Return the outcome's column of a table."""
        column = frame[self.name]
        if not self.comparison:
            return column
        try:
            return COMPARISONS[self.comparison](column, self.value)
        except TypeError:
            raise ParameterError(
                f"{self.name!r} cannot be compared: {self.name} {self.comparison} {self.value!r}; required: a number "
                "beside numbers, or text in quotes beside text."
            ) from None


@dataclass(frozen=True)
class Formula:
    """The two sides of a formula: the outcome (none, one, or time and event), the terms, and the strata.

    A term is a product of parts; most have one.
    """

    text: str
    response: tuple[Response, ...]
    terms: tuple[tuple[Part, ...], ...]
    strata: tuple[str, ...] = ()


def parse_formula(formula: str) -> Formula:
    """Read a formula; the left side may be empty, for a model whose outcome is given apart."""
    if not isinstance(formula, str):
        raise ParameterError(f"formula is {formula!r}; required: text such as 'y ~ age + C(stage)'.")
    left, tilde, right = formula.partition("~")
    if not tilde or not right.strip():
        raise ParameterError(f"The formula is {formula!r}; required: 'outcome ~ term + term', for example 'y ~ age'.")
    terms: list[tuple[Part, ...]] = []
    strata: list[str] = []
    for text in _split(right, "+"):
        layers = re.fullmatch(r"strata\((.+)\)", text)
        if layers:
            strata += [_name(name) for name in _split(layers.group(1), ",")]
        elif text != "1":
            # A product written with * brings its main effects along, which may be there already.
            products = _products(text)
            terms += [term for term in products if term not in terms or (len(products) == 1 and len(term) == 1)]
    _refuse_repeats(terms)
    # Main effects come before interactions, as R has them.
    return Formula(formula, _response(left), tuple(sorted(terms, key=len)), tuple(strata))


def _products(text: str) -> list[tuple[Part, ...]]:
    """Read one term: a part, a product ``a:b``, or ``a * b``, which stands for ``a + b + a:b``."""
    crossed = _split(text, "*")
    factors = [tuple(_part(name) for name in _split(factor, ":")) for factor in crossed]
    if len(factors) == 1:
        return factors
    sizes = range(1, len(factors) + 1)
    return [sum(chosen, ()) for size in sizes for chosen in combinations(factors, size)]


def _refuse_repeats(terms: list[tuple[Part, ...]]) -> None:
    keys = [frozenset(part.variable for part in term) for term in terms]
    twice = [term for term, key in zip(terms, keys, strict=True) if keys.count(key) > 1 or len(key) < len(term)]
    if twice:
        names = sorted({":".join(part.variable for part in term) for term in twice})
        raise ParameterError(f"The formula names {', '.join(names)} more than once; required: once each.")


def _response(left: str) -> tuple[Response, ...]:
    if not left.strip():
        return ()
    survival = re.fullmatch(r"\s*Surv\((.+)\)\s*", left)
    columns = tuple(_response_column(v) for v in _split(survival.group(1) if survival else left, ","))
    if len(columns) != (2 if survival else 1):
        raise ParameterError(f"The left side is {left.strip()!r}; required: one outcome, or Surv(time, event).")
    return columns


def _response_column(text: str) -> Response:
    compared = re.fullmatch(r"(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)", text)
    if not compared:
        return Response(_name(text))
    name, comparison, value = compared.groups()
    quoted = re.fullmatch(r"'([^']*)'|\"([^\"]*)\"", value)
    if quoted:
        return Response(_name(name), comparison, next(v for v in quoted.groups() if v is not None))
    try:
        return Response(_name(name), comparison, float(value))
    except ValueError:
        raise ParameterError(f"{text!r}: {value!r} is no number; text to compare with goes in quotes.") from None


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
            f"{text!r} cannot be read as a column name. Terms are a name, C(name) or rcs(name, knots), joined by +, : "
            "or *; a name with other characters goes in backticks; a transformed variable is made a column."
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
