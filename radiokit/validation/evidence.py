"""What a study knows of itself as objects: outcomes, their models, the evidence for each, and the facts of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from radiokit.models.describe import PipelineFacts

Origin = Literal["table", "images", "deep features", "network"]
FlowKind = Literal["stage", "excluded", "cohort"]
ModelKind = Literal["clinical", "volume", "signature", "combined", "prevalence"]
# Nobody builds a study to show these: a model has to be better than they are.
BASELINES: tuple[ModelKind, ...] = ("volume", "prevalence")
# Where predictions come from, the most independent of training first.
SOURCES = ("external", "test", "out-of-fold", "optimism-corrected", "train")
HONEST = SOURCES[:3]
METRICS = {True: "c_index", False: "auc"}


@dataclass(frozen=True)
class StudyModel:
    """A model of a study.

    Parameters
    ----------
    name : str
        As in all tables.
    kind : {"clinical", "volume", "signature", "combined", "prevalence"}
        What it predicts from: clinical columns; the tumour volume alone; one signature; signatures and clinical columns
        together; nothing but how common the outcome is.
    endpoint : str
        The outcome it predicts.
    signatures, clinical : tuple of str
        What goes into it.
    """

    name: str
    kind: ModelKind
    endpoint: str
    signatures: tuple[str, ...] = ()
    clinical: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyEndpoint:
    """An outcome of a study with the models that predict it.

    Parameters
    ----------
    name : str
        Column of the outcome, or of the event.
    survival : bool
        Whether it is a time to an event.
    models : tuple of StudyModel
        Baselines first, all predictors together last.
    """

    name: str
    survival: bool
    models: tuple[StudyModel, ...] = ()

    @property
    def metric(self) -> str:
        """The index of discrimination: ``auc`` or ``c_index``."""
        return METRICS[self.survival]

    @property
    def main(self) -> str:
        """Name of the model the study is about: of those that are no baseline, the one of most predictors."""
        strong = [m for m in self.models if m.kind not in BASELINES]
        return (strong or list(self.models))[-1].name

    @property
    def names(self) -> list[str]:
        """Names of all models."""
        return [m.name for m in self.models]

    def of_kind(self, kind: ModelKind) -> StudyModel | None:
        """Return the model of a kind, beside the main one."""
        return next((m for m in self.models if m.kind == kind and m.name != self.main), None)


@dataclass(frozen=True)
class Evidence:
    """One estimate of how good a model is, and where it comes from.

    Parameters
    ----------
    model, cohort, metric : str
        What was judged, in whom, by what.
    source : {"external", "test", "out-of-fold", "optimism-corrected", "train"}
        Where the predictions come from.
    estimate, ci_low, ci_high : float
        NaN where there is none.
    level : float
        Confidence level of the interval.
    method : str
        How the interval was made.
    n, n_events : int
        Patients, and those with the event.
    threshold : float
        Probability from which a patient counts as positive, for sensitivity, specificity and the like; else NaN.
    threshold_reused : bool
        Whether the threshold was chosen on these same scores, which makes the estimate optimistic.
    """

    model: str
    cohort: str
    source: str
    metric: str
    estimate: float
    ci_low: float
    ci_high: float
    level: float
    method: str
    n: int
    n_events: int
    threshold: float = float("nan")
    threshold_reused: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether both limits are known."""
        return bool(np.isfinite([self.ci_low, self.ci_high]).all())

    @property
    def known(self) -> bool:
        """Whether the estimate and both limits are known."""
        return self.has_interval and bool(np.isfinite(self.estimate))


@dataclass(frozen=True)
class Comparison:
    """The difference between two models in the AUC or C-index of one cohort, and its test.

    `difference` is that of `model_a` minus `model_b`, NaN where it could not be estimated; `p_adjusted` is adjusted for
    all pairs of models of the cohort.
    """

    model_a: str
    model_b: str
    cohort: str
    source: str
    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    p_adjusted: float
    method: str

    @property
    def tested(self) -> bool:
        """Whether there is a p-value."""
        return bool(np.isfinite([self.difference, self.p_value]).all())

    def seen_from(self, model: str) -> Comparison:
        """Return the same comparison with this model first."""
        if model == self.model_a:
            return self
        return replace(
            self,
            model_a=self.model_b,
            model_b=self.model_a,
            difference=-self.difference,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
        )


