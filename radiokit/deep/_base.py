"""What the classifier and the survival model share: reading, training, and fusion with clinical columns."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.validation import check_is_fitted

from radiokit.deep import _document as document
from radiokit.deep._checks import require_choice
from radiokit.deep._crop import Crop
from radiokit.deep._fitted import FittedNetwork, Plan, fit_network, require_usable
from radiokit.deep._nested import NestedSettings
from radiokit.deep._networks import check_backbone
from radiokit.deep._score import DeepScore
from radiokit.deep._store import CropStore
from radiokit.deep._torch import require_torch
from radiokit.deep._weighing import Weights, free_name
from radiokit.deep.case import columns_read
from radiokit.deep.reader import Reader
from radiokit.deep.settings import Network, Training
from radiokit.engine.clinical import ClinicalColumns, learn_clinical
from radiokit.engine.folds import fold_ids
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import FileError, InputError, ParameterError
from radiokit.utils import cell_text, drop_warnings, same_rows, spawn_seeds

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


class DeepModel(NestedSettings):
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
        patients = self._patients(X, groups, len(X))
        crops = reader.store(X, progress=self.training.progress)
        clinical = learn_clinical(self._clinical_columns(X), list(self.clinical)) if len(self.clinical) else None
        design = pd.DataFrame(index=range(len(crops))) if clinical is None else clinical.matrix(_frame(X))
        seen = design.to_numpy(dtype=float) if self.fusion != "late" else np.zeros((len(crops), 0))
        center, scale = seen.mean(axis=0), np.where(seen.std(axis=0) > 0, seen.std(axis=0), 1.0)
        inputs = self._inputs(crops, (seen - center) / scale)
        plan = Plan(
            network, reader.channels, reader.flags, seen.shape[1], "film" if self.fusion == "film" else "concat"
        )
        first, last, *seeds = spawn_seeds(self.random_state, 2 + len(crops))
        late = self.fusion == "late" and clinical is not None
        folds = self._folds(y, patients, last) if late else None
        fit = partial(self._network, plan, inputs, y, patients, self._about(reader))
        fitted = fit(np.arange(len(crops)), first)
        self._learnt = Learnt(reader, fitted, clinical, tuple(center.tolist()), tuple(scale.tolist()))
        self.history_ = document.history_of(fitted.history)
        self.cross_fitted_ = None
        if folds is not None:
            deep = np.empty(len(crops))
            for k, seed in zip(np.unique(folds), seeds, strict=False):
                out = np.flatnonzero(folds == k)
                deep[out] = fit(np.flatnonzero(folds != k), seed).score(inputs.take(out), self.training)
            self.cross_fitted_ = deep
            design.insert(0, free_name(design.columns), deep)
            intercept, coef = self._weigh(design.to_numpy(dtype=float), y)
            weights = Weights(tuple(map(str, design.columns)), tuple(coef.tolist()), intercept)
            self._learnt = replace(self._learnt, weights=weights)
            self.coef_ = pd.Series(weights.coef, index=weights.names, name="coef")
        self._remember_risk(partial(self._apparent, inputs, design), y)

    def _network(
        self, plan: Plan, inputs: Any, y: NDArray[Any], patients: Any, about: Any, rows: NDArray[np.intp], seed: int
    ) -> FittedNetwork:
        return fit_network(plan, inputs, self._loss(y, rows), rows, patients, about, self.training, seed)

    def _folds(self, y: NDArray[Any], patients: NDArray[Any], seed: int) -> NDArray[np.intp]:
        """Return the fold of each case; each is scored once, by a network that can be fitted to the others."""
        # Where no patient repeats, a splitter that does not look at patients loses nothing.
        lone = not isinstance(self.cv, int) and np.unique(patients).size == len(y)
        with drop_warnings() if lone else nullcontext():
            folds = fold_ids(self.cv, np.zeros((len(y), 1)), y, random_state=seed, groups=patients)
        if (folds < 0).any():
            raise InputError(f"cv leaves {int((folds < 0).sum())} cases in no test fold; each needs one score.")
        for k in np.unique(folds):
            rows = np.flatnonzero(folds != k)
            mend = " Use cv=5, which deals the outcome evenly, a splitter that shuffles, or other groups."
            require_usable(self._loss(y, rows), rows, f"cv={self.cv!r}: the network without fold {k}", mend)
        return folds

    def _clinical_columns(self, X: Any) -> pd.DataFrame:
        table = _frame(X)
        absent = [c for c in self.clinical if c not in table.columns]
        if absent:
            raise InputError(
                f"X has no clinical column {', '.join(map(repr, absent))}; its columns: "
                f"{', '.join(map(str, table.columns[:30]))}."
            )
        return table

    def _checked(self) -> Network:
        network = self.backbone if isinstance(self.backbone, Network) else Network(self.backbone)
        for name, kind in (("crop", Crop), ("training", Training)):
            if not isinstance(getattr(self, name), kind):
                raise ParameterError(f"{name} is {getattr(self, name)!r}; required: {kind.__name__}(...).")
        require_choice("fusion", self.fusion, FUSIONS)
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
            groups = table[column].map(cell_text).replace("", None).to_numpy(dtype=object)
            what = f"column {column!r}, which training.groups names,"
        elif groups is None and isinstance(self.cv, PredefinedSplit):
            groups, what = self.cv.test_fold, "cv"
        else:
            what = "groups"
        found = np.arange(n) if groups is None else np.asarray(groups)
        if found.shape != (n,):
            raise InputError(f"{what} has shape {found.shape}; required: the patient of each of {n} rows.")
        empty = np.flatnonzero(pd.isna(found))
        if empty.size:
            ids = X.index[empty[:5]] if isinstance(X, pd.DataFrame) else empty[:5]
            raise InputError(
                f"{what} has no patient for {empty.size} of {n} rows ({', '.join(map(str, ids))}); required: the "
                "patient of each, none missing, for what has no name would be one patient."
            )
        return found

    def _outcome(self, y: Any) -> NDArray[Any]:
        """Check the outcome, and learn what it is made of."""
        raise NotImplementedError

    def _loss(self, outcome: NDArray[Any], rows: NDArray[np.intp]) -> Any:
        """Return what a network that trains on these rows makes small."""
        raise NotImplementedError

    def _weigh(self, design: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return intercept and weights of the columns of the late fusion."""
        raise NotImplementedError

    def _remember_risk(self, risks: Callable[[], FloatArray], y: NDArray[Any]) -> None:
        """Learn what needs the training scores, given how to get them."""

    def _apparent(self, inputs: Any, design: pd.DataFrame) -> FloatArray:
        """Scores of the training cases: cross-fitted where they are, else as the network sees them."""
        if self._learnt.weights is not None:
            return self._learnt.weights.score(design)
        return self._learnt.network.score(inputs, self.training)

    @staticmethod
    def _inputs(crops: CropStore, clinical: FloatArray) -> Any:
        from radiokit.deep._train import Inputs

        return Inputs(crops, clinical.astype(np.float32))

    @staticmethod
    def _about(reader: Reader) -> Any:
        from radiokit.deep._augment import Patches

        return Patches(reader.spacing, reader.are_images, in_plane=reader.dimension != "3D")

    def _prepared(self, X: Any) -> tuple[Any, pd.DataFrame]:
        """Return new cases as the network takes them, and their clinical design."""
        check_is_fitted(self, "_learnt")
        require_torch(f"{type(self).__name__}.predict")
        learnt = self._learnt
        design = pd.DataFrame(index=range(len(X)))
        if learnt.clinical is not None:
            design = learnt.clinical_design(self._clinical_columns(X))
        crops = learnt.reader.store(X)
        seen = np.zeros((len(crops), 0))
        if learnt.network.plan.clinical:
            seen = (design.to_numpy(dtype=float) - np.array(learnt.center)) / np.array(learnt.scale)
        return self._inputs(crops, seen), design

    def _score(self, X: Any) -> FloatArray:
        inputs, design = self._prepared(X)
        deep = self._learnt.network.score(inputs, self.training)
        weights = self._learnt.weights
        return deep if weights is None else weights.score(design.assign(**{weights.names[0]: deep}))

    def _as_setting(self, name: str, value: Any) -> Any:
        return Network(value) if name == "backbone" and isinstance(value, str) else value

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
            Settings, weights in base64 with their checksum, and what else was learnt; folders (of crops, checkpoints)
            stay at home.

        Examples
        --------
        >>> model.to_dict()["class"]  # doctest: +SKIP
        'DeepClassifier'
        """
        check_is_fitted(self)
        return {**self._to_predict(), "record": document.record_to_dict(self)}

    def _to_predict(self) -> dict[str, Any]:
        """Return what prediction needs: without the scores of training cases, which another centre has no use for."""
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
            if "record" in raw:
                for attribute, value in document.record_from_dict(raw["record"]).items():
                    setattr(model, attribute, value)
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
        return DeepScore(name, columns, self._to_predict())

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
