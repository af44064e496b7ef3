"""Fitting a model that a formula describes: what is learnt from a table, and the outcome beside it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.design import Design, model_frame
from radiokit.engine.formula import parse_formula
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError, ParameterError


@dataclass(frozen=True, eq=False)
class FormulaData:
    """Design and matrix of the complete rows, the outcome's columns or the y given, and which rows they are."""

    design: Design
    matrix: FloatArray
    outcome: Any
    rows: NDArray[np.bool_]

    @property
    def variables(self) -> NDArray[np.object_]:
        """Names of the raw columns, as `feature_names_in_`."""
        return np.array([str(v) for v in self.design.variables], dtype=object)

    def take(self, values: ArrayLike | None) -> Any:
        """Return the values of the complete rows, of what has one a row of the table."""
        return rows_of(values, self.rows)


def formula_data(
    formula: str, data: pd.DataFrame, y: Any, *, left: tuple[str, ...], strata: bool = False
) -> FormulaData:
    """Learn a formula from a table; without y the outcome is what stands on its left (`left` says what is required).

    `strata` says whether the model knows strata.
    """
    if not strata and parse_formula(formula).strata:
        raise ParameterError(f"The formula is {formula!r}; strata() is for CoxModel. Add the column as C().")
    read = model_frame(formula, data, outcome=y is None)
    response: list[Hashable] = list(read.design.response)
    if y is None and len(response) != len(left):
        wanted = left[0] if len(left) == 1 else f"Surv({', '.join(left)})"
        raise ParameterError(f"The formula is {formula!r}; required on its left: {wanted}; or give y to fit.")
    if y is None:
        columns = [column.values(read.frame) for column in parse_formula(formula).response]
        outcome: Any = columns[0] if len(left) == 1 else pd.DataFrame(dict(zip(left, columns, strict=True)))
    else:
        outcome = rows_of(y, read.rows)
    matrix = read.design.matrix(read.frame).to_numpy(dtype=float)
    return FormulaData(read.design, matrix, outcome, read.rows)


def rows_of(values: Any, rows: NDArray[np.bool_]) -> Any:
    """Return the values of these rows, of what has one a row of the table; None stays None."""
    if values is None:
        return None
    given = values if isinstance(values, pd.Series | pd.DataFrame) else np.asarray(values)
    if len(given) != rows.size:
        raise InputError(f"The table has {rows.size} rows and {len(given)} values beside it; required: one a row.")
    return given.loc[rows] if isinstance(given, pd.Series | pd.DataFrame) else given[rows]
