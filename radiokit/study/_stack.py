"""The one estimator of a study: cross-fitted signature scores and clinical columns in a logistic or Cox model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import PredefinedSplit

from radiokit.models import LogisticModel
from radiokit.stats._logistic_fit import fit_firth, fit_logistic
from radiokit.study._clinical import design_matrix, learn_clinical
from radiokit.study._frozen import Frozen, Score
from radiokit.study._linear import linear_score, log_volume_score
from radiokit.survival import CoxModel
from radiokit.utils import is_survival_target
from radiokit.validation._folds import patient_folds

CROSS_FIT_FOLDS = 5
EVENTS_PER_PARAMETER = 10


class Stack(BaseEstimator):
    """A model of a study.

    Parameters
    ----------
    name : str
        Its name in all tables.
    signatures : mapping of str to (estimator, columns)
        Unfitted pipelines that end in a linear score, and the features each may use.
    clinical : sequence of str
        Clinical columns.
    volume : str or None
        Column whose logarithm is the only predictor (the baseline that a signature has to beat).
    random_state : int or None
        Seed of the folds in which scores are cross-fitted.
    cv : PredefinedSplit or None
        Folds of the rows instead, by patient; a bootstrap sets them, for it repeats patients.

    A single signature without clinical columns is that signature. Otherwise each patient's scores come from a signature
    that was fitted without that patient, and the final model weights these; for new patients the signatures fitted to
    all are used. With fewer than 10 events for each parameter the logistic model is Firth's.
    """

    def __init__(
        self,
        name: str = "model",
        signatures: Mapping[str, tuple[Any, Sequence[str]]] | None = None,
        clinical: Sequence[str] = (),
        volume: str | None = None,
        random_state: int | None = None,
        cv: Any = None,
    ) -> None:
        self.name = name
        self.signatures = signatures
        self.clinical = clinical
        self.volume = volume
        self.random_state = random_state
        self.cv = cv

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Stack:
        """Fit on training patients."""
        survival = is_survival_target(y)
        signatures = dict(self.signatures or {})
        folds = None if self.cv is None else self.cv.test_fold
        self.fitted_ = {
            name: fit_signature(pipeline, X[list(columns)], y, self.random_state, folds)
            for name, (pipeline, columns) in signatures.items()
        }
        scores = [linear_score(name, model, X[list(signatures[name][1])]) for name, model in self.fitted_.items()]
        if self.volume is not None:
            scores.append(log_volume_score(self.volume, X))
        self.clinical_ = learn_clinical(X[list(self.clinical)])
        self.classes_ = np.array([0, 1])
        intercept, weights = 0.0, tuple((score.name, 1.0) for score in scores)
        self.design_ = pd.DataFrame(index=X.index)
        if len(scores) != 1 or self.clinical or self.volume is not None:
            self.design_ = self._design(X, y, scores)
            intercept, weights = _fit_final(self.design_, y, survival)
        kind = "cox" if survival else "logistic"
        frozen = Frozen(self.name, kind, intercept, weights, tuple(scores), self.clinical_)
        self.frozen_ = _centred(frozen, X) if survival else frozen
        return self

    def final_model(self, y: NDArray[Any]) -> Any:
        """Return the final model with its inference, or None for a signature alone."""
        if self.design_.empty:
            return None
        if self.frozen_.kind == "cox":
            return CoxModel().fit(self.design_, y)
        return LogisticModel(firth=few_events(self.design_, y)).fit(self.design_, np.asarray(y).astype(int))

    def _design(self, X: pd.DataFrame, y: NDArray[Any], scores: list[Score]) -> pd.DataFrame:
        design = design_matrix(X, self.clinical_)
        for score in scores:
            if score.name not in self.fitted_:
                design[score.name] = _scores(score, X)
        for name, (pipeline, columns) in (self.signatures or {}).items():
            folds = cross_fit_folds(X, y, self.random_state or 0) if self.cv is None else self.cv.test_fold
            inner = self.cv is not None
            design[name] = cross_fitted(name, pipeline, X[list(columns)], y, self.random_state, folds, inner=inner)
        return design.loc[:, design.nunique() > 1]

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Probability of both classes."""
        p = self.frozen_.predict(X)["probability"].to_numpy()
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Log relative hazard, or the more probable class."""
        if self.frozen_.kind == "cox":
            return self.frozen_.predict(X)["risk"].to_numpy()
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(int)


def fit_signature(
    pipeline: Any, X: pd.DataFrame, y: NDArray[Any], seed: int | None, folds: NDArray[np.intp] | None = None
) -> Any:
    """Fit a clone, its free seeds set; with `folds`, its penalty is chosen in these."""
    model = clone(pipeline)
    parameters = model.get_params()
    changes: dict[str, Any] = {
        k: seed for k, v in parameters.items() if k.split("__")[-1] == "random_state" and v is None
    }
    if folds is not None:
        changes |= {
            k: PredefinedSplit(folds) for k, v in parameters.items() if k.split("__")[-1] == "cv" and v is not None
        }
    return model.set_params(**changes).fit(X, y)


def cross_fit_folds(X: pd.DataFrame, y: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """Fold of each patient; few events: few folds."""
    target = y if is_survival_target(y) else np.asarray(y).astype(bool)
    event = target["event"] if target.dtype.names else target
    rarer = int(event.sum()) if target.dtype.names else int(min(event.sum(), (~event).sum()))
    return patient_folds(target, X.index.to_numpy(), max(2, min(CROSS_FIT_FOLDS, rarer)), seed)


def cross_fitted(
    name: str,
    pipeline: Any,
    X: pd.DataFrame,
    y: NDArray[Any],
    seed: int | None,
    folds: NDArray[np.intp],
    *,
    inner: bool,
) -> NDArray[np.float64]:
    """Score of each patient by a signature fitted without that patient."""
    scores = np.empty(len(X))
    for k in np.unique(folds):
        out = folds == k
        model = fit_signature(pipeline, X[~out], y[~out], seed, folds[~out] if inner else None)
        scores[out] = _scores(linear_score(name, model, X[~out]), X[out])
    return scores


def _scores(score: Score, X: pd.DataFrame) -> NDArray[np.float64]:
    columns = {f.name: X[f.name].to_numpy(dtype=float) for f in score.features}
    return np.array([score.value({k: v[i] for k, v in columns.items()}) for i in range(len(X))])


def _fit_final(design: pd.DataFrame, y: NDArray[Any], survival: bool) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Return the intercept and the weights of the final model."""
    events = y["event"] if survival else np.asarray(y).astype(bool)
    if design.shape[1] == 0:
        return (0.0 if survival else float(logit(events.mean()))), ()
    if survival:
        return 0.0, tuple(zip(design.columns, np.nan_to_num(CoxModel().fit(design, y).coef_).tolist(), strict=True))
    kernel = fit_firth if few_events(design, y) else fit_logistic
    intercept, *weights = np.nan_to_num(kernel(design.to_numpy(), events).coef).tolist()
    return intercept, tuple(zip(design.columns, weights, strict=True))


def few_events(design: pd.DataFrame, y: NDArray[Any]) -> bool:
    """Return whether a binary outcome has fewer than 10 events for each parameter."""
    events = np.asarray(y).astype(bool)
    return bool(min(events.sum(), (~events).sum()) < EVENTS_PER_PARAMETER * design.shape[1])


def _centred(frozen: Frozen, X: pd.DataFrame) -> Frozen:
    """Return the same Cox model with mean risk 0 in training, so that risks of different folds are on one scale."""
    return replace(frozen, intercept=frozen.intercept - float(frozen.predict(X)["risk"].mean()))
