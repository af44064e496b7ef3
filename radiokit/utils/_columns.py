"""Columns of one kind: a number becomes a float64, whatever type pandas, Arrow, a database or a spreadsheet gave it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from radiokit.exceptions import DataWarning, InputError
from radiokit.utils.id_names import id_name
from radiokit.utils.levels import cell_text, is_absent

Bool = bool | np.bool_


def normal_column(values: pd.Series, *, text: bool = False) -> pd.Series:
    """Return numbers as float64, complete truth values as bool, dates as datetime64, and all else as text or objects.

    Objects other than text (arrays, paths) stay as they are. With `text`, cells are text whatever they hold.
    """
    if text:
        return values.astype(object).map(_text_or_object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _normal_categories(values)
    if pd.api.types.is_bool_dtype(values.dtype) and not values.isna().any():
        return values.astype(bool)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype(object).where(values.notna(), np.nan)
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_complex_dtype(values.dtype):
        return pd.Series(values.to_numpy(dtype=float, na_value=np.nan), index=values.index, name=values.name)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    return _normal_objects(_cells(values))


def _cells(values: pd.Series) -> pd.Series:
    """Return objects, text without blanks around it, and NaN for empty cells."""
    return pd.Series(
        [np.nan if is_absent(v) else v.strip() if isinstance(v, str) else v for v in values.astype(object)],
        index=values.index,
        name=values.name,
        dtype=object,
    )


def _normal_objects(cells: pd.Series) -> pd.Series:
    known = cells.dropna()
    if len(known) == 0:
        return cells.astype(float)
    if known.map(lambda v: isinstance(v, Bool)).all():
        return cells.astype(bool) if len(known) == len(cells) else cells
    if known.map(lambda v: isinstance(v, Real | Decimal)).all():
        return cells.map(float).astype(float)
    return cells


def _normal_categories(values: pd.Series) -> pd.Series:
    levels = normal_column(pd.Series(values.cat.categories))
    if levels.dtype.kind != "O":
        return normal_column(values.astype(levels.dtype) if not values.isna().any() else values.astype(object))
    names = [cell_text(level) for level in values.cat.categories]
    return (
        values.cat.rename_categories(names) if len(set(names)) == len(names) else values.astype(object).map(cell_text)
    )


def _text_or_object(value: object) -> object:
    """Text of names and numbers; paths and images in memory stay what they are."""
    return cell_text(value) if is_absent(value) or isinstance(value, str | Real | Decimal | pd.Timestamp) else value


def is_number(values: pd.Series) -> bool:
    """Whether a column of `as_table` holds numbers or truth values."""
    return values.dtype == float or values.dtype == bool


def numeric_columns(frame: pd.DataFrame, columns: Iterable[str] | None, *, what: str) -> pd.DataFrame:
    """Return columns as floats, infinities as missing; None takes all but those of ids, and warns of these."""
    if columns is None:
        ids = [c for c in frame.columns if id_name(c)]
        if ids:
            # Cases are often numbered by outcome or centre, so that a number predicts, in this table only.
            message = f"{what} has {', '.join(ids)}, which names cases and is no feature; it is left out."
            warnings.warn(message, DataWarning, stacklevel=3)
        columns = [c for c in frame.columns if c not in ids and not c.startswith("diagnostics_")]
    chosen = frame[list(columns)]
    wrong = [c for c in chosen.columns if not is_number(chosen[c])]
    if wrong:
        raise InputError(
            f"numbers are required, but the values of {what} hold {_kind(chosen[wrong[0]])} in {', '.join(wrong[:5])} "
            f"({_first_odd(chosen[wrong[0]])}). Mend the cell, or leave the column out: categories are clinical "
            "columns, and no features."
        )
    return chosen.astype(float).replace([np.inf, -np.inf], np.nan)


def _kind(values: pd.Series) -> str:
    return "dates" if pd.api.types.is_datetime64_any_dtype(values.dtype) else "text"


def _first_odd(values: pd.Series) -> str:
    """Return the first cell that is no number, and its case."""
    cells = values.dropna().astype(object)
    no_numbers = cells[pd.to_numeric(cells.map(str), errors="coerce").isna()]
    cell = no_numbers if len(no_numbers) else cells
    return f"case {cell.index[0]}: {str(cell.iloc[0])[:40]!r}"
