"""What users may give: estimators, seeds and folds, as types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, Self, TypeAlias

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
