"""What is true of a run of a study as objects, for the methods text, the summary and the checklists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from radiokit.models.describe import PipelineFacts

Origin = Literal["table", "images", "deep features", "network"]
FlowKind = Literal["stage", "excluded", "cohort"]


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
    """A model as equations that a reader can compute by hand, one on each line."""

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
