"""The gate to torch and MONAI: imported when a network is needed, never before; device and determinism."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from radiokit.exceptions import ParameterError
from radiokit.utils import import_optional

INSTALL = "pip install 'radiokit[deep]'"
# cuBLAS repeats a result only with a workspace of fixed size, which it reads from here when it starts.
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
SHALLOW = 8  # slices, of a network that begins with 7 x 7 x 7 voxels
HALF = ("bfloat16", "float16")


def require_torch(needed_for: str = "radiokit.deep") -> Any:
    """Return the module torch.

    Parameters
    ----------
    needed_for : str
        What the user asked for, for the message.

    Returns
    -------
    module
        torch.

    Raises
    ------
    MissingDependencyError
        If torch is not installed, with the line that installs it.

    Examples
    --------
    >>> float(require_torch().ones(3).sum())
    3.0
    """
    return import_optional("torch", needed_for=needed_for, install=INSTALL)


def require_monai(module: str, needed_for: str = "radiokit.deep") -> Any:
    """Return a module of MONAI's networks.

    Parameters
    ----------
    module : str
        Below ``monai.networks``: ``"nets.resnet"``.
    needed_for : str
        What the user asked for, for the message.

    Returns
    -------
    module
        The module.

    Raises
    ------
    MissingDependencyError
        If torch or MONAI is not installed.
    """
    require_torch(needed_for)
    return import_optional(f"monai.networks.{module}", needed_for=needed_for, install=INSTALL)


def resolve_device(device: str = "auto") -> Any:
    """Return the device that a network runs on.

    Parameters
    ----------
    device : str
        ``"auto"``: the GPU where there is one, else the CPU; or a name of torch, as ``"cpu"`` or ``"cuda:1"``.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ParameterError
        If torch does not know the device, or the machine lacks it.
    """
    torch = require_torch()
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(
            f"device={device!r} cannot be used: {reason}. Required: 'auto', 'cpu', or a GPU of this machine, as 'cuda'."
        ) from error
    return found


@contextmanager
def deterministic(seed: int | None = None, *, threads: int | None = None, strict: bool = True) -> Iterator[None]:
    """Let torch repeat itself to the bit inside of the block, and leave its settings as they were.

    Parameters
    ----------
    seed : int, optional
        Seeds torch, numpy's global generator and `random` for the block; their states come back afterwards.
    threads : int, optional
        CPU threads of torch: how a sum is split among threads may change its last bit.
    strict : bool
        Raise where torch has only an algorithm that does not repeat itself (on a GPU the backward pass of 3D max
        pooling); otherwise it is used, with torch's warning.

    Yields
    ------
    None
        Nothing.

    Examples
    --------
    >>> torch = require_torch()
    >>> with deterministic(0):
    ...     first = torch.rand(2)
    """
    torch = require_torch()
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, count, workspace = torch.backends.cudnn.benchmark, torch.get_num_threads(), os.environ.get(WORKSPACE)
    states = None if seed is None else (random.getstate(), np.random.get_state())  # noqa: NPY002 - augmenters use it
    os.environ.setdefault(WORKSPACE, ":4096:8")
    try:
        torch.use_deterministic_algorithms(True, warn_only=not strict)
        torch.backends.cudnn.benchmark = False
        if threads is not None:
            torch.set_num_threads(threads)
        gpus = list(range(torch.cuda.device_count()))
        with torch.random.fork_rng(devices=gpus, enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
                random.seed(seed)
                np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark
        torch.set_num_threads(count)
        if states is not None:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
        if workspace is None:
            os.environ.pop(WORKSPACE, None)


@contextmanager
def computing_in(precision: str, device: Any) -> Iterator[None]:
    """Let the networks inside of the block compute in a precision; their weights stay float32.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16", "float16"}
        torch's own default on a GPU is ``"tf32"`` for convolutions, without a word; here ``"float32"`` is float32.
    device : torch.device
        Where the networks are.

    Yields
    ------
    None
        Nothing.

    Examples
    --------
    >>> torch = require_torch()
    >>> layer = torch.nn.Linear(2, 2)
    >>> with computing_in("bfloat16", torch.device("cpu")):
    ...     layer(torch.ones(1, 2)).dtype
    torch.bfloat16
    """
    torch = require_torch()
    with ExitStack() as stack:
        tf32 = precision == "tf32"
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32)
        stack.enter_context(flags)
        if precision in HALF:
            stack.enter_context(torch.autocast(device.type, getattr(torch, precision)))
        yield


@contextmanager
def sound_gradients(network: Any, depth: int, device: Any) -> Iterator[None]:
    """Keep a CPU off oneDNN where its gradients are wrong.

    The gradient of the weights of a 7 x 7 x 7 convolution of step 2 over 5, 6 or 7 slices is noise from beside the
    array, or ends the process (torch 2.13.0 on an AMD EPYC with AVX-512; any other size is right). torch's own
    convolution is right for all, and half as fast.

    Parameters
    ----------
    network : torch.nn.Module
        What is trained.
    depth : int
        Slices of its input.
    device : torch.device
        Where.

    Yields
    ------
    None
        Nothing.

    Examples
    --------
    >>> torch = require_torch()
    >>> with sound_gradients(torch.nn.Conv3d(1, 8, 7, stride=2), 6, torch.device("cpu")):
    ...     torch.backends.mkldnn.enabled
    False
    """
    torch = require_torch()
    solid = any(isinstance(part, torch.nn.Conv3d) for part in network.modules())
    before = torch.backends.mkldnn.enabled
    try:
        torch.backends.mkldnn.enabled = before and not (device.type == "cpu" and solid and depth < SHALLOW)
        yield
    finally:
        torch.backends.mkldnn.enabled = before
