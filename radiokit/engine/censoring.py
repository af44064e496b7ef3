"""Step functions of time, and the Kaplan-Meier estimate of staying uncensored that weights by it need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.utils import tie_to


@dataclass(frozen=True, eq=False)
class StepFunction:
    """A right-continuous step function: `values[k]` from `times[k]` on, `start` ahead of the first time."""

    times: FloatArray
    values: FloatArray
    start: float = 1.0

    def at(self, t: ArrayLike) -> FloatArray:
        """Values at t; a t that is one of the times but for rounding is that time."""
        return self._at(t, "right")

    def before(self, t: ArrayLike) -> FloatArray:
        """Limits from the left at t."""
        return self._at(t, "left")

    def _at(self, t: ArrayLike, side: str) -> FloatArray:
        padded = np.append(self.start, self.values)
        return padded[np.searchsorted(self.times, tie_to(t, self.times), side=side)]  # type: ignore[call-overload]


@dataclass(frozen=True, eq=False)
class LifeTable:
    """Numbers (or weights) at risk, with an event and censored at each distinct time."""

    time: FloatArray
    at_risk: NDArray[Any]
    events: NDArray[Any]
    censored: NDArray[Any]


def life_table(time: FloatArray, event: NDArray[np.bool_], weight: FloatArray | None = None) -> LifeTable:
    """Count who is at risk, dies and is censored at every distinct time, or sum the weights of those who do."""
    times, place = np.unique(time, return_inverse=True)
    total, events = (
        np.bincount(place[mask], weights=None if weight is None else weight[mask], minlength=times.size)
        for mask in (np.ones(time.size, dtype=bool), event)
    )
    return LifeTable(times, np.cumsum(total[::-1])[::-1], events, total - events)


def kaplan_meier_product(events: NDArray[Any], at_risk: NDArray[Any]) -> FloatArray:
    """Product over times of one minus the share that has the event."""
    return np.asarray(np.cumprod(1 - events / at_risk), dtype=float)


def survival_function(time: FloatArray, event: NDArray[np.bool_]) -> StepFunction:
    """Kaplan-Meier estimate of being free of the event."""
    table = life_table(time, event)
    return StepFunction(table.time, kaplan_meier_product(table.events, table.at_risk))


def censoring_function(time: FloatArray, event: NDArray[np.bool_], weight: FloatArray | None = None) -> StepFunction:
    r"""Kaplan-Meier estimate G of being uncensored; at a tied time, events leave the risk set first.

    .. math:: G(t) = \prod_{u \le t} \left(1 - \frac{c_u}{n_u - d_u}\right)

    This is the convention of R's prodlim, and of survival::concordance for its weights.
    """
    table = life_table(time, event, weight)
    # Where no case is left nobody is censored, and any number will do.
    exposed = np.where(table.censored > 0, table.at_risk - table.events, 1)
    return StepFunction(table.time, kaplan_meier_product(table.censored, exposed))
