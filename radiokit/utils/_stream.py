"""A cohort of any size to one Parquet file: rows go to disk in parts as they are done, so memory does not grow with it.

A part is a small Parquet file beside the output, named by what decides its rows. A run that was killed finds the parts
it finished; when all are there they are joined to the output, which appears whole or not at all, and are removed.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radiokit import exceptions
from radiokit._version import __version__
from radiokit.exceptions import FileError
from radiokit.utils._batches import Finish
from radiokit.utils._cache import CaseCache
from radiokit.utils._isolation import Limits
from radiokit.utils._one_case import Compute, Outcome, run_case
from radiokit.utils._parallel import track
from radiokit.utils._runner import Heard, check_cases, in_steps, raise_failure

if TYPE_CHECKING:
    import pyarrow as pa

PART_SIZE = 1000
# Columns of a part beside the features; joined with a character that no name of a feature holds.
CASE, ERROR, MESSAGE, HEARD, FACTS = "|case", "|error", "|message", "|heard", "|facts"


@dataclass(frozen=True)
class ExtractionFile:
    """A feature table that was written while it was computed.

    Parameters
    ----------
    path : Path
        Parquet file: index ``case_id`` in the order of the case table, one column a feature.
    n_cases : int
        Rows in it.
    n_features : int
        Columns in it.
    failures : DataFrame
        A row a failed case: ``case_id``, ``error``, ``message``.
    provenance : Path
        CSV file: a row a case, as in `Extraction.provenance`.

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


@dataclass(frozen=True)
class _Part:
    """Some rows of the cohort, and where they go."""

    path: Path
    rows: slice


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
    cases, compute, key, n_jobs, on_error, cache, limits, finish, progress, description :
        As for `run_cases`. The cells of `cases` are paths, text and numbers.
    path : path
        Parquet file to write. Beside it come ``<name>.provenance.csv`` and, while the run goes on, ``<name>.parts``.
    columns : iterable of str
        The features that every case has.
    settings : str
        What decides a value besides the files, in one spelling.
    part_size : int
        Cases a part; as many are lost at most when a run without `cache` is killed.

    Returns
    -------
    ExtractionFile
        Where the rows are, and what failed.

    Raises
    ------
    FileError
        If the output cannot be written, or another run is writing it.
    RadiokitError
        As for `run_cases`. Finished parts stay, and the next run goes on from there.

    Notes
    -----
    A part counts as done while settings, limits, ids and the sizes and dates of all files of its cases are the same.

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
    check_cases(cases, on_error=on_error, keyed=key is not None or cache is None)
    store = None if cache is None else CaseCache(cache)
    if store is not None:
        store.prepare()
    with _written(path), _alone(path.with_name(f"{path.name}.parts")) as folder:
        parts = _parts(cases, folder, f"{__version__}|{settings}|{limits}|{names}", part_size)
        kept = {part.path for part in parts if _read(part.path) is not None}
        missing = [part for part in parts if part.path not in kept]
        rest = pd.concat([cases.iloc[part.rows] for part in missing]) if missing else cases.iloc[:0]
        task = partial(run_case, compute=compute, key=key, cache=store, columns=names)
        stream = track(
            in_steps(rest, task, finish, cache=store, columns=names, n_jobs=n_jobs, limits=limits),
            total=len(rest),
            description=description,
            disable=not progress,
        )
        for part in missing:
            outcomes = [_accepted(stream, on_error) for _ in range(part.rows.start, part.rows.stop)]
            _write_part(outcomes, names, part.path)
        done = _joined(path, parts, kept, names, len(cases))
        for left in folder.glob("*.parquet"):  # those of other settings too
            left.unlink()
    return done


def _accepted(stream: Iterator[Outcome], on_error: str) -> Outcome:
    outcome = next(stream)
    if outcome.error is not None and on_error == "raise":
        raise_failure(outcome, stream)
    return outcome


def _parts(cases: pd.DataFrame, folder: Path, settings: str, size: int) -> list[_Part]:
    parts = []
    for start in range(0, len(cases), size):
        rows = slice(start, min(start + size, len(cases)))
        digest = hashlib.sha256(settings.encode())
        for case_id, row in cases.iloc[rows].iterrows():
            digest.update(repr([str(case_id), *((name, *_stamp(cell)) for name, cell in row.items())]).encode())
        parts.append(_Part(folder / f"{start:09d}-{digest.hexdigest()[:32]}.parquet", rows))
    return parts


