"""One rule for repeated cross-validation, for every table and figure of a study."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from radiokit.validation import Predictions

RULE = (
    "A repeated cross-validation is summarised over all repeats. What is computed from scores (AUC, C-index, "
    "calibration, Brier score, net benefit, AUC at a time) is computed in each repeat and averaged. Where a patient "
    "stands in one place only (above or below the threshold, in a risk group, on a curve), the patient's score is the "
    "mean of the out-of-fold scores over the repeats."
)


def repeats_of(p: Predictions) -> list[Predictions]:
    """Return the predictions of each repeat; of a test cohort there is one."""
    return [p.take(p.repeat == label) for label in pd.unique(p.repeat)]


def mean_over_repeats(p: Predictions, compute: Callable[[Predictions], pd.DataFrame]) -> pd.DataFrame:
    """Compute a table in each repeat and average its decimals, cell by cell; missing in one is missing."""
    tables = [compute(own) for own in repeats_of(p)]
    if len(tables) == 1:
        return tables[0]
    mean = tables[0].copy()
    numbers = [c for c in mean.columns if pd.api.types.is_float_dtype(mean[c])]
    mean[numbers] = np.mean([t[numbers].to_numpy(dtype=float) for t in tables], axis=0)
    return mean


def by_patient(p: Predictions) -> Predictions:
    """Return one row for each patient: the mean score over the repeats.

    A mean of several models belongs to no fold, so each row gets a fold of its own: nothing that compares patients of
    one fold can take these scores for those of one model.
    """
    if len(pd.unique(p.repeat)) == 1:
        return p
    mean = pd.Series(p.score).groupby(p.ids, sort=False).mean()
    rows = pd.Series(np.arange(p.ids.size)).groupby(p.ids, sort=False).first().loc[mean.index].to_numpy()
    kind = "risk" if p.survival else "probability"
    score = mean.to_numpy() if p.survival else np.clip(mean.to_numpy(), 0.0, 1.0)
    return Predictions(
        p.y_true[rows],
        **{kind: score},
        ids=p.ids[rows],
        groups=p.groups[rows],
        source=p.source,
        fold=np.arange(rows.size),
        repeat=np.zeros(rows.size, dtype=int),
    )
