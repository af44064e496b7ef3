"""What a statistical function returns when it returns one thing: a frozen dataclass with `to_frame`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Number

import pandas as pd

from radiokit.utils.notebook import cell_text, notebook_table


class Result:
    """Base of the result dataclasses: a table of one row, a short text, and a table for notebooks.

    The estimate of a result is its field `difference`, or else its first field; `ci_low` and `ci_high` are its limits.
    """

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers and names of the result as a table of one row.

        Returns
        -------
        DataFrame
            One row, one column for each field, at full precision. Fields that are tables or arrays are left out.

        Examples
        --------
        >>> from radiokit.stats import Test
        >>> Test(statistic=4.0, df=1, p_value=0.0455).to_frame().columns.tolist()
        ['statistic', 'df', 'p_value']
        """
        return pd.DataFrame([{name: value for name, value in self._items().items() if _is_scalar(value)}])

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_short(value)}" for name, value in self._items().items())
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        values = self._items()
        limits = {name: pair for name in values if (pair := _limits(values, name))}
        if not limits:
            return notebook_table(type(self).__name__, ("", "value"), [(n, _cell(v)) for n, v in values.items()])
        beside = {"confidence_level", *(name for pair in limits.values() for name in pair)}
        rows = [
            (name, _cell(value), " to ".join(_cell(values[limit]) for limit in limits.get(name, ())))
            for name, value in values.items()
            if name not in beside
        ]
        level = f"{100 * self.confidence_level:.4g}% interval"  # type: ignore[attr-defined]
        return notebook_table(type(self).__name__, ("", "value", level), rows)

    def _items(self) -> dict[str, object]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]


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


def _limits(values: dict[str, object], name: str) -> tuple[str, str] | None:
    """Return the fields that hold the confidence limits of a field, if there are any."""
    estimate = "difference" if "difference" in values else next(iter(values))
    prefix = "" if name == estimate and "ci_low" in values else f"{name}_"
    pair = f"{prefix}ci_low", f"{prefix}ci_high"
    return pair if pair[0] in values else None


def _cell(value: object) -> str:
    return cell_text(value) if _is_scalar(value) else type(value).__name__


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | Number)


def _short(value: object) -> str:
    if isinstance(value, Number):
        return cell_text(value)
    return repr(value) if _is_scalar(value) else f"<{type(value).__name__}>"
