"""The models behind the univariable and multivariable tables: logistic for two classes, Cox for times to an event."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.engine.cox import fit_cox
from radiokit.engine.design import column_design
from radiokit.engine.hazard_table import hazard_table
from radiokit.engine.inputs import check_magnitude
from radiokit.exceptions import DataWarning, InputError, OutcomeError, ParameterError, SeparationWarning
from radiokit.models._logistic import LogisticModel
from radiokit.utils import check_binary_target, check_survival_target, drop_warnings, is_survival_target
from radiokit.utils.estimators import Outcome


@dataclass(frozen=True)
class TableFit:
    """Coefficients of a fit (an intercept among them, where there is one) and Akaike's criterion."""

    summary: pd.DataFrame
    aic: float


@dataclass(frozen=True, eq=False)
class Binary:
    """An outcome of two classes, and its logistic models."""

    y: NDArray[np.bool_]
    confidence_level: float
    firth: bool
    ratio = "odds_ratio"

    def take(self, rows: NDArray[np.bool_]) -> Binary:
        """Return the outcome of some cases."""
        return Binary(self.y[rows], self.confidence_level, self.firth)

    @property
    def n_events(self) -> int:
        """Positive cases."""
        return int(self.y.sum())

    @property
    def rarer(self) -> int:
        """Cases of the rarer class, which bound how many coefficients can be estimated."""
        return min(self.n_events, self.y.size - self.n_events)

    def check(self) -> None:
        """Refuse an outcome of one class."""
        check_binary_target(self.y, name="y of these rows")

    def fit(self, X: pd.DataFrame, *, firth: bool | None = None) -> TableFit:
        """Fit to a design with one term for each column; what cannot be estimated is NaN rows of the table."""
        matrix = column_design(X).matrix(X)
        if matrix.shape[1] == 0:
            matrix = pd.DataFrame({"constant": np.zeros(len(X))})
        model = LogisticModel(confidence_level=self.confidence_level, firth=self.firth if firth is None else firth)
        with drop_warnings(DataWarning):
            model.fit(matrix, self.y)
        names = ["Intercept", *matrix.columns]
        summary = model.summary_.set_axis(pd.Index(names, name="feature"), axis=0)
        return TableFit(summary if X.shape[1] else summary.iloc[:1], float(model.aic_))


@dataclass(frozen=True, eq=False)
class Survival:
    """Times to an event, and its Cox models (Efron's ties)."""

    y: NDArray[np.void]
    confidence_level: float
    ratio = "hazard_ratio"

    def take(self, rows: NDArray[np.bool_]) -> Survival:
        """Return the outcome of some cases."""
        return Survival(self.y[rows], self.confidence_level)

    @property
    def n_events(self) -> int:
        """Events."""
        return int(self.y["event"].sum())

    @property
    def rarer(self) -> int:
        """Events, which bound how many coefficients can be estimated."""
        return self.n_events

    def check(self) -> None:
        """Refuse an outcome without events."""
        if not self.n_events:
            raise OutcomeError("The cases hold no event; required: one at least.")

    def fit(self, X: pd.DataFrame, *, firth: bool | None = None) -> TableFit:
        """Fit to a design with one term for each column; what cannot be estimated is NaN rows of the table."""
        design = column_design(X)
        matrix = check_magnitude(design.matrix(X).to_numpy(dtype=float), design.names)
        found = fit_cox(matrix, self.y["time"], self.y["event"])
        if found.infinite.any():
            names = [name for name, bad in zip(design.names, found.infinite, strict=True) if bad]
            warnings.warn(
                f"The coefficients of {names[:5]} run to infinity: the events are separated. Their intervals and "
                "p-values mean nothing; merge rare categories, or leave the variable out.",
                SeparationWarning,
                stacklevel=4,
            )
        se = np.sqrt(found.covariance.diagonal())
        summary = hazard_table(design.names, found.coef, se, self.confidence_level)
        return TableFit(summary, 2 * int(found.used.sum()) - 2 * found.log_likelihood)


def table_outcome(X: pd.DataFrame, y: Outcome, *, confidence_level: float, firth: bool) -> Binary | Survival:
    """Return the outcome of the cases of X, of whichever kind it is."""
    if is_survival_target(y) and firth:
        raise ParameterError("firth=True is for a binary outcome; this one is a time to an event.")
    if is_survival_target(y):
        outcome: Binary | Survival = Survival(check_survival_target(y), confidence_level)
    else:
        outcome = Binary(check_binary_target(y, name="y"), confidence_level, firth)
    if len(outcome.y) != len(X):
        raise InputError(f"X has {len(X)} rows and y {len(outcome.y)} values; required: one outcome for each row.")
    outcome.check()
    return outcome
