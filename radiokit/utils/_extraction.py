"""A feature table with what failed and where each row comes from."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from radiokit.exceptions import CaseTableError
from radiokit.utils.notebook import SHOWN_ROWS, failures_table, notebook_table

SHOWN_COLUMNS = 6  # in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class Extraction:
    """A feature table with what failed and where every row comes from.

    Parameters
    ----------
    features : DataFrame of shape (n_cases, n_features)
        Index ``case_id`` in the order of the case table, one column for each feature. A failed case has a row of NaN.
    failures : DataFrame
        One row for each failed case: ``case_id``, ``error`` (class of the error), ``message``.
    provenance : DataFrame
        One row for each case: ``cached`` (taken from the cache), ``seconds`` it took to compute, and what `compute`
        reports.

    Examples
    --------
    >>> from radiokit.utils import run_cases
    >>> cases = pd.DataFrame({"size": [1.0, 4.0]}, index=pd.Index(["a", "b"], name="case_id"))
    >>> run_cases(cases, lambda case_id, row: {"root": row["size"] ** 0.5})
    Extraction(2 cases, 1 features, 0 failures)
    """

    features: pd.DataFrame
    failures: pd.DataFrame
    provenance: pd.DataFrame

    def __repr__(self) -> str:
        cases, features = self.features.shape
        return f"Extraction({cases} cases, {features} features, {len(self.failures)} failures)"

    def _repr_html_(self) -> str:
        """Show a notebook the corner of the table, and the first failures."""
        corner = self.features.iloc[:SHOWN_ROWS, :SHOWN_COLUMNS]
        page = notebook_table(repr(self), ["case_id", *corner.columns], corner.itertuples())
        return page + failures_table(self.failures)

    def join(self, other: Extraction) -> Extraction:
        """Put the features of another extractor beside these, by case id.

        Parameters
        ----------
        other : Extraction
            Of the same cases, in any order, with other columns.

        Returns
        -------
        Extraction
            In the order of this one; a case has failures of either.

        Raises
        ------
        CaseTableError
            If one lacks cases of the other, or both have the same column.
        """
        self._require_same_cases(other)
        index = self.features.index
        features = pd.concat([self.features, other.features.loc[index]], axis=1)
        place = {str(case_id): k for k, case_id in enumerate(index)}
        failures = pd.concat([self.failures, other.failures]).drop_duplicates(ignore_index=True)
        failures = failures.sort_values("case_id", key=lambda ids: ids.astype(str).map(place), kind="stable")
        theirs = other.provenance.loc[index]
        provenance = self.provenance.assign(
            cached=self.provenance["cached"] & theirs["cached"],
            seconds=self.provenance["seconds"] + theirs["seconds"],
        )
        new = [column for column in theirs if column not in provenance]
        return Extraction(features, failures.reset_index(drop=True), pd.concat([provenance, theirs[new]], axis=1))

    def _require_same_cases(self, other: Extraction) -> None:
        ours, theirs = self.features, other.features
        for name, repeated in (
            ("cases", ours.index[ours.index.duplicated()].union(theirs.index[theirs.index.duplicated()])),
            ("columns", ours.columns.intersection(theirs.columns)),
        ):
            if len(repeated):
                raise CaseTableError(
                    f"Both extractions share or repeat the {name} {_some(repeated)}; required: each once."
                )
        lacking = ours.index.symmetric_difference(theirs.index)
        if len(lacking):
            raise CaseTableError(
                f"One of the extractions lacks the cases {_some(lacking)}; required: the same cases in both."
            )


def _some(names: pd.Index, most: int = 10) -> str:
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")
