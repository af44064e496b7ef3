"""Logistic regression with the inference that R prints."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.classifier import Classifier
from radiokit.engine.cox import quadratic_form
from radiokit.engine.design import check_frame
from radiokit.engine.formula_model import FormulaModel, ModelData, chi_squared_test, rows_of, warn_not_estimated
from radiokit.engine.inputs import (
    FloatArray,
    check_level,
    check_magnitude,
    check_weights,
    normal_quantile,
)
from radiokit.engine.logistic import (
    FirthProfile,
    LogisticFit,
    fit_firth,
    fit_logistic,
    fit_ridge,
    profile_firth,
)
from radiokit.engine.training_cases import TrainingCases
from radiokit.exceptions import InputError, ParameterError, SeparationWarning
from radiokit.utils import same_rows
from radiokit.utils.estimators import Cases, Outcome
from radiokit.utils.parameters import check_parameters


class LogisticModel(FormulaModel, Classifier, BaseEstimator):
    r"""Logistic regression by maximum likelihood, Firth's penalised likelihood, or ridge.

    Parameters
    ----------
    formula : str, optional
        ``"y ~ age + C(stage) + rcs(cea, 4)"``: numbers as they are; factors against their first level, or
        ``C(stage, reference='II')``; restricted cubic splines with rms' knots, or ``rcs(cea, [2, 5, 9])``; ``.`` for
        all other columns. Text columns are factors anyway; names with blanks go in backticks. Default: the columns of
        X as they are. ``a * b`` means both and their interaction ``a:b``; ``weight < 2500 ~`` compares. Levels and
        knots are learnt in each fit, so that cross-validation and bootstrap validate them too.
    penalty : float, optional
        Ridge penalty on standardised coefficients, on glmnet's scale: the fit maximises
        :math:`\ell / n - \frac{\lambda}{2} \sum_j (s_j b_j)^2`. Standard errors are then not defined. Default: none.
    firth : bool
        Maximise Firth's penalised likelihood, which stays finite under separation and has less small-sample bias.
    {confidence_level}

    Attributes
    ----------
    summary_ : DataFrame
        One row for each coefficient (index ``feature``, ``Intercept`` first): ``coef, se, statistic, p_value,
        odds_ratio, ci_low, ci_high``; the interval is that of the odds ratio. NaN for a coefficient that cannot be
        estimated (a constant column, or one that is linear in those before it); the model predicts without it.
    likelihood_ratio_ : Test
        Likelihood-ratio test against the model without predictors.
    wald_, score_test_ : Test
        Wald's and Rao's test of all coefficients together; NaN where penalised.
    coef_ : ndarray of shape (1, n_coefficients)
        Log odds ratios.
    intercept_ : ndarray of shape (1,)
        Log-odds where all design columns are 0.
    covariance_ : ndarray of shape (n_coefficients + 1, n_coefficients + 1)
        Of the estimates, the intercept first.
    log_likelihood_, aic_ : float
        Maximum of the (penalised) log-likelihood, and Akaike's criterion (NaN where penalised).
    separated_ : bool
        Whether the outcome is separated: the maximum likelihood estimate is then infinite.
    events_per_parameter_ : float
        Cases of the rarer class for each coefficient.
    design_ : Design
        Terms with their levels, knots and ranges.
    {classes_}
    n_features_in_, feature_names_in_
        As in scikit-learn; with a formula the raw columns that it names.

    See Also
    --------
    radiokit.nomogram.Nomogram : Turns the model into points.
    radiokit.models.multivariable_table : The table papers print.

    Notes
    -----
    :math:`P(y=1 \mid x) = 1 / (1 + e^{-(a + b^\top x)})`, maximised by Newton's method until the log-likelihood cannot
    gain more than 1e-10, as R's ``glm`` with a tight ``epsilon`` and ``rms::lrm``. Tests are Wald's,
    :math:`z = b / se`, intervals :math:`e^{b \pm z_{1-\alpha/2} se}`. With ``firth=True`` p-values and intervals are
    those of the penalised likelihood ratio, as ``logistf`` prints them (Heinze and Schemper 2002,
    doi:10.1002/sim.1047), and `se` is from the Fisher information at the estimate.

    *How to read it.* An odds ratio of 2 means: the odds of the event double with each unit of the predictor, the others
    held constant. A Wald p-value near 1 beside an enormous coefficient does not show that there is no effect; it is a
    sign of separation, which is warned about. With less than 10 events for each parameter (`events_per_parameter_`) all
    of it is fragile.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"age": [40, 50, 60, 70, 45, 65, 55, 72], "y": [0, 0, 1, 1, 1, 0, 0, 1]})
    >>> model = LogisticModel().fit(data[["age"]], data["y"])
    >>> model.summary_.loc["age", ["odds_ratio", "ci_low", "ci_high"]].round(3).tolist()
    [1.091, 0.938, 1.269]
    >>> curved = LogisticModel("y ~ rcs(age, 3)", firth=True).fit(data)
    >>> curved.summary_.index.tolist()
    ['Intercept', 'age', "age'"]
    """

    _title = "a logistic regression"

    def __init__(
        self,
        formula: str | None = None,
        *,
        penalty: float | None = None,
        firth: bool = False,
        confidence_level: float = 0.95,
    ) -> None:
        self.formula = formula
        self.penalty = penalty
        self.firth = firth
        self.confidence_level = confidence_level

    def fit(self, X: Cases, y: Outcome | None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to numeric columns, or to a table by the formula.

        Parameters
        ----------
        X : array-like of shape (n, p), or DataFrame
            Numbers without missing values. With a formula a table of raw columns, in any order, other columns
            allowed; rows with missing values in the columns that the formula names are left out, with a warning.
        y : array-like of shape (n,), optional
            Two classes; the larger (or last in the alphabet) is the positive one. With a formula it may be absent: the
            outcome is then the column of X on the left of the formula. A y that is given counts, and not that column.
        sample_weight : array-like of shape (n,), optional
            How many cases each row stands for, not negative; a row of weight 0 is left out. As the ``weights`` of R's
            ``glm``: standard errors take the sum of the weights for the number of cases.

        {returns_itself}

        Raises
        ------
        {bad_fit}
        OutcomeError
            If `y` has not two classes.
        InputError
            If the table lacks a column of the formula.
        ParameterError
            If the formula cannot be read (a transformed variable is made a column).

        Warns
        -----
        SeparationWarning
            If the outcome is separated and neither `firth` nor `penalty` is set.
        DataWarning
            If columns cannot be estimated, or rows are left out.
        """
        same_rows(X=X, y=y, sample_weight=sample_weight)
        check_parameters(self)
        if self.formula is not None and sample_weight is not None:
            check_frame(X)
            positive = np.asarray(check_weights(sample_weight, len(X), zero=True)) > 0
            # Levels and knots are learnt from the cases that count.
            X, y = X.loc[positive], rows_of(y, positive, "y")
            sample_weight = rows_of(sample_weight, positive, "sample_weight")
        data = self._learn(X, y, left=("outcome",))
        return self._fit(data, check_weights(data.take(sample_weight, "sample_weight"), len(data.matrix), zero=True))

    def _fit(self, data: ModelData, weight: FloatArray | None) -> Self:
        X, outcome, labels = data.matrix, data.outcome, data.labels
        if weight is not None and not weight.all():
            counted = weight > 0
            X, outcome, labels, weight = X[counted], rows_of(outcome, counted, "y"), labels[counted], weight[counted]
        positive = self._learn_classes(outcome, len(X))
        check_level(self.confidence_level)
        check_magnitude(X, self.design_.names)
        if self.firth and self.penalty is not None:
            raise ParameterError("firth=True and a ridge penalty exclude each other; set one of them.")
        if self.penalty is not None:
            fitted, profile = fit_ridge(X, positive, self.penalty, weight), None
        elif self.firth:
            _check_room(X, len(X) if weight is None else max(len(X), float(weight.sum())))
            fitted = fit_firth(X, positive, weight)
            profile = profile_firth(X, positive, self.confidence_level, weight)
        else:
            fitted, profile = fit_logistic(X, positive, weight), None
        self._store(fitted, profile, positive)
        self._training = TrainingCases.of(labels, positive, weights=weight)
        warn_not_estimated(self.design_.names, fitted.used[1:])
        if fitted.separated:
            warnings.warn(
                "The predictors separate the classes (completely, or but for ties): maximum likelihood runs to "
                "infinity and its tests are void. Use LogisticModel(firth=True), fewer predictors, or more cases.",
                SeparationWarning,
                stacklevel=3,
            )
        return self

    @property
    def _penalized(self) -> bool:  # type: ignore[override]
        return self.firth or self.penalty is not None

    def _store(self, fitted: LogisticFit, profile: FirthProfile | None, positive: NDArray[np.bool_]) -> None:
        known = np.where(fitted.used, fitted.coef, 0.0)
        self.coef_, self.intercept_ = known[None, 1:], known[:1]
        self.covariance_ = fitted.covariance
        self.log_likelihood_ = fitted.log_likelihood
        parameters = int(fitted.used.sum()) - 1
        plain = not self._penalized
        self.aic_ = 2 * (parameters + 1) - 2 * fitted.log_likelihood if plain else np.nan
        self.separated_ = fitted.separated
        rarer = min(positive.sum(), (~positive).sum())
        self.events_per_parameter_ = float(rarer / parameters) if parameters else np.inf
        statistic = 2 * (fitted.log_likelihood - fitted.log_likelihood_null)
        tested = chi_squared_test(statistic, parameters)
        self.likelihood_ratio_ = tested if self.penalty is None else replace(tested, p_value=np.nan)
        self.score_test_ = chi_squared_test(fitted.score_statistic if plain else np.nan, parameters)
        place = np.flatnonzero(fitted.used)[1:]
        self.wald_ = chi_squared_test(
            quadratic_form(fitted.coef[place], fitted.covariance[np.ix_(place, place)])
            if plain and parameters
            else np.nan,
            parameters,
        )
        self.summary_ = self._summary(fitted, profile)

    def _summary(self, fitted: LogisticFit, profile: FirthProfile | None) -> pd.DataFrame:
        se = np.sqrt(np.diagonal(fitted.covariance))
        statistic = fitted.coef / se
        if profile is None:
            p_value = 2 * ndtr(-np.abs(statistic))
            wide = normal_quantile(self.confidence_level) * se
            low, high = fitted.coef - wide, fitted.coef + wide
        else:
            p_value, low, high = profile.p_value, profile.low, profile.high
            statistic = np.sign(fitted.coef) * np.sqrt(profile.statistic)
        with np.errstate(over="ignore"):
            ratios = {"odds_ratio": np.exp(fitted.coef), "ci_low": np.exp(low), "ci_high": np.exp(high)}
        return pd.DataFrame(
            {"coef": fitted.coef, "se": se, "statistic": statistic, "p_value": p_value, **ratios},
            index=pd.Index(["Intercept", *self.design_.names], name="feature"),
        )

    def decision_function(self, X: Cases) -> FloatArray:
        """Return the log-odds of the positive class.

        Parameters
        ----------
        {X_new}
            With a formula a DataFrame of raw columns.

        Returns
        -------
        ndarray of shape (n,)
            Linear predictor.
        """
        check_is_fitted(self)
        return self._matrix(X) @ self.coef_[0] + self.intercept_[0]


def _check_room(X: FloatArray, cases: float) -> None:
    """Refuse what has a coefficient for every case: Firth's likelihood has no end of profile then."""
    centred = X - X.mean(axis=0)
    size = np.abs(centred).max(axis=0, initial=0.0)
    if np.linalg.matrix_rank(centred / np.where(size > 0, size, 1.0)) >= cases - 1 and X.shape[1] > 1:
        raise InputError(
            f"X has {X.shape[1]} columns for {cases:g} cases, as many coefficients as cases; required for firth=True: "
            "fewer. Choose columns, or use penalty=."
        )
