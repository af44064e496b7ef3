"""What every survival estimator checks before it fits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.engine.survival_inputs import check_times_events
from radiokit.utils.estimators import Outcome, survival_target


def check_outcome(y: Outcome, n: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return time and event of the outcome of n cases, with an event at least."""
    return check_times_events(survival_target(y, n), events=True)
