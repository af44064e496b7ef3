"""What is inside the models: features, their weights and stability; and what else these features go with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from radiokit.exceptions import RadiokitError
from radiokit.study._attributions import contributions
from radiokit.study._confounders import confounders
from radiokit.study._endpoint import Data, Endpoint, Modelled, Run
from radiokit.study._frozen import CaseScore, Score
from radiokit.study._linear import score_of
from radiokit.study._stack import fit_signature
from radiokit.study.deep import is_deep
from radiokit.utils import drop_warnings, parallel_map, spawn_seeds

SELECTED = (
    "model", "signature", "feature", "coef", "importance", "selection_frequency", "volume_correlation",
    "center_p_value",
)  # fmt: skip


def signatures_of(endpoint: Endpoint) -> list[tuple[str, Modelled]]:
    """Return the models that are one signature, with its name."""
    return [(next(iter(m.stack.signatures)), m) for m in endpoint.models if m.single and m.stack.signatures]


def scores_of(endpoint: Endpoint) -> Iterator[tuple[Modelled, str, CaseScore]]:
    """Yield each score of a signature that any model holds, alone or combined: model, signature, score."""
    for model in endpoint.models:
        own = {score.name: score for score in model.frozen.scores}
        for name in dict(model.stack.signatures or {}):
            if own[name].features:  # a network has none
                yield model, name, own[name]


def selected_table(endpoint: Endpoint, data: Data, subsamples: int, run: Run) -> pd.DataFrame:
    """Return the features of each model: weight, how often subsamples choose them, and what else they go with.

    A combined model fits its signatures anew, so its features and weights are its own and have their own rows; how
    often subsamples choose a feature belongs to the way a signature is built, which is the same in both.
    """
    parts = []
    frequency: dict[str, dict[str, float]] = {}
    for model, name, score in scores_of(endpoint):
        if name not in frequency:
            pipeline, columns = model.stack.signatures[name]  # type: ignore[index]
            frequency[name] = selection_frequency(pipeline, columns, endpoint, data, subsamples, run)
        names = [f.name for f in score.features]
        used = data.X.loc[data.training, names]
        weights = np.array([f.coef / f.scale if isinstance(score, Score) else np.nan for f in score.features])
        table = pd.DataFrame(
            {
                "model": model.name,
                "signature": name,
                "feature": names,
                "coef": weights * used.astype(float).std().to_numpy(),  # of one spread, so that they compare
                "coef_raw": weights,
            }
        )
        added, _ = contributions(model.frozen, data.X[data.training], data.X[data.training])
        table["importance"] = table["feature"].map(added.abs().mean())
        table["selection_frequency"] = [frequency[name].get(f, 0.0) for f in table["feature"]]
        parts.append(table.join(confounders(used, data), on="feature"))
    if not parts:
        return pd.DataFrame(columns=list(SELECTED))
    return pd.concat(parts, ignore_index=True)


def selection_frequency(
    pipeline: Any, columns: Sequence[str], endpoint: Endpoint, data: Data, subsamples: int, run: Run
) -> dict[str, float]:
    """Share of random 80 % subsamples of the training patients in which each feature is chosen."""
    X, y = data.X.loc[data.training, list(columns)], endpoint.y[data.training]
    task = partial(_chosen, pipeline=pipeline, X=X, y=y if endpoint.survival else y.astype(int))
    seeds = spawn_seeds(run.random_state, subsamples)
    found = parallel_map(
        task, seeds, n_jobs=run.n_jobs, progress=run.progress, description="Stability of the selection"
    )
    counts = pd.Series([name for chosen in found for name in chosen], dtype=object).value_counts()
    return (counts / subsamples).to_dict()


def _chosen(seed: int, *, pipeline: Any, X: pd.DataFrame, y: NDArray[Any]) -> list[str]:

    rng = np.random.default_rng(seed)
    event = y["event"].astype(int) if y.dtype.names else y
    rows = np.sort(
        np.concatenate([rng.permutation(np.flatnonzero(event == k))[: round(0.8 * (event == k).sum())] for k in (0, 1)])
    )
    with drop_warnings():  # the fit on all training patients has said it
        try:
            model = fit_signature(pipeline, X.iloc[rows], y[rows], seed)
        except RadiokitError:  # nothing passed the filters
            return []
    return [f.name for f in score_of("", model, X.iloc[rows]).features]


def correlation_table(endpoint: Endpoint, data: Data) -> pd.DataFrame:
    """Return Spearman correlations of all features that any model uses, alone or combined, in training."""
    names = list(dict.fromkeys(f.name for _, _, score in scores_of(endpoint) for f in score.features))
    if endpoint.suffix or len(names) < 2:
        return pd.DataFrame()
    matrix = data.X.loc[data.training, names].astype(float).corr(method="spearman")
    return matrix.rename_axis("feature").reset_index()


def confounding_table(endpoint: Endpoint, data: Data) -> pd.DataFrame:
    """Return how far each model's training prediction goes with the volume, and whether centres differ."""
    scores = {model.name: model.predictions["training", "train"].score for model in endpoint.models}
    table = confounders(pd.DataFrame(scores, index=data.X.index[data.training]), data)
    return table.dropna(how="all").rename_axis("model").reset_index()


def funnel_table(endpoint: Endpoint, data: Data) -> pd.DataFrame:
    """Return number of features after each step of each model, over all its signatures; a network selects none."""
    rows: list[tuple[str, str, int]] = []
    for model, name, score in scores_of(endpoint):
        fitted = model.stack.fitted_[name]
        if is_deep(fitted):
            continue
        count = len(data.features[name])
        rows.append((model.name, "computed", count))
        for step, transformer in fitted.steps[:-1] if isinstance(fitted, Pipeline) else []:
            if hasattr(transformer, "get_support"):
                count = int(np.sum(transformer.get_support()))
                rows.append((model.name, step, count))
        rows.append((model.name, "signature", len(score.features)))
    table = pd.DataFrame(rows, columns=["model", "step", "n_features"])
    return table.groupby(["model", "step"], sort=False, as_index=False)["n_features"].sum()


def path_tables(endpoint: Endpoint) -> dict[str, pd.DataFrame]:
    """Return the cross-validation curve and the coefficients along the penalty of each signature."""
    curves, weights = [], []
    for name, model in signatures_of(endpoint):
        fitted = model.stack.fitted_[name]
        final = fitted.steps[-1][1] if isinstance(fitted, Pipeline) else fitted
        if not hasattr(final, "path_") or not hasattr(final, "coef_path_"):
            continue
        curve = final.path_.rename(columns={"lambda": "penalty", "cv_mean": "deviance", "cv_se": "se"})
        curves.append(curve.assign(model=model.name))
        standardised = final.coef_path_ * final.scale_  # as the other coefficients of the report
        steps = pd.DataFrame(standardised, index=curve["penalty"].to_numpy(), columns=final.feature_names_in_)
        used = steps.loc[:, (steps != 0).any()].rename_axis(index="penalty", columns="feature")
        weights.append(used.stack().rename("coef").reset_index().assign(model=model.name))
    tables = {}
    for key, parts in (("lasso_path", curves), ("lasso_coefficients", weights)):
        if parts:
            table = pd.concat(parts, ignore_index=True)
            tables[key] = table[["model", *[c for c in table.columns if c != "model"]]]
    return tables
