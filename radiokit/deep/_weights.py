"""Weights of a backbone: named explicitly, checked, loaded without executing anything, and all of them or none."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from radiokit.deep._torch import INSTALL, require_torch
from radiokit.exceptions import FileError, ParameterError
from radiokit.utils import drop_warnings, import_optional, regular_file

if TYPE_CHECKING:
    from torch import Tensor, nn

HUB = re.compile(r"hf:(?P<repo>[^@#\s/]+/[^@#\s/]+)@(?P<commit>[0-9a-f]{40})#(?P<file>\S+)")
SHA256 = re.compile(r"[0-9a-f]{64}")
# Where checkpoints keep the weights of the network beside other things.
INSIDE = ("state_dict", "model_state_dict", "trunk_state_dict", "model")
# Classifiers, which a backbone does not have.
HEADS = ("fc.", "classifier.", "class_layers.out.")
SOME = 5


@runtime_checkable
class HasWeights(Protocol):
    """A network of torch, or anything else that gives tensors by name."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the tensors."""


@dataclass(frozen=True)
class HubFile:
    """A file of the Hugging Face hub at one commit."""

    repo: str
    commit: str
    name: str

    def fetched(self) -> Path:
        """Return the path of the file on this machine; FileError where it cannot be fetched."""
        source = f"hf:{self.repo}@{self.commit}#{self.name}"
        hub = import_optional("huggingface_hub", needed_for=source, install="pip install huggingface_hub")
        try:
            return Path(hub.hf_hub_download(self.repo, self.name, revision=self.commit))
        except Exception as error:  # of the network, the disk or the hub: the package does not say which it raises
            raise FileError(
                f"{source} cannot be fetched ({type(error).__name__}: {error}). Without a network, copy the file and "
                "give its path."
            ) from error


def _on_hub(source: object) -> HubFile | None:
    """Return the file of the hub that a text names; None for anything else."""
    if not isinstance(source, str) or not source.startswith("hf:"):
        return None
    parts = HUB.fullmatch(source)
    if parts is None:
        raise ParameterError(
            f"weights={source!r}; required: 'hf:org/repo@commit#file' with a commit of 40 hexadecimal digits (a branch "
            "or a tag may change)."
        )
    return HubFile(parts["repo"], parts["commit"], parts["file"])


@dataclass(frozen=True)
class Weights:
    """Where the weights of a backbone come from, and what may be done to fit them.

    Parameters
    ----------
    source : path, str or torch.nn.Module
        A file (safetensors, or written by ``torch.save``), a network, or ``"hf:org/repo@commit#file"``: a file of the
        Hugging Face hub at a commit of 40 hexadecimal digits.
    sha256 : str, optional
        Of the file; it is not loaded if its content is another. Required for files of the hub.
    prefix : str
        Text that every key of the file begins with, and the network's keys do not. ``"module."`` on all keys, as
        parallel training leaves it, is known.
    inside : str, optional
        Name of the weights in a checkpoint that holds more. Some common names are known.

    Raises
    ------
    ParameterError
        If the source is none of these, or a file of the hub has no SHA-256.

    Notes
    -----
    Every tensor of the backbone has to be in the file, and every tensor of the file in the backbone, classifiers aside:
    weights that fit in part would leave the rest random, and nothing would show it. The steps of convolutions and the
    preprocessing of images are not stored with weights: set `stride`, `spacing` and `window` as in its training.

    Examples
    --------
    >>> Weights("resnet50.safetensors").sha256 is None
    True
    """

    source: str | os.PathLike[str] | HasWeights
    sha256: str | None = None
    prefix: str = ""
    inside: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.source, str | os.PathLike) and not isinstance(self.source, HasWeights):
            raise ParameterError(
                f"weights are {type(self.source).__name__}; required: a path, 'hf:org/repo@commit#file', a network, or "
                "None for random ones."
            )
        if self.sha256 is not None and not SHA256.fullmatch(self.sha256):
            raise ParameterError(f"sha256={self.sha256!r}; required: 64 hexadecimal digits in small letters.")
        if _on_hub(self.source) and self.sha256 is None:
            raise ParameterError(
                f"{self.source} has no SHA-256; required: Weights({self.source!r}, sha256='...'), as the hub shows it "
                "beside the file."
            )

    def file(self) -> Path | None:
        """Return the file, fetched from the hub if it is there; None for a network.

        Raises
        ------
        FileError
            If it is missing, cannot be fetched, or has another SHA-256.
        MissingDependencyError
            If huggingface_hub is needed and absent.
        """
        source = self._located()
        return source if isinstance(source, Path) else None

    def _located(self) -> Path | HasWeights:
        """Return the checked file, or the network."""
        if isinstance(self.source, HasWeights):
            return self.source
        hub = _on_hub(self.source)
        path = Path(self.source).expanduser() if hub is None else hub.fetched()
        if not path.exists():
            raise FileError(f"The weights {path} do not exist. Give the path of a file.")
        regular_file(path)
        if self.sha256 is not None and (found := _sha256(path)) != self.sha256:
            raise FileError(
                f"The weights {path} have SHA-256 {found}; required: {self.sha256}. The file is damaged, or not the "
                "one that was meant."
            )
        return path

    def digest(self) -> str:
        """Return the SHA-256 of the file, or of the network's tensors."""
        source = self._located()
        return _sha256(source) if isinstance(source, Path) else _digest_of_state(source.state_dict())

    def load_into(self, net: nn.Module) -> None:
        """Put the weights into a network, all of them, or raise.

        Parameters
        ----------
        net : torch.nn.Module
            The network; it is changed.

        Raises
        ------
        FileError
            If the file is damaged, holds more than tensors, or does not fit; the message lists keys.
        """
        source = self._located()
        name = str(source) if isinstance(source, Path) else type(source).__name__
        found: object = _read(source) if isinstance(source, Path) else source.state_dict()
        wanted = net.state_dict()
        fitted = _fitting(self._tensors(found, name), wanted, name)
        _require_sound({key: fitted[key] for key in wanted}, wanted, name)
        net.load_state_dict(fitted, strict=True)

    def _tensors(self, found: object, name: str) -> dict[str, Tensor]:
        """Return key to tensor, out of what a file holds."""
        torch = require_torch()
        if self.inside is not None:
            if not isinstance(found, Mapping) or self.inside not in found:
                raise FileError(f"{name} holds no {self.inside!r}; it holds {_some(found)}.")
            found = found[self.inside]
        elif isinstance(found, Mapping):
            known = [key for key in INSIDE if isinstance(found.get(key), Mapping)]
            found = found[known[0]] if len(known) == 1 else found
        if not isinstance(found, Mapping) or not found or not all(isinstance(v, torch.Tensor) for v in found.values()):
            raise FileError(
                f"{name} holds {_some(found)}; required: tensors by name. If it is a checkpoint, say which entry holds "
                "them: Weights(path, inside='...')."
            )
        prefix = self.prefix or ("module." if all(str(key).startswith("module.") for key in found) else "")
        without = [str(key) for key in found if not str(key).startswith(prefix)]
        if without:
            raise FileError(f"Keys of {name} do not begin with prefix={prefix!r}: {_some(without)}.")
        return {str(key).removeprefix(prefix): value for key, value in found.items()}


