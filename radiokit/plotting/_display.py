"""What displays share: how they are drawn, saved and closed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError
from radiokit.plotting._scores import positive_score
from radiokit.plotting._style import Look, look_of, style
from radiokit.utils import atomic_write, same_rows
from radiokit.utils.estimators import Cases


class Display:
    """Base of the displays: made by a ``from_...`` method, drawn by ``plot``.

    Attributes
    ----------
    ax_ : Axes
        Where it was drawn.
    figure_ : Figure
        The figure that holds it.

    Examples
    --------
    >>> from radiokit.plotting import FunnelDisplay
    >>> display = FunnelDisplay.from_frame(pd.DataFrame({"step": ["extracted"], "n_features": [107]}))
    >>> isinstance(display, Display)
    True
    """

    ax_: Axes
    figure_: Figure
    _inches: tuple[float, float]

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the figure.

        Parameters
        ----------
        {ax}

        {drawn}

        Examples
        --------
        >>> from radiokit.plotting import ScoreDisplay
        >>> ScoreDisplay.from_predictions([0, 1, 1], [0.3, 0.1, 0.9], threshold=0.5).plot().ax_.get_ylabel()
        'Score'
        """
        with style():
            self._draw(self._open(ax, *self._size()))
        return self

    def _size(self) -> tuple[float, float]:
        """Width and height of a new figure, in inches."""
        return self._inches

    def _draw(self, ax: Axes) -> None:
        """Draw on the axes; each display has its own."""
        raise NotImplementedError

    def _open(self, ax: Axes | None, width: float, height: float, *, layout: str | None = "constrained") -> Axes:
        if ax is None:
            _, ax = plt.subplots(figsize=(width, height), layout=layout)
        figure = ax.get_figure(root=True)
        if figure is None:
            raise InputError("The axes given as ax= belong to no figure any more; required: axes of an open figure.")
        self.ax_, self.figure_ = ax, figure
        return ax

    def save(self, path: str | os.PathLike[str], *, dpi: int = 300) -> None:
        """Write the figure to a file; the suffix decides the format (.png, .svg, .pdf).

        Parameters
        ----------
        path : path
            Target.
        dpi : int
            Resolution of a PNG.

        Examples
        --------
        >>> import tempfile
        >>> from radiokit.plotting import RocDisplay
        >>> display = RocDisplay.from_predictions([0, 1], [0.2, 0.7]).plot()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     display.save(f"{folder}/roc.png", dpi=72)
        >>> display.close()
        """
        with style():
            target = Path(path)
            metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(target.suffix.lower())
            with atomic_write(target) as draft:
                self.figure_.savefig(draft, dpi=dpi, metadata=metadata)

    def svg(self) -> str:
        """Return the figure as SVG text.

        Returns
        -------
        str
            The same text each time for the same figure.

        Examples
        --------
        >>> from radiokit.plotting import RocDisplay
        >>> display = RocDisplay.from_predictions([0, 1], [0.2, 0.7]).plot()
        >>> "<svg" in display.svg()
        True
        >>> display.close()
        """
        stream = io.StringIO()
        with style():
            self.figure_.savefig(stream, format="svg", metadata={"Date": None})
        return stream.getvalue()

    def close(self) -> None:
        """Let matplotlib forget the figure.

        Examples
        --------
        >>> from radiokit.plotting import RocDisplay
        >>> RocDisplay.from_predictions([0, 1], [0.2, 0.7]).plot().close()
        """
        plt.close(self.figure_)


class TableDisplay(Display):
    """A display of tables that are computed elsewhere."""

    @classmethod
    def from_frame(cls, *tables: pd.DataFrame, **options: Any) -> Self:
        """Take what a study, or a function of `radiokit.stats`, has computed.

        Parameters
        ----------
        *tables : DataFrame
            The tables of the class, with the columns that its description names.
        **options : object
            Its other parameters.

        {undrawn}

        Raises
        ------
        InputError
            If a column is absent or a table has no rows.

        Examples
        --------
        >>> from radiokit.plotting import TimeAucDisplay
        >>> TimeAucDisplay.from_frame(pd.DataFrame({"time": [12, 24], "auc": [0.8, 0.7]}), time_unit="months").time_unit
        'months'
        """
        return cls(*tables, **options)


class ModelDisplay(TableDisplay):
    """A display of several models (or groups), each in its own colour and dash."""

    _colors: Mapping[str, str] | None = None

    def plot(self, *, ax: Axes | None = None, colors: Mapping[str, str] | None = None) -> Self:
        """Draw the figure.

        Parameters
        ----------
        {ax} {colors}

        {drawn}

        Examples
        --------
        >>> from radiokit.plotting import RocDisplay
        >>> RocDisplay.from_predictions([0, 1], {"a": [0.2, 0.7]}).plot(colors={"a": "black"}).ax_.get_ylabel()
        'Sensitivity'
        """
        self._colors = colors
        return super().plot(ax=ax)

    def _look(self, name: str, names: list[str]) -> Look:
        return look_of(name, names, self._colors)


class ClassifierDisplay(ModelDisplay):
    """A display of classifiers: it can be computed from fitted ones."""

    if TYPE_CHECKING:
        from_predictions: ClassVar[Callable[..., Any]]

    @classmethod
    def from_estimator(
        cls, estimator: object, X: Cases, y: ArrayLike, *, name: str | None = None, **options: Any
    ) -> Self:
        """Compute the curve of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted, with ``predict_proba`` (a ROC curve needs only ``decision_function``).
        X : array-like of shape (n, p)
            Cases it was not trained on.
        y : array-like of shape (n,)
            Binary outcome.
        name : str, optional
            Name in the legend; the class if absent.
        **options : object
            As `from_predictions`.

        {undrawn}

        Examples
        --------
        >>> from radiokit.plotting import RocDisplay
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = [[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1]
        >>> RocDisplay.from_estimator(LogisticRegression().fit(X, y), X, y).areas["auc"].item()
        0.75
        """
        same_rows(X=X, y=y)
        return cls.from_predictions(y, {name or type(estimator).__name__: cls._score(estimator, X)}, **options)

    @staticmethod
    def _score(estimator: object, X: Cases) -> NDArray[np.float64]:
        return positive_score(estimator, X)


def check_columns(frame: pd.DataFrame, required: tuple[str, ...], *, what: str) -> pd.DataFrame:
    """Return the frame if it has the columns and at least one row."""
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise InputError(f"{what} has columns {list(frame.columns)}; missing: {', '.join(missing)}.")
    if frame.empty:
        raise InputError(f"{what} has no rows; required: at least one.")
    return frame
