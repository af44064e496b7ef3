"""What stands in the file of a frozen model: the type of every field, checked before anything is made of it.

A shape is a function of a value and of its place in the file; it raises ValueError where the value is another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from radiokit.study._scores import KINDS

Shape = Callable[[Any, str], None]


def text(value: Any, place: str) -> None:
    """Require text."""
    _require(isinstance(value, str), value, place, "text")


def logical(value: Any, place: str) -> None:
    """Require true or false."""
    _require(isinstance(value, bool), value, place, "true or false")


def number(value: Any, place: str) -> None:
    """Require a finite number that a float can hold."""
    _require(_is_number(value), value, place, "a finite number")


def gap(value: Any, place: str) -> None:
    """Require a finite number, or null where it is not known."""
    _require(value is None or _is_number(value), value, place, "a finite number or null")


def whole(value: Any, place: str) -> None:
    """Require a whole number."""
    good = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    _require(good, value, place, "a whole number")


def mapping(value: Any, place: str) -> None:
    """Require a mapping: what it holds is checked by who reads it."""
    _require(isinstance(value, dict), value, place, "a mapping")


def anything(value: Any, place: str) -> None:
    """Take whatever JSON holds: it is shown, and never computed with."""


def one_of(*choices: Any) -> Shape:
    """Return the shape of one of some words or numbers."""

    def shape(value: Any, place: str) -> None:
        known = isinstance(value, str | int) and not isinstance(value, bool) and value in choices
        _require(known, value, place, f"one of {', '.join(map(str, choices))}")

    return shape


def each(item: Shape) -> Shape:
    """Return the shape of a list of such items."""

    def shape(value: Any, place: str) -> None:
        _require(isinstance(value, list), value, place, "a list")
        for k, one in enumerate(value):
            item(one, f"{place}[{k}]")

    return shape


def row(*items: Shape) -> Shape:
    """Return the shape of a list of exactly these items."""

    def shape(value: Any, place: str) -> None:
        _require(isinstance(value, list) and len(value) == len(items), value, place, f"{len(items)} values")
        for k, (item, one) in enumerate(zip(items, value, strict=True)):
            item(one, f"{place}[{k}]")

    return shape


def named(item: Shape) -> Shape:
    """Return the shape of a mapping of any names to such items."""

    def shape(value: Any, place: str) -> None:
        mapping(value, place)
        for name, one in value.items():
            item(one, f"{place}.{name}")

    return shape


def fields(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """Return the shape of a mapping with these names; others are passed over, as later versions may have more."""

    def shape(value: Any, place: str) -> None:
        mapping(value, place)
        for name, item in {**required, **(optional or {})}.items():
            where = f"{place}.{name}" if place else name
            if name in value:
                item(value[name], where)
            elif name in required:
                raise ValueError(f"{where} is missing")

    return shape


def or_null(item: Shape) -> Shape:
    """Return the shape of such an item, or null."""
    return lambda value, place: None if value is None else item(value, place)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _require(good: bool, value: Any, place: str, what: str) -> None:
    if not good:
        found = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else f"{str(value)[:10]}..."
        raise ValueError(f"{place} is {found[:60]}; required: {what}")


FEATURE = fields(
    {
        "name": text, "unit": text, "ibsi_id": text, "log": logical,
        **dict.fromkeys(("impute", "center", "scale", "coef", "low", "high"), gap),
    },
    dict.fromkeys(("clip_low", "clip_high"), gap),
)  # fmt: skip
NAMED = {"name": text, "features": each(FEATURE)}
SCORES: dict[str, Shape] = {
    "linear": fields({**NAMED, "intercept": number}),
    "trees": fields(
        {
            **NAMED, "base": number,
            **dict.fromkeys(("roots", "feature", "left", "right"), each(whole)),
            **dict.fromkeys(("threshold", "value", "cover"), each(gap)),
        }
    ),
    "kernel": fields(
        {**NAMED, "intercept": number, "gamma": number, "vectors": each(each(number)), "weights": each(number)}
    ),
    "deep": fields({"name": text, "columns": each(text), "model": mapping}),
}  # fmt: skip


def score(value: Any, place: str) -> None:
    """Require a score, of a kind that this version knows."""
    fields({}, {"kind": one_of(*KINDS)})(value, place)
    # A kind without a schema here is checked by its own `from_plain`.
    SCORES.get(value.get("kind", "linear"), mapping)(value, place)


def clinical(value: Any, place: str) -> None:
    """Require a clinical column: numbers, or categories that are named."""
    fields({"name": text, "levels": each(text), "low": gap, "high": gap, "impute": anything})(value, place)
    (or_null(text) if value["levels"] else gap)(value["impute"], f"{place}.impute")


def calibration(value: Any, place: str) -> None:
    """Require a map of the score, with as many numbers as its kind has."""
    fields({"kind": one_of("linear", "beta", "isotonic")})(value, place)
    coefficients = {"linear": row(number, number), "beta": row(number, number, number), "isotonic": row()}
    fields({"coef": coefficients[value["kind"]], "knots": each(row(number, number))})(value, place)
    if value["kind"] == "isotonic" and not value["knots"]:
        raise ValueError(f"{place}.knots is empty; required: some knots")


MODEL = fields(
    {
        "name": text,
        "kind": one_of("logistic", "cox"),
        "intercept": number,
        "weights": each(row(text, number)),
        "scores": each(score),
        "clinical": each(clinical),
        "threshold": gap,
        "cut": gap,
        "horizon": each(number),
        "baseline": each(number),
    },
    {"calibration": or_null(calibration)},
)
IMAGES = fields(
    {},
    {
        **dict.fromkeys(("modality", "unit"), each(text)),
        **dict.fromkeys(("spacing_low", "spacing_high"), row(number, number, number)),
    },
)


def distribution(value: Any, place: str) -> None:
    """Require where training cases lie; empty where that is not known."""
    mapping(value, place)
    if not value:
        return
    fields({"names": each(text), "loadings": each(each(number)), "variances": each(number), "noise": number})(
        value, place
    )
    size = len(value["names"])
    loading = row(*[number] * size)
    fields({"center": loading, "scale": loading, "loadings": each(loading), "distances": each(number)})(value, place)
    if len(value["variances"]) != len(value["loadings"]) or 0 in (*value["scale"], *value["variances"], value["noise"]):
        raise ValueError(f"{place} holds numbers that do not fit together")


CONTENT = fields(
    {
        "model": MODEL,
        "extraction": named(fields({}, {"prefix": text, "sequence": text, "params": text, "deep": mapping})),
        "card": mapping,
        "nomogram": each(mapping),
    },
    {"domain": fields({}, {"distribution": distribution, "imaging": named(IMAGES)}), "radiokit": text},
)


def check_content(content: Any) -> None:
    """Raise ValueError, with the field named, where the content of a file is not what `save` writes."""
    CONTENT(content, "")
