"""Boosted trees for small tables: XGBoost grows them, our own arrays predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from radiokit.engine.classifier import Classifier
from radiokit.engine.inputs import FloatArray, Seed
from radiokit.models.trees import TreeEnsemble, from_booster
from radiokit.utils import as_random_state, feature_values, same_rows
from radiokit.utils.estimators import Cases, Outcome, OutcomeRequired, feature_names, survival_target
from radiokit.utils.parameters import Count, NotNegative, Positive, check_parameters

if TYPE_CHECKING:
    from xgboost import Booster

Settings = dict[str, str | float]

# Some of the cases and a fifth of the features (ten at least) for each tree: this limits overfitting on small tables.
SHARE_OF_FEATURES = 0.2
FEWEST_FEATURES = 10
FIXED: Settings = {
    "subsample": 0.6,
    "min_child_weight": 1.0,
    "tree_method": "exact",
    "nthread": 1,
    "base_score": 0.5,
    "verbosity": 0,
}


class _Boosted(BaseEstimator):
    """What boosted trees of a binary and of a survival outcome share."""

    ensemble_: TreeEnsemble
    n_trees: int
    max_depth: int
    learning_rate: float
    ridge: float
    random_state: Seed

    def _grow(self, X: FloatArray, label: FloatArray, base: float, settings: Settings, **more: FloatArray) -> Booster:
        import xgboost  # a second that those who boost nothing do not pay

        seed = int(as_random_state(self.random_state).randint(2**31 - 1))
        data = xgboost.DMatrix(X, label=label, base_margin=np.full(len(X), base), nthread=1, **more)
        chosen = {
            "max_depth": self.max_depth,
            "eta": self.learning_rate,
            "lambda": self.ridge,
            "colsample_bytree": max(SHARE_OF_FEATURES, min(1.0, FEWEST_FEATURES / X.shape[1])),
            "seed": seed,
            **FIXED,
            **settings,
        }
        return xgboost.train(chosen, data, num_boost_round=self.n_trees)

    def _margin(self, X: Cases) -> FloatArray:
        check_is_fitted(self)
        return self.ensemble_.predict(feature_values(self, X, reset=False))

    def attributions(self, X: Cases) -> pd.DataFrame:
        """Return exact Shapley values (path-dependent TreeSHAP) of the features on the scale of the score.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        DataFrame of shape (n, p)
            The values of a case, added to ``ensemble_.expectation()``, are its score.
        """
        check_is_fitted(self)
        values = feature_values(self, X, reset=False)
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(self.ensemble_.attributions(values), columns=feature_names(self), index=index)


class BoostedClassifier(Classifier, _Boosted):
    r"""Gradient-boosted trees for a binary outcome, with defaults for small tables.

    Parameters
    ----------
    n_trees : int
        Number of trees.
    max_depth : int
        Questions on the way to a leaf.
    learning_rate : float
        Share of each tree that is added.
    ridge : float
        Penalty on the leaves.
    class_weight : {"balanced"}, dict or None
        Weight of each class (a dict: label to weight). Balanced: both classes weigh the same in training; the
        probabilities are then of a cohort of one half of each, which `CalibratedModel(method="intercept")` mends.
    {random_state}

    Attributes
    ----------
    ensemble_ : TreeEnsemble
        The trees as arrays; they predict without XGBoost.
    {classes_} {features_in_}

    See Also
    --------
    BoostedSurvival : The same for a time to an event.
    signature_pipeline : With imputation, and calibration where classes are weighted.

    Notes
    -----
    XGBoost (doi:10.1145/2939672.2939785) with the logistic loss, started at the log-odds of the training cases. Each
    tree sees 60 % of the cases and 20 % of the features (10 at least). Prediction is the sum of the leaves in double
    precision, exactly rounded, where XGBoost sums in single precision: the two agree to six digits, and ours is the
    same on every machine.

    *How to read it.* On a hundred cases trees seldom beat a ridge; try them where interactions are expected, and
    believe the cross-validation.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 4))
    >>> model = BoostedClassifier(n_trees=20, random_state=0).fit(X, X[:, 0] * X[:, 1] > 0)
    >>> total = model.attributions(X).sum(axis=1) + model.ensemble_.expectation()
    >>> bool(np.allclose(total, model.decision_function(X)))
    True
    """

    def __init__(
        self,
        *,
        n_trees: Count = 150,
        max_depth: Count = 3,
        learning_rate: Positive = 0.05,
        ridge: NotNegative = 3.0,
        class_weight: Literal["balanced"] | dict[Any, float] | None = None,
        random_state: Seed = None,
    ) -> None:
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.ridge = ridge
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: Cases, y: ArrayLike) -> Self:
        """Grow the trees.

        Parameters
        ----------
        {X} {y_binary}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        OutcomeError
            If there is one class only.
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        values = feature_values(self, X, ensure_min_samples=2)
        positive = self._learn_classes(y, len(values))
        weight = compute_sample_weight(self.class_weight, positive)
        share = float(np.average(positive, weights=weight))
        base = float(np.log(share / (1 - share)))
        booster = self._grow(values, positive.astype(float), base, {"objective": "binary:logistic"}, weight=weight)
        self.ensemble_ = from_booster(booster, base=base)
        return self

    def decision_function(self, X: Cases) -> FloatArray:
        """Return the log-odds of the positive class.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Sum of the leaves.
        """
        return self._margin(X)


