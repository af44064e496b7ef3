"""The training cases of a model: their patients, and the networks that are trained on some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import PredefinedSplit

from radiokit.deep._batches import stopping_split
from radiokit.deep._fitted import FittedNetwork, Plan
from radiokit.deep._inputs import Inputs, Patches
from radiokit.deep._losses import Loss, Rows
from radiokit.deep._state import require_safetensors, state_to_bytes
from radiokit.deep._torch import repeatable, require_torch, resolve_device
from radiokit.deep.reader import Cases
from radiokit.deep.settings import Training
from radiokit.engine.folds import fold_ids
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import InputError, OutcomeError, ParameterError
from radiokit.utils import cell_text, drop_warnings
from radiokit.utils.estimators import Folds

if TYPE_CHECKING:
    from radiokit.deep._scorer import Scorer


@dataclass(frozen=True, eq=False)
class Cohort:
    """The training cases, ready for networks: `loss` gives what a network that trains on some rows makes small."""

    plan: Plan
    inputs: Inputs
    patches: Patches
    patients: NDArray[Any]
    loss: Callable[[Rows], Loss]
    training: Training

    def fit(self, rows: Rows, seed: int) -> FittedNetwork:
        """Train a network on some rows; part of their patients stop the training."""
        require_torch("training a network")
        require_safetensors()
        from radiokit.deep._train import Task, Trainer, with_gradients

        training, loss, inputs = self.training, self.loss(rows), self.inputs
        device = resolve_device(training.device)
        if training.precision != "float32" and device.type == "cpu":
            raise ParameterError(
                f"precision={training.precision!r} trains on a GPU only: on processors torch computes gradients of "
                "bfloat16 convolutions wrongly (NaN, or other values in every run). Use 'float32'."
            )
        self._require_enough(rows)
        self.require_usable(rows, "training")
        train, stop = rows, rows[:0]
        if training.patience is not None:
            train, stop = stopping_split(loss, rows, self.patients, training.validation, seed)
        self._require_enough(train)
        mean, sd = inputs.crops.scale(train)

        def build() -> Scorer:
            network = self.plan.build()
            network.set_scale(mean, sd)
            return network

        with repeatable(device, threads=training.threads, strict=device.type == "cpu"), with_gradients():
            task = Task(inputs, loss, train, stop, self.patches, seed)
            config = f"{self.plan}|{_deciding(training)}"
            state, history = Trainer(build, task, training, device=device, config=config).run()
        fitted = FittedNetwork(self.plan, state_to_bytes(state), history=tuple(tuple(row) for row in history))
        return replace(fitted, offset=loss.offset(lambda: fitted.score(inputs.take(train), training)))

    def folds(self, cv: Folds, y: NDArray[Any], seed: int) -> Rows:
        """Return the fold of each case; each is scored once, by a network that can be trained on the others."""
        # Where no patient repeats, a splitter that does not look at patients loses nothing.
        single = not isinstance(cv, int) and np.unique(self.patients).size == len(y)
        with drop_warnings() if single else nullcontext():
            folds = fold_ids(cv, np.zeros((len(y), 1)), y, random_state=seed, groups=self.patients)
        if (folds < 0).any():
            raise InputError(f"cv leaves {int((folds < 0).sum())} cases in no test fold; each needs one score.")
        for k in np.unique(folds):
            advice = " Use cv=5, which deals the outcome evenly, a splitter that shuffles, or other groups."
            self.require_usable(np.flatnonzero(folds != k), f"cv={cv!r}: the network without fold {k}", advice)
        return folds

    def cross_fitted(self, folds: Rows, seeds: Sequence[int]) -> FloatArray:
        """Return the score of each case by a network that was trained without its fold."""
        scores = np.empty(len(self.inputs))
        for k, seed in zip(np.unique(folds), seeds, strict=False):
            out = np.flatnonzero(folds == k)
            network = self.fit(np.flatnonzero(folds != k), seed)
            scores[out] = network.score(self.inputs.take(out), self.training)
        return scores

    def require_usable(self, rows: Rows, what: str, advice: str = "") -> None:
        """Raise OutcomeError where the loss cannot be computed from these rows."""
        loss = self.loss(rows)
        if not loss.usable(rows):
            raise OutcomeError(f"{what} is left with {loss.lack(rows)}.{advice}")

    def _require_enough(self, rows: Rows) -> None:
        """Raise InputError where these rows are too few for the network, or none of them has a channel."""
        if rows.size < 2 and self.plan.network.norm == "batch":
            raise InputError(
                f"{rows.size} case trains the network; required: 2 or more, for batch normalisation needs a variance "
                "(Network(norm='group') does not)."
            )
        never = np.flatnonzero(self.inputs.present[rows].max(axis=0) == 0)
        if never.size:
            raise InputError(
                f"none of {rows.size} training cases has channel {', '.join(map(str, never))} (in the order of the "
                "sequences, from 0): the network could not use it in new cases. Leave the sequence out."
            )


def patients_of(X: Cases, groups: ArrayLike | None, column: str | None, cv: Folds) -> NDArray[Any]:
    """Return the patient of each row: by a column of X, by `groups`, by predefined folds, or each row its own."""
    n = len(X)
    if column is not None:
        table = as_table_of_cases(X)
        if column not in table.columns:
            raise InputError(f"X has no column {column!r}, which training.groups names as the patient.")
        found = table[column].map(cell_text).replace("", None).to_numpy(dtype=object)
        what = f"column {column!r}, which training.groups names,"
    elif groups is None and isinstance(cv, PredefinedSplit):
        found, what = cv.test_fold, "cv"
    else:
        found, what = np.arange(n) if groups is None else np.asarray(groups), "groups"
    if found.shape != (n,):
        raise InputError(f"{what} has shape {found.shape}; required: the patient of each of {n} rows.")
    empty = np.flatnonzero(pd.isna(found))
    if empty.size:
        ids = X.index[empty[:5]] if isinstance(X, pd.DataFrame) else empty[:5]
        raise InputError(
            f"{what} has no patient for {empty.size} of {n} rows ({', '.join(map(str, ids))}); required: the patient "
            "of each, because all rows without one would be taken for one patient."
        )
    return found


def clinical_table(X: Cases, columns: Sequence[str]) -> pd.DataFrame:
    """Return X as a table that has these columns, or raise InputError."""
    table = as_table_of_cases(X)
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise InputError(
            f"X has no clinical column {', '.join(map(repr, absent))}; its columns: "
            f"{', '.join(map(str, table.columns[:30]))}."
        )
    return table


def as_table_of_cases(X: Cases) -> pd.DataFrame:
    """Return X where it is a table; an array of patches has no columns to look up."""
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"clinical or group columns with X of type {type(X).__name__}; required: a table with these columns, and "
            "the images as paths or in a column `patch`."
        )
    return X


def _deciding(training: Training) -> dict[str, Any]:
    """Return the settings that decide the weights."""
    return {k: v for k, v in vars(training).items() if k not in ("checkpoint", "progress", "groups")}
