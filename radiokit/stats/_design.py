"""Formulas and design matrices: linear terms, factors ``C()`` and restricted cubic splines ``rcs()``, as R and rms.

``design, frame = model_frame("y ~ age + C(stage) + rcs(cea, 4)", data)`` learns levels, knots and ranges from the
complete rows; ``design.matrix(new_data)`` applies them to any later table. All that is learnt is numbers and text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.exceptions import DataWarning, InputError, ParameterError
from radiokit.stats._inputs import FloatArray

FEW_VALUES = 10  # up to so many distinct values a numeric variable is shown by its values, as rms' datadist
TIED_SHARE = 0.05  # share of cases at the minimum or maximum from which that end gets no spline knot of its own


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
    """A categorical variable: indicators of every level but the first."""

    variable: Hashable
    levels: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Names ``variable=level``."""
        return [f"{self.variable}={level}" for level in self.levels[1:]]

    def columns(self, values: pd.Series) -> FloatArray:
        """Design columns of shape (n, n_levels - 1)."""
        text = values.map(level_text)
        unknown = [v for v in pd.unique(text) if v not in self.levels]
        if unknown:
            raise InputError(
                f"{self.variable!r} holds the levels {unknown[:5]!r} that were not there when the model was fitted; "
                f"known: {', '.join(self.levels)}. Recode them first."
            )
        return np.column_stack([(text == level).to_numpy(dtype=float) for level in self.levels[1:]])


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


Term = Linear | Factor | Spline


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
        return [term.variable for term in self.terms]

    @property
    def slices(self) -> list[slice]:
        """Where the columns of each term lie."""
        edges = np.cumsum([0, *(len(term.names) for term in self.terms)])
        return [slice(int(a), int(b)) for a, b in pairwise(edges)]

    def matrix(self, data: pd.DataFrame) -> pd.DataFrame:
        """Design columns of raw columns; missing values are refused."""
        check_frame(data)
        absent = [str(v) for v in self.variables if v not in data.columns]
        if absent:
            raise InputError(f"The table lacks the columns {', '.join(absent[:8])}; the model was fitted with them.")
        holes = [str(v) for v in self.variables if data[v].isna().any()]
        if holes:
            raise InputError(f"Missing values in {', '.join(holes[:8])}; impute or drop those rows first.")
        if not self.terms:
            return pd.DataFrame(index=data.index)
        blocks = [term.columns(data[term.variable]) for term in self.terms]
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


def model_frame(formula: str, data: pd.DataFrame) -> tuple[Design, pd.DataFrame]:
    """Read a formula and learn its design from the complete rows of a table.

    Parameters
    ----------
    formula : str
        ``"y ~ age + C(stage) + rcs(cea, 4)"`` or ``"Surv(time, event) ~ ..."``. Names that are no Python names go in
        backticks; ``.`` stands for all other columns; text columns are factors with or without ``C()``.
    data : DataFrame
        Raw columns.

    Returns
    -------
    design : Design
        Levels, knots and ranges.
    frame : DataFrame
        The rows without missing values in the columns used; `design.matrix(frame)` are the covariates.
    """
    check_frame(data)
    response, parts = parse_formula(formula)
    if any(p[0] == "." for p in parts):
        named = {*response, *(p[1] for p in parts)}
        rest = [("auto", column, None) for column in data.columns if column not in named]
        parts = [q for p in parts for q in (rest if p[0] == "." else [p])]
    used = [*response, *(p[1] for p in parts)]
    absent = [str(v) for v in used if v not in data.columns]
    if absent:
        raise InputError(
            f"The formula {formula!r} names {', '.join(absent)}; the table has {', '.join(map(str, data.columns[:12]))}"
            f"{', ...' if data.shape[1] > 12 else ''}."
        )
    frame = data.loc[data[used].notna().all(axis=1)]
    if len(frame) < len(data):
        warnings.warn(
            f"{len(data) - len(frame)} of {len(data)} rows miss a value in the model's columns and are left out.",
            DataWarning,
            stacklevel=3,
        )
    if frame.empty:
        raise InputError(f"No row is complete in {', '.join(map(str, used))}; impute the missing values first.")
    terms = tuple(_learn(kind, frame[variable], option) for kind, variable, option in parts)
    return Design(terms, tuple(response), formula), frame


