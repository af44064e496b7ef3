"""What was found of the models of one outcome, as objects; tables are views of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._explain import Confounding, UsedFeature
from radiokit.study._split import SOURCE_OF
from radiokit.study._within_centers import CenterEffect
from radiokit.validation.evidence import CalibrationEvidence, Comparison, Evidence, select
from radiokit.validation.facts import FormulaFacts, SampleSize


@dataclass(frozen=True, eq=False)
class Assessment:
    """One outcome with the evidence for its models.

    `level` is the confidence level of all intervals; `tables` holds all tables of this outcome by name.
    """

    endpoint: Endpoint
    data: Patients
    level: float
    sample_size: SampleSize
    center_effect: CenterEffect = field(default_factory=CenterEffect)
    evidence: tuple[Evidence, ...] = ()
    calibrations: tuple[CalibrationEvidence, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    features: tuple[UsedFeature, ...] = ()
    confounding: tuple[Confounding, ...] = ()
    formulas: tuple[FormulaFacts, ...] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def main(self) -> Modelled:
        """The model of all predictors."""
        return self.endpoint.main

    @property
    def cohort(self) -> str:
        """The cohort in which the main model is judged: that farthest from training."""
        return self.endpoint.farthest

    def discrimination(self, cohort: str) -> Evidence | None:
        """Return the AUC or C-index of the main model in a cohort, of those patients it was not trained on."""
        source = SOURCE_OF[cohort]
        found = select(self.evidence, model=self.main.name, source=source, metric=self.endpoint.metric)
        return found[0] if found else None

    def difference(self, other: str) -> Comparison | None:
        """Return how much better the main model is than another, where it is judged."""
        names = {self.main.name, other}
        for pair in self.comparisons:
            if pair.cohort == self.cohort and {pair.model_a, pair.model_b} == names:
                return pair.seen_from(self.main.name)
        return None
