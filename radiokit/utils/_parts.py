"""Parts of a large feature table: rows in a small file, believed only while their inputs are the same.

A part is named by the settings and ids of its rows and holds the key of each: what decides its values.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import FileError
from radiokit.utils._sealed import read_sealed, write_sealed
from radiokit.utils.files import atomic_write
from radiokit.utils.one_case import Outcome, warning_class
from radiokit.utils.warned import Warned

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Row:
    """What a part holds of a case besides its features; `facts` are its row of the provenance."""

    case_id: str
    key: str | None
    error: str | None
    message: str | None
    warned: list[Warned]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Some rows of the cohort, and the file that holds them."""

    path: Path
    rows: slice
    ids: tuple[str, ...]
    n_features: int

    def read(self) -> tuple[list[Row], NDArray[np.float64]] | None:
        """Return rows and features; None where there is no file, or it is damaged, or of other cases or settings."""
        found = read_sealed(self.path)
        if found is None:
            return None
        fields, values = found
        try:
            rows = [_row(**row) for row in fields["rows"]]
            fits = fields["part"] == self.path.stem and [row.case_id for row in rows] == list(self.ids)
            return (rows, values.reshape(len(rows), self.n_features)) if fits else None
        except (ValueError, TypeError, KeyError):  # it has the checksum, but was not written here
            return None

    def write(self, outcomes: Sequence[Outcome], keys: Sequence[str | None]) -> None:
        """Write the rows, whole or not at all."""
        empty = np.full(self.n_features, np.nan)
        values = [empty if outcome.entry is None else outcome.entry.values for outcome in outcomes]
        rows = [
            {
                "case_id": o.case_id,
                "key": key,
                "error": o.kind or None,
                "message": None if o.error is None else str(o.error),
                "warned": [(kind.__name__, text) for kind, text in o.warnings],
                "facts": {
                    "cached": o.cached,
                    "seconds": o.seconds,
                    **({} if o.entry is None else o.entry.provenance),
                },
            }
            for o, key in zip(outcomes, keys, strict=True)
        ]
        write_sealed(self.path, {"part": self.path.stem, "rows": rows}, np.array(values))


def parts_of(cases: pd.DataFrame, folder: Path, settings: str, names: tuple[str, ...], size: int) -> list[Part]:
    """Return the parts of a cohort, each named by the settings and its ids."""
    parts = []
    ids = tuple(map(str, cases.index))
    for start in range(0, len(cases), size):
        rows = slice(start, min(start + size, len(cases)))
        name = hashlib.sha256(repr((settings, names, ids[rows])).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        parts.append(Part(folder / f"{start:09d}-{name}.part", rows, ids[rows], len(names)))
    return parts


def join_parts(path: Path, beside: Path, parts: list[Part], kept: set[Path], names: tuple[str, ...]) -> Iterator[Row]:
    """Write features to one file and provenance to another, both whole or not at all, and yield the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, columns = _schema(names), _names_of_facts(parts)
    with ExitStack() as files:
        drafts = [files.enter_context(atomic_write(file)) for file in (path, beside)]
        pd.DataFrame(columns=["case_id", *columns]).to_csv(drafts[1], index=False)
        with pq.ParquetWriter(drafts[0], schema) as writer:
            for part in parts:
                rows, values = _whole(part)
                ids = pd.Index(part.ids, name="case_id", dtype=object)
                writer.write_table(pa.Table.from_pandas(pd.DataFrame(values, ids, list(names)), schema))
                facts = pd.DataFrame([row.facts for row in rows], index=ids).reindex(columns=columns)
                facts["cached"] |= part.path in kept
                facts.to_csv(drafts[1], mode="a", header=False)
                yield from rows


def _whole(part: Part) -> tuple[list[Row], NDArray[np.float64]]:
    found = part.read()
    if found is None:
        raise FileError(f"{part.path} was changed or removed while it was needed; run again.")
    return found


def _row(warned: list[tuple[str, str]], facts: dict[str, Any], **others: Any) -> Row:
    return Row(**others, warned=[_warning(name, text) for name, text in warned], facts={**facts})


def _warning(name: str, text: str) -> Warned:
    kind = getattr(builtins, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Warning) else warning_class(name), str(text)


def _schema(names: tuple[str, ...]) -> pa.Schema:
    """Return the columns of the output, with what pandas notes to find its index again."""
    import pyarrow as pa

    row = pd.DataFrame([[0.0] * len(names)], columns=list(names), index=pd.Index(["a case"], name="case_id"))
    return pa.Schema.from_pandas(row)


def _names_of_facts(parts: list[Part]) -> list[str]:
    found = {"cached": None, "seconds": None}
    for part in parts:
        for row in _whole(part)[0]:
            found.update(dict.fromkeys(row.facts))
    return list(found)
