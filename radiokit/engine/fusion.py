"""Weights of scores and clinical columns in a fusion: a logistic or a Cox model without tests and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.cox import fit_cox
from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import fit_firth, fit_logistic

EVENTS_PER_PARAMETER = 10


def few_events(y: NDArray[Any], parameters: int) -> bool:
    """Return whether the rarer class has fewer than 10 cases for each parameter: then Firth's likelihood is used."""
    positive = np.asarray(y).astype(bool)
    return bool(min(positive.sum(), (~positive).sum()) < EVENTS_PER_PARAMETER * parameters)


def varying(values: FloatArray) -> NDArray[np.bool_]:
    """Return which columns differ between cases by more than rounding."""
    return np.ptp(values, axis=0) > 1e-12 * np.abs(values).max(axis=0)


def logistic_weights(values: FloatArray, positive: NDArray[np.bool_]) -> tuple[float, FloatArray]:
    """Return intercept and weights by maximum likelihood, by Firth's with few events; a constant column gets 0."""
    fit = fit_firth if few_events(positive, int(varying(values).sum())) else fit_logistic
    intercept, *weights = np.nan_to_num(fit(values, positive).coef).tolist()
    return intercept, np.array(weights)


def cox_weights(
    values: FloatArray, time: FloatArray, event: NDArray[np.bool_], *, ties: str = "efron"
) -> tuple[float, FloatArray]:
    """Return intercept and weights by Cox's partial likelihood; the score is 0 at the training means."""
    weights = np.zeros(values.shape[1])
    if varying(values).any():
        weights = np.nan_to_num(fit_cox(values, time, event, ties=ties).coef)
    return -float(values.mean(axis=0) @ weights), weights
