"""What a pipeline does with its features, read from its steps: the facts of a methods text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiokit.models._boosting import BoostedClassifier, BoostedSurvival
from radiokit.models._imputer import MedianImputer
from radiokit.models._signature import RadiomicsSignature, SurvivalSignature
from radiokit.models._winsorizer import Winsorizer
from radiokit.models.calibration import CalibratedModel
from radiokit.selection import CorrelationSelector, RepeatabilitySelector, UnivariateSelector, VarianceSelector
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
        Steps that take features out without looking at a penalty, in order.
    redundancy : str
        The step that takes out features that repeat each other.
    selects : bool
        Whether the final model leaves features out.
    penalty : str
        "ridge", "LASSO" or "elastic net" where the weights are penalised.
    tuning : str
        How the penalty is chosen; empty where nothing is tuned.
    fixed : str
        What is set and not tuned.
    calibration : str
        How scores are recalibrated in training.
    repeatable : bool
        Whether features have to repeat in patients measured again.
    network : bool
        Whether it is a network that reads images itself.
    """

    model: str
    imputes: str = ""
    scales: bool = False
    clips: str = ""
    reduces: tuple[str, ...] = ()
    redundancy: str = ""
    selects: bool = False
    penalty: str = ""
    tuning: str = ""
    fixed: str = ""
    calibration: str = ""
    repeatable: bool = False
    network: bool = False

    @property
    def before(self) -> str:
        """What happens to the features before the model, as half a sentence."""
        parts = [f"missing feature values were imputed by {self.imputes}"] if self.imputes else []
        return ", ".join([*parts, *self.reduces, *([self.clips] if self.clips else [])])

    @property
    def entry(self) -> str:
        """What enters which model, as half a sentence."""
        entered = "the rest" if self.reduces else "all features"
        entered += " were standardised and entered" if self.scales else " entered"
        model = self.model + (f", its penalty chosen {self.tuning}" if self.tuning else "")
        model += f", {self.fixed}" if self.fixed else ""
        return f"{entered} {model}" + (f", recalibrated by {self.calibration}" if self.calibration else "")

    @property
    def sentence(self) -> str:
        """Both as half a sentence of a methods section."""
        return f"{self.before}, and {self.entry}" if self.before else self.entry


def describe_pipeline(estimator: Estimator) -> PipelineFacts:
    """Return what an unfitted or fitted pipeline does with its features.

    Parameters
    ----------
    estimator : Pipeline or estimator
        Steps of scikit-learn or radiokit; an unknown step is named by its class.

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
    steps = list(estimator.steps) if isinstance(estimator, Pipeline) else [("model", estimator)]
    facts = _model(steps[-1][1])
    for _, step in steps[:-1]:
        facts = _step(step, facts)
    return facts


def _step(step: Any, facts: PipelineFacts) -> PipelineFacts:
    if step is None or step == "passthrough":
        return facts
    for kind, add in _STEPS.items():
        if isinstance(step, kind):
            return add(step, facts)
    return _reduced(facts, f"{type(step).__name__} was applied")


def _reduced(facts: PipelineFacts, how: str, **changes: Any) -> PipelineFacts:
    return replace(facts, reduces=(*facts.reduces, how), **changes)


def _imputer(step: SimpleImputer, facts: PipelineFacts) -> PipelineFacts:
    words = {"median": "the median", "mean": "the mean", "most_frequent": "the most frequent value"}
    return replace(facts, imputes=words.get(step.strategy, f"{step.strategy} values"))


def _repeatability(step: RepeatabilitySelector, facts: PipelineFacts) -> PipelineFacts:
    limit = f"whose lower {100 * step.confidence_level:.10g}% limit was" if step.use == "ci_low" else "that was"
    how = f"features with an intraclass correlation, {step.form}, {limit} below {step.threshold:g} were removed"
    return _reduced(facts, how, repeatable=True)


def _correlation(step: CorrelationSelector, facts: PipelineFacts) -> PipelineFacts:
    redundancy = f"absolute {step.method.capitalize()} correlation above {step.threshold:g}"
    how = f"of two features with an {redundancy} the less relevant was removed"
    return _reduced(facts, how, redundancy=redundancy)


def _univariate(step: UnivariateSelector, facts: PipelineFacts) -> PipelineFacts:
    return _reduced(facts, f"features with a univariable p above {step.alpha:g} were removed")


def _winsorizer(step: Winsorizer, facts: PipelineFacts) -> PipelineFacts:
    how = (
        f"values further from the median than {step.spread:g} robust standard deviations (interquartile range / 1.349) "
        "were set to that bound"
    )
    return replace(facts, clips=how)


_STEPS: dict[type, Callable[[Any, PipelineFacts], PipelineFacts]] = {
    MedianImputer: lambda step, facts: replace(facts, imputes="the median"),
    SimpleImputer: _imputer,
    VarianceSelector: lambda step, facts: _reduced(facts, "constant features were removed"),
    RepeatabilitySelector: _repeatability,
    CorrelationSelector: _correlation,
    UnivariateSelector: _univariate,
    Winsorizer: _winsorizer,
    StandardScaler: lambda step, facts: replace(facts, scales=True),
}


def _model(final: Any) -> PipelineFacts:
    if isinstance(final, CalibratedModel):
        how = CALIBRATIONS.get(final.method, f"{final.method} calibration")
        return replace(_model(final.estimator), calibration=how)
    if isinstance(final, RadiomicsSignature | SurvivalSignature):
        return _penalised(final)
    if isinstance(final, LogisticRegression):
        return PipelineFacts(
            "a ridge logistic regression", penalty="ridge", fixed=f"its penalty fixed (C = {final.C:g})"
        )
    if isinstance(final, SVC):
        shape = {"linear": "a linear support vector machine", "rbf": "a support vector machine with a Gaussian kernel"}
        name = shape.get(str(final.kernel), f"a support vector machine ({final.kernel})")
        return PipelineFacts(name, fixed=f"its cost fixed (C = {final.C:g})")
    if isinstance(final, RandomForestClassifier):
        return PipelineFacts(f"a random forest of {final.n_estimators} trees", fixed="nothing of it tuned")
    if isinstance(final, BoostedClassifier | BoostedSurvival):
        times = " for survival times" if isinstance(final, BoostedSurvival) else ""
        name = f"gradient-boosted trees{times} (XGBoost, {final.n_trees} trees of depth {final.max_depth})"
        return PipelineFacts(name, fixed="nothing of them tuned")
    return PipelineFacts(type(final).__name__)


def _penalised(final: RadiomicsSignature | SurvivalSignature) -> PipelineFacts:
    ratio = final.l1_ratio
    penalty = "LASSO" if ratio == 1 else "ridge" if ratio == 0 else "elastic net"
    share = f" (LASSO share {ratio:g})" if 0 < ratio < 1 else ""
    outcome = "Cox" if isinstance(final, SurvivalSignature) else "logistic"
    folds = f"{final.cv}-fold cross-validation" if isinstance(final.cv, int) else "cross-validation"
    left_out = "approximate leave-one-out cross-validation" if isinstance(final.cv, str) else folds
    rule = " (the largest penalty within one standard error of the minimum)" if final.rule == "1se" else ""
    article = "an" if penalty.startswith("e") else "a"
    return PipelineFacts(
        f"{article} {penalty} {outcome} regression{share}",
        scales=True,
        selects=ratio > 0,
        penalty=penalty,
        tuning=f"by {left_out}{rule}",
    )
