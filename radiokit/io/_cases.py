"""The case table: who is in the study, where the files lie, and what else is known of each."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radiokit.exceptions import CaseTableError, FileError
from radiokit.io._folders import cases_in_folder, table_in
from radiokit.io._mask import as_label
from radiokit.io._read import READERS
from radiokit.io._tables import cell_text, read_table, texts

ID_NAMES = ("case_id", "case", "id", "patient_id", "patient", "subject_id", "subject")
# How the files of a case are to be read, where that has to be said.
READING = ("label", "roi", "series")
MOST_PROBLEMS = 100


def read_cases(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    root: str | os.PathLike[str] | None = None,
    id: str | None = None,
    image: str | None = None,
    mask: str | None = None,
    optional: Sequence[str] | None = (),
) -> pd.DataFrame:
    r"""Read a case table in any of its dialects, and see that every file is there.

    Parameters
    ----------
    source : path or DataFrame
        A table (.csv or .tsv with any separator and encoding, .xlsx, .parquet, or a DataFrame); or a folder with a
        table ``cases.csv`` (or .tsv, .xlsx, .parquet) in it, with folders ``images`` and ``masks`` of files with equal
        names, or with one folder a patient: image and mask files, or a tree of DICOM series and the structure sets and
        segmentations that refer to them.
    root : path, optional
        Folder that relative paths start from. Default: the folder of the table; the working directory for a DataFrame.
    id, image, mask : str, optional
        Names of the columns of ids, images and masks. Default, in capitals or not: `case_id`, `case`, `id`,
        `patient_id`, `patient`, `subject_id` or `subject`; `image`; `mask`. An index of a DataFrame serves as id too.
    optional : sequence of str or None
        Names of sequences that a case may lack: their cells may be empty. None: any of several sequences.

    Returns
    -------
    DataFrame
        Index ``case_id`` (text, as written: 007 stays 007). Columns `image` and `mask` with absolute paths, or
        `image_<name>` and `mask_<name>` for several sequences (one column `mask` beside several images serves all);
        `label` (integer), `roi` and `series` (text) where given; every other column as it was.

    Raises
    ------
    CaseTableError
        If columns are missing; or, all in one error, for ids that repeat, empty cells and files that do not exist.
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
    named = _Named(id, image, mask)
    problems: list[str] = []
    if isinstance(source, pd.DataFrame):
        table, base, what = _from_frame(source, named), Path.cwd(), "The case table"
    else:
        path = Path(source)
        if not path.exists():
            raise FileError(f"{path} does not exist; required: a case table or a folder of cases.")
        inside = table_in(path) if path.is_dir() else path
        if inside is None:
            table, problems = cases_in_folder(path)
            if table.empty:
                raise CaseTableError(_report(str(path), problems))
        else:
            table = read_table(inside, named.is_text)
        base, what = (inside or path).absolute().parent, str(inside or path)
    table = table.rename(columns=_canonical(table, named, what)).reset_index(drop=True)
    sequences = [column.removeprefix("image") for column in _image_columns(table)]
    _share_mask(table, sequences)
    _restore_numbers(table, sequences)
    problems += _id_problems(table)
    spare = {
        f"_{name}" for name in (optional if optional is not None else [s.removeprefix("_") for s in sequences if s])
    }
    problems += _resolve(table, sequences, Path(root) if root is not None else base, spare)
    _read_labels(table, sequences, problems)
    if problems:
        raise CaseTableError(_report(what, problems))
    return table.set_index("case_id")


@dataclass(frozen=True)
class _Named:
    """The column names that the caller gives."""

    id: str | None
    image: str | None
    mask: str | None

    def is_text(self, column: str) -> bool:
        if column in (self.id, self.image, self.mask):
            return True
        return (
            column.lower() in (*ID_NAMES, "roi", "series") or re.match(r"(image|mask)(_|$)", column.lower()) is not None
        )


def _from_frame(source: pd.DataFrame, named: _Named) -> pd.DataFrame:
    indexed = source.index.name is not None or not isinstance(source.index, pd.RangeIndex)
    has_id = named.id in source.columns or (
        named.id is None and any(str(column).lower() in ID_NAMES for column in source.columns)
    )
    if not indexed or (has_id and source.index.name in (None, *source.columns)):
        table = source
    else:
        use = has_id and str(source.index.name).lower() != "case_id"
        table = source.reset_index() if use else source.rename_axis(named.id or "case_id").reset_index()
    return texts(table, named.is_text)