def column_design(X: pd.DataFrame) -> Design:
    """Learn a design with one term a column: text columns are factors, all others linear."""
    return Design(tuple(_learn("auto", X[column], None) for column in X.columns))


def parse_formula(formula: str) -> tuple[list[str], list[tuple[str, Any, Any]]]:
    """Split a formula into names on the left and (kind, variable, option) on the right."""
    left, tilde, right = formula.partition("~")
    if not tilde or not left.strip() or not right.strip():
        raise ParameterError(f"The formula is {formula!r}; required: 'outcome ~ term + term', for example 'y ~ age'.")
    survival = re.fullmatch(r"\s*Surv\((.+)\)\s*", left)
    response = [_name(v) for v in _split(survival.group(1) if survival else left, ",")]
    if len(response) != (2 if survival else 1):
        raise ParameterError(f"The left side is {left.strip()!r}; required: one outcome, or Surv(time, event).")
    parts = [_term(text) for text in _split(right, "+") if text != "1"]
    repeated = {str(p[1]) for p in parts if sum(q[1] == p[1] for q in parts) > 1}
    if repeated:
        raise ParameterError(f"The formula names {', '.join(sorted(repeated))} more than once; required: once each.")
    return response, parts


def _split(text: str, separator: str) -> list[str]:
    """Split outside of brackets and backticks."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, letter in enumerate(text):
        quoted ^= letter == "`"
        if not quoted:
            depth += (letter in "([") - (letter in ")]")
            if letter == separator and depth == 0:
                parts.append(text[start:i].strip())
                start = i + 1
    return [*parts, text[start:].strip()]


def _name(text: str) -> str:
    text = text.strip()
    if len(text) > 2 and text[0] == text[-1] == "`":
        return text[1:-1]
    if not re.fullmatch(r"[^\W\d][\w.]*", text):
        raise ParameterError(
            f"{text!r} cannot be read as a column name. Terms are a name, C(name) or rcs(name, knots), joined by +; a "
            "name with other characters goes in backticks; an interaction or a transformed variable is made a column."
        )
    return text


def _term(text: str) -> tuple[str, Any, Any]:
    if text == ".":
        return (".", ".", None)
    call = re.fullmatch(r"(C|rcs)\((.*)\)", text, re.DOTALL)
    if not call:
        return ("auto", _name(text), None)
    name, *options = _split(call.group(2), ",")
    if call.group(1) == "C":
        if options:
            raise ParameterError(f"{text!r}: C() takes one name; an ordered categorical sets the order of levels.")
        return ("C", _name(name), None)
    if len(options) > 1:
        raise ParameterError(f"{text!r}: required: rcs(name, number of knots) or rcs(name, [knot, knot, knot]).")
    return ("rcs", _name(name), _knot_option(options[0] if options else "5", text))


def _knot_option(option: str, text: str) -> int | list[float]:
    try:
        if option.startswith("["):
            knots = sorted({float(v) for v in option.strip("[]").split(",")})
        else:
            return int(option)
    except ValueError:
        raise ParameterError(f"{text!r}: {option!r} is no number of knots and no list of knots.") from None
    if len(knots) < 3:
        raise ParameterError(f"{text!r} has {len(knots)} different knots; required: 3 or more.")
    return knots


def _learn(kind: str, values: pd.Series, option: Any) -> Term:
    text = not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if kind == "C" or (kind == "auto" and text):
        return Factor(values.name, _levels(values))
    x = _numeric(values)
    distinct = np.unique(x)
    shown = tuple(distinct.tolist()) if distinct.size <= FEW_VALUES else ()
    if kind == "rcs":
        knots = spline_knots(x, option) if isinstance(option, int) else option
        return Spline(values.name, tuple(map(float, knots)), float(distinct[0]), float(distinct[-1]), shown)
    return Linear(values.name, float(distinct[0]), float(distinct[-1]), shown)


def _levels(values: pd.Series) -> tuple[str, ...]:
    """Levels present: the categories' order where there is one, numbers by size, text by letter."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        present = [level for level in values.cat.categories if (values == level).any()]
    else:
        present = list(pd.unique(values))
        numbers = all(isinstance(v, int | float | np.number) for v in present)
        present.sort(key=None if numbers else str)
    levels = tuple(dict.fromkeys(level_text(v) for v in present))
    if len(levels) < 2:
        raise InputError(f"The factor {values.name!r} has one level only ({levels[0]}); required: two or more.")
    return levels


