"""Columns that count the rows of a table: in a file sorted by outcome such a number tells the outcome."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import DataWarning

# Columns that pandas, R and spreadsheets add by themselves: the number of the row.
ROW_NAMES = re.compile(r"|unnamed: ?\d+|index|level_\d+|row|row_?names?|row_?(id|nr|no|num|number)|rn|\.\.\.1", re.I)
FEW_ROWS = 5  # of fewer rows 0, 1, 2 may be anything
MANY_ROWS = 10  # from so many on a permutation of 1, ..., n is no accident


def running_numbers(frame: pd.DataFrame) -> list[str]:
    """Return the columns that count the rows: 1, 2, 3, ... or 1001, 1002, ... as the table came, or in another order.

    A column that is called as row numbers are is one where its whole numbers do not repeat, also after rows were left
    out.
    """
    found = []
    for column, numbers in _whole_columns(frame):
        if ROW_NAMES.fullmatch(column):
            if (
                np.isfinite(numbers).all()
                and len(np.unique(numbers)) == len(numbers)
                and (len(numbers) > 1 or numbers[:1] < FEW_ROWS)
            ):
                found.append(column)
        elif is_running(numbers):
            found.append(column)
    return found


def _whole_columns(frame: pd.DataFrame) -> list[tuple[str, NDArray[np.float64]]]:
    """Return the columns of floats that hold whole numbers only; of thousands of features few do."""
    floats = frame.loc[:, [dtype == np.dtype(float) for dtype in frame.dtypes]]
    values = floats.to_numpy(dtype=float)
    whole = (values == np.floor(values)).all(axis=0)
    return [(floats.columns[j], values[:, j]) for j in np.flatnonzero(whole)]


def is_running(numbers: NDArray[np.float64]) -> bool:
    """Whether a column of any name counts the rows: of few rows only from 0 or 1 and in their order."""
    if len(numbers) < MANY_ROWS:
        return len(numbers) >= FEW_ROWS and numbers[0] in (0, 1) and counts_rows(numbers, shuffled=False)
    return counts_rows(numbers)


def counts_rows(values: ArrayLike, *, shuffled: bool = True) -> bool:
    """Whether these are k, k + 1, ..., k + n - 1 for a whole number k."""
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return False
    if not numbers.size or not np.isfinite(numbers).all():
        return False
    numbers = np.sort(numbers) if shuffled else numbers
    whole = numbers[0] == np.floor(numbers[0])
    return bool(whole and np.array_equal(numbers - numbers[0], np.arange(len(numbers))))


def warn_of_order(frame: pd.DataFrame, what: str, *, stacklevel: int) -> None:
    """Warn of whole numbers that rise, or fall, from each row to the next: they may number patients, files or scans.

    A table may have been sorted by such a column, so that it stays; by chance it is in order once in n! tables.
    """
    if len(frame) < MANY_ROWS:
        return
    found = [c for c, numbers in _whole_columns(frame) if _in_order(numbers)]
    if found:
        warnings.warn(
            f"{what} has {', '.join(map(repr, found))}, whose whole numbers rise or fall from row to row. Leave it out "
            "if it numbers patients, files or scans: in a table sorted by outcome it tells the outcome.",
            DataWarning,
            stacklevel=stacklevel + 1,
        )


def _in_order(numbers: NDArray[np.float64]) -> bool:
    steps = np.diff(numbers)
    return bool(np.all(steps > 0) or np.all(steps < 0))


def is_no_row_name(column: str) -> bool:
    """Whether the name of a column is not one of those that row numbers have."""
    return ROW_NAMES.fullmatch(column) is None
