"""The baseline hazard of a proportional hazards model, and the survival that follows from it.

Models, nomograms, studies and frozen files all take it from here, so that a patient has the same survival in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.censoring import StepFunction
from radiokit.engine.cox import RiskSets, partial_likelihood, risk_sets
from radiokit.engine.inputs import FloatArray, check_choice, check_score
from radiokit.engine.survival_inputs import check_times
from radiokit.exceptions import InputError

LARGEST_PREDICTOR = 600.0  # exp(710) is the largest float


@dataclass(frozen=True, eq=False)
class Baseline:
    """Cumulative hazard of a case with linear predictor 0, for each stratum, and how long the stratum was followed."""

    hazards: tuple[StepFunction, ...]
    last_time: FloatArray

    @classmethod
    def from_table(cls, table: pd.DataFrame, last_time: FloatArray) -> Self:
        """Read a table ``time, cumulative_hazard`` (and ``stratum``, numbered from 0)."""
        stratum = table["stratum"] if "stratum" in table else pd.Series(0, index=table.index)
        parts = (table[stratum == k] for k in range(last_time.size))
        steps = [StepFunction(p["time"].to_numpy(), p["cumulative_hazard"].to_numpy(), start=0.0) for p in parts]
        return cls(tuple(steps), last_time)

    def table(self) -> pd.DataFrame:
        """Return ``stratum`` (its number), ``time, cumulative_hazard, survival``, one row per event time."""
        parts = [
            pd.DataFrame({"stratum": k, "time": step.times, "cumulative_hazard": step.values})
            for k, step in enumerate(self.hazards)
        ]
        table = pd.concat(parts, ignore_index=True)
        return table.assign(survival=np.exp(-table["cumulative_hazard"]))

    def cumulative_hazard(
        self, eta: FloatArray, times: ArrayLike, strata: NDArray[np.intp] | None = None
    ) -> FloatArray:
        """Cumulative hazard of shape (n, m) at linear predictors eta; NaN beyond the last follow-up."""
        grid = check_times(times, self.last_time)
        hazard = np.array([step.at(grid) for step in self.hazards])
        hazard[grid[None, :] > self.last_time[:, None]] = np.nan
        # As a sum of logarithms: no hazard at all stays none, however large the relative risk.
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(np.log(hazard)[_numbers(strata, eta.size)] + eta[:, None])

    def survival(self, eta: FloatArray, times: ArrayLike, strata: NDArray[np.intp] | None = None) -> FloatArray:
        """Survival of shape (n, m) at linear predictors eta; NaN beyond the last follow-up."""
        return np.exp(-self.cumulative_hazard(eta, times, strata))

    def median(self, eta: FloatArray, strata: NDArray[np.intp] | None = None) -> FloatArray:
        """First event time at which survival is at most one half; NaN if none is."""
        # A hazard that reaches log 2 but for rounding has reached it.
        with np.errstate(over="ignore"):
            needed = np.log(2) * np.exp(-eta) * (1 - 1e-12)
        median = np.full(eta.size, np.nan)
        number = _numbers(strata, eta.size)
        for k, step in enumerate(self.hazards):
            cases = np.flatnonzero(number == k)
            median[cases] = np.append(step.times, np.nan)[np.searchsorted(step.values, needed[cases])]
        return median


def _numbers(strata: NDArray[np.intp] | None, n: int) -> NDArray[np.intp]:
    return np.zeros(n, dtype=np.intp) if strata is None else strata


def baseline_hazard(
    time: FloatArray,
    event: NDArray[np.bool_],
    eta: ArrayLike,
    *,
    ties: str = "efron",
    strata: NDArray[np.intp] | None = None,
    weights: FloatArray | None = None,
) -> Baseline:
    r"""Estimate the baseline hazard of a proportional hazards model from its linear predictors.

    `eta` is the log relative hazard of each case; the result belongs to a case whose eta is 0. The outcome is checked
    and has an event; `ties`, `weights` and `strata` (numbers from 0) are those of the fit that gave eta.

    The jump at a time with deaths of total weight d, at risk R with sum :math:`S = \sum_R w e^{\eta}` and tied deaths D
    is :math:`d / S` for Breslow's ties, and for Efron's, with m deaths,
    :math:`\sum_{k=0}^{m-1} \frac{d/m}{S - \frac{k}{m} \sum_D w e^{\eta}}`. As ``survival::basehaz`` for the same ties
    (Breslow 1972, doi:10.1111/j.2517-6161.1972.tb00900.x; Efron 1977, doi:10.1080/01621459.1977.10480613).
    """
    check_choice(ties, ("efron", "breslow"), name="ties")
    predictor = check_score(eta, time.size, name="eta")
    largest = float(np.abs(predictor).max())
    if largest > LARGEST_PREDICTOR:
        raise InputError(
            f"A linear predictor of {largest:.3g} is beyond every relative hazard; required: at most "
            f"{LARGEST_PREDICTOR:g} in size. Centre the scores, or give them another scale."
        )
    sets = risk_sets(time, event, ties=ties, strata=strata, weights=weights)
    state = partial_likelihood(sets, np.empty((time.size, 0)), predictor[sets.order])
    number = _numbers(strata, time.size)
    last_time = np.array([time[number == k].max() for k in range(int(number.max()) + 1)])
    return from_steps(sets, state.hazard, last_time)


def from_steps(sets: RiskSets, hazard: FloatArray, last_time: FloatArray) -> Baseline:
    """Add up the hazards of the steps of a fit."""
    jumps, stratum = sets.by_block(hazard), sets.block_stratum
    parts = []
    for k in range(last_time.size):
        mine = stratum == k
        parts.append(StepFunction(sets.block_time[mine], np.cumsum(jumps[mine]), start=0.0))
    return Baseline(tuple(parts), last_time)
