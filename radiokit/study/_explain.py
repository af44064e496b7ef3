"""What is inside the models: features, their weights and stability; and what else these features go with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline

from radiokit.exceptions import RadiokitError
from radiokit.models import RadiomicsSignature, SurvivalSignature
from radiokit.models.cross_fitting import fit_part
from radiokit.study._attributions import contributions
from radiokit.study._cohort import Patients
from radiokit.study._confounders import confounders
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._frozen import CaseScore, Score
from radiokit.study._linear import score_of
from radiokit.study._run import Run
from radiokit.study._tables import joined
from radiokit.study.deep import is_deep
from radiokit.utils import drop_warnings, parallel_map, spawn_seeds

SELECTED = (
    "model", "signature", "feature", "coef", "coef_raw", "importance", "selection_frequency", "volume_correlation",
    "center_p_value",
)  # fmt: skip
CONFOUNDING = ("model", "volume_correlation", "center_p_value")


@dataclass(frozen=True)
class UsedFeature:
    """A feature of a model: its weight, how often subsamples choose it, and what else it goes with in training.

    `coef` is for one standard deviation, `coef_raw` for one unit; `importance` is the mean absolute contribution to the
    linear predictor; `volume_correlation` and `center_p_value` are NaN where no volume or centre is known.
    """

    model: str
    signature: str
    feature: str
    coef: float
    coef_raw: float
    importance: float
    selection_frequency: float
    volume_correlation: float
    center_p_value: float


def signatures_of(endpoint: Endpoint) -> list[tuple[str, Modelled]]:
    """Return the models that are one signature, with its name."""
    return [(name, m) for m in endpoint.models if m.kind == "signature" for name in m.signatures]


def scores_of(endpoint: Endpoint) -> Iterator[tuple[Modelled, str, CaseScore]]:
    """Yield each score of a signature that any model holds, alone or combined: model, signature, score."""
    for model in endpoint.models:
        own = {score.name: score for score in model.frozen.scores}
        for name in model.signatures:
            if own[name].features:  # a network has none
                yield model, name, own[name]


def used_features(endpoint: Endpoint, data: Patients, subsamples: int, run: Run) -> Iterator[UsedFeature]:
    """Yield the features of each model.

    A combined model fits its signatures anew, so its features and weights are its own; how often subsamples choose a
    feature belongs to the way a signature is built, which is the same in both.
    """
    frequency: dict[str, dict[str, float]] = {}
    training = data.X[data.training]
    for model, name, score in scores_of(endpoint):
        if name not in frequency:
            pipeline, columns = model.signatures[name]
            frequency[name] = selection_frequency(pipeline, columns, endpoint, data, subsamples, run)
        own = training[[f.name for f in score.features]]
        importance = contributions(model.frozen, training, training)[0].abs().mean()
        rows = zip(score.features, own.astype(float).std(), confounders(own, data).to_numpy(), strict=True)
        for f, spread, (volume, center) in rows:
            weight = f.coef / f.scale if isinstance(score, Score) else np.nan
            yield UsedFeature(
                model.name, name, f.name, weight * spread, weight, float(importance.get(f.name, np.nan)),
                frequency[name].get(f.name, 0.0), float(volume), float(center),
            )  # fmt: skip


def selection_frequency(
    pipeline: Any, columns: Sequence[str], endpoint: Endpoint, data: Patients, subsamples: int, run: Run
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
    with drop_warnings():  # given by the fit on all training patients
        try:
            model = fit_part(pipeline, X.iloc[rows], y[rows], seed)
        except RadiokitError:  # nothing passed the filters
            return []
    return [f.name for f in score_of("", model, X.iloc[rows]).features]


def correlation_table(endpoint: Endpoint, data: Patients) -> pd.DataFrame:
    """Return Spearman correlations of all features that any model uses, alone or combined, in training."""
    names = list(dict.fromkeys(f.name for _, _, score in scores_of(endpoint) for f in score.features))
    if endpoint.suffix or len(names) < 2:
        return pd.DataFrame()
    matrix = data.X.loc[data.training, names].astype(float).corr(method="spearman")
    return matrix.rename_axis("feature").reset_index()


@dataclass(frozen=True)
class Confounding:
    """How far a model's prediction in training goes with the volume, and whether it differs between centres."""

    model: str
    volume_correlation: float
    center_p_value: float


def confounding_of(endpoint: Endpoint, data: Patients) -> list[Confounding]:
    """Return what goes with the prediction of each model, where a volume or a centre is known."""
    scores = {model.name: model.predictions["training", "train"].score for model in endpoint.models}
    table = confounders(pd.DataFrame(scores, index=data.X.index[data.training]), data).dropna(how="all")
    return [Confounding(str(name), *map(float, row)) for name, row in zip(table.index, table.to_numpy(), strict=True)]


def funnel_table(endpoint: Endpoint, data: Patients) -> pd.DataFrame:
    """Return number of features after each step of each model, over all its signatures; a network selects none."""
    rows: list[tuple[str, str, int]] = []
    for model, name, score in scores_of(endpoint):
        fitted = model.stack.fitted_[name]
        if is_deep(fitted):
            continue
        count = len(data.features[name])
        rows.append((model.name, "computed", count))
        for step, transformer in fitted.steps[:-1] if isinstance(fitted, Pipeline) else []:
            if isinstance(transformer, SelectorMixin):
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
        if not isinstance(final, RadiomicsSignature | SurvivalSignature):
            continue
        curve = final.path_.rename(columns={"lambda": "penalty", "cv_mean": "deviance", "cv_se": "se"})
        curves.append(curve.assign(model=model.name))
        standardised = final.coef_path_ * final.scale_  # as the other coefficients of the report
        steps = pd.DataFrame(standardised, index=curve["penalty"].to_numpy(), columns=final.feature_names_in_)
        used = steps.loc[:, (steps != 0).any()].rename_axis(index="penalty", columns="feature")
        weights.append(used.stack().rename("coef").reset_index().assign(model=model.name))
    found = {"lasso_path": joined(curves, "model"), "lasso_coefficients": joined(weights, "model")}
    return {name: table for name, table in found.items() if len(table)}
