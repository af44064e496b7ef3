"""Table 1: the patients by group, with tests and standardised differences, as R's tableone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f_oneway, kruskal

from radiokit.engine.columns import as_column
from radiokit.engine.design import check_frame, level_text
from radiokit.engine.inputs import FloatArray, check_magnitude, type7_quantiles
from radiokit.exceptions import DataWarning, InputError
from radiokit.stats._contingency import chi_squared_test, fisher_exact_test

_OVERALL = "overall"
Mask = NDArray[np.bool_]
BLANK = "(blank)"


def table_one(
    data: pd.DataFrame,
    *,
    by: str | None = None,
    variables: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    nonnormal: Sequence[str] = (),
    exact: Sequence[str] = (),
) -> pd.DataFrame:
    r"""Describe patients by group, with a test and a standardised mean difference for each variable.

    Parameters
    ----------
    data : DataFrame
        One row per patient.
    by : str, optional
        Column that holds the groups; patients without a group are left out, with a DataWarning.
    variables : sequence of str, optional
        Columns to describe, in this order; default all but `by`.
    categorical : sequence of str
        Columns to count by level whatever they hold: numbers, or numbers mixed with text. Text, boolean and categorical
        columns are counted anyway.
    nonnormal : sequence of str
        Continuous columns to test by ranks (and to show as median and quartiles, see ``statistic``).
    exact : sequence of str
        Categorical columns to test by Fisher's exact test.

    Returns
    -------
    DataFrame
        One row per variable, level and group: ``variable, level, group, statistic, n, n_missing, mean, sd, median, q1,
        q3, minimum, maximum, count, percent, test, p_value, smd``. ``level`` is empty for continuous variables; the
        first group is ``overall``; empty text is the level ``(blank)``; ``n`` counts patients with a value, and
        ``percent`` is of these. Test, p-value and SMD belong to the variable and are repeated in each of its rows.
        `format_table_one` makes the printed table of it.

    Raises
    ------
    InputError
        If a named column does not exist, a column is neither numbers nor levels, mixes numbers with text or holds many
        numbers written as text (and is not named in `categorical`), its numbers are too large or small to be squared,
        or `by` has no groups.

    Warns
    -----
    DataWarning
        If patients have no group.

    Notes
    -----
    An object column that holds numbers only is a column of numbers. Levels are compared as text: 1, 1.0 and
    "1" are one.

    P-values: one-way ANOVA with equal variances (two groups: Student's t test); Kruskal-Wallis for `nonnormal`;
    chi-squared (Yates in 2 × 2 tables), Fisher for `exact`. SMD: :math:`|m_1-m_2|/\sqrt{(s_1^2+s_2^2)/2}`; categorical
    :math:`\sqrt{(p_1-p_2)^\top S^{-1} (p_1-p_2)}` with S the mean of the multinomial covariances (Yang & Dalton 2012);
    more than two groups: the mean over pairs. Quartiles are of type 7. As R's ``tableone``
    (doi:10.32614/CRAN.package.tableone).

    *How to read it.* The p-value depends on the number of patients, the SMD does not: above 0.1 groups are commonly
    called unbalanced. Between training and test set a random split needs no test at all.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [50, 60, 70, 80], "sex": list("fmfm"), "dead": [0, 0, 1, 1]})
    >>> table = table_one(data, by="dead")
    >>> table.loc[table["variable"] == "age", ["group", "mean"]].values.tolist()
    [['overall', 65.0], ['0', 55.0], ['1', 75.0]]
    """
    _check_columns(data, by, variables, categorical, nonnormal, exact)
    names = list(dict.fromkeys(variables)) if variables is not None else [c for c in data.columns if c != by]
    if not names:
        raise InputError(f"table_one has nothing to describe (columns: {list(data.columns)}, by={by!r}).")
    alike = {str(a) for a, b in combinations(names, 2) if str(a) == str(b)}
    if alike:
        raise InputError(f"Two columns are called {min(alike)!r} when written as text; rename one.")
    groups = _groups(data, by)
    parts = []
    for name in names:
        column = data[name]
        if not _is_flag(column):
            column = as_column(column, factor=name in categorical)
        if name in categorical or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            parts.append(_categorical(name, column, groups, exact=name in exact))
        else:
            parts.append(_continuous(name, column, groups, nonnormal=name in nonnormal))
    return pd.concat(parts, ignore_index=True).reindex(columns=TABLE_ONE_COLUMNS)


TABLE_ONE_COLUMNS = [
    "variable", "level", "group", "statistic", "n", "n_missing", "mean", "sd", "median", "q1", "q3", "minimum",
    "maximum", "count", "percent", "test", "p_value", "smd",
]  # fmt: skip


def _check_columns(data: pd.DataFrame, by: str | None, variables: Sequence[str] | None, *named: Sequence[str]) -> None:
    check_frame(data)
    if isinstance(variables, str) or any(isinstance(names, str) for names in named):
        raise InputError("variables, categorical, nonnormal and exact take lists of column names, not one string.")
    if not isinstance(by, Hashable):
        raise InputError(f"by is a {type(by).__name__}; required: the name of a column of the table.")
    wanted = {*([by] if by is not None else []), *(variables or ()), *(n for names in named for n in names)}
    unknown = sorted(str(name) for name in wanted - set(data.columns))
    if unknown:
        present = ", ".join(map(str, data.columns[:20]))
        raise InputError(f"The table has no column {', '.join(unknown)}; it has {present}.")
    for name in variables if variables is not None else data.columns:
        if pd.api.types.is_datetime64_any_dtype(data[name]) or pd.api.types.is_timedelta64_dtype(data[name]):
            raise InputError(f"Column {name!r} holds dates; make it numbers, or leave it out with variables=[...].")


def _groups(data: pd.DataFrame, by: str | None) -> dict[str, Mask]:
    """Group name -> boolean mask of its patients, `overall` first."""
    if by is None:
        return {_OVERALL: np.ones(len(data), dtype=bool)}
    known = data[by].notna().to_numpy()
    if not known.any():
        raise InputError(f"Column {by!r} has no values; required: a group for the patients.")
    if not known.all():
        warnings.warn(
            f"{int((~known).sum())} of {len(data)} patients have no {by!r} and are left out of the table.",
            DataWarning,
            stacklevel=3,
        )
    levels, text = _levels(data[by])
    masks = {level: text == level for level in levels}
    if _OVERALL in masks:
        raise InputError(f"A group of {by!r} is called {_OVERALL!r}, the name of the column for all; rename it.")
    return {_OVERALL: known, **masks}


def _is_flag(column: pd.Series) -> bool:
    """Whether a column of objects holds true and false only, with gaps."""
    return column.dtype == object and column.dropna().map(lambda value: isinstance(value, bool | np.bool_)).all()


def _levels(column: pd.Series) -> tuple[list[str], NDArray[Any]]:
    """Return the names of the levels in order, and the level of each patient as text, None where it is missing."""
    known = column.notna()
    present = column[known].unique().tolist()
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = [level for level in column.dtype.categories if level in present]
    else:
        try:
            present = sorted(present)
        except TypeError:
            present = sorted(present, key=_label)
    text = np.array([_label(value) if k else None for value, k in zip(column, known, strict=True)], dtype=object)
    return list(dict.fromkeys(map(_label, present))), text


def _label(level: object) -> str:
    """Text of a level: 0.0 and 1.0, as pandas holds a 0/1 column with gaps, are written 0 and 1; blanks are seen."""
    text = level_text(level)
    return text if text.strip() else BLANK


def _continuous(name: Hashable, column: pd.Series, groups: dict[str, Mask], *, nonnormal: bool) -> pd.DataFrame:
    values = column.to_numpy(dtype=float, na_value=math.nan)
    if np.isinf(values).any():
        raise InputError(f"Column {name!r} holds infinite values; required: finite numbers or missing.")
    check_magnitude(np.nan_to_num(values)[:, None], [name])
    samples = {group: values[mask] for group, mask in groups.items()}
    rows = []
    for group, sample in samples.items():
        known = sample[~np.isnan(sample)]
        quartiles = type7_quantiles(known, [0.25, 0.5, 0.75]) if known.size else np.full(3, math.nan)
        rows.append(
            {
                "group": group,
                "n": known.size,
                "n_missing": sample.size - known.size,
                "mean": known.mean() if known.size else math.nan,
                "sd": known.std(ddof=1) if known.size > 1 else math.nan,
                "median": quartiles[1],
                "q1": quartiles[0],
                "q3": quartiles[2],
                "minimum": known.min() if known.size else math.nan,
                "maximum": known.max() if known.size else math.nan,
            }
        )
    compared = [s[~np.isnan(s)] for group, s in samples.items() if group != _OVERALL]
    two = len(compared) == 2
    test = "Kruskal-Wallis" if nonnormal else "Student t" if two else "ANOVA"
    return pd.DataFrame(rows).assign(
        variable=str(name),
        level="",
        statistic="median [q1, q3]" if nonnormal else "mean (sd)",
        test=test if compared else "",
        p_value=(_kruskal if nonnormal else _anova)(compared),
        smd=_over_pairs(_smd_continuous, compared),
    )


def _categorical(name: Hashable, column: pd.Series, groups: dict[str, Mask], *, exact: bool) -> pd.DataFrame:
    levels, text = _levels(column)
    counts = {g: np.array([int((text[mask] == level).sum()) for level in levels]) for g, mask in groups.items()}
    rows = [
        {
            "level": level,
            "group": group,
            "n": int(count.sum()),
            "n_missing": int(groups[group].sum() - count.sum()),
            "count": int(count[i]),
            "percent": 100 * count[i] / count.sum() if count.sum() else math.nan,
        }
        for i, level in enumerate(levels)
        for group, count in counts.items()
    ]
    if not levels:
        rows = [{"level": "", "group": g, "n": 0, "n_missing": int(mask.sum())} for g, mask in groups.items()]
    compared = [count for group, count in counts.items() if group != _OVERALL]
    return pd.DataFrame(rows).assign(
        variable=str(name),
        statistic="n (%)",
        test=("Fisher" if exact else "chi-squared") if compared else "",
        p_value=_test_counts(name, np.array(compared), exact=exact) if compared and levels else math.nan,
        smd=_over_pairs(_smd_categorical, compared),
    )


def _test_counts(name: Hashable, counts: NDArray[np.int_], *, exact: bool) -> float:
    if not exact:
        return chi_squared_test(counts).p_value
    try:
        return fisher_exact_test(counts).p_value
    except InputError as error:
        raise InputError(f"Column {name!r}: {error}") from error


def _anova(samples: list[FloatArray]) -> float:
    samples = [s for s in samples if s.size]
    # Groups of equal values each leave nothing to judge a difference by.
    if len(samples) < 2 or not any(np.ptp(s) for s in samples):
        return math.nan
    return float(f_oneway(*samples).pvalue)


def _kruskal(samples: list[FloatArray]) -> float:
    samples = [s for s in samples if s.size]
    if len(samples) < 2 or np.ptp(np.concatenate(samples)) == 0:
        return math.nan
    return float(kruskal(*samples).pvalue)


def _over_pairs(smd: Callable[[FloatArray, FloatArray], float], samples: list[FloatArray]) -> float:
    return float(np.mean([smd(a, b) for a, b in combinations(samples, 2)])) if len(samples) > 1 else math.nan


def _smd_continuous(a: FloatArray, b: FloatArray) -> float:
    if a.size < 2 or b.size < 2:
        return math.nan
    gap, spread = abs(a.mean() - b.mean()), math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return gap / spread if spread else (math.inf if gap else 0.0)


def _smd_categorical(a: FloatArray, b: FloatArray) -> float:
    if not a.sum() or not b.sum():
        return math.nan
    p, q = (count[1:] / count.sum() for count in (a, b))
    covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    gap = p - q
    explained = covariance @ (np.linalg.pinv(covariance) @ gap)
    if not np.allclose(explained, gap, atol=1e-9):
        return math.inf
    return math.sqrt(max(float(gap @ np.linalg.pinv(covariance) @ gap), 0.0))
