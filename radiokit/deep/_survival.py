"""A network that predicts a time to an event from images and clinical columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.deep._base import DeepModel
from radiokit.deep._document import baseline_from_dict, baseline_to_dict
from radiokit.deep._inputs import Inputs
from radiokit.deep._losses import CoxLoss, Rows
from radiokit.deep._score import can_be_frozen
from radiokit.deep.reader import Cases
from radiokit.engine.baseline import baseline_hazard
from radiokit.engine.fusion import cox_weights
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import OutcomeError
from radiokit.stats import concordance_index
from radiokit.utils import check_survival_target, same_rows
from radiokit.utils.estimators import Outcome


@can_be_frozen
class DeepSurvival(DeepModel):
    r"""A convolutional network for a time to an event: several sequences as channels, with clinical columns.

    Parameters
    ----------
    backbone : str or Network
        The network; this and the other parameters are those of `DeepClassifier`.
    crop : Crop
        The box around the region, windows, and what happens where a sequence is missing.
    sequences : sequence of str, optional
        Names of the images; all of the case table if absent.
    clinical : sequence of str
        Clinical columns of X.
    fusion : {"late", "concat", "film"}
        How clinical columns enter; ``"late"`` ends in a Cox model.
    cv : int or scikit-learn splitter
        Folds of the cross-fitting.
    training : Training
        Epochs, batches, augmentation, early stopping, checkpoints, device.
    random_state : int, RandomState or None
        Seed of everything.

    Attributes
    ----------
    history_, cross_fitted_, coef_
        As in `DeepClassifier`.

    See Also
    --------
    DeepClassifier : The same for a binary outcome; its notes on X hold here too.

    Notes
    -----
    The loss is Cox's negative log partial likelihood (doi:10.1111/j.2517-6161.1972.tb00899.x) with the ties of
    `Training.ties`. The risk set of an event consists of the cases of its training step. Events are dealt evenly, so
    that each step has one, and a step takes several batches where events are rare. With a ``batch_size`` of the number
    of cases or more it is the full risk set.

    *How to read it.* `predict` is a log relative hazard, 0 on average in training; larger means earlier events. Without
    late fusion the baseline hazard of `predict_survival` comes from training cases, whose risks the network has seen:
    survival probabilities are then too extreme. With clinical columns and late fusion it comes from cross-fitted risks.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(24, 1, 8, 8, 8)).astype("float32")
    >>> y = pd.DataFrame({"event": np.arange(24) % 2 == 0, "time": np.arange(24.0)})
    >>> model = DeepSurvival("resnet_small", training=Training(epochs=1), random_state=0)  # doctest: +SKIP
    >>> model.fit(X, y).predict(X).shape  # doctest: +SKIP
    (24,)
    """

    def _outcome(self, y: Outcome) -> NDArray[np.void]:
        target = check_survival_target(y)
        if not target["event"].any():
            raise OutcomeError(f"none of {target.size} cases has an event; required: one at least.")
        return target

    def _loss(self, outcome: NDArray[Any], rows: Rows) -> CoxLoss:
        return CoxLoss(outcome["time"], outcome["event"], self.training.ties)

    def _weigh(self, design: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        return cox_weights(design, y["time"], y["event"], ties=self.training.ties)

    def _fit(self, X: Cases, y: NDArray[Any], groups: ArrayLike | None) -> tuple[Inputs, pd.DataFrame]:
        inputs, design = super()._fit(X, y, groups)
        risk = self._learnt.training_score(inputs, design, self.training)
        self._baseline = baseline_hazard(y["time"], y["event"], risk, ties="breslow")
        return inputs, design

    def predict(self, X: Cases) -> FloatArray:
        """Return the log relative hazard.

        Parameters
        ----------
        X : DataFrame or array
            New cases, as for `fit`.

        Returns
        -------
        ndarray of shape (n,)
            Larger means earlier events. A case gets the same score whatever cases come with it.
        """
        return self._score(X)

    def predict_survival(self, X: Cases, times: ArrayLike) -> FloatArray:
        """Probability of being free of the event at given times.

        Parameters
        ----------
        X : DataFrame or array
            New cases, as for `fit`.
        times : array-like of shape (m,)
            Times, in the unit of the outcome.

        Returns
        -------
        ndarray of shape (n, m)
            Survival probabilities; NaN beyond the last follow-up of the training set.
        """
        risk = self._score(X)
        return self._baseline.survival(risk, times)

    def score(self, X: Cases, y: Outcome) -> float:
        """Return Harrell's concordance index of `predict`.

        Parameters
        ----------
        X : DataFrame or array
            Cases, as for `fit`.
        y : structured array or DataFrame with `event` and `time`
            The survival outcome.

        Returns
        -------
        float
            0.5 without value, 1 where risks and times are in perfect order.
        """
        same_rows(X=X, y=y)
        return concordance_index(check_survival_target(y), self.predict(X)).estimate

    def _own_state(self) -> dict[str, Any]:
        return {"baseline": baseline_to_dict(self._baseline)}

    def _take_state(self, raw: dict[str, Any]) -> None:
        self._baseline = baseline_from_dict(raw["baseline"])
