"""The risk of an event by a horizon, in any group of patients under follow-up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray, SurvivalOutcome
from radiokit.engine.survival_inputs import check_causes
from radiokit.exceptions import InputError, OutcomeError
from radiokit.utils import check_survival_target, is_survival_target, tie_to


@dataclass(frozen=True)
class FollowUp:
    """Follow-up to a horizon: cause 0 is censored, 1 the event of interest, higher numbers compete with it.

    `rank` is the number of distinct event times up to a patient's own time, none after the horizon.
    """

    time: FloatArray
    horizon: float
    rank: NDArray[np.intp]
    event: NDArray[np.bool_]
    primary: NDArray[np.bool_]
    n_times: int

    def risk(self, cases: NDArray[np.bool_] | NDArray[np.intp]) -> float:
        """Aalen-Johansen cumulative incidence at the horizon among `cases` (a mask, or indices with repeats).

        One minus Kaplan-Meier where nothing competes. NaN where nobody among them is followed to the horizon.
        """
        if not self.time[cases].size or self.time[cases].max() < self.horizon:
            return math.nan
        return self.risk_carried_forward(cases)

    def risk_carried_forward(self, cases: NDArray[np.bool_] | NDArray[np.intp]) -> float:
        """Return the risk as `risk`, from the last follow-up where it ends before the horizon."""
        rank, bins = self.rank[cases], self.n_times + 1
        at_risk = np.cumsum(np.bincount(rank, minlength=bins)[::-1])[::-1][1:]
        events = np.bincount(rank[self.event[cases]], minlength=bins)[1:]
        primary = np.bincount(rank[self.primary[cases]], minlength=bins)[1:]
        at_risk = np.maximum(at_risk, 1)
        free = np.cumprod(np.append(1.0, 1 - events / at_risk))[:-1]
        return float(np.sum(free * primary / at_risk))


def follow_up(y: SurvivalOutcome, horizon: float) -> FollowUp:
    """Build follow-up from a survival target (`event`, `time`) or from a table with `cause` and `time`."""
    if is_survival_target(y):
        target = check_survival_target(y)
        time, cause = target["time"], target["event"].astype(int)
    else:
        time, cause = check_causes(y["time"], y["cause"], events=False)
    if not (np.isfinite(horizon) and horizon > 0):
        raise InputError(f"time is {horizon!r}; required: a positive number, in the unit of the follow-up.")
    horizon = float(tie_to(horizon, time))
    if time.max() < horizon:
        raise OutcomeError(
            f"time is {horizon:g}, and the longest follow-up is {time.max():g}; required: a horizon within the "
            "follow-up."
        )
    event = (cause > 0) & (time <= horizon)
    times = np.unique(time[event])
    return FollowUp(
        time=time,
        horizon=horizon,
        rank=np.searchsorted(times, time, side="right"),
        event=event,
        primary=event & (cause == 1),
        n_times=times.size,
    )


def is_competing_target(y: object) -> bool:
    """Tell whether `y` has the fields or columns `cause` and `time`."""
    names = y.columns if isinstance(y, pd.DataFrame) else getattr(getattr(y, "dtype", None), "names", None) or ()
    return {"cause", "time"} <= {str(name) for name in names}
