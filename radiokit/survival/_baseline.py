"""From relative risks to survival: what every proportional hazards model shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.stats._censoring import StepFunction
from radiokit.stats._inputs import FloatArray
from radiokit.stats._survival_inputs import check_times


@dataclass(frozen=True, eq=False)
class Baseline:
    """Cumulative baseline hazard of each stratum, and how long it was followed."""

    hazards: tuple[StepFunction, ...]
    last_time: FloatArray

    @classmethod
    def from_table(cls, table: pd.DataFrame, last_time: FloatArray) -> Baseline:
        """Read a table ``stratum, time, cumulative_hazard`` with strata numbered from 0."""
        parts = (table[table["stratum"] == k] for k in range(last_time.size))
        steps = [StepFunction(p["time"].to_numpy(), p["cumulative_hazard"].to_numpy(), start=0.0) for p in parts]
        return cls(tuple(steps), last_time)

    def cumulative_hazard(self, eta: FloatArray, strata: NDArray[np.intp], times: ArrayLike) -> FloatArray:
        """Cumulative hazard of shape (n, m) at linear predictors eta; NaN beyond the last follow-up."""
        grid = check_times(times)
        hazard = np.array([step.at(grid) for step in self.hazards])
        hazard[grid[None, :] > self.last_time[:, None]] = np.nan
        # As a sum of logarithms: no hazard at all stays none, however large the relative risk.
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(np.log(hazard)[strata] + eta[:, None])

    def survival(self, eta: FloatArray, strata: NDArray[np.intp], times: ArrayLike) -> FloatArray:
        """Survival of shape (n, m) at linear predictors eta; NaN beyond the last follow-up."""
        return np.exp(-self.cumulative_hazard(eta, strata, times))

    def median(self, eta: FloatArray, strata: NDArray[np.intp]) -> FloatArray:
        """First event time at which survival is at most one half; NaN if none is."""
        # A hazard that reaches log 2 but for rounding has reached it.
        with np.errstate(over="ignore"):
            needed = np.log(2) * np.exp(-eta) * (1 - 1e-12)
        median = np.full(eta.size, np.nan)
        for k, step in enumerate(self.hazards):
            cases = np.flatnonzero(strata == k)
            median[cases] = np.append(step.times, np.nan)[np.searchsorted(step.values, needed[cases])]
        return median
