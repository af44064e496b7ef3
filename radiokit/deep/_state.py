"""The weights of a network in a file of ours: the bytes of a safetensors file as text, with their checksum."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radiokit.deep._torch import INSTALL
from radiokit.exceptions import FileError
from radiokit.utils import import_optional

if TYPE_CHECKING:
    from torch import Tensor, nn


def require_safetensors() -> Any:
    """Return safetensors' functions for tensors of torch; nothing in such a file can execute."""
    return import_optional("safetensors.torch", needed_for="the weights of a network", install=INSTALL)


def state_to_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Return tensors as the content of a safetensors file; equal tensors give equal bytes."""
    return require_safetensors().save({name: value.contiguous() for name, value in state.items()})


def load_state(network: nn.Module, content: bytes) -> None:
    """Put the content of a safetensors file into a network, all of it.

    Raises FileError where the content is damaged, or belongs to another network.
    """
    safetensors = require_safetensors()
    try:
        state = safetensors.load(content)
    except Exception as error:  # the package raises its own error, and for odd headers Python's
        raise FileError(f"the weights are damaged ({type(error).__name__}: {error}); get the model anew.") from error
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise FileError(f"the weights do not fit the network of their file: {error}") from error


def weights_to_dict(content: bytes) -> dict[str, str]:
    """Return the content as text, with its checksum."""
    return {
        "weights": base64.b64encode(content).decode("ascii"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def weights_from_dict(raw: Mapping[str, Any]) -> bytes:
    """Return the content that `weights_to_dict` wrote; FileError where it was changed since."""
    content = base64.b64decode(raw["weights"], validate=True)
    if hashlib.sha256(content).hexdigest() != raw["sha256"]:
        raise FileError("the weights of the network were changed (their checksum differs); get the model anew.")
    return content
