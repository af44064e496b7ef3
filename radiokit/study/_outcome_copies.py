"""Refuse predictors that are the outcome in another form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiokit.exceptions import LeakageError
from radiokit.study._cohort import Patients
from radiokit.utils import as_survival_target, spells_outcome


def refuse_outcome_copies(patients: Patients) -> None:
    """Raise LeakageError where a predictor is the outcome, the event or the follow-up time in another spelling."""
    found = _spelling(patients)
    if found is not None:
        column, name = found
        raise LeakageError(
            f"the predictor {column!r} is the {name} in another spelling: it gives the answer away. Drop it."
        )


def _spelling(patients: Patients) -> tuple[str, str] | None:
    suspects = {"outcome": patients.outcome, "event": patients.event}
    for column in patients.X.columns:
        values = patients.X[column]
        for name, outcome in suspects.items():
            if outcome is not None and _suspicious(values, outcome) and spells_outcome(values, outcome):
                return str(column), name
        if patients.time is not None and patients.event is not None:
            both = as_survival_target(patients.event.to_numpy(), patients.time.to_numpy())
            numeric = pd.api.types.is_numeric_dtype(values)
            if numeric and _monotone(values, patients.time) and spells_outcome(values, both):
                return str(column), "time"
    return None


def _suspicious(values: pd.Series, outcome: pd.Series) -> bool:
    """Look quickly before looking slowly, for there may be thousands of columns."""
    if pd.api.types.is_numeric_dtype(values):
        number, positive = values.to_numpy(dtype=float), outcome.to_numpy(dtype=bool)
        a, b = number[positive], number[~positive]
        if not a.size or not b.size:
            return False
        if a.min() > b.max() or b.min() > a.max():
            return True
    return values.head(50).nunique() <= max(2, len(values) // 10)


def _monotone(values: pd.Series, time: pd.Series) -> bool:
    order = np.argsort(time.to_numpy(), kind="stable")[:20]
    steps = np.diff(values.to_numpy(dtype=float)[order])
    return bool((steps >= 0).all() or (steps <= 0).all())
