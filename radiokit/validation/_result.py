"""The result of a cross-validation: predictions, folds, and the summary that is made from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import t as student

from radiokit.engine.inputs import Target
from radiokit.utils.notebook import notebook_table
from radiokit.validation._folds import Rows, Split, events_of
from radiokit.validation._predictions import Predictions
from radiokit.validation._resume import Replicate, summarise_warnings
from radiokit.validation.concordance import concordances
from radiokit.validation.metrics import accuracy, metric_names
from radiokit.validation.within_folds import slope_within


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation:
    """Out-of-fold predictions, with the estimates made from them.

    Parameters
    ----------
    predictions : Predictions
        One row for each case and repeat, with source ``"out-of-fold"``.
    summary : DataFrame
        Columns `metric, estimate, ci_low, ci_high, method, n, n_events`.
    folds : DataFrame
        One row for each fold: `repeat, fold, n_train, n_test, n_events` and the metrics on its test cases.
    warnings : tuple of str
        Warnings of the fits, each kind once.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from radiokit.validation import nested_cv
    >>> result = nested_cv(LogisticRegression(), [[0.1], [0.9], [0.2], [0.8]], [0, 1, 0, 1], outer=2, random_state=0)
    >>> result
    CrossValidation(4 cases, 2 events, 2 folds)
    """

    predictions: Predictions
    summary: pd.DataFrame
    folds: pd.DataFrame
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"CrossValidation({self.predictions.n} cases, {self.predictions.n_events} events, {len(self.folds)} folds)"
        )

    def _repr_html_(self) -> str:
        return notebook_table(repr(self), self.summary.columns, self.summary.itertuples(index=False))


def cross_validation(
    rows: Rows, splits: list[Split], replicates: list[Replicate], confidence_level: float
) -> CrossValidation:
    """Put together what the folds found."""
    predictions = _collect(splits, replicates, rows)
    folds = _fold_table(splits, replicates, rows.target)
    summary = _summary(predictions, folds, confidence_level)
    return CrossValidation(predictions, summary, folds, summarise_warnings(replicates))


def of_centers(found: CrossValidation, centers: list[str], confidence_level: float) -> CrossValidation:
    """Name each fold by its centre, give it an interval of its own, and keep in the summary what holds within centres.

    The level of each centre's model follows the prevalence of the others: pooled, scores may rank centres upside down.
    """
    predictions, folds = found.predictions, found.folds.copy()
    folds.insert(0, "center", centers)
    # All cases of a centre were scored by one model that never saw it.
    own = (replace(predictions.take(predictions.fold == k), source="external") for k in range(len(centers)))
    folds[["ci_low", "ci_high"]] = [concordances([p]).interval(confidence_level) for p in own]
    main = metric_names(predictions.survival)[0]
    kept = found.summary[~found.summary["metric"].isin([f"{main}_pooled", "r2"])].reset_index(drop=True)
    slope = kept["metric"] == "calibration_slope"
    kept.loc[slope, "estimate"] = slope_within(predictions)
    kept.loc[slope, "method"] = "one slope, a level for each centre, no interval"
    kept.loc[kept["metric"] == "calibration_intercept", ["estimate", "method"]] = [np.nan, "one for each centre"]
    return replace(found, folds=folds, summary=kept)


def _collect(splits: list[Split], replicates: list[Replicate], cases: Rows) -> Predictions:
    y, rows = cases.target, np.concatenate([test for _, test, _, _ in splits])
    values = np.concatenate([r.values for r in replicates])
    sizes = [test.size for _, test, _, _ in splits]
    return Predictions.of_score(
        y[rows],
        values,
        ids=cases.ids[rows],
        groups=cases.patients[rows],
        source="out-of-fold",
        repeat=np.repeat([repeat for *_, repeat, _ in splits], sizes),
        fold=np.repeat([fold for *_, fold in splits], sizes),
    )


def _fold_table(splits: list[Split], replicates: list[Replicate], y: Target) -> pd.DataFrame:
    names = metric_names(bool(y.dtype.names))
    rows = [
        {
            "repeat": repeat,
            "fold": fold,
            "n_train": train.size,
            "n_test": test.size,
            "n_events": int(events_of(y)[test].sum()),
            **dict(zip(names, accuracy(y[test], replicate.values), strict=True)),
        }
        for (train, test, repeat, fold), replicate in zip(splits, replicates, strict=True)
    ]
    return pd.DataFrame(rows)


def _summary(predictions: Predictions, folds: pd.DataFrame, confidence_level: float) -> pd.DataFrame:
    names = metric_names(predictions.survival)
    main = names[0]
    exact = concordances([predictions])
    rows = [(main, exact.estimates[0], *exact.interval(confidence_level), "within-fold pairs")]
    rows.append((f"{main}_fold_mean", *_corrected_t(folds, main, confidence_level), "corrected resampled t"))
    repeats = [predictions.take(predictions.repeat == r) for r in pd.unique(predictions.repeat)]
    pooled = np.array([accuracy(p.y_true, p.score) for p in repeats]).mean(axis=0)
    rows.append((f"{main}_pooled", pooled[0], np.nan, np.nan, "pooled within repeat, no interval"))
    rest = [(n, v) for n, v in zip(names, pooled, strict=True) if n not in (main, "dxy")]
    rows.extend((name, value, np.nan, np.nan, "pooled within repeat, no interval") for name, value in rest)
    table = pd.DataFrame(rows, columns=["metric", "estimate", "ci_low", "ci_high", "method"])
    return table.assign(n=predictions.n, n_events=predictions.n_events)


def _corrected_t(folds: pd.DataFrame, metric: str, confidence_level: float) -> tuple[float, float, float]:
    known = folds[folds[metric].notna()]
    values, count = known[metric].to_numpy(), len(known)
    if count < 2 or known["repeat"].value_counts().iloc[0] < 2:
        return (float(values.mean()) if count else np.nan), np.nan, np.nan
    ratio = float((known["n_test"] / known["n_train"]).mean())
    # Folds of further repeats hold the same cases: they add no degrees of freedom.
    free = int((known["repeat"] == known["repeat"].iloc[0]).sum()) - 1
    width = student.ppf((1 + confidence_level) / 2, free) * np.sqrt((1 / count + ratio) * values.var(ddof=1))
    return float(values.mean()), float(max(values.mean() - width, 0)), float(min(values.mean() + width, 1))
