"""The nomogram: a model as points that can be added up by hand."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radiokit.engine.design import Factor, Single, Spline, check_frame, level_text
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError
from radiokit.nomogram._page import write_page
from radiokit.nomogram._pretty import pretty
from radiokit.nomogram.source import ModelNumbers, read_model
from radiokit.utils.notebook import notebook_table

INTERVALS = 10
SCALE_ROWS = 201


class Nomogram:
    r"""Points for each predictor of a logistic or Cox model, their sum, and the prediction that belongs to it.

    Made by `from_model`.

    Parameters
    ----------
    source : ModelNumbers
        The numbers of a fitted model.
    ticks : dict
        Variable to the values on its axis.
    max_points : float
        Points that the widest axis spans.
    times : tuple of float
        Times at which survival or cumulative incidence is given.

    Attributes
    ----------
    table : DataFrame
        ``variable, value, points``: one row for each tick of each variable's axis; `value` is a number or the text of
        a level.
    scale : DataFrame
        ``total_points, linear_predictor`` and ``probability`` (logistic), ``survival_<time>`` for each time (Cox with
        `times`), ``cumulative_incidence_<time>`` (competing risks), or ``median_survival``: 201 rows from 0 to the
        largest possible sum of ticks.
    points_per_unit : float
        Points for a unit of the linear predictor.
    lp_at_zero : float
        Linear predictor at 0 total points.

    See Also
    --------
    radiokit.plotting.NomogramDisplay : Draws it.

    Notes
    -----
    As ``rms::nomogram``: on axis v with ticks :math:`t`, the variable adds :math:`f_v(t)` to the linear predictor (a
    line, one step for each level, or a spline). The axis with the largest range :math:`\max f_v - \min f_v` over its
    ticks spans `max_points`; :math:`points = (f_v(t) - \min f_v) \cdot` `points_per_unit`. Ticks are R's
    ``pretty(range, 10)``, or the values themselves where a variable has at most 10; they may lie outside of the data.
    Kattan et al. 1998 (doi:10.1093/jnci/90.10.766), Iasonos et al. 2008 (doi:10.1200/JCO.2007.12.9791).

    *How to read it.* For a patient look up the points of each value, add them, and read the prediction at the sum. The
    length of an axis shows how much its variable can matter over its range, not how certain that is. `predict` goes
    through the model's formula rather than along the axis, so it equals the model's own prediction to rounding.

    Examples
    --------
    >>> from radiokit.models import LogisticModel
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65, 55, 72], "y": [0, 0, 1, 1, 1, 0, 0, 1]})
    >>> model = LogisticModel().fit(data[["age"]], data["y"])
    >>> nomogram = Nomogram.from_model(model)
    >>> nomogram.table["points"].round(1).tolist()
    [0.0, 15.6, 31.2, 46.9, 62.5, 78.1, 93.7, 100.0]
    >>> total = nomogram.total_points(data)
    >>> bool(np.allclose(nomogram.predict(total), model.predict_proba(data[["age"]])[:, 1]))
    True
    """

    def __init__(
        self,
        source: ModelNumbers,
        ticks: Mapping[Hashable, Sequence[Any]],
        max_points: float,
        times: tuple[float, ...] = (),
    ) -> None:
        self._source = source
        self.times = times
        self.max_points = float(max_points)
        effects = {v: self._effects(v, values) for v, values in ticks.items()}
        widest = max(float(np.ptp(e)) for e in effects.values())
        if not widest > 0:
            raise InputError(
                "No variable of the model has an effect over its axis; there is nothing to give points for."
            )
        self.points_per_unit = self.max_points / widest
        self._lowest = pd.Series({v: float(e.min()) for v, e in effects.items()})
        self.lp_at_zero = source.intercept + float(self._lowest.sum())
        self.table = pd.concat(
            pd.DataFrame(
                {
                    "variable": str(v),
                    "value": pd.Series(list(ticks[v]), dtype=object),
                    "points": (e - e.min()) * self.points_per_unit,
                }
            )
            for v, e in effects.items()
        ).reset_index(drop=True)

    @classmethod
    def from_model(
        cls,
        model: object,
        *,
        times: ArrayLike | None = None,
        max_points: float = 100,
        scales: Mapping[Hashable, Sequence[Any]] | None = None,
    ) -> Self:
        """Make the nomogram of a fitted model.

        Parameters
        ----------
        model : LogisticModel, CoxModel, FineGray, LogisticRegression, CoxPHFitter, or statsmodels result
            Fitted; without interactions or strata.
        times : array-like, optional
            Times at which a Cox nomogram gives survival; absent, it gives the median survival. Required for a model of
            competing risks, whose nomogram gives the cumulative incidence of its cause.
        max_points : float
            Points that the widest axis spans.
        scales : dict, optional
            Variable to the values on its axis. Needed for every variable of models that do not keep the range of their
            data (scikit-learn, lifelines).

        Returns
        -------
        Nomogram
            The points.

        Raises
        ------
        InputError
            If the model has no linear predictor of two classes or of survival, or a range is not known.
        """
        if not max_points > 0:
            raise InputError(f"max_points is {max_points!r}; required: above 0.")
        scales = dict(scales or {})
        source = read_model(model, scales)
        unknown = [str(v) for v in scales if v not in source.design.variables]
        if unknown:
            raise InputError(
                f"scales names {', '.join(unknown)}; the model has {', '.join(map(str, source.design.variables))}."
            )
        ticks = {t.variable: _ticks(t, scales.get(t.variable)) for t in source.design.singles}
        if not ticks:
            raise InputError("The model has no predictors; there is nothing to give points for.")
        return cls(source, ticks, max_points, _checked_times(times, source))

    def _effects(self, variable: Hashable, values: Sequence[Any]) -> FloatArray:
        position = self._source.design.variables.index(variable)
        term, columns = self._source.design.singles[position], self._source.design.slices[position]
        return term.columns(pd.Series(list(values), name=variable)) @ self._source.coef[columns]

    @property
    def scale(self) -> pd.DataFrame:
        """Total points beside what they predict."""
        most = float(self.table.groupby("variable", sort=False)["points"].max().sum())
        total = np.linspace(0, most, SCALE_ROWS)
        frame = pd.DataFrame({"total_points": total, "linear_predictor": self._linear_predictor(total)})
        prediction = self.predict(total)
        if self.times:
            axis = "cumulative_incidence" if self._source.incidence else "survival"
            return frame.assign(**{f"{axis}_{t:g}": prediction[:, k] for k, t in enumerate(self.times)})
        return frame.assign(**{"probability" if self._source.baseline is None else "median_survival": prediction})

    def points(self, X: pd.DataFrame) -> pd.Series:
        """Return the points of each variable of each case.

        Parameters
        ----------
        X : DataFrame
            Raw columns, as the model takes them.

        Returns
        -------
        Series
            Indexed by case and variable (``.unstack()`` makes it a table). Values beyond the axis have points below 0
            or above its maximum.
        """
        check_frame(X)
        above = self._source.contributions(X) - self._lowest
        points = (above * self.points_per_unit).rename_axis(index=X.index.name or "case_id", columns="variable")
        return points.stack().rename("points")

    def total_points(self, X: pd.DataFrame) -> pd.Series:
        """Return the sum of the points of each case.

        Parameters
        ----------
        X : DataFrame
            Raw columns, as the model takes them.

        Returns
        -------
        Series
            Indexed as `X`.
        """
        check_frame(X)
        above = self._source.contributions(X).to_numpy() - self._lowest.to_numpy()
        return pd.Series(above.sum(axis=1) * self.points_per_unit, index=X.index, name="total_points")

    def predict(self, total_points: ArrayLike) -> FloatArray:
        """Return the prediction that belongs to sums of points.

        Parameters
        ----------
        total_points : array-like of shape (n,)
            Sums of points, as `total_points` gives them for a table of cases.

        Returns
        -------
        ndarray
            Probability of the positive class, shape (n,); at `times` the survival of a Cox model, or the cumulative
            incidence of a model of competing risks, shape (n, n_times), NaN beyond the last follow-up; without `times`
            the median survival, shape (n,), NaN where it is not reached.

        Raises
        ------
        InputError
            If a table of cases is given: its values would be taken for points.
        """
        if isinstance(total_points, pd.DataFrame) or np.ndim(total_points) > 1:
            raise InputError(
                "predict takes the sum of points of each case, and got a table. Of a table of cases: "
                "nomogram.predict(nomogram.total_points(X))."
            )
        eta = self._linear_predictor(np.atleast_1d(np.asarray(total_points, dtype=float)))
        return self._source.predict(eta, self.times)

    def _linear_predictor(self, total_points: FloatArray) -> FloatArray:
        return self.lp_at_zero + total_points / self.points_per_unit

    def to_html(self, path: str | os.PathLike[str], *, title: str = "Nomogram") -> None:
        """Write an interactive page: values in, points and prediction out. It needs no network and no server.

        Parameters
        ----------
        path : path
            Where to.
        title : str
            Heading of the page.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        write_page(self._numbers(), path, title)

    def _numbers(self) -> dict[str, Any]:
        """Return all that the page computes with."""
        source = self._source
        terms = []
        for term, columns in zip(source.design.singles, source.design.slices, strict=True):
            rows = self.table[self.table["variable"] == str(term.variable)]
            ruler = {"ticks": rows["value"].tolist(), "points": rows["points"].tolist()}
            terms.append({"name": str(term.variable), "coef": source.coef[columns].tolist(), **ruler, **_kind(term)})
        base = source.baseline
        step = base.hazards[0] if base is not None and not self.times else None
        reached = base.survival(np.zeros(1), self.times)[0] if base is not None and self.times else []
        return {
            "terms": terms,
            "intercept": source.intercept,
            "lp_at_zero": self.lp_at_zero,
            "points_per_unit": self.points_per_unit,
            "max_points": self.max_points,
            "kind": "logistic" if base is None else "survival" if self.times else "median",
            "incidence": source.incidence,
            "times": list(self.times),
            "baseline": [None if np.isnan(s) else float(s) for s in reached],
            "event_times": [] if step is None else step.times.tolist(),
            "hazard": [] if step is None else step.values.tolist(),
        }

    def __repr__(self) -> str:
        return f"Nomogram({', '.join(map(str, self._source.design.variables))})"

    def _repr_html_(self) -> str:
        """Points of the lowest and the highest tick of each variable, for a notebook."""
        rows = []
        for variable, part in self.table.groupby("variable", sort=False):
            low, high = part.loc[part["points"].idxmin()], part.loc[part["points"].idxmax()]
            rows.append((variable, low["value"], high["value"], high["points"]))
        return notebook_table("Nomogram", ("variable", "0 points at", "most points at", "most points"), rows)


