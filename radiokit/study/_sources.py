"""Where the features of a signature come from: a table, columns of the case table, images, or a network."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pandas as pd

from radiokit.exceptions import CaseTableError, DataWarning, InputError
from radiokit.features import RadiomicsExtractor, Repeats, remeasure
from radiokit.features.params_file import params_to_text
from radiokit.io.sequences import sequences_of
from radiokit.study._domain import refuse_mixed_units
from radiokit.study._repeatability_rule import RepeatabilityRule
from radiokit.study._run import Run
from radiokit.study.deep import network_facts, read_crops
from radiokit.utils import Table, as_table
from radiokit.utils.marks import refuse_chosen
from radiokit.utils.transformer import CaseTransformer
from radiokit.validation.facts import NetworkFacts, Origin

if TYPE_CHECKING:
    from radiokit.deep import DeepFeatureExtractor

MANY_GAPS = 0.2  # share of cases without a value from which a feature is pointed out
E = TypeVar("E", bound=CaseTransformer)
FAILURES = ("case_id", "error", "message")


def no_failures() -> pd.DataFrame:
    """Return a table of failures without rows."""
    return pd.DataFrame(columns=list(FAILURES), dtype=object)


@dataclass(frozen=True, eq=False)
class Measured:
    """A feature table of all cases, the cases that have none, and what their images are like."""

    features: pd.DataFrame
    failures: pd.DataFrame = field(default_factory=no_failures)
    provenance: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class Source(ABC):
    """Where the features of one signature come from; `repeat` asks for features that come out the same again."""

    origin: ClassVar[Origin] = "table"
    packages: ClassVar[tuple[str, ...]] = ()
    repeat: RepeatabilityRule | None = field(default=None, kw_only=True)

    @abstractmethod
    def measure(self, name: str, cases: pd.DataFrame, run: Run) -> Measured:
        """Return the features of signature `name`, one row for each case, in the order of the case table."""

    def settings(self) -> dict[str, Any] | None:
        """Return what another centre computes the features with, as JSON's own types; None where they are given."""
        return None

    def steps(self) -> dict[str, str]:
        """Return the settings of the extraction by step, in words."""
        return {}

    def network(self) -> NetworkFacts | None:
        """Return what the network is that reads the images, where one does."""
        return None


@dataclass(frozen=True, eq=False)
class TableSource(Source):
    """A feature table, or the path of one."""

    table: pd.DataFrame | Path

    def measure(self, name: str, cases: pd.DataFrame, run: Run) -> Measured:
        """Take the rows of the cases; a case without a row is a failure."""
        table = as_table(self.table, f"the feature table of signature {name!r}")
        refuse_chosen(table.frame, "a study")
        lost = table.lacking(cases.index)
        if len(lost) == len(cases):
            raise CaseTableError(
                f"the feature table of signature {name!r} shares no case id with the case table (table: "
                f"{', '.join(table.ids[:3])}; cases: {', '.join(cases.index[:3])})."
            )
        failures = pd.DataFrame({"case_id": lost, "error": "CaseTableError", "message": "no row in the feature table"})
        return Measured(_with_gaps_named(name, table.numbers().rows(cases.index)), failures)


@dataclass(frozen=True, eq=False)
class ColumnSource(Source):
    """Columns of the case table."""

    columns: tuple[str, ...]

    def measure(self, name: str, cases: pd.DataFrame, run: Run) -> Measured:
        """Take the columns."""
        given = Table(cases, f"signature {name!r}")
        given.require(self.columns)
        return Measured(_with_gaps_named(name, given.numbers(self.columns).frame))


