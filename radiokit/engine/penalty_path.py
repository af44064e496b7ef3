"""What estimators share whose penalty is chosen along an elastic net's path, by the losses of cases left out."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.elastic_net import CrossValidatedPath, ElasticNetPath, cross_validated_path
from radiokit.engine.folds import fold_ids
from radiokit.engine.inputs import FloatArray, Seed


class TunedPenalty:
    """Base of an estimator with `cv`, `rule`, `lambdas`, `l1_ratio` and `random_state`."""

    cv: Any  # Folds; a subclass may take more
    rule: Literal["min", "1se"]
    lambdas: ArrayLike | None
    n_lambdas: int = 100
    l1_ratio: float
    random_state: Seed
    lambda_: float
    coef_path_: FloatArray

    def _tune(self, X: FloatArray, y: NDArray[Any], groups: ArrayLike | None = None) -> tuple[ElasticNetPath, int]:
        """Learn the path and choose the penalty; return the path and the place of the chosen penalty."""
        self._tuned = self._left_out(X, y, groups)
        self._chosen = self._tuned.index(self.rule)
        path = self._tuned.path
        self.lambda_, self.coef_path_ = float(path.lambdas[self._chosen]), path.coef
        return path, self._chosen

    def _left_out(self, X: FloatArray, y: NDArray[Any], groups: ArrayLike | None) -> CrossValidatedPath:
        """Return the path with its losses on cases left out."""
        folds = fold_ids(self.cv, X, y, random_state=self.random_state, groups=groups)
        return cross_validated_path(X, y, folds, lambdas=self.lambdas, n_lambdas=self.n_lambdas, l1_ratio=self.l1_ratio)

    @property
    def path_(self) -> pd.DataFrame:
        """Loss on cases left out at each penalty, and which penalty was chosen; a table made when it is read."""
        return self._tuned.to_frame(self._chosen)
