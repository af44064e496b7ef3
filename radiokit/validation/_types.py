"""What users may give: estimators, seeds and folds, as types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.utils.estimators import Splitter

Seed: TypeAlias = int | np.random.RandomState | np.random.Generator | None
# A checked outcome: booleans, or a structured array with `event` and `time`.
Target: TypeAlias = NDArray[Any]
OuterFolds: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]


class Fittable(Protocol):
    """What can be fitted."""

    def fit(self, X: pd.DataFrame, y: Target) -> Self:
        """Learn from cases and their outcome."""


@runtime_checkable
class Classifier(Protocol):
    """What predicts the probability of each class."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return an array of shape (n, 2)."""


@runtime_checkable
class WithDecision(Protocol):
    """What predicts a score on the scale of the linear predictor."""

    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return an array of shape (n,)."""
