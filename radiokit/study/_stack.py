"""The one estimator of a study: a signature alone or the library's fusion, written as numbers once it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, clone

from radiokit.engine.design import Design, column_design
from radiokit.engine.folds import fold_ids
from radiokit.engine.fusion import few_events, varying
from radiokit.models import FusionClassifier, FusionSurvival, LogisticModel
from radiokit.models.calibration import learn_calibration
from radiokit.models.cross_fitting import cross_fitted_scores, fit_part
from radiokit.models.scores import CoxWeights, LogisticWeights
from radiokit.study._frozen import Frozen
from radiokit.study._linear import LogVolume, frozen_clinical, score_of
from radiokit.survival import CoxModel
from radiokit.utils import is_survival_target

CROSS_FIT_FOLDS = 5


class Stack(BaseEstimator):
    """A model of a study.

    Parameters
    ----------
    name : str
        Its name in all tables.
    signatures : mapping of str to (estimator, columns)
        Unfitted pipelines whose score can be frozen, and the features each may use.
    clinical : sequence of str
        Clinical columns.
    volume : str or None
        Column whose logarithm is the only predictor (the baseline that a signature has to beat).
    random_state : int or None
        Seed of the folds in which scores are cross-fitted.
    cv : PredefinedSplit or None
        Folds of the rows instead, by patient; a bootstrap sets them, for it repeats patients.
    calibration : str
        Map that is learnt on cross-fitted predictions of the whole; ``none`` leaves it out.

    A single signature without clinical columns is that signature. Otherwise it is `FusionClassifier` or
    `FusionSurvival`: the final model weights scores that come from signatures fitted without the patient. It predicts
    through its frozen form, so that a study and the file it writes cannot differ.
    """

    def __init__(
        self,
        name: str = "model",
        signatures: Mapping[str, tuple[Any, Sequence[str]]] | None = None,
        clinical: Sequence[str] = (),
        volume: str | None = None,
        random_state: int | None = None,
        cv: Any = None,
        calibration: str = "none",
    ) -> None:
        self.name = name
        self.signatures = signatures
        self.clinical = clinical
        self.volume = volume
        self.random_state = random_state
        self.cv = cv
        self.calibration = calibration

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> Stack:
        """Fit on training patients."""
        survival = is_survival_target(y)
        parts = dict(self.signatures or {})
        self.classes_ = np.array([0, 1])
        if len(parts) == 1 and not len(self.clinical):
            frozen = self._signature(parts, X, y)
        else:
            if self.volume is not None:
                parts["log_volume"] = (LogVolume(), [self.volume])
            frozen = self._fusion(parts, X, y, survival)
        if self.calibration != "none":
            frozen = self._calibrated(frozen, X, y, survival)
        self.frozen_ = _centred(replace(frozen, kind="cox"), X) if survival else frozen
        return self

    def _calibrated(self, frozen: Frozen, X: pd.DataFrame, y: NDArray[Any], survival: bool) -> Frozen:
        """Learn a map from predictions of training patients by models fitted without them; of a risk its slope."""
        cv = _folds(y) if self.cv is None else self.cv
        folds = fold_ids(cv, X, y, random_state=self.random_state)
        plain = clone(self).set_params(calibration="none")
        held_out = cross_fitted_scores(plain, X, y, self.random_state, folds, inner=self.cv is not None)
        if survival:
            final = CoxWeights().fit(pd.DataFrame({"risk": held_out}), y)
            return _rescaled(frozen, 0.0, max(float(final.coef_[0]), 0.0))
        learnt = learn_calibration(self.calibration, held_out, np.asarray(y).astype(bool))
        return _rescaled(frozen, *learnt.coef) if learnt.kind == "linear" else replace(frozen, calibration=learnt)

    def _signature(self, parts: dict[str, Any], X: pd.DataFrame, y: NDArray[Any]) -> Frozen:
        ((name, (pipeline, columns)),) = parts.items()
        folds = None if self.cv is None else self.cv.test_fold
        self.fitted_ = {name: fit_part(pipeline, X[list(columns)], y, self.random_state, folds)}
        self.design_, self.terms_ = pd.DataFrame(index=X.index), Design(())
        score = score_of(name, self.fitted_[name], X[list(columns)])
        return Frozen(self.name, "logistic", 0.0, ((name, 1.0),), (score,))

    def _fusion(self, parts: dict[str, Any], X: pd.DataFrame, y: NDArray[Any], survival: bool) -> Frozen:
        kind: Any = FusionSurvival if survival else FusionClassifier
        fusion = kind(
            parts,
            clinical=list(self.clinical),
            cv=_folds(y) if self.cv is None else self.cv,
            final_estimator=CoxWeights() if survival else LogisticWeights(),
            random_state=self.random_state,
        ).fit(X, y)
        self.fitted_ = fusion.signatures_
        scores = fusion.cross_fitted_.loc[:, varying(fusion.cross_fitted_.to_numpy())]
        clinical = fusion.clinical_.design if fusion.clinical_ is not None else Design(())
        self.terms_ = Design((*column_design(scores).terms, *clinical.terms))
        self.design_ = fusion.design_[self.terms_.names]
        final = fusion.final_estimator_
        weights = dict(zip(fusion.final_columns_, final.coef_.tolist(), strict=True))
        return Frozen(
            self.name,
            "logistic",
            final.intercept_,
            tuple((name, weights[name]) for name in self.design_.columns),
            tuple(score_of(n, model, X[list(parts[n][1])]) for n, model in self.fitted_.items()),
            () if fusion.clinical_ is None else frozen_clinical(fusion.clinical_),
        )

    def fitted_risk(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the log relative hazards of the training patients that the final weights were learnt from.

        A model of several parts learnt them from cross-fitted scores: those of the refitted signatures would be too
        good for the patients they were fitted to. A signature alone has no others.
        """
        frozen = self.frozen_
        if self.design_.empty:
            return frozen.output(X)
        names, weights = zip(*frozen.weights, strict=True)
        return frozen.intercept + self.design_[list(names)].to_numpy(dtype=float) @ np.array(weights)

    def final_model(self, y: NDArray[Any], confidence_level: float = 0.95) -> Any:
        """Return the final model with its inference, a category as one variable; None for a signature alone."""
        if self.design_.empty:
            return None
        if self.frozen_.kind == "cox":
            model: Any = CoxModel(confidence_level=confidence_level).fit(self.design_, y)
        else:
            firth = few_events(y, self.design_.shape[1])
            fresh = LogisticModel(firth=firth, confidence_level=confidence_level)
            model = fresh.fit(self.design_, np.asarray(y, dtype=int))
        model.design_ = self.terms_
        return model

    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Log-odds, or the log relative hazard."""
        if self.frozen_.kind == "cox":
            return self.frozen_.output(X)
        return logit(np.clip(self.predict_proba(X)[:, 1], 1e-15, 1 - 1e-15))

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Probability of both classes."""
        p = self.frozen_.output(X)
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Log relative hazard, or the more probable class."""
        if self.frozen_.kind == "cox":
            return self.frozen_.output(X)
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(int)


def _folds(y: NDArray[Any]) -> int:
    """Return how many folds; few events: few folds."""
    event = y["event"] if is_survival_target(y) else np.asarray(y).astype(bool)
    rarer = event.sum() if is_survival_target(y) else min(event.sum(), (~event).sum())
    return int(max(2, min(CROSS_FIT_FOLDS, rarer)))


def _rescaled(frozen: Frozen, offset: float, slope: float) -> Frozen:
    """Return the same model with another intercept and slope."""
    weights = tuple((name, slope * weight) for name, weight in frozen.weights)
    return replace(frozen, intercept=offset + slope * frozen.intercept, weights=weights)


def _centred(frozen: Frozen, X: pd.DataFrame) -> Frozen:
    """Return the same Cox model with mean risk 0 in training, so that risks of different folds are on one scale."""
    return replace(frozen, intercept=frozen.intercept - float(frozen.output(X).mean()))
