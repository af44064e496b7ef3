"""A network that predicts a binary outcome from images and clinical columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import column_or_1d

from radiokit.deep._base import DeepModel
from radiokit.deep._losses import BinaryLoss, Rows
from radiokit.deep._score import can_be_frozen
from radiokit.deep.reader import Cases
from radiokit.engine.classes import binary_classes
from radiokit.engine.classifier import Classifier
from radiokit.engine.fusion import logistic_weights
from radiokit.engine.inputs import FloatArray
from radiokit.utils.estimators import Outcome


@can_be_frozen
class DeepClassifier(Classifier, DeepModel):
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
        cross-fitted: each case is scored by a network trained without it. Use it with the few hundred cases of most
        studies, and where the weight of each part shall be reported. ``"concat"``: beside the features in the head of
        the network; ``"film"``: they scale and shift every feature. Both train on images and columns together, which
        can find interactions between them and needs more cases.
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

    Part of the training patients do not train but decide when training stops (`Training.validation`); a patient is
    never divided. With ``class_weight="balanced"`` the network learns at equal prevalence, and :math:`\log(w_1/w_0)`
    is subtracted from its log-odds afterwards.

    *How to read it.* Cross-validate the whole (`radiokit.validation.nested_cv`): the loss on the patients that stop the
    training is no validation, because the number of epochs was chosen by it. Networks are often overconfident: look at
    the calibration before a probability is used as one.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(24, 1, 8, 8, 8)).astype("float32")
    >>> model = DeepClassifier("resnet_small", training=Training(epochs=1), random_state=0)  # doctest: +SKIP
    >>> model.fit(X, np.arange(24) % 2).predict_proba(X).shape  # doctest: +SKIP
    (24, 2)
    """

    def _outcome(self, y: Outcome) -> NDArray[np.bool_]:
        self.classes_, positive = binary_classes(column_or_1d(y, warn=True))
        return positive

    def _loss(self, outcome: NDArray[Any], rows: Rows) -> BinaryLoss:
        plain = BinaryLoss(outcome)
        balanced = self.training.class_weight == "balanced" and plain.usable(rows)
        return BinaryLoss.balanced(outcome, rows) if balanced else plain

    def _weigh(self, design: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        return logistic_weights(design, y)

    def decision_function(self, X: Cases) -> FloatArray:
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

    def _own_state(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _take_state(self, raw: dict[str, Any]) -> None:
        self.classes_ = np.array(raw["classes"])
