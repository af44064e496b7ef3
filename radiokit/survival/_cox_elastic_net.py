"""The Cox model with an elastic net penalty, along glmnet's path."""

from __future__ import annotations

from typing import Literal, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.baseline import baseline_hazard
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.engine.penalty_path import TunedPenalty
from radiokit.stats import concordance_index
from radiokit.survival._inputs import check_outcome
from radiokit.utils import as_survival_target, feature_values, same_rows
from radiokit.utils.estimators import Cases, Folds, Outcome, OutcomeRequired, feature_names
from radiokit.utils.parameters import PathLength, Share, check_parameters


class CoxElasticNet(TunedPenalty, OutcomeRequired, BaseEstimator):
    r"""Cox model with a LASSO, ridge or elastic net penalty, its size chosen by cross-validation.

    Parameters
    ----------
    {l1_ratio} {cv} {penalty_rule} {n_lambdas} {random_state}

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Log hazard ratios on the original scale, 0 where a feature is left out.
    {lambda_} {penalty_path_}
    selected_ : list of str
        Names of the features whose coefficient is not 0.
    baseline_ : DataFrame
        ``time, cumulative_hazard, survival`` (Breslow) of a case whose features are `center_`.
    center_ : ndarray of shape (p,)
        Means of the features in the training set; `predict` is 0 there.
    n_, n_events_ : int
        Cases and events.
    {features_in_}

    Notes
    -----
    Minimises :math:`-\ell(\beta)/n + \lambda\,\{\alpha \|\beta\|_1 + (1 - \alpha) \|\beta\|_2^2/2\}` with the partial
    likelihood of Breslow's ties, on features standardised by their standard deviation with divisor n. The
    cross-validated deviance is that of van Houwelingen et al.: likelihood of all cases minus that of the training
    cases (glmnet's ``grouped = TRUE``). As R's glmnet and cv.glmnet with ``family = "cox"``.

    *How to read it.* A coefficient of 0 means that the feature adds nothing to the others at this penalty, not that it
    is unrelated. Coefficients are shrunk, so they have no ordinary standard errors; predicted survival is shrunk
    towards the mean. Which of several correlated features is kept is partly chance (see StabilitySelector).

    Sources: Simon et al. 2011, doi:10.18637/jss.v039.i05; van Houwelingen et al. 2006, doi:10.1002/sim.2353.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from radiokit.survival import CoxElasticNet, as_target
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    >>> y = as_target(np.ones(80), np.exp(-2 * X["a"] + rng.normal(size=80)))
    >>> CoxElasticNet(cv=5, rule="1se", random_state=0).fit(X, y).selected_
    ['a']
    """

    def __init__(
        self,
        *,
        l1_ratio: Share = 1.0,
        cv: Folds = 10,
        rule: Literal["min", "1se"] = "min",
        lambdas: ArrayLike | None = None,
        n_lambdas: PathLength = 100,
        random_state: Seed = None,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.cv = cv
        self.rule = rule
        self.lambdas = lambdas
        self.n_lambdas = n_lambdas
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome, groups: ArrayLike | None = None) -> Self:
        """Fit the path and choose the penalty.

        Parameters
        ----------
        {X} {y_survival}
        groups : array-like of shape (n,), optional
            For a splitter by group.

        {returns_itself}
        """
        same_rows(X=X, y=y, groups=groups)
        check_parameters(self)
        matrix = feature_values(self, X, ensure_min_samples=2)
        time, event = check_outcome(y, len(matrix))
        target = as_survival_target(event, time)
        path, chosen = self._tune(matrix, target, groups)
        self.coef_ = path.coef[chosen].copy()
        self.selected_ = [str(name) for name, b in zip(feature_names(self), self.coef_, strict=True) if b != 0]
        self.center_ = matrix.mean(axis=0)
        # Breslow's, as the likelihood of the path.
        self._baseline = baseline_hazard(time, event, (matrix - self.center_) @ self.coef_, ties="breslow")
        self.baseline_ = self._baseline.table().drop(columns="stratum")
        self.n_, self.n_events_ = time.size, int(event.sum())
        return self

    def predict(self, X: Cases) -> FloatArray:
        """Log relative risk of cases, against one whose features are `center_`.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Higher means an earlier event.
        """
        check_is_fitted(self)
        matrix = feature_values(self, X, reset=False)
        return (matrix - self.center_) @ self.coef_

    def predict_survival(self, X: Cases, times: ArrayLike) -> FloatArray:
        """Probability of being free of the event at given times.

        Parameters
        ----------
        {X_new} {times}

        Returns
        -------
        ndarray of shape (n, m)
            Survival probabilities; NaN beyond the last follow-up of the training set.
        """
        eta = self.predict(X)
        return self._baseline.survival(eta, times)

    def score(self, X: Cases, y: Outcome) -> float:
        """Harrell's concordance index of `predict`.

        Parameters
        ----------
        {X_new} {y_survival}

        Returns
        -------
        float
            Concordance; 0.5 where no feature is left.
        """
        same_rows(X=X, y=y)
        return concordance_index(y, self.predict(X)).estimate
