"""Pipelines by name: the models papers use for a signature, with defaults for about a hundred cases."""

from __future__ import annotations

from typing import Any, Literal

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiokit.engine.inputs import Seed, check_choice
from radiokit.exceptions import ParameterError
from radiokit.models._boosting import BoostedClassifier, BoostedSurvival
from radiokit.models._default import PENALTIES, PENALTY_FOLDS, SPREAD, default_pipeline
from radiokit.models._imputer import MedianImputer
from radiokit.models._signature import RadiomicsSignature, SurvivalSignature
from radiokit.models._winsorizer import Winsorizer
from radiokit.models.calibration import CalibratedModel
from radiokit.selection import VarianceSelector

KINDS = {
    "classification": ("ridge", "elastic_net", "logistic", "svm_linear", "svm_rbf", "forest", "xgboost"),
    "survival": ("ridge", "elastic_net", "xgboost", "xgboost_aft"),
}
WEIGHTED = ("logistic", "svm_linear", "svm_rbf", "forest", "xgboost")
PENALTY = 0.01
MARGIN = 0.1
TREES = 300
LEAF = 5


def signature_pipeline(
    kind: str,
    task: str = "classification",
    *,
    class_weight: Literal["balanced"] | None = None,
    random_state: Seed = None,
) -> Pipeline:
    """Build the pipeline of a signature by the name of its model.

    Parameters
    ----------
    kind : {"ridge", "elastic_net", "logistic", "svm_linear", "svm_rbf", "forest", "xgboost", "xgboost_aft"}
        The model. For survival: ridge, elastic_net (Cox), xgboost (Cox) and xgboost_aft.
    task : {"classification", "survival"}
        Kind of outcome.
    class_weight : {"balanced"} or None
        Give both classes the same weight in training; for logistic, svm_linear, svm_rbf, forest and xgboost.
    {random_state}

    Returns
    -------
    Pipeline
        Unfitted. All impute by the median and drop constant features; all but the trees clip tails and standardise.

        - ``ridge``: `default_pipeline`; ``elastic_net``: the same, half LASSO, penalty chosen in 5 folds.
        - ``logistic``: ridge logistic regression with a fixed penalty (C = 0.01), calibrated by Platt's method, since
          so strong a penalty draws probabilities towards the mean.
        - ``svm_linear``, ``svm_rbf``: support vector machines (C = 0.1; C = 1, scaled width), always with balanced
          weights, without which they ignore a rare class, and calibrated by Platt's method.
        - ``forest``: 300 trees with 5 cases or more in each leaf, calibrated by Platt's method.
        - ``xgboost``: `BoostedClassifier` or `BoostedSurvival`.

    Raises
    ------
    ParameterError
        If there is no such model for the task, or it takes no weights.

    Notes
    -----
    A model trained with class weights, or on a cohort that was balanced by resampling, gives the probabilities of a
    population that does not exist: too high for the rarer class (van den Goorbergh et al. 2022,
    doi:10.1093/jamia/ocac093). Here the intercept (and the slope, where Platt's method is used anyway) is learnt again
    from cross-fitted scores of the training cases as they are (`CalibratedModel`), so that the mean probability is the
    share of events again. Weights seldom help discrimination; they are there since reviewers ask.

    *How to read it.* On small tables differences between these models are smaller than their uncertainty: on the 17
    public tables of `default_pipeline`, five folds, the mean AUC of ``ridge`` was 0.658 and of ``xgboost`` 0.654, with
    a standard error of the difference of 0.023, and single tables differed by 0.15 either way. Choose before you look,
    or let `radiokit.validation.nested_cv` pay for the choice.

    Examples
    --------
    >>> [name for name, _ in signature_pipeline("svm_rbf").steps]
    ['impute', 'variance', 'winsorize', 'scale', 'signature']
    """
    check_choice(task, tuple(KINDS), name="task")
    if kind not in KINDS[task]:
        raise ParameterError(f"kind is {kind!r}; required for {task}: one of {', '.join(KINDS[task])}.")
    if class_weight is not None and (class_weight != "balanced" or task == "survival" or kind not in WEIGHTED):
        raise ParameterError(
            f"class_weight is {class_weight!r}; required: None, or 'balanced' for a binary outcome and one of "
            f"{', '.join(WEIGHTED)}."
        )
    if kind == "ridge":
        return default_pipeline(task, random_state=random_state)
    final = _binary(kind, class_weight, random_state) if task == "classification" else _survival(kind, random_state)
    clean = [("impute", MedianImputer()), ("variance", VarianceSelector())]
    tails = [("winsorize", Winsorizer(spread=SPREAD))]
    scale = [("scale", StandardScaler())]
    before = {"forest": [], "xgboost": [], "xgboost_aft": [], "elastic_net": tails}.get(kind, tails + scale)
    return Pipeline([*clean, *before, ("signature", final)]).set_output(transform="pandas")


def _survival(kind: str, seed: Seed) -> Any:
    if kind == "elastic_net":
        return SurvivalSignature(cv=PENALTY_FOLDS, n_lambdas=3 * PENALTIES, l1_ratio=0.5, random_state=seed)
    return BoostedSurvival(objective="aft" if kind == "xgboost_aft" else "cox", random_state=seed)


def _binary(kind: str, class_weight: Literal["balanced"] | None, seed: Seed) -> Any:
    if kind == "elastic_net":
        return RadiomicsSignature(cv=PENALTY_FOLDS, n_lambdas=3 * PENALTIES, l1_ratio=0.5, random_state=seed)
    if kind == "logistic":
        model: Any = LogisticRegression(C=PENALTY, class_weight=class_weight, max_iter=5000)
    elif kind == "xgboost":
        model = BoostedClassifier(class_weight=class_weight, random_state=seed)
    elif kind == "forest":
        model = RandomForestClassifier(TREES, min_samples_leaf=LEAF, class_weight=class_weight, random_state=seed)
    elif kind == "svm_linear":
        model = SVC(kernel="linear", C=MARGIN, class_weight="balanced")
    else:
        model = SVC(class_weight="balanced")
    if kind == "xgboost":
        return model if class_weight is None else CalibratedModel(model, method="intercept", random_state=seed)
    return CalibratedModel(model, random_state=seed)