def _with_gaps_named(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the features, with a warning that names those missing in many cases, which imputation would hide."""
    if not table.shape[1]:
        raise InputError(f"the features of signature {name!r} hold no column of numbers.")
    share = table.isna()[table.notna().any(axis="columns")].mean()
    gaps = share[(share >= MANY_GAPS) & (share < 1)].sort_values(ascending=False, kind="stable")
    if len(gaps):
        listed = ", ".join(f"{c} ({s:.0%})" for c, s in gaps.head(5).items())
        warnings.warn(
            f"{len(gaps)} features of signature {name!r} are missing in {MANY_GAPS:.0%} or more of the cases, and are "
            f"imputed there: {listed}{', ...' if len(gaps) > 5 else ''}.",
            DataWarning,
            stacklevel=2,
        )
    return table


@dataclass(frozen=True, eq=False)
class ImageSource(Source):
    """Features that an extractor measures in the images of one sequence ("" where the table has one only)."""

    origin: ClassVar[Origin] = "images"
    packages: ClassVar[tuple[str, ...]] = ("SimpleITK",)
    extractor: RadiomicsExtractor
    sequence: str = ""

    def measure(self, name: str, cases: pd.DataFrame, run: Run) -> Measured:
        """Extract; a case that fails is a gap, not the end."""
        return _extract(name, running(self.extractor, run), cases, self.sequence)

    def measure_again(self, cases: pd.DataFrame, perturbations: Mapping[str, Any], run: Run) -> Repeats:
        """Return the features after each perturbation of the images, and the measurements that failed."""
        images = sequence_columns(cases, self.sequence)
        return remeasure(running(self.extractor, run), images, perturbations, random_state=run.random_state)

    def settings(self) -> dict[str, Any]:
        """Return the sequence, and the text of a parameter file."""
        return {"sequence": self.sequence, "params": params_to_text(self.extractor)}

    def steps(self) -> dict[str, str]:
        """Return all settings, those that were left as they are too."""
        extractor = self.extractor
        steps = {
            "definitions": extractor.standard,
            "image types": extractor.filters,
            "feature classes": extractor.families,
            "resampling": extractor.resampling,
            "discretisation": extractor.discretization,
            "normalisation": extractor.normalization,
            "resegmentation": extractor.resegmentation,
        }
        return {step: in_words(setting) for step, setting in steps.items()}


@dataclass(frozen=True, eq=False)
class DeepFeatureSource(Source):
    """Features of a pretrained network, read from the images of one sequence."""

    origin: ClassVar[Origin] = "deep features"
    packages: ClassVar[tuple[str, ...]] = ("SimpleITK", "torch", "monai")
    extractor: DeepFeatureExtractor
    sequence: str = ""

    def measure(self, name: str, cases: pd.DataFrame, run: Run) -> Measured:
        """Extract one case at a time, on the CPU.

        The other cases of a batch, or a GPU, change the last bits of a case: another centre has to find the same.
        """
        extractor = running(self.extractor, run).set_params(batch_size=1, device="cpu")
        return _extract(name, extractor, cases, self.sequence)

    def settings(self) -> dict[str, Any]:
        """Return the sequence, and the extractor with its weights."""
        from radiokit.deep.spec import extractor_to_dict

        return {"sequence": self.sequence, "deep": extractor_to_dict(self.extractor)}

    def steps(self) -> dict[str, str]:
        """Return the extractor with its parameters."""
        return {"network": in_words(self.extractor)}


@dataclass(frozen=True, eq=False)
class NetworkSource(Source):
    """A network that reads images itself, as the arguments of its estimator; its features are columns of paths."""

    origin: ClassVar[Origin] = "network"
    packages: ClassVar[tuple[str, ...]] = DeepFeatureSource.packages
    arguments: Mapping[str, Any]

    def measure(self, name: str, cases: pd.DataFrame, run: Run) -> Measured:
        """Read every crop once."""
        return Measured(*read_crops(name, self.arguments, cases, progress=run.progress))

    def settings(self) -> dict[str, Any]:
        """Return nothing: the score itself holds the weights and how images are read."""
        return {}

    def network(self) -> NetworkFacts:
        """Return what the network is and how it is trained."""
        return network_facts(self.arguments)


def sequence_columns(cases: pd.DataFrame, sequence: str) -> pd.DataFrame:
    """Return the columns of one sequence as `image`, `mask` and how they are read; the plain ones where it has none."""
    found = sequences_of(cases)
    return found.get(sequence, found.get("", pd.DataFrame(index=cases.index)))


def running(extractor: E, run: Run) -> E:
    """Return the extractor as the study runs it: a case that fails is a gap; what the study leaves open stays."""
    known = extractor.get_params(deep=False)
    wanted = {"n_jobs": run.n_jobs, "cache": run.cases, "progress": run.progress}
    chosen = {k: v for k, v in wanted.items() if v is not None or known.get(k) is None}
    return type(extractor)(**{**known, **chosen, "on_error": "nan"})


def _extract(name: str, extractor: CaseTransformer, cases: pd.DataFrame, sequence: str) -> Measured:
    done = extractor.extract(sequence_columns(cases, sequence))
    refuse_mixed_units(name, done.provenance)
    return Measured(done.features, done.failures[list(FAILURES)], done.provenance)


def in_words(value: Any) -> str:
    """Return a setting as one line of text."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {in_words(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return " ".join(str(value).split())
