"""Forest plots of odds or hazard ratios."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from radiokit.exceptions import InputError
from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._style import estimate_text, interval_label, label_rows, p_text, plain, style
from radiokit.plotting.palette import COLORS, GREY

EFFECTS = {"odds_ratio": "Odds ratio", "hazard_ratio": "Hazard ratio"}
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


class ForestDisplay(Display):
    """Odds or hazard ratios with intervals on a logarithmic scale, the numbers beside them.

    Parameters
    ----------
    table : DataFrame
        ``feature``, ``odds_ratio`` or ``hazard_ratio``, ``ci_low, ci_high`` and optionally ``p_value``.
    confidence_level : float, optional
        Of the intervals, for the label of the axis.

    Examples
    --------
    >>> table = pd.DataFrame({"feature": ["age"], "odds_ratio": [1.4], "ci_low": [1.1], "ci_high": [1.8]})
    >>> ForestDisplay.from_frame(table).plot().close()
    """

    def __init__(self, table: pd.DataFrame, *, confidence_level: float | None = None) -> None:
        self.table = check_columns(table, ("feature", "ci_low", "ci_high"), what="The table of ratios")
        found = [name for name in EFFECTS if name in table]
        if len(found) != 1:
            raise InputError(
                f"The table of ratios has columns {list(table.columns)}; required: odds_ratio or hazard_ratio."
            )
        self.effect = found[0]
        self.confidence_level = confidence_level

    @classmethod
    def from_frame(cls, table: pd.DataFrame, *, confidence_level: float | None = None) -> Self:
        """Take a table of ratios; names in the index serve as ``feature``.

        Parameters
        ----------
        table : DataFrame
            As `radiokit.models.univariable_table` or a model's ``summary_`` gives it.
        confidence_level : float, optional
            Of the intervals, for the label of the axis.

        {undrawn}

        Examples
        --------
        >>> table = pd.DataFrame({"hazard_ratio": [1.4], "ci_low": [1.1], "ci_high": [1.8]}, index=["age"])
        >>> ForestDisplay.from_frame(table).effect
        'hazard_ratio'
        """
        if "feature" not in table:
            table = table.rename_axis("feature").reset_index()
        return cls(table[table["feature"] != "Intercept"], confidence_level=confidence_level)

    def plot(self, *, ax: Axes | None = None, color: str = COLORS[0]) -> Self:
        """Draw the ratios.

        Parameters
        ----------
        {ax}
        color : str
            Colour of the markers.

        {drawn}

        Examples
        --------
        >>> table = pd.DataFrame({"hazard_ratio": [1.4], "ci_low": [1.1], "ci_high": [1.8]}, index=["age"])
        >>> ForestDisplay.from_frame(table).plot().close()
        """
        with style():
            ax = self._open(ax, 6.4, 0.9 + 0.24 * len(self.table))
            ratio, low, high = (self.table[c].to_numpy(dtype=float) for c in (self.effect, "ci_low", "ci_high"))
            known = np.isfinite([ratio, low, high]).all(axis=0) & (ratio > 0) & (low > 0)
            left, right = _limits(low[known], high[known])
            ax.axvline(1, color=GREY, lw=0.8, ls=(0, (2, 2)), zorder=0)
            for row in np.flatnonzero(known):
                ax.plot([max(low[row], left), min(high[row], right)], [row, row], color=color, lw=1.2)
                for end, outside, marker in ((left, low[row] < left, "<"), (right, high[row] > right, ">")):
                    if outside:
                        ax.plot(end, row, marker, color=color, ms=4)
                if left <= ratio[row] <= right:
                    ax.plot(ratio[row], row, "s", color=color, ms=4.5)
            ax.set_xscale("log")
            label = f"{EFFECTS[self.effect]} ({interval_label(self.confidence_level)})"
            ax.set(xlim=(left / 1.03, right * 1.03), xlabel=label)
            ax.xaxis.set_major_locator(FixedLocator([t for t in TICKS if left <= t <= right]))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            label_rows(ax, [plain(name) for name in self.table["feature"]], self._numbers(ratio, low, high))
        return self

    def _numbers(self, ratio: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[str]:
        texts = [estimate_text(*row) for row in zip(ratio, low, high, strict=True)]
        if "p_value" in self.table:
            texts = [f"{text}   {p_text(p)}" for text, p in zip(texts, self.table["p_value"], strict=True)]
        return texts


def _limits(low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return a range that shows 1 and every interval, but no further than 1/100 to 100."""
    left = max(0.01, min(0.5, *low, 1.0) / 1.1) if low.size else 0.5
    right = min(100.0, max(2.0, *high, 1.0) * 1.1) if high.size else 2.0
    return float(left), float(right)
