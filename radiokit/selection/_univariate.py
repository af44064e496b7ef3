"""Keep features that alone are associated with the outcome."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from radiokit.engine import univariable
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import ParameterError, SeparationWarning
from radiokit.selection._base import Selector, at_least
from radiokit.stats import adjust_pvalues, cox_univariable
from radiokit.utils import drop_warnings, is_survival_target
from radiokit.utils.estimators import Cases, Outcome
from radiokit.utils.parameters import CountOrZero, ShareAboveZero

TESTS = {
    "auto": univariable.by_normality,
    "welch": univariable.welch,
    "mannwhitney": univariable.mann_whitney,
    "logistic": univariable.logistic,
}


class UnivariateSelector(Selector):
    r"""Keep features whose own test against the outcome has a small p-value.

    Parameters
    ----------
    test : {"auto", "welch", "mannwhitney", "logistic", "cox"}
        ``"auto"``: for a survival target Cox; for a binary one Student's or Welch's t test (by Levene's test) where
        both groups pass Shapiro and Wilk's test at 0.05, else Mann and Whitney's.
    alpha : float
        Features with a p-value of at most `alpha` stay.
    adjust : {None, "BH", "BY", "holm", "bonferroni", "hochberg", "hommel"}
        Adjustment of the p-values before they are compared, as `radiokit.stats.adjust_pvalues`.
    min_features : int
        At least so many features stay, those of the smallest p-values, so that a pipeline can go on where nothing is
        significant.

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``statistic``, ``p_value``, ``p_adjusted`` (equal to the p-value without `adjust`). NaN for
        constant features.
    {support_} {features_in_}

    Notes
    -----
    All features are tested at once. Statistics: t; U of the positive class, with tie and continuity correction in its
    p-value (R's ``wilcox.test(exact = FALSE)``); Wald's z of a logistic model, and of a Cox model with Efron's ties.
    Where a feature separates the classes, Wald's test is void and the likelihood ratio takes its place.

    *How to read it.* With 1,000 features and no signal, 50 pass p < 0.05: use `adjust` for claims about features. As a
    filter before a model an unadjusted 0.05 is customary; the filter must be refitted in every fold, which a pipeline
    does.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1, 2, 3, 7, 8, 9.0], "b": [1, 9, 2, 8, 3, 7.0]})
    >>> UnivariateSelector(test="welch").fit(X, [0, 0, 0, 1, 1, 1]).get_feature_names_out().tolist()
    ['a']
    """

    def __init__(
        self,
        *,
        test: Literal["auto", "welch", "mannwhitney", "logistic", "cox"] = "auto",
        alpha: ShareAboveZero = 0.05,
        adjust: str | None = None,
        min_features: CountOrZero = 1,
    ) -> None:
        self.test = test
        self.alpha = alpha
        self.adjust = adjust
        self.min_features = min_features

    def fit(self, X: Cases, y: Outcome) -> Self:
        """Test each feature.

        Parameters
        ----------
        {X} {y}

        {returns_itself}

        Raises
        ------
        {bad_fit}
        ParameterError
            If the test does not fit the outcome.
        """
        values, target = self._check(X, y)
        statistic, p_value = univariate_tests(values, target, self.test)
        adjusted = p_value if self.adjust is None else adjust_pvalues(p_value, method=self.adjust)
        with np.errstate(invalid="ignore"):
            significant = adjusted <= self.alpha
        self.support_ = at_least(significant, p_value, self.min_features)
        self.scores_ = self._scores(statistic=statistic, p_value=p_value, p_adjusted=adjusted)
        return self


def univariate_tests(X: FloatArray, y: NDArray[Any], test: str) -> tuple[FloatArray, FloatArray]:
    """Statistic and p-value of every feature."""
    survival = is_survival_target(y)
    if test == "cox" or (survival and test == "auto"):
        if not survival:
            raise ParameterError("test='cox' needs a survival target with event and time; y is binary.")
        with drop_warnings(SeparationWarning):
            table = cox_univariable(X, y)
        return table["statistic"].to_numpy(dtype=float), table["p_value"].to_numpy(dtype=float)
    if survival:
        raise ParameterError(f"test={test!r} needs a binary outcome; y is a survival target: use 'cox' or 'auto'.")
    tested = TESTS[test](X, y)
    return tested.statistic, tested.p_value
