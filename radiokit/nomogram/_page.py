"""The nomogram as one HTML file: numbers as JSON, the same formula in a few lines of JavaScript."""

from __future__ import annotations

import html
import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from radiokit.engine.design import Factor, Single, Spline
from radiokit.nomogram.source import Source
from radiokit.utils import write_text

if TYPE_CHECKING:
    from radiokit.nomogram._nomogram import Nomogram


def write_page(nomogram: Nomogram, source: Source, path: str | os.PathLike[str], title: str) -> None:
    """Write the page, whole or not at all."""
    template = files("radiokit.nomogram").joinpath("nomogram.html").read_text(encoding="utf-8")
    page = template.replace("{{title}}", html.escape(title)).replace(
        "{{model}}", _script_safe(_numbers(nomogram, source))
    )
    write_text(path, page)


def _script_safe(content: dict[str, Any]) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(content, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _numbers(nomogram: Nomogram, source: Source) -> dict[str, Any]:
    slices = source.design.slices
    terms = []
    for term, columns in zip(source.design.singles, slices, strict=True):
        rows = nomogram.table[nomogram.table["variable"] == str(term.variable)]
        terms.append(
            {
                "name": str(term.variable),
                "coef": source.coef[columns].tolist(),
                "ticks": rows["value"].tolist(),
                "points": rows["points"].tolist(),
                **_kind(term),
            }
        )
    base = source.baseline
    step = base.hazards[0] if base is not None and not nomogram.times else None
    reached = base.survival(np.zeros(1), nomogram.times)[0] if base is not None and nomogram.times else []
    return {
        "terms": terms,
        "intercept": source.intercept,
        "lp_at_zero": nomogram.lp_at_zero,
        "points_per_unit": nomogram.points_per_unit,
        "max_points": nomogram.max_points,
        "kind": "logistic" if base is None else "survival" if nomogram.times else "median",
        "incidence": source.incidence,
        "times": list(nomogram.times),
        "baseline": [None if np.isnan(s) else float(s) for s in reached],
        "event_times": [] if step is None else step.times.tolist(),
        "hazard": [] if step is None else step.values.tolist(),
    }


def _kind(term: Single) -> dict[str, Any]:
    if isinstance(term, Factor):
        return {"kind": "factor", "levels": list(term.levels)}
    if isinstance(term, Spline):
        return {"kind": "spline", "knots": list(term.knots), "low": term.low, "high": term.high}
    return {"kind": "linear", "low": term.low, "high": term.high}
