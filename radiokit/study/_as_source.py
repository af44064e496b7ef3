"""What the user wrote for a signature, as a source of features."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.exceptions import CaseTableError, ParameterError
from radiokit.features import FixedBinCount, FixedBinWidth, RadiomicsExtractor, Resampling
from radiokit.study._repeatability_rule import REPEAT_KEYS, as_repeatability_rule
from radiokit.study._sources import ColumnSource, DeepFeatureSource, ImageSource, NetworkSource, Source, TableSource
from radiokit.study.deep import deep_arguments, deep_extractor, is_deep
from radiokit.utils.transformer import CaseTransformer

SOURCE_KEYS = ("features", "columns", "image", "params", "extractor", "deep", "deep_features", *REPEAT_KEYS)
EXTRACTOR_KEYS = ("filters", "families", "spacing", "bin_width", "bin_count")


def as_source(name: str, value: Any, cases: pd.DataFrame, base: Path) -> Source:
    """Return the source of features that the user wrote for a signature; relative paths start from `base`."""
    if isinstance(value, Source):
        return value
    if isinstance(value, pd.DataFrame):
        return TableSource(value)
    if isinstance(value, str | os.PathLike):
        return TableSource(_path(value, base))
    if is_deep(value):
        return NetworkSource(deep_arguments(name, value, base))
    if isinstance(value, CaseTransformer):
        return _of_images(name, value, None, cases)
    if not isinstance(value, Mapping):
        raise ParameterError(
            f"signature {name!r} is a {type(value).__name__}; required: a DataFrame, a path of a table, a "
            f"RadiomicsExtractor, a DeepFeatureExtractor, a deep model, or a mapping with {', '.join(SOURCE_KEYS)}."
        )
    unknown = sorted(set(map(str, value)) - set(SOURCE_KEYS))
    if unknown:
        raise ParameterError(f"signature {name!r} holds {', '.join(unknown)}; known: {', '.join(SOURCE_KEYS)}.")
    repeat = as_repeatability_rule(name, value, base)
    if "features" in value:
        source = as_source(name, value["features"], cases, base)
    elif "columns" in value:
        source = ColumnSource(tuple(map(str, value["columns"])))
    else:
        source = _of_images(name, _extractor(name, value, base), value.get("image"), cases)
    if repeat is not None and repeat.perturbations is not None and not isinstance(source, ImageSource):
        raise ParameterError(
            f"signature {name!r} has perturb, but no images that a RadiomicsExtractor measures; required: image with "
            "extractor or params, or repeat with tables of cases measured again."
        )
    return replace(source, repeat=repeat)


def _path(value: str | os.PathLike[str], base: Path) -> Path:
    return base / os.path.expandvars(os.fspath(value))


def _of_images(name: str, extractor: CaseTransformer, image: Any, cases: pd.DataFrame) -> Source:
    sequence = _sequence(name, image, cases)
    if isinstance(extractor, RadiomicsExtractor):
        return ImageSource(extractor, sequence)
    from radiokit.deep import DeepFeatureExtractor

    if isinstance(extractor, DeepFeatureExtractor):
        return DeepFeatureSource(extractor, sequence)
    raise ParameterError(
        f"signature {name!r} is a {type(extractor).__name__}; required: a RadiomicsExtractor or a DeepFeatureExtractor."
    )


def _extractor(name: str, value: Mapping[str, Any], base: Path) -> CaseTransformer:
    if "deep_features" in value:
        return deep_extractor(value["deep_features"] or {}, base)
    if "params" in value:
        return RadiomicsExtractor.from_params(_path(value["params"], base))
    if isinstance(value.get("extractor"), RadiomicsExtractor):
        extractor: RadiomicsExtractor = value["extractor"]
        return extractor
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
    """Return the name of the sequence: "" for the columns `image`, `mask`, else that of `image_<name>`."""
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
