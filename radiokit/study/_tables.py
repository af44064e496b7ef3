"""Tables as views: objects as rows, and the tables of several models below each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd


def table_of(found: Iterable[Any], columns: Sequence[str]) -> pd.DataFrame:
    """Return these attributes of objects as columns, one row for each object."""
    return pd.DataFrame([[getattr(one, name) for name in columns] for one in found], columns=list(columns))


def joined(parts: Iterable[pd.DataFrame], *first: str) -> pd.DataFrame:
    """Return the tables that have rows below each other, these columns first."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=list(first))
    table = pd.concat(filled, ignore_index=True)
    return table[[*first, *[c for c in table.columns if c not in first]]]
