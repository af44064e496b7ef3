"""Models as equations that a reader can compute by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiokit.study._endpoint import Endpoint
from radiokit.study._frozen import CaseScore, Frozen, Score
from radiokit.validation.facts import FormulaFacts


def formulas(endpoint: Endpoint, time_unit: str = "") -> list[FormulaFacts]:
    """Return each model as equations."""
    return [FormulaFacts(m.name, tuple(formula(m.frozen, time_unit))) for m in endpoint.models]


def formula_table(found: Sequence[FormulaFacts]) -> pd.DataFrame:
    """Return one row for each model, its equations in one line."""
    return pd.DataFrame([(f.model, "; ".join(f.lines)) for f in found], columns=["model", "formula"])


def formula(frozen: Frozen, time_unit: str = "") -> list[str]:
    """Return the lines of the scores, of the model that weights them, and of what becomes of the sum."""
    lines = [_score_formula(score) for score in frozen.scores]
    total = _sum(frozen.intercept, [(weight, name) for name, weight in frozen.weights])
    if frozen.kind == "logistic":
        lines.append(f"log-odds = {total}")
        if frozen.calibration is None:
            lines.append("probability = 1 / (1 + exp(-log-odds))")
        else:
            lines.append(f"probability: the log-odds bent by the {frozen.calibration.kind} map in the frozen file")
        return lines
    lines.append(f"log relative hazard = {total}")
    for time, survival in zip(frozen.horizon, frozen.baseline, strict=True):
        at = f"{time:g} {time_unit}".strip()
        lines.append(f"survival at {at} = {survival:.6g} ^ exp(log relative hazard)")
    if frozen.horizon:
        lines.append("for other times S0(t) of the table baseline_survival stands before the ^")
    return lines


def _score_formula(score: CaseScore) -> str:
    if not isinstance(score, Score):
        count = f" of {len(score.features)} features" if score.features else ""
        return f"{score.name} = {score.kind}{count}, in the frozen file"
    terms = []
    for f in score.features:
        value = f"log({f.name})" if f.log else f.name
        bounded = _bounded(value, f.clip_low, f.clip_high)
        scaled = bounded if f.center == 0 and f.scale == 1 else f"({bounded} - {f.center:.6g}) / {f.scale:.6g}"
        terms.append((f.coef, scaled))
    return f"{score.name} = {_sum(score.intercept, terms)}"


def _bounded(value: str, low: float, high: float) -> str:
    """Text of a value that is held between bounds; a bound that is NaN holds nothing back."""
    if np.isnan(low) and np.isnan(high):
        return value
    ends = ["-∞" if np.isnan(low) else f"{low:.6g}", "∞" if np.isnan(high) else f"{high:.6g}"]
    return f"clip({value}, {ends[0]}, {ends[1]})"


def _sum(intercept: float, terms: Sequence[tuple[float, str]]) -> str:
    """Text of an intercept and weighted terms; what is 0 but for rounding, and a weight of 1, are left out."""
    largest = max([abs(weight) for weight, _ in terms], default=0.0)
    text = "" if terms and abs(intercept) <= 1e-12 * max(largest, 1.0) else f"{intercept:.6g}"
    for weight, name in terms:
        factor = name if abs(weight) == 1 else f"{abs(weight):.6g} × {name}"
        sign = "-" if weight < 0 else "+" if text else ""
        text = f"{text} {sign} {factor}" if text else f"{sign}{factor}"
    return text
