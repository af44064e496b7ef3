"""Clinical columns as a model takes them: gaps filled from the training cases, categories as indicators."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import InputError
from radiokit.stats._design import Design, column_design


@dataclass(frozen=True, eq=False)
class ClinicalColumns:
    """Learnt from training cases: what fills a gap (median, or the most frequent level), and the design."""

    fill: dict[Hashable, Any]
    design: Design

    def matrix(self, X: pd.DataFrame) -> pd.DataFrame:
        """Design columns without gaps."""
        return self.design.matrix(_filled(X, self.fill))


def learn_clinical(X: pd.DataFrame, columns: Sequence[Hashable]) -> ClinicalColumns:
    """Learn from training cases; a column without any value, or with one value only, is refused."""
    fill: dict[Hashable, Any] = {}
    for column in columns:
        values = X[column].dropna()
        if values.nunique() < 2:
            raise InputError(
                f"The clinical column {column!r} has {values.nunique()} different value in training; required: two or "
                "more. Leave it out."
            )
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        fill[column] = float(np.median(values.astype(float))) if number else values.mode().iloc[0]
    return ClinicalColumns(fill, column_design(_filled(X, fill)))


def _filled(X: pd.DataFrame, fill: dict[Hashable, Any]) -> pd.DataFrame:
    return pd.DataFrame({c: X[c].where(X[c].notna(), v) for c, v in fill.items()}, index=X.index)
