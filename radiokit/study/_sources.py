"""Where the features of a signature come from: a table, columns of the case table, or images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.exceptions import CaseTableError, DataWarning, InputError, ParameterError
from radiokit.features import FixedBinCount, FixedBinWidth, RadiomicsExtractor, Repeats, Resampling, remeasure
from radiokit.io.sequences import sequences_of
from radiokit.study._domain import refuse_mixed_units
from radiokit.study._repeat_spec import REPEAT_KEYS, RepeatSpec, as_repeat_spec
from radiokit.study._run import Run
from radiokit.study.deep import deep_arguments, deep_extractor, is_deep, read_crops
from radiokit.utils import Table, as_table
from radiokit.utils.marks import refuse_chosen

SOURCE_KEYS = ("features", "columns", "image", "params", "extractor", "deep", "deep_features", *REPEAT_KEYS)
MANY_GAPS = 0.2  # share of cases without a value from which a feature is pointed out
EXTRACTOR_KEYS = ("filters", "families", "spacing", "bin_width", "bin_count")


@dataclass(frozen=True, eq=False)
class Source:
    """Features of one signature: a table, column names, an extractor with the sequence it reads, or a deep model's.

    A deep model (the arguments of its estimator) reads images itself; its features are the columns of their paths.
    """

    table: pd.DataFrame | Path | None = None
    columns: tuple[str, ...] = ()
    extractor: Any = None
    sequence: str = ""
    deep: Mapping[str, Any] | None = None
    repeat: RepeatSpec | None = None

    @property
    def from_images(self) -> bool:
        """Whether images have to be read."""
        return self.extractor is not None or self.deep is not None


@dataclass(frozen=True, eq=False)
class Measured:
    """A feature table of all cases, and the cases that have none."""

    features: pd.DataFrame
    failures: pd.DataFrame
    provenance: pd.DataFrame | None = None


def as_source(name: str, value: Any, cases: pd.DataFrame, base: Path) -> Source:
    """Understand what the user wrote for a signature."""
    if isinstance(value, Source):
        return value
    if isinstance(value, pd.DataFrame):
        return Source(table=value)
    if isinstance(value, str | os.PathLike):
        return Source(table=_path(value, base))
    if is_deep(value):
        return Source(deep=deep_arguments(name, value, base))
    if hasattr(value, "extract"):
        return Source(extractor=value, sequence=_sequence(name, None, cases))
    if not isinstance(value, Mapping):
        raise ParameterError(
            f"signature {name!r} is a {type(value).__name__}; required: a DataFrame, a path of a table, a "
            f"RadiomicsExtractor, a DeepFeatureExtractor, a deep model, or a mapping with {', '.join(SOURCE_KEYS)}."
        )
    unknown = sorted(set(map(str, value)) - set(SOURCE_KEYS))
    if unknown:
        raise ParameterError(f"signature {name!r} holds {', '.join(unknown)}; known: {', '.join(SOURCE_KEYS)}.")
    repeat = as_repeat_spec(name, value, base)
    if "features" in value:
        source = as_source(name, value["features"], cases, base)
    elif "columns" in value:
        source = Source(columns=tuple(map(str, value["columns"])))
    else:
        source = Source(extractor=_extractor(name, value, base), sequence=_sequence(name, value.get("image"), cases))
    if repeat is not None and repeat.perturbations is not None and not isinstance(source.extractor, RadiomicsExtractor):
        raise ParameterError(
            f"signature {name!r} has perturb, but no images that a RadiomicsExtractor measures; required: image with "
            "extractor or params, or repeat with tables of cases measured again."
        )
    return replace(source, repeat=repeat)


def _path(value: str | os.PathLike[str], base: Path) -> Path:
    return base / os.path.expandvars(os.fspath(value))


def _extractor(name: str, value: Mapping[str, Any], base: Path) -> Any:
    if "deep_features" in value:
        return deep_extractor(value["deep_features"] or {}, base)
    if "params" in value:
        return RadiomicsExtractor.from_params(_path(value["params"], base))
    if isinstance(value.get("extractor"), RadiomicsExtractor):
        return value["extractor"]
    given = dict(value.get("extractor") or {})
    unknown = sorted(set(given) - set(EXTRACTOR_KEYS))
    if unknown:
        raise ParameterError(
            f"the extractor of signature {name!r} holds {', '.join(unknown)}; known: {', '.join(EXTRACTOR_KEYS)}. "
            "For every other setting name a parameter file: params: params.yaml."
        )
    settings: dict[str, Any] = {key: given[key] for key in ("families",) if key in given}
    if "filters" in given:
        settings["filters"] = tuple(given["filters"])
    if "spacing" in given:
        settings["resampling"] = Resampling(spacing=tuple(given["spacing"]))
    if "bin_count" in given:
        settings["discretization"] = FixedBinCount(given["bin_count"])
    elif "bin_width" in given:
        settings["discretization"] = FixedBinWidth(given["bin_width"])
    return RadiomicsExtractor(**settings)


def _sequence(name: str, image: Any, cases: pd.DataFrame) -> str:
    """Name of the sequence: "" for the columns `image`, `mask`, else that of `image_<name>`."""
    sequences = [c.removeprefix("image_") for c in cases.columns if c.startswith("image_")]
    if image is None:
        image = name if name in sequences else ("image" if "image" in cases else None)
    wanted = str(image).removeprefix("image_")
    if wanted == "image" and "image" in cases:
        return ""
    if wanted in sequences:
        return wanted
    raise CaseTableError(
        f"signature {name!r} reads images of {image!r}; the case table has "
        f"{', '.join(c for c in cases.columns if c.startswith('image')) or 'no images'}. Name it: image: <column>."
    )


def measure(name: str, source: Source, cases: pd.DataFrame, run: Run) -> Measured:
    """Return the feature table of a signature, one row for each case, in the order of the case table."""
    if source.deep is not None:
        return Measured(*read_crops(name, source.deep, cases, progress=run.progress))
    if source.from_images:
        return _extract(name, source, cases, run)
    if source.columns:
        given = Table(cases, f"signature {name!r}")
        given.require(source.columns)
        return Measured(_features(name, given.numbers(source.columns).frame), _no_failures())
    table = as_table(source.table, f"the feature table of signature {name!r}")
    refuse_chosen(table.frame, "a study")
    lost = table.lacking(cases.index)
    if len(lost) == len(cases):
        raise CaseTableError(
            f"the feature table of signature {name!r} shares no case id with the case table (table: "
            f"{', '.join(table.ids[:3])}; cases: {', '.join(cases.index[:3])})."
        )
    failures = pd.DataFrame({"case_id": lost, "error": "CaseTableError", "message": "no row in the feature table"})
    return Measured(_features(name, table.numbers().rows(cases.index)), failures)


def _features(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Say which features are missing in many cases, which imputation would hide."""
    if not table.shape[1]:
        raise InputError(f"the features of signature {name!r} hold no column of numbers.")
    share = table.isna()[table.notna().any(axis="columns")].mean()
    gaps = share[(share >= MANY_GAPS) & (share < 1)].sort_values(ascending=False, kind="stable")
    if len(gaps):
        said = ", ".join(f"{c} ({s:.0%})" for c, s in gaps.head(5).items())
        warnings.warn(
            f"{len(gaps)} features of signature {name!r} are missing in {MANY_GAPS:.0%} or more of the cases, and are "
            f"imputed there: {said}{', ...' if len(gaps) > 5 else ''}.",
            DataWarning,
            stacklevel=2,
        )
    return table


