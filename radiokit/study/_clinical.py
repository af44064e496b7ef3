"""Clinical columns as numbers: what is learnt from training patients, and the design matrix it gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiokit.study._frozen import Clinical, as_level, is_missing


def learn_clinical(table: pd.DataFrame) -> tuple[Clinical, ...]:
    """Levels, ranges and the values for missing ones: the median, or the most frequent level.

    Columns without two different values among these patients carry nothing and are left out.
    """
    learnt = [_learn(table[name]) for name in table.columns]
    return tuple(c for c in learnt if c is not None)


def _learn(column: pd.Series) -> Clinical | None:
    name = str(column.name)
    known = column[~column.map(is_missing)]
    if pd.api.types.is_numeric_dtype(column):
        values = known.astype(float)
        if values.nunique() < 2:
            return None
        return Clinical(name, (), float(values.median()), float(values.min()), float(values.max()))
    levels = known.map(as_level)
    if levels.nunique() < 2:
        return None
    frequent = levels.value_counts().sort_index(kind="stable")
    return Clinical(name, tuple(sorted(levels.unique())), str(frequent.idxmax()))


def design_matrix(table: pd.DataFrame, clinical: Sequence[Clinical]) -> pd.DataFrame:
    """Numbers and 0/1 columns of the categories, missing values filled."""
    columns: dict[str, list[float]] = {}
    for c in clinical:
        for value in table[c.name].tolist():
            for name, number in c.design(value).items():
                columns.setdefault(name, []).append(number)
    return pd.DataFrame(columns, index=table.index, dtype=np.float64)


def with_missing_filled(table: pd.DataFrame, clinical: Sequence[Clinical]) -> pd.DataFrame:
    """Return the columns as they are, missing values filled: what a nomogram draws its axes from."""
    filled = {
        c.name: [c.impute if is_missing(v) else (as_level(v) if c.levels else float(v)) for v in table[c.name]]
        for c in clinical
    }
    return pd.DataFrame(filled, index=table.index)
