"""A mark on a table: the cases whose outcomes chose its columns, so that a leak is noticed."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from radiokit.exceptions import LeakageError

KEY = "radiokit_chosen_by"


def mark(table: pd.DataFrame, by: str, cases: Iterable[str]) -> None:
    """Write into ``attrs`` that the outcomes of these cases chose the columns; as text, which any file can hold."""
    table.attrs[KEY] = json.dumps({"by": by, "cases": sorted(set(cases))})


def refuse_chosen(table: pd.DataFrame, what: str) -> None:
    """Raise LeakageError where cases of the table, by their own outcome, have chosen its columns."""
    text = table.attrs.get(KEY)
    if text is None:
        return
    known = json.loads(text)
    shared = set(known["cases"]) & set(map(str, table.index))
    if shared:
        raise LeakageError(
            f"the columns of this table were chosen by {known['by']} with the outcome of {len(shared)} of its "
            f"{len(table)} cases; {what} would find them good whatever they are. Give all columns, and put the "
            "selector into the pipeline."
        )
