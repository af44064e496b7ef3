"""Two extractions of the same cases as one: handcrafted and deep features side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from radiokit.exceptions import CaseTableError

if TYPE_CHECKING:
    from radiokit.utils._runner import Extraction


def side_by_side(first: Extraction, second: Extraction) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return features, failures and provenance of both, in the order of the first, joined by case id."""
    ours, theirs = first.features, second.features
    for name, repeated in (
        ("cases", ours.index[ours.index.duplicated()].union(theirs.index[theirs.index.duplicated()])),
        ("columns", ours.columns.intersection(theirs.columns)),
    ):
        if len(repeated):
            raise CaseTableError(f"Both extractions share or repeat the {name} {_some(repeated)}; required: each once.")
    lonely = ours.index.symmetric_difference(theirs.index)
    if len(lonely):
        raise CaseTableError(
            f"One of the extractions lacks the cases {_some(lonely)}; required: the same cases in both."
        )
    features = pd.concat([ours, theirs.loc[ours.index]], axis=1)
    place = {str(case_id): k for k, case_id in enumerate(ours.index)}
    failures = pd.concat([first.failures, second.failures]).drop_duplicates(ignore_index=True)
    failures = failures.sort_values("case_id", key=lambda ids: ids.astype(str).map(place), kind="stable")
    other = second.provenance.loc[ours.index]
    provenance = first.provenance.assign(
        cached=first.provenance["cached"] & other["cached"], seconds=first.provenance["seconds"] + other["seconds"]
    )
    new = [column for column in other if column not in provenance]
    return features, failures.reset_index(drop=True), pd.concat([provenance, other[new]], axis=1)


def _some(names: pd.Index, most: int = 10) -> str:
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")
