"""Whether the predictions of a study are right: one estimate and one interval, wherever calibration is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiokit import stats
from radiokit.engine.inputs import normal_quantile
from radiokit.exceptions import RadiokitError, SeparationWarning
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._over_repeats import repeats_of
from radiokit.utils import drop_warnings
from radiokit.validation import Predictions
from radiokit.validation.evidence import CalibrationEvidence
from radiokit.validation.within_folds import separated, slope_within

# Those of the AUC's table, which has them by the method that their source asks for.
ELSEWHERE = ("c", "dxy", "r2", "confidence_level")
POINTS = (
    "intercept", "slope", "calibration_in_the_large", "o_e", "brier", "brier_scaled", "e_avg", "e_50", "e_90", "e_max",
    "ici", "d", "u", "q",
)  # fmt: skip
# What scores of several centres, each by another model, hold when pooled: counts, and squared errors.
ACROSS_CENTRES = ("o_e", "brier", "brier_scaled")

WALD = "wald"
POOLED = "folds pooled in each repeat, mean over repeats; no interval"
WITHIN = "within centres: one slope, a level for each centre; no interval"


@dataclass(frozen=True)
class Calibrated:
    """All indices of calibration of one model in one cohort, with how their intervals were made."""

    model: str
    cohort: str
    source: str
    method: str
    values: Mapping[str, float]
    n: int
    n_events: int

    def estimate(self, name: str) -> tuple[float, float, float]:
        """Return an index and its limits; NaN where they are not known."""
        middle, low, high = (self.values.get(k, np.nan) for k in (name, f"{name}_ci_low", f"{name}_ci_high"))
        return middle, low, high

    def evidence(self) -> CalibrationEvidence:
        """Return what decides whether the predictions are right."""
        slope, slope_low, slope_high = self.estimate("slope")
        _, level_low, level_high = self.estimate("calibration_in_the_large")
        ratio, _, _ = self.estimate("o_e")
        size = (self.n, self.n_events)
        return CalibrationEvidence(
            self.model, self.cohort, self.source, *size, ratio, level_low, level_high, slope, slope_low, slope_high
        )


def calibrations(endpoint: Endpoint, confidence_level: float) -> Iterator[Calibrated]:
    """Yield the calibration of the probabilities of each model in each cohort.

    Test and external patients were predicted by one frozen model: Wald intervals. Out-of-fold probabilities come from
    several models that share patients, for which no interval is known to hold: estimates only, a mean over repeats.
    Where centres were left out one by one the levels of the models differ with the prevalence of the other centres, so
    that pooled scores may even run the wrong way round: the slope is then that within centres.
    """
    for model, labels, p in endpoint.judged():
        values, method = _calibrated(model, p, confidence_level)
        yield Calibrated(**labels, method=method, values=values, n=p.n, n_events=p.n_events)


def calibration_table(found: Sequence[Calibrated]) -> pd.DataFrame:
    """Return one row for each model and cohort."""
    labels = ("model", "cohort", "source", "method")
    rows = [{k: getattr(c, k) for k in labels} | dict(c.values) | {"n": c.n, "n_events": c.n_events} for c in found]
    return pd.DataFrame(rows)


def _calibrated(model: Modelled, p: Predictions, confidence_level: float) -> tuple[dict[str, float], str]:
    if p.source != "out-of-fold":
        found = _of_one_model(p, confidence_level)
        return found, WALD if found else "not estimable"
    parts = [_of_one_model(own, confidence_level) for own in repeats_of(p)]
    names = ACROSS_CENTRES if model.by_center else POINTS
    found = {name: float(np.mean([part.get(name, np.nan) for part in parts])) for name in names}
    if not model.by_center:
        return found, POOLED
    return found | {"slope": slope_within(p)}, WITHIN


def _of_one_model(p: Predictions, confidence_level: float) -> dict[str, float]:
    """All indices of val.prob with Wald limits; without a slope where there is none (one class, a constant, a gap)."""
    try:
        with drop_warnings(SeparationWarning):  # the slope is NaN then, and the table names the reason
            found = stats.calibration(p.y_true, p.probability, confidence_level=confidence_level).to_frame().iloc[0]
    except (RadiokitError, ValueError, np.linalg.LinAlgError):
        return {}
    values = {str(k): float(v) for k, v in found.items() if k not in ELSEWHERE}
    if not np.isfinite(values["slope_se"]) or separated(p.y_true, p.probability):
        values |= dict.fromkeys(("slope", "slope_se", "slope_ci_low", "slope_ci_high"), np.nan)
        values |= dict.fromkeys(("intercept", "intercept_se"), np.nan)
    half = normal_quantile(confidence_level) * values["intercept_se"]
    return values | {
        "intercept_ci_low": values["intercept"] - half,
        "intercept_ci_high": values["intercept"] + half,
    }
