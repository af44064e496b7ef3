"""Whether the predictions of a study are right: one estimate and one interval, wherever calibration is printed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiokit import stats
from radiokit.engine.inputs import normal_quantile
from radiokit.exceptions import RadiokitError, SeparationWarning
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._over_repeats import repeats_of
from radiokit.study._split import SOURCE_OF
from radiokit.utils import drop_warnings
from radiokit.validation import Predictions
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


def calibration_table(endpoint: Endpoint, confidence_level: float) -> pd.DataFrame:
    """Calibration of the probabilities, cohort by cohort.

    Test and external patients were predicted by one frozen model: Wald intervals. Out-of-fold probabilities come from
    several models that share patients, for which no interval is known to hold: estimates only, a mean over repeats.
    Where centres were left out one by one the levels of the models differ with the prevalence of the other centres, so
    that pooled scores may even run the wrong way round: the slope is then that within centres.
    """
    rows = []
    for model in endpoint.models:
        for cohort in endpoint.cohorts():
            p = model.honest(cohort)
            found, method = _calibrated(model, p, confidence_level)
            labels = {"model": model.name, "cohort": cohort, "source": SOURCE_OF[cohort], "method": method}
            rows.append(labels | found | {"n": p.n, "n_events": p.n_events})
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
        with drop_warnings(SeparationWarning):  # there is no slope then, and the table says it
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


def worst_slope(table: pd.DataFrame, model: str) -> pd.Series | None:
    """Return the row of a model whose calibration slope is farthest from 1, of patients who were held out.

    The distance is that of logarithms: 0.5 is as far as 2; a slope of 0 or less is the farthest. Training, by
    cross-validation, counts where nobody was held out. What a reader is told first is the worst of what is known.
    """
    own = table[(table["model"] == model) & table["slope"].notna()] if "slope" in table else table.iloc[:0]
    held_out = own[own["source"] != "out-of-fold"]
    judged = held_out if len(held_out) else own
    if judged.empty:
        return None
    slope = judged["slope"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(slope > 0, np.abs(np.log(slope)), np.inf)
    return judged.iloc[int(np.argmax(distance))]
