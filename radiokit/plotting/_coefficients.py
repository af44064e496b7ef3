"""Coefficients of a signature as bars."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._style import label_rows, plain
from radiokit.plotting.palette import COLORS, GREY


class CoefficientDisplay(Display):
    """Coefficients of standardised features, the largest on top; beside them how often each was selected.

    Parameters
    ----------
    table : DataFrame
        ``feature, coef`` and optionally ``selection_frequency`` (share of resamples that selected the feature).

    Examples
    --------
    >>> table = pd.DataFrame({"feature": ["a", "b"], "coef": [0.4, -1.2]})
    >>> display = CoefficientDisplay.from_frame(table).plot()
    >>> display.table["feature"].tolist()
    ['b', 'a']
    >>> display.close()
    """

    def __init__(self, table: pd.DataFrame) -> None:
        check_columns(table, ("feature", "coef"), what="The table of coefficients")
        self.table = table.sort_values("coef", key=np.abs, ascending=False, kind="stable")

    @classmethod
    def from_frame(cls, table: pd.DataFrame) -> Self:
        """Take a table of coefficients; names in the index serve as ``feature``.

        Parameters
        ----------
        table : DataFrame
            ``feature, coef``, or a Series-like frame indexed by feature.

        {undrawn}

        Examples
        --------
        >>> table = pd.DataFrame({"coef": [0.4]}, index=["age"])
        >>> CoefficientDisplay.from_frame(table).table["feature"].tolist()
        ['age']
        """
        if "feature" not in table:
            table = table.rename_axis("feature").reset_index()
        return cls(table[table["feature"] != "Intercept"])

    def _size(self) -> tuple[float, float]:
        return 5.6, 0.8 + 0.22 * len(self.table)

    def _draw(self, ax: Axes) -> None:
        coef = self.table["coef"].to_numpy(dtype=float)
        ax.barh(range(len(coef)), coef, height=0.66, color=np.where(coef > 0, COLORS[1], COLORS[0]))
        ax.axvline(0, color=GREY, lw=0.8)
        ax.set_xlabel("Coefficient (standardised feature)")
        shares = None
        if "selection_frequency" in self.table and self.table["selection_frequency"].notna().any():
            shares = ["" if np.isnan(f) else f"selected {f:.0%}" for f in self.table["selection_frequency"]]
        label_rows(ax, [plain(name) for name in self.table["feature"]], shares, color=GREY)
