"""Columns that count the rows of a table: they say where a row stood, and in a sorted file that tells the outcome."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

# Columns that pandas, R and spreadsheets write when nobody asks: the number of the row.
ROW_NAMES = re.compile(r"|unnamed: ?\d+|index|level_\d+|row|row_?names?|row_?(id|nr|no|num|number)|rn|\.\.\.1", re.I)
FEW_ROWS = 5  # of fewer rows 0, 1, 2 may be anything
MANY_ROWS = 10  # from so many on a permutation of 1, ..., n is no accident


def running_numbers(frame: pd.DataFrame) -> list[str]:
    """Return the columns that count the rows: 0, 1, 2, ... or 1, 2, 3, ... as the table came, or in another order.

    A column that is called as row numbers are is one where its whole numbers do not repeat, also after rows were left
    out.
    """
    found = []
    for column in frame.columns:
        if frame[column].dtype != float:
            continue
        numbers = frame[column].to_numpy()
        if ROW_NAMES.fullmatch(column):
            named = np.isfinite(numbers).all() and np.array_equal(numbers, np.floor(numbers))
            if named and len(np.unique(numbers)) == len(numbers) and (len(numbers) > 1 or numbers[:1] < FEW_ROWS):
                found.append(column)
        elif len(numbers) >= FEW_ROWS and counts_rows(numbers, shuffled=len(numbers) >= MANY_ROWS):
            found.append(column)
    return found


def counts_rows(values: Any, *, shuffled: bool = True) -> bool:
    """Whether these are 0, ..., n-1 or 1, ..., n."""
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return False
    if not numbers.size:
        return False
    numbers = np.sort(numbers) if shuffled else numbers
    return bool(numbers[0] in (0, 1) and np.array_equal(numbers - numbers[0], np.arange(len(numbers))))


def is_no_row_name(column: str) -> bool:
    """Whether a column is called otherwise than row numbers are: what stays where columns are chosen by name later."""
    return ROW_NAMES.fullmatch(column) is None