WeightsLike = Weights | str | os.PathLike[str] | HasWeights | None


def as_weights(weights: WeightsLike) -> Weights | None:
    """Return what the user wrote as `Weights`; needs no torch."""
    return weights if weights is None or isinstance(weights, Weights) else Weights(weights)


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        reader = import_optional("safetensors.torch", needed_for=path.name, install=INSTALL).load_file
    else:
        reader = partial(require_torch().load, map_location="cpu", weights_only=True)
    try:
        with drop_warnings():  # about entries that it does not load
            return reader(path)
    except pickle.UnpicklingError as error:
        raise FileError(
            f"The weights {path} hold more than tensors, or are damaged, and are not loaded: such a file can run any "
            "program. Ask for tensors alone: safetensors, or torch.save(model.state_dict(), path)."
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds for damaged files
        raise FileError(
            f"The weights {path} cannot be read ({type(error).__name__}): the file is truncated, damaged, or no file "
            "of weights. Fetch it again."
        ) from error


def _fitting(found: dict[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return a value for each key of the network, or say which keys do not match."""
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    lost = [key for key in wanted if key not in found and key not in counters]
    extra = [key for key in found if key not in wanted and not key.startswith(HEADS)]
    shapes = [
        f"{key}: {tuple(found[key].shape)} in the file, {tuple(wanted[key].shape)} in the network"
        for key in wanted
        if key in found and found[key].shape != wanted[key].shape
    ]
    problems = [
        f"{len(keys)} {what}: {_some(keys)}"
        for what, keys in (("missing", lost), ("unknown", extra), ("of another shape", shapes))
        if keys
    ]
    if problems:
        raise FileError(
            f"The weights {name} do not fit the backbone; {'; '.join(problems)}. Use the backbone, dimension and "
            "channels they were trained with, and prefix= or inside= of Weights where keys have other names."
        )
    return {key: found.get(key, value) for key, value in wanted.items()}


def _require_sound(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> None:
    """Raise FileError for tensors of another kind than those of the network, and for impossible numbers."""
    strided = require_torch().strided

    def refuse(keys: list[str], what: str, advice: str) -> None:
        if keys:
            raise FileError(f"The weights {name} {what}: {_some(keys)}{advice}")

    odd = [
        f"{key} ({'quantised' if value.is_quantized else 'no values' if value.is_meta else value.layout})"
        for key, value in found.items()
        if value.is_quantized or value.is_meta or value.layout is not strided
    ]
    refuse(odd, "are not stored as plain numbers", ". Save them dense, as float32 on the CPU.")
    other = [
        f"{key}: {str(value.dtype).removeprefix('torch.')}"
        for key, value in found.items()
        if value.dtype.is_floating_point != wanted[key].dtype.is_floating_point or value.dtype.is_complex
    ]
    advice = "; required: floating point. They belong to another network, or were stored for another program."
    refuse(other, "hold numbers of another kind than the network", advice)
    infinite = [key for key, value in found.items() if not value.isfinite().all()]
    refuse(infinite, "hold NaN or infinite values", ". The file is damaged.")
    negative = [key for key, value in found.items() if key.endswith("running_var") and (value < 0).any()]
    refuse(negative, "hold negative variances", ". The file is damaged.")


def _some(found: object) -> str:
    if not isinstance(found, Mapping | list):
        return f"an object of type {type(found).__name__}"
    names = [str(key) for key in found]
    return ", ".join(names[:SOME]) + (", ..." if len(names) > SOME else "") if names else "nothing"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_of_state(state: Mapping[str, Tensor]) -> str:
    torch, digest = require_torch(), hashlib.sha256()
    for key, value in state.items():
        digest.update(f"{key}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
