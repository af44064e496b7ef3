"""Tables on input: ids and names of columns become text, numbers become floats, each row has one id.

Two tables are joined by these ids only. pandas' row labels (a range, or whole numbers in an index without a name) are
places in a file, and are never taken for ids.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, DataWarning, InputError
from radiokit.utils._columns import normal_column, numeric_columns
from radiokit.utils.id_names import CASE_NAMES, ID_NAMES, PATIENT_NAMES, id_name
from radiokit.utils.levels import cell_text, is_absent, one_spelling
from radiokit.utils.row_numbers import ROW_NAMES, counts_rows, running_numbers, warn_of_order
from radiokit.utils.table_files import NAMELESS, read_table

LARGEST_EXACT = 2**53


@runtime_checkable
class HasPandas(Protocol):
    """A table of another library, such as Arrow or polars."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as pandas has it."""


TableLike: TypeAlias = pd.DataFrame | str | os.PathLike[str] | HasPandas


@dataclass(frozen=True, eq=False)
class Table:
    """A table that `as_table` has read and checked.

    Parameters
    ----------
    frame : DataFrame
        Index ``case_id``: text. Columns: text, each once. Numbers are float64, complete truth values bool, dates
        datetime64, everything else text in object columns (categorical columns keep the order of their levels).
    what : str
        What messages call it.
    left_out : tuple of str
        Columns that only counted the rows.
    unnamed : bool
        Whether rows had no ids, and are named by their place.

    Examples
    --------
    >>> table = as_table(pd.DataFrame({"f": [1, 2]}, index=["a", "b"]))
    >>> table.rows(["b", "c"])["f"].tolist()
    [2.0, nan]
    """

    frame: pd.DataFrame
    what: str = "the table"
    left_out: tuple[str, ...] = ()
    unnamed: bool = False

    @property
    def ids(self) -> pd.Index:
        """Ids of the rows, as text."""
        return self.frame.index

    def require(self, columns: Iterable[str]) -> None:
        """Raise CaseTableError for columns that are not there."""
        absent = [c for c in map(str, columns) if c not in self.frame.columns]
        if absent:
            raise CaseTableError(
                f"{self.what} has no column {', '.join(map(repr, absent[:8]))}; its columns: "
                f"{some(self.frame.columns, 30)}."
            )

    def rows(self, ids: Iterable[Any]) -> pd.DataFrame:
        """Return the rows of these cases in this order; a case that the table lacks has missing values."""
        return self.frame.reindex(pd.Index([cell_text(i) for i in ids], name="case_id"))

    def lacking(self, ids: Iterable[Any]) -> list[str]:
        """Return the cases that the table lacks."""
        return [i for i in map(cell_text, ids) if i not in self.frame.index]

    def numbers(self, columns: Iterable[str] | None = None) -> Table:
        """Return these columns as floats; infinities become missing values.

        By default all columns, without the diagnostics of an extraction, and without columns that name cases or
        patients, with a warning: they are no measurements, and often tell the outcome.

        Raises
        ------
        InputError
            For text and dates, naming a cell.
        """
        return replace(self, frame=numeric_columns(self.frame, columns, what=self.what))

    def names(self, column: str, *, role: str) -> pd.Series:
        """Return a column of levels, such as the centre: text, none missing, one spelling for each level.

        Raises
        ------
        CaseTableError
            If it is not there, or empty for a case; the message names cases.
        """
        return one_spelling(self._complete(column, role), said_as=f"{self.what}: column {column!r}")

    def levels(self, column: str) -> pd.Series:
        """Return a column of levels as `names`; what is missing stays NaN."""
        self.require([column])
        return one_spelling(self.frame[column], said_as=f"{self.what}: column {column!r}")

    def identities(self, column: str, *, role: str) -> pd.Series:
        """Return a column of ids, such as the patient: text as written, none missing; P1 and p1 may be two.

        Raises
        ------
        CaseTableError
            As `names`.
        """
        return self._complete(column, role).map(cell_text).astype(object)

    def _complete(self, column: str, role: str) -> pd.Series:
        self.require([column])
        values = self.frame[column]
        empty = values.astype(object).map(is_absent)
        if empty.any():
            raise CaseTableError(
                f"{int(empty.sum())} of {len(empty)} cases have no {role}: column {column!r} is empty (missing) for "
                f"{some(self.frame.index[empty])}. Fill it in, or leave these cases out."
            )
        return values


