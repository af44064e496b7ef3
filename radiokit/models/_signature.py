"""The radiomics signature: features standardised, chosen and weighted by a LASSO, summed to a rad-score."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from radiokit.engine.classifier import Classifier
from radiokit.engine.elastic_net import CrossValidatedPath
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.engine.penalty_path import TunedPenalty
from radiokit.engine.ridge_left_out import ridge_left_out
from radiokit.exceptions import ParameterError
from radiokit.utils import feature_values, same_rows
from radiokit.utils.estimators import Cases, Folds, Outcome, OutcomeRequired, feature_names, survival_target
from radiokit.utils.parameters import PathLength, Share, check_parameters


class _Signature(TunedPenalty, TransformerMixin, BaseEstimator):
    """What the signatures of a binary and of a survival outcome share."""

    coef_: FloatArray
    intercept_: FloatArray

    def __init__(
        self,
        *,
        cv: Folds | Literal["loo"] = 10,
        rule: Literal["min", "1se"] = "min",
        lambdas: ArrayLike | None = None,
        n_lambdas: PathLength = 100,
        l1_ratio: Share = 1.0,
        random_state: Seed = None,
    ) -> None:
        self.cv = cv
        self.rule = rule
        self.lambdas = lambdas
        self.n_lambdas = n_lambdas
        self.l1_ratio = l1_ratio
        self.random_state = random_state

    def _fit(self, X: FloatArray, target: NDArray[Any]) -> tuple[FloatArray, float]:
        """Choose the penalty; return coefficients and intercept on the scale of the features."""
        path, index = self._tune(X, target)
        self.center_, self.scale_ = path.center, path.scale
        return path.coef[index], float(path.intercept[index])

    # Tables and text are made when they are read: for thousands of features they take longer than the fit.
    @property
    def coefficients_(self) -> pd.DataFrame:
        """Features with a weight, the heaviest first."""
        coef = np.ravel(self.coef_)
        table = pd.DataFrame(
            {
                "coef": coef,
                "coef_standardized": coef * self.scale_,
                "center": self.center_,
                "scale": self.scale_,
            },
            index=pd.Index(feature_names(self), name="feature"),
        )
        order = np.argsort(-np.abs(table["coef_standardized"].to_numpy()), kind="stable")
        return table.iloc[order[: np.count_nonzero(coef)]]

    @property
    def formula_(self) -> str:
        """The rad-score written out."""
        return written_formula(float(np.ravel(self.intercept_)[0]), self.coefficients_["coef"])

    def _left_out(self, X: FloatArray, y: NDArray[Any], groups: ArrayLike | None) -> CrossValidatedPath:
        if not isinstance(self.cv, str):
            return super()._left_out(X, y, groups)
        if self.l1_ratio != 0:
            raise ParameterError(
                f"cv is {self.cv!r} with l1_ratio {self.l1_ratio:g}; required: a number of folds or a splitter, or "
                "l1_ratio=0 (ridge)."
            )
        return ridge_left_out(X, y, lambdas=self.lambdas, n_lambdas=self.n_lambdas)

    def _score(self, X: Cases) -> FloatArray:
        check_is_fitted(self)
        values = feature_values(self, X, reset=False)
        return values @ np.ravel(self.coef_) + float(np.ravel(self.intercept_)[0])

    def transform(self, X: Cases) -> NDArray[np.float64]:
        """Return the rad-score as a table of one column.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n, 1)
            The rad-score; a DataFrame with the column ``radscore`` after ``set_output(transform="pandas")``.
        """
        return self._score(X)[:, None]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the name of the column that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, optional
            Checked against the names seen in `fit`.

        Returns
        -------
        ndarray of str
            ``["radscore"]``.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return np.asarray(["radscore"], dtype=object)


def written_formula(intercept: float, coef: pd.Series) -> str:
    """Write a weighted sum out, at full precision."""
    terms = [f" {'-' if b < 0 else '+'} {abs(float(b))!r} * {name}" for name, b in coef.items()]
    return f"radscore = {float(intercept)!r}" + "".join(terms)


class RadiomicsSignature(Classifier, _Signature):
    r"""A rad-score for a binary outcome: standardise, LASSO with cross-validated penalty, weighted sum.

    Parameters
    ----------
    cv : int, scikit-learn splitter or "loo"
        Folds; an int is stratified by the outcome and shuffled. ``"loo"``, for ridge only, leaves out one case at a
        time (equal rows together) by an approximation that needs no further fit: several times as fast, and on average
        as good as folds (`default_pipeline`). Where a patient has several rows that differ, take a splitter by group.
    {penalty_rule} {n_lambdas} {l1_ratio} {random_state}

    Attributes
    ----------
    formula_ : str
        The rad-score written out, on the scale of the features, at full precision.
    coefficients_ : DataFrame
        Features with a nonzero coefficient (index ``feature``), largest effect first: ``coef`` on the scale of the
        feature, ``coef_standardized`` for a standard deviation, ``center`` and ``scale`` (mean and standard deviation
        with divisor n of the training cases).
    coef_ : ndarray of shape (1, n_features)
        Coefficients of all features, on their scale.
    intercept_ : ndarray of shape (1,)
        Intercept.
    {lambda_} {penalty_path_}
    center_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of every feature.
    {classes_} {features_in_}

    See Also
    --------
    SurvivalSignature : The same for a time to an event.
    radiokit.selection.LassoSelector : Only the choice of features.

    Notes
    -----
    Minimises :math:`-\ell(a, b)/n + \lambda \sum_j (\alpha |s_j b_j| + \frac{1-\alpha}{2} (s_j b_j)^2)` with
    :math:`s_j` the standard deviation (divisor n) of feature j, as glmnet (doi:10.18637/jss.v033.i01); the rad-score is
    :math:`a + \sum_j b_j x_j`, its inverse logit the probability. The penalised coefficients are shrunken on purpose:
    they are used as they are, not refitted, and have no p-values.

    *How to read it.* The score is in log-odds: 0 is a probability of one half. How well it fits its training cases
    shows nothing: cross-validate the whole pipeline. If the chosen penalty leaves no feature, the signature is the
    intercept alone, and that is the result.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 5)), columns=list("abcde"))
    >>> signature = RadiomicsSignature(cv=5, random_state=0).fit(X, 2 * X["b"] + rng.normal(size=80) > 0)
    >>> signature.coefficients_.index[0]
    'b'
    >>> bool(np.allclose(signature.predict_proba(X)[:, 1], 1 / (1 + np.exp(-signature.decision_function(X)))))
    True
    >>> signature.set_output(transform="pandas").transform(X).columns.tolist()
    ['radscore']
    """

    def fit(self, X: Cases, y: ArrayLike) -> Self:
        """Fit the signature.

        Parameters
        ----------
        {X} {y_binary}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        OutcomeError
            If a class has fewer than two cases.

        Warns
        -----
        DataWarning
            If the rarer class has fewer cases than there are folds.
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        values = feature_values(self, X, ensure_min_samples=2)
        positive = self._learn_classes(y, len(values))
        coef, intercept = self._fit(values, positive)
        self.coef_, self.intercept_ = coef[None], np.array([intercept])
        return self

    def decision_function(self, X: Cases) -> FloatArray:
        """Return the rad-score (log-odds of the positive class).

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Rad-score.
        """
        return self._score(X)


