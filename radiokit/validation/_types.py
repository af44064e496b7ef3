"""What validation takes, as types: models to fit, and folds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self, TypeAlias

import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.inputs import Target
from radiokit.utils.estimators import Splitter

OuterFolds: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]


class Fittable(Protocol):
    """What can be fitted."""

    def fit(self, X: pd.DataFrame, y: Target) -> Self:
        """Learn from cases and their outcome."""
