"""Two measurements of the same thing: the Bland-Altman plot."""

from __future__ import annotations

from typing import Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from radiokit import stats
from radiokit.plotting._display import Display
from radiokit.plotting._style import number_text
from radiokit.plotting.palette import COLORS, GREY
from radiokit.stats import BlandAltman


class BlandAltmanDisplay(Display):
    """Difference against mean of two measurements, with bias and limits of agreement.

    Parameters
    ----------
    mean, difference : ndarray of shape (n,)
        Mean of both measurements, and first minus second.
    agreement : BlandAltman
        What `radiokit.stats.bland_altman` found.

    Examples
    --------
    >>> BlandAltmanDisplay.from_predictions([1, 2, 3, 4], [0, 2, 4, 4]).plot().close()
    """

    def __init__(self, mean: NDArray[np.float64], difference: NDArray[np.float64], agreement: BlandAltman) -> None:
        self.mean = mean
        self.difference = difference
        self.agreement = agreement

    @classmethod
    def from_predictions(cls, a: ArrayLike, b: ArrayLike, *, confidence_level: float = 0.95) -> Self:
        """Compute bias and limits of two measurements of the same cases.

        Parameters
        ----------
        a, b : array-like of shape (n,)
            The measurements.
        {confidence_level}

        {undrawn}

        Examples
        --------
        >>> BlandAltmanDisplay.from_predictions([1, 2, 3], [0, 2, 4]).agreement.bias
        0.0
        """
        agreement = stats.bland_altman(a, b, confidence_level=confidence_level)
        first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        return cls((first + second) / 2, first - second, agreement)

    _inches = (4.4, 3.2)

    def _draw(self, ax: Axes) -> None:
        found = self.agreement
        ax.plot(self.mean, self.difference, "o", ms=4, mfc="white", mec=COLORS[0], mew=1)
        bands = (
            (found.bias, found.bias_ci_low, found.bias_ci_high, "-"),
            (found.loa_low, found.loa_low_ci_low, found.loa_low_ci_high, (0, (5, 1.6))),
            (found.loa_high, found.loa_high_ci_low, found.loa_high_ci_high, (0, (5, 1.6))),
        )
        for value, low, high, dash in bands:
            ax.axhline(value, color=COLORS[1], lw=1, ls=dash)
            ax.axhspan(low, high, color=COLORS[1], alpha=0.1, lw=0)
            ax.text(1.01, value, number_text(value), transform=ax.get_yaxis_transform(), va="center", fontsize=7)
        ax.axhline(0, color=GREY, lw=0.7, ls=(0, (2, 2)))
        ax.set(xlabel="Mean of both", ylabel="Difference")
