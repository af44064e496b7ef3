"""Design matrices: linear terms, factors ``C()`` and restricted cubic splines ``rcs()``, as R and rms.

``model_frame("y ~ age + C(stage) + rcs(cea, 4)", data)`` learns levels, knots and ranges from the complete rows;
``design.matrix(new_data)`` applies them to any later table. All that is learnt is numbers and text.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.engine.columns import as_column
from radiokit.engine.formula import OTHERS, Part, parse_formula
from radiokit.engine.inputs import FloatArray
from radiokit.engine.spline import spline_basis, spline_knots
from radiokit.exceptions import DataWarning, InputError, ParameterError

FEW_VALUES = 10  # up to so many distinct values a numeric variable is shown by its values, as rms' datadist


@dataclass(frozen=True)
class Linear:
    """A numeric variable as it is; `values` holds its distinct values where there are few."""

    variable: Hashable
    low: float
    high: float
    values: tuple[float, ...] = ()

    @property
    def names(self) -> list[str]:
        """Name of the column."""
        return [str(self.variable)]

    def columns(self, values: pd.Series) -> FloatArray:
        """Design columns of shape (n, 1)."""
        return _numeric(values)[:, None]


@dataclass(frozen=True)
class Factor:
    """A categorical variable: indicators of every level but the first.

    `absent` are levels that a categorical column declares and no row of the fit had.
    """

    variable: Hashable
    levels: tuple[str, ...]
    absent: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names ``variable=level``."""
        return [f"{self.variable}={level}" for level in self.levels[1:]]

    def columns(self, values: pd.Series) -> FloatArray:
        """Design columns of shape (n, n_levels - 1)."""
        text = values.astype(object).map(level_text)
        unknown = [v for v in pd.unique(text) if v not in self.levels]
        undeclared = [v for v in unknown if v not in self.absent]
        if undeclared:
            raise InputError(
                f"{self.variable!r} holds the levels {undeclared[:5]!r} that were not there when the model was fitted; "
                f"known: {', '.join(self.levels)}. Recode or merge them first; of a column of dtype 'category' cases "
                "whose level no row of the fit had are scored as the reference level, with a warning."
            )
        if unknown:
            warnings.warn(
                f"{int(text.isin(unknown).sum())} rows hold the levels {unknown[:5]!r} of {self.variable!r}, which no "
                f"row of the fit had; they are scored as the reference level {self.levels[0]!r}.",
                DataWarning,
                stacklevel=2,
            )
        columns = [(text == level).to_numpy(dtype=float) for level in self.levels[1:]]
        return np.column_stack(columns) if columns else np.empty((len(text), 0))


