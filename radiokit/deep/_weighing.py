"""Late fusion: a logistic or Cox model over the cross-fitted deep score and the clinical columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.engine.baseline import Baseline
from radiokit.engine.clinical import ClinicalColumns
from radiokit.engine.design import Design, Factor, Linear
from radiokit.engine.inputs import FloatArray

DEEP = "deep"


def free_name(taken: Iterable[Any]) -> str:
    """Return the name of the deep score beside clinical columns: "deep", or where one has that name "deep score"."""
    names = set(map(str, taken))
    return next(name for name in (DEEP, *(f"{DEEP} score{'*' * k}" for k in range(99))) if name not in names)


@dataclass(frozen=True)
class Weights:
    """A weighted sum: of the deep score, and of clinical columns."""

    names: tuple[str, ...]
    coef: tuple[float, ...]
    intercept: float

    def score(self, design: pd.DataFrame) -> FloatArray:
        """Log-odds, or log relative hazard."""
        return design[list(self.names)].to_numpy(dtype=float) @ np.array(self.coef) + self.intercept

    def to_dict(self) -> dict[str, Any]:
        """JSON's own types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Weights:
        """Inverse of `to_dict`."""
        return cls(tuple(raw["names"]), tuple(map(float, raw["coef"])), float(raw["intercept"]))


def clinical_to_dict(columns: ClinicalColumns | None) -> list[dict[str, Any]]:
    """Return what was learnt of clinical columns as JSON's own types."""
    if columns is None:
        return []
    return [
        {"fill": columns.fill[term.variable], "kind": type(term).__name__, **asdict(term)}
        for term in columns.design.terms
    ]


def clinical_from_dict(raw: list[dict[str, Any]]) -> ClinicalColumns | None:
    """Inverse of `clinical_to_dict`."""
    if not raw:
        return None
    terms = [
        Factor(t["variable"], tuple(t["levels"]))
        if t["kind"] == "Factor"
        else Linear(t["variable"], float(t["low"]), float(t["high"]), tuple(t["values"]))
        for t in raw
    ]
    return ClinicalColumns({t["variable"]: t["fill"] for t in raw}, Design(tuple(terms)))


def baseline_to_dict(baseline: Baseline) -> dict[str, Any]:
    """Return a baseline hazard without strata as JSON's own types."""
    (step,), (last,) = baseline.hazards, baseline.last_time
    return {"time": step.times.tolist(), "hazard": step.values.tolist(), "last": float(last)}


def baseline_from_dict(raw: Mapping[str, Any]) -> Baseline:
    """Return the baseline hazard that `baseline_to_dict` wrote."""
    table = pd.DataFrame({"time": raw["time"], "cumulative_hazard": raw["hazard"]}, dtype=float)
    return Baseline.from_table(table, np.array([raw["last"]], dtype=float))
