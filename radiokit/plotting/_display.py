"""What every Display shares: where it draws, and how it leaves the screen."""

from __future__ import annotations

import io
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radiokit.exceptions import InputError
from radiokit.plotting._style import style
from radiokit.utils import atomic_write


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


def check_columns(frame: pd.DataFrame, required: tuple[str, ...], *, what: str) -> pd.DataFrame:
    """Return the frame if it has the columns and at least one row."""
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise InputError(f"{what} has columns {list(frame.columns)}; missing: {', '.join(missing)}.")
    if frame.empty:
        raise InputError(f"{what} has no rows; required: at least one.")
    return frame
