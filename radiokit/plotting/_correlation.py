"""Correlated features, found by eye: a clustered heat map."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from radiokit.exceptions import InputError
from radiokit.plotting._display import Display
from radiokit.plotting._style import plain, style

VALUES = 12  # features up to which the correlations are written into the squares


class CorrelationDisplay(Display):
    """Correlation matrix of features, ordered so that families stand together.

    Parameters
    ----------
    matrix : DataFrame of shape (p, p)
        Correlations, the same names in rows and columns.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 4, 6, 9], "c": [1.0, -1, 1, -1]})
    >>> display = CorrelationDisplay.from_frame(X).plot()
    >>> display.matrix.index.tolist().index("c") in (0, 2)
    True
    >>> display.close()
    """

    def __init__(self, matrix: pd.DataFrame) -> None:
        if matrix.shape[0] < 2 or list(matrix.index) != list(matrix.columns):
            raise InputError(f"The matrix has shape {matrix.shape}; required: square, two features or more.")
        self.matrix = matrix

    @classmethod
    def from_frame(cls, X: pd.DataFrame, *, method: Literal["spearman", "pearson", "kendall"] = "spearman") -> Self:
        """Correlate the columns of a feature table and order them.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Features; missing values are left out pair by pair.
        method : {"spearman", "pearson", "kendall"}
            Kind of correlation.

        {undrawn}

        Notes
        -----
        Average linkage on 1 - |r|, leaves in the order that puts neighbours together (Bar-Joseph 2001,
        doi 10.1093/bioinformatics/17.suppl_1.S22). A constant feature has no correlation; it is taken as 0.

        Examples
        --------
        >>> X = pd.DataFrame({"a": [1.0, 2, 3], "b": [2.0, 4, 9]})
        >>> CorrelationDisplay.from_frame(X).matrix.loc["a", "b"].item()
        1.0
        """
        return cls.from_correlation(X.corr(method=method))

    @classmethod
    def from_correlation(cls, matrix: pd.DataFrame) -> Self:
        """Order a correlation matrix already computed.

        Parameters
        ----------
        matrix : DataFrame of shape (p, p)
            Correlations, the same names in rows and columns.

        {undrawn}

        Examples
        --------
        >>> names = ["a", "b", "c"]
        >>> matrix = pd.DataFrame([[1, 0, 0.9], [0, 1, 0], [0.9, 0, 1]], index=names, columns=names)
        >>> CorrelationDisplay.from_correlation(matrix).matrix.columns.tolist().index("b") in (0, 2)
        True
        """
        if len(matrix) > 2:
            distance = 1 - matrix.abs().fillna(0.0).to_numpy().clip(0, 1)
            np.fill_diagonal(distance, 0.0)
            tree = linkage(squareform((distance + distance.T) / 2), method="average", optimal_ordering=True)
            order = leaves_list(tree)
            matrix = matrix.iloc[order, order]
        return cls(matrix)

    def plot(self, *, ax: Axes | None = None, max_labels: int = 40) -> Self:
        """Draw the heat map.

        Parameters
        ----------
        {ax}
        max_labels : int
            Features are named only up to this many.

        {drawn}

        Examples
        --------
        >>> X = pd.DataFrame({"a": [1.0, 2, 3], "b": [2.0, 4, 9]})
        >>> CorrelationDisplay.from_frame(X).plot().close()
        """
        with style():
            p = len(self.matrix)
            named = p <= max_labels
            letters = max(len(str(name)) for name in self.matrix.columns)
            size = 0.065 * letters + max(1.6, (0.3 if p <= VALUES else 0.17) * p) if named else 4.2
            ax = self._open(ax, size + 0.8, size)
            image = ax.imshow(
                self.matrix.to_numpy(dtype=float), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest"
            )
            if named:
                labels = [plain(name) for name in self.matrix.columns]
                ax.set_xticks(range(p), labels, rotation=90, fontsize=6.5)
                ax.set_yticks(range(p), labels, fontsize=6.5)
            else:
                ax.set(xticks=[], yticks=[], xlabel=f"{p} features, clustered")
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
            if p <= VALUES:
                _write_values(ax, self.matrix.to_numpy(dtype=float))
            bar = self.figure_.colorbar(image, ax=ax, shrink=0.5, aspect=16, ticks=[-1, -0.5, 0, 0.5, 1])
            bar.outline.set_visible(False)
            bar.set_label("Correlation")
        return self


def _write_values(ax: Axes, values: np.ndarray) -> None:
    for (row, column), r in np.ndenumerate(values):
        if row != column and np.isfinite(r):
            color = "white" if abs(r) > 0.6 else "black"
            ax.text(column, row, f"{r:.2f}", ha="center", va="center", fontsize=6, color=color)
