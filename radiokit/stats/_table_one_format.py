"""Table 1 as papers print it."""

from __future__ import annotations

import math

import pandas as pd

from radiokit.exceptions import InputError
from radiokit.stats._table_one import TABLE_ONE_COLUMNS


def format_table_one(table: pd.DataFrame, *, decimals: int = 1, show_missing: bool = True) -> pd.DataFrame:
    """Lay a table from `table_one` out as papers print it: one column for each group, text in the cells.

    Parameters
    ----------
    table : DataFrame
        What `table_one` returned.
    decimals : int
        Decimals of means, medians and percentages. P-values and SMDs have three.
    show_missing : bool
        Add a row with the number of missing values to variables that have any.

    Returns
    -------
    DataFrame
        Text: ``Characteristic``, one column per group with its number of patients, and with two groups or more ``p``,
        ``Test`` and ``SMD``. Use ``to_html``, ``to_latex`` or `write_table` on it.

    Raises
    ------
    InputError
        If `table` does not come from `table_one`.

    Notes
    -----
    Mean (SD), median [q1, q3], or n (%); of a two-level variable with levels no/yes, 0/1 or False/True only the second
    is shown, as R's tableone does. *How to read it.* See `table_one`.

    Examples
    --------
    >>> from radiokit.stats import table_one
    >>> data = pd.DataFrame({"age": [50, 60, 70, 80], "sex": list("fmfm"), "dead": [0, 0, 1, 1]})
    >>> print(format_table_one(table_one(data, by="dead")).iloc[:, :4].to_string(index=False))
    Characteristic overall (n = 4)   0 (n = 2)   1 (n = 2)
    age, mean (SD)     65.0 (12.9)  55.0 (7.1)  75.0 (7.1)
        sex, n (%)
                 f        2 (50.0)    1 (50.0)    1 (50.0)
                 m        2 (50.0)    1 (50.0)    1 (50.0)
    """
    if not set(TABLE_ONE_COLUMNS) <= set(table.columns):
        raise InputError("table lacks columns of table_one; required: what table_one returned.")
    sizes = (table["n"] + table["n_missing"]).groupby(table["group"], sort=False).first()
    groups = {group: f"{group} (n = {size})" for group, size in sizes.items()}
    rows: list[dict[str, str]] = []
    for variable, part in table.groupby("variable", sort=False):
        rows += _format_variable(str(variable), part, groups, decimals, show_missing)
    tests = ["p", "Test", "SMD"] if len(groups) > 2 else []
    return pd.DataFrame(rows, columns=["Characteristic", *groups.values(), *tests]).fillna("")


def _format_variable(
    variable: str, part: pd.DataFrame, groups: dict[str, str], decimals: int, show_missing: bool
) -> list[dict[str, str]]:
    """Rows of one variable; `groups` holds the header of each group's column."""
    first = part.iloc[0]
    tail = {
        "p": p_text(first["p_value"]),
        "Test": first["test"],
        "SMD": "" if pd.isna(first["smd"]) else f"{first['smd']:.3f}",
    }
    levels = list(dict.fromkeys(part["level"]))
    cells = {(row["level"], row["group"]): _cell(row, decimals) for _, row in part.iterrows()}

    def line(name: str, level: str) -> dict[str, str]:
        return {"Characteristic": name, **{header: cells[level, g] for g, header in groups.items()}}

    label = {"mean (sd)": "mean (SD)", "n (%)": "n (%)"}.get(first["statistic"], first["statistic"])
    if first["statistic"] != "n (%)" or levels == [""]:
        rows = [{**line(f"{variable}, {label}", ""), **tail}]
    elif [level.lower() for level in levels] in (["no", "yes"], ["0", "1"], ["false", "true"]):
        rows = [{**line(f"{variable} = {levels[1]}, {label}", levels[1]), **tail}]
    else:
        rows = [{"Characteristic": f"{variable}, {label}", **tail}]
        rows += [line(f"  {level}", level) for level in levels]
    missing = part.groupby("group")["n_missing"].first()
    if show_missing and missing.any():
        rows.append({"Characteristic": "  missing", **{header: str(missing[g]) for g, header in groups.items()}})
    return rows


def _cell(row: pd.Series, decimals: int) -> str:
    if row["n"] == 0:
        return ""
    if row["statistic"] == "n (%)":
        return f"{int(row['count'])} ({row['percent']:.{decimals}f})"
    if row["statistic"] == "mean (sd)":
        spread = f" ({row['sd']:.{decimals}f})" if row["n"] > 1 else ""
        return f"{row['mean']:.{decimals}f}{spread}"
    return f"{row['median']:.{decimals}f} [{row['q1']:.{decimals}f}, {row['q3']:.{decimals}f}]"


def p_text(p: float) -> str:
    """P-value as printed: three decimals, ``<0.001`` below, empty where there is none."""
    if math.isnan(p):
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
