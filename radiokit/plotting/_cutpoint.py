"""Where a score was cut, and how strongly each cut separates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd
from matplotlib.axes import Axes

from radiokit.plotting._display import Display, check_columns
from radiokit.plotting._style import number_text, p_text
from radiokit.plotting.palette import COLORS, GREY

if TYPE_CHECKING:  # drawing loads no survival model
    from radiokit.survival import Cutpoint


class CutpointDisplay(Display):
    """Standardised statistic of every admitted cut, the chosen one, and the p-value that allows for the search.

    Parameters
    ----------
    curve : DataFrame
        ``threshold, statistic``.
    value : float
        The chosen cut.
    p_value : float
        Corrected for the search.

    Examples
    --------
    >>> curve = pd.DataFrame({"threshold": [1.0, 2.0, 3.0], "statistic": [0.5, 2.4, 1.0]})
    >>> CutpointDisplay(curve, 2.0, 0.04).plot().close()
    """

    def __init__(self, curve: pd.DataFrame, value: float, p_value: float) -> None:
        self.curve = check_columns(curve, ("threshold", "statistic"), what="The curve of cuts")
        self.value = value
        self.p_value = p_value

    @classmethod
    def from_cutpoint(cls, cutpoint: Cutpoint) -> Self:
        """Take what `radiokit.survival.optimal_cutpoint` found.

        Parameters
        ----------
        cutpoint : Cutpoint
            With ``curve``, ``value`` and ``p_value``.

        {undrawn}

        Examples
        --------
        >>> from radiokit.survival import as_target, optimal_cutpoint
        >>> y = as_target([1] * 8, [9, 10, 8, 11, 1, 2, 1, 2])
        >>> CutpointDisplay.from_cutpoint(optimal_cutpoint(y, range(8), min_prop=0.25)).value
        3.0
        """
        return cls(cutpoint.curve, float(cutpoint.value), float(cutpoint.p_value))

    _inches = (4.4, 3.0)

    def _draw(self, ax: Axes) -> None:
        ax.plot(self.curve["threshold"], self.curve["statistic"].abs(), color=COLORS[0], drawstyle="steps-post")
        ax.axvline(self.value, color=GREY, lw=0.8, ls=(0, (2, 2)))
        text = f"cut at {number_text(self.value)}, corrected {p_text(self.p_value)}"
        ax.set_title(text, fontsize=8, fontweight="normal")
        ax.set(xlabel="Score", ylabel="Standardised log-rank statistic", ylim=(0, None))
