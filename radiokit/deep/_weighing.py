"""Late fusion: a logistic or Cox model over the cross-fitted deep score and the clinical columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.engine.clinical import ClinicalColumns
from radiokit.engine.cox import fit_cox
from radiokit.engine.design import Design, Factor, Linear
from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import fit_firth, fit_logistic

# With fewer cases of the rarer class for each weight, Firth's likelihood.
EVENTS_PER_WEIGHT = 10
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


def logistic_weights(design: pd.DataFrame, y: NDArray[np.bool_]) -> Weights:
    """Weights by maximum likelihood, by Firth's with few events."""
    values = design.to_numpy(dtype=float)
    few = min(y.sum(), (~y).sum()) < EVENTS_PER_WEIGHT * values.shape[1]
    intercept, *coef = np.nan_to_num((fit_firth if few else fit_logistic)(values, y).coef).tolist()
    return Weights(tuple(map(str, design.columns)), tuple(coef), intercept)


def cox_weights(design: pd.DataFrame, time: FloatArray, event: NDArray[np.bool_], ties: str) -> Weights:
    """Weights by Cox's partial likelihood; the score is 0 on average in training."""
    values = design.to_numpy(dtype=float)
    coef = np.nan_to_num(fit_cox(values, time, event, ties=ties).coef)
    return Weights(tuple(map(str, design.columns)), tuple(coef.tolist()), -float(values.mean(axis=0) @ coef))


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


@dataclass(frozen=True)
class Baseline:
    """Breslow's cumulative hazard of a case with risk 0, at the event times, up to the last follow-up."""

    time: tuple[float, ...]
    hazard: tuple[float, ...]
    last: float

    @classmethod
    def learn(cls, risk: FloatArray, time: FloatArray, event: NDArray[np.bool_]) -> Baseline:
        """From training cases and their risks (doi:10.1111/j.2517-6161.1972.tb00900.x)."""
        steps = np.unique(time[event])
        deaths = np.array([(event & (time == t)).sum() for t in steps])
        at_risk = (np.exp(risk)[None, :] * (time[None, :] >= steps[:, None])).sum(axis=1)
        return cls(tuple(steps.tolist()), tuple(np.cumsum(deaths / at_risk).tolist()), float(time.max()))

    def survival(self, risk: FloatArray, times: FloatArray) -> FloatArray:
        """Probability of no event by each time, shape (n, m); NaN beyond the last follow-up."""
        passed = np.searchsorted(self.time, times, side="right")
        hazard = np.concatenate([[0.0], self.hazard])[passed]
        survival = np.exp(-np.exp(risk)[:, None] * hazard[None, :])
        return np.where(times[None, :] <= self.last, survival, np.nan)

    def to_dict(self) -> dict[str, Any]:
        """JSON's own types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Baseline:
        """Inverse of `to_dict`."""
        return cls(tuple(map(float, raw["time"])), tuple(map(float, raw["hazard"])), float(raw["last"]))
