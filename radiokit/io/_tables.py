"""A table from any of the files in which people keep one; ids and paths stay the text they were."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, FileError

SEPARATORS = ",;\t|"
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
IsText = Callable[[str], bool]


def read_table(path: Path, is_text: IsText) -> pd.DataFrame:
    """Read a table; columns for which `is_text` holds are returned as stripped text, never as numbers."""
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise FileError(
            f"{path} is no table that can be read; known are {', '.join(TABLES)}, a folder, or a DataFrame."
        )
    try:
        if suffix == ".xlsx":
            return _read_excel(path, is_text)
        if suffix == ".parquet":
            return texts(_unindexed(pd.read_parquet(path)), is_text)
        return _read_delimited(_decoded(path), is_text)
    except FileError:
        raise
    except (ValueError, OSError, KeyError) as error:
        raise FileError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error
    except Exception as error:
        raise FileError(f"{path} is damaged, or of another format than its name says: {error}") from error


def texts(table: pd.DataFrame, is_text: IsText) -> pd.DataFrame:
    """Return a copy with stripped column names, and text where text is meant."""
    table = table.set_axis([str(column).strip() for column in table.columns], axis="columns")
    for column in filter(is_text, dict.fromkeys(table.columns)):
        table[column] = table[column].map(cell_text).astype(object)
    return table


def cell_text(value: Any) -> str:
    """Text of a cell: 7.0 is "7" and "007" stays "007"; an empty cell is ""."""
    if value is None or (np.ndim(value) == 0 and pd.isna(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def _unindexed(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index() if table.index.name is not None else table


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _read_delimited(text: str, is_text: IsText) -> pd.DataFrame:
    header = next((line for line in text.splitlines() if line.strip()), "")
    if not header:
        raise CaseTableError("The table is empty.")
    separator = max(SEPARATORS, key=lambda s: len(_fields(header, s)))
    names = _fields(header, separator)
    return pd.read_csv(
        io.StringIO(text),
        sep=separator,
        header=0,
        names=_unique(names),
        index_col=False,
        float_precision="round_trip",
        skipinitialspace=True,
        converters={name: str.strip for name in names if is_text(name)},
        decimal="," if separator == ";" and _decimal_commas(text) else ".",
    )


def _fields(line: str, separator: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]


def _unique(names: Iterable[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    return out


def _decimal_commas(text: str) -> bool:
    """Whether a table with semicolons writes 3,5 for three and a half, as spreadsheets of half of Europe do."""
    comma, point = (bool(re.search(rf"(?:^|;)\s*-?\d+{mark}\d+\s*(?:;|$)", text, re.M)) for mark in (",", r"\."))
    return comma and not point


def _read_excel(path: Path, is_text: IsText) -> pd.DataFrame:
    header = pd.read_excel(path, nrows=0).columns
    converters: dict[int | str, Callable[[Any], Any]] = {
        name: cell_text for name in header if is_text(str(name).strip())
    }
    table = pd.read_excel(path, converters=converters)
    return texts(table.dropna(how="all"), is_text)
