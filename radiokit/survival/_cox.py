"""The Cox model as an estimator, with the numbers that R's coxph prints."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.baseline import from_steps
from radiokit.engine.cox import CoxFit, fit_cox, quadratic_form
from radiokit.engine.cox_residuals import robust_covariance
from radiokit.engine.formula import parse_formula
from radiokit.engine.formula_model import FormulaModel, chi_squared_test, warn_infinite, warn_not_estimated
from radiokit.engine.hazard_table import hazard_table
from radiokit.engine.inputs import FloatArray, check_magnitude, check_weights
from radiokit.engine.survival_inputs import check_groups
from radiokit.engine.training_cases import TrainingCases
from radiokit.exceptions import InputError, ParameterError
from radiokit.stats import concordance_index
from radiokit.survival._inputs import check_outcome
from radiokit.utils import same_rows
from radiokit.utils.estimators import Cases, Outcome, OutcomeRequired
from radiokit.utils.parameters import check_parameters


class CoxModel(FormulaModel, OutcomeRequired, BaseEstimator):
    r"""Cox proportional hazards model.

    Parameters
    ----------
    formula : str, optional
        ``"Surv(time, event) ~ age + C(stage) + rcs(cea, 4)"``: numbers as they are; factors against their first level,
        or ``C(stage, reference='II')``; restricted cubic splines with rms' knots, or ``rcs(cea, [2, 5, 9])``; ``.`` for
        all other columns. Text columns are factors anyway; names with blanks go in backticks. Default: the columns of
        X as they are. ``a * b`` means both and their interaction ``a:b``; ``strata(site)`` is the same as the parameter
        `strata`; ``Surv(time, status == 2)`` compares. Levels and knots are learnt in each fit, so that
        cross-validation and bootstrap validate them too.
    ties : {"efron", "breslow"}
        How tied event times are treated. Efron's method is R's default and the more accurate one with many ties; take
        Breslow's to compare with software that has no other.
    strata : str or sequence of str, optional
        Column(s) of X (a DataFrame) whose values get a baseline hazard each instead of a coefficient.
    robust : bool
        Standard errors from the sandwich of Lin and Wei instead of the information matrix. Also where `fit` is given
        a `cluster`.
    {confidence_level}

    Attributes
    ----------
    summary_ : DataFrame
        One row for each covariate (index ``feature``): ``coef, se, statistic, p_value, hazard_ratio, ci_low, ci_high``
        (Wald; interval of the hazard ratio). NaN for a covariate that is constant or linear in those before it.
    coef_ : ndarray of shape (p,)
        Log hazard ratios; 0 for a covariate that could not be estimated.
    covariance_ : ndarray of shape (p, p)
        Their covariance: inverse information, or the sandwich.
    likelihood_ratio_, score_test_, wald_ : Test
        Tests of all coefficients together.
    log_likelihood_, log_likelihood_null_ : float
        Log partial likelihood at the estimate and at zero.
    aic_ : float
        ``-2 log_likelihood_ + 2 df``.
    baseline_ : DataFrame
        ``time, cumulative_hazard, survival`` (and ``stratum`` in a stratified model) of a case whose covariates are
        `center_`: Efron's or Breslow's estimator, as `ties`.
    center_ : ndarray of shape (p,)
        Means of the covariates in the training set; `predict` is 0 there.
    n_, n_events_ : int
        Cases and events.
    events_per_parameter_ : float
        Events for each estimated coefficient.
    design_ : Design
        Terms with their ranges; levels and knots of a model from a formula.
    n_features_in_ : int
        Number of covariates (without strata).
    feature_names_in_ : ndarray of str
        Their names, where X has any.

    See Also
    --------
    proportional_hazards_test : Tests the assumption of the model.
    CoxElasticNet : For more covariates than the events can bear.

    Notes
    -----
    The hazard of a case is :math:`h(t \mid x) = h_0(t) \exp(\beta^\top x)`; :math:`\beta` maximises the partial
    likelihood (Newton's method, until the log-likelihood gains less than 1e-10), survival is
    :math:`S(t \mid x) = \exp\{-H_0(t)\,e^{\beta^\top (x - \bar x)}\}`. As R's survival::coxph and survfit.

    *How to read it.* A hazard ratio of 1.5 multiplies the rate of the event by 1.5, at every time, for each unit of the
    covariate with the others fixed; it is neither a ratio of risks nor one of survival times. It has no meaning if
    hazards are not proportional. With fewer than about 10 events a coefficient the estimates are fragile. Where a
    covariate orders the events perfectly the coefficient is infinite: a SeparationWarning tells you, and its interval
    and p-value mean nothing.

    Sources: Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x; Efron 1977, doi:10.1080/01621459.1977.10480613; Lin and
    Wei 1989, doi:10.1080/01621459.1989.10478874.

    Examples
    --------
    >>> from radiokit.survival import CoxModel, as_target
    >>> X = pd.DataFrame({"age": [50.0, 61.0, 58.0, 70.0, 66.0, 47.0]})
    >>> y = as_target([1, 1, 0, 1, 1, 1], [9.0, 8.0, 7.0, 2.0, 6.0, 4.0])
    >>> model = CoxModel().fit(X, y)
    >>> model.summary_.loc["age", ["coef", "hazard_ratio"]].round(3).tolist()
    [0.093, 1.097]
    >>> model.predict_survival(X.iloc[:1], [5.0]).round(3)
    array([[0.863]])
    """

    _title = "a Cox regression"

    def __init__(
        self,
        formula: str | None = None,
        *,
        ties: Literal["efron", "breslow"] = "efron",
        strata: str | list[str] | tuple[str, ...] | None = None,
        robust: bool = False,
        confidence_level: float = 0.95,
    ) -> None:
        self.formula = formula
        self.ties = ties
        self.strata = strata
        self.robust = robust
        self.confidence_level = confidence_level

    def fit(
        self,
        X: Cases,
        y: Outcome | None = None,
        sample_weight: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> Self:
        """Fit to numeric columns, or to a table by the formula.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Covariates, finite. With a formula a table of raw columns, in any order, other columns allowed; rows
            with missing values in the columns that the formula names are left out, with a warning.
        y : structured array or DataFrame with `event` and `time`, optional
            The survival outcome. With a formula it may be absent: the outcome is then what ``Surv(time, event)`` names.
            A y that is given counts, and not these columns.
        {sample_weight}
        cluster : array-like of shape (n,), optional
            Cases of one cluster (a patient with two lesions) may be correlated; standard errors become robust.

        {returns_itself}

        Raises
        ------
        InputError
            If columns are absent or values missing.
        OutcomeError
            If the outcome is not valid or has no events.
        ParameterError
            If the formula cannot be read, or neither it nor y gives the outcome.
        """
        same_rows(X=X, y=y, sample_weight=sample_weight, cluster=cluster)
        check_parameters(self)
        covariates, layer = self._split(X, fitting=True)
        data = self._learn(covariates, y, left=("time", "event"), strata=True)
        matrix = check_magnitude(data.matrix, self.design_.names)
        time, event = check_outcome(data.outcome, len(matrix))
        weights = check_weights(data.take(sample_weight, "sample_weight"), len(matrix))
        codes, self._strata_labels = check_groups(data.take(layer, "strata"), len(matrix), name="strata")
        fit = fit_cox(matrix, time, event, ties=self.ties, strata=codes, weights=weights)
        last_time = np.array([time[codes == k].max() for k in range(len(self._strata_labels))])
        self._baseline = from_steps(fit.sets, fit.state.hazard, last_time)
        clusters = (
            None if cluster is None else check_groups(data.take(cluster, "cluster"), len(matrix), name="cluster")[0]
        )
        self._robust = self.robust or clusters is not None
        self._fill(fit, clusters)
        self.n_, self.n_events_ = len(matrix), int(event.sum())
        self._training = TrainingCases.of(data.labels, time, event, weights=weights, strata=codes)
        return self

    def predict(self, X: Cases) -> FloatArray:
        """Log relative risk of cases, against one whose covariates are `center_`.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Covariates; for a model from a formula, the table with its variables.

        Returns
        -------
        ndarray of shape (n,)
            The linear predictor: higher means an earlier event. In a stratified model it ranks within strata only.
        """
        check_is_fitted(self)
        return self._linear_predictor(self._matrix(self._split(X)[0]))

    def predict_survival(self, X: Cases, times: ArrayLike) -> FloatArray:
        """Probability of being free of the event at given times.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Covariates, with the strata if the model has any.
        {times}

        Returns
        -------
        ndarray of shape (n, m)
            Survival probabilities; NaN beyond the last follow-up of the training set (of the stratum).
        """
        matrix, strata = self.covariates(X)
        return self._baseline.survival(self._linear_predictor(matrix), times, strata)

    def predict_median(self, X: Cases) -> FloatArray:
        """Median survival time of cases.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Covariates, with the strata if the model has any.

        Returns
        -------
        ndarray of shape (n,)
            First event time of the training set at which the predicted survival is at most one half; NaN if none is.
        """
        matrix, strata = self.covariates(X)
        return self._baseline.median(self._linear_predictor(matrix), strata)

    def score(self, X: Cases, y: Outcome) -> float:
        """Harrell's concordance index of `predict`.

        Parameters
        ----------
        {X_new} {y_survival}

        Returns
        -------
        float
            Concordance; of pairs within a stratum where the model has strata, as R's coxph prints it.
        """
        same_rows(X=X, y=y)
        layer = self._split(X)[1]
        if self._strata_columns() and layer is None:
            raise InputError(f"X lacks the strata {self._strata_columns()}; risks are compared within them only.")
        return concordance_index(y, self.predict(X), strata=layer).estimate

    def covariates(self, X: Cases) -> tuple[FloatArray, NDArray[np.intp]]:
        """Covariates as the model sees them, and the number of each row's stratum.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            What `predict_survival` takes.

        Returns
        -------
        matrix : ndarray of shape (n, p)
            One column for each coefficient.
        strata : ndarray of int, shape (n,)
            Numbers from 0, in the order of the training set's strata.
        """
        check_is_fitted(self)
        columns, layer = self._split(X)
        matrix = self._matrix(columns)
        return matrix, self._strata_codes(layer, len(matrix))

    def _split(self, X: Cases, *, fitting: bool = False) -> tuple[Any, Any]:
        """Covariates and the stratum of each row (None without strata)."""
        names = self._strata_columns()
        if not names:
            return X, None
        if not isinstance(X, pd.DataFrame):
            raise InputError(f"strata={names!r} names columns of X; required: X as a DataFrame.")
        lacking = [name for name in names if name not in X.columns]
        if lacking and (fitting or len(lacking) < len(names)):
            raise InputError(f"strata names {lacking}, which X lacks; it has {list(map(str, X.columns))[:10]}.")
        if lacking:
            return X, None
        layer = X[names[0]] if len(names) == 1 else pd.Series(list(zip(*(X[n] for n in names), strict=True)))
        if X.shape[1] == len(names):
            raise InputError(f"X has no columns besides the strata {names}; required: one covariate at least.")
        return X.drop(columns=names), layer.to_numpy()

    def _strata_columns(self) -> list[str]:
        """Columns of the strata, given apart or in the formula."""
        given = [] if self.strata is None else [self.strata] if isinstance(self.strata, str) else list(self.strata)
        inside = [] if self.formula is None else list(parse_formula(self.formula).strata)
        if given and inside:
            raise ParameterError(f"strata are given twice: strata={self.strata!r} and in the formula {self.formula!r}.")
        return given or inside

    def _strata_codes(self, layer: Any, n: int) -> NDArray[np.intp]:
        if not self._strata_columns():
            return np.zeros(n, dtype=np.intp)
        if layer is None:
            raise InputError(f"X lacks the strata {self._strata_columns()}; survival depends on them.")
        codes = pd.Index(self._strata_labels).get_indexer(pd.Index(layer))
        if (codes < 0).any():
            unknown = list(pd.unique(pd.Series(layer)[codes < 0]))[:5]
            raise InputError(f"Strata {unknown} were not in the training set, which had {self._strata_labels[:10]}.")
        return codes

    def _linear_predictor(self, matrix: FloatArray) -> FloatArray:
        return (matrix - self.center_) @ self.coef_

    def _fill(self, fit: CoxFit, cluster: NDArray[np.intp] | None) -> None:
        names = self.design_.names
        warn_not_estimated(names, fit.used)
        warn_infinite(names, fit.infinite)
        self.coef_ = np.where(fit.used, fit.coef, 0.0)
        self.covariance_ = robust_covariance(fit, cluster) if self._robust else fit.covariance
        self.center_ = fit.centre
        self.log_likelihood_, self.log_likelihood_null_ = fit.log_likelihood, fit.log_likelihood_null
        df = int(fit.used.sum())
        self.events_per_parameter_ = float(fit.sets.event.sum() / df) if df else np.inf
        self.aic_ = -2 * fit.log_likelihood + 2 * df
        self.likelihood_ratio_ = chi_squared_test(2 * (fit.log_likelihood - fit.log_likelihood_null), df)
        self.score_test_ = chi_squared_test(fit.score_statistic, df)
        b, v = fit.coef[fit.used], self.covariance_[np.ix_(fit.used, fit.used)]
        self.wald_ = chi_squared_test(quadratic_form(b, v) if df else 0.0, df)
        self.summary_ = hazard_table(names, fit.coef, np.sqrt(self.covariance_.diagonal()), self.confidence_level)
        table = self._baseline.table()
        labels = pd.Series(self._strata_labels, dtype=object)
        table["stratum"] = labels[table["stratum"]].to_numpy()
        self.baseline_ = table if self._strata_columns() else table.drop(columns="stratum")
