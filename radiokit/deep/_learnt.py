"""All that a deep model has learnt, and how it scores new cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiokit.deep._cohort import clinical_table
from radiokit.deep._fitted import FittedNetwork
from radiokit.deep._inputs import Inputs, Scaling
from radiokit.deep.reader import Cases, Reader
from radiokit.deep.settings import Training
from radiokit.engine.clinical import ClinicalColumns
from radiokit.engine.inputs import FloatArray

DEEP = "deep"


def free_name(taken: Iterable[object]) -> str:
    """Return the name of the deep score beside clinical columns: "deep", or where one has that name "deep score"."""
    names = set(map(str, taken))
    return next(name for name in (DEEP, *(f"{DEEP} score{'*' * k}" for k in range(99))) if name not in names)


@dataclass(frozen=True)
class LinearScore:
    """The final model of a late fusion: a weighted sum of the deep score and of clinical columns."""

    names: tuple[str, ...]
    coef: tuple[float, ...]
    intercept: float

    def __call__(self, design: pd.DataFrame) -> FloatArray:
        """Return log-odds, or log relative hazards."""
        return design[list(self.names)].to_numpy(dtype=float) @ np.array(self.coef) + self.intercept


@dataclass(frozen=True, eq=False)
class Learnt:
    """What `fit` has learnt; it holds nothing of torch, so that it pickles and goes into a file.

    `scaling` is that of the clinical numbers that the network sees, `final` the final model of a late fusion.
    """

    reader: Reader
    network: FittedNetwork
    clinical: ClinicalColumns | None
    scaling: Scaling
    final: LinearScore | None = None

    def inputs(self, X: Cases, columns: Sequence[str]) -> tuple[Inputs, pd.DataFrame]:
        """Return new cases as the network takes them, and their clinical design; `columns` are the clinical ones."""
        design = pd.DataFrame(index=range(len(X)))
        if self.clinical is not None:
            design = self.clinical.matrix(clinical_table(X, columns))
        crops = self.reader.store(X)
        seen = design.to_numpy(dtype=float) if self.network.plan.clinical else np.zeros((len(crops), 0))
        return Inputs(crops, self.scaling(seen)), design

    def score(self, X: Cases, columns: Sequence[str], training: Training) -> FloatArray:
        """Return the score of new cases."""
        inputs, design = self.inputs(X, columns)
        deep = self.network.score(inputs, training)
        return deep if self.final is None else self.final(design.assign(**{self.final.names[0]: deep}))

    def training_score(self, inputs: Inputs, design: pd.DataFrame, training: Training) -> FloatArray:
        """Return the score of the training cases: cross-fitted where `design` holds such scores."""
        return self.network.score(inputs, training) if self.final is None else self.final(design)
