"""What the classifier and the survival model share: reading, training, and fusion with clinical columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from radiokit.deep import _document as document
from radiokit.deep._cohort import Cohort, clinical_table, patients_of
from radiokit.deep._crop import Crop
from radiokit.deep._fitted import Plan
from radiokit.deep._inputs import Inputs, Scaling
from radiokit.deep._learnt import Learnt, LinearScore, free_name
from radiokit.deep._losses import Loss, Rows
from radiokit.deep._nested import NestedSettings
from radiokit.deep._networks import check_backbone
from radiokit.deep._score import DeepScore
from radiokit.deep._torch import require_torch
from radiokit.deep.case import columns_read
from radiokit.deep.reader import Cases, Reader
from radiokit.deep.settings import Network, Training
from radiokit.engine.clinical import ClinicalColumns, learn_clinical
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.exceptions import FileError, InputError, ParameterError
from radiokit.preprocessing.choices import check_setting
from radiokit.utils import same_rows, spawn_seeds
from radiokit.utils.estimators import Folds, Outcome

FUSIONS = ("late", "concat", "film")


class DeepModel(NestedSettings):
    """Estimator of one score for each case, from images and clinical columns."""

    _learnt: Learnt

    def __init__(
        self,
        backbone: str | Network = "resnet10",
        *,
        crop: Crop = Crop(),  # noqa: B008 - frozen
        sequences: Sequence[str] | None = None,
        clinical: Sequence[str] = (),
        fusion: str = "late",
        cv: Folds = 5,
        training: Training = Training(),  # noqa: B008 - frozen
        random_state: Seed = None,
    ) -> None:
        self.backbone = backbone
        self.crop = crop
        self.sequences = sequences
        self.clinical = clinical
        self.fusion = fusion
        self.cv = cv
        self.training = training
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome, groups: ArrayLike | None = None) -> Self:
        """Train the network, and where scores are cross-fitted one for each fold.

        Parameters
        ----------
        X : DataFrame or array
            Case table or patches, see the notes of `DeepClassifier`.
        {y}
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
            raise InputError(f"y has {len(outcome)} values and X {len(X)} cases; required: one for each case.")
        self._fit(X, outcome, groups)
        return self

    def _fit(self, X: Cases, y: NDArray[Any], groups: ArrayLike | None) -> tuple[Inputs, pd.DataFrame]:
        """Learn from the cases; return them as the network takes them, and the columns of the late fusion."""
        require_torch(f"{type(self).__name__}.fit")
        network = self._checked()
        reader = Reader.learn(X, self.crop, network.dimension, self.sequences)
        _require_room(network, reader)
        patients = patients_of(X, groups, self.training.groups, self.cv)
        crops = reader.store(X, progress=self.training.progress)
        clinical, design = self._learn_clinical(X)
        seen = design.to_numpy(dtype=float) if self.fusion != "late" else np.zeros((len(crops), 0))
        scaling = Scaling.learn(seen)
        fusion = "film" if self.fusion == "film" else "concat"
        plan = Plan(network, reader.channels, reader.flags, seen.shape[1], fusion)
        inputs, loss = Inputs(crops, scaling(seen)), partial(self._loss, y)
        cohort = Cohort(plan, inputs, reader.patches, patients, loss, self.training)
        first, last, *seeds = spawn_seeds(self.random_state, 2 + len(crops))
        late = self.fusion == "late" and clinical is not None
        folds = cohort.folds(self.cv, y, last) if late else None
        fitted = cohort.fit(np.arange(len(crops)), first)
        self._learnt = Learnt(reader, fitted, clinical, scaling)
        self.history_ = document.history_of(fitted.history)
        self.cross_fitted_ = None if folds is None else cohort.cross_fitted(folds, seeds)
        if self.cross_fitted_ is not None:
            design.insert(0, free_name(design.columns), self.cross_fitted_)
            intercept, coef = self._weigh(design.to_numpy(dtype=float), y)
            final = LinearScore(tuple(map(str, design.columns)), tuple(coef.tolist()), intercept)
            self._set_learnt(replace(self._learnt, final=final))
        return inputs, design

    def _learn_clinical(self, X: Cases) -> tuple[ClinicalColumns | None, pd.DataFrame]:
        """Learn the clinical columns, and return their design; neither where there are none."""
        names = list(self.clinical)
        if not names:
            return None, pd.DataFrame(index=range(len(X)))
        table = clinical_table(X, names)
        clinical = learn_clinical(table, names)
        return clinical, clinical.matrix(table)

    def _set_learnt(self, learnt: Learnt) -> None:
        self._learnt = learnt
        if learnt.final is not None:
            self.coef_ = pd.Series(learnt.final.coef, index=learnt.final.names, name="coef")

    def _checked(self) -> Network:
        """Return the network, after all parameters are checked."""
        network = self.backbone if isinstance(self.backbone, Network) else Network(self.backbone)
        for name, kind in (("crop", Crop), ("training", Training)):
            if not isinstance(getattr(self, name), kind):
                raise ParameterError(f"{name} is {getattr(self, name)!r}; required: {kind.__name__}(...).")
        check_setting("", "fusion", self.fusion, FUSIONS)
        if isinstance(self.clinical, str):
            raise ParameterError(f"clinical is {self.clinical!r}; required: a list of columns.")
        return network

    def _outcome(self, y: Outcome) -> NDArray[Any]:
        """Return the checked outcome; a classifier learns its classes."""
        raise NotImplementedError

    def _loss(self, outcome: NDArray[Any], rows: Rows) -> Loss:
        """Return what a network that trains on these rows makes small."""
        raise NotImplementedError

    def _weigh(self, design: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return intercept and weights of the columns of the late fusion."""
        raise NotImplementedError

    def _prepared(self, X: Cases) -> tuple[Inputs, pd.DataFrame]:
        """Return new cases as the network takes them, and their clinical design."""
        check_is_fitted(self, "_learnt")
        require_torch(f"{type(self).__name__}.predict")
        return self._learnt.inputs(X, self.clinical)

    def _score(self, X: Cases) -> FloatArray:
        """Return log-odds or log relative hazards of new cases."""
        check_is_fitted(self, "_learnt")
        require_torch(f"{type(self).__name__}.predict")
        return self._learnt.score(X, self.clinical, self.training)

    def _as_setting(self, name: str, value: object) -> object:
        return Network(value) if name == "backbone" and isinstance(value, str) else value

    def __sklearn_is_fitted__(self) -> bool:
        return "_learnt" in vars(self)

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
        {path}

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
        """Read a model that `save` wrote, and refuse one that was changed since.

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
            If the file is missing, does not hold a model of this class, or was changed.

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
            Settings, weights in base64 with their checksum, and what else was learnt; folders (of crops, of
            checkpoints) are left out.

        Examples
        --------
        >>> model.to_dict()["class"]  # doctest: +SKIP
        'DeepClassifier'
        """
        check_is_fitted(self)
        return {**self._to_predict(), "record": document.record_to_dict(self.history_, self.cross_fitted_)}

    def _to_predict(self) -> dict[str, Any]:
        """Return what prediction needs: without the scores of training cases, which another centre has no use for."""
        content = document.model_to_dict(self.get_params(deep=False), self._learnt)
        return {"class": type(self).__name__, **content, **self._own_state()}

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
            model._set_learnt(learnt)
            model._take_state(raw)
            if "record" in raw:
                model.history_, model.cross_fitted_ = document.record_from_dict(raw["record"])
        except FileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileError(f"the model is damaged ({type(error).__name__}: {error}); get it anew.") from error
        return model

    def frozen_score(self, name: str, X: pd.DataFrame) -> DeepScore:
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
        return DeepScore(name, columns, self._to_predict())

    def _own_state(self) -> dict[str, Any]:
        """Return what a subclass has learnt besides, in JSON's own types."""
        return {}

    def _take_state(self, raw: dict[str, Any]) -> None:
        """Set what `_own_state` returned."""


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