@dataclass(frozen=True)
class CalibrationEvidence:
    """Whether the predictions of a model are right in one cohort: in their spread, and on the whole.

    `slope` is 1 where predictions are neither too extreme nor too timid (NaN for survival). `ratio` is observed over
    expected events; `level_low` and `level_high` limit the logarithm of how much more frequent events are than
    predicted: 0 where the predictions are right on the whole. NaN where an estimate or a limit is not known.
    """

    model: str
    cohort: str
    source: str
    n: int
    n_events: int
    ratio: float
    level_low: float
    level_high: float
    slope: float = float("nan")
    slope_low: float = float("nan")
    slope_high: float = float("nan")

    @property
    def known(self) -> bool:
        """Whether slope and level have an estimate and an interval."""
        values = [self.slope, self.slope_low, self.slope_high, self.ratio, self.level_low, self.level_high]
        return bool(np.isfinite(values).all())

    @property
    def too_low(self) -> bool:
        """Whether the predictions are too low on the whole, beyond chance."""
        return self.level_low > 0

    @property
    def too_high(self) -> bool:
        """Whether the predictions are too high on the whole, beyond chance."""
        return self.level_high < 0


@dataclass(frozen=True)
class Verdict:
    """What these data say about one claim that a paper might make of a model, with the reason in numbers."""

    model: str
    claim: str
    verdict: Literal["supported", "not supported", "cannot be judged"]
    reason: str


@dataclass(frozen=True)
class StudySpec:
    """The study as it was asked for, in words and numbers only.

    Parameters
    ----------
    title, time_unit : str
        For the report.
    outcome : str or None
        Column of the binary outcome.
    survival : dict or None
        Columns of event and time.
    clinical : list of str
        Clinical columns.
    signatures : dict
        Name to a description of the source.
    center, groups : str or None
        Columns of centre and patient.
    split : object
        As given.
    random_state : int
        The seed.
    options : dict
        All settings.
    """

    title: str = "Radiomics study"
    time_unit: str = ""
    outcome: str | None = None
    survival: dict[str, str] | None = None
    clinical: list[str] = field(default_factory=list)
    signatures: dict[str, Any] = field(default_factory=dict)
    center: str | None = None
    groups: str | None = None
    split: Any = None
    random_state: int = 0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FlowStep:
    """How many patients and cases there are at a step of the study, or, with a reason, how many leave it.

    `kind` is ``stage`` (all that are left), ``excluded`` (who leave) or ``cohort`` (who are in the cohort `step`).
    """

    step: str
    kind: FlowKind
    n_patients: int
    n_cases: int
    reason: str = ""


@dataclass(frozen=True)
class FormulaFacts:
    """A model as equations that a reader can compute by hand, one a line."""

    model: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class NetworkFacts:
    """A network that reads images itself, and how it is trained; sizes and spacings (mm) in the order z, y, x."""

    backbone: str
    dimension: str
    sequences: tuple[str, ...]
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    epochs: int
    patience: int | None
    validation: float
    learning_rate: float
    batch_size: int


@dataclass(frozen=True)
class CohortFacts:
    """Who is in a cohort: patients and the centres they come from."""

    name: str
    n_patients: int
    centers: tuple[str, ...] = ()


@dataclass(frozen=True)
class SignatureFacts:
    """Where the features of a signature come from, and what its pipeline does with them.

    `origin` is what was given; `extraction` holds the settings by step ("resampling", "discretisation", ...), where the
    study measured the features itself; `measured_again` says how features were measured again, where they were;
    `network` is the network that reads the images, where one does.
    """

    name: str
    endpoint: str
    origin: Origin
    n_features: int
    pipeline: PipelineFacts
    extraction: Mapping[str, str] = field(default_factory=dict)
    measured_again: str = ""
    network: NetworkFacts | None = None


