"""What a study is given, as it enters: the case table, and which of its columns play a part."""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError
from radiokit.study._cohort import Roles
from radiokit.study._sources import ColumnSource, TableSource
from radiokit.study._split import Split
from radiokit.study.deep import optional_sequences
from radiokit.utils import Table, as_table
from radiokit.utils.levels import is_absent
from radiokit.utils.row_numbers import is_no_row_name, running_numbers

WHAT = "the case table"


def case_table(
    source: pd.DataFrame | str | os.PathLike[str], roles: Roles, split: Split, signatures: Mapping[str, Any]
) -> pd.DataFrame:
    """Let the case table in; rows are sorted by id, so that no draw and no fold depends on the order of a file."""
    listed = [c for value in signatures.values() if isinstance(value, Mapping) for c in value.get("columns") or ()]
    keep = frozenset(map(str, (*roles.named, *roles.clinical, *listed)))
    text = frozenset(c for c in (roles.center, roles.groups, split.column) if c)
    if any(not _is_table(value) for value in signatures.values()):
        from radiokit.io.cases import Columns, case_frame

        cases = case_frame(source, Columns(text=text, keep=keep), optional=optional_sequences(signatures))
    else:
        cases = as_table(source, WHAT, text=text, keep=lambda c: c in keep or is_no_row_name(c)).frame
    if cases.empty:
        raise CaseTableError("the case table has no rows.")
    roles.check(cases)
    _refuse_row_numbers(cases, [c for c in dict.fromkeys((*roles.clinical, *map(str, listed))) if c in cases])
    return cases.sort_index()


def _refuse_row_numbers(cases: pd.DataFrame, columns: list[str]) -> None:
    """Refuse predictors that only number the rows: new patients have no such number."""
    counts = running_numbers(cases[columns])
    if counts:
        low, high = cases[counts[0]].min(), cases[counts[0]].max()
        raise CaseTableError(
            f"the column {counts[0]!r} counts the cases ({low:g} to {high:g}, each once) and is not a measurement: in "
            "a table sorted by outcome it tells the outcome. Leave it out of what predicts."
        )


def spelled(cases: pd.DataFrame, roles: Roles, split: Split) -> pd.DataFrame:
    """Return the cases with centre and cohort named for each, and one spelling a level: `Lyon` is `LYON`."""
    table = Table(cases, WHAT)
    levels = {c: table.names(c, role=role) for c, role in ((roles.center, "center"), (split.column, "cohort")) if c}
    for column in roles.clinical:
        _refuse_odd(cases[column])
        if pd.api.types.is_object_dtype(cases[column].dtype):
            levels[column] = table.levels(column)
    return cases.assign(**levels)


def _refuse_odd(values: pd.Series) -> None:
    """Refuse a clinical column of dates, durations, lists and the like, which would become a category a patient."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        kind = "dates"
    elif pd.api.types.is_object_dtype(values.dtype):
        odd = [v for v in values if not is_absent(v) and not isinstance(v, str | Real | bool | np.bool_)]
        kind = f"cells of the kind {type(odd[0]).__name__}" if odd else ""
    else:
        kind = ""
    if kind:
        raise CaseTableError(
            f"the clinical column {values.name!r} holds {kind}; required: numbers or categories. Make it a number, "
            "such as the age in years."
        )


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "features" in value or "columns" in value
    return isinstance(value, pd.DataFrame | str | os.PathLike | TableSource | ColumnSource)
