"""A model as numbers: what the study predicts with, and what another centre loads. Nothing in it can execute.

A frozen model is a weighted sum of scores and clinical columns, and what was learnt to act on it. A new kind of score,
beside weighted sums of features, trees, support vectors and networks, is a frozen dataclass that keeps to the protocol
`radiokit.study._scores.CaseScore`, with a line in `KINDS` there: a file can name only what is listed. The fitted
estimator at the end of a signature's pipeline gives it by a method ``frozen_score(name, X)``, with the training cases
`X`; then nothing may come before it in the pipeline. Weights of a network go into ``plain()`` as base64 text with their
SHA-256 digest, which ``from_plain`` checks, beside the settings that rebuild its layers: never as pickled code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import InputError
from radiokit.models.calibration import Calibration
from radiokit.study._scores import CaseScore, Feature, Score, as_numbers, number, score_from_plain

__all__ = ["CaseScore", "Clinical", "Feature", "Frozen", "Score", "as_level", "is_missing"]


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

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Clinical:
        """Return the column of a file."""
        return cls(raw["name"], tuple(raw["levels"]), raw["impute"], number(raw["low"]), number(raw["high"]))


@dataclass(frozen=True)
class Frozen:
    """A fitted model: scores and clinical columns, their weights, and what was learnt to act on them.

    `kind` is logistic or cox. `threshold` is on the probability; `cut` on the risk. `horizon` holds times and
    `baseline` the survival of a case with risk 0 at them. `calibration` bends the log-odds, where one was learnt.
    """

    name: str
    kind: str
    intercept: float
    weights: tuple[tuple[str, float], ...]
    scores: tuple[CaseScore, ...] = ()
    clinical: tuple[Clinical, ...] = ()
    threshold: float = math.nan
    cut: float = math.nan
    horizon: tuple[float, ...] = ()
    baseline: tuple[float, ...] = ()
    calibration: Calibration | None = None

    @property
    def feature_names(self) -> list[str]:
        """Features that a table of new cases must have."""
        return list(dict.fromkeys(f.name for score in self.scores for f in score.features))

    @property
    def column_names(self) -> list[str]:
        """Columns of the case table that scores read as they are, such as paths of images."""
        return list(dict.fromkeys(c for score in self.scores for c in score.columns))

    @property
    def clinical_names(self) -> list[str]:
        """Clinical columns that a table of new cases must have."""
        return [c.name for c in self.clinical]

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Predict the cases of a table.

        Parameters
        ----------
        table : DataFrame
            Index the case ids; the columns of `feature_names`, `column_names` and `clinical_names`.

        Returns
        -------
        DataFrame
            `probability, threshold, positive` or `risk, cut, risk_group` (and survival at the horizons); each
            signature's score; `imputed`, `out_of_range` and `unknown_level`: names of values that were missing, lay
            outside the training cases, or were never seen in training.
        """
        features, scores, clinical = self._read(table)
        flags = self._flags(features, clinical)
        rows = [
            self._row(*case) | {k: v[i] for k, v in flags.items()}
            for i, case in enumerate(_cases(scores, clinical, len(table)))
        ]
        return pd.DataFrame(rows, index=table.index, columns=None if rows else ["probability"])

    def output(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability or the risk of each case alone: the numbers of `predict`, without what is unlike."""
        _, scores, clinical = self._read(table)
        return np.array([self._output(*case) for case in _cases(scores, clinical, len(table))])

    def _read(self, table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[float]], dict[str, list[Any]]]:
        """Return the features, each signature's score, and the clinical values of the cases."""
        needed = (*self.feature_names, *self.column_names, *self.clinical_names)
        absent = [c for c in needed if c not in table.columns]
        if absent:
            raise InputError(
                f"the model {self.name!r} needs {len(absent)} columns that the table lacks: {', '.join(absent[:8])}"
                f"{', ...' if len(absent) > 8 else ''}. Compute them with the settings it was built with."
            )
        features = as_numbers(table, self.feature_names)
        columns = table[[c for c in self.column_names if c not in features]]
        inputs = pd.concat([features, columns], axis=1) if columns.shape[1] else features
        scores = {s.name: s.values(inputs) for s in self.scores}
        plain = as_numbers(table, [c.name for c in self.clinical if not c.levels])
        return features, scores, {c.name: (table if c.levels else plain)[c.name].tolist() for c in self.clinical}

    def linear_predictor(self, scores: Mapping[str, float], clinical: Mapping[str, Any]) -> float:
        """Log-odds or log relative hazard of a case, before any bend of the calibration."""
        design = dict(scores)
        for column in self.clinical:
            design.update(column.design(clinical[column.name]))
        return math.fsum([self.intercept, *(w * design[name] for name, w in self.weights)])

    def plain(self) -> dict[str, Any]:
        """Return itself as JSON's own types; NaN is allowed."""
        return asdict(replace(self, scores=())) | {"scores": [score.plain() for score in self.scores]}

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Frozen:
        """Return the model of a file, where None stands for NaN."""
        calibration = raw.get("calibration")
        return cls(
            name=raw["name"],
            kind=raw["kind"],
            intercept=number(raw["intercept"]),
            weights=tuple((name, number(weight)) for name, weight in raw["weights"]),
            scores=tuple(map(score_from_plain, raw["scores"])),
            clinical=tuple(map(Clinical.from_plain, raw["clinical"])),
            threshold=number(raw["threshold"]),
            cut=number(raw["cut"]),
            horizon=tuple(map(number, raw["horizon"])),
            baseline=tuple(map(number, raw["baseline"])),
            calibration=None if calibration is None else _calibration(calibration),
        )

    def _output(self, scores: Mapping[str, float], clinical: Mapping[str, Any]) -> float:
        """Probability or risk of a case."""
        lp = self.linear_predictor(scores, clinical)
        if self.kind != "logistic":
            return lp
        return _expit(lp if self.calibration is None else self.calibration.log_odds(lp))

    def _row(self, scores: dict[str, float], clinical: dict[str, Any]) -> dict[str, Any]:
        value = self._output(scores, clinical)
        row: dict[str, Any] = {}
        if self.kind == "logistic":
            row["probability"] = value
            if not math.isnan(self.threshold):
                row |= {"threshold": self.threshold, "positive": value >= self.threshold}
        else:
            row["risk"] = value
            if not math.isnan(self.cut):
                row |= {"cut": self.cut, "risk_group": "high" if value > self.cut else "low"}
            for time, survival in zip(self.horizon, self.baseline, strict=True):
                row[f"survival_{time:g}"] = survival ** math.exp(min(value, 700.0))
        return row | {f"score_{name}": value for name, value in scores.items()}

    def _flags(self, features: pd.DataFrame, clinical: dict[str, list[Any]]) -> dict[str, list[str]]:
        """Names of the values of each case that were missing, out of range, or never seen."""
        n = len(features)
        found: list[list[list[str]]] = [[[] for _ in range(n)] for _ in range(3)]
        imputed, outside, unknown = found
        named = list({f.name: f for s in self.scores for f in s.features}.values())
        numbers = [c for c in self.clinical if not c.levels]
        _flag(named, features[[f.name for f in named]].to_numpy(), imputed, outside)
        _flag(numbers, np.array([clinical[c.name] for c in numbers], dtype=float).reshape(-1, n).T, imputed, outside)
        for c in self.clinical:
            for i, value in enumerate(clinical[c.name] if c.levels else ()):
                if is_missing(value):
                    imputed[i].append(c.name)
                elif as_level(value) not in c.levels:
                    unknown[i].append(c.name)
        names = ("imputed", "out_of_range", "unknown_level")
        return {k: ["; ".join(own) for own in v] for k, v in zip(names, found, strict=True)}


def _calibration(raw: dict[str, Any]) -> Calibration:
    knots = tuple((number(x), number(y)) for x, y in raw["knots"])
    return Calibration(raw["kind"], tuple(map(number, raw["coef"])), knots)


def _cases(
    scores: dict[str, list[float]], clinical: dict[str, list[Any]], n: int
) -> Iterator[tuple[dict[str, float], dict[str, Any]]]:
    """Scores and clinical values of one case after the other."""
    for i in range(n):
        yield {k: v[i] for k, v in scores.items()}, {k: v[i] for k, v in clinical.items()}


def _flag(
    columns: Sequence[Feature | Clinical],
    values: NDArray[np.float64],
    imputed: list[list[str]],
    outside: list[list[str]],
) -> None:
    """Note for each case the columns whose value is missing, or outside those of training; values (n, columns)."""
    low, high = (np.array([getattr(c, k) for c in columns], dtype=float) for k in ("low", "high"))
    for i, j in np.argwhere(np.isnan(values)):
        imputed[i].append(columns[j].name)
    for i, j in np.argwhere((values < low) | (values > high)):
        outside[i].append(columns[j].name)


def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x)) if x > -700 else 0.0


def is_missing(value: Any) -> bool:
    """Whether a cell is empty."""
    return value is None or value == "" or bool(pd.isna(value))


def as_level(value: Any) -> str:
    """Text of a category: 1.0, 1 and "1" are one level."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
