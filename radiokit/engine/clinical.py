"""Clinical columns as a model takes them: gaps filled from the training cases, categories as indicators."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
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
        return self.design.matrix(_filled({c: _cells(X[c]) for c in self.fill}, self.fill, X.index))


def learn_clinical(X: pd.DataFrame, columns: Sequence[Hashable]) -> ClinicalColumns:
    """Learn from training cases; a column without two different values is left out, with a warning."""
    fill: dict[Hashable, Any] = {}
    cells = {column: _cells(X[column]) for column in columns}
    for column, cell in cells.items():
        values = cell.dropna()
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
    return ClinicalColumns(fill, column_design(_filled(cells, fill, X.index)))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _cells(values: pd.Series) -> pd.Series:
    """Return the column with infinities and blank text as missing values."""
    if _is_number(values):
        infinite = np.isinf(values.to_numpy(dtype=float, na_value=np.nan))
        return values.mask(infinite) if infinite.any() else values
    if values.dtype == object:
        stripped = [v.strip() if isinstance(v, str) else v for v in values]
        return pd.Series([np.nan if v == "" else v for v in stripped], values.index, object, values.name)
    return values


def _filled(cells: Mapping[Hashable, pd.Series], fill: Mapping[Hashable, Any], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({c: _without_gaps(cells[c], fill[c]) for c in fill}, index=index)


def _without_gaps(cell: pd.Series, value: Any) -> pd.Series:
    gaps = cell.isna()
    return cell.mask(gaps, value) if gaps.any() else cell
