"""The LASSO path beside its cross-validation curve."""

from __future__ import annotations

from typing import Any, Self

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation

from radiokit.exceptions import InputError
from radiokit.plotting._display import TableDisplay, check_columns
from radiokit.plotting._style import Look, plain, style
from radiokit.plotting.palette import COLORS, DASHES, FAINT, GREY

MOST_BELOW = 40  # how far below the penalty used the path is shown


class LassoPathDisplay(TableDisplay):
    """Coefficients and cross-validated deviance against the penalty.

    Parameters
    ----------
    path : DataFrame
        ``penalty, n_features, deviance`` and optionally ``se`` (over folds) and ``chosen`` (True at the penalty used).
    coefficients : DataFrame
        ``penalty, feature, coef``, at least where the coefficient is not zero.

    Examples
    --------
    >>> path = pd.DataFrame({"penalty": [1.0, 0.1], "n_features": [0, 1], "deviance": [1.4, 1.1]})
    >>> coefficients = pd.DataFrame({"penalty": [1.0, 0.1], "feature": "age", "coef": [0.0, 0.5]})
    >>> LassoPathDisplay.from_frame(path, coefficients).plot().close()
    """

    axes_: tuple[Axes, Axes]

    def __init__(self, path: pd.DataFrame, coefficients: pd.DataFrame) -> None:
        path = check_columns(path, ("penalty", "n_features", "deviance"), what="The path")
        self.path = path.sort_values("penalty")
        self.coefficients = check_columns(coefficients, ("penalty", "feature", "coef"), what="The coefficients")

    def plot(self, *, ax: Any = None, label_features: int = 8) -> Self:
        """Draw both panels.

        Parameters
        ----------
        ax : pair of Axes, optional
            Where to draw the cross-validation curve and the coefficients; a new figure if absent.
        label_features : int
            How many of the chosen features are named, those with the largest coefficients first.

        Returns
        -------
        LassoPathDisplay
            Itself, with ``axes_`` (both), ``ax_`` (the first) and ``figure_``.

        Examples
        --------
        >>> path = pd.DataFrame({"penalty": [0.1, 1.0], "n_features": [1, 0], "deviance": [1.1, 1.4]})
        >>> coefficients = pd.DataFrame({"penalty": [0.1], "feature": ["age"], "coef": [0.5]})
        >>> len(LassoPathDisplay.from_frame(path, coefficients).plot().axes_)
        2
        """
        with style():
            if ax is None:
                _, ax = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
            if np.size(ax) != 2:
                raise InputError(f"ax holds {np.size(ax)} axes; required: a pair, for the curve and for the path.")
            left, right = np.ravel(ax)
            self._open(left, 0, 0)
            self.axes_ = (left, right)
            self._plot_curve(left)
            self._plot_coefficients(right, label_features)
            for axis in self.axes_:
                axis.set_xscale("log")
                axis.set_xlabel("Penalty λ")
                axis.xaxis.set_major_formatter(LogFormatterSciNotation())
                if np.isfinite(self._chosen()):
                    axis.axvline(self._chosen(), color=GREY, lw=0.8, ls=(0, (2, 2)), zorder=0)
        return self

    def _chosen(self) -> float:
        rows = self.path[self.path["chosen"].astype(bool)] if "chosen" in self.path else self.path.iloc[:0]
        return float(rows["penalty"].iloc[0]) if len(rows) else np.nan

    def _shown(self) -> pd.DataFrame:
        """Return the path without the far end, where coefficients and deviance only blow up."""
        least = np.nan_to_num(self._chosen() / MOST_BELOW)
        return self.path[self.path["penalty"] >= least]

    def _plot_curve(self, ax: Axes) -> None:
        path = self._shown()
        if "se" in path:
            ax.errorbar(path["penalty"], path["deviance"], yerr=path["se"], fmt="none", ecolor=FAINT, elinewidth=0.8)
        ax.plot(path["penalty"], path["deviance"], "o", color=COLORS[1], ms=2.5)
        chosen = path[path["penalty"] == self._chosen()]
        ax.plot(chosen["penalty"], chosen["deviance"], "o", mfc="white", mec=COLORS[1], ms=5)
        ax.set_ylabel("Cross-validated deviance")
        counts = path.iloc[np.unique(np.linspace(0, len(path) - 1, 7).astype(int))]
        for penalty, n in zip(counts["penalty"], counts["n_features"], strict=True):
            ax.text(penalty, 1.02, str(int(n)), transform=ax.get_xaxis_transform(), ha="center", fontsize=7)
        ax.set_title("Features with a coefficient", fontsize=7.5, fontweight="normal", loc="center", pad=14)

    def _plot_coefficients(self, ax: Axes, label_features: int) -> None:
        wide = self.coefficients.pivot_table(index="penalty", columns="feature", values="coef", aggfunc="first")
        wide = wide.reindex(np.sort(self._shown()["penalty"].unique())).fillna(0.0)
        at = wide.loc[self._chosen()] if np.isfinite(self._chosen()) else wide.iloc[0]
        ordered = wide.columns[np.argsort(-np.abs(at.to_numpy()), kind="stable")]
        named = [feature for feature in ordered if at[feature] != 0][:label_features]
        for feature in wide.columns.difference(named):
            ax.plot(wide.index, wide[feature], color=FAINT, lw=0.8, zorder=1)
        for i, feature in enumerate(named):
            line: Look = {"color": COLORS[i % len(COLORS)], "ls": DASHES[(i // len(COLORS)) % len(DASHES)]}
            ax.plot(wide.index, wide[feature], lw=1.3, label=plain(feature), **line)
        ax.axhline(0, color=GREY, lw=0.7)
        if named:
            # Features that come in far below the penalty used may be huge: the chosen ones set the scale.
            low, high = wide[named].to_numpy().min(), wide[named].to_numpy().max()
            room = 0.15 * max(high - low, 1e-12)
            ax.set_ylim(min(low, 0) - room, max(high, 0) + room)
        ax.set_ylabel("Coefficient (standardised feature)")
        if named:
            self.figure_.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=6.5)