def as_table(
    source: TableLike,
    what: str = "the table",
    *,
    id: str | None = None,
    text: Collection[str] | Callable[[str], bool] = (),
    keep: Collection[str] | Callable[[str], bool] = (),
    unnamed: bool = False,
    repeated: bool = False,
) -> Table:
    """Read and check a table.

    Parameters
    ----------
    source : DataFrame or path
        A DataFrame (or anything with ``to_pandas``), or a file: .csv, .tsv, .txt with any separator and encoding,
        .xlsx, .parquet.
    what : str
        What messages call it: ``"the case table"``.
    id : str, optional
        Column of the ids. Default: `case_id`, `case` or `id`, in any spelling (`Case ID`, `CaseID`); else the index,
        where it has a name or holds text; else `patient_id`, `patient`, `subject_id`, `subject` or `pid`.
    text : collection of str, or function
        Columns that hold names (centres, paths) and stay text, so that 007 is not 7.
    keep : collection of str, or function
        Columns that were asked for by name: they are kept though they count the rows.
    unnamed : bool
        Accept rows without ids: they get their row labels (of a file: 1, 2, ...), and `Table.unnamed` is True.
    repeated : bool
        Accept ids that repeat or are empty: several rows of a case are meant, or the caller reports them.

    Returns
    -------
    Table
        Ids, columns and values of one kind.

    Raises
    ------
    CaseTableError
        If there are no ids, ids repeat, are empty or were rounded, an id column and the index disagree, a column
        repeats, or a row of a file has more or fewer cells than the header.
    FileError
        If a file cannot be read.

    Warns
    -----
    DataWarning
        If a column only counts the rows: it is left out, as it tells the outcome in a file sorted by outcome.

    Examples
    --------
    >>> frame = pd.DataFrame({"ID": [7, 8], "f": pd.array([1, None], dtype="Int64")})
    >>> as_table(frame).frame["f"].to_dict()
    {'7': 1.0, '8': nan}
    """
    is_text, is_kept = _as_test(text), _as_test(keep)
    frame, from_file = _frame_of(source, id, is_text, what)
    frame = _with_text_names(frame, what)
    named, frame = _take_ids(frame, id, what, unnamed=unnamed)
    ids = [str(k) for k in range(1, len(frame) + 1)] if from_file else list(map(cell_text, frame.index))
    ids = ids if named is None else named
    frame = frame.reset_index(drop=True)
    columns = {c: normal_column(frame[c], text=is_text(c) or is_patient(c)) for c in frame.columns}
    frame = pd.DataFrame(columns, index=frame.index, columns=frame.columns)
    out = [c for c in running_numbers(frame) if not is_kept(c) and not is_text(c)]
    if out:
        warnings.warn(
            f"{what} has {', '.join(map(repr, out))}, which counts its rows and is no measurement; it is left out.",
            DataWarning,
            stacklevel=2,
        )
    frame = frame.drop(columns=out)
    unasked = [c for c in frame.columns if not is_kept(c) and not is_text(c) and not is_patient(c)]
    warn_of_order(frame[unasked], what, stacklevel=2)
    frame = frame.set_axis(pd.Index(ids, name="case_id", dtype=object), axis="index")
    frame.attrs = dict(getattr(source, "attrs", {}))
    if not repeated:
        _require_one_each(frame.index, what)
    return Table(frame, what, tuple(out), unnamed=named is None)


def _as_test(names: Collection[str] | Callable[[str], bool]) -> Callable[[str], bool]:
    return names if callable(names) else frozenset(map(str, names)).__contains__


def row_ids(frame: pd.DataFrame, what: str) -> pd.Index:
    """Return the ids of a table whose index already names its rows, as text, without looking at its columns.

    Raises
    ------
    CaseTableError
        If the index holds pandas' row labels.
    """
    name = cell_text(frame.index.name)
    if isinstance(frame.index, pd.MultiIndex) or not is_labelled(frame.index, name):
        raise CaseTableError(
            f"the index of {what} holds pandas' row labels ({some(frame.index, 3)}); required: the case ids, such as "
            "table.set_index('case_id'), for rows are matched by them."
        )
    return pd.Index(id_texts(frame.index.to_series(), what), name="case_id", dtype=object)


def is_patient(column: str) -> bool:
    """Whether a column has a usual name of ids; it stays text, as a long number would lose digits as a float."""
    return bool(id_name(column))


def _frame_of(
    source: TableLike, id: str | None, is_text: Callable[[str], bool], what: str
) -> tuple[pd.DataFrame, bool]:
    if isinstance(source, pd.DataFrame):
        return source, False
    if isinstance(source, str | os.PathLike):
        table = read_table(Path(source), lambda c: c == id or is_patient(c) or is_text(c))
        return _with_first_column_as_index(table), True
    if isinstance(source, HasPandas):
        return source.to_pandas(), False
    raise InputError(f"{what} is a {type(source).__name__}; required: a DataFrame or the path of a table.")


