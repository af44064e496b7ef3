"""Volumes and tables to files: whole, or not at all."""

from __future__ import annotations

import io
import os
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_object_dtype

from radiokit.exceptions import DataWarning, FileError
from radiokit.io._nifti import read_nifti
from radiokit.io._sitk import to_sitk
from radiokit.io._volume import Grid
from radiokit.utils import atomic_write, regular_file

# A cell that a spreadsheet would run: not a number with a sign.
FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.,]*(?:[eE][+-]?\d+)?$)")
WRITABLE = (".nii", ".nii.gz", ".nrrd", ".mha")


def write_volume(volume: Grid, path: str | os.PathLike[str]) -> None:
    """Write an image or a mask (as 0 and 1).

    Parameters
    ----------
    volume : Volume or Mask
        What to write.
    path : path
        Target; its suffix decides the format: .nii, .nii.gz, .nrrd, .mha. A file there is replaced.

    Raises
    ------
    FileError
        If the suffix is another, or the file cannot be written; nothing half-written stays behind.

    Notes
    -----
    The file is written under another name and renamed when it is complete. Files with compression are compressed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from radiokit.io import Volume, read_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.eye(3)[None]), f"{folder}/eye.nrrd")
    ...     float(read_volume(f"{folder}/eye.nrrd").array.sum())
    3.0
    """
    import SimpleITK as sitk

    path = Path(path)
    suffix = next((s for s in sorted(WRITABLE, key=len, reverse=True) if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise FileError(f"{path} has the suffix {path.suffix!r}; can be written: {', '.join(WRITABLE)}.")
    with atomic_write(path) as draft:
        try:
            sitk.WriteImage(to_sitk(volume), str(draft), useCompression=True)
            if suffix.startswith(".nii"):
                read_nifti(draft)  # ITK does not notice that a disk is full when it writes this format
        except (RuntimeError, FileError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise FileError(f"{path} cannot be written: {reason} Does the folder exist, and has it room?") from error


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    r"""Write a table with its index, whole or not at all.

    Parameters
    ----------
    table : DataFrame
        What to write.
    path : path
        Target; its suffix decides the format: .csv, .tsv, .parquet or .xlsx (which keeps 16 digits; the others keep
        every bit). A file there is replaced.

    Raises
    ------
    FileError
        If the suffix is another, or the file cannot be written; nothing half-written stays behind.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"a": [0.1]}, index=pd.Index(["007"], name="case_id")), f"{folder}/table.csv")
    ...     Path(folder, "table.csv").read_text()
    'case_id,a\n007,0.1\n'
    """
    path = Path(path)
    write = check_table_path(path)
    table = _writable(table)
    if path.suffix.lower() in (".csv", ".tsv"):
        _say_formulas(table, path)
    with atomic_write(path) as draft:
        write(table, draft)


def check_table_path(path: Path) -> Callable[[pd.DataFrame, Path], None]:
    """Return the writer for a path, before a long computation is made for nothing: a file can be made there now."""
    if path.suffix.lower() not in WRITERS:
        raise FileError(f"{path} has the suffix {path.suffix!r}; a table can be written as {', '.join(WRITERS)}.")
    if not path.absolute().parent.is_dir():
        raise FileError(f"{path} cannot be written: the folder {path.absolute().parent} does not exist.")
    if path.exists():
        regular_file(path)
    check_folder(path.absolute().parent)
    return WRITERS[path.suffix.lower()]


def check_folder(folder: Path) -> None:
    """Raise FileError where no file can be written into a folder, or into the one that it would be made in."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"0")
    except OSError as error:
        raise FileError(f"Nothing can be written into {folder}: {error.strerror or error}.") from error


def _writable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text that any file can hold: names of files that are no UTF-8 are escaped."""
    table = table.copy(deep=False)
    for k in _text_columns(table):
        table.isetitem(k, table.iloc[:, k].map(_escaped))
    return table.set_axis(table.index.map(_escaped), axis="index") if is_object_dtype(table.index) else table


def _text_columns(table: pd.DataFrame) -> list[int]:
    return [k for k, dtype in enumerate(table.dtypes) if is_object_dtype(dtype)]


def _escaped(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _say_formulas(table: pd.DataFrame, path: Path) -> None:
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


def _write_excel(table: pd.DataFrame, path: Path) -> None:
    """Write text as text: a spreadsheet would run what begins with an equals sign."""
    made = io.BytesIO()  # a full disk then fails in one place, not while a half-written archive is closed
    with pd.ExcelWriter(made, engine="openpyxl") as writer:
        table.to_excel(writer)
        for row in writer.book.active.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    cell.data_type = "s"
    path.write_bytes(made.getvalue())


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda table, path: table.to_csv(path),
    ".tsv": lambda table, path: table.to_csv(path, sep="\t"),
    ".parquet": lambda table, path: table.to_parquet(path),
    ".xlsx": _write_excel,
}
