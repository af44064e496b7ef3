"""What every survival estimator checks before it fits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.engine.survival_inputs import check_times_events
from radiokit.exceptions import InputError, OutcomeError


def check_outcome(y: Any, n: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return time and event of the outcome of n cases, with an event at least."""
    if y is None:
        raise OutcomeError(
            "This estimator requires y to be passed, but the target y is None; give a survival outcome "
            "(radiokit.survival.as_target(event, time))."
        )
    time, event = check_times_events(y, events=True)
    if time.size != n:
        raise InputError(f"X has {n} cases and y has {time.size}; required: one outcome a case.")
    return time, event
