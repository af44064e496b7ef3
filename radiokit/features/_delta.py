"""Delta features: what changed between two examinations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, InputError, ParameterError
from radiokit.utils import as_table, cell_text

PREFIXES = {"absolute": "delta", "relative": "relative-delta", "per_day": "daily-delta"}


def delta_features(
    before: pd.DataFrame | str | os.PathLike[str],
    after: pd.DataFrame | str | os.PathLike[str],
    *,
    kind: str = "absolute",
    days: pd.Series | Mapping[Any, float] | float | None = None,
) -> pd.DataFrame:
    r"""Return how the features of each case changed between two examinations.

    Parameters
    ----------
    before : DataFrame of shape (n_cases, n_features), or path of a table
        Features of the first examination, the case id as index or in a column ``case_id``.
    after : DataFrame of shape (n_cases, n_features), or path of a table
        Features of the second; the same cases and columns, in any order.
    kind : {"absolute", "relative", "per_day"}
        after - before, (after - before) / before, or (after - before) / days.
    days : Series, mapping or float, optional
        Days between the two, by case id or one number for all; for ``"per_day"``, and only for it.

    Returns
    -------
    DataFrame of shape (n_cases, n_features)
        In the order of `before`. Columns ``delta_<feature>``, ``relative-delta_<feature>`` or
        ``daily-delta_<feature>``. NaN where one of the two is.

    Raises
    ------
    CaseTableError
        If cases or columns of one are absent from the other or repeat, or a case has no days.
    InputError
        If features are not numbers, days are not above 0, or a relative change starts from 0.
    ParameterError
        If `kind` is unknown, or `days` is given without need or missing.

    Notes
    -----
    A relative change is measured from the signed value before: a negative feature that becomes less negative falls.
    The change of a feature that is not repeatable is mostly noise, and has the noise of two measurements; see
    `robustness`.

    Examples
    --------
    >>> first = pd.DataFrame({"volume": [10.0, 4.0]}, index=["P1", "P2"])
    >>> second = pd.DataFrame({"volume": [5.0, 15.0]}, index=["P2", "P1"])
    >>> delta_features(first, second, kind="relative")["relative-delta_volume"].to_dict()
    {'P1': 0.5, 'P2': 0.25}
    >>> delta_features(first, second, kind="per_day", days={"P1": 50, "P2": 10})["daily-delta_volume"].tolist()
    [0.1, 0.1]
    """
    if kind not in PREFIXES:
        raise ParameterError(f"kind={kind!r}; required: one of {', '.join(map(repr, PREFIXES))}.")
    if (days is not None) != (kind == "per_day"):
        raise ParameterError(f"kind={kind!r} with days={'given' if days is not None else None}; 'per_day' needs them.")
    first, last = as_table(before, "before").numbers().frame, as_table(after, "after").numbers().frame
    for axis, name in ((0, "cases"), (1, "features")):
        _require_same(first.axes[axis], last.axes[axis], name)
    change = last.loc[first.index, first.columns] - first
    if kind == "relative":
        _refuse_zero(first)
        change = change / first
    elif kind == "per_day":
        change = change.div(_days_of(days, first.index), axis=0)
    return change.add_prefix(f"{PREFIXES[kind]}_")


def _require_same(ours: pd.Index, theirs: pd.Index, name: str) -> None:
    lost, extra = ours.difference(theirs, sort=False), theirs.difference(ours, sort=False)
    if len(lost) or len(extra):
        parts = [
            f"{len(i)} {name} {where}: {_some(i)}"
            for i, where in ((lost, "not in after"), (extra, "not in before"))
            if len(i)
        ]
        raise CaseTableError(
            f"{'; '.join(parts)}. Both tables need the same {name}: keep those of both, such as "
            f"{'before.loc[before.index.intersection(after.index)]' if name == 'cases' else 'before[shared]'}."
        )


def _refuse_zero(first: pd.DataFrame) -> None:
    zero = first == 0
    if zero.to_numpy().any():
        features = list(first.columns[zero.any()])
        cases = list(first.index[zero.any(axis=1)])
        raise InputError(
            f"A relative change from 0 has no value: {len(features)} features ({_some(features)}) are 0 before in "
            f"{len(cases)} cases ({_some(cases)}). Leave these features out, or take kind='absolute'."
        )


def _days_of(days: Any, cases: pd.Index) -> pd.Series:
    if np.ndim(days) == 0 and not isinstance(days, Mapping):
        days = dict.fromkeys(cases, days)
    found = pd.Series(days, dtype=float)
    found = found.set_axis(found.index.map(cell_text), axis="index")
    if found.index.has_duplicates:
        raise CaseTableError(f"days holds the cases {_some(found.index[found.index.duplicated()])} twice.")
    found = found.reindex(cases)
    if found.isna().any():
        raise CaseTableError(f"days lacks {int(found.isna().sum())} cases: {_some(cases[found.isna()])}.")
    bad = found[~((found > 0) & np.isfinite(found))]
    if len(bad):
        some = ", ".join(f"{case}: {value:g}" for case, value in bad.head(5).items())
        raise InputError(f"days of {len(bad)} cases are not above 0 ({some}); is the order of the examinations right?")
    return found


def _some(names: Any) -> str:
    listed = [str(name) for name in names]
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
