"""What notebooks show of an object: a small HTML table. All text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from numbers import Integral, Real

import pandas as pd

SHOWN_ROWS = 5  # of a long table


def notebook_table(title: str, columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table under a title, for `_repr_html_`.

    Parameters
    ----------
    title : str
        What the object is: one short line.
    columns : sequence
        The column names.
    rows : iterable of sequence
        The cells of each row. Numbers are shown with 4 significant digits, None as an empty cell.

    Returns
    -------
    str
        An HTML fragment. A notebook gives it the look of its own tables.

    Examples
    --------
    >>> page = notebook_table("AUC", ["name", "value"], [["p < 0.05", 0.123456]])
    >>> page[page.index("<tbody>") :]
    '<tbody><tr><td>p &lt; 0.05</td><td>0.1235</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{escape(str(name))}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell_text(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<p><b>{escape(title)}</b></p><table class="dataframe"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def failures_table(failures: pd.DataFrame) -> str:
    """Return the first failures as such a table; nothing where there are none."""
    if failures.empty:
        return ""
    return notebook_table("failures", failures.columns, failures.head(SHOWN_ROWS).itertuples(index=False))


def cell_text(value: object) -> str:
    """Return the text of a cell: 4 significant digits, whole numbers in full, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{value:.4g}"
    return str(value)
