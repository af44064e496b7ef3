"""How much each variable adds to the prediction of each case: exact, and the parts sum to the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint
from radiokit.study._frozen import Frozen
from radiokit.study._scores import CaseScore, Score, TreeScore, as_numbers, prepared

BASE = "(base value)"
OTHER = "(all others)"
SHOWN = 20


def attribution_table(endpoint: Endpoint, data: Patients) -> pd.DataFrame:
    """Return a row for each case and variable of each model, on the scale of the log-odds or log relative hazard.

    The 20 variables that move the training cases most have their own rows, the others one together. The rows of a case,
    with the base value, sum to its linear predictor: before the calibration, where one bends it.
    """
    parts = []
    for model in endpoint.models:
        added, base = contributions(model.frozen, data.X, data.X[data.training])
        order = added[data.training].abs().mean().sort_values(ascending=False, kind="stable").index
        shown = added[order[:SHOWN]].copy()
        if len(order) > SHOWN:
            shown[OTHER] = added[order[SHOWN:]].sum(axis=1)
        shown[BASE] = base
        rows = shown.rename_axis(index="case_id", columns="feature").stack().rename("attribution").reset_index()
        known = data.X[[c for c in shown if c in data.X]].stack(future_stack=True).rename("value")
        rows = rows.join(known, on=["case_id", "feature"]).assign(model=model.name)
        parts.append(rows.assign(cohort=data.cohort.loc[rows["case_id"]].to_numpy()))
    table = pd.concat(parts, ignore_index=True)
    return table[["model", "cohort", "case_id", "feature", "value", "attribution"]]


def contributions(frozen: Frozen, X: pd.DataFrame, training: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return what each variable adds for each case, against the mean of training, and what they add to.

    A weighted sum: coefficient times the distance from the training mean. Trees: Shapley values by path. A category:
    its indicators together. A score of another kind (a kernel, a network) is one variable, ``score_<name>``.
    """
    weights = dict(frozen.weights)
    base = frozen.intercept
    parts: list[pd.DataFrame] = []
    for score in frozen.scores:
        weight = weights.get(score.name, 0.0)
        added, expected = _of_score(score, X, training)
        parts.append(weight * added)
        base += weight * expected
    for column in frozen.clinical:
        rows = [column.design(v) for v in pd.concat([X[column.name], training[column.name]])]
        total = np.array([sum(weights.get(k, 0.0) * x for k, x in row.items()) for row in rows])
        mean = float(total[len(X) :].mean())
        parts.append(pd.DataFrame({column.name: total[: len(X)] - mean}, index=X.index))
        base += mean
    joined = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=X.index)
    return joined.T.groupby(level=0, sort=False).sum().T, base


def _of_score(score: CaseScore, X: pd.DataFrame, training: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    names = [f.name for f in score.features]
    cases, known = (as_numbers(t, names).join(t[list(score.columns)]) for t in (X, training))
    added: Any
    if isinstance(score, Score):
        mean = score.terms(known).mean(axis=0)
        added, expected = score.terms(cases) - mean, score.intercept + float(mean.sum())
    elif isinstance(score, TreeScore):
        added, expected = score.ensemble.attributions(prepared(score.features, cases)), score.ensemble.expectation()
    else:
        expected = float(np.mean(score.values(known)))
        names, added = [f"score_{score.name}"], np.array(score.values(cases))[:, None] - expected
    return pd.DataFrame(added, index=X.index, columns=names), expected
