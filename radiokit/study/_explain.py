"""What is inside the models: features, weights, formulas, points; and what else these features go with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from radiokit import nomogram as points
from radiokit.exceptions import RadiokitError
from radiokit.models import LogisticModel
from radiokit.nomogram._source import Source
from radiokit.study._attributions import contributions
from radiokit.study._confounders import confounders
from radiokit.study._deep import is_deep
from radiokit.study._endpoint import Data, Endpoint, Modelled, Run
from radiokit.study._frozen import CaseScore, Frozen, Score
from radiokit.study._linear import score_of
from radiokit.study._missing import present
from radiokit.study._stack import fit_signature
from radiokit.survival import CoxModel, proportional_hazards_test
from radiokit.utils import parallel_map, spawn_seeds

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
        weights = [f.coef / f.scale if isinstance(score, Score) else np.nan for f in score.features]
        table = pd.DataFrame(
            {
                "model": model.name,
                "signature": name,
                "feature": [f.name for f in score.features],
                "coef": [w * _spread(data, f.name) for w, f in zip(weights, score.features, strict=True)],
                "coef_raw": weights,
            }
        )
        added, _ = contributions(model.frozen, data.X[data.training], data.X[data.training])
        table["importance"] = table["feature"].map(added.abs().mean())
        table["selection_frequency"] = [frequency[name].get(f, 0.0) for f in table["feature"]]
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


def formula_table(endpoint: Endpoint, time_unit: str = "") -> pd.DataFrame:
    """Each model as the equation a reader can compute by hand."""
    rows = [{"model": m.name, "formula": formula(m.frozen, time_unit)} for m in endpoint.models]
    return pd.DataFrame(rows, columns=["model", "formula"])


def formula(frozen: Frozen, time_unit: str = "") -> str:
    """Text of the scores, of the model that weights them, and of what becomes of the sum."""
    lines = [_score_formula(score) for score in frozen.scores]
    total = _sum(frozen.intercept, [(weight, name) for name, weight in frozen.weights])
    if frozen.kind == "logistic":
        lines.append(f"log-odds = {total}")
        if frozen.calibration is None:
            lines.append("probability = 1 / (1 + exp(-log-odds))")
        else:
            lines.append(f"probability: the log-odds bent by the {frozen.calibration.kind} map in the frozen file")
        return "; ".join(lines)
    lines.append(f"log relative hazard = {total}")
    for time, survival in zip(frozen.horizon, frozen.baseline, strict=True):
        at = f"{time:g} {time_unit}".strip()
        lines.append(f"survival at {at} = {survival:.6g} ^ exp(log relative hazard)")
    if frozen.horizon:
        lines.append("for other times S0(t) of the table baseline_survival stands before the ^")
    return "; ".join(lines)


def _score_formula(score: CaseScore) -> str:
    if not isinstance(score, Score):
        count = f" of {len(score.features)} features" if score.features else ""
        return f"{score.name} = {score.kind}{count}, in the frozen file"
    terms = []
    for f in score.features:
        value = f"log({f.name})" if f.log else f.name
        bounded = _bounded(value, f.clip_low, f.clip_high)
        scaled = bounded if f.center == 0 and f.scale == 1 else f"({bounded} - {f.center:.6g}) / {f.scale:.6g}"
        terms.append((f.coef, scaled))
    return f"{score.name} = {_sum(score.intercept, terms)}"


def _bounded(value: str, low: float, high: float) -> str:
    """Text of a value that is held between bounds; a bound that is NaN holds nothing back."""
    if np.isnan(low) and np.isnan(high):
        return value
    ends = ["-∞" if np.isnan(low) else f"{low:.6g}", "∞" if np.isnan(high) else f"{high:.6g}"]
    return f"clip({value}, {ends[0]}, {ends[1]})"


def _sum(intercept: float, terms: Sequence[tuple[float, str]]) -> str:
    """Text of an intercept and weighted terms; what is 0 but for rounding, and a weight of 1, are left out."""
    largest = max([abs(weight) for weight, _ in terms], default=0.0)
    text = "" if terms and abs(intercept) <= 1e-12 * max(largest, 1.0) else f"{intercept:.6g}"
    for weight, name in terms:
        factor = name if abs(weight) == 1 else f"{abs(weight):.6g} × {name}"
        sign = "-" if weight < 0 else "+" if text else ""
        text = f"{text} {sign} {factor}" if text else f"{sign}{factor}"
    return text


def effect_tables(endpoint: Endpoint, data: Data, level: float) -> dict[str, pd.DataFrame]:
    """Return univariable and multivariable models of all predictors (scores cross-fitted), and their points."""
    model = endpoint.models[-1] if endpoint.models else None
    fitted = None if model is None else final_of(model, level)
    if model is None or fitted is None:
        return {}
    tables = {
        "univariable": univariable(model, fitted, data, level),
        "multivariable": _counted(fitted.summary_.drop(index="Intercept", errors="ignore"), model, data),
    }
    labelled = {name: _labelled(table, model.name) for name, table in tables.items()}
    return labelled | _points(model)


def univariable(model: Modelled, fitted: Any, data: Data, level: float) -> pd.DataFrame:
    """Fit each predictor of a model alone, to the training patients in whom it is known: `n` says how many.

    A category is one predictor with a coefficient for each level but the first, against the first.
    """
    y = model.predictions["training", "train"].y_true
    design, terms = model.stack.design_, model.stack.terms_
    parts = []
    for term, columns in zip(terms.terms, terms.slices, strict=True):
        known = _known(str(term.variable), data)
        values, own = design.iloc[:, columns][known], y[known]
        values = values.loc[:, values.nunique() > 1]
        if values.empty:
            continue
        if own.dtype.names:
            fresh: Any = CoxModel(confidence_level=level)
        else:
            fresh, own = LogisticModel(firth=bool(fitted.firth), confidence_level=level), own.astype(int)
        table = fresh.fit(values, own).summary_.drop(index="Intercept", errors="ignore")
        events = int((own["event"] if own.dtype.names else own).sum())
        parts.append(
            table.assign(variable=str(term.variable), n=len(own), n_events=events, n_missing=int((~known).sum()))
        )
    return pd.concat(parts) if parts else pd.DataFrame()


def _known(variable: str, data: Data) -> NDArray[np.bool_]:
    """Return which training patients have a value of a clinical column; a score is known of everybody."""
    if variable not in data.clinical:
        return np.ones(int(data.training.sum()), dtype=bool)
    return present(data.X.loc[data.training, variable]).to_numpy()


def _counted(table: pd.DataFrame, model: Modelled, data: Data) -> pd.DataFrame:
    """Add how many patients a multivariable model has, and of how many a value was imputed."""
    train = model.predictions["training", "train"]
    clinical = [str(t.variable) for t in model.stack.terms_.terms if str(t.variable) in data.clinical]
    complete = np.logical_and.reduce([_known(v, data) for v in clinical]) if clinical else np.ones(train.n, dtype=bool)
    return table.assign(n=train.n, n_events=train.n_events, n_imputed=int((~complete).sum()))


def final_of(model: Modelled, level: float) -> Any:
    """Return the final model of a model with its inference, or None."""
    return model.stack.final_model(model.predictions["training", "train"].y_true, level)


def _points(model: Modelled) -> dict[str, pd.DataFrame]:
    """Return the points of the model that predicts: its own weights and, for survival, its own baseline hazard.

    A calibration that bends the log-odds cannot be drawn on straight rulers: there is no nomogram then.
    """
    frozen, terms = model.frozen, model.stack.terms_
    if not any(weight for _, weight in frozen.weights) or frozen.calibration is not None:
        return {}
    weights = dict(frozen.weights)
    coef = np.array([weights[name] for name in terms.names])
    source = Source(terms, coef, frozen.intercept, model.baseline)
    nomogram = points.Nomogram.from_model(source, times=list(frozen.horizon) or None)
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


def cox_table(endpoint: Endpoint, data: Data, level: float) -> pd.DataFrame:
    """Return hazard ratios of every final Cox model."""
    fitted = {m: final_of(m, level) for m in endpoint.models}
    parts = [_labelled(_counted(f.summary_, m, data), m.name) for m, f in fitted.items() if f is not None]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def hazards_table(endpoint: Endpoint, level: float) -> pd.DataFrame:
    """Return the test of proportional hazards of every final Cox model."""
    parts = []
    for m in endpoint.models:
        fitted = final_of(m, level)
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
