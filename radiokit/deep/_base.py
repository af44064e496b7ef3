"""What the classifier and the survival model share: reading, training, and fusion with clinical columns."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.validation import check_is_fitted

from radiokit.deep import _document as document
from radiokit.deep._crop import Crop
from radiokit.deep._fitted import FittedNetwork, Plan, fit_network
from radiokit.deep._networks import check_backbone
from radiokit.deep._reader import Reader, columns_read
from radiokit.deep._score import DeepScore
from radiokit.deep._settings import Network, Training
from radiokit.deep._torch import require_torch
from radiokit.deep._weighing import DEEP, Weights
from radiokit.exceptions import FileError, InputError, ParameterError
from radiokit.stats._clinical import ClinicalColumns, learn_clinical
from radiokit.stats._elastic_net import fold_ids
from radiokit.stats._inputs import FloatArray
from radiokit.utils import same_rows, spawn_seeds

FUSIONS = ("late", "concat", "film")


@dataclass(frozen=True, eq=False)
class Learnt:
    """All that `fit` has learnt, and nothing of torch: it pickles, and goes into a file."""

    reader: Reader
    network: FittedNetwork
    clinical: ClinicalColumns | None = None
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    weights: Weights | None = None

    def clinical_design(self, X: pd.DataFrame) -> pd.DataFrame:
        """Design columns of the clinical ones, without gaps."""
        return pd.DataFrame(index=X.index) if self.clinical is None else self.clinical.matrix(X)


class DeepModel(BaseEstimator):
    """Estimator of one score a case, from images and clinical columns."""

    def __init__(
        self,
        backbone: str | Network = "resnet10",
        *,
        crop: Crop = Crop(),  # noqa: B008 - frozen
        sequences: Sequence[str] | None = None,
        clinical: Sequence[str] = (),
        fusion: str = "late",
        cv: Any = 5,
        training: Training = Training(),  # noqa: B008 - frozen
        random_state: Any = None,
    ) -> None:
        self.backbone = backbone
        self.crop = crop
        self.sequences = sequences
        self.clinical = clinical
        self.fusion = fusion
        self.cv = cv
        self.training = training
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: ArrayLike | None = None) -> Self:
        """Train the network, and where scores are cross-fitted one for each fold.

        Parameters
        ----------
        X : DataFrame or array
            Case table or patches, see the notes of `DeepClassifier`.
        y : array-like of shape (n,), or structured array or DataFrame with `event` and `time`
            Two classes, of which the larger (or last in the alphabet) is the positive one; or a survival target.
        groups : array-like of shape (n,), optional
            Patients, where some have several rows: none is on both sides of a split.

        Returns
        -------
        DeepClassifier or DeepSurvival
            Itself.

        Raises
        ------
        InputError
            If a column or a sequence is missing, a patch is not of numbers, or there are too few cases.
        OutcomeError
            If there are not two classes, or no event.
        MissingDependencyError
            If torch or MONAI is not installed.
        """
        same_rows(X=X, y=y, groups=groups)
        outcome = self._outcome(y)
        if len(outcome) != len(X):
            raise InputError(f"y has {len(outcome)} values and X {len(X)} cases; required: one a case.")
        self._fit(X, outcome, groups)
        return self

    def _fit(self, X: Any, y: NDArray[Any], groups: ArrayLike | None) -> None:
        require_torch(f"{type(self).__name__}.fit")
        network = self._checked()
        reader = Reader.learn(X, self.crop, network.dimension, self.sequences)
        _require_room(network, reader)
        images, present = reader.read(X, progress=self.training.progress)
        patients = self._patients(X, groups, len(images))
        clinical = learn_clinical(_frame(X), list(self.clinical)) if len(self.clinical) else None
        design = pd.DataFrame(index=range(len(images))) if clinical is None else clinical.matrix(_frame(X))
        seen = design.to_numpy(dtype=float) if self.fusion != "late" else np.zeros((len(images), 0))
        center, scale = seen.mean(axis=0), np.where(seen.std(axis=0) > 0, seen.std(axis=0), 1.0)
        inputs = self._inputs(images, present, (seen - center) / scale)
        plan = Plan(
            network, reader.channels, reader.flags, seen.shape[1], "film" if self.fusion == "film" else "concat"
        )
        about = self._about(reader)
        everyone = np.arange(len(images))
        target_of = partial(self._target, y)
        first, last, *seeds = spawn_seeds(self.random_state, 2 + len(images))
        fitted = fit_network(plan, inputs, target_of(everyone), everyone, patients, about, self.training, first)
        self._learnt = Learnt(reader, fitted, clinical, tuple(center.tolist()), tuple(scale.tolist()))
        self.history_ = pd.DataFrame(fitted.history, columns=["epoch", "learning_rate", "loss", "stopping_loss"])
        self.cross_fitted_ = None
        if self.fusion == "late" and clinical is not None:
            folds = self._folds(y, patients, last)
            deep = np.empty(len(images))
            for k, seed in zip(np.unique(folds), seeds, strict=False):
                rows, out = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
                part = fit_network(plan, inputs, target_of(rows), rows, patients, about, self.training, seed)
                deep[out] = part.score(inputs.take(out), self.training)
            self.cross_fitted_ = deep
            design = design.assign(**{DEEP: deep})[[DEEP, *design.columns]]
            weights = self._weigh(design, y)
            self._learnt = replace(self._learnt, weights=weights)
            self.coef_ = pd.Series(weights.coef, index=weights.names, name="coef")
        self._remember_risk(self._apparent(inputs, design), y)

    def _folds(self, y: NDArray[Any], patients: NDArray[Any], seed: int) -> NDArray[np.intp]:
        folds = fold_ids(self.cv, np.zeros((len(y), 1)), y, random_state=seed, groups=patients)
        if (folds < 0).any():
            raise InputError(f"cv leaves {int((folds < 0).sum())} cases in no test fold; each needs one score.")
        return folds

    def _checked(self) -> Network:
        network = self.backbone if isinstance(self.backbone, Network) else Network(self.backbone)
        for name, kind in (("crop", Crop), ("training", Training)):
            if not isinstance(getattr(self, name), kind):
                raise ParameterError(f"{name} is {getattr(self, name)!r}; required: {kind.__name__}(...).")
        if self.fusion not in FUSIONS:
            raise ParameterError(f"fusion is {self.fusion!r}; required: one of {', '.join(FUSIONS)}.")
        if isinstance(self.clinical, str):
            raise ParameterError(f"clinical is {self.clinical!r}; required: a list of columns.")
        return network

    def _patients(self, X: Any, groups: ArrayLike | None, n: int) -> NDArray[Any]:
        """Patient of each row: by the column that is named, by `groups`, by predefined folds, or one a row."""
        column = self.training.groups
        if column is not None:
            table = _frame(X)
            if column not in table.columns:
                raise InputError(f"X has no column {column!r}, which training.groups names as the patient.")
            groups = table[column].astype(str).to_numpy()
        elif groups is None and isinstance(self.cv, PredefinedSplit):
            groups = self.cv.test_fold
        found = np.arange(n) if groups is None else np.asarray(groups)
        if found.shape != (n,) or pd.isna(found).any():
            raise InputError(
                f"groups has shape {found.shape}; required: the patient of each of {n} rows, none missing."
            )
        return found

    def _outcome(self, y: Any) -> NDArray[Any]:
        """Check the outcome, and learn what it is made of."""
        raise NotImplementedError

    def _target(self, outcome: NDArray[Any], rows: NDArray[np.intp]) -> Any:
        """Return what a network that trains on these rows makes small."""
        raise NotImplementedError

    def _weigh(self, design: pd.DataFrame, y: NDArray[Any]) -> Weights:
        raise NotImplementedError

    def _remember_risk(self, risk: FloatArray, y: NDArray[Any]) -> None:
        """Learn what needs the training scores."""

    def _apparent(self, inputs: Any, design: pd.DataFrame) -> FloatArray:
        """Scores of the training cases: cross-fitted where they are, else as the network sees them."""
        if self._learnt.weights is not None:
            return self._learnt.weights.score(design)
        return self._learnt.network.score(inputs, self.training)

    @staticmethod
    def _inputs(images: Any, present: Any, clinical: FloatArray) -> Any:
        from radiokit.deep._train import Inputs

        return Inputs(images, present, clinical.astype(np.float32))

    @staticmethod
    def _about(reader: Reader) -> Any:
        from radiokit.deep._augment import Patches

        return Patches(reader.spacing, reader.are_images, in_plane=reader.dimension != "3D")

    def _prepared(self, X: Any) -> tuple[Any, pd.DataFrame]:
        """Return new cases as the network takes them, and their clinical design."""
        check_is_fitted(self, "_learnt")
        require_torch(f"{type(self).__name__}.predict")
        learnt = self._learnt
        images, present = learnt.reader.read(X)
        design = (
            learnt.clinical_design(_frame(X)) if learnt.clinical is not None else pd.DataFrame(index=range(len(images)))
        )
        seen = np.zeros((len(images), 0))
        if learnt.network.plan.clinical:
            seen = (design.to_numpy(dtype=float) - np.array(learnt.center)) / np.array(learnt.scale)
        return self._inputs(images, present, seen), design

    def _score(self, X: Any) -> FloatArray:
        inputs, design = self._prepared(X)
        deep = self._learnt.network.score(inputs, self.training)
        if self._learnt.weights is None:
            return deep
        return self._learnt.weights.score(design.assign(**{DEEP: deep}))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learnt")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one file of numbers and text; loading it executes nothing.

        Parameters
        ----------
        path : path
            Where to; written whole or not at all.

        Raises
        ------
        FileError
            If it cannot be written.

        Examples
        --------
        >>> model.save("model.json")  # doctest: +SKIP
        """
        check_is_fitted(self)
        document.write(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote, and see that nobody changed it.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        DeepClassifier or DeepSurvival
            Ready to predict; the same numbers to the last bit on the same machine.

        Raises
        ------
        FileError
            If the file is missing, is no model of this class, or was changed.

        Examples
        --------
        >>> DeepClassifier.load("model.json")  # doctest: +SKIP
        """
        raw = document.read(path)
        if raw.get("class") != cls.__name__:
            raise FileError(f"{Path(path)} holds a {raw.get('class')!r}; required: a {cls.__name__}.")
        return cls.from_dict(raw)

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted model in JSON's own types, as `save` writes it.

        Returns
        -------
        dict
            Settings, weights in base64 with their checksum, and what else was learnt.

        Examples
        --------
        >>> model.to_dict()["class"]  # doctest: +SKIP
        'DeepClassifier'
        """
        check_is_fitted(self)
        return {"class": type(self).__name__, **document.model_to_dict(self, self._learnt), **self._own_state()}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Return the model of `to_dict`.

        Parameters
        ----------
        raw : dict
            What `to_dict` returned.

        Returns
        -------
        DeepClassifier or DeepSurvival
            The fitted model.

        Raises
        ------
        FileError
            If it is damaged.

        Examples
        --------
        >>> DeepClassifier.from_dict(model.to_dict())  # doctest: +SKIP
        """
        try:
            parameters, learnt = document.model_from_dict(raw)
            model = cls(**parameters)
            model._learnt = Learnt(**learnt)
            model._take_state(raw)
            if (weights := model._learnt.weights) is not None:
                model.coef_ = pd.Series(weights.coef, index=weights.names, name="coef")
        except (KeyError, TypeError, ValueError, AttributeError, json.JSONDecodeError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"the model is damaged ({type(error).__name__}: {error}); get it anew.") from error
        return model

    def frozen_score(self, name: str, X: Any) -> DeepScore:
        """Return the fitted model as a score that a study freezes.

        Parameters
        ----------
        name : str
            Of the score.
        X : DataFrame
            Training cases: their columns are those that new cases need.

        Returns
        -------
        DeepScore
            Reads the images of new cases itself.

        Examples
        --------
        >>> model.frozen_score("ct", cases).columns  # doctest: +SKIP
        ('image', 'mask')
        """
        reader = self._learnt.reader
        if not reader.sequences:
            raise InputError(
                f"signature {name!r} was fitted to patches; required: a case table of images, which another centre has."
            )
        columns = (*columns_read(X, reader.sequences), *map(str, self.clinical))
        return DeepScore(name, columns, self.to_dict())

    def _own_state(self) -> dict[str, Any]:
        return {}

    def _take_state(self, raw: dict[str, Any]) -> None:
        """Set what `_own_state` returned."""


def _frame(X: Any) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"clinical or group columns with X of type {type(X).__name__}; required: a table with these columns, and "
            "the images as paths or in a column `patch`."
        )
    return X


def _require_room(network: Network, reader: Reader) -> None:
    """Raise ParameterError where the crop is too small for the network."""
    size = reader.crop.size if reader.sequences else reader.shape[1:]
    seen = size if network.dimension == "3D" else size[1:]
    smallest = check_backbone(network.backbone).smallest
    if min(seen) < smallest:
        raise ParameterError(
            f"crops of {tuple(seen)} voxels with {network.backbone!r}; required: {smallest} or more along each axis. "
            "Use a larger size, or a residual network."
        )