def _stamp(cell: Any) -> tuple[Any, ...]:
    """Text of a cell and, where it names files, their sizes and dates."""
    if not isinstance(cell, str | os.PathLike) or not str(cell):
        return (repr(cell),)
    try:
        if not os.path.isdir(cell):
            found = os.stat(cell)
            return (str(cell), found.st_size, found.st_mtime_ns)
        entries = sorted(os.scandir(str(cell)), key=lambda entry: entry.name)
        return (str(cell), *((e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in entries))
    except (OSError, ValueError):  # no file: a label, a name of a region
        return (str(cell),)


def _write_part(outcomes: Sequence[Outcome], names: tuple[str, ...], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    empty = np.full(len(names), np.nan)
    entries = [outcome.entry for outcome in outcomes]
    values = np.array([empty if entry is None else entry.values for entry in entries]).reshape(len(outcomes), -1)
    facts = [
        {"cached": o.cached, "seconds": o.seconds, **({} if o.entry is None else o.entry.provenance)} for o in outcomes
    ]
    heard = [[(kind.__name__, text) for kind, text in o.warnings] for o in outcomes]
    # As pandas does it: NaN is a missing value.
    features = [pa.array(column, from_pandas=True) for column in values.T]
    table = pa.table(
        {
            CASE: [o.case_id for o in outcomes],
            ERROR: pa.array([o.kind or None for o in outcomes], pa.string()),
            MESSAGE: pa.array([None if o.error is None else str(o.error) for o in outcomes], pa.string()),
            HEARD: [json.dumps(one) for one in heard],
            FACTS: [json.dumps(one) for one in facts],
            **dict(zip(names, features, strict=True)),
        }
    )
    draft = path.with_name(f"{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        pq.write_table(table, draft, write_page_checksum=True)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> pa.Table | None:
    """Return a part, or None where there is none or it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowInvalid):
        return None


def _joined(path: Path, parts: list[_Part], kept: set[Path], names: tuple[str, ...], n_cases: int) -> ExtractionFile:
    """Write the rows of all parts to the output and its provenance, and gather failures and warnings."""
    import pyarrow.parquet as pq

    beside = path.with_name(f"{path.stem}.provenance.csv")
    drafts = [file.with_name(f".{secrets.token_hex(8)}{file.suffix}") for file in (path, beside)]
    heard, failed, schema = Heard(), [], _schema(names)
    columns = _names_of_facts(parts)
    try:
        pd.DataFrame(columns=["case_id", *columns]).to_csv(drafts[1], index=False)
        with pq.ParquetWriter(drafts[0], schema) as writer:
            for part in parts:
                table = pq.read_table(part.path)
                rows = table.select([CASE, ERROR, MESSAGE, HEARD, FACTS]).to_pylist()
                ids = table[CASE].cast(schema.field("case_id").type)
                writer.write_table(table.select(list(names)).append_column("case_id", ids).cast(schema))
                facts = pd.DataFrame([json.loads(row[FACTS]) for row in rows]).reindex(columns=columns)
                facts["cached"] |= part.path in kept
                facts.insert(0, "case_id", ids.to_pylist())
                facts.to_csv(drafts[1], mode="a", header=False, index=False)
                failed += [(row[CASE], row[ERROR], row[MESSAGE]) for row in rows if row[ERROR] is not None]
                for row in rows:
                    heard.add(row[CASE], [(_warning(kind), text) for kind, text in json.loads(row[HEARD])])
        drafts[1].replace(beside)
        drafts[0].replace(path)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    heard.warn(n_cases)
    failures = pd.DataFrame(failed, columns=["case_id", "error", "message"], dtype=object)
    return ExtractionFile(path, n_cases, len(names), failures, beside)


def _schema(names: tuple[str, ...]) -> pa.Schema:
    """Columns of the output, with what pandas notes to find its index again."""
    import pyarrow as pa

    row = pd.DataFrame([[0.0] * len(names)], columns=list(names), index=pd.Index(["a case"], name="case_id"))
    return pa.Schema.from_pandas(row)


def _warning(name: str) -> type[Warning]:
    kind = getattr(exceptions, name, None) or getattr(builtins, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Warning) else UserWarning


def _names_of_facts(parts: list[_Part]) -> list[str]:
    import pyarrow.parquet as pq

    found = {"cached": None, "seconds": None}
    for part in parts:
        for text in pq.read_table(part.path, columns=[FACTS])[FACTS].to_pylist():
            found.update(dict.fromkeys(json.loads(text)))
    return list(found)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Say what could not be written where the system's words alone would not."""
    try:
        yield
    except OSError as error:
        raise FileError(
            f"{path} cannot be written ({error.strerror or error}). Free space there and run again: finished parts are "
            "kept."
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Make the folder of parts, keep a second run out, and remove it when it is empty again."""
    folder.mkdir(exist_ok=True)
    lock = folder / ".lock"
    with lock.open("w") as file:
        _lock(file.fileno(), folder)
        for left in folder.glob("*.tmp"):
            left.unlink()
        try:
            yield folder
        finally:
            lock.unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()


def _lock(descriptor: int, folder: Path) -> None:
    """Hold a lock that the system gives back when this process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows: nothing keeps two runs apart, and both write the same rows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileError(f"Another run is writing to {folder}. Wait for it, or write to another file.") from None
