"""Torch and MONAI, imported when a network is needed and never before; devices, precision, reproducible results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, RLock, local
from types import ModuleType
from typing import TYPE_CHECKING, Any

from radiokit.exceptions import ParameterError
from radiokit.utils import import_optional

if TYPE_CHECKING:
    import torch

INSTALL = "pip install 'radiokit[deep]'"
# cuBLAS is reproducible only with a workspace of fixed size, which it reads from here when it starts.
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
HALF = ("bfloat16", "float16")
GPU = RLock()


def require_torch(needed_for: str = "radiokit.deep") -> Any:
    """Return the module torch; `needed_for` is what the user asked for, for the message where it is not installed."""
    return import_optional("torch", needed_for=needed_for, install=INSTALL)


def require_monai(module: str, needed_for: str = "radiokit.deep") -> ModuleType:
    """Return a module of MONAI's networks, such as ``"nets.resnet"``; see `require_torch`."""
    require_torch(needed_for)
    return import_optional(f"monai.networks.{module}", needed_for=needed_for, install=INSTALL)


def resolve_device(device: str = "auto") -> torch.device:
    """Return a device: ``"auto"`` is the GPU where there is one, else the CPU; other names are torch's.

    Raises ParameterError where torch does not know the device, or the machine lacks it.
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
def repeatable(device: torch.device, *, threads: int | None = None, strict: bool = True) -> Iterator[None]:
    """Give the same bits in every run of the block, and leave torch's settings as they were.

    On a CPU our networks are reproducible once the number of threads is fixed (how a sum is split among threads may
    change its last bit): no setting of the whole process changes, and blocks run side by side. Settings of a GPU belong
    to the process: there one block waits for the other. `strict` raises on a GPU where torch has no reproducible
    algorithm (the backward pass of 3D max pooling); otherwise it is used, with torch's warning.

    Examples
    --------
    >>> torch = require_torch()
    >>> with repeatable(torch.device("cpu"), threads=1):
    ...     torch.get_num_threads()
    1
    """
    with ExitStack() as stack:
        stack.enter_context(_threads(threads))
        if device.type != "cpu":
            stack.enter_context(_on_gpu(strict))
        yield


@contextmanager
def _on_gpu(strict: bool) -> Iterator[None]:
    torch = require_torch()
    with GPU:
        before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(WORKSPACE)
        os.environ.setdefault(WORKSPACE, ":4096:8")
        try:
            torch.use_deterministic_algorithms(True, warn_only=not strict)
            torch.backends.cudnn.benchmark = False
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            torch.backends.cudnn.benchmark = benchmark
            if workspace is None:
                os.environ.pop(WORKSPACE, None)


class _Running:
    """The blocks of `_threads` that run now: how many, the number they set, and what a new thread would have had."""

    lock = Lock()
    blocks = 0
    imposed = 0
    default = 0
    depth = local()


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with a number of CPU threads.

    torch keeps the number for each thread of the program, and gives a new thread the number that was set last. A thread
    that starts while another one is in such a block would keep the number of that block after it has ended.
    """
    if count is None:
        yield
        return
    torch = require_torch()
    with _Running.lock:
        own, depth = torch.get_num_threads(), getattr(_Running.depth, "value", 0)
        if _Running.blocks == 0:
            _Running.default = own
        elif depth == 0 and own == _Running.imposed:
            own = _Running.default
        _Running.blocks, _Running.imposed, _Running.depth.value = _Running.blocks + 1, count, depth + 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _Running.lock:
            _Running.blocks, _Running.depth.value = _Running.blocks - 1, depth
            torch.set_num_threads(own)


@contextmanager
def computing_in(precision: str, device: torch.device) -> Iterator[None]:
    """Let the networks inside of the block compute in a precision; their weights stay float32.

    On a GPU torch computes convolutions in ``"tf32"`` by default; here ``"float32"`` is float32.

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
        if device.type != "cpu":  # settings of the process: see `repeatable`
            stack.enter_context(GPU)
            tf32 = precision == "tf32"
            flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32)
            stack.enter_context(flags)
        if precision in HALF:
            stack.enter_context(torch.autocast(device.type, getattr(torch, precision)))
        yield
