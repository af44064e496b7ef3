"""The case table: the ids, the files, and every other column of each case."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from radiokit.exceptions import CaseTableError, DataWarning, FileError, ParameterError
from radiokit.io._case_files import PROBLEM, Problem, find_files, report
from radiokit.io._folders import cases_in_folder, table_in
from radiokit.io._mask import as_label
from radiokit.io._pictures import PICTURES
from radiokit.io._read import READERS
from radiokit.utils import Table, as_table, cell_text
from radiokit.utils.id_names import CASE_NAMES
from radiokit.utils.row_numbers import is_no_row_name
from radiokit.utils.table import is_patient, some

# Columns that decide how the files of a case are read.
READING = ("label", "roi", "series")


def read_cases(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    root: str | os.PathLike[str] | None = None,
    id: str | None = None,
    image: str | None = None,
    mask: str | None = None,
    optional: Sequence[str] | None = (),
    on_error: Literal["raise", "nan"] = "raise",
) -> pd.DataFrame:
    r"""Read a case table in any of its dialects, and see that every file is there.

    Parameters
    ----------
    source : path or DataFrame
        A table (.csv or .tsv with any separator and encoding, .xlsx, .parquet, or a DataFrame); or a folder with a
        table ``cases.csv`` (or .tsv, .xlsx, .parquet) in it, with folders ``images`` and ``masks`` of files with equal
        names, or with one folder for each patient: image and mask files, or a tree of DICOM series and the structure
        sets and segmentations that refer to them.
    root : path, optional
        Folder that relative paths start from. Default: the folder of the table; the working directory for a DataFrame.
    id, image, mask : str, optional
        Names of the columns of ids, images and masks. Default, in any spelling (`Case ID`): `case_id`, `case` or `id`,
        else the index of a DataFrame where it has a name or holds text, else `patient_id`, `patient`, `subject_id`,
        `subject` or `pid`; `image`; `mask`. A table of files alone needs no ids: its rows are named 1, 2, ..., with a
        warning.
    optional : sequence of str or None
        Names of sequences that a case may lack: their cells may be empty. None: any of several sequences.
    on_error : {"raise", "nan"}
        What happens to cases whose files are missing. ``"raise"``: one error names all of them; use it to correct the
        table. ``"nan"``: they stay, with the reason in a column `unreadable`, and fail when they are read; use it to
        extract the other cases now.

    Returns
    -------
    DataFrame
        Index ``case_id`` (text, as written: 007 stays 007). Columns `image` and `mask` with absolute paths, or
        `image_<name>` and `mask_<name>` for several sequences (one column `mask` beside several images serves all);
        `label` (integer), `roi` and `series` (text) where given; every other column as it was.

    Raises
    ------
    CaseTableError
        If columns are missing or repeat, or a row has more or fewer cells than the header; or, all in one error, for
        ids that repeat, empty cells and files that do not exist.
    FileError
        If the table itself cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a.nii.gz", "b.nii.gz"):
    ...         Path(folder, name).touch()
    ...     _ = Path(folder, "table.csv").write_text("ID;Image;Mask;age\n007;a.nii.gz;b.nii.gz;61\n")
    ...     cases = read_cases(f"{folder}/table.csv")
    >>> cases.index[0], int(cases.loc["007", "age"]), list(cases.columns)
    ('007', 61, ['image', 'mask', 'age'])
    """
    return case_frame(source, Columns(id, image, mask), root=root, optional=optional, on_error=on_error)


@dataclass(frozen=True)
class Columns:
    """Columns that the caller names: of ids and files, those that stay text, and those that are always kept."""

    id: str | None = None
    image: str | None = None
    mask: str | None = None
    text: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()

    def is_text(self, column: str) -> bool:
        """Whether a column holds names: ids, paths, regions."""
        if column in (self.id, self.image, self.mask, *self.text):
            return True
        return (
            is_patient(column)
            or column.lower() in ("roi", "series")
            or re.match(r"(image|mask)(_|$)", column.lower()) is not None
        )

    def is_reading(self, column: str) -> bool:
        """Whether a column may decide how files are read: a label in a mask may be 1, 2, 3, ..."""
        return re.match(rf"({'|'.join(READING)})(_|$)", column.lower()) is not None

    def is_kept(self, column: str) -> bool:
        """Whether a column stays though it may count the rows: here no column is used unless it is named."""
        return column in self.keep or is_no_row_name(column)


def case_frame(
    source: str | os.PathLike[str] | pd.DataFrame,
    named: Columns,
    *,
    root: str | os.PathLike[str] | None = None,
    optional: Sequence[str] | None = (),
    on_error: str = "raise",
) -> pd.DataFrame:
    """Read a case table; see `read_cases`."""
    if on_error not in ("raise", "nan"):
        raise ParameterError(f"on_error is {on_error!r}; required: 'raise' or 'nan'.")
    table, base, what, problems = _entered(source, named)
    table = table.rename(columns=_canonical(table, named, what))
    sequences = [column.removeprefix("image") for column in _image_columns(table)]
    _share_mask(table, sequences)
    _restore_numbers(table, sequences)
    found = [s.removeprefix("_") for s in sequences if s] if optional is None else optional
    problems += _noted_problems(table, sequences)
    known = {(p.case_id, p.sequence) for p in problems}
    lost = find_files(table, sequences, Path(root) if root is not None else base, {f"_{name}" for name in found})
    problems += [p for p in lost if (p.case_id, p.sequence) not in known]
    wrong = [*_id_problems(table["case_id"]), *read_labels(table, sequences)]
    if on_error == "nan" and not wrong:
        return _with_problems(table, sequences, problems).set_index("case_id")
    wrong += [problem.line for problem in problems]
    if wrong:
        raise CaseTableError(report(what, wrong))
    return table.set_index("case_id")


def _entered(
    source: str | os.PathLike[str] | pd.DataFrame, named: Columns
) -> tuple[pd.DataFrame, Path, str, list[Problem]]:
    """Return the table with a column case_id, the folder its paths start from, its name, and what a folder lacks."""
    if not isinstance(source, str | os.PathLike):
        return _rows_of(source, named, "The case table"), Path.cwd(), "The case table", []
    path = Path(source).absolute()
    if not path.exists():
        raise FileError(f"{source} does not exist; required: a case table or a folder of cases.")
    inside = table_in(path) if path.is_dir() else path
    if inside is not None:
        return _rows_of(inside, named, str(inside)), inside.parent, str(inside), []
    table, problems = cases_in_folder(path)
    if table.empty:
        raise CaseTableError(report(str(path), [problem.line for problem in problems]))
    return table, path, str(path), problems


def _rows_of(source: pd.DataFrame | Path, named: Columns, what: str) -> pd.DataFrame:
    """Read a table; ids that repeat or are empty are reported later, with all other problems."""
    table = as_table(source, what, id=named.id, text=named.is_text, keep=named.is_kept, unnamed=True, repeated=True)
    if table.unnamed:
        _call_by_row(table, named)
    # An id column by another of the usual names stays a column beside the ids.
    return table.frame.reset_index()


def _call_by_row(table: Table, named: Columns) -> None:
    """Warn that cases are named by their rows, which tables of files may be, and no others."""
    files = [c for c in table.frame.columns if c in (named.image, named.mask) or c.lower() in ("image", "mask")]
    others = [c for c in table.frame.columns if c not in files and not named.is_reading(c)]
    if others or len(files) < 2:
        _require(table.what, list(table.frame.columns), {c.lower() for c in table.frame.columns})
    warnings.warn(
        f"{table.what} names no cases (no column {', '.join(CASE_NAMES)}): they are called by their rows, "
        f"{some(table.ids, 3)}.",
        DataWarning,
        stacklevel=4,
    )


def _canonical(table: pd.DataFrame, named: Columns, what: str) -> dict[str, str]:
    """Return our name for each column that holds ids or files, or decides how files are read."""
    columns = [str(column) for column in table.columns]
    lost = [name for name in (named.image, named.mask) if name is not None and name not in columns]
    if lost:
        raise CaseTableError(f"{what} has no column {', '.join(map(repr, lost))}; its columns: {some(columns, 30)}.")
    lower = {column.lower(): column for column in reversed(columns)}
    parts = {"case_id": "case_id"}
    for own, name in ((named.image, "image"), (named.mask, "mask"), *((None, name) for name in READING)):
        found = own or lower.get(name)
        if found is not None:
            parts[found] = name
    for column in columns:
        match = re.match(rf"(image|mask|{'|'.join(READING)})_(.+)", column, re.IGNORECASE)
        if match and column not in parts and f"image_{match[2]}".lower() in lower:
            parts[column] = f"{match[1].lower()}_{match[2]}"
    clash = [column for column in columns if column not in parts and column in parts.values()]
    if clash:
        raise CaseTableError(f"{what} has a column {clash[0]!r} besides the one named for that part; rename it.")
    _require(what, columns, set(parts.values()))
    return parts


def _require(what: str, columns: list[str], found: set[str]) -> None:
    missing = [] if "case_id" in found else ["`case_id` (ids of the cases)"]
    if "image" in found:
        missing += [] if "mask" in found else ["`mask`"]
    elif not any(name.startswith("image_") for name in found):
        missing += ["`image`"] + ([] if "mask" in found else ["`mask`"])
    elif "mask" not in found and not any(name.startswith("mask_") for name in found):
        missing += ["`" + name.replace("image", "mask", 1) + "`" for name in sorted(found) if name.startswith("image_")]
    if missing:
        raise CaseTableError(
            f"{what} has no column {', '.join(missing)}; its columns: {some(columns, 30)}. "
            "Name them with id=, image= and mask=, or rename them."
        )


def _image_columns(table: pd.DataFrame) -> list[str]:
    """Columns of images: `image`, and each `image_<name>` that has a mask, shares one, or clearly holds files."""
    found = []
    for column in table.columns:
        if column == "image":
            found.append(column)
        elif column.startswith("image_"):
            own = column.replace("image", "mask", 1) in table.columns
            shared = "mask" in table.columns and "image" not in table.columns
            if own or shared or table[column].map(lambda v: cell_text(v).lower().endswith((*READERS, *PICTURES))).any():
                found.append(column)
    return found


def _share_mask(table: pd.DataFrame, sequences: list[str]) -> None:
    """Let one mask serve several images, where each has not its own."""
    lacking = [name for name in sequences if f"mask{name}" not in table.columns]
    if lacking and "mask" not in table.columns:
        raise CaseTableError(
            f"No column {', '.join(f'`mask{name}`' for name in lacking)} beside the images of that name."
        )
    for name in lacking:
        table.insert(list(table.columns).index(f"image{name}") + 1, f"mask{name}", table["mask"])
    if lacking and "" not in sequences:
        table.drop(columns="mask", inplace=True)


def _restore_numbers(table: pd.DataFrame, sequences: list[str]) -> None:
    """Turn clinical columns that were read as text for their names (`image_quality`) into numbers."""
    files = {f"{kind}{name}" for kind in ("image", "mask") for name in sequences}
    for column in table.columns:
        if column.startswith(("image_", "mask_")) and column not in files:
            numbers = pd.to_numeric(table[column], errors="coerce")
            if (numbers.isna() == (table[column] == "")).all():
                table[column] = numbers


def _id_problems(ids: pd.Series) -> list[str]:
    problems = [f"row {row + 1} has no id" for row in ids.index[ids == ""]]
    repeated = ids[ids.duplicated(keep=False) & (ids != "")]
    return problems + [
        f"id {case_id} stands in the rows {', '.join(str(row + 1) for row in where)} (two lesions of a patient need an "
        "id each, and a column of their own for the patient)"
        for case_id, where in repeated.groupby(repeated, sort=False).groups.items()
    ]


def _noted_problems(table: pd.DataFrame, sequences: list[str]) -> list[Problem]:
    """Take out of the table the problems that an earlier reading noted in it."""
    return [
        Problem(case_id, text, name)
        for name in sequences
        if f"{PROBLEM}{name}" in table.columns
        for case_id, text in zip(table["case_id"], table.pop(f"{PROBLEM}{name}").map(cell_text), strict=True)
        if text
    ]


def _with_problems(table: pd.DataFrame, sequences: list[str], problems: list[Problem]) -> pd.DataFrame:
    """Return the table with the reasons why cases cannot be read, in a column for each sequence that has any."""
    known = set(table["case_id"])
    lost = pd.DataFrame({"case_id": [i for i in dict.fromkeys(p.case_id for p in problems) if i not in known]})
    files = {f"{part}{name}": "" for part in ("image", "mask") for name in sequences}
    table = pd.concat([table, lost.assign(**files)], ignore_index=True) if len(lost) else table
    for name in sequences:
        reasons: dict[str, str] = {}
        for problem in problems:
            if problem.sequence in (name, None):
                reasons[problem.case_id] = "; ".join(filter(None, (reasons.get(problem.case_id), problem.text)))
        if reasons:
            table[f"{PROBLEM}{name}"] = table["case_id"].map(reasons).fillna("")
    return table


def read_labels(table: pd.DataFrame, sequences: list[str]) -> list[str]:
    """Make labels whole numbers, in place; return what is wrong with them."""
    problems = []
    for column in [f"label{name}" for name in ("", *sequences) if f"label{name}" in table.columns]:
        try:
            labels = table[column].map(as_label)
        except ValueError as error:
            problems.append(f"column {column}: {error} An outcome of that name needs another column name")
            continue
        table[column] = labels.astype("Int64" if labels.isna().any() else "int64")
    return problems