@dataclass(frozen=True)
class SampleSize:
    """How many events there are in training for what is learnt from them.

    `events` counts the rarer outcome, `candidates` the predictors to choose from, `parameters` those of the final model
    and of its scores; `required` is the number of patients that Riley's criteria ask for (NaN where they cannot say).
    """

    endpoint: str
    patients: int
    events: int
    candidates: int
    parameters: int
    required: float = float("nan")

    @property
    def per_candidate(self) -> float:
        """Events for each candidate predictor."""
        return self.events / self.candidates if self.candidates else float("nan")


@dataclass(frozen=True)
class StudyFacts:
    """What is true of one run, for the methods text, the headline and the checklists.

    Parameters
    ----------
    confidence_level : float
        Of all intervals.
    cohorts : tuple of CohortFacts
        Training first.
    signatures : tuple of SignatureFacts
        One for each signature and outcome.
    sample_sizes : tuple of SampleSize
        One for each outcome.
    n_missing, n_predictors : int
        Missing values among clinical columns and features of all patients, and the number of these columns.
    by_center : bool
        Whether the cross-validation leaves out one centre at a time.
    several_cases : bool
        Whether patients had several cases, which became one row.
    frozen : tuple of str
        Models that were written as frozen models.
    rules : tuple of str
        Sentences on how numbers were made, for the methods text: how repeats of a cross-validation are summarised.
    flow : tuple of FlowStep
        Who entered the study, who left it and why, and who is in which cohort.
    formulas : tuple of FormulaFacts
        Each model as equations.
    confounders : tuple of {"volume", "centre"}
        What the scores of models were compared with.
    repeatable : tuple of (int, int) or None
        How many features were kept by their ICC, of how many, in all signatures and outcomes; None where no features
        were measured again.
    """

    confidence_level: float = 0.95
    cohorts: tuple[CohortFacts, ...] = ()
    signatures: tuple[SignatureFacts, ...] = ()
    sample_sizes: tuple[SampleSize, ...] = ()
    n_missing: int = 0
    n_predictors: int = 0
    by_center: bool = False
    several_cases: bool = False
    frozen: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    flow: tuple[FlowStep, ...] = ()
    formulas: tuple[FormulaFacts, ...] = ()
    confounders: tuple[Literal["volume", "centre"], ...] = ()
    repeatable: tuple[int, int] | None = None

    @property
    def level(self) -> str:
        """The confidence level in words: ``95%``."""
        return level_text(self.confidence_level)

    @property
    def centers(self) -> tuple[str, ...]:
        """All centres that are known."""
        return tuple(sorted({c for cohort in self.cohorts for c in cohort.centers}))


def level_text(level: float) -> str:
    """Return a confidence level in words, without digits that are not needed.

    Examples
    --------
    >>> level_text(0.95), level_text(0.999)
    ('95%', '99.9%')
    """
    return f"{100 * level:.10g}%"


def evidence_of(performance: pd.DataFrame, level: float, **labels: Any) -> list[Evidence]:
    """Return the rows of a table of estimates as objects; labels (`model`, `source`, ...) go before its columns.

    Examples
    --------
    >>> table = pd.DataFrame({"metric": ["auc"], "estimate": [0.7], "method": ["none"], "n": [40], "n_events": [9]})
    >>> evidence_of(table, 0.95, model="ct", cohort="test", source="test")[0].has_interval
    False
    """
    absent: dict[str, Any] = {"ci_low": float("nan"), "ci_high": float("nan"), "method": ""}
    rows = [absent | row | labels for row in performance.to_dict("records")]
    names = [f.name for f in fields(Evidence) if f.name != "level"]
    return [Evidence(level=level, **{name: row[name] for name in names if name in row}) for row in rows]


def select(
    evidence: Iterable[Evidence],
    *,
    model: str | None = None,
    cohort: str | None = None,
    source: str | None = None,
    metric: str | None = None,
) -> list[Evidence]:
    """Return the evidence that fits every part that is named."""
    wanted = {"model": model, "cohort": cohort, "source": source, "metric": metric}
    named = {key: value for key, value in wanted.items() if value is not None}
    return [e for e in evidence if all(getattr(e, key) == value for key, value in named.items())]
