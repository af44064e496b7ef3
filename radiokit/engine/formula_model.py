"""Models of numeric columns, or of a table by a formula: what the logistic, the Cox and Fine and Gray's model share."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.design import Design, check_frame, column_design, model_frame
from radiokit.engine.formula import parse_formula
from radiokit.engine.inputs import FloatArray
from radiokit.engine.results import Test
from radiokit.engine.training_cases import TrainingCases, row_labels
from radiokit.engine.wald import chi_squared_p_value
from radiokit.exceptions import DataWarning, InputError, ParameterError, SeparationWarning
from radiokit.utils import feature_values
from radiokit.utils.estimators import feature_names


@dataclass(frozen=True, eq=False)
class ModelData:
    """What a model is fitted to: the design matrix of the complete rows, their outcome and their labels."""

    matrix: FloatArray
    outcome: Any
    rows: NDArray[np.bool_]
    labels: NDArray[np.uint64]

    def take(self, values: ArrayLike | None, name: str) -> Any:
        """Return the values of the complete rows, given one value for each row of the table."""
        return rows_of(values, self.rows, name)


class FormulaModel:
    """Base of the models that take numeric columns as they are, or a table by a formula."""

    formula: str | None
    design_: Design
    summary_: pd.DataFrame
    coef_: FloatArray
    covariance_: FloatArray
    log_likelihood_: float
    likelihood_ratio_: Test
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    _training: TrainingCases
    _title = "a regression"
    # What forbids a likelihood-ratio test of two such models, or makes it approximate.
    _penalized = False
    _robust = False
    _pseudo_likelihood = False

    @classmethod
    def from_formula(cls, formula: str, data: pd.DataFrame, **parameters: Any) -> Self:
        """Fit a model given by a formula to a table: short for ``Model(formula, **parameters).fit(data)``.

        Parameters
        ----------
        formula : str
            As in the constructor, with the outcome on its left.
        data : DataFrame
            Raw columns, the outcome among them.
        **parameters
            Further arguments of the constructor.

        Returns
        -------
        Self
            Fitted; it predicts from tables of raw columns.

        Examples
        --------
        >>> from radiokit.models import LogisticModel
        >>> data = pd.DataFrame({"stage": list("IIJJIJIJ"), "y": [0, 1, 1, 0, 0, 1, 0, 1]})
        >>> LogisticModel.from_formula("y ~ C(stage)", data).predict_proba(data)[:2, 1].round(2).tolist()
        [0.25, 0.25]
        """
        return cls(formula, **parameters).fit(data)  # type: ignore[call-arg, attr-defined]

    def _learn(self, X: Any, y: Any, *, left: tuple[str, ...], strata: bool = False) -> ModelData:
        """Learn the design from the columns of X, or from the variables that the formula names.

        Without y the outcome is what stands on the left of the formula (`left`: what has to stand there). `strata`:
        whether the model can have strata.
        """
        if self.formula is None:
            matrix = feature_values(self, X, ensure_min_samples=2)
            self.design_ = column_design(pd.DataFrame(matrix, columns=feature_names(self)))
            return ModelData(matrix, y, np.ones(len(matrix), dtype=bool), row_labels(X, len(matrix)))
        if not strata and parse_formula(self.formula).strata:
            raise ParameterError(f"The formula is {self.formula!r}; strata() is for CoxModel. Add the column as C().")
        read = model_frame(self.formula, X, outcome=y is None)
        outcome = (
            rows_of(y, read.rows, "y") if y is not None else self._response(read.frame, read.design.response, left)
        )
        self.design_ = read.design
        self.feature_names_in_ = np.array([str(v) for v in read.design.variables], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        matrix = read.design.matrix(read.frame).to_numpy(dtype=float)
        return ModelData(matrix, outcome, read.rows, row_labels(X, len(X))[read.rows])

    def _response(self, frame: pd.DataFrame, response: tuple[Hashable, ...], left: tuple[str, ...]) -> Any:
        formula = self.formula or ""
        if len(response) != len(left):
            wanted = left[0] if len(left) == 1 else f"Surv({', '.join(left)})"
            raise ParameterError(f"The formula is {formula!r}; required on its left: {wanted}; or give y to fit.")
        columns = [column.values(frame) for column in parse_formula(formula).response]
        return columns[0] if len(left) == 1 else pd.DataFrame(dict(zip(left, columns, strict=True)))

    def _matrix(self, X: Any) -> FloatArray:
        """Return the design matrix of new cases."""
        if self.design_.formula:
            check_frame(X)
            return self.design_.matrix(X).to_numpy(dtype=float)
        return feature_values(self, X, reset=False)


def warn_not_estimated(names: Sequence[str], used: NDArray[np.bool_]) -> None:
    """Warn of columns without a coefficient; called by what `fit` calls."""
    aliased = [name for name, known in zip(names, used, strict=True) if not known]
    if aliased:
        warnings.warn(
            f"No coefficient can be estimated for {len(aliased)} of {len(names)} columns "
            f"({', '.join(aliased[:8])}{', ...' if len(aliased) > 8 else ''}): constant, or linear in the columns "
            "before. The model leaves them out; drop them.",
            DataWarning,
            stacklevel=4,
        )


def warn_infinite(names: Sequence[str], infinite: NDArray[np.bool_]) -> None:
    """Warn of coefficients of a hazard model that run to infinity; called by what `fit` calls."""
    if infinite.any():
        bad = [name for name, is_bad in zip(names, infinite, strict=True) if is_bad]
        warnings.warn(
            f"Complete or quasi-complete separation: the likelihood has no maximum, and the coefficients of {bad[:5]} "
            "run to infinity. Their intervals and p-values mean nothing; merge rare categories, drop covariates, or "
            "penalise (CoxElasticNet).",
            SeparationWarning,
            stacklevel=4,
        )


def rows_of(values: Any, rows: NDArray[np.bool_], name: str) -> Any:
    """Return the values of these rows, given one value for each row of the table; None stays None."""
    if values is None:
        return None
    given = values if isinstance(values, pd.Series | pd.DataFrame) else np.asarray(values)
    if given.shape[:1] != rows.shape:
        count = given.shape[0] if given.ndim else 1
        raise InputError(f"{name} has {count} values for {rows.size} rows of the table; required: one for each row.")
    return given.loc[rows] if isinstance(given, pd.Series | pd.DataFrame) else given[rows]


def chi_squared_test(statistic: float, df: float) -> Test:
    """Return a chi-squared statistic with its p-value."""
    return Test(statistic=float(statistic), df=df, p_value=chi_squared_p_value(statistic, df))
