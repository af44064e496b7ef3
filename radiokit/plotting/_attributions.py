"""What moves the predictions: one dot for each case and predictor, as in SHAP's summary plot."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from numpy.typing import NDArray

from radiokit.exceptions import InputError
from radiokit.plotting._display import TableDisplay, check_columns
from radiokit.plotting._style import label_rows, plain, style
from radiokit.plotting.palette import COLORS, FAINT, GREY

MOST = 15
LOW_TO_HIGH = LinearSegmentedColormap.from_list("low_to_high", [COLORS[0], "#bdbdbd", COLORS[1]])


class AttributionDisplay(TableDisplay):
    """How far each predictor moves the prediction of each case, coloured by its value; the strongest on top.

    Parameters
    ----------
    table : DataFrame
        ``feature, attribution`` and optionally ``value``, one row for each case and predictor, of one model. Names in
        parentheses, such as ``(base value)``, are left out.
    n_features : int
        How many predictors are shown, those with the largest mean absolute attribution.

    Examples
    --------
    >>> table = pd.DataFrame({"feature": ["a", "a", "b", "b"], "attribution": [0.1, -0.1, 2.0, -1.0],
    ...     "value": [1.0, 2.0, 3.0, 4.0]})
    >>> display = AttributionDisplay.from_frame(table).plot()
    >>> display.features
    ['b', 'a']
    >>> display.close()
    """

    def __init__(self, table: pd.DataFrame, *, n_features: int = MOST) -> None:
        table = check_columns(table, ("feature", "attribution"), what="The table of attributions")
        self.table = table[~table["feature"].astype(str).str.match(r"^\(.*\)$") & table["attribution"].notna()]
        if self.table.empty:
            raise InputError("The table of attributions holds no predictor; required: one with a number at least.")
        size = self.table["attribution"].abs().groupby(self.table["feature"], sort=False).mean()
        self.features = size.sort_values(ascending=False, kind="stable").index[:n_features].astype(str).tolist()

    def plot(self, *, ax: Axes | None = None, label: str = "Contribution to the log-odds") -> Self:
        """Draw the dots.

        Parameters
        ----------
        {ax}
        label : str
            Of the horizontal axis.

        {drawn}

        Examples
        --------
        >>> table = pd.DataFrame({"feature": ["a", "b"], "attribution": [0.1, 2.0]})
        >>> AttributionDisplay.from_frame(table).plot().ax_.get_xlabel()
        'Contribution to the log-odds'
        """
        with style():
            n = len(self.features)
            ax = self._open(ax, 6.2, 0.9 + 0.26 * n)
            ax.axvline(0, color=GREY, lw=0.8, zorder=0)
            for place, feature in enumerate(self.features):
                own = self.table[self.table["feature"].astype(str) == feature]
                x = own["attribution"].to_numpy(dtype=float)
                ax.axhline(place, color=FAINT, lw=0.6, zorder=0)
                ax.scatter(x, place + 0.36 * _spread(x), s=9, c=self._colors(own), lw=0, alpha=0.85)
            ax.set_xlabel(label)
            label_rows(ax, [plain(name) for name in self.features])
            if "value" in self.table:
                scale = ScalarMappable(Normalize(0, 1), LOW_TO_HIGH)
                bar = self.figure_.colorbar(scale, ax=ax, ticks=[0, 1], aspect=30, pad=0.02, fraction=0.03)
                bar.ax.set_yticklabels(["low", "high"])
                bar.ax.tick_params(length=0)
                bar.set_label("Value of the predictor", labelpad=-12)
                bar.outline.set_visible(False)
        return self

    def _colors(self, own: pd.DataFrame) -> list[str] | NDArray[np.float64]:
        """Rank of the value among the cases; grey where it is no number."""
        if "value" not in own:
            return [COLORS[0]] * len(own)
        values = pd.to_numeric(own["value"], errors="coerce")
        if values.nunique() < 2:
            return [GREY] * len(own)
        rank = (values.rank(method="average") - 1) / max(values.notna().sum() - 1, 1)
        colors = LOW_TO_HIGH(rank.fillna(0.5).to_numpy())
        colors[values.isna().to_numpy()] = (0.6, 0.6, 0.6, 1.0)
        return colors


def _spread(x: NDArray[np.float64], bins: int = 40) -> NDArray[np.float64]:
    """Vertical places in [-1, 1]: cases of nearly the same value stand above and below each other."""
    offset = np.zeros(x.size)
    if x.size == 0 or np.ptp(x) == 0:
        cell = np.zeros(x.size, dtype=int)
    else:
        cell = np.minimum((bins * (x - x.min()) / np.ptp(x)).astype(int), bins - 1)
    most = max(int(np.bincount(cell).max(initial=1)), 1)
    for k in np.unique(cell):
        members = np.flatnonzero(cell == k)
        order = members[np.argsort(x[members], kind="stable")]
        places = np.arange(order.size)
        offset[order] = np.where(places % 2, 1, -1) * ((places + 1) // 2) / max(most / 2, 1)
    return np.clip(offset, -1, 1)
