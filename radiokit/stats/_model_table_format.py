"""Univariable and multivariable models as papers print them: ratio (interval), p-value, reference levels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from radiokit.engine.inputs import check_level
from radiokit.exceptions import InputError
from radiokit.stats._coefficient_table import coefficient_table
from radiokit.stats._table_one_format import p_text

RATIOS = {"odds_ratio": "OR", "hazard_ratio": "HR"}
REFERENCE = "reference"
NOT_ESTIMABLE = "not estimable"


def format_model_table(tables: object, *, decimals: int = 2, confidence_level: float = 0.95) -> pd.DataFrame:
    """Lay tables of coefficients out as papers print them: one block per variable, text in the cells.

    Parameters
    ----------
    tables : DataFrame, fitted model, or dict of them by name
        Tables of `radiokit.models.univariable_table` or `multivariable_table`, or models that `coefficient_table`
        knows; any table with ``odds_ratio`` or ``hazard_ratio``, ``ci_low``, ``ci_high`` and ``p_value`` will do.
        A dict puts them side by side: ``{"Univariable": a, "Multivariable": b}``.
    decimals : int
        Decimals of ratios and limits. P-values have three, and ``<0.001`` below.
    confidence_level : float
        The level that the tables were made with, for the header.

    Returns
    -------
    DataFrame
        Text: ``Characteristic``, and for each table its ratio with interval and ``p`` (after its name, where several
        stand side by side). A factor has a row for its name, one for its reference level and one for every other;
        cells of variables that a table lacks are empty. Use `write_table` on it (HTML, LaTeX, Word, CSV).

    Raises
    ------
    InputError
        If a table has neither an odds ratio nor a hazard ratio.

    Notes
    -----
    The ratio is :math:`e^{b}` with the interval of its table; the intercept is left out. The layout follows the
    reporting guideline TRIPOD (doi:10.7326/M14-0697, item 15a asks for the intercept as well: the full model is in
    ``summary_``). *How to read it.* A ratio compares a level with the reference level, or one unit more of a number
    with one less; that of a multivariable table holds the others fixed. "not estimable" marks a constant column, or one
    that is linear in others.

    Examples
    --------
    >>> from radiokit.models import univariable_table
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65], "sex": list("fmfmmf")})
    >>> printed = format_model_table(univariable_table(data, [0, 0, 1, 1, 1, 0]))
    >>> printed["Characteristic"].tolist()
    ['age', 'sex', '  f', '  m']
    >>> printed["OR (95% CI)"].tolist()
    ['1.06 (0.91, 1.25)', '', 'reference', '4.00 (0.13, 119.23)']
    """
    check_level(confidence_level)
    given = dict(tables) if isinstance(tables, Mapping) else {"": tables}
    blocks = {}
    for name, table in given.items():
        ratio, cells = _cells(_with_levels(table), decimals)
        header = f"{RATIOS[ratio]} ({100 * confidence_level:g}% CI)"
        blocks[f"{name} {header}".strip(), f"{name} p".strip()] = cells
    levels: dict[str, list[str]] = {}
    for variable, level in (key for cells in blocks.values() for key in cells):
        known = levels.setdefault(variable, [""])
        if level not in known:
            known.append(level)
    rows = []
    for variable, level in ((v, level) for v, known in levels.items() for level in known):
        row = {"Characteristic": f"  {level}" if level else variable}
        for headers, cells in blocks.items():
            row.update(zip(headers, cells.get((variable, level), ("", "")), strict=True))
        rows.append(row)
    return pd.DataFrame(rows, columns=["Characteristic", *(header for pair in blocks for header in pair)])


def _with_levels(table: object) -> pd.DataFrame:
    """Coefficients with their variable, level and reference level; without the intercept."""
    if not isinstance(table, pd.DataFrame):
        return coefficient_table(table)
    if not {"ci_low", "ci_high", "p_value"} <= set(table.columns):
        raise InputError(
            f"A table has the columns {list(map(str, table.columns))}; required: ci_low, ci_high and p_value, as "
            "univariable_table, multivariable_table and coefficient_table give them."
        )
    plain = {"variable": table.index.map(str), "level": "", "reference": ""}
    complete = table.assign(**{name: value for name, value in plain.items() if name not in table.columns})
    return complete.drop(index="Intercept", errors="ignore")


def _cells(table: pd.DataFrame, decimals: int) -> tuple[str, dict[tuple[str, str], tuple[str, str]]]:
    """Name of the ratio, and the printed ratio and p-value of each variable and level."""
    found = [name for name in RATIOS if name in table.columns]
    if not found:
        raise InputError(f"A table has the columns {list(map(str, table.columns))}; required: {' or '.join(RATIOS)}.")
    cells: dict[tuple[str, str], tuple[str, str]] = {}
    for _, row in table.iterrows():
        if row["reference"]:
            cells.setdefault((row["variable"], row["reference"]), (REFERENCE, ""))
        text = NOT_ESTIMABLE
        if not math.isnan(row[found[0]]):
            ratio, low, high = (_number(row[name], decimals) for name in (found[0], "ci_low", "ci_high"))
            text = f"{ratio} ({low}, {high})"
        cells[row["variable"], row["level"]] = text, p_text(row["p_value"])
    return found[0], cells


def _number(value: float, decimals: int) -> str:
    # A ratio of a separated variable, or one beside zero, in few digits.
    return f"{value:.{decimals}f}" if 10.0**-decimals <= value < 1e4 or value == 0 else f"{value:.1e}"
