"""Whether the outcome differs between centres; then a model has to show what it knows within centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from radiokit import stats
from radiokit.exceptions import RadiokitError
from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.validation.concordance import Concordances, concordances_within

UNEQUAL = 0.05  # p-value below which centres differ in their outcome
ALONE = 0.7  # AUC of the centre, known by its share of events, from which a warning says so


@dataclass(frozen=True)
class CenterEffect:
    """How much the centre of a patient tells of the outcome: a test, and its AUC (binary outcomes only)."""

    p_value: float = float("nan")
    auc: float = float("nan")

    @property
    def tells(self) -> bool:
        """Whether the outcome differs between centres beyond chance."""
        return bool(self.p_value < UNEQUAL)

    @property
    def alone(self) -> bool:
        """Whether the centre alone would pass for a good model."""
        return self.tells and bool(self.auc >= ALONE)


@dataclass(frozen=True)
class Within:
    """Concordance over pairs of patients of one centre, or the difference of two models in it, with an interval."""

    estimate: float
    ci_low: float
    ci_high: float


def center_effect(endpoint: Endpoint, data: Patients) -> CenterEffect:
    """Test whether the outcome differs between the centres of training: chi-squared, or log-rank for survival.

    Test patients, who come from these centres too, add to the power to see it; external ones have centres of their own.
    """
    if data.center is None:
        return CenterEffect()
    inside = (data.cohort != "external").to_numpy()
    center, y = data.center[inside].to_numpy(), endpoint.y[inside]
    if len(set(center)) < 2:
        return CenterEffect()
    try:
        if endpoint.survival:
            return CenterEffect(float(stats.logrank_test(y, center).p_value))
        counts = pd.crosstab(center, y)
        test = stats.chi_squared_test(counts.to_numpy()) if counts.shape[1] > 1 else None
    except (RadiokitError, ValueError):
        return CenterEffect()
    share = pd.Series(y.astype(float)).groupby(center).transform("mean").to_numpy()
    return CenterEffect(float(test.p_value), stats.auc(y, share).auc) if test is not None else CenterEffect()


def can_help(model: Modelled, cohort: str) -> bool:
    """Whether knowing the centre could help a model in this cohort: its patients come from the centres of training.

    External centres are new to the model, and where one centre at a time was left out pairs are of one centre anyway.
    """
    return cohort == "test" or (cohort == "training" and not model.by_center)


def concordance_within(model: Modelled, cohort: str, center: pd.Series | None, level: float) -> Within | None:
    """AUC or C-index of the pairs that share a centre; None where it has no interval that is known to hold."""
    found = _within([model], cohort, center)
    if found is None:
        return None
    low, high = found.interval(level)
    return Within(float(found.estimates[0]), low, high) if np.isfinite([low, high]).all() else None


def difference_within(a: Modelled, b: Modelled, cohort: str, center: pd.Series | None, level: float) -> Within | None:
    """Difference of two models over the pairs that share a centre, with Wald's interval."""
    found = _within([a, b], cohort, center)
    if found is None:
        return None
    difference = float(found.estimates[0] - found.estimates[1])
    half = float(norm.ppf((1 + level) / 2)) * float(np.sqrt(max(found.variance([1, -1]), 0.0)))
    return Within(difference, difference - half, difference + half) if np.isfinite(half) else None


def _within(models: list[Modelled], cohort: str, center: pd.Series | None) -> Concordances | None:
    """Compare patients of one centre only; with folds across centres too few pairs would be left to judge by."""
    if cohort == "training" or center is None:
        return None
    parts = [m.honest(cohort) for m in models]
    return concordances_within(parts, center.loc[parts[0].ids].to_numpy())