def _canonical(table: pd.DataFrame, named: _Named, what: str) -> dict[str, str]:
    """Which column plays which part: column of the table -> our name for it."""
    columns = [str(column) for column in table.columns]
    lost = [name for name in (named.id, named.image, named.mask) if name is not None and name not in columns]
    if lost:
        raise CaseTableError(f"{what} has no column {', '.join(map(repr, lost))}; its columns: {_some(columns)}.")
    lower = {column.lower(): column for column in reversed(columns)}
    identity = named.id or next((lower[name] for name in ID_NAMES if name in lower), None)
    parts = {identity: "case_id"} if identity is not None else {}
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
            f"{what} has no column {', '.join(missing)}; its columns: {_some(columns)}. "
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
            if own or shared or table[column].map(lambda v: cell_text(v).lower().endswith(tuple(READERS))).any():
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
    """Undo the reading as text for clinical columns whose names only begin like those of files (`image_quality`)."""
    files = {f"{kind}{name}" for kind in ("image", "mask") for name in sequences}
    for column in table.columns:
        if column.startswith(("image_", "mask_")) and column not in files:
            numbers = pd.to_numeric(table[column], errors="coerce")
            if (numbers.isna() == (table[column] == "")).all():
                table[column] = numbers


def _id_problems(table: pd.DataFrame) -> list[str]:
    ids = table["case_id"]
    problems = [f"row {row + 1} has no id" for row in ids.index[ids == ""]]
    rows = {case_id: [row + 1 for row in ids.index[ids == case_id]] for case_id in ids[ids.duplicated()].unique()}
    return problems + [
        f"id {case_id} stands in the rows {', '.join(map(str, where))} (two lesions of a patient need an id each, and "
        "a column of their own for the patient)"
        for case_id, where in rows.items()
        if case_id != ""
    ]


def _resolve(table: pd.DataFrame, sequences: list[str], root: Path, spare: set[str]) -> list[str]:
    """Make paths absolute, in place; return what is missing, but for sequences that can be spared."""
    problems = []
    for name in sequences:
        for column in (f"image{name}", f"mask{name}"):
            paths = [_absolute(text, root) for text in table[column]]
            for case_id, path in zip(table["case_id"], paths, strict=True):
                if not path and name in spare:
                    continue
                if not path:
                    problems.append(f"{case_id}: the column {column} is empty")
                elif not os.path.exists(path):
                    problems.append(f"{case_id}: {column} {path} does not exist")
            table[column] = pd.Series(paths, index=table.index, dtype=object)
        same = (table[f"image{name}"] == table[f"mask{name}"]) & (table[f"image{name}"] != "")
        problems += [f"{case_id}: image{name} and mask{name} are the same file" for case_id in table["case_id"][same]]
    return problems


def _absolute(text: str, root: Path) -> str:
    if not text:
        return ""
    path = os.path.abspath(root / text)
    if "\\" in text and not os.path.exists(path):
        return os.path.abspath(root / text.replace("\\", "/"))
    return path


def _read_labels(table: pd.DataFrame, sequences: list[str], problems: list[str]) -> None:
    for column in [f"label{name}" for name in ("", *sequences) if f"label{name}" in table.columns]:
        try:
            labels = table[column].map(as_label)
        except ValueError as error:
            problems.append(f"column {column}: {error} An outcome of that name needs another column name")
            continue
        table[column] = labels.astype("Int64" if labels.isna().any() else "int64")


def _report(what: str, problems: list[str]) -> str:
    more = len(problems) - MOST_PROBLEMS
    lines = problems[:MOST_PROBLEMS] + ([f"... and {more} more"] if more > 0 else [])
    noun = "problem" if len(problems) == 1 else "problems"
    return f"{what} has {len(problems)} {noun}:\n  " + "\n  ".join(lines)


def _some(columns: list[str], most: int = 30) -> str:
    return ", ".join(columns[:most]) + (", ..." if len(columns) > most else "")
