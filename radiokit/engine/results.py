"""What a statistical function gives back when it gives back one thing: a frozen dataclass with `to_frame`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Number

import pandas as pd


class Result:
    """Base of the result dataclasses: a table of one row, and a short text."""

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers and names of the result as a table of one row.

        Returns
        -------
        DataFrame
            One row, a column a field, at full precision. Fields that are tables or arrays themselves are left out.

        Examples
        --------
        >>> from radiokit.stats import Test
        >>> Test(statistic=4.0, df=1, p_value=0.0455).to_frame().columns.tolist()
        ['statistic', 'df', 'p_value']
        """
        return pd.DataFrame([{name: value for name, value in self._items() if _is_scalar(value)}])

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_short(value)}" for name, value in self._items())
        return f"{type(self).__name__}({shown})"

    def _items(self) -> list[tuple[str, object]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self)]  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False)
class Test(Result):
    """A test statistic, its degrees of freedom and its p-value.

    Parameters
    ----------
    statistic : float
        The test statistic.
    df : float
        Degrees of freedom of its reference distribution; NaN for a normal or exact one.
    p_value : float
        Two-sided p-value unless the function says otherwise.

    Examples
    --------
    >>> Test(statistic=4.0, df=1, p_value=0.0455)
    Test(statistic=4, df=1, p_value=0.0455)
    """

    __test__ = False  # pytest must not collect it

    statistic: float
    df: float
    p_value: float


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | Number)


def _short(value: object) -> str:
    if isinstance(value, Integral) or not isinstance(value, Number):
        return repr(value) if _is_scalar(value) else f"<{type(value).__name__}>"
    return f"{value:.4g}"
