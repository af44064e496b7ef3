"""A network that predicts a binary outcome from images and clinical columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import column_or_1d

from radiokit.deep._base import DeepModel
from radiokit.deep._weighing import Weights, logistic_weights
from radiokit.engine.inputs import FloatArray
from radiokit.engine.logistic import expit
from radiokit.exceptions import OutcomeError


class DeepClassifier(ClassifierMixin, DeepModel):
    r"""A convolutional network for a binary outcome: several sequences as channels, with clinical columns.

    Parameters
    ----------
    backbone : str or Network
        Name of the network, as `build_network`, or a `Network`, which also says dimension, stride and normalisation.
    crop : Crop
        The box around the region, windows, and what happens where a sequence is missing.
    sequences : sequence of str, optional
        Names of the images, ``"ct"`` for the column ``image_ct``; all of the case table if absent.
    clinical : sequence of str
        Clinical columns of X. Text becomes indicators; gaps are filled with the median or most frequent level.
    fusion : {"late", "concat", "film"}
        How clinical columns enter. ``"late"``: a logistic model weighs them and the score of the network, which is
        cross-fitted, so that it comes from a network that has not seen the case. ``"concat"``: beside the features in
        the head of the network. ``"film"``: they scale and shift every feature.
    cv : int or scikit-learn splitter
        Folds of the cross-fitting.
    training : Training
        Epochs, batches, augmentation, early stopping, checkpoints, device.
    random_state : int, RandomState or None
        Seed of everything. Equal seeds give equal weights, bit for bit, on the CPU.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The negative and the positive class.
    history_ : DataFrame
        Columns `epoch, learning_rate, loss, stopping_loss` of the network fitted to all cases.
    cross_fitted_ : ndarray of shape (n,) or None
        Late fusion: score of each training case by a network fitted without it.
    coef_ : Series
        Late fusion: weights of the score (``deep``) and of the clinical columns.

    See Also
    --------
    DeepSurvival : The same for a time to an event.
    DeepFeatureExtractor : Features of a network that is not trained here.

    Notes
    -----
    X is a case table with the columns of `radiokit.io.read_cases` (paths, or `Volume` and `Mask` objects), a table with
    a column ``patch`` of arrays (channels, z, y, x), or one array of shape (n, channels, z, y, x). A channel that is
    NaN throughout counts as absent.

    Part of the training patients do not train: they stop the training (`Training.validation`), inside of `fit`, whole
    patients at a time. With ``class_weight="balanced"`` the network learns at equal prevalence, and
    :math:`\log(w_1/w_0)` is taken from its log-odds again.

    *How to read it.* Cross-validate the whole (`radiokit.validation.nested_cv`): the loss on the patients that stop the
    training is no validation, for the number of epochs was chosen by it. Networks are overconfident; look at the
    calibration before a probability is used as one.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(24, 1, 8, 8, 8)).astype("float32")
    >>> model = DeepClassifier("resnet_small", training=Training(epochs=1), random_state=0)  # doctest: +SKIP
    >>> model.fit(X, np.arange(24) % 2).predict_proba(X).shape  # doctest: +SKIP
    (24, 2)
    """

    def _outcome(self, y: Any) -> NDArray[np.bool_]:
        labels = column_or_1d(y, warn=True)
        if pd.isna(labels).any():
            raise OutcomeError(f"y has {int(pd.isna(labels).sum())} missing values; drop those cases first.")
        self.classes_ = np.unique(labels)
        if self.classes_.size != 2:
            raise OutcomeError(f"y holds {self.classes_.size} classes ({self.classes_[:5]}); required: two.")
        return labels == self.classes_[1]

    def _loss(self, outcome: NDArray[Any], rows: NDArray[np.intp]) -> Any:
        from radiokit.deep._losses import BinaryLoss

        plain = BinaryLoss(outcome)
        balanced = self.training.class_weight == "balanced" and plain.usable(rows)
        return BinaryLoss.balanced(outcome, rows) if balanced else plain

    def _weigh(self, design: pd.DataFrame, y: NDArray[Any]) -> Weights:
        return logistic_weights(design, y)

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of the positive class.

        Parameters
        ----------
        X : DataFrame or array
            New cases, as for `fit`.

        Returns
        -------
        ndarray of shape (n,)
            A case gets the same score whatever cases come with it.
        """
        return self._score(X)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of both classes.

        Parameters
        ----------
        X : DataFrame or array
            New cases, as for `fit`.

        Returns
        -------
        ndarray of shape (n, 2)
            Probabilities in the order of `classes_`.
        """
        positive = expit(self._score(X))
        return np.column_stack([1 - positive, positive])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the more probable class (threshold 0.5; a study learns its own threshold).

        Parameters
        ----------
        X : DataFrame or array
            New cases, as for `fit`.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        positive = self._score(X) > 0
        return self.classes_[positive.astype(int)]

    def _own_state(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _take_state(self, raw: dict[str, Any]) -> None:
        self.classes_ = np.array(raw["classes"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