def _with_first_column_as_index(table: pd.DataFrame) -> pd.DataFrame:
    """Take a first column of text without a name as the index that pandas or R wrote; of numbers, it counts rows."""
    if list(table.columns[:1]) == [NAMELESS] and table[NAMELESS].map(lambda v: isinstance(v, str)).all():
        return table.set_index(NAMELESS).rename_axis(None)
    return table


def _with_text_names(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    names = pd.Index([column_text(c) for c in frame.columns], dtype=object)
    repeated = names[names.duplicated()]
    if len(repeated):
        raise CaseTableError(f"{what} repeats the column {repeated[0]!r}; required: each once. Rename or drop one.")
    return frame.set_axis(names, axis="columns")


def column_text(name: Hashable) -> str:
    """Name of a column as text; the levels of a MultiIndex are joined by underscores."""
    return "_".join(filter(None, map(cell_text, name))) if isinstance(name, tuple) else cell_text(name)


def _take_ids(
    frame: pd.DataFrame, id: str | None, what: str, *, unnamed: bool
) -> tuple[list[str] | None, pd.DataFrame]:
    """Return the ids, None where rows have none, and the table without their column."""
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        levels = ", ".join(str(n) for n in index.names)
        raise CaseTableError(
            f"the rows of {what} have an index of {index.nlevels} levels ({levels}); required: one id for each row. "
            "Use reset_index(), and name the column of the ids."
        )
    name = cell_text(index.name)
    column = _id_column(frame, id, what, name)
    labelled = is_labelled(index, name)
    if column is not None:
        ids = id_texts(frame[column], what)
        if labelled and id is None:
            require_agreement(ids, index, column, what)
        return ids, frame.drop(columns=column)
    if labelled:
        return id_texts(index.to_series(), what), frame
    patient = next((c for n in PATIENT_NAMES for c in frame.columns if id_name(c) == n), None)
    if patient is not None:
        return id_texts(frame[patient], what), frame.drop(columns=patient)
    if unnamed:
        return None, frame
    kind = "whole numbers without a name, which are pandas' row labels" if len(index) else "empty"
    raise CaseTableError(
        f"{what} has no ids: its columns are {some(frame.columns)}, its index is {kind}; required: an id column "
        f"({', '.join(ID_NAMES)}), or an index that is called case_id."
    )


def _id_column(frame: pd.DataFrame, id: str | None, what: str, index_name: str) -> str | None:
    if id is not None:
        wanted = cell_text(id)
        if wanted not in frame.columns and index_name != wanted:
            raise CaseTableError(f"{what} has no column {id!r}; its columns: {some(frame.columns, 30)}.")
        return wanted if wanted in frame.columns else None
    return next((c for name in CASE_NAMES for c in frame.columns if id_name(c) == name), None)


def is_labelled(index: pd.Index, name: str) -> bool:
    """Whether an index holds ids: it has a name of its own, or holds text."""
    if id_name(name):
        return True
    if pd.api.types.infer_dtype(index) not in ("integer", "floating", "mixed-integer-float", "empty"):
        return True
    return bool(name) and not ROW_NAMES.fullmatch(name) and not counts_rows(index)


def require_agreement(ids: list[str], index: pd.Index, column: str, what: str) -> None:
    """Refuse a table whose id column and index name its rows differently."""
    other = list(map(cell_text, index))
    differ = [k for k in range(len(ids)) if ids[k] != other[k]]
    if differ:
        k = differ[0]
        named = f"an index {index.name!r}" if index.name is not None else "an index of text"
        raise CaseTableError(
            f"{what} has a column {column!r} and {named}, which name {len(differ)} rows differently (row {k + 1}: "
            f"{ids[k]!r} and {other[k]!r}); required: one of them. Use reset_index(), with drop=True where the index "
            "holds no ids, or drop the column."
        )


def id_texts(values: pd.Series, what: str) -> list[str]:
    """Ids as text; numbers too large to be exact as floating point are refused, as their last digits are lost."""
    rounded = [v for v in values if isinstance(v, float | np.floating) and abs(float(v)) >= LARGEST_EXACT]
    if rounded:
        raise CaseTableError(
            f"ids of {what} were read as floating-point numbers and have lost digits ({rounded[0]!r}); "
            "read that column as text (pandas: dtype=str)."
        )
    return [cell_text(v) for v in values]


def _require_one_each(ids: pd.Index, what: str) -> None:
    empty = np.flatnonzero(ids == "")
    if len(empty):
        raise CaseTableError(f"{len(empty)} of {len(ids)} rows of {what} have no id (row {some(empty + 1)}).")
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise CaseTableError(
            f"{what} repeats {len(repeated)} case ids: {some(repeated)}; required: each once. Two lesions of a patient "
            "need an id each, and a column of their own for the patient."
        )


def some(names: Iterable[Any], most: int = 5) -> str:
    """Return the first names, for a message."""
    listed = list(map(str, names))
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")
