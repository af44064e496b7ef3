"""What is inside the models: features, weights, formulas, points; and what else these features go with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from radiokit import nomogram as points
from radiokit.exceptions import RadiokitError
from radiokit.models import univariable_table
from radiokit.study._attributions import contributions
from radiokit.study._confounders import confounders
from radiokit.study._deep import is_deep
from radiokit.study._endpoint import Data, Endpoint, Modelled, Run
from radiokit.study._frozen import CaseScore, Frozen, Score
from radiokit.study._linear import score_of
from radiokit.study._stack import fit_signature
from radiokit.survival import CoxModel, proportional_hazards_test
from radiokit.utils import parallel_map, spawn_seeds

SELECTED = (
    "model", "feature", "coef", "importance", "selection_frequency", "volume_correlation", "center_p_value",
)  # fmt: skip


def signatures_of(endpoint: Endpoint) -> list[tuple[str, Modelled]]:
    """Return the models that are one signature, with its name."""
    return [
        (next(iter(m.stack.signatures)), m)
        for m in endpoint.models
        if m.stack.signatures and len(m.stack.signatures) == 1 and not len(m.stack.clinical)
    ]


def selected_table(endpoint: Endpoint, data: Data, subsamples: int, run: Run) -> pd.DataFrame:
    """Return the features of each signature: weight, how often subsamples choose them, and what else they go with."""
    parts = []
    for name, model in signatures_of(endpoint):
        (score,) = model.frozen.scores
        if not score.features:
            continue  # a network chooses none
        weights = [f.coef / f.scale if isinstance(score, Score) else np.nan for f in score.features]
        pipeline, columns = model.stack.signatures[name]  # type: ignore[index]
        frequency = selection_frequency(pipeline, columns, endpoint, data, subsamples, run)
        table = pd.DataFrame(
            {
                "model": model.name,
                "feature": [f.name for f in score.features],
                "coef": [w * _spread(data, f.name) for w, f in zip(weights, score.features, strict=True)],
                "coef_raw": weights,
            }
        )
        added, _ = contributions(model.frozen, data.X[data.training], data.X[data.training])
        table["importance"] = table["feature"].map(added.abs().mean())
        table["selection_frequency"] = [frequency.get(f, 0.0) for f in table["feature"]]
        used = data.X.loc[data.training, list(table["feature"])]
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
    import warnings

    rng = np.random.default_rng(seed)
    event = y["event"].astype(int) if y.dtype.names else y
    rows = np.sort(
        np.concatenate([rng.permutation(np.flatnonzero(event == k))[: round(0.8 * (event == k).sum())] for k in (0, 1)])
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit on all training patients has said it
        try:
            model = fit_signature(pipeline, X.iloc[rows], y[rows], seed)
        except RadiokitError:  # nothing passed the filters
            return []
    return [f.name for f in score_of("", model, X.iloc[rows]).features]


def _spread(data: Data, feature: str) -> float:
    """Return the standard deviation in training, so that coefficients compare."""
    return float(data.X.loc[data.training, feature].astype(float).std())


def correlation_table(endpoint: Endpoint, data: Data) -> pd.DataFrame:
    """Return Spearman correlations of all features that any signature uses, in training."""
    names = list(dict.fromkeys(f.name for _, m in signatures_of(endpoint) for f in m.frozen.scores[0].features))
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
    """Return number of features after each step of each signature; a network selects none."""
    rows = []
    for name, model in signatures_of(endpoint):
        fitted = model.stack.fitted_[name]
        if is_deep(fitted):
            continue
        count = len(data.features[name])
        rows.append({"model": model.name, "step": "computed", "n_features": count})
        for step, transformer in fitted.steps[:-1] if isinstance(fitted, Pipeline) else []:
            if hasattr(transformer, "get_support"):
                count = int(np.sum(transformer.get_support()))
                rows.append({"model": model.name, "step": step, "n_features": count})
        rows.append({"model": model.name, "step": "signature", "n_features": len(model.frozen.scores[0].features)})
    return pd.DataFrame(rows, columns=["model", "step", "n_features"])


def formula_table(endpoint: Endpoint) -> pd.DataFrame:
    """Each model as the equation a reader can compute by hand."""
    rows = [{"model": m.name, "formula": formula(m.frozen)} for m in endpoint.models]
    return pd.DataFrame(rows, columns=["model", "formula"])


def formula(frozen: Frozen) -> str:
    """Text of the scores and of the model that weights them."""
    lines = [_score_formula(score) for score in frozen.scores]
    terms = " ".join(f"{'+' if w >= 0 else '-'} {abs(w):.6g} × {name}" for name, w in frozen.weights)
    if frozen.kind == "logistic":
        lines.append(f"log-odds = {frozen.intercept:.6g} {terms}".rstrip())
    else:
        lines.append(f"log relative hazard = {frozen.intercept:.6g} {terms}".rstrip())
    return "; ".join(lines)


def _score_formula(score: CaseScore) -> str:
    if not isinstance(score, Score):
        count = f" of {len(score.features)} features" if score.features else ""
        return f"{score.name} = {score.kind}{count}, in the frozen file"
    terms = []
    for f in score.features:
        value = f"log({f.name})" if f.log else f.name
        scaled = value if f.center == 0 and f.scale == 1 else f"({value} - {f.center:.6g}) / {f.scale:.6g}"
        terms.append(f"{'+' if f.coef >= 0 else '-'} {abs(f.coef):.6g} × {scaled}")
    return f"{score.name} = {score.intercept:.6g} {' '.join(terms)}".rstrip()


def effect_tables(endpoint: Endpoint) -> dict[str, pd.DataFrame]:
    """Return univariable and multivariable models of all predictors (scores cross-fitted), and their points."""
    model = combined(endpoint)
    fitted = None if model is None else final_of(model)
    if model is None or fitted is None:
        return {}
    design, y = model.stack.design_, model.predictions["training", "train"].y_true
    if endpoint.survival:
        univariable = pd.concat([CoxModel().fit(design[[name]], y).summary_ for name in design.columns])
    else:
        univariable = univariable_table(design, y.astype(int), firth=bool(fitted.firth))
    tables = {"univariable": univariable, "multivariable": fitted.summary_.drop(index="Intercept", errors="ignore")}
    labelled = {name: _labelled(table, model.name) for name, table in tables.items()}
    return labelled | _points(fitted, model, endpoint)


def final_of(model: Modelled) -> Any:
    """Return the final model of a model with its inference, or None."""
    return model.stack.final_model(model.predictions["training", "train"].y_true)


def _points(fitted: Any, model: Modelled, endpoint: Endpoint) -> dict[str, pd.DataFrame]:
    if not any(weight for _, weight in model.frozen.weights):
        return {}
    times = list(model.frozen.horizon) if endpoint.survival else None
    nomogram = points.Nomogram.from_model(fitted, times=times)
    tables = {"nomogram": nomogram.table.copy(), "nomogram_scale": nomogram.scale.copy()}
    for table in tables.values():
        table.insert(0, "model", model.name)
    return tables


def _labelled(table: pd.DataFrame, model: str) -> pd.DataFrame:
    table = table.copy()
    if "feature" not in table.columns:
        table = table.rename_axis("feature").reset_index()
    table.insert(0, "model", model)
    return table


def combined(endpoint: Endpoint) -> Modelled | None:
    """Return the model of all predictors; the last one if there is none of that name."""
    return endpoint.models[-1] if endpoint.models else None


def cox_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return hazard ratios of every final Cox model."""
    fitted = {m.name: final_of(m) for m in endpoint.models}
    parts = [_labelled(f.summary_, name) for name, f in fitted.items() if f is not None]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def hazards_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return the test of proportional hazards of every final Cox model."""
    parts = []
    for m in endpoint.models:
        fitted = final_of(m)
        if fitted is not None:
            y = m.predictions["training", "train"].y_true
            parts.append(_labelled(proportional_hazards_test(fitted, m.stack.design_, y), m.name))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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
        steps = pd.DataFrame(final.coef_path_, index=curve["penalty"].to_numpy(), columns=final.feature_names_in_)
        used = steps.loc[:, (steps != 0).any()].rename_axis(index="penalty", columns="feature")
        weights.append(used.stack().rename("coef").reset_index().assign(model=model.name))
    tables = {}
    for key, parts in (("lasso_path", curves), ("lasso_coefficients", weights)):
        if parts:
            table = pd.concat(parts, ignore_index=True)
            tables[key] = table[["model", *[c for c in table.columns if c != "model"]]]
    return tables
