"""A case table as an extractor reads it: which columns it needs, how a row is read, and what names its result."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, FileError
from radiokit.io._case_files import PROBLEM
from radiokit.io._volume import Grid
from radiokit.io.arrays import ImageLike, as_volume
from radiokit.io.cases import Columns, case_frame, read_labels
from radiokit.utils import as_table, content_hash
from radiokit.utils.levels import is_absent
from radiokit.utils.row_numbers import is_no_row_name

# Columns of a case table that decide how its files are read.
HOW = ("label", "roi", "series", "suv")


def reading_of(row: pd.Series) -> dict[str, Any]:
    """Return how the files of a case are read; None where the table leaves it open.

    Raises FileError where the table has a reason why they cannot be read.
    """
    problem = _cell(row, PROBLEM)
    if problem is not None:
        raise FileError(str(problem))
    return {name: _cell(row, name) for name in HOW}


def _cell(row: pd.Series, name: str) -> Any:
    value = row.get(name)
    # A column `suv` of numbers is a clinical one.
    return None if is_absent(value) or (name == "suv" and not isinstance(value, str)) else value


def case_table(cases: pd.DataFrame | str | os.PathLike[str], *, on_error: str = "raise") -> pd.DataFrame:
    """Return a table with columns image and mask and ids as index.

    With ``on_error="nan"``, a case whose files are missing stays, and fails when it is read.
    """
    if isinstance(cases, pd.DataFrame) and {"image", "mask"} <= set(cases.columns):
        # Images may be arrays in memory, and rows without ids are called by their place.
        cases = as_table(cases, "The case table", text=_is_name, keep=is_no_row_name, unnamed=True).frame
        wrong = read_labels(cases, [])
        if wrong:
            raise CaseTableError(f"The case table: {wrong[0]}.")
    else:
        cases = case_frame(cases, Columns(), on_error=on_error)
    lost = [name for name in ("image", "mask") if name not in cases.columns]
    if lost:
        several = [c for c in cases.columns if str(c).startswith(("image_", "mask_"))]
        hint = (
            f" It has {', '.join(several)}: rename the two of one sequence, and extract each in turn."
            if several
            else ""
        )
        raise CaseTableError(f"The case table lacks the column {' and '.join(lost)}.{hint}")
    return cases


def _is_name(column: str) -> bool:
    return column in ("image", "mask", "roi", "series")


def table_of_files(cases: pd.DataFrame | str | os.PathLike[str], *, on_error: str = "raise") -> pd.DataFrame:
    """Return the columns of a case table that say where the files of a case are and how they are read."""
    table = case_table(cases, on_error=on_error)
    for name in ("image", "mask"):
        if not table[name].map(lambda value: isinstance(value, str | os.PathLike)).all():
            raise CaseTableError(f"The column {name} holds images; extract_to takes paths of files.")
    return table[[name for name in ("image", "mask", *HOW, PROBLEM) if name in table.columns]]


def case_key(row: pd.Series, *, settings: str, label: int | None = None) -> str:
    """Name a result by what decides it: settings, label, and the content of image and mask."""
    how = reading_of(row)
    parts = [row["image"], row["mask"]]
    paths = [part for part in parts if isinstance(part, str | os.PathLike)]
    how["label"] = how["label"] or label
    text = "|".join([settings, *map(repr, how.values()), *(_digest(part) for part in parts)])
    return content_hash(text, paths)


def _digest(part: str | os.PathLike[str] | ImageLike) -> str:
    """Name an image in memory by its content; a file is named by `content_hash`."""
    if isinstance(part, str | os.PathLike):
        return "file"
    grid = part if isinstance(part, Grid) else as_volume(part)
    geometry = (grid.array.dtype.str, grid.shape, grid.spacing, grid.origin, grid.direction)
    return repr(geometry) + hashlib.sha256(np.ascontiguousarray(grid.array).tobytes()).hexdigest()
