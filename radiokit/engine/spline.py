"""Restricted cubic splines with the knots and the basis of rms and Hmisc."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError

TIED_SHARE = 0.05  # share of cases at the minimum or maximum from which that end gets no spline knot of its own


def spline_knots(x: ArrayLike, n_knots: int) -> FloatArray:
    """Place the knots of a restricted cubic spline as rms does.

    They are quantiles (type 7) at equal steps between 0.1 and 0.9 (3 knots), 0.05 and 0.95 (4 to 6), 0.025 and 0.975
    (7 and more); below 100 cases the outer ones are the 5th smallest and 5th largest value. An end at which 5 % of the
    cases or more are tied, while no inner value has so many, gives way to the next value inside. Source: Harrell,
    Regression Modeling Strategies (doi:10.1007/978-3-319-19425-7), section 2.4.
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


def spline_basis(x: ArrayLike, knots: ArrayLike) -> FloatArray:
    r"""Evaluate the restricted cubic spline basis: x, then for each of k knots but the last two a cubic term.

    The term of :math:`t_j` is :math:`\left[(x-t_j)_+^3 - (x-t_{k-1})_+^3\frac{t_k-t_j}{t_k-t_{k-1}} + (x-t_k)_+^3
    \frac{t_{k-1}-t_j}{t_k-t_{k-1}}\right] / (t_k-t_1)^2`: linear beyond the outer knots (Harrell, section 2.4.5; the
    ``norm=2`` of Hmisc).
    """
    x = np.asarray(x, dtype=float)
    t = np.asarray(knots, dtype=float)
    cube = np.maximum(x[:, None] - t, 0) ** 3
    gap = t[-1] - t[-2]
    terms = cube[:, :-2] - cube[:, [-2]] * (t[-1] - t[:-2]) / gap + cube[:, [-1]] * (t[-2] - t[:-2]) / gap
    return np.column_stack([x, terms / (t[-1] - t[0]) ** 2])
