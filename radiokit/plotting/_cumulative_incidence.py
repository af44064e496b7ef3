"""Cumulative incidence of competing events."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from radiokit import stats
from radiokit.plotting._display import TableDisplay, check_columns
from radiokit.plotting._style import plain, time_label
from radiokit.plotting.palette import COLORS, DASHES


class CumulativeIncidenceDisplay(TableDisplay):
    """Probability of each cause over time, by group.

    Parameters
    ----------
    table : DataFrame
        ``cause, time, cumulative_incidence`` and optionally ``group, ci_low, ci_high``.
    {time_unit}

    Examples
    --------
    >>> display = CumulativeIncidenceDisplay.from_predictions([1, 2, 3, 4], [1, 0, 2, 1], time_unit="years").plot()
    >>> display.close()
    """

    def __init__(self, table: pd.DataFrame, *, time_unit: str = "") -> None:
        check_columns(table, ("cause", "time", "cumulative_incidence"), what="The table of incidences")
        self.table = table if "group" in table else table.assign(group="all")
        self.time_unit = time_unit

    @classmethod
    def from_predictions(
        cls, time: ArrayLike, cause: ArrayLike, *, groups: ArrayLike | None = None, time_unit: str = ""
    ) -> Self:
        """Compute the curves as `radiokit.stats.cumulative_incidence`.

        Parameters
        ----------
        time : array-like of shape (n,)
            Time to the first event or censoring.
        cause : array-like of shape (n,)
            Which event; 0 where censored.
        groups : array-like of shape (n,), optional
            Group of each case.
        {time_unit}

        {undrawn}

        Examples
        --------
        >>> table = CumulativeIncidenceDisplay.from_predictions([1, 2, 3, 4], [1, 0, 2, 1]).table
        >>> sorted(int(c) for c in table["cause"].unique())
        [1, 2]
        """
        return cls(stats.cumulative_incidence(time, cause, groups=groups), time_unit=time_unit)

    _inches = (4.6, 3.2)

    def _draw(self, ax: Axes) -> None:
        """One step function for each cause and group: colour for the group, dash for the cause."""
        groups, causes = (list(self.table[c].unique()) for c in ("group", "cause"))
        for (group, cause), part in self.table.groupby(["group", "cause"], sort=False):
            part = part.sort_values("time")
            name = f"cause {cause}" if len(groups) == 1 else f"{group}, cause {cause}"
            color, dash = COLORS[groups.index(group) % len(COLORS)], DASHES[causes.index(cause) % len(DASHES)]
            incidence = np.append(0.0, part["cumulative_incidence"])
            ax.step(np.append(0.0, part["time"]), incidence, where="post", label=plain(name), color=color, ls=dash)
        ax.set(xlabel=time_label(self.time_unit), ylabel="Cumulative incidence", ylim=(-0.02, 1.02))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.legend(loc="upper left")
