"""Fusion of signatures and clinical columns: the final model sees scores of cases that a signature has not seen."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.validation import check_is_fitted, validate_data

from radiokit.engine.classifier import Classifier
from radiokit.engine.clinical import learn_clinical
from radiokit.engine.folds import fold_ids
from radiokit.engine.fusion import few_events, varying
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.exceptions import InputError
from radiokit.models._logistic import LogisticModel
from radiokit.models._signature import RadiomicsSignature, SurvivalSignature
from radiokit.models.cross_fitting import by_patient, cross_fitted_scores, fit_part
from radiokit.models.scores import CoxWeights, case_scores
from radiokit.utils import same_rows, spawn_seeds
from radiokit.utils.estimators import Cases, Estimator, Folds, Outcome, OutcomeRequired, survival_target
from radiokit.utils.feature_checks import refuse_repeats
from radiokit.utils.marks import refuse_chosen
from radiokit.utils.parameters import check_parameters

# Name to an unfitted estimator, or to it and the columns that it may use.
Signatures = Mapping[str, Estimator | tuple[Estimator, Sequence[Hashable]]]


class _Fusion(BaseEstimator):
    """What the fusions of a binary and of a survival outcome share."""

    def __init__(
        self,
        signatures: Signatures | None = None,
        *,
        clinical: Sequence[Hashable] = (),
        cv: Folds = 5,
        final_estimator: Estimator | None = None,
        random_state: Seed = None,
    ) -> None:
        self.signatures = signatures
        self.clinical = clinical
        self.cv = cv
        self.final_estimator = final_estimator
        self.random_state = random_state

    def _fit(self, X: pd.DataFrame, y: NDArray[Any], groups: ArrayLike | None, default: Estimator) -> None:
        check_parameters(self)
        refuse_chosen(X, "cross-fitted scores")
        clinical = list(self.clinical)
        self._parts = _parts(self.signatures, X, clinical, default)
        seeds = spawn_seeds(self.random_state, len(self._parts) + 2)
        self.signatures_, scores = {}, {}
        if self._parts:
            folds = fold_ids(self.cv, X, y, random_state=seeds[-1], groups=groups)
            if (folds < 0).any():
                raise InputError(
                    f"cv leaves {int((folds < 0).sum())} cases in no test fold; every case needs one score."
                )
            inner = isinstance(self.cv, PredefinedSplit) or _repeats(groups)
            for (name, (given, columns)), seed in zip(self._parts.items(), seeds, strict=False):
                estimator = by_patient(given) if _repeats(groups) else given
                scores[name] = cross_fitted_scores(estimator, X[columns], y, seed, folds, inner=inner)
                self.signatures_[name] = fit_part(estimator, X[columns], y, seed, folds if inner else None)
        self.cross_fitted_ = pd.DataFrame(scores, index=X.index)
        self.clinical_ = learn_clinical(X, clinical) if clinical else None
        self.design_ = self._with_clinical(self.cross_fitted_, X)
        self.final_columns_ = list(self.design_.columns)
        final = self._final(self.design_, y) if self.final_estimator is None else self.final_estimator
        self.final_estimator_ = fit_part(final, self.design_, y, seeds[-2])

    def _final(self, design: pd.DataFrame, y: NDArray[Any]) -> Estimator:
        """Return the model of the scores where the user gives none; each kind of outcome has its own."""
        raise NotImplementedError

    def _with_clinical(self, design: pd.DataFrame, X: pd.DataFrame) -> pd.DataFrame:
        if self.clinical_ is not None:
            extra = self.clinical_.matrix(X)
            both = [c for c in extra if c in design]
            if both:
                raise InputError(f"{both[0]!r} is the name of a signature and of a clinical column; rename one.")
            design = pd.concat([design, extra], axis=1)
        return design

    def _table(self, X: Cases, *, reset: bool) -> pd.DataFrame:
        """Return X as a table; arrays get the names x0, x1, ..."""
        if not reset:
            check_is_fitted(self)
        if isinstance(X, pd.DataFrame):
            refuse_repeats(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        values = validate_data(self, X, dtype=np.float64, reset=reset, ensure_min_samples=2 if reset else 1)
        return pd.DataFrame(values, columns=[f"x{j}" for j in range(values.shape[1])])

    def scores(self, X: Cases) -> pd.DataFrame:
        """Return the score of each signature, and the clinical columns, as the final model sees them.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            New cases. For the training cases see `cross_fitted_`: their scores here would be too good.

        Returns
        -------
        DataFrame of shape (n, n_columns)
            Columns ``final_columns_``.
        """
        table = self._table(X, reset=False)
        scores = {n: case_scores(self.signatures_[n], table[columns]) for n, (_, columns) in self._parts.items()}
        return self._with_clinical(pd.DataFrame(scores, index=table.index), table)


def _parts(
    signatures: Signatures | None, X: pd.DataFrame, clinical: list[Hashable], default: Estimator
) -> dict[str, tuple[Estimator, list[Hashable]]]:
    """Name to (estimator, columns); without columns all that are not clinical."""
    rest = [c for c in X.columns if c not in clinical]
    absent = [str(c) for c in clinical if c not in X.columns]
    if signatures is None:
        signatures = {"radscore": default}
    if not isinstance(signatures, Mapping) or not (signatures or clinical):
        raise InputError("signatures is not a mapping; required: name -> estimator, or name -> (estimator, columns).")
    parts = {}
    for name, value in signatures.items():
        estimator, columns = value if isinstance(value, tuple | list) else (value, rest)
        absent += [str(c) for c in columns if c not in X.columns]
        parts[str(name)] = (estimator, list(columns))
    if absent:
        raise InputError(f"X lacks the columns {', '.join(dict.fromkeys(absent))}; fusion needs them.")
    return parts


def _repeats(groups: ArrayLike | None) -> bool:
    return groups is not None and bool(pd.Series(np.asarray(groups)).duplicated().any())


class FusionClassifier(Classifier, _Fusion):
    r"""Combine signatures and clinical columns in one model, with cross-fitted scores.

    Parameters
    ----------
    signatures : dict of str to estimator or (estimator, columns)
        Unfitted classifiers (pipelines as a rule), and the columns each may use; without columns all that are not
        clinical. Default: one `RadiomicsSignature` named ``radscore``.
    clinical : sequence of column names
        Columns that enter the final model themselves. Text columns become indicators; gaps are filled with the median
        or the most frequent level of the training cases; a column with one value is left out with a warning.
    cv : int or scikit-learn splitter
        Folds in which the scores are cross-fitted; every case must be in one test fold. Where patients repeat
        (`groups`), or with a `PredefinedSplit`, the signatures tune themselves in these folds too.
    final_estimator : estimator, optional
        Combines the scores. Default: `LogisticModel`, by Firth's likelihood with less than 10 cases of the rarer class
        for each column.
    random_state : int, RandomState or None
        Seed of the folds, and of all estimators that leave theirs free.

    Attributes
    ----------
    signatures_ : dict of str to estimator
        Fitted to all training cases; they score new ones.
    cross_fitted_ : DataFrame
        Score of each training case by a signature fitted without it.
    design_ : DataFrame
        The cross-fitted scores and the clinical columns: what the final model was fitted to.
    final_estimator_ : estimator
        Fitted to the cross-fitted scores and the clinical columns.
    final_columns_ : list of str
        The columns it takes.
    clinical_ : ClinicalColumns or None
        Levels, ranges and what fills gaps.
    {classes_} {features_in_}

    See Also
    --------
    FusionSurvival : The same for a time to an event.

    Notes
    -----
    A signature looks better on the cases it was fitted to than it is. A final model fitted to such scores gives them
    too much weight and the clinical columns too little. Here the score of each training case comes from a signature
    that was fitted without it (stacked generalisation; Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1).

    *How to read it.* The weights in ``final_estimator_.summary_`` show what each part adds to the others; a
    signature that adds nothing to the clinical columns gets an odds ratio near 1. They are not a validation:
    cross-validate the whole model.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(120, 6)), columns=list("abcdef")).assign(sex=rng.choice(["f", "m"], 120))
    >>> y = (X["a"] + (X["sex"] == "m") + rng.normal(size=120) > 0.5).astype(int)
    >>> fusion = FusionClassifier(clinical=["sex"], random_state=0).fit(X, y)
    >>> fusion.final_estimator_.summary_.index.tolist()
    ['Intercept', 'radscore', 'sex=m']
    """

    def fit(self, X: Cases, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Cross-fit the scores, fit the signatures to all cases, and the final model to the scores.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Features and clinical columns.
        {y_binary}
        groups : array-like of shape (n,), optional
            Patients, where some have several rows: a patient is never on both sides of a fold.

        {returns_itself}

        Raises
        ------
        InputError
            If a column is absent, or a case is in no fold.
        """
        same_rows(X=X, y=y, groups=groups)
        table = self._table(X, reset=True)
        self._fit(table, self._learn_classes(y, len(table)), groups, RadiomicsSignature())
        return self

    def _final(self, design: pd.DataFrame, y: NDArray[Any]) -> LogisticModel:
        return LogisticModel(firth=few_events(y, int(varying(design.to_numpy()).sum())))

    def predict_proba(self, X: Cases) -> FloatArray:
        """Return the probability of both classes.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n, 2)
            Probabilities in the order of `classes_`.
        """
        check_is_fitted(self)
        return np.asarray(self.final_estimator_.predict_proba(self.scores(X)), dtype=float)

    def decision_function(self, X: Cases) -> FloatArray:
        """Return the log-odds of the positive class.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Score of the final model.
        """
        check_is_fitted(self)
        return case_scores(self.final_estimator_, self.scores(X))


