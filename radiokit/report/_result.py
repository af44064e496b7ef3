"""What a report needs of a result, and the few questions it asks of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

BASELINES = ("prevalence", "volume")
# How much a kind of prediction says about new patients, the most first.
SOURCES = {
    "external": "external",
    "test": "test",
    "out-of-fold": "training, cross-validated",
    "optimism-corrected": "training, optimism-corrected",
    "train": "training, apparent",
}


class Reportable(Protocol):
    """A `StudyResult`, or anything that holds the same."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Tables by name."""

    @property
    def predictions(self) -> pd.DataFrame:
        """One row a case, model and cohort."""

    @property
    def warnings(self) -> list[str]:
        """What the reader must know."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, settings, hashes, seeds."""

    @property
    def spec(self) -> Any:
        """What was asked for."""


@dataclass(frozen=True)
class Endpoint:
    """An outcome with the models that predict it, in the order of the result; the last one is the main one."""

    metric: str
    models: list[str]

    @property
    def main(self) -> str:
        """The model of all predictors, which a study builds last."""
        strong = [m for m in self.models if kind(m) not in BASELINES]
        return (strong or self.models)[-1]

    def of_kind(self, wanted: str) -> str | None:
        """Return the clinical or volume model of this outcome, where there is one beside the main one."""
        return next((m for m in self.models if kind(m) == wanted and m != self.main), None)


def endpoints(result: Reportable) -> list[Endpoint]:
    """Return the binary and the survival outcome of the study, those that have models."""
    performance = table(result, "performance")
    if performance is None:
        return []
    found = []
    for metric in ("auc", "c_index"):
        models = performance.loc[performance["metric"] == metric, "model"].astype(str)
        if len(models):
            found.append(Endpoint(metric, list(dict.fromkeys(models))))
    return found


def kind(model: str) -> str:
    """Return the first word of a model's name: what it was built from, without the name of the outcome."""
    return re.split(r"[^A-Za-z0-9]", model.lower(), maxsplit=1)[0]


def table(result: Reportable, name: str) -> pd.DataFrame | None:
    """Return a table that exists and is not empty."""
    frame = result.tables.get(name)
    return frame if frame is not None and len(frame) else None


def model_names(result: Reportable) -> list[str]:
    """Return all models that predict something for a patient, in the order of the result."""
    return [str(name) for name in result.predictions["model"].unique()] if "model" in result.predictions else []


def main_models(result: Reportable) -> list[str]:
    """Return the main model of each outcome."""
    return [e.main for e in endpoints(result)] or model_names(result)[-1:]


def averaged(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return one row a case and model: the mean over the repeats of cross-validation."""
    keys = [c for c in ("model", "case_id") if c in predictions]
    if "repeat" not in predictions or len(keys) < 2 or not predictions.duplicated(keys).any():
        return predictions
    numbers = {c: "mean" for c in ("probability", "risk") if c in predictions}
    rest = {c: "first" for c in predictions.columns if c not in (*keys, *numbers)}
    return predictions.groupby(keys, sort=False).agg({**numbers, **rest}).reset_index()


def setting(result: Reportable, name: str) -> Any:
    """Return what was asked for, None where it was not."""
    spec = result.spec
    return spec.get(name) if isinstance(spec, Mapping) else getattr(spec, name, None)


def unit_of_time(result: Reportable) -> str:
    """Return the unit of follow-up, where the study names one."""
    return str(setting(result, "time_unit") or "")
