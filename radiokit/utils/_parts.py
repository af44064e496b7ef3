"""Parts of a large feature table: rows in a small Parquet file, believed only while their inputs are the same.

A part is named by the settings and ids of its rows and holds the key of each: what decides its values.
"""

from __future__ import annotations

import builtins
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radiokit.utils.files import atomic_write
from radiokit.utils.one_case import Outcome, warning_class
from radiokit.utils.warned import Warned

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of a part beside the features; joined with a character that no name of a feature holds.
CASE, KEY, ERROR, MESSAGE, WARNED, FACTS = "|case", "|key", "|error", "|message", "|warned", "|facts"
ABOUT = [CASE, KEY, ERROR, MESSAGE, WARNED, FACTS]


@dataclass(frozen=True)
class Row:
    """What a part says about a case besides its features."""

    case_id: str
    error: str | None
    message: str | None
    warned: list[Warned]


@dataclass(frozen=True)
class Part:
    """Some rows of the cohort, and the file that holds them."""

    path: Path
    rows: slice
    names: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many rows it has."""
        return len(self.ids)

    def holds(self, keys: Callable[[], list[str | None]]) -> bool:
        """Whether the file is there, whole, and of these cases as they are now."""
        table = self._read()
        return table is not None and table[KEY].to_pylist() == keys()

    def _read(self) -> pa.Table | None:
        """Return the part, or None where there is none, or what is there was not written by this class."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self.path, page_checksum_verification=True)
            fits = (
                table.column_names == [*ABOUT, *self.names]
                and table[CASE].to_pylist() == list(self.ids)
                and all(pa.types.is_float64(table[name].type) for name in self.names)
            )
            for row in table.select(ABOUT).to_pylist() if fits else []:
                _row(row)
                fits = fits and isinstance(json.loads(row[FACTS]), dict)
            return table if fits else None
        except (OSError, pa.ArrowException, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def write(self, outcomes: Sequence[Outcome], keys: Sequence[str | None], names: tuple[str, ...]) -> None:
        """Write the rows, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        empty = np.full(len(names), np.nan)
        entries = [outcome.entry for outcome in outcomes]
        values = np.array([empty if entry is None else entry.values for entry in entries]).reshape(len(outcomes), -1)
        facts = [
            {"cached": o.cached, "seconds": o.seconds, **({} if o.entry is None else o.entry.provenance)}
            for o in outcomes
        ]
        warned = [[(kind.__name__, text) for kind, text in o.warnings] for o in outcomes]
        # As pandas does it: NaN is a missing value.
        features = [pa.array(column, from_pandas=True) for column in values.T]
        table = pa.table(
            {
                CASE: [o.case_id for o in outcomes],
                KEY: pa.array(list(keys), pa.string()),
                ERROR: pa.array([o.kind or None for o in outcomes], pa.string()),
                MESSAGE: pa.array([None if o.error is None else str(o.error) for o in outcomes], pa.string()),
                WARNED: [json.dumps(one) for one in warned],
                FACTS: [json.dumps(one) for one in facts],
                **dict(zip(names, features, strict=True)),
            }
        )
        with atomic_write(self.path) as draft:
            pq.write_table(table, draft, write_page_checksum=True)


def parts_of(cases: pd.DataFrame, folder: Path, settings: str, names: tuple[str, ...], size: int) -> list[Part]:
    """Return the parts of a cohort, each named by the settings and its ids."""
    parts = []
    ids = tuple(map(str, cases.index))
    for start in range(0, len(cases), size):
        rows = slice(start, min(start + size, len(cases)))
        name = hashlib.sha256(repr((settings, names, ids[rows])).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        parts.append(Part(folder / f"{start:09d}-{name}.parquet", rows, names, ids[rows]))
    return parts


def join_parts(path: Path, beside: Path, parts: list[Part], kept: set[Path], names: tuple[str, ...]) -> Iterator[Row]:
    """Write features to one file and provenance to another, both whole or not at all, and yield what else is known."""
    import pyarrow.parquet as pq

    schema, columns = _schema(names), _names_of_facts(parts)
    with ExitStack() as files:
        drafts = [files.enter_context(atomic_write(file)) for file in (path, beside)]
        pd.DataFrame(columns=["case_id", *columns]).to_csv(drafts[1], index=False)
        with pq.ParquetWriter(drafts[0], schema) as writer:
            for part in parts:
                table = pq.read_table(part.path)
                rows = table.select(ABOUT).to_pylist()
                ids = table[CASE].cast(schema.field("case_id").type)
                writer.write_table(table.select(list(names)).append_column("case_id", ids).cast(schema))
                facts = pd.DataFrame([json.loads(row[FACTS]) for row in rows]).reindex(columns=columns)
                facts["cached"] |= part.path in kept
                facts.insert(0, "case_id", ids.to_pylist())
                facts.to_csv(drafts[1], mode="a", header=False, index=False)
                yield from map(_row, rows)


def _row(row: dict[str, Any]) -> Row:
    warned = [(_warning(kind), str(text)) for kind, text in json.loads(row[WARNED])]
    return Row(row[CASE], row[ERROR], row[MESSAGE], warned)


def _warning(name: str) -> type[Warning]:
    kind = getattr(builtins, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Warning) else warning_class(name)


def _schema(names: tuple[str, ...]) -> pa.Schema:
    """Columns of the output, with what pandas notes to find its index again."""
    import pyarrow as pa

    row = pd.DataFrame([[0.0] * len(names)], columns=list(names), index=pd.Index(["a case"], name="case_id"))
    return pa.Schema.from_pandas(row)


def _names_of_facts(parts: list[Part]) -> list[str]:
    import pyarrow.parquet as pq

    found = {"cached": None, "seconds": None}
    for part in parts:
        for text in pq.read_table(part.path, columns=[FACTS])[FACTS].to_pylist():
            found.update(dict.fromkeys(json.loads(text)))
    return list(found)
