"""Whether the model does as well in every kind of patient: accuracy and effect by subgroup, tests of interaction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import chi2

from radiokit.exceptions import RadiokitError
from radiokit.models import LogisticModel
from radiokit.stats import adjust_pvalues
from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint
from radiokit.study._split import SOURCE_OF
from radiokit.survival import CoxModel
from radiokit.validation import Predictions
from radiokit.validation.concordance import concordances
from radiokit.validation.evaluation import concordance_with_interval

MOST_LEVELS = 6  # of a clinical category; centres have a row each, however many
FEWEST = 5  # events, and patients without: below, a subgroup is counted and not estimated
COLUMNS = (
    "model", "cohort", "source", "variable", "level", "n", "n_events", "metric", "estimate", "ci_low", "ci_high",
    "interaction_p_value", "interaction_p_adjusted",
)  # fmt: skip


def subgroup_table(endpoint: Endpoint, data: Patients, confidence_level: float) -> pd.DataFrame:
    """Return the main model's AUC or C-index, and its odds or hazard ratio, in each subgroup of the best evidence.

    Subgroups are the levels of clinical categories, halves of clinical numbers at the training median, and centres,
    however many. Out-of-fold scores come from several models: pooled, their odds or hazard ratio may run the wrong
    way round, so the concordance within folds stands alone. The test of interaction is Cochran's Q over the subgroups
    of a variable: with two, the unpaired test of DeLong.
    """
    model = endpoint.main
    cohort = endpoint.farthest
    predictions = model.honest(cohort)
    parts = [_overall(predictions, confidence_level)]
    parts += [_of_variable(predictions, levels, confidence_level) for levels in _levels(data)]
    table = pd.concat([p for p in parts if len(p)], ignore_index=True)
    table = table.assign(model=model.name, cohort=cohort, source=SOURCE_OF[cohort])
    for metric in table["metric"].unique():
        rows = (table["metric"] == metric) & table["interaction_p_value"].notna()
        if rows.any():
            adjusted = adjust_pvalues(table.loc[rows, "interaction_p_value"].to_numpy(), method="holm")
            table.loc[rows, "interaction_p_adjusted"] = adjusted
    return table.reindex(columns=list(COLUMNS))


def _levels(data: Patients) -> list[pd.Series]:
    """Return one series a variable: the subgroup of each patient, as text."""
    found = []
    for name in data.clinical:
        values = data.X[name]
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
            middle = float(values[data.training].median())
            text = pd.Series(np.where(values > middle, f"> {middle:g}", f"≤ {middle:g}"), index=values.index)
            found.append(text.where(values.notna()).rename(str(name)))
        else:
            found.append(values.map(_text, na_action="ignore").rename(str(name)))
    found = [s for s in found if 2 <= s.nunique() <= MOST_LEVELS]
    if data.center is not None and data.center.nunique() > 1:
        found.append(data.center.rename("centre"))
    return found


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _overall(p: Predictions, confidence_level: float) -> pd.DataFrame:
    rows = pd.DataFrame([row for row, _ in _estimates(p, p, confidence_level)])
    return rows.assign(variable="all", level="", interaction_p_value=np.nan)


def _of_variable(p: Predictions, levels: pd.Series, confidence_level: float) -> pd.DataFrame:
    level_of = levels.reindex(p.ids).to_numpy(dtype=object)
    rows: list[dict[str, Any]] = []
    spreads: dict[str, list[tuple[float, float]]] = {}
    for level in sorted({v for v in level_of if isinstance(v, str)}, key=lambda v: (v.startswith(">"), v)):
        own = p.take(np.flatnonzero(level_of == level))
        for row, on_scale in _estimates(own, p, confidence_level):
            rows.append(row | {"variable": levels.name, "level": level})
            spreads.setdefault(row["metric"], []).append(on_scale)
    tests = {metric: heterogeneity(np.array(pairs)) for metric, pairs in spreads.items()}
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    first = ~table["metric"].duplicated()  # one test a variable: it stands in the row of its first level
    return table.assign(interaction_p_value=table["metric"].map(tests).where(first))


def heterogeneity(pairs: NDArray[np.float64]) -> float:
    """Return the p-value of Cochran's Q for estimates and standard errors of independent groups."""
    known = pairs[np.isfinite(pairs).all(axis=1) & (pairs[:, 1] > 0)]
    if len(known) < 2:
        return float("nan")
    estimate, weight = known[:, 0], 1 / known[:, 1] ** 2
    q = float((weight * (estimate - np.average(estimate, weights=weight)) ** 2).sum())
    return float(chi2.sf(q, len(known) - 1))


def _estimates(
    p: Predictions, whole: Predictions, confidence_level: float
) -> list[tuple[dict[str, Any], tuple[float, float]]]:
    """Return the rows of a subgroup, each with the estimate and standard error by which subgroups are compared."""
    nothing = (np.nan, np.nan)
    concordance, ratio = ("c_index", "hazard_ratio") if p.survival else ("auc", "odds_ratio")
    pooled = p.source == "out-of-fold"
    size = {"n": p.n, "n_events": p.n_events}
    empty = {"estimate": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    enough = p.n_events >= FEWEST and (p.survival or p.n - p.n_events >= FEWEST)
    if not enough:
        return [({"metric": m, **size, **empty}, nothing) for m in ((concordance,) if pooled else (concordance, ratio))]
    found = concordances([p])
    area, low, high, _ = concordance_with_interval(p, confidence_level)
    first = {"metric": concordance, **size, "estimate": area, "ci_low": low, "ci_high": high}
    rows = [(first, (area, float(np.sqrt(found.covariance[0, 0]))))]
    if pooled:
        return rows
    coef, se, low, high = _ratio(p, whole, confidence_level)
    second = {"metric": ratio, **size, "estimate": np.exp(coef), "ci_low": low, "ci_high": high}
    return [*rows, (second, (coef, se))]


def _ratio(p: Predictions, whole: Predictions, confidence_level: float) -> tuple[float, float, float, float]:
    """Return the log ratio for one SD of the cohort's score, its standard error and the interval of the ratio."""
    score, y = _by_patient(p)
    spread = float(_by_patient(whole)[0].std())
    frame = pd.DataFrame({"score": score.to_numpy() / spread if spread > 0 else score.to_numpy()})
    try:
        if p.survival:
            row = CoxModel(confidence_level=confidence_level).fit(frame, y).summary_.loc["score"]
        else:
            row = LogisticModel(firth=True, confidence_level=confidence_level).fit(frame, y).summary_.loc["score"]
    except (RadiokitError, ValueError, np.linalg.LinAlgError):
        return (np.nan,) * 4
    return float(row["coef"]), float(row["se"]), float(row["ci_low"]), float(row["ci_high"])


def _by_patient(p: Predictions) -> tuple[pd.Series, NDArray[Any]]:
    """Return log-odds or risk of each patient, and the outcome."""
    values = p.score if p.survival else logit(np.clip(p.score, 1e-6, 1 - 1e-6))
    return pd.Series(values, index=p.ids), p.y_true if p.survival else p.y_true.astype(int)
