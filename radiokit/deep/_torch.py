"""The gate to torch and MONAI: imported when a network is needed, never before; device and determinism."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, RLock, local
from typing import Any

from radiokit.exceptions import ParameterError
from radiokit.utils import import_optional

INSTALL = "pip install 'radiokit[deep]'"
# cuBLAS repeats a result only with a workspace of fixed size, which it reads from here when it starts.
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
HALF = ("bfloat16", "float16")
GPU = RLock()


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
def repeatable(device: Any, *, threads: int | None = None, strict: bool = True) -> Iterator[None]:
    """Let torch repeat itself to the bit inside of the block, and leave its settings as they were.

    Parameters
    ----------
    device : torch.device
        Where the block computes. On a CPU with a fixed number of threads our networks repeat themselves by themselves:
        nothing that belongs to the whole process is touched, and blocks run side by side. Settings of a GPU belong to
        the process: there one block waits for the other.
    threads : int, optional
        CPU threads of torch: how a sum is split among threads may change its last bit.
    strict : bool
        On a GPU raise where torch has only an algorithm that does not repeat itself (the backward pass of 3D max
        pooling); otherwise it is used, with torch's warning.

    Yields
    ------
    None
        Nothing.

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


class _Held:
    """Blocks that hold a number of CPU threads now: how many, which number, and what a new thread would have had."""

    lock = Lock()
    blocks = 0
    imposed = 0
    default = 0
    depth = local()


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with a number of CPU threads.

    torch keeps it for each thread of the program, and gives a thread that is new the number that was set last: one that
    is born while another thread is in such a block would keep that block's number for ever.
    """
    if count is None:
        yield
        return
    torch = require_torch()
    with _Held.lock:
        own, depth = torch.get_num_threads(), getattr(_Held.depth, "value", 0)
        if _Held.blocks == 0:
            _Held.default = own
        elif depth == 0 and own == _Held.imposed:
            own = _Held.default
        _Held.blocks, _Held.imposed, _Held.depth.value = _Held.blocks + 1, count, depth + 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _Held.lock:
            _Held.blocks, _Held.depth.value = _Held.blocks - 1, depth
            torch.set_num_threads(own)


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
        if device.type != "cpu":  # settings of the process: see `repeatable`
            stack.enter_context(GPU)
            tf32 = precision == "tf32"
            flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32)
            stack.enter_context(flags)
        if precision in HALF:
            stack.enter_context(torch.autocast(device.type, getattr(torch, precision)))
        yield
