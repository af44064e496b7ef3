"""Comparing areas under ROC curves: DeLong's tests, paired, unpaired, and pair by pair."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from radiokit.engine.inputs import FloatArray, check_choice, check_named_columns, check_score, columns_of
from radiokit.engine.results import Result
from radiokit.engine.wald import TAILS, wald
from radiokit.exceptions import InputError
from radiokit.stats._auc import Patients, area_variance, mean_variance, patients_of, placements
from radiokit.stats._multiplicity import adjust_pvalues
from radiokit.utils import check_binary_target, same_rows


@dataclass(frozen=True, repr=False)
class DeLongTest(Result):
    """A comparison of two areas under ROC curves.

    Parameters
    ----------
    auc_a, auc_b : float
        The two areas.
    difference : float
        ``auc_a - auc_b``.
    {comparison}
    df : float
        Degrees of freedom of the t distribution; NaN where the normal one is used (paired test).
    {confidence_level}

    Examples
    --------
    >>> from radiokit.stats import delong_test
    >>> delong_test([0, 0, 1, 1], [1, 3, 2, 4], [1, 3, 2, 4]).p_value
    1.0
    """

    auc_a: float
    auc_b: float
    difference: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    df: float
    confidence_level: float


def delong_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    alternative: str = "two-sided",
    confidence_level: float = 0.95,
) -> DeLongTest:
    r"""Compare the AUCs of two scores measured on the same cases (paired DeLong test, by patient where they repeat).

    Parameters
    ----------
    {y_true}
    score_a, score_b : array-like of shape (n,)
        The two scores; higher means more likely positive.
    groups : array-like of shape (n,), optional
        Patient of each case, where a patient has several: the variance is then Obuchowski's.
    alternative : {"two-sided", "less", "greater"}
        ``"greater"``: the AUC of `score_a` is greater.
    confidence_level : float
        Level of the interval of the difference (always two-sided).

    Returns
    -------
    DeLongTest
        ``difference = auc_a - auc_b`` with its standard error, interval, z statistic and p-value.

    Raises
    ------
    {one_class} {bad_scores}

    Notes
    -----
    :math:`z = (A_a - A_b)/\sqrt{\operatorname{var}(V_a - V_b)/m + \operatorname{var}(W_a - W_b)/n}` with the placements
    of `auc` (doi:10.2307/2531595); with `groups` the variance of the differences of the placements is Obuchowski's (see
    `auc`). Curves that are equal case by case give z = 0 and p = 1, as in pROC ``roc.test(paired=TRUE,
    method="delong")``. A difference with a variance of zero (1 against 0, say) cannot be tested: NaN, where pROC prints
    p = 0.

    *How to read it.* A small p-value says that one of the scores ranks these patients better. Do not use it to
    compare a model with one nested in it on the training data: there the test is too conservative
    (doi:10.1002/sim.5328).

    Examples
    --------
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> test = delong_test(y, [1, 2, 3, 5, 4, 6, 7, 8], [2, 1, 7, 4, 3, 5, 6, 8])
    >>> round(test.difference, 4), round(test.p_value, 4)
    (0.1875, 0.3428)
    """
    same_rows(y_true=y_true, score_a=score_a, score_b=score_b, groups=groups)
    positive = check_binary_target(y_true)
    curves = [
        placements(positive, check_score(score, positive.size, name=name))
        for score, name in ((score_a, "score_a"), (score_b, "score_b"))
    ]
    return _paired(curves[0], curves[1], patients_of(groups, positive), alternative, confidence_level)


def delong_test_unpaired(
    y_a: ArrayLike,
    score_a: ArrayLike,
    y_b: ArrayLike,
    score_b: ArrayLike,
    *,
    alternative: str = "two-sided",
    confidence_level: float = 0.95,
) -> DeLongTest:
    r"""Compare the AUCs of scores measured on two independent samples (unpaired DeLong test).

    Parameters
    ----------
    y_a, score_a : array-like of shape (n_a,)
        Outcome and score of the first sample.
    y_b, score_b : array-like of shape (n_b,)
        Outcome and score of the second sample.
    alternative : {"two-sided", "less", "greater"}
        ``"greater"``: the AUC of the first sample is greater.
    confidence_level : float
        Level of the interval of the difference (always two-sided).

    Returns
    -------
    DeLongTest
        ``difference = auc_a - auc_b`` with its standard error, interval, t statistic, degrees of freedom and p-value.

    Raises
    ------
    OutcomeError
        If an outcome has one class only, missing values, or more than two values.
    {bad_scores}

    Notes
    -----
    :math:`t = (A_a - A_b)/\sqrt{s_a^2 + s_b^2}` on Welch-Satterthwaite degrees of freedom
    :math:`(s_a^2 + s_b^2)^2 / (s_a^4/(N_a-1) + s_b^4/(N_b-1))`, :math:`s` DeLong's standard errors and :math:`N` the
    numbers of cases, as pROC ``roc.test(paired=FALSE, method="delong")`` (doi:10.1186/1471-2105-12-77).

    *How to read it.* Use it for two cohorts, for example training and external test. For two scores of the same
    patients use `delong_test`: treating them as independent loses power.

    Examples
    --------
    >>> test = delong_test_unpaired([0, 0, 1, 1], [1, 3, 2, 4], [0, 0, 1, 1, 1], [2, 1, 3, 4, 1.5])
    >>> round(test.difference, 4), round(test.df, 3)
    (-0.0833, 5.452)
    """
    same_rows(y_a=y_a, score_a=score_a)
    same_rows(y_b=y_b, score_b=score_b)
    check_choice(alternative, TAILS, name="alternative")
    curves = []
    for y, score, suffix in ((y_a, score_a, "a"), (y_b, score_b, "b")):
        positive = check_binary_target(y, name=f"y_{suffix}")
        curves.append(placements(positive, check_score(score, positive.size, name=f"score_{suffix}")))
    areas = [float(cases.mean()) for cases, _ in curves]
    variances = [mean_variance(cases) + mean_variance(controls) for cases, controls in curves]
    sizes = [cases.size + controls.size for cases, controls in curves]
    total = sum(variances)
    spread = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    df = total**2 / spread if spread > 0 else float(sum(sizes) - 2)
    return _test(areas, math.sqrt(total), stats.t(df), df, alternative, confidence_level)


def compare_aucs(
    y_true: ArrayLike,
    scores: pd.DataFrame | dict[str, ArrayLike],
    *,
    groups: ArrayLike | None = None,
    adjust: str = "holm",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Compare the AUCs of several scores of the same cases, pair by pair.

    Parameters
    ----------
    {y_true}
    scores : DataFrame or dict of name -> array-like of shape (n,)
        The scores, two or more.
    {groups}
    adjust : str
        Adjustment for the number of pairs, a method of `adjust_pvalues`.
    confidence_level : float
        Level of the intervals, which are not adjusted.

    Returns
    -------
    DataFrame
        One row per pair in column order: ``model_a, model_b, auc_a, auc_b, difference, se, ci_low, ci_high, statistic,
        p_value, p_adjusted, confidence_level``. NaN in ``se`` and what follows from it with one case of a class only.

    Raises
    ------
    {one_class}
    InputError
        If there are fewer than two scores, or scores are missing, infinite, or of another length.

    Notes
    -----
    Each row is the paired `delong_test` (doi:10.2307/2531595). *How to read it.* Judge by ``p_adjusted``, which bounds
    the chance of any false claim among all pairs (with ``"holm"``).

    Examples
    --------
    >>> y = [0, 0, 0, 1, 1, 1]
    >>> table = compare_aucs(y, {"a": [1, 2, 4, 3, 5, 6], "b": [3, 1, 2, 5, 4, 6], "c": [6, 5, 1, 2, 3, 4]})
    >>> table[["model_a", "model_b"]].values.tolist()
    [['a', 'b'], ['a', 'c'], ['b', 'c']]
    """
    same_rows(y_true=y_true, groups=groups, **columns_of(scores, "scores"))
    positive = check_binary_target(y_true)
    columns = check_named_columns(scores, positive.size, name="scores")
    if len(columns) < 2:
        raise InputError(f"scores holds {len(columns)} score ({', '.join(columns)}); required: two or more to compare.")
    curves = {name: placements(positive, score) for name, score in columns.items()}
    names, patients = list(curves), patients_of(groups, positive)
    rows = [
        {"model_a": a, "model_b": b, **vars(_paired(curves[a], curves[b], patients, "two-sided", confidence_level))}
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    table = pd.DataFrame(rows)
    return table.assign(p_adjusted=adjust_pvalues(table["p_value"], method=adjust))[_PAIR_COLUMNS]


_PAIR_COLUMNS = [
    "model_a", "model_b", "auc_a", "auc_b", "difference", "se", "ci_low", "ci_high", "statistic", "p_value",
    "p_adjusted", "confidence_level",
]  # fmt: skip


def _paired(
    a: tuple[FloatArray, FloatArray],
    b: tuple[FloatArray, FloatArray],
    patients: Patients | None,
    alternative: str,
    confidence_level: float,
) -> DeLongTest:
    variance = area_variance(a[0] - b[0], a[1] - b[1], patients)
    areas = [float(a[0].mean()), float(b[0].mean())]
    return _test(areas, math.sqrt(variance), stats.norm(), math.nan, alternative, confidence_level)


def _test(
    areas: list[float], se: float, law: stats.rv_continuous, df: float, alternative: str, confidence_level: float
) -> DeLongTest:
    difference = areas[0] - areas[1]
    test = wald(difference, se, alternative=alternative, law=law, confidence_level=confidence_level)
    return DeLongTest(
        auc_a=areas[0],
        auc_b=areas[1],
        difference=difference,
        se=se,
        **vars(test),
        df=float(df),
        confidence_level=float(confidence_level),
    )
