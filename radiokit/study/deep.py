"""Deep models as signatures of a study: from what the user wrote to columns of images that a network reads itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pandas as pd

from radiokit.exceptions import ParameterError, RadiokitError
from radiokit.study._scores import Freezable
from radiokit.utils import track
from radiokit.validation.facts import NetworkFacts

if TYPE_CHECKING:
    from radiokit.deep import DeepFeatureExtractor
    from radiokit.deep.settings import Network


@runtime_checkable
class DeepModel(Freezable, Protocol):
    """What tells the models of `radiokit.deep`, which takes seconds to load, from others."""

    backbone: str | Network


def is_deep(value: Any) -> bool:
    """Whether a signature is a deep model: an estimator, or a mapping that names a network."""
    if isinstance(value, Mapping):
        return "deep" in value or "backbone" in value
    return isinstance(value, DeepModel)


def deep_arguments(name: str, value: Any, base: Path) -> dict[str, Any]:
    """Return the arguments of the estimator."""
    from radiokit.deep.spec import model_arguments

    if isinstance(value, Mapping):
        own = value.get("deep", value)
        if not isinstance(own, Mapping) or ("deep" in value and len(value) > 1):
            raise ParameterError(f"signature {name!r}: deep is {own!r}; required: a mapping, and nothing beside it.")
        arguments = model_arguments(own)
    else:
        arguments = value.get_params(deep=False)
    if len(arguments.get("clinical", ())):
        raise ParameterError(
            f"signature {name!r} names clinical columns of its own; required: those of the study (`clinical`), which "
            "are fused with cross-fitted scores and compared with the network alone."
        )
    training = arguments["training"]
    if isinstance(training.checkpoint, str | os.PathLike):
        training = replace(training, checkpoint=base / os.path.expandvars(os.fspath(training.checkpoint)))
    return {**arguments, "training": training}


def deep_extractor(values: Mapping[str, Any], base: Path) -> DeepFeatureExtractor:
    """Return the feature extractor of a mapping; a file of weights lies beside the study file."""
    from radiokit.deep.spec import extractor_of

    weights = values.get("weights")
    if isinstance(weights, str) and not weights.startswith("hf:"):
        values = {**values, "weights": base / os.path.expandvars(weights)}
    return extractor_of(values)


def optional_sequences(signatures: Mapping[str, Any]) -> list[str] | None:
    """Names of sequences that a case may lack, as deep models declare it; None is any of them."""
    names: list[str] = []
    for name, value in signatures.items():
        arguments = deep_arguments(str(name), value, Path()) if is_deep(value) else {}
        if arguments and arguments["crop"].missing == "zero":
            if arguments.get("sequences") is None:
                return None
            names += arguments["sequences"]
    return names


def network_facts(arguments: Mapping[str, Any]) -> NetworkFacts:
    """Return what a network is and how it is trained, from the arguments of its estimator."""
    network, crop, training = _network(arguments), arguments["crop"], arguments["training"]
    return NetworkFacts(
        network.backbone, network.dimension, tuple(arguments.get("sequences") or ()), tuple(crop.size),
        tuple(crop.spacing), training.epochs, training.patience, training.validation, training.learning_rate,
        training.batch_size,
    )  # fmt: skip


def _network(arguments: Mapping[str, Any]) -> Network:
    from radiokit.deep.settings import Network

    backbone = arguments["backbone"]
    return backbone if isinstance(backbone, Network) else Network(backbone)


def describe_deep(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a deep model as plain text and numbers, for the record."""
    own = {"sequences": list(arguments.get("sequences") or []), "crop": asdict(arguments["crop"])}
    return {"deep": {**asdict(_network(arguments)), **own, "training": asdict(arguments["training"])}}


def deep_estimator(arguments: Mapping[str, Any], *, survival: bool, seed: int, cache: Any) -> Any:
    """Return the estimator of an endpoint.

    With one seed in every fold the same training patients give the same network: where a cache is kept, the models of
    a study share it instead of training it twice.
    """
    from radiokit.deep import DeepClassifier, DeepSurvival

    kind: Any = DeepSurvival if survival else DeepClassifier
    model = kind(**arguments)
    training = replace(model.training, progress=False)
    if training.checkpoint is None and cache is not None:
        training = replace(training, checkpoint=Path(cache) / "networks")
    return model.set_params(training=training, random_state=seed if model.random_state is None else model.random_state)


def trains_networks(signatures: Mapping[str, Any] | None) -> bool:
    """Whether any of these signatures (name to estimator and columns) is a deep model."""
    return any(is_deep(estimator) for estimator, _ in (signatures or {}).values())


def read_crops(
    name: str, arguments: Mapping[str, Any], cases: pd.DataFrame, *, progress: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read every crop once, and return the columns that the network reads, and the cases whose images cannot be."""
    from radiokit.deep.case import columns_read
    from radiokit.deep.reader import Reader, warn_larger

    dimension = _network(arguments).dimension
    reader = Reader.learn(cases, arguments["crop"], dimension, arguments.get("sequences"))
    if not reader.sequences:
        raise ParameterError(f"signature {name!r} needs images in the case table; a study takes no patches.")
    failed = []
    larger: list[str] = []
    for case_id in track(cases.index, total=len(cases), description=f"Crops of {name}", disable=not progress):
        try:
            reader.store(cases.loc[[case_id]], larger=larger)
        except RadiokitError as error:
            failed.append({"case_id": case_id, "error": type(error).__name__, "message": str(error)})
    if larger:
        warn_larger(larger, len(cases))
    failures = pd.DataFrame(failed, columns=["case_id", "error", "message"], dtype=object)
    return cases[list(columns_read(cases, reader.sequences))].copy(), failures
