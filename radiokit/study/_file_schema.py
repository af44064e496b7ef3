"""What stands in the file of a frozen model: the type of every field, checked before anything is made of it.

A shape is the name of a type, ``[item]`` for a list of such items, ``(a, b)`` for a list of exactly these, ``{name:
item}`` for a mapping with these names (those that end in ``?`` may be absent, others are passed over, as later versions
may have more), or a function that checks the value itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from radiokit.study._scores import KINDS
from radiokit.utils.json import is_number

Shape = str | list[Any] | tuple[Any, ...] | dict[str, Any] | Callable[[Any, str], None]


def check(value: Any, shape: Shape, place: str) -> None:
    """Raise ValueError, with the place in the file, where a value is not of a shape."""
    if isinstance(shape, str):
        _require(TYPES[shape](value), value, place, shape)
    elif isinstance(shape, list):
        _require(isinstance(value, list), value, place, "a list")
        for k, one in enumerate(value):
            check(one, shape[0], f"{place}[{k}]")
    elif isinstance(shape, tuple):
        _require(isinstance(value, list) and len(value) == len(shape), value, place, f"{len(shape)} values")
        for k, (one, item) in enumerate(zip(value, shape, strict=True)):
            check(one, item, f"{place}[{k}]")
    elif isinstance(shape, dict):
        check(value, "a mapping", place)
        for key, item in shape.items():
            name = key.removesuffix("?")
            where = f"{place}.{name}" if place else name
            if name in value:
                check(value[name], item, where)
            elif name == key:
                raise ValueError(f"{where} is missing")
    else:
        shape(value, place)


def one_of(*choices: Any) -> Shape:
    """Return the shape of one of some words."""

    def shape(value: Any, place: str) -> None:
        _require(isinstance(value, str) and value in choices, value, place, f"one of {', '.join(choices)}")

    return shape


def named(item: Shape) -> Shape:
    """Return the shape of a mapping of any names to such items."""

    def shape(value: Any, place: str) -> None:
        check(value, "a mapping", place)
        for name, one in value.items():
            check(one, item, f"{place}.{name}")

    return shape


def or_null(item: Shape) -> Shape:
    """Return the shape of such an item, or null."""
    return lambda value, place: None if value is None else check(value, item, place)


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _require(good: bool, value: Any, place: str, what: str) -> None:
    if not good:
        found = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else f"{str(value)[:10]}..."
        raise ValueError(f"{place} is {found[:60]}; required: {what}")


TEXT, LOGICAL, NUMBER, WHOLE, MAPPING = "text", "true or false", "a finite number", "a whole number", "a mapping"
GAP = "a finite number or null"  # null where it is not known
TYPES: dict[str, Callable[[Any], bool]] = {
    TEXT: lambda v: isinstance(v, str),
    LOGICAL: lambda v: isinstance(v, bool),
    NUMBER: _is_finite,
    GAP: lambda v: v is None or _is_finite(v),
    WHOLE: lambda v: isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**53,
    MAPPING: lambda v: isinstance(v, dict),  # what it holds is checked by who reads it
}

FEATURE = {
    "name": TEXT, "unit": TEXT, "ibsi_id": TEXT, "log": LOGICAL,
    **dict.fromkeys(("impute", "center", "scale", "coef", "low", "high"), GAP), "clip_low?": GAP, "clip_high?": GAP,
}  # fmt: skip
COMMON = {"name": TEXT, "features": [FEATURE]}
SCORES: dict[str, Shape] = {
    "linear": {**COMMON, "intercept": NUMBER},
    "trees": {
        **COMMON, "base": NUMBER, **{key: [WHOLE] for key in ("roots", "feature", "left", "right")},
        **{key: [GAP] for key in ("threshold", "value", "cover")},
    },
    "kernel": {**COMMON, "intercept": NUMBER, "gamma": NUMBER, "vectors": [[NUMBER]], "weights": [NUMBER]},
    "deep": {"name": TEXT, "columns": [TEXT], "model": MAPPING},
}  # fmt: skip


def score(value: Any, place: str) -> None:
    """Require a score, of a kind that this version knows."""
    check(value, {"kind?": one_of(*KINDS)}, place)
    # A kind without a schema here is checked by its own `from_plain`.
    check(value, SCORES.get(value.get("kind", "linear"), MAPPING), place)


def clinical(value: Any, place: str) -> None:
    """Require a clinical column: numbers, or categories that are named."""
    check(value, {"name": TEXT, "levels": [TEXT], "low": GAP, "high": GAP}, place)
    check(value, {"impute": or_null(TEXT) if value["levels"] else GAP}, place)


def calibration(value: Any, place: str) -> None:
    """Require a map of the score, with as many numbers as its kind has."""
    coefficients = {"linear": (NUMBER, NUMBER), "beta": (NUMBER, NUMBER, NUMBER), "isotonic": ()}
    check(value, {"kind": one_of(*coefficients)}, place)
    check(value, {"coef": coefficients[value["kind"]], "knots": [(NUMBER, NUMBER)]}, place)
    if value["kind"] == "isotonic" and not value["knots"]:
        raise ValueError(f"{place}.knots is empty; required: some knots")


def distribution(value: Any, place: str) -> None:
    """Require where training cases lie; empty where that is not known."""
    check(value, MAPPING, place)
    if not value:
        return
    check(value, {"names": [TEXT], "loadings": [[NUMBER]], "variances": [NUMBER], "noise": NUMBER}, place)
    loading = (NUMBER,) * len(value["names"])
    check(value, {"center": loading, "scale": loading, "loadings": [loading], "distances": [NUMBER]}, place)
    if len(value["variances"]) != len(value["loadings"]) or 0 in (*value["scale"], *value["variances"], value["noise"]):
        raise ValueError(f"{place} holds numbers that do not fit together")


MODEL: Shape = {
    "name": TEXT, "kind": one_of("logistic", "cox"), "intercept": NUMBER, "weights": [(TEXT, NUMBER)],
    "scores": [score], "clinical": [clinical], "threshold": GAP, "cut": GAP, "horizon": [NUMBER], "baseline": [NUMBER],
    "calibration?": or_null(calibration),
}  # fmt: skip
SIZES = (NUMBER, NUMBER, NUMBER)
IMAGES: Shape = {"modality?": [TEXT], "unit?": [TEXT], "spacing_low?": SIZES, "spacing_high?": SIZES}
CONTENT: Shape = {
    "model": MODEL,
    "extraction": named({"prefix?": TEXT, "sequence?": TEXT, "params?": TEXT, "deep?": MAPPING}),
    "card": MAPPING,
    "nomogram": [MAPPING],
    "domain?": {"distribution?": distribution, "imaging?": named(IMAGES)},
    "radiokit?": TEXT,
}


def check_content(content: Any) -> None:
    """Raise ValueError, with the field named, where the content of a file is not what `save` writes."""
    check(content, CONTENT, "")
