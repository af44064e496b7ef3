"""Text of cells, and the rule by which two spellings are one level."""

from __future__ import annotations

import unicodedata
import warnings
from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd

from radiokit.exceptions import DataWarning


def is_absent(value: object) -> bool:
    """Whether a cell holds no value: None, NaN of any kind, or text without a letter."""
    if isinstance(value, str):
        return not value.strip()
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    # Looked at by kind: an image in memory must not be turned into an array to see that it is there.
    return isinstance(value, float | np.floating | Decimal | np.datetime64 | np.timedelta64) and bool(pd.isna(value))


def cell_text(value: object) -> str:
    """Return the text of a cell: 7.0 is "7" and "007" stays "007"; an empty cell is "".

    Parameters
    ----------
    value : object
        A cell: text, a number, a date, or nothing.

    Returns
    -------
    str
        Without blanks around it.

    Examples
    --------
    >>> cell_text(7.0), cell_text("007 "), cell_text(None)
    ('7', '007', '')
    """
    if is_absent(value):
        return ""
    if isinstance(value, float | np.floating | Decimal) and np.isfinite(float(value)) and value == int(value):
        value = int(value)
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        value = value.date()
    return str(value).strip()


def level_key(value: object) -> str:
    """Return what two spellings of one level share: `Lyon` is `LYON`; 1, 1.0 and "1" are one level.

    Parameters
    ----------
    value : object
        A cell.

    Returns
    -------
    str
        Letters without case and in Unicode's compatible form, runs of blanks as one.

    Examples
    --------
    >>> level_key("Lyon") == level_key(" LYON"), level_key(1.0) == level_key("1")
    (True, True)
    """
    return " ".join(unicodedata.normalize("NFKC", cell_text(value)).casefold().split())


def one_spelling(values: pd.Series, *, said_as: str | None = None) -> pd.Series:
    """Return the column as text with one spelling for each level: the most frequent one, or the first of several.

    Parameters
    ----------
    values : Series
        Levels; empty cells stay missing.
    said_as : str, optional
        What the warning calls the column; None gives no warning.

    Returns
    -------
    Series of object
        Text, NaN where nothing stands.

    Examples
    --------
    >>> one_spelling(pd.Series(["Lyon", "LYON", "Lyon ", None])).tolist()
    ['Lyon', 'Lyon', 'Lyon', nan]
    """
    text = values.astype(object).map(cell_text)
    keys = text.map(level_key)
    counted = Counter(zip(keys, text, strict=True))
    chosen: dict[str, str] = {}
    others = []
    for key, spelling in sorted(counted, key=lambda pair: (-counted[pair], pair)):
        if chosen.setdefault(key, spelling) != spelling and key:
            others.append(f"{spelling!r} is {chosen[key]!r}")
    if said_as is not None and others:
        warnings.warn(
            f"{said_as} spells {len(others)} levels in several ways, read as one: {'; '.join(sorted(others)[:5])}"
            f"{'; ...' if len(others) > 5 else ''}.",
            DataWarning,
            stacklevel=2,
        )
    return keys.map(chosen).where(keys != "").astype(object)
