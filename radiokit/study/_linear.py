"""A fitted pipeline as numbers: imputers, selectors and scalers are followed to the final model."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiokit.engine.clinical import ClinicalColumns
from radiokit.engine.design import Factor, Linear, level_text
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError
from radiokit.models import BoostedClassifier, BoostedSurvival, CalibratedModel, MedianImputer, Winsorizer
from radiokit.models.trees import TreeEnsemble, from_forest
from radiokit.study._frozen import CaseScore, Clinical, Feature, Score
from radiokit.study._scores import Freezable, KernelScore, TreeScore


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns on their way through a pipeline: (x - center) / scale of a feature, `low` to `high` in training.

    Each field is an array with one entry for each column.
    """

    name: NDArray[np.object_]
    low: FloatArray
    high: FloatArray
    impute: FloatArray
    center: FloatArray
    scale: FloatArray
    clip_low: FloatArray
    clip_high: FloatArray

    @classmethod
    def of(cls, X: pd.DataFrame) -> Columns:
        """Return the columns of training cases as they come."""
        values = X.to_numpy(dtype=float)
        names = np.array(list(map(str, X.columns)), dtype=object)
        unknown, zero, one = (np.full(len(names), number) for number in (np.nan, 0.0, 1.0))
        return cls(names, np.fmin.reduce(values), np.fmax.reduce(values), unknown, zero, one, unknown, unknown)

    def __len__(self) -> int:
        return len(self.name)

    def kept(self, support: NDArray[np.bool_]) -> Columns:
        """Return some of the columns."""
        return Columns(*(getattr(self, f.name)[support] for f in fields(self)))

    def features(self, coef: FloatArray) -> tuple[Feature, ...]:
        """Return the columns as features of a score, with their weights."""
        parts = (self.impute, self.center, self.scale, coef, self.low, self.high, self.clip_low, self.clip_high)
        return tuple(
            Feature(name, impute, center, scale, weight, low, high, clip_low=clip_low, clip_high=clip_high)
            for name, impute, center, scale, weight, low, high, clip_low, clip_high in zip(
                self.name.tolist(), *map(_plain, parts), strict=True
            )
        )


def _plain(values: FloatArray) -> list[float]:
    """Return Python's floats, all NaN the same object: equal models then compare equal."""
    return [math.nan if math.isnan(v) else v for v in values.tolist()]


def score_of(name: str, model: BaseEstimator, X: pd.DataFrame) -> CaseScore:
    """Return the score of a fitted signature as numbers; ranges are those of these (training) cases."""
    *steps, final = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    slope, offset = 1.0, 0.0
    if isinstance(final, CalibratedModel):
        final, (offset, slope) = final.estimator_, _line(name, final)
    if isinstance(final, Freezable):
        own = final.frozen_score(name, X)
        if any(step not in (None, "passthrough") for step in steps) or (offset, slope) != (0.0, 1.0):
            raise InputError(
                f"signature {name!r}: {type(final).__name__} gives its own frozen score; required: no step before it "
                "and no calibration after it."
            )
        return own
    columns = Columns.of(X)
    for step in steps:
        columns = _follow(columns, step)
    if isinstance(final, BoostedClassifier | BoostedSurvival):
        return _tree_score(name, final.ensemble_, columns, offset, slope)
    if isinstance(final, RandomForestClassifier):
        return _tree_score(name, from_forest(final), columns, offset, slope)
    if isinstance(final, SVC) and final.kernel == "rbf":
        return _kernel_score(name, final, columns, offset, slope)
    return _linear_score(name, final, columns, offset, slope)


def _line(name: str, model: CalibratedModel) -> tuple[float, float]:
    """Intercept and slope of a calibration."""
    if model.calibration_.kind != "linear":
        raise InputError(f"signature {name!r}: calibration {model.method!r} is curved; required: platt or intercept.")
    offset, slope = model.calibration_.coef
    return offset, slope


