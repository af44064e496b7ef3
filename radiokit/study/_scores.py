"""Kinds of scores as numbers: a weighted sum, trees, support vectors. Each reads a table and can be written as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import InputError
from radiokit.models.trees import TreeEnsemble

# Where each kind of score that a file may name is found; nothing else is ever imported for a file.
KINDS = {
    "linear": ("radiokit.study._scores", "Score"),
    "trees": ("radiokit.study._scores", "TreeScore"),
    "kernel": ("radiokit.study._scores", "KernelScore"),
    "deep": ("radiokit.deep._score", "DeepScore"),
}


class CaseScore(Protocol):
    """What a frozen model needs of a score; see `radiokit.study._frozen`."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """Name of the score: ``score_<name>`` in predictions, and its weight's name in the final model."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """Numbers of a case that it reads, with what fills gaps and where training cases lay."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the case table that it reads as they are, such as paths of images."""

    @property
    def optional(self) -> tuple[str, ...]:
        """Names of image sequences that a case may lack."""

    def values(self, table: pd.DataFrame) -> list[float]:
        """Score of each row; must not depend on the other rows."""

    def plain(self) -> dict[str, Any]:
        """Return itself as JSON's own types; NaN is allowed."""

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> CaseScore:
        """Return the score that `plain` wrote, where None stands for NaN; KeyError, TypeError or ValueError if not."""


@runtime_checkable
class Freezable(Protocol):
    """A fitted model that gives its own frozen score."""

    def frozen_score(self, name: str, X: pd.DataFrame) -> CaseScore:
        """Return the score; `X` are the training cases."""


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

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Feature:
        """Return the feature of a file; those of earlier versions have no bounds."""
        numbers = {k: number(raw[k]) for k in ("impute", "center", "scale", "coef", "low", "high")}
        bounds = {k: number(raw.get(k)) for k in ("clip_low", "clip_high")}
        return cls(raw["name"], **numbers, **bounds, unit=raw["unit"], ibsi_id=raw["ibsi_id"], log=bool(raw["log"]))


def number(value: Any) -> float:
    """Return the number of a file; None is NaN there."""
    return math.nan if value is None else float(value)