def image_columns(cases: pd.DataFrame, sequence: str) -> pd.DataFrame:
    """Return the columns of one sequence as `image`, `mask` and how they are read; the plain ones where it has none."""
    found = sequences_of(cases)
    return found.get(sequence, found.get("", pd.DataFrame(index=cases.index)))


def _extract(name: str, source: Source, cases: pd.DataFrame, run: Run) -> Measured:
    done = _running(source.extractor, run).extract(image_columns(cases, source.sequence))
    refuse_mixed_units(name, done.provenance)
    return Measured(done.features, done.failures[["case_id", "error", "message"]], done.provenance)


def _running(extractor: Any, run: Run) -> Any:
    """Return the extractor as the study runs it: a case that fails is a gap, not the end."""
    settings = {"on_error": "nan", "n_jobs": run.n_jobs, "cache": run.cases, "progress": run.progress}
    known = extractor.get_params(deep=False)
    chosen = {k: v for k, v in settings.items() if v is not None or known.get(k) is None}
    if "batch_size" in known:
        # The other cases of a batch, or a GPU, change the last bits of a case: another centre has to find the same.
        chosen |= {"batch_size": 1, "device": "cpu"}
    return type(extractor)(**{**known, **chosen})


def measure_again(source: Source, cases: pd.DataFrame, perturbations: Mapping[str, Any], run: Run) -> Repeats:
    """Return the features of these cases after each perturbation, and the measurements that failed."""
    images = image_columns(cases, source.sequence)
    return remeasure(_running(source.extractor, run), images, perturbations, random_state=run.random_state)


def _no_failures() -> pd.DataFrame:
    return pd.DataFrame(columns=["case_id", "error", "message"], dtype=object)
