"""Names that stand for a filter with its defaults."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter
from radiokit.filters._gabor import Gabor
from radiokit.filters._gradient import Gradient
from radiokit.filters._laws import Laws
from radiokit.filters._lbp2d import LBP2D
from radiokit.filters._lbp3d import LBP3D
from radiokit.filters._log import LoG
from radiokit.filters._mean import Mean
from radiokit.filters._original import Original
from radiokit.filters._pointwise import Exponential, Logarithm, Square, SquareRoot
from radiokit.filters._riesz import Riesz
from radiokit.filters._simoncelli import NonSeparableWavelet
from radiokit.filters._wavelet import Wavelet

# fmt: off
KINDS: tuple[type[Filter], ...] = (
    Original, Wavelet, LoG, Square, SquareRoot, Logarithm, Exponential, Gradient, LBP2D, LBP3D, Mean, Laws, Gabor,
    NonSeparableWavelet, Riesz,
)
# fmt: on


def as_filter(what: str | Filter) -> Filter:
    """Return the filter that a name stands for, or the filter itself.

    Parameters
    ----------
    what : str or Filter
        A filter, or the name of its class, in any spelling of case and hyphens: ``"wavelet"``, ``"square_root"``.

    Returns
    -------
    Filter
        The filter, with its defaults where a name was given.

    Raises
    ------
    ParameterError
        If the name is unknown, or the filter has no default for a parameter.

    Examples
    --------
    >>> as_filter("wavelet").wavelet
    'coif1'
    """
    if isinstance(what, Filter):
        return what
    known = {kind.__name__.lower(): kind for kind in KINDS}
    kind = known.get(re.sub(r"[-_ ]", "", what).lower()) if isinstance(what, str) else None
    if kind is None:
        raise ParameterError(f"The filter {what!r} is not known; known are {', '.join(sorted(known))}.")
    needed = [f.name for f in fields(kind) if f.default is MISSING]  # type: ignore[arg-type]
    if needed:
        raise ParameterError(
            f"The filter {what!r} has no default for {', '.join(needed)}: give {kind.__name__}({needed[0]}=...)."
        )
    return kind()
