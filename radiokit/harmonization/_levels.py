"""Batches and factors of ComBat, by the one rule of levels: `Lyon` is `LYON`, and 7.0 is "7"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.engine.columns import as_column
from radiokit.exceptions import InputError
from radiokit.utils import cell_text, level_key, one_spelling


@dataclass(frozen=True, eq=False)
class Levels:
    """The levels of a column in training, sorted, and where another column's values stand among them."""

    labels: NDArray[Any]

    @classmethod
    def learn(cls, values: Any, *, name: str) -> Self:
        """Learn them from training cases; several spellings of one level become one, with a warning."""
        column = pd.Series(values)
        if not pd.api.types.is_numeric_dtype(column):
            column = one_spelling(column, said_as=name)
        return cls(np.unique(column.to_numpy()))

    def codes(self, values: Any) -> NDArray[np.intp]:
        """Return the number of each value's level, -1 where it was not in training."""
        place = {level_key(label): k for k, label in enumerate(self.labels)}
        numbers, found = pd.factorize(pd.Series(values).astype(object))
        known = np.array([place.get(level_key(value), -1) for value in found], dtype=np.intp)
        return known[numbers]

    def __str__(self) -> str:
        return ", ".join(map(str, self.labels))


def refuse_gaps(table: pd.DataFrame, columns: Sequence[str | int]) -> None:
    """Refuse cases whose batch or covariate is not known, blank text included."""
    for column in columns:
        gaps = (table[column].isna() | (table[column].astype(object).map(cell_text) == "")).to_numpy()
        if gaps.any():
            cases = ", ".join(str(i) for i in table.index[gaps][:5])
            raise InputError(
                f"column {column!r} has missing values in {int(gaps.sum())} of {len(table)} cases ({cases}); required: "
                "known in every case. Give it, or leave these cases out."
            )


def learn_factor(column: pd.Series, name: str | int) -> Levels | None:
    """Levels of a factor in alphabetical order; None for numbers."""
    column = as_column(column)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return None
    return Levels.learn(column.astype(object).map(cell_text), name=f"covariate {name!r}")
