"""A table from any of the files in which people keep one; ids and names stay the text they were."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.exceptions import CaseTableError, FileError
from radiokit.utils.files import regular_file
from radiokit.utils.levels import cell_text

SEPARATORS = ",;\t|"
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
# What stands for a missing value. "None" is not among them: it is a level (metastases: None, One, Many).
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "<NA>", "#N/A", "#NA")
NAMELESS = "Unnamed: 0"  # a first column without a name: the index that pandas or R wrote
IsText = Callable[[str], bool]
NUMBER_WITH_COMMA = r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?"
THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+"


def read_table(path: Path, is_text: IsText) -> pd.DataFrame:
    """Read a table; columns for which `is_text` holds are returned as stripped text, never as numbers.

    Column names are stripped text. A row with more or fewer cells than the header is an error, for its values would
    stand in the wrong columns; rows and nameless columns without any value are left out.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise FileError(
            f"{path} is no table that can be read; known are {', '.join(TABLES)}, a folder, or a DataFrame."
        )
    regular_file(path)
    try:
        if suffix == ".xlsx":
            return _read_excel(path, is_text)
        if suffix == ".parquet":
            table = pd.read_parquet(path)
            return table.reset_index() if table.index.name is not None else table
        return _read_delimited(path, _decoded(path), is_text)
    except (FileError, CaseTableError):
        raise
    except (ValueError, OSError, KeyError, csv.Error) as error:
        raise FileError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error
    except Exception as error:  # openpyxl and pyarrow raise anything on damaged files
        raise FileError(f"{path} is damaged, or of another format than its name says: {error}") from error


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _read_delimited(path: Path, text: str, is_text: IsText) -> pd.DataFrame:
    separator, names, body = _header(path, text)
    _require_rectangle(path, body, separator, len(names))
    if not body.strip():
        return _named(path, pd.DataFrame(columns=range(len(names)), dtype=object), names)

    def read(**how: Any) -> pd.DataFrame:
        return pd.read_csv(
            io.StringIO(body),
            sep=separator,
            header=None,
            names=range(len(names)),
            index_col=False,
            float_precision="round_trip",
            skipinitialspace=True,
            keep_default_na=False,
            na_values=list(MISSING),
            low_memory=False,
            **how,
        )

    texts = [k for k, name in enumerate(names) if is_text(name)]
    table = read(converters=dict.fromkeys(texts, str.strip))
    _read_decimal_commas(path, table, read, names, separator, texts)
    return _named(path, table, names)


def _rows(stream: io.StringIO, separator: str) -> Iterator[list[str]]:
    return csv.reader(stream, delimiter=separator, skipinitialspace=True)


def _header(path: Path, text: str) -> tuple[str, list[str], str]:
    """Return the separator, the names of the columns, which stand in the first row, and the text of the other rows."""
    stream = io.StringIO(text, newline="")

    def header(separator: str) -> list[str]:
        stream.seek(0)
        return [name.strip() for name in next(filter(any, _rows(stream, separator)), [])]

    separator = max(SEPARATORS, key=lambda s: len(header(s)))
    names = header(separator)
    if not any(names):
        raise CaseTableError(f"{path}: The table is empty.")
    return separator, names, stream.read()


def _require_rectangle(path: Path, body: str, separator: str, width: int) -> None:
    """Refuse a row that has one separator too many or too few: its values would stand in other columns."""
    number = 0
    for row in _rows(io.StringIO(body, newline=""), separator):
        blank = not any(map(str.strip, row))
        number += not blank
        if len(row) > width:
            raise CaseTableError(
                f"{path}: row {number} ({_start(row)}) has {len(row)} cells, the header {width}: cell {width + 1} "
                f"({row[width].strip()!r}) has no column. A decimal comma, or a separator too many? Quote the cell, or "
                "write decimals with a point."
            )
        if len(row) < width and not blank:
            raise CaseTableError(
                f"{path}: row {number} ({_start(row)}) has {len(row)} cells, the header {width}: which are missing "
                "is not clear. Write an empty cell for a missing value; or is the file cut off?"
            )


def _start(row: Sequence[Any]) -> str:
    return ", ".join(cell_text(cell) for cell in row[:3]) + (", ..." if len(row) > 3 else "")


def _read_decimal_commas(
    path: Path,
    table: pd.DataFrame,
    read: Callable[..., pd.DataFrame],
    names: list[str],
    separator: str,
    texts: list[int],
) -> None:
    """Read 3,5 as three and a half, in place, if it can mean nothing else; otherwise refuse it."""
    found = {}
    for k in table.columns.difference(texts):
        cells = table[k].dropna() if table[k].dtype.kind == "O" else pd.Series(dtype=object)
        if len(cells) and cells.map(lambda c: isinstance(c, str)).all():
            cells = cells.str.strip()
            if cells.str.fullmatch(NUMBER_WITH_COMMA).all() and cells.str.contains(",").any():
                found[k] = cells
    if not found:
        return
    k, cells = next(iter(found.items()))
    if separator == "," or (separator != ";" and cells.str.fullmatch(THOUSANDS).all()):
        raise CaseTableError(
            f"{path}: column {names[k]!r} holds numbers with commas ({cells.iloc[0]!r}), decimals or thousands; write "
            "them with a decimal point, or separate columns by semicolons."
        )
    plain = read(dtype=str)
    for j in table.columns.difference([*found, *texts]):
        if pd.api.types.is_numeric_dtype(table[j]) and plain[j].str.contains(".", regex=False).any():
            raise CaseTableError(
                f"{path} writes decimals with a comma in column {names[k]!r} ({cells.iloc[0]!r}) and with a point in "
                f"column {names[j]!r}; required: one of them, for a point may mean thousands."
            )
    for k, cells in found.items():
        table[k] = cells.str.replace(",", ".", regex=False).map(float).reindex(table.index)


def _named(path: Path, table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Leave out rows and nameless columns that hold nothing, and name the others; values without a name are refused."""
    empty = table.isna()
    for k in [k for k in table.columns if table[k].dtype.kind == "O"]:  # objects, or text of pandas 3
        empty[k] |= table[k] == ""
    keep = [k for k in range(len(names)) if names[k] or not empty.iloc[:, k].all()]
    nameless = [k for k in keep if not names[k] and k > 0]
    if nameless:
        row = int((~empty.iloc[:, nameless[0]]).to_numpy().argmax())
        raise CaseTableError(
            f"{path}: cell {nameless[0] + 1} of row {row + 1} ({_start(table.iloc[row].tolist())}) has no name in the "
            "header. A decimal comma, or a separator too many?"
        )
    table = table.loc[~empty.all(axis="columns")].iloc[:, keep]
    return table.set_axis([names[k] or NAMELESS for k in keep], axis="columns").reset_index(drop=True)


def _read_excel(path: Path, is_text: IsText) -> pd.DataFrame:
    cells = pd.read_excel(path, header=None, dtype=object, keep_default_na=False, na_values=list(MISSING))
    cells = cells.dropna(how="all")
    if cells.empty:
        raise CaseTableError(f"{path}: The table is empty.")
    names = [cell_text(name) for name in cells.iloc[0]]
    table = cells.iloc[1:].reset_index(drop=True)
    table = pd.DataFrame(
        {
            k: table[column].map(cell_text).astype(object) if is_text(names[k]) else table[column].infer_objects()
            for k, column in enumerate(table.columns)
        },
        index=table.index,
    )
    return _named(path, table, names)