def as_numbers(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return columns as floats; infinities are gaps, and text is refused."""
    part = table[list(names)]
    values = part.to_numpy()
    if values.dtype == np.float64 and np.isfinite(values).all():
        return part
    if any(dtype.kind not in "iufb" for dtype in set(part.dtypes)):
        part = pd.DataFrame({name: _read(part[name]) for name in names}, index=table.index)
    values = part.to_numpy(dtype=float)
    return pd.DataFrame(np.where(np.isfinite(values), values, np.nan), index=table.index, columns=list(names))


def _read(column: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(column).astype(float)
    except (TypeError, ValueError):
        raise InputError(f"column {column.name!r} holds text; required: numbers, as in training.") from None


def prepared(features: Sequence[Feature], table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the features as a model sees them: gaps filled, tails clipped, scaled; one column for each feature."""
    x = table[[f.name for f in features]].to_numpy(dtype=float, copy=True)
    for j, f in enumerate(features):
        if f.log:
            x[:, j] = [math.log(v) if v > 0 else math.nan for v in x[:, j].tolist()]
    impute, center, scale, low, high = (
        np.array([getattr(f, k) for f in features], dtype=float)
        for k in ("impute", "center", "scale", "clip_low", "clip_high")
    )
    x = np.where(np.isnan(x), impute, x)
    # A bound that is NaN holds nothing back.
    x = np.where(x < low, low, np.where(x > high, high, x))
    return (x - center) / scale


@dataclass(frozen=True)
class NumberScore:
    """What scores of plain numbers share: they read features only, and are written field by field."""

    kind: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()

    def plain(self) -> dict[str, Any]:
        """Return itself as JSON's own types."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Score(NumberScore):
    """A weighted sum of features."""

    name: str
    intercept: float
    features: tuple[Feature, ...]
    kind: ClassVar[str] = "linear"

    def terms(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Return what each feature adds, one column for each."""
        return np.array([f.coef for f in self.features]) * prepared(self.features, table)

    def values(self, table: pd.DataFrame) -> list[float]:
        """Return exactly rounded sums: neither order nor machine changes a bit."""
        return [math.fsum([self.intercept, *row]) for row in self.terms(table).tolist()]

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Score:
        """Return the score of a file."""
        return cls(raw["name"], number(raw["intercept"]), tuple(map(Feature.from_plain, raw["features"])))


@dataclass(frozen=True)
class TreeScore(NumberScore):
    """A sum of trees; the nodes are `TreeEnsemble`'s, with columns counted along `features`."""

    name: str
    base: float
    features: tuple[Feature, ...]
    roots: tuple[int, ...]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]
    cover: tuple[float, ...]
    kind: ClassVar[str] = "trees"

    @classmethod
    def from_ensemble(cls, name: str, trees: TreeEnsemble, features: Sequence[Feature]) -> TreeScore:
        """Return the ensemble with the features that any tree asks for."""
        used = sorted(set(trees.feature[trees.feature >= 0].tolist()))
        place = {j: k for k, j in enumerate(used)} | {-1: -1}
        return cls(
            name,
            float(trees.base),
            tuple(features[j] for j in used),
            tuple(trees.roots.tolist()),
            tuple(place[j] for j in trees.feature.tolist()),
            *(tuple(getattr(trees, k).tolist()) for k in ("threshold", "left", "right", "value", "cover")),
        )

    @cached_property
    def ensemble(self) -> TreeEnsemble:
        """The same as arrays."""
        whole = [np.array(getattr(self, k), dtype=np.intp) for k in ("roots", "feature", "left", "right")]
        real = [np.array(getattr(self, k), dtype=float) for k in ("threshold", "value", "cover")]
        return TreeEnsemble(whole[0], whole[1], real[0], whole[2], whole[3], real[1], real[2], self.base)

    def values(self, table: pd.DataFrame) -> list[float]:
        """Return exactly rounded sums of the leaves."""
        return self.ensemble.predict(prepared(self.features, table)).tolist()

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> TreeScore:
        """Return the score of a file; trees that lead nowhere or in circles are refused."""
        whole: dict[str, Any] = {k: tuple(map(int, raw[k])) for k in ("roots", "feature", "left", "right")}
        real: dict[str, Any] = {k: tuple(map(number, raw[k])) for k in ("threshold", "value", "cover")}
        features = tuple(map(Feature.from_plain, raw["features"]))
        size = len(whole["feature"])
        if any(len(v) != size for v in (whole["left"], whole["right"], *real.values())):
            raise ValueError("arrays of different length")
        for node, (j, *children) in enumerate(zip(whole["feature"], whole["left"], whole["right"], strict=True)):
            if not -1 <= j < len(features) or (j >= 0 and not all(node < child < size for child in children)):
                raise ValueError(f"node {node} leads nowhere")
        if not all(0 <= root < size for root in whole["roots"]):
            raise ValueError("a root outside of the nodes")
        return cls(name=raw["name"], base=number(raw["base"]), features=features, **whole, **real)


@dataclass(frozen=True)
class KernelScore(NumberScore):
    """Support vectors with a radial kernel: ``intercept + sum of weight * exp(-gamma * squared distance)``."""

    name: str
    intercept: float
    features: tuple[Feature, ...]
    gamma: float
    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    weights: tuple[float, ...] = field(repr=False)
    kind: ClassVar[str] = "kernel"

    def values(self, table: pd.DataFrame) -> list[float]:
        """Return the score; distances and sums are exactly rounded."""
        vectors = np.array(self.vectors)
        scores = []
        for row in prepared(self.features, table):
            squares = ((vectors - row) ** 2).tolist()
            terms = [w * math.exp(-self.gamma * math.fsum(s)) for w, s in zip(self.weights, squares, strict=True)]
            scores.append(math.fsum([self.intercept, *terms]))
        return scores

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> KernelScore:
        """Return the score of a file."""
        features = tuple(map(Feature.from_plain, raw["features"]))
        vectors = tuple(tuple(map(number, v)) for v in raw["vectors"])
        weights = tuple(map(number, raw["weights"]))
        if len(vectors) != len(weights) or any(len(v) != len(features) for v in vectors):
            raise ValueError("support vectors of another length than the features or weights")
        return cls(raw["name"], number(raw["intercept"]), features, number(raw["gamma"]), vectors, weights)


def score_from_plain(raw: dict[str, Any]) -> CaseScore:
    """Return the score of a file, of a kind that this version knows."""
    kind = raw.get("kind", "linear")
    if kind not in KINDS:
        raise InputError(f"score {raw.get('name')!r} is of kind {kind!r}; this version knows {', '.join(KINDS)}.")
    module, name = KINDS[kind]
    found: CaseScore = getattr(import_module(module), name).from_plain(raw)
    return found