def level_text(value: Any) -> str:
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


def check_frame(data: Any) -> None:
    """Refuse what is no DataFrame, and repeated column names."""
    if not isinstance(data, pd.DataFrame):
        raise InputError(f"data is a {type(data).__name__}; required: a DataFrame with named columns.")
    if data.columns.has_duplicates:
        raise InputError(f"The table repeats the column {data.columns[data.columns.duplicated()][0]!r}; rename one.")


def spline_knots(x: ArrayLike, n_knots: int) -> FloatArray:
    r"""Place the knots of a restricted cubic spline as rms does.

    Parameters
    ----------
    x : array-like of shape (n,)
        Values of the variable.
    n_knots : int
        3 to 7 or more.

    Returns
    -------
    ndarray of shape (n_knots,)
        Quantiles (type 7) at equal steps between 0.1 and 0.9 (3 knots), 0.05 and 0.95 (4 to 6), 0.025 and 0.975 (7 and
        more); below 100 cases the outer ones are the 5th smallest and 5th largest value. An end at which 5 % of the
        cases or more are tied, while no inner value has so many, gives way to the next value inside.

    Notes
    -----
    Harrell, Regression Modeling Strategies (doi:10.1007/978-3-319-19425-7), section 2.4.
    """
    values = np.sort(np.asarray(x, dtype=float))
    distinct, counts = np.unique(values, return_counts=True)
    if n_knots < 3 or values.size < 6 or distinct.size < 5:
        raise InputError(
            f"rcs with {n_knots} knots on {values.size} cases with {distinct.size} distinct values; required: 3 knots "
            "or more, 6 cases and 5 distinct values. Use the variable as it is, or as C()."
        )
    if distinct.size - 2 <= n_knots:
        return distinct[1:-1]
    share = counts / values.size
    first, last = [], []
    if share[1:-1].max() < TIED_SHARE:
        if share[0] >= TIED_SHARE:
            first = [distinct[1]]
            values = values[values > first[0]]
        if share[-1] >= TIED_SHARE:
            last = [distinct[-2]]
            values = values[values < last[0]]
    inner = n_knots - len(first) - len(last)
    outer = 0.1 if n_knots == 3 else 0.05 if n_knots <= 6 else 0.025
    if inner == 1:
        knots = np.array([np.median(values)])
    else:
        knots = np.quantile(values, np.linspace(0.5 if inner == 2 else outer, 1 - outer, inner))
    if values.size < 100 and inner > 1:
        knots[0] = knots[0] if first else values[min(4, values.size - 1)]
        knots[-1] = knots[-1] if last else values[max(values.size - 5, 0)]
    knots = np.unique([*first, *knots, *last])
    if knots.size < 3:
        raise InputError(f"rcs: ties leave {knots.size} different knots of {n_knots}; use the variable as it is.")
    return knots


def spline_basis(x: ArrayLike, knots: Sequence[float]) -> FloatArray:
    r"""Evaluate the restricted cubic spline basis.

    Parameters
    ----------
    x : array-like of shape (n,)
        Values.
    knots : sequence of k >= 3 floats
        Increasing.

    Returns
    -------
    ndarray of shape (n, k - 1)
        x, then for j = 1, ..., k - 2 the cubic terms.

    Notes
    -----
    :math:`\left[(x-t_j)_+^3 - (x-t_{k-1})_+^3\frac{t_k-t_j}{t_k-t_{k-1}} + (x-t_k)_+^3
    \frac{t_{k-1}-t_j}{t_k-t_{k-1}}\right] / (t_k-t_1)^2`: linear beyond the outer knots (Harrell, section 2.4.5; the
    ``norm=2`` of Hmisc).
    """
    x = np.asarray(x, dtype=float)
    t = np.asarray(knots, dtype=float)
    cube = np.maximum(x[:, None] - t, 0) ** 3
    gap = t[-1] - t[-2]
    terms = cube[:, :-2] - cube[:, [-2]] * (t[-1] - t[:-2]) / gap + cube[:, [-1]] * (t[-2] - t[:-2]) / gap
    return np.column_stack([x, terms / (t[-1] - t[0]) ** 2])
