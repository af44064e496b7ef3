"""A table to a file: for computers (CSV, Parquet, Excel) or for a paper (HTML, LaTeX, Word)."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from radiokit.exceptions import DataWarning, FileError
from radiokit.utils._printed import PRINTED
from radiokit.utils.files import atomic_write, check_folder, regular_file

Writer = Callable[[pd.DataFrame, Path, str], None]
# A cell that a spreadsheet would run: not a number with a sign.
FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.,]*(?:[eE][+-]?\d+)?$)")


def write_table(table: pd.DataFrame, path: str | os.PathLike[str], *, title: str = "") -> Path:
    r"""Write a table with its ids, whole or not at all.

    Parameters
    ----------
    table : DataFrame
        What to write. Its index goes first, unless it is pandas' own row number.
    path : path
        Target; its suffix decides the format. For computers: .csv, .tsv, .parquet or .xlsx (which keeps 16 digits; the
        others keep every bit). For a paper: .html, .tex or .docx; text appears as it is, numbers as Python prints them,
        missing cells are empty. A file there is replaced.
    title : str
        Caption, in HTML, LaTeX and Word.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FileError
        If the suffix is another, or the file cannot be written; nothing half-written stays behind.

    Warns
    -----
    DataWarning
        If cells of a CSV or TSV file begin as formulas do, which a spreadsheet may run.

    Notes
    -----
    Whatever cells and title hold is escaped. HTML is a fragment with inline rules, LaTeX needs the package
    ``booktabs``, and Word has rules above, under the header and below, as journals ask for. The same table gives the
    same bytes in these.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame({"a": [0.1]}, index=pd.Index(["007"], name="case_id"))
    ...     write_table(table, f"{folder}/table.csv").read_text()
    'case_id,a\n007,0.1\n'
    """
    path = Path(path)
    write = check_table_path(path)
    table = _writable(table)
    if path.suffix.lower() in (".csv", ".tsv"):
        _warn_of_formulas(table, path)
    with atomic_write(path) as draft:
        write(table, draft, title)
    return path


def check_table_path(path: Path) -> Writer:
    """Return the writer for a path, before a long computation is made for nothing: a file can be made there now."""
    if path.suffix.lower() not in WRITERS:
        raise FileError(f"{path} has the suffix {path.suffix!r}; a table can be written as {', '.join(WRITERS)}.")
    if not path.absolute().parent.is_dir():
        raise FileError(f"{path} cannot be written: the folder {path.absolute().parent} does not exist.")
    if path.exists():
        regular_file(path)
    check_folder(path.absolute().parent)
    return WRITERS[path.suffix.lower()]


def _writable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text that any file can hold: names of files that are no UTF-8 are escaped."""
    table = table.copy(deep=False)
    for k in _text_columns(table):
        table.isetitem(k, table.iloc[:, k].map(_escaped))
    return table.set_axis(table.index.map(_escaped), axis="index") if table.index.dtype.kind == "O" else table


def _text_columns(table: pd.DataFrame) -> list[int]:
    return [
        k for k, dtype in enumerate(table.dtypes) if dtype.kind == "O" and not isinstance(dtype, pd.CategoricalDtype)
    ]


def _escaped(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _warn_of_formulas(table: pd.DataFrame, path: Path) -> None:
    """Warn of cells that a spreadsheet would take for formulas; they are kept, for ids have to stay the same."""
    texts = [*table.index, *(value for k in _text_columns(table) for value in table.iloc[:, k])]
    found = [text for text in texts if isinstance(text, str) and FORMULA.match(text)]
    if found:
        warnings.warn(
            f"{path} holds {len(found)} cells that a spreadsheet may run as formulas ({found[0][:40]!r}): import its "
            "columns as text there, or write .xlsx, which keeps them as text.",
            DataWarning,
            stacklevel=3,
        )


def _write_excel(table: pd.DataFrame, draft: Path, title: str) -> None:
    """Write text as text: a spreadsheet would run what begins with an equals sign."""
    made = io.BytesIO()  # a full disk then fails in one place, not while a half-written archive is closed
    with pd.ExcelWriter(made, engine="openpyxl") as writer:
        table.to_excel(writer, index=_has_ids(table))
        for row in writer.book.active.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    cell.data_type = "s"
    draft.write_bytes(made.getvalue())


def _has_ids(table: pd.DataFrame) -> bool:
    return table.index.name is not None or not isinstance(table.index, pd.RangeIndex)


def _printed(render: Callable[[list[str], list[list[str]], str], bytes]) -> Writer:
    def write(table: pd.DataFrame, draft: Path, title: str) -> None:
        whole = table.reset_index(names=table.index.name or "") if _has_ids(table) else table
        header = [str(column) for column in whole.columns]
        rows = [["" if pd.isna(cell) else str(cell) for cell in row] for row in whole.itertuples(index=False)]
        draft.write_bytes(render(header, rows, title))

    return write


WRITERS: dict[str, Writer] = {
    ".csv": lambda table, draft, title: table.to_csv(draft, index=_has_ids(table), lineterminator="\n"),
    ".tsv": lambda table, draft, title: table.to_csv(draft, index=_has_ids(table), lineterminator="\n", sep="\t"),
    ".parquet": lambda table, draft, title: table.to_parquet(draft),
    ".xlsx": _write_excel,
    **{suffix: _printed(render) for suffix, render in PRINTED.items()},
}
