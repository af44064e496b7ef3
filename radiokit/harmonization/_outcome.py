"""ComBat never learns from the outcome, in whatever spelling."""

from __future__ import annotations

import warnings
from collections.abc import Sequence, Sized

import numpy as np
import pandas as pd

from radiokit.exceptions import DataWarning, LeakageError
from radiokit.utils import spells_outcome
from radiokit.utils.estimators import Outcome


def refuse_outcome(table: pd.DataFrame, batch: str | int, covariates: Sequence[str | int], y: Outcome) -> None:
    """Raise LeakageError where the batch or a covariate is the outcome; warn where that could not be looked at."""
    if y is None and covariates:
        warnings.warn(
            f"ComBat keeps the effect of {', '.join(map(str, covariates))}, and was given no outcome: whether one of "
            "these is the outcome could not be checked. Fit it with y.",
            DataWarning,
            stacklevel=3,
        )
    if y is None:
        return
    y = y if isinstance(y, Sized) else np.asarray(y)
    if len(y) != len(table):
        return
    if spells_outcome(table[batch], y):
        raise LeakageError(
            f"batch {batch!r} is the outcome in another spelling: each of its values has one class only, so that "
            "ComBat would remove the outcome from the features. Where each centre has one class, centre and outcome "
            "cannot be separated."
        )
    copies = [c for c in covariates if spells_outcome(table[c], y)]
    if copies:
        raise LeakageError(
            f"covariate {copies[0]!r} is the outcome, or another spelling of it. Harmonising with the outcome as a "
            "covariate puts it into the features; drop it."
        )
