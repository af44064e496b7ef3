"""One case table, several sequences: the columns that belong to each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radiokit.exceptions import ParameterError
from radiokit.io._case_files import PROBLEM

PARTS = ("image", "mask", "label", "roi", "series", "suv")


def sequences_of(cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split a case table into one for each sequence: `image`, `mask` and the columns that decide how to read them.

    The sequence of the plain columns `image` and `mask` has the name "". A sequence without a `label`, `roi`, ... of
    its own takes that of the whole table.
    """
    columns = set(cases.columns)
    found = {}
    for name in _suffixes(cases):
        chosen = {part: next((c for c in (part + name, part) if c in columns), None) for part in (*PARTS, PROBLEM)}
        found[name.removeprefix("_")] = pd.DataFrame({part: cases[c] for part, c in chosen.items() if c is not None})
    return found


def _suffixes(cases: pd.DataFrame) -> list[str]:
    """Return what follows `image` in the names of the columns of images that have a mask: "", or "_T1"."""
    columns = [str(column) for column in cases.columns]
    return [
        c.removeprefix("image")
        for c in columns
        if (c == "image" or c.startswith("image_")) and c.replace("image", "mask", 1) in columns
    ]


def with_reading(cases: pd.DataFrame, part: str, given: Sequence[str]) -> pd.DataFrame:
    """Return the table with a column `roi` or `suv`, given for all sequences or for one of them.

    `part` is ``"roi"`` or ``"suv"``. In `given`, ``"GTV*"`` is for every sequence, and ``"PT=lesion 1"`` for the one
    that is called PT, in capitals or not. ParameterError if the table lacks the sequence, or one is given twice.
    """
    names = {name.removeprefix("_").lower(): name for name in _suffixes(cases)}
    several = any(names)
    columns: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        own = bool(equals) and several
        if own and name.strip().lower() not in names:
            raise ParameterError(
                f"--{part} {text} names the sequence {name!r}; the table has {', '.join(filter(None, names))}."
            )
        column = part + names[name.strip().lower()] if own else part
        if column in columns:
            raise ParameterError(f"--{part} is given twice for the same images: {columns[column]!r} and {text!r}.")
        columns[column] = value.strip() if own else text
    if part in columns:  # given for all sequences, in place of what the table has for one
        cases = cases.drop(columns=[f"{part}{name}" for name in names.values() if f"{part}{name}" in cases.columns])
    return cases.assign(**columns)