class BoostedSurvival(OutcomeRequired, _Boosted):
    r"""Gradient-boosted trees for a time to an event, with defaults for small tables.

    Parameters
    ----------
    objective : {"cox", "aft"}
        Cox's partial likelihood, or an accelerated failure time with normal errors of the log time.
    n_trees : int
        Number of trees.
    max_depth : int
        Questions on the way to a leaf.
    learning_rate : float
        Share of each tree that is added.
    ridge : float
        Penalty on the leaves.
    {random_state}

    Attributes
    ----------
    ensemble_ : TreeEnsemble
        The trees as arrays; they predict without XGBoost.
    {features_in_}

    See Also
    --------
    BoostedClassifier : The same for a binary outcome.

    Notes
    -----
    XGBoost's ``survival:cox`` (Breslow's ties) or ``survival:aft``; the score of the latter is minus the log time, so
    that in both larger means earlier events. Otherwise as `BoostedClassifier`.

    *How to read it.* `predict` ranks. As a log relative hazard it is usually too extreme or too moderate; a fusion, or
    the calibration of a study, learns the slope.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 3))
    >>> y = pd.DataFrame({"event": rng.random(80) < 0.7, "time": rng.exponential(np.exp(-X[:, 0]))})
    >>> risk = BoostedSurvival(n_trees=20, random_state=0).fit(X, y).predict(X)
    >>> bool(np.corrcoef(risk, X[:, 0])[0, 1] > 0.5)
    True
    """

    def __init__(
        self,
        *,
        objective: Literal["cox", "aft"] = "cox",
        n_trees: Count = 150,
        max_depth: Count = 3,
        learning_rate: Positive = 0.05,
        ridge: NotNegative = 3.0,
        random_state: Seed = None,
    ) -> None:
        self.objective = objective
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.ridge = ridge
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Grow the trees.

        Parameters
        ----------
        {X} {y_survival}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        """
        same_rows(X=X, y=y)
        check_parameters(self)
        values = feature_values(self, X, ensure_min_samples=2)
        target = survival_target(y, len(values))
        # XGBoost reads the sign as censoring and takes logarithms: a time of 0 becomes half of the first after it.
        time = np.maximum(target["time"], target["time"][target["time"] > 0].min(initial=1.0) / 2)
        if self.objective == "cox":
            booster = self._grow(values, np.where(target["event"], time, -time), 0.0, {"objective": "survival:cox"})
            self.ensemble_ = from_booster(booster, base=0.0)
        else:
            base = float(np.log(time).mean())
            booster = self._grow(
                values,
                time,
                base,
                {"objective": "survival:aft", "eval_metric": "aft-nloglik", "aft_loss_distribution_scale": 1.0},
                label_lower_bound=time,
                label_upper_bound=np.where(target["event"], time, np.inf),
            )
            self.ensemble_ = from_booster(booster, base=base).negated()
        return self

    def predict(self, X: Cases) -> FloatArray:
        """Return the risk score.

        Parameters
        ----------
        {X_new}

        Returns
        -------
        ndarray of shape (n,)
            Log relative hazard, or minus the log time; larger means earlier events.
        """
        return self._margin(X)