def _linear_score(name: str, final: BaseEstimator, columns: Columns, offset: float, slope: float) -> Score:
    coefficients, intercept = final_coefficients(final)
    if len(coefficients) != len(columns):
        raise InputError(
            f"signature {name!r}: {len(columns)} columns reach a model of {len(coefficients)} coefficients."
        )
    weights = slope * coefficients
    used = weights != 0
    return Score(name, offset + slope * intercept, columns.kept(used).features(weights[used]))


def _tree_score(name: str, trees: TreeEnsemble, columns: Columns, offset: float, slope: float) -> TreeScore:
    trees = replace(trees, value=slope * trees.value, base=offset + slope * trees.base)
    return TreeScore.from_ensemble(name, trees, columns.features(np.zeros(len(columns))))


def _kernel_score(name: str, model: SVC, columns: Columns, offset: float, slope: float) -> KernelScore:
    return KernelScore(
        name,
        offset + slope * float(model.intercept_[0]),
        columns.features(np.zeros(len(columns))),
        float(model._gamma),
        tuple(map(tuple, model.support_vectors_.tolist())),
        tuple((slope * model.dual_coef_[0]).tolist()),
    )


def _follow(columns: Columns, step: object) -> Columns:
    if step in (None, "passthrough"):
        return columns
    if isinstance(step, MedianImputer | SimpleImputer):
        return replace(columns, impute=np.asarray(step.statistics_, dtype=float))
    if isinstance(step, SelectorMixin):
        return columns.kept(step.get_support())
    center, scale = columns.center, columns.scale
    if isinstance(step, Winsorizer):
        return replace(columns, clip_low=center + scale * step.lower_, clip_high=center + scale * step.upper_)
    if isinstance(step, StandardScaler):
        mean = 0.0 if step.mean_ is None else step.mean_
        return replace(
            columns, center=center + scale * mean, scale=scale * (1.0 if step.scale_ is None else step.scale_)
        )
    raise InputError(
        f"{type(step).__name__} cannot be written as numbers; required: imputation, selection, clipping, scaling, and "
        "a model."
    )


def final_coefficients(final: BaseEstimator) -> tuple[np.ndarray, float]:
    """Coefficients on the scale of the columns that reach the final model, and the intercept."""
    coef = getattr(final, "coef_", None)  # scikit-learn's mark of a linear model; an SVC has it with a linear kernel
    if coef is None:
        raise InputError(
            f"{type(final).__name__} cannot be frozen: it is neither linear, nor radiokit's boosted trees, a forest, "
            "or an SVC with a linear or rbf kernel. A study predicts only with what another centre can load safely."
        )
    intercept = np.ravel(getattr(final, "intercept_", 0.0))
    return np.ravel(np.asarray(coef, dtype=float)), float(intercept[0]) if intercept.size else 0.0


class LogVolume(BaseEstimator):
    """The logarithm of one column, of the median where there is none: the baseline that a signature has to beat."""

    def fit(self, X: pd.DataFrame, y: object = None) -> LogVolume:
        """Learn the median."""
        values = X.iloc[:, 0].astype(float)
        positive = values[values > 0]
        self.middle_ = float(np.log(positive.median())) if len(positive) else 0.0
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the logarithm."""
        values = X.iloc[:, 0].to_numpy(dtype=float)
        positive = values > 0
        return np.where(positive, np.log(np.where(positive, values, 1.0)), self.middle_)

    def frozen_score(self, name: str, X: pd.DataFrame) -> Score:
        """Return itself as numbers."""
        values = X.iloc[:, 0].astype(float)
        range_ = float(values.min()), float(values.max())
        return Score(name, 0.0, (Feature(str(X.columns[0]), self.middle_, 0.0, 1.0, 1.0, *range_, log=True),))


def frozen_clinical(columns: ClinicalColumns) -> tuple[Clinical, ...]:
    """Return what was learnt of clinical columns as numbers and text."""
    frozen = []
    for term in columns.design.terms:
        fill = columns.fill[term.variable]
        if isinstance(term, Factor):
            frozen.append(Clinical(str(term.variable), term.levels, level_text(fill)))
        elif isinstance(term, Linear):
            frozen.append(Clinical(str(term.variable), (), float(fill), term.low, term.high))
    return tuple(frozen)
