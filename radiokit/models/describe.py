"""What a pipeline does with its features, read from its steps: the facts of a methods text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiokit.engine.formula_model import FormulaModel
from radiokit.engine.penalty_path import TunedPenalty
from radiokit.harmonization import ComBat
from radiokit.models._boosting import BoostedClassifier, BoostedSurvival
from radiokit.models._fusion import FusionClassifier, FusionSurvival
from radiokit.models._imputer import MedianImputer
from radiokit.models._logistic import LogisticModel
from radiokit.models._signature import RadiomicsSignature
from radiokit.models._winsorizer import Winsorizer
from radiokit.models.calibration import CalibratedModel
from radiokit.selection import (
    BorutaSelector,
    CorrelationSelector,
    LassoSelector,
    MRMRSelector,
    RecursiveSelector,
    RepeatabilitySelector,
    StabilitySelector,
    UnivariateSelector,
    VarianceSelector,
)
from radiokit.utils.estimators import Estimator

CALIBRATIONS = {"platt": "Platt's method", "intercept": "a new intercept", "beta": "beta calibration"}


@dataclass(frozen=True)
class PipelineFacts:
    """What a pipeline does, each fact as words that fit into a sentence; empty where it does not do it.

    Parameters
    ----------
    model : str
        The final model: "a LASSO regression".
    imputes : str
        "the median".
    scales : bool
        Whether features are standardised, by a step or by the model itself.
    clips : str
        How tails are cut.
    reduces : tuple of str
        Steps that change features or take them out without looking at a penalty, in order.
    redundancy : str
        The step that takes out features that repeat each other.
    chooses : bool
        Whether a step looks at the outcome, or at other features, to take features out.
    selects : bool
        Whether the final model leaves features out.
    penalty : str
        "ridge", "LASSO" or "elastic net" where the weights are penalised.
    tuned : str
        What is tuned.
    tuning : str
        How it is chosen; empty where nothing is tuned.
    fixed : str
        What is set and not tuned.
    calibration : str
        How scores are recalibrated in training.
    network : bool
        Whether it is a network that reads images itself.
    unknown : tuple of str
        Classes of which radiokit knows only the name: the author has to describe them.
    """

    model: str = ""
    imputes: str = ""
    scales: bool = False
    clips: str = ""
    reduces: tuple[str, ...] = ()
    redundancy: str = ""
    chooses: bool = False
    selects: bool = False
    penalty: str = ""
    tuned: str = "its penalty"
    tuning: str = ""
    fixed: str = ""
    calibration: str = ""
    network: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def before(self) -> str:
        """What happens to the features before the model, as half a sentence."""
        parts = [f"missing feature values were imputed by {self.imputes}"] if self.imputes else []
        return ", ".join([*parts, *self.reduces, *([self.clips] if self.clips else [])])

    @property
    def training(self) -> str:
        """The model and how it was tuned, as half a sentence."""
        choice = f"{self.tuned} chosen {self.tuning}" if self.tuning else self.fixed
        return ", ".join([self.model, *([choice] if choice else [])])

    @property
    def entry(self) -> str:
        """What enters which model, as half a sentence."""
        entered = "the rest" if self.reduces else "all features"
        entered += " were standardised and entered" if self.scales else " entered"
        how = f", recalibrated by {self.calibration}" if self.calibration else ""
        return f"{entered} {self.training}{how}"

    def after(self, step: PipelineFacts) -> PipelineFacts:
        """Return these facts with those of the step before them."""
        return replace(
            self,
            imputes=step.imputes or self.imputes,
            clips=step.clips or self.clips,
            redundancy=step.redundancy or self.redundancy,
            chooses=step.chooses or self.chooses,
            scales=step.scales or self.scales,
            reduces=(*step.reduces, *self.reduces),
            unknown=(*step.unknown, *self.unknown),
        )


@runtime_checkable
class SelfDescribing(Protocol):
    """A step or a model with a method that describes it; a step leaves `PipelineFacts.model` empty."""

    def describe(self) -> PipelineFacts:
        """Return the facts."""


def describe_pipeline(estimator: Estimator) -> PipelineFacts:
    """Return what an unfitted or fitted pipeline does with its features.

    Parameters
    ----------
    estimator : Pipeline or estimator
        Steps of scikit-learn or radiokit. A class of your own may have a method ``describe() -> PipelineFacts``;
        without one it is named, and listed in `unknown`.

    Returns
    -------
    PipelineFacts
        Facts read from the steps and their parameters.

    Examples
    --------
    >>> from radiokit.models import signature_pipeline
    >>> describe_pipeline(signature_pipeline("ridge")).tuning
    'by approximate leave-one-out cross-validation'
    >>> forest = describe_pipeline(signature_pipeline("forest"))
    >>> forest.scales, forest.penalty, forest.tuning
    (False, '', '')
    """
    *steps, final = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    facts = _facts(final, MODELS, PipelineFacts(type(final).__name__, unknown=(type(final).__name__,)))
    for step in reversed(steps):
        if step is not None and step != "passthrough":
            name = type(step).__name__
            facts = facts.after(_facts(step, STEPS, PipelineFacts(reduces=(f"{name} was applied",), unknown=(name,))))
    return facts


def _facts(part: object, known: dict[type, Callable[[Any], PipelineFacts]], unknown: PipelineFacts) -> PipelineFacts:
    if isinstance(part, SelfDescribing):
        return part.describe()
    return next((facts(part) for kind, facts in known.items() if isinstance(part, kind)), unknown)


def _reduced(how: str) -> PipelineFacts:
    return PipelineFacts(reduces=(how,))


def _chosen(how: str, redundancy: str = "") -> PipelineFacts:
    """Return the facts of a step that takes features out for what the outcome or other features are."""
    return PipelineFacts(reduces=(how,), redundancy=redundancy, chooses=True)


def _imputer(step: SimpleImputer) -> PipelineFacts:
    words = {"median": "the median", "mean": "the mean", "most_frequent": "the most frequent value"}
    return PipelineFacts(imputes=words.get(step.strategy, f"{step.strategy} values"))


def _repeatability(step: RepeatabilitySelector) -> PipelineFacts:
    limit = f"whose lower {100 * step.confidence_level:.10g}% limit was" if step.use == "ci_low" else "that was"
    how = f"features with an intraclass correlation, {step.form}, {limit} below {step.threshold:g} were removed"
    return _reduced(how)


def _correlation(step: CorrelationSelector) -> PipelineFacts:
    redundancy = f"absolute {step.method.capitalize()} correlation above {step.threshold:g}"
    stays = "less relevant" if step.keep == "relevance" else "later"
    return _chosen(f"of two features with an {redundancy} the {stays} was removed", redundancy=redundancy)


def _mrmr(step: MRMRSelector) -> PipelineFacts:
    how = "minimum redundancy and maximum relevance"
    return _chosen(f"the {step.n_features} features of {how} were kept", redundancy=how)


def _univariate(step: UnivariateSelector) -> PipelineFacts:
    p = "univariable p" if step.adjust is None else f"univariable p, adjusted by {step.adjust},"
    return _chosen(f"features with a {p} above {step.alpha:g} were removed")


def _recursive(step: RecursiveSelector) -> PipelineFacts:
    size = "of a size chosen by cross-validation" if step.n_features is None else f"of {step.n_features} features"
    return _chosen(f"a set {size} was kept by recursive elimination")


def _scaler(step: StandardScaler) -> PipelineFacts:
    if step.with_mean and step.with_std:
        return PipelineFacts(scales=True)
    return _reduced("features were centred" if step.with_mean else "features were divided by their standard deviation")


def _winsorizer(step: Winsorizer) -> PipelineFacts:
    return PipelineFacts(
        clips=f"values further from the median than {step.spread:g} robust standard deviations (interquartile range / "
        "1.349) were set to that bound"
    )


STEPS: dict[type, Callable[[Any], PipelineFacts]] = {
    SimpleImputer: _imputer,
    MedianImputer: lambda step: PipelineFacts(imputes="the median"),
    VarianceSelector: lambda step: _reduced(
        f"features with a variance up to {step.threshold:g} were removed"
        if step.threshold
        else "constant features were removed"
    ),
    RepeatabilitySelector: _repeatability,
    CorrelationSelector: _correlation,
    MRMRSelector: _mrmr,
    UnivariateSelector: _univariate,
    RecursiveSelector: _recursive,
    LassoSelector: lambda step: _chosen(f"features without a weight in {_penalised(step).model} were removed"),
    BorutaSelector: lambda step: _chosen("features no more important than shuffled ones were removed (Boruta)"),
    StabilitySelector: lambda step: _chosen(
        f"features chosen in fewer than {100 * step.threshold:g}% of subsamples were removed"
    ),
    SelectKBest: lambda step: _chosen(f"the {step.k} features of the best univariable score were kept"),
    ComBat: lambda step: _reduced(f"effects of {step.batch} were removed by ComBat"),
    Winsorizer: _winsorizer,
    StandardScaler: _scaler,
}


def _penalised(final: TunedPenalty) -> PipelineFacts:
    penalty, share = _penalty(final.l1_ratio)
    outcome = "logistic" if isinstance(final, RadiomicsSignature) else "Cox"
    outcome = "" if isinstance(final, LassoSelector) else f"{outcome} "
    folds = f"{final.cv}-fold cross-validation" if isinstance(final.cv, int) else "cross-validation"
    left_out = "approximate leave-one-out cross-validation" if isinstance(final.cv, str) else folds
    rule = " (the largest penalty within one standard error of the minimum)" if final.rule == "1se" else ""
    return PipelineFacts(
        f"{_with_article(penalty)} {outcome}regression{share}",
        scales=True,
        selects=final.l1_ratio > 0,
        penalty=penalty,
        tuning=f"by {left_out}{rule}",
    )


def _penalty(l1_ratio: float) -> tuple[str, str]:
    """Name of a penalty, and the share of the LASSO where it has two parts."""
    name = "LASSO" if l1_ratio == 1 else "ridge" if l1_ratio == 0 else "elastic net"
    return name, f" (LASSO share {l1_ratio:g})" if 0 < l1_ratio < 1 else ""


def _with_article(name: str) -> str:
    return f"{'an' if name.startswith('e') else 'a'} {name}"


def _logistic(final: LogisticRegression) -> PipelineFacts:
    if final.penalty is None or np.isinf(final.C):
        return PipelineFacts("a logistic regression", fixed="without a penalty")
    # From scikit-learn 1.8 on l1_ratio alone counts; before that, `penalty` does.
    ratio = {"l1": 1.0, "l2": 0.0}.get(final.penalty, final.l1_ratio or 0.0)
    penalty, share = _penalty(ratio)
    name = f"{_with_article(penalty)} logistic regression{share}"
    return PipelineFacts(name, penalty=penalty, selects=ratio > 0, fixed=f"its penalty fixed (C = {final.C:g})")


def _unpenalised(final: FormulaModel) -> PipelineFacts:
    if isinstance(final, LogisticModel) and final.penalty is not None:
        fixed = f"its penalty fixed (lambda = {final.penalty:g})"
        return PipelineFacts("a ridge logistic regression", penalty="ridge", fixed=fixed)
    if isinstance(final, LogisticModel) and final.firth:
        return PipelineFacts("a logistic regression", fixed="by Firth's penalised likelihood")
    return PipelineFacts(final._title, fixed="without a penalty")


def _svm(final: SVC) -> PipelineFacts:
    shapes = {"linear": "a linear support vector machine", "rbf": "a support vector machine with a Gaussian kernel"}
    name = shapes.get(str(final.kernel), f"a support vector machine ({final.kernel})")
    return PipelineFacts(name, fixed=f"its cost fixed (C = {final.C:g})")


def _boosted(final: BoostedClassifier | BoostedSurvival) -> PipelineFacts:
    times = " for survival times" if isinstance(final, BoostedSurvival) else ""
    name = f"gradient-boosted trees{times} (XGBoost, {final.n_trees} trees of depth {final.max_depth})"
    return PipelineFacts(name, fixed="nothing of them tuned")


def _calibrated(final: CalibratedModel) -> PipelineFacts:
    how = CALIBRATIONS.get(final.method, f"{final.method} calibration")
    inner = LogisticRegression() if final.estimator is None else final.estimator
    return replace(describe_pipeline(inner), calibration=how)


def _searched(final: GridSearchCV | RandomizedSearchCV) -> PipelineFacts:
    grid = final.param_grid if isinstance(final, GridSearchCV) else final.param_distributions
    names = sorted({name for part in ([grid] if isinstance(grid, dict) else grid) for name in part})
    folds = f"{final.cv}-fold cross-validation" if isinstance(final.cv, int) else "cross-validation"
    inner = describe_pipeline(final.estimator)
    return replace(inner, tuned=", ".join(names), tuning=f"by {folds}", fixed="")


def _fusion(final: FusionClassifier | FusionSurvival) -> PipelineFacts:
    names = ["the rad-score"] if final.signatures is None else [str(name) for name in final.signatures]
    outcome = "a Cox model" if isinstance(final, FusionSurvival) else "a logistic model"
    combined = outcome if final.final_estimator is None else describe_pipeline(final.final_estimator).model
    clinical = f" and of {', '.join(map(str, final.clinical))}" if len(final.clinical) else ""
    return PipelineFacts(f"{combined} of the cross-fitted scores of {', '.join(names)}{clinical}")


MODELS: dict[type, Callable[[Any], PipelineFacts]] = {
    CalibratedModel: _calibrated,
    Pipeline: describe_pipeline,
    GridSearchCV: _searched,
    RandomizedSearchCV: _searched,
    FusionClassifier: _fusion,
    FusionSurvival: _fusion,
    TunedPenalty: _penalised,
    FormulaModel: _unpenalised,
    LogisticRegression: _logistic,
    SVC: _svm,
    RandomForestClassifier: lambda final: PipelineFacts(
        f"a random forest of {final.n_estimators} trees", fixed="nothing of it tuned"
    ),
    BoostedClassifier: _boosted,
    BoostedSurvival: _boosted,
}
