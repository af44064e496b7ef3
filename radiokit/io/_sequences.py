"""One case table, several sequences: the columns that belong to each."""

from __future__ import annotations

import pandas as pd

PARTS = ("image", "mask", "label", "roi", "series", "suv")


def sequences_of(cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split a case table into one table a sequence, with the columns `image`, `mask` and how they are to be read.

    The sequence of the plain columns `image` and `mask` has the name "". A sequence without a `label`, `roi`, ... of
    its own takes that of the whole table.
    """
    columns = [str(column) for column in cases.columns]
    names = [
        c.removeprefix("image")
        for c in columns
        if (c == "image" or c.startswith("image_")) and c.replace("image", "mask", 1) in columns
    ]
    found = {}
    for name in names:
        chosen = {part: next((c for c in (part + name, part) if c in columns), None) for part in PARTS}
        found[name.removeprefix("_")] = pd.DataFrame({part: cases[c] for part, c in chosen.items() if c is not None})
    return found
