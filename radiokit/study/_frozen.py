"""A model as numbers: what the study predicts with, and what another centre loads. Nothing in it can execute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import InputError


@dataclass(frozen=True)
class Feature:
    """A number of a case: how it is imputed, scaled and weighted, and where training cases lay."""

    name: str
    impute: float
    center: float
    scale: float
    coef: float
    low: float
    high: float
    unit: str = ""
    ibsi_id: str = ""
    log: bool = False
    clip_low: float = math.nan
    clip_high: float = math.nan

    def term(self, value: float) -> float:
        """Contribution of a value to the score."""
        if self.log:
            value = math.log(value) if value > 0 else math.nan
        x = self.impute if math.isnan(value) else value
        # A bound that is NaN holds nothing back.
        x = self.clip_low if x < self.clip_low else self.clip_high if x > self.clip_high else x
        return self.coef * ((x - self.center) / self.scale)


@dataclass(frozen=True)
class Score:
    """A signature: a weighted sum of features."""

    name: str
    intercept: float
    features: tuple[Feature, ...]

    def value(self, row: Mapping[str, float]) -> float:
        """Score of a case; the sum is exactly rounded, so neither order nor machine changes a bit of it."""
        return math.fsum([self.intercept, *(f.term(row[f.name]) for f in self.features)])


@dataclass(frozen=True)
class Clinical:
    """A clinical column: a number, or categories with the first as reference."""

    name: str
    levels: tuple[str, ...] = ()
    impute: Any = 0.0
    low: float = math.nan
    high: float = math.nan

    def design(self, value: Any) -> dict[str, float]:
        """Columns of the design matrix that this value gives."""
        missing = is_missing(value)
        if not self.levels:
            return {self.name: float(self.impute if missing else value)}
        level = self.impute if missing else as_level(value)
        return {f"{self.name}={k}": float(level == k) for k in self.levels[1:]}


@dataclass(frozen=True)
class Frozen:
    """A fitted model: scores and clinical columns, their weights, and what was learnt to act on them.

    `kind` is logistic or cox. `threshold` is on the probability; `cut` on the risk. `horizon` holds times and
    `baseline` the survival of a case with risk 0 at them.
    """

    name: str
    kind: str
    intercept: float
    weights: tuple[tuple[str, float], ...]
    scores: tuple[Score, ...] = ()
    clinical: tuple[Clinical, ...] = ()
    threshold: float = math.nan
    cut: float = math.nan
    horizon: tuple[float, ...] = ()
    baseline: tuple[float, ...] = ()

    @property
    def feature_names(self) -> list[str]:
        """Features that a table of new cases must have."""
        return list(dict.fromkeys(f.name for score in self.scores for f in score.features))

    @property
    def clinical_names(self) -> list[str]:
        """Clinical columns that a table of new cases must have."""
        return [c.name for c in self.clinical]

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Predict the cases of a table.

        Parameters
        ----------
        table : DataFrame
            Index the case ids; the columns of `feature_names` and `clinical_names`.

        Returns
        -------
        DataFrame
            `probability, threshold, positive` or `risk, cut, risk_group` (and survival at the horizons); each
            signature's score; `imputed`, `out_of_range` and `unknown_level`: names of values that were missing, lay
            outside the training cases, or were never seen in training.
        """
        absent = [c for c in (*self.feature_names, *self.clinical_names) if c not in table.columns]
        if absent:
            raise InputError(
                f"the model {self.name!r} needs {len(absent)} columns that the table lacks: {', '.join(absent[:8])}"
                f"{', ...' if len(absent) > 8 else ''}. Compute them with the settings it was built with."
            )
        features = {name: _numbers(table, name) for name in self.feature_names}
        clinical = {c.name: table[c.name].tolist() if c.levels else _numbers(table, c.name) for c in self.clinical}
        rows = [
            self._row({k: v[i] for k, v in features.items()}, {k: v[i] for k, v in clinical.items()})
            for i in range(len(table))
        ]
        return pd.DataFrame(rows, index=table.index, columns=None if rows else ["probability"])

    def linear_predictor(
        self, features: Mapping[str, float], clinical: Mapping[str, Any]
    ) -> tuple[float, dict[str, float]]:
        """Log-odds or log relative hazard of a case, and its scores."""
        scores = {s.name: s.value(features) for s in self.scores}
        design = dict(scores)
        for column in self.clinical:
            design.update(column.design(clinical[column.name]))
        return math.fsum([self.intercept, *(w * design[name] for name, w in self.weights)]), scores

    def _row(self, features: dict[str, float], clinical: dict[str, Any]) -> dict[str, Any]:
        lp, scores = self.linear_predictor(features, clinical)
        row: dict[str, Any] = {}
        if self.kind == "logistic":
            probability = _expit(lp)
            row["probability"] = probability
            if not math.isnan(self.threshold):
                row |= {"threshold": self.threshold, "positive": probability >= self.threshold}
        else:
            row["risk"] = lp
            if not math.isnan(self.cut):
                row |= {"cut": self.cut, "risk_group": "high" if lp > self.cut else "low"}
            for time, survival in zip(self.horizon, self.baseline, strict=True):
                row[f"survival_{time:g}"] = survival ** math.exp(min(lp, 700.0))
        row |= {f"score_{name}": value for name, value in scores.items()}
        return row | self._flags(features, clinical)

    def _flags(self, features: dict[str, float], clinical: dict[str, Any]) -> dict[str, str]:
        imputed, outside, unknown = [], [], []
        ranged = [(f.name, f.low, f.high, features[f.name]) for s in self.scores for f in s.features]
        ranged += [(c.name, c.low, c.high, clinical[c.name]) for c in self.clinical if not c.levels]
        for name, low, high, value in ranged:
            if is_missing(value):
                imputed.append(name)
            elif value < low or value > high:
                outside.append(name)
        for column in self.clinical:
            if column.levels and is_missing(clinical[column.name]):
                imputed.append(column.name)
            elif column.levels and as_level(clinical[column.name]) not in column.levels:
                unknown.append(column.name)
        names = ("imputed", "out_of_range", "unknown_level")
        return {k: "; ".join(dict.fromkeys(v)) for k, v in zip(names, (imputed, outside, unknown), strict=True)}


def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x)) if x > -700 else 0.0


def _numbers(table: pd.DataFrame, name: str) -> list[float]:
    try:
        values = pd.to_numeric(table[name]).astype(float).to_numpy()
    except (TypeError, ValueError):
        raise InputError(f"column {name!r} holds text; required: numbers, as in training.") from None
    return np.where(np.isfinite(values), values, np.nan).tolist()


def is_missing(value: Any) -> bool:
    """Whether a cell is empty."""
    return value is None or value == "" or bool(pd.isna(value))


def as_level(value: Any) -> str:
    """Text of a category: 1.0, 1 and "1" are one level."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
