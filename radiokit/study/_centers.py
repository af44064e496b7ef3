"""How the models do in each centre, whatever the number of centres: the spread is what a new centre may expect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._over_repeats import mean_over_repeats
from radiokit.validation import Predictions
from radiokit.validation.evaluation import concordance_with_interval
from radiokit.validation.evidence import METRICS

COLUMNS = (
    "model", "cohort", "source", "center", "n", "n_events", "metric", "estimate", "ci_low", "ci_high", "method",
)  # fmt: skip


def center_table(endpoint: Endpoint, data: Patients, level: float) -> pd.DataFrame:
    """Return one row for each model, cohort, centre and metric: AUC or C-index, and observed over expected events.

    A centre without both outcomes (or without comparable pairs) has its numbers of patients and events, and no
    estimate.
    """
    if data.center is None:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = []
    for model, labels, p in endpoint.judged():
        center = data.center.loc[p.ids].to_numpy()
        for name in sorted(set(center)):
            own = p.take(np.flatnonzero(center == name))
            rows += [labels | {"center": name} | row for row in _of_center(model, own, level)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_center(model: Modelled, p: Predictions, level: float) -> list[dict[str, Any]]:
    if model.by_center:
        # One model that never saw this centre predicted all of it: what holds for an external cohort holds here.
        p = replace(p, source="external")
    size = {"n": p.n, "n_events": p.n_events}
    metric = METRICS[p.survival]
    unknown = {"estimate": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    if not p.events.any() or (p.events.all() and not p.survival):
        found = size | {"metric": metric, **unknown, "method": "one outcome only: no estimate"}
    else:
        estimate, low, high, method = concordance_with_interval(p, level)
        found = size | {"metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high, "method": method}
    if p.survival:
        return [found]
    ratio = float(mean_over_repeats(p, _observed_over_expected)["o_e"].iloc[0])
    return [
        found,
        size | unknown | {"metric": "o_e", "estimate": ratio, "method": "events over the sum of probabilities"},
    ]


def _observed_over_expected(p: Predictions) -> pd.DataFrame:
    expected = float(p.probability.sum())
    return pd.DataFrame({"o_e": [p.events.sum() / expected if expected > 0 else np.nan]})
