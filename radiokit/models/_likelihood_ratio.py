"""The likelihood-ratio test of two nested models, logistic, Cox, or of competing risks."""

from __future__ import annotations

import warnings
from collections.abc import Hashable

from sklearn.utils.validation import check_is_fitted

from radiokit.engine.design import Design, Linear, Term
from radiokit.engine.formula_model import FormulaModel, chi_squared_test
from radiokit.engine.training_cases import refuse_other_cases
from radiokit.exceptions import DataWarning, InputError
from radiokit.stats import Test

# What makes two fits of one class maximise different likelihoods.
SETTINGS = ("ties", "cause")


def likelihood_ratio(small: FormulaModel, large: FormulaModel) -> Test:
    r"""Compare two nested models by their likelihoods.

    Parameters
    ----------
    small, large : LogisticModel, CoxModel or FineGray
        Two models of one class, fitted to the same cases; every term of the small one is in the large one (a variable
        as it is counts as part of its spline).

    Returns
    -------
    Test
        :math:`\chi^2 = 2(\ell_{large} - \ell_{small})`, with the difference in coefficients as degrees of freedom
        (Wilks 1938, doi:10.1214/aoms/1177732360); as R's ``anova(small, large, test = "LRT")``.

    Raises
    ------
    InputError
        If the models are penalised, robust, not nested, or of different classes; or if they were fitted to different
        cases, outcomes, weights, strata, or by different treatments of ties.

    Warns
    -----
    DataWarning
        For `FineGray`, whose likelihood is a pseudo-likelihood: the statistic is then only about chi-squared.

    Notes
    -----
    Cases are compared by the labels of their rows and their values, whatever their order. A value that is missing in a
    column of the large model leaves a case out of that model alone, and the difference of the likelihoods would then be
    that of the cases: R's ``anova`` refuses it too.

    *How to read it.* A small p-value means that the added terms improve the fit more than chance would.

    Examples
    --------
    >>> import pandas as pd
    >>> from radiokit.models import LogisticModel
    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [0, 1, 1, 1, 0, 0], "y": [0, 1, 0, 1, 0, 1]})
    >>> one, two = (LogisticModel(formula).fit(data) for formula in ("y ~ a", "y ~ a + b"))
    >>> likelihood_ratio(one, two).df
    1
    """
    for model in (small, large):
        _check_likelihood(model)
    if type(small) is not type(large):
        raise InputError(f"The models are {type(small).__name__} and {type(large).__name__}; required: of one class.")
    for name in SETTINGS:
        mine, other = (vars(model).get(name) for model in (small, large))
        if mine != other:
            raise InputError(f"The models were fitted with {name}={mine!r} and {other!r}; required: one value.")
    refuse_other_cases(small._training, large._training)
    df = large.likelihood_ratio_.df - small.likelihood_ratio_.df
    if df <= 0 or not _nested(small.design_, large.design_):
        raise InputError(f"The models are not nested ({df} coefficients more); give the smaller one first.")
    if small._pseudo_likelihood:
        warnings.warn(
            "The likelihood of Fine and Gray's model is a pseudo-likelihood, whose ratio is only about chi-squared; "
            "rely on the Wald tests of the coefficients.",
            DataWarning,
            stacklevel=2,
        )
    statistic = max(2 * (large.log_likelihood_ - small.log_likelihood_), 0.0)
    return chi_squared_test(statistic, df)


def _check_likelihood(model: object) -> None:
    if not isinstance(model, FormulaModel):
        raise InputError(
            f"A likelihood-ratio test of {type(model).__name__} cannot be made; required: a LogisticModel, CoxModel or "
            "FineGray."
        )
    check_is_fitted(model)
    if model._penalized:
        raise InputError("A likelihood-ratio test of two models needs maximum likelihood fits, without a penalty.")
    if model._robust:
        raise InputError(
            "The models have robust standard errors: their cases are not taken for independent, and then the "
            "likelihood ratio is not chi-squared. Use the Wald tests (wald_, summary_)."
        )


def _nested(small: Design, large: Design) -> bool:
    """Return whether each term of the small design lies in the space of the same variable's term in the large one."""
    wider: dict[Hashable, Term] = {term.variable: term for term in large.terms}
    return all(
        term.variable in wider and (isinstance(term, Linear) or wider[term.variable].names == term.names)
        for term in small.terms
    )