class FusionSurvival(OutcomeRequired, _Fusion):
    r"""Combine signatures and clinical columns in one survival model, with cross-fitted scores.

    Parameters
    ----------
    signatures : dict of str to estimator or (estimator, columns)
        Unfitted survival estimators, and the columns each may use; without columns all that are not clinical. Default:
        one `SurvivalSignature` named ``radscore``.
    clinical, cv, random_state
        As `FusionClassifier`.
    final_estimator : estimator, optional
        Combines the scores, for example `radiokit.survival.CoxModel()`. Default: weights by Cox's partial likelihood.

    Attributes
    ----------
    signatures_, cross_fitted_, design_, final_estimator_, final_columns_, clinical_
        As `FusionClassifier`.
    {features_in_}

    See Also
    --------
    FusionClassifier : The same for a binary outcome.

    Notes
    -----
    As `FusionClassifier`; the final model is :math:`h(t \mid x) = h_0(t) e^{w^\top s}` with the cross-fitted scores and
    the clinical columns :math:`s`, by Cox's partial likelihood with Efron's ties
    (doi:10.1111/j.2517-6161.1972.tb00899.x).

    *How to read it.* `predict` is a log relative hazard: larger means earlier events.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(120, 6)), columns=list("abcdef")).assign(age=rng.normal(60, 9, 120))
    >>> y = pd.DataFrame({"event": rng.random(120) < 0.7, "time": rng.exponential(np.exp(-X["a"]))})
    >>> FusionSurvival(clinical=["age"], random_state=0).fit(X, y).final_columns_
    ['radscore', 'age']
    """

    def fit(self, X: Cases, y: Outcome, groups: ArrayLike | None = None) -> Self:
        """Cross-fit the scores, fit the signatures to all cases, and the final model to the scores.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Features and clinical columns.
        {y_survival}
        groups : array-like of shape (n,), optional
            Patients, where some have several rows: a patient is never on both sides of a fold.

        {returns_itself}

        Raises
        ------
        InputError
            If a column is absent, or a case is in no fold.
        """
        same_rows(X=X, y=y, groups=groups)
        table = self._table(X, reset=True)
        self._fit(table, survival_target(y, len(table)), groups, SurvivalSignature())
        return self

    def _final(self, design: pd.DataFrame, y: NDArray[Any]) -> CoxWeights:
        return CoxWeights()

    def predict(self, X: Cases) -> FloatArray:
        """Return the log relative hazard.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Larger means earlier events.
        """
        check_is_fitted(self)
        return np.asarray(self.final_estimator_.predict(self.scores(X)), dtype=float)
