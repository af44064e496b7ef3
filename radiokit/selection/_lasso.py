"""Keep features with a nonzero coefficient in a cross-validated LASSO."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from radiokit.engine.inputs import Seed
from radiokit.engine.penalty_path import TunedPenalty
from radiokit.selection._base import Selector, at_least
from radiokit.selection._relevance import score_z
from radiokit.utils import is_survival_target
from radiokit.utils.estimators import Cases, Folds, Outcome
from radiokit.utils.parameters import CountOrZero, ShareAboveZero


class LassoSelector(TunedPenalty, Selector):
    r"""Keep the features that a LASSO (logistic or Cox) with cross-validated penalty uses.

    Parameters
    ----------
    cv : int or scikit-learn splitter
        Folds; an int is stratified by the outcome and shuffled.
    {penalty_rule} {l1_ratio}
        Ridge (0) selects nothing and is refused.
    min_features : int
        At least so many features stay; where the LASSO keeps fewer, those most associated with the outcome fill up.
    {random_state}

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``coef`` at the chosen penalty, on the scale of the features, and ``coef_standardized``
        (for a standard deviation).
    {lambda_} {penalty_path_}
    intercept_ : float
        Of the logistic model; 0 for Cox.
    {support_} {features_in_}

    Notes
    -----
    Objective, standardisation, path, cross-validated deviance and its standard error are glmnet's
    (doi:10.18637/jss.v033.i01, for Cox doi:10.18637/jss.v039.i05); see `radiokit.models.RadiomicsSignature`.

    *How to read it.* The LASSO picks one of several correlated features almost by chance: another sample would give
    other names at the same performance. `StabilitySelector` shows how much the names can be trusted.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 5)), columns=list("abcde"))
    >>> selector = LassoSelector(cv=5, random_state=0).fit(X, 2 * X["b"] + rng.normal(size=80) > 0)
    >>> selector.scores_["coef_standardized"].abs().idxmax()
    'b'
    """

    def __init__(
        self,
        *,
        cv: Folds = 10,
        rule: Literal["min", "1se"] = "min",
        lambdas: ArrayLike | None = None,
        l1_ratio: ShareAboveZero = 1.0,
        min_features: CountOrZero = 1,
        random_state: Seed = None,
    ) -> None:
        self.cv = cv
        self.rule = rule
        self.lambdas = lambdas
        self.l1_ratio = l1_ratio
        self.min_features = min_features
        self.random_state = random_state

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Choose the penalty and the features.

        Parameters
        ----------
        {X} {y}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        OutcomeError
            If the outcome is too rare for cross-validation.

        Warns
        -----
        DataWarning
            If there are fewer cases of the rarer outcome than folds.
        """
        values, target = self._check(X, y)
        path, index = self._tune(values, target)
        coef, self.intercept_ = path.coef[index], float(path.intercept[index])
        if is_survival_target(target):
            strength = np.abs(score_z(values, target))
        else:
            strength = np.abs((target - target.mean()) @ ((values - path.center) / path.scale))
        self.support_ = at_least(coef != 0, -strength, self.min_features)
        self.scores_ = self._scores(coef=coef, coef_standardized=coef * path.scale)
        return self
