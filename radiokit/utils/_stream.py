"""A cohort of any size to one Parquet file: finished rows are written in parts, so that memory does not grow.

A run that was killed finds the parts it finished; when all are there they are joined to the output, which appears whole
or not at all, and are removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd

from radiokit import __version__
from radiokit.exceptions import FileError, RadiokitError
from radiokit.utils._batches import Finish
from radiokit.utils._digest import content_hash
from radiokit.utils._limits import Limits
from radiokit.utils._lock import alone_in
from radiokit.utils._parallel import parallel_map, track
from radiokit.utils._parts import Part, join_parts, parts_of
from radiokit.utils._runner import WarningsOfCases, accepted, check_cases, opened, outcomes_of
from radiokit.utils.notebook import failures_table, notebook_table
from radiokit.utils.one_case import Compute, Job

PART_SIZE = 1000


@dataclass(frozen=True)
class ExtractionFile:
    """A feature table that was written while it was computed.

    Parameters
    ----------
    path : Path
        Parquet file: index ``case_id`` in the order of the case table, one column for each feature.
    n_cases : int
        Rows in it.
    n_features : int
        Columns in it.
    failures : DataFrame
        One row for each failed case: ``case_id``, ``error``, ``message``.
    provenance : Path
        CSV file: one row for each case, as in `Extraction.provenance`.

    Examples
    --------
    >>> nothing = pd.DataFrame(columns=["case_id", "error", "message"])
    >>> ExtractionFile(Path("x.parquet"), 3, 107, nothing, Path("x.provenance.csv")).n_features
    107
    """

    path: Path
    n_cases: int
    n_features: int
    failures: pd.DataFrame
    provenance: Path

    def _repr_html_(self) -> str:
        """Show a notebook where the rows are, and the first failures."""
        rows = [(self.path, self.n_cases, self.n_features, len(self.failures), self.provenance)]
        columns = ("path", "cases", "features", "failures", "provenance")
        return notebook_table("ExtractionFile", columns, rows) + failures_table(self.failures)


def run_cases_to(
    cases: pd.DataFrame,
    compute: Compute,
    path: str | os.PathLike[str],
    *,
    columns: Iterable[str],
    settings: str,
    key: Callable[[pd.Series], str] | None = None,
    n_jobs: int | None = None,
    on_error: str = "raise",
    cache: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
    finish: Finish | None = None,
    progress: bool = False,
    description: str = "Cases",
    part_size: int = PART_SIZE,
) -> ExtractionFile:
    """Compute one row of features for each case and write them as they come: `run_cases` for cohorts of any size.

    Parameters
    ----------
    cases : DataFrame
        As for `run_cases`; its cells are paths, text and numbers.
    compute : callable
        As for `run_cases`.
    path : path
        Parquet file to write. Beside it ``<name>.provenance.csv`` is written and, during the run, ``<name>.parts``.
    columns : iterable of str
        The features that every case has.
    settings : str
        What decides a value besides the files, always written in the same way.
    key : callable, optional
        As for `run_cases`; without it, settings and files decide.
    {n_jobs} {on_error} {cache} {limits}
    finish : callable, optional
        As for `run_cases`.
    {progress}
    description : str
        Text before the bar.
    part_size : int
        Cases in a part; at most so many are computed again after a run without `cache` was killed.

    Returns
    -------
    ExtractionFile
        Where the rows are, and what failed.

    Raises
    ------
    FileError
        If the output cannot be written, or another run is writing it.
    RadiokitError
        As for `run_cases`. Finished parts stay, and the next run continues from there.

    Notes
    -----
    A part counts as done while settings, limits, ids and the content of all files of its cases are the same; a run that
    continues reads the files of finished parts again to see that.

    Examples
    --------
    >>> import tempfile
    >>> cases = pd.DataFrame({"size": [1.0, 4.0]}, index=pd.Index(["a", "b"], name="case_id"))
    >>> def root(case_id, row):
    ...     return {"root": float(row["size"]) ** 0.5}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = run_cases_to(cases, root, Path(folder, "roots.parquet"), columns=["root"], settings="root")
    ...     pd.read_parquet(done.path)["root"].tolist()
    [1.0, 2.0]
    """
    path, names = Path(path), tuple(columns)
    check_cases(cases, on_error=on_error, keyed=True)
    key = key or partial(_content_of, settings=settings)
    job = Job(compute, key, opened(cache), names)
    with _written(path), alone_in(path.with_name(f"{path.name}.parts")) as folder:
        parts = parts_of(cases, folder, f"{__version__}|{settings}|{limits}", names, part_size)
        kept = {part.path for part in parts if _holds(part, cases, key, n_jobs)}
        missing = [part for part in parts if part.path not in kept]
        rest = pd.concat([cases.iloc[part.rows] for part in missing]) if missing else cases.iloc[:0]
        with closing(outcomes_of(rest, job, finish, n_jobs=n_jobs, limits=limits)) as found:
            bar = iter(track(found, total=len(rest), description=description, disable=not progress))
            for part in missing:
                outcomes = [accepted(outcome, on_error) for outcome in islice(bar, len(part.ids))]
                # The key of a case whose process was lost is not known yet.
                rows = cases.iloc[part.rows].iterrows()
                part.write(
                    outcomes, [o.name or _key_or_none(row, key) for o, (_, row) in zip(outcomes, rows, strict=True)]
                )
        done, warned = _joined(path, parts, kept, names)
        for left in folder.glob("*.part"):  # those of other settings too
            left.unlink()
    warned.give(done.n_cases)
    return done


def _content_of(row: pd.Series, settings: str) -> str:
    """Name a case by the settings and by all that its cells hold or name."""
    files = [cell for cell in row if isinstance(cell, str | os.PathLike) and str(cell) and os.path.exists(cell)]
    return content_hash(repr([settings, *((name, repr(cell)) for name, cell in row.items())]), files)


def _key_or_none(row: pd.Series, key: Callable[[pd.Series], str]) -> str | None:
    try:
        return key(row)
    except (RadiokitError, OSError, ValueError):
        return None  # a case that cannot be read; it fails then too


def _holds(part: Part, cases: pd.DataFrame, key: Callable[[pd.Series], str], n_jobs: int | None) -> bool:
    """Whether the file of a part is there, whole, and of these cases as they are now."""
    found = part.read()
    if found is None:
        return False
    rows = [row for _, row in cases.iloc[part.rows].iterrows()]
    return [row.key for row in found[0]] == parallel_map(partial(_key_or_none, key=key), rows, n_jobs=n_jobs)


def _joined(
    path: Path, parts: list[Part], kept: set[Path], names: tuple[str, ...]
) -> tuple[ExtractionFile, WarningsOfCases]:
    """Write the rows of all parts to the output and its provenance, and gather failures and warnings."""
    warned, failed, n_cases = WarningsOfCases(), [], 0
    beside = path.with_name(f"{path.stem}.provenance.csv")
    for row in join_parts(path, beside, parts, kept, names):
        n_cases += 1
        warned.add(row.case_id, row.warned)
        if row.error is not None:
            failed.append((row.case_id, row.error, row.message))
    failures = pd.DataFrame(failed, columns=["case_id", "error", "message"], dtype=object)
    return ExtractionFile(path, n_cases, len(names), failures, beside), warned


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Name the file in the error where the system's own message would not."""
    try:
        yield
    except OSError as error:
        raise FileError(
            f"{path} cannot be written ({error.strerror or error}). Free space there and run again: finished parts are "
            "kept."
        ) from error
