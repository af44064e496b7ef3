"""Clinical columns as a model takes them: gaps filled from the training cases, categories as indicators."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.engine.design import Design, column_design
from radiokit.exceptions import DataWarning


@dataclass(frozen=True, eq=False)
class ClinicalColumns:
    """Learnt from training cases: what fills a gap (median, or the most frequent level), and the design."""

    fill: dict[Hashable, Any]
    design: Design

    def matrix(self, X: pd.DataFrame) -> pd.DataFrame:
        """Design columns without gaps."""
        return self.design.matrix(_filled(X, self.fill))


def learn_clinical(X: pd.DataFrame, columns: Sequence[Hashable]) -> ClinicalColumns:
    """Learn from training cases; a column without two different values is left out, with a warning."""
    fill: dict[Hashable, Any] = {}
    for column in columns:
        values = _cells(X[column]).dropna()
        if values.nunique() < 2:
            warnings.warn(
                f"The clinical column {column!r} has {values.nunique()} different values among the {len(X)} training "
                "cases; it is left out.",
                DataWarning,
                stacklevel=2,
            )
        elif _is_number(values):
            fill[column] = float(np.median(values.astype(float)))
        else:
            fill[column] = values.mode().iloc[0]
    return ClinicalColumns(fill, column_design(_filled(X, fill)))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _cells(values: pd.Series) -> pd.Series:
    """Return the column with infinities and blank text as missing values."""
    if _is_number(values):
        return values.where(np.isfinite(values.astype(float)))
    if values.dtype == object:
        values = values.map(lambda v: v.strip() if isinstance(v, str) else v)
        return values.where(values != "")
    return values


def _filled(X: pd.DataFrame, fill: dict[Hashable, Any]) -> pd.DataFrame:
    cells = {c: _cells(X[c]) for c in fill}
    return pd.DataFrame({c: v.where(v.notna(), fill[c]) for c, v in cells.items()}, index=X.index)