def _checked_times(times: ArrayLike | None, source: ModelNumbers) -> tuple[float, ...]:
    if times is not None and source.baseline is None:
        raise InputError("times is for survival models; this one predicts a probability.")
    if times is None and source.incidence:
        raise InputError(
            "times is None; required for a model of competing risks: its cumulative incidence may never reach one "
            "half, so that there is no median. Give the times of interest, for example times=[2, 5]."
        )
    points = () if times is None else tuple(np.atleast_1d(np.asarray(times, dtype=float)).tolist())
    if any(not t > 0 for t in points):
        raise InputError(f"times holds {points}; required: times above 0.")
    return points


def _kind(term: Single) -> dict[str, Any]:
    if isinstance(term, Factor):
        return {"kind": "factor", "levels": list(term.levels)}
    if isinstance(term, Spline):
        return {"kind": "spline", "knots": list(term.knots), "low": term.low, "high": term.high}
    return {"kind": "linear", "low": term.low, "high": term.high}


def _ticks(term: Single, given: Sequence[Any] | None) -> list[Any]:
    if isinstance(term, Factor):
        return [level_text(v) for v in given] if given is not None else list(term.levels)
    if given is not None:
        values = [float(v) for v in given]
        if len(values) < 2:
            raise InputError(f"scales[{term.variable!r}] has {len(values)} value; required: two or more.")
        return values
    return list(term.values) if term.values else pretty(term.low, term.high, INTERVALS).tolist()
