"""Outcomes of a study, their models, and the evidence for each as objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

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
