"""What a column of a table holds: numbers, text or categories, whatever dtype it came with."""

from __future__ import annotations

from numbers import Number

import numpy as np
import pandas as pd

from radiokit.exceptions import InputError

MOST_NUMBERS_AS_TEXT = 10  # distinct numbers written as text that can be the codes of a category


def as_column(values: pd.Series, *, factor: bool = False) -> pd.Series:
    """Return a column whose dtype tells what it holds; a `factor` may hold anything that has levels.

    An object column of numbers only (after a concat, a replace, an array of mixed types) holds numbers. Text mixed with
    numbers, dates, and many different numbers written as text are refused by name: as categories they would give a
    coefficient a value.
    """
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise InputError(
            f"{values.name!r} holds dates or durations; required: numbers, for example years since a date."
        )
    if factor or pd.api.types.is_numeric_dtype(values) or isinstance(values.dtype, pd.CategoricalDtype):
        return values
    known = values.dropna()
    numbers = known.map(_is_number).to_numpy(dtype=bool)
    if known.empty or not numbers.any():
        _refuse_numbers_as_text(known)
        return values
    if not numbers.all():
        text, number = known[~numbers].iloc[0], known[numbers].iloc[0]
        raise InputError(
            f"{values.name!r} mixes numbers with other values ({number!r} and {text!r}, {int((~numbers).sum())} of "
            f"{len(known)} are no numbers); required: one kind. Make it numeric (pandas.to_numeric), text, or say "
            f"C({values.name}) in a formula."
        )
    return values.where(values.notna(), np.nan).astype(float)


def _is_number(value: object) -> bool:
    return isinstance(value, Number | np.bool_) and not isinstance(value, complex)


def _refuse_numbers_as_text(known: pd.Series) -> None:
    distinct = pd.Series(known.unique()).astype(str)
    if len(distinct) > MOST_NUMBERS_AS_TEXT and pd.to_numeric(distinct, errors="coerce").notna().all():
        raise InputError(
            f"{known.name!r} holds {len(distinct)} different numbers written as text (such as {distinct.iloc[0]!r}); "
            f"required: numbers (pandas.to_numeric); if they are categories, dtype 'category' or C({known.name}) in a "
            "formula."
        )