class SurvivalSignature(OutcomeRequired, _Signature):
    r"""A rad-score for a time to an event: standardise, Cox-LASSO with cross-validated penalty, weighted sum.

    Parameters
    ----------
    {cv} {penalty_rule} {n_lambdas} {l1_ratio} {random_state}

    Attributes
    ----------
    formula_ : str
        The rad-score written out, on the scale of the features, at full precision.
    coefficients_ : DataFrame
        As `RadiomicsSignature`.
    coef_ : ndarray of shape (n_features,)
        Log hazard ratios of all features, on their scale.
    intercept_ : ndarray of shape (1,)
        Makes the mean rad-score of the training cases 0.
    {lambda_} {penalty_path_}
    center_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of every feature.
    {features_in_}

    See Also
    --------
    RadiomicsSignature : The same for a binary outcome.
    radiokit.survival.CoxElasticNet : The same coefficients as a model that predicts survival.

    Notes
    -----
    Cox's partial likelihood with Breslow's ties, penalised as glmnet does (doi:10.18637/jss.v039.i05); the curve is the
    full minus the training partial likelihood of each fold's model (``grouped=TRUE``; doi:10.1002/sim.2353).

    *How to read it.* The score is a log relative hazard: 0.7 more is twice the hazard. Only its order and its
    differences mean something, not its level.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 5)), columns=list("abcde"))
    >>> y = pd.DataFrame({"event": rng.random(80) < 0.7, "time": rng.exponential(np.exp(-X["b"]))})
    >>> SurvivalSignature(cv=5, rule="1se", random_state=0).fit(X, y).coefficients_.index.tolist()
    ['b']
    """

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Fit the signature.

        Parameters
        ----------
        {X} {y_survival}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        OutcomeError
            If there are fewer than two events.
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        values = feature_values(self, X, ensure_min_samples=2)
        coef, _ = self._fit(values, survival_target(y, len(values)))
        self.coef_ = coef
        self.intercept_ = np.array([-(values @ coef).mean()])
        return self

    def predict(self, X: Cases) -> FloatArray:
        """Return the rad-score (log relative hazard).

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Rad-score; larger means earlier events.
        """
        return self._score(X)