@dataclass(frozen=True)
class Spline:
    """A restricted cubic spline: the variable itself and ``len(knots) - 2`` truncated-power terms."""

    variable: Hashable
    knots: tuple[float, ...]
    low: float
    high: float
    values: tuple[float, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names ``x, x', x''`` as rms writes them."""
        return [f"{self.variable}{chr(39) * j}" for j in range(len(self.knots) - 1)]

    def columns(self, values: pd.Series) -> FloatArray:
        """Design columns of shape (n, n_knots - 1)."""
        return spline_basis(_numeric(values), self.knots)


Single = Linear | Factor | Spline


@dataclass(frozen=True)
class Product:
    """An interaction: the products of the columns of its parts."""

    parts: tuple[Single, ...]

    @property
    def variable(self) -> str:
        """Its name, ``a:b``."""
        return ":".join(str(part.variable) for part in self.parts)

    @property
    def names(self) -> list[str]:
        """Names ``a:b``, those of the first variable in turn before the second moves on, as R has them."""
        reversed_names = product(*(part.names for part in reversed(self.parts)))
        return [":".join(reversed(names)) for names in reversed_names]

    def columns(self, data: pd.DataFrame) -> FloatArray:
        """Design columns of a table."""
        blocks = [part.columns(data[str(part.variable)]) for part in reversed(self.parts)]
        result = blocks[0]
        for block in blocks[1:]:
            result = (result[:, :, None] * block[:, None, :]).reshape(len(result), -1)
        return result


Term = Single | Product


@dataclass(frozen=True)
class Design:
    """The right-hand side of a model, learnt: terms in order, and the names on the left."""

    terms: tuple[Term, ...]
    response: tuple[str, ...] = ()
    formula: str = ""

    @property
    def names(self) -> list[str]:
        """Names of the design columns, without an intercept."""
        return [name for term in self.terms for name in term.names]

    @property
    def variables(self) -> list[Hashable]:
        """Names of the raw columns."""
        singles = [part for term in self.terms for part in (term.parts if isinstance(term, Product) else (term,))]
        return list(dict.fromkeys(part.variable for part in singles))

    @property
    def singles(self) -> tuple[Single, ...]:
        """Terms of one variable."""
        return tuple(term for term in self.terms if not isinstance(term, Product))

    @property
    def slices(self) -> list[slice]:
        """Where the columns of each term lie."""
        edges = np.cumsum([0, *(len(term.names) for term in self.terms)])
        return [slice(int(a), int(b)) for a, b in pairwise(edges)]

    def matrix(self, data: pd.DataFrame) -> pd.DataFrame:
        """Design columns of raw columns; missing values are refused."""
        data = text_columns(data)
        absent = [str(v) for v in self.variables if str(v) not in data.columns]
        if absent:
            raise InputError(f"The table lacks the columns {', '.join(absent[:8])}; the model was fitted with them.")
        holes = [str(v) for v in self.variables if data[str(v)].isna().any()]
        if holes:
            raise InputError(f"Missing values in {', '.join(holes[:8])}; impute or drop those rows first.")
        if not self.terms:
            return pd.DataFrame(index=data.index)
        blocks = [
            term.columns(data) if isinstance(term, Product) else term.columns(data[str(term.variable)])
            for term in self.terms
        ]
        return pd.DataFrame(np.hstack(blocks), index=data.index, columns=self.names)


def coefficient_columns(design: Design) -> dict[str, list[str]]:
    """Variable, level and reference level of each coefficient without the intercept; empty but for factors."""
    columns: dict[str, list[str]] = {"variable": [], "level": [], "reference": []}
    for term in design.terms:
        if isinstance(term, Factor):
            columns["variable"] += [str(term.variable)] * len(term.names)
            columns["level"] += term.levels[1:]
            columns["reference"] += [term.levels[0]] * len(term.names)
        else:
            columns["variable"] += term.names
            columns["level"] += [""] * len(term.names)
            columns["reference"] += [""] * len(term.names)
    return columns


class ModelFrame(NamedTuple):
    """What a formula makes of a table: the design, the complete rows, and which rows of the table these are."""

    design: Design
    frame: pd.DataFrame
    rows: NDArray[np.bool_]


def model_frame(formula: str, data: pd.DataFrame, *, outcome: bool = True) -> ModelFrame:
    """Read a formula and learn its design from the complete rows of a table.

    The formula is ``"y ~ age + C(stage) + rcs(cea, 4)"`` or ``"Surv(time, event) ~ ..."``. Names that are no Python
    names go in backticks; ``.`` stands for all other columns; text columns are factors with or without ``C()``.
    `outcome` says whether the table holds the outcome too.
    """
    data = text_columns(data)
    read = parse_formula(formula)
    names = [column.name for column in read.response]
    products = _spelled_out(read.terms, [c for c in data.columns if c not in {*names, *read.strata}])
    used = list(dict.fromkeys([*(names if outcome else []), *(p.variable for parts in products for p in parts)]))
    absent = [str(v) for v in used if v not in data.columns]
    if absent:
        raise InputError(
            f"The formula {formula!r} names {', '.join(absent)}; the table has {', '.join(map(str, data.columns[:12]))}"
            f"{', ...' if data.shape[1] > 12 else ''}."
        )
    rows = data[used].notna().all(axis=1).to_numpy()
    frame = data.loc[rows]
    if len(frame) < len(data):
        warnings.warn(
            f"{len(data) - len(frame)} of {len(data)} rows miss a value in the model's columns and are left out.",
            DataWarning,
            stacklevel=3,
        )
    if frame.empty:
        raise InputError(f"No row is complete in {', '.join(map(str, used))}; impute the missing values first.")
    terms = tuple(_learn_product(parts, frame) for parts in products)
    _refuse_missing_margins(terms)
    return ModelFrame(Design(terms, tuple(names), formula), frame, rows)


def text_columns(data: object) -> pd.DataFrame:
    """Return a table whose columns are text, as a formula names them."""
    table = check_frame(data)
    if all(isinstance(c, str) for c in table.columns):
        return table
    return check_frame(table.set_axis([str(c) for c in table.columns], axis=1))


def _spelled_out(terms: tuple[tuple[Part, ...], ...], columns: list[str]) -> list[tuple[Part, ...]]:
    """Return the terms with ``.`` as the columns that no other term names."""
    named = {part.variable for parts in terms for part in parts}
    others = [(Part("auto", c),) for c in columns if c not in named]
    return [term for parts in terms for term in (others if parts[0].variable == OTHERS else [parts])]


def _learn_product(parts: tuple[Part, ...], frame: pd.DataFrame) -> Term:
    learnt = tuple(_learn(part, frame[part.variable]) for part in parts)
    return learnt[0] if len(learnt) == 1 else Product(learnt)


def column_design(X: pd.DataFrame) -> Design:
    """Learn a design with one term per column: text columns are factors, all others linear."""
    return Design(tuple(_learn(Part("auto", str(column)), X[column]) for column in X.columns))


def _refuse_missing_margins(terms: tuple[Term, ...]) -> None:
    """Refuse a product with a factor without a term of its other parts: its columns are differences from that term."""
    products = [term for term in terms if isinstance(term, Product)]
    there = {frozenset([t.variable]) for t in terms} | {frozenset(p.variable for p in t.parts) for t in products}
    for term in products:
        for factor in term.parts:
            others = frozenset(part.variable for part in term.parts if part != factor)
            if isinstance(factor, Factor) and others not in there:
                raise ParameterError(
                    f"The interaction {term.variable} stands without {':'.join(map(str, others))}; required: write "
                    f"{term.variable.replace(':', ' * ')}, or add that term."
                )


def _learn(part: Part, values: pd.Series) -> Single:
    values = as_column(values, factor=part.kind == "factor")
    is_text = not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if part.kind == "factor" or (part.kind == "auto" and is_text):
        return _factor(values, part.reference)
    x = _numeric(values)
    distinct = np.unique(x)
    shown = tuple(distinct.tolist()) if distinct.size <= FEW_VALUES else ()
    if part.kind == "spline":
        knots = spline_knots(x, part.knots) if isinstance(part.knots, int) else part.knots
        return Spline(values.name, tuple(map(float, knots)), float(distinct[0]), float(distinct[-1]), shown)
    return Linear(values.name, float(distinct[0]), float(distinct[-1]), shown)


def _factor(values: pd.Series, reference: str | None) -> Factor:
    """Levels present, in the categories' order where there is one, numbers by size, text by letter."""
    declared: list[Any] = []
    if isinstance(values.dtype, pd.CategoricalDtype):
        declared = list(values.cat.categories)
        present = [level for level in declared if (values == level).any()]
    else:
        present = list(pd.unique(values))
        numbers = all(isinstance(v, int | float | np.number) for v in present)
        present.sort(key=None if numbers else str)
    levels = list(dict.fromkeys(level_text(v) for v in present))
    if len(levels) < 2 and len(declared) < 2:
        raise InputError(f"The factor {values.name!r} has one level only ({levels[0]}); required: two or more.")
    if reference is not None:
        if reference not in levels:
            raise InputError(f"{values.name!r} has no level {reference!r} to refer to; it has {', '.join(levels)}.")
        levels.sort(key=lambda level: level != reference)
    if len(levels) < 2:
        warnings.warn(
            f"{values.name!r} has one level only in these rows ({levels[0]}) and gets no coefficient.",
            DataWarning,
            stacklevel=3,
        )
    absent = [text for text in map(level_text, declared) if text not in levels]
    return Factor(values.name, tuple(levels), tuple(absent))


def level_text(value: object) -> str:
    """Text of a level: 1, 1.0 and "1" are the same."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value)


def _numeric(values: pd.Series) -> FloatArray:
    try:
        x = values.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            f"{values.name!r} holds text; required: numbers, or C({values.name}) in the formula."
        ) from None
    if not np.isfinite(x).all():
        raise InputError(f"{values.name!r} has missing or infinite values; impute or drop those rows first.")
    return x


def check_frame(data: object) -> pd.DataFrame:
    """Return a DataFrame; other types and repeated column names are refused."""
    if not isinstance(data, pd.DataFrame):
        raise InputError(f"data is a {type(data).__name__}; required: a DataFrame with named columns.")
    if data.columns.has_duplicates:
        raise InputError(f"The table repeats the column {data.columns[data.columns.duplicated()][0]!r}; rename one.")
    return data
