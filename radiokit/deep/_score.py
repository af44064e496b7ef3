"""A fitted deep model as a score of a frozen signature: numbers and text, the same bits at another centre."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self, TypeVar

import pandas as pd

from radiokit.deep.settings import Training
from radiokit.engine.inputs import FloatArray
from radiokit.exceptions import ExtractionError, MissingDependencyError, RadiokitError


class FrozenModel(Protocol):
    """What a deep estimator offers to a frozen score."""

    training: Training

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Return the fitted model of a document."""

    def _score(self, X: pd.DataFrame) -> FloatArray:
        """Return the score of each case."""


Kind = TypeVar("Kind", bound=type[FrozenModel])
# The estimators that a document may name, each entered where it is defined; nothing else is ever built from a file.
MODELS: dict[str, type[FrozenModel]] = {}


def can_be_frozen(kind: Kind) -> Kind:
    """Enter an estimator under its name, as documents call it."""
    MODELS[kind.__name__] = kind
    return kind


@dataclass(frozen=True, eq=False)
class DeepScore:
    """Log-odds or log relative hazard of images by a network.

    `columns` are those of the case table that it reads: images, masks, how to read them, clinical ones. `document` is
    what `to_dict` of the estimator returns, without the record of its training.
    """

    name: str
    columns: tuple[str, ...]
    document: dict[str, Any] = field(repr=False)
    kind: ClassVar[str] = "deep"
    features: ClassVar[tuple[Any, ...]] = ()

    @property
    def optional(self) -> tuple[str, ...]:
        """Sequences that a case may lack."""
        return tuple(self.document["sequences"]) if self.document["crop"]["missing"] == "zero" else ()

    @cached_property
    def model(self) -> FrozenModel:
        """The estimator, on the CPU and on one thread, so that the device and the threads change no bit."""
        model = MODELS[self.document["class"]].from_dict(self.document)
        model.training = replace(model.training, device="cpu", threads=1)
        return model

    def values(self, table: pd.DataFrame) -> list[float]:
        """Return the score of each row, of its images."""
        try:
            return self.model._score(table).tolist()
        except MissingDependencyError as error:
            raise MissingDependencyError(f"the score {self.name!r} is a network's. {error}") from error
        except ExtractionError:
            raise
        except RadiokitError as error:
            raise ExtractionError(str(error)) from error

    def plain(self) -> dict[str, Any]:
        """Return itself as JSON's own types."""
        return {"kind": self.kind, "name": self.name, "columns": list(self.columns), "model": self.document}

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> DeepScore:
        """Return the score of a file; weights that were changed, and settings that are none, are refused. No torch."""
        score = cls(raw["name"], tuple(map(str, raw["columns"])), raw["model"])
        if raw["model"]["class"] not in MODELS:
            raise ValueError(f"no deep model: {raw['model']['class']!r}")
        _ = score.model
        return score
