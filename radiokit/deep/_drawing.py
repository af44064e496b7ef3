"""Random weights from a generator of their own, which neither other threads nor the user's settings influence.

The module imports torch: only code that builds networks may import it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# torch's functions that draw, those of `torch.nn.init` among them, and those that make an array of torch's own type.
DRAWS = frozenset({
    "uniform_", "normal_", "trunc_normal_", "bernoulli_", "exponential_", "random_",
    "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_", "orthogonal_", "sparse_",
    "rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "normal",
})  # fmt: skip
MAKES = frozenset({"empty", "zeros", "ones", "rand", "randn", "linspace"})


class DrawingFrom(TorchFunctionMode):
    """Modules that are built inside of the block are float32, on the CPU, and get their random weights from one seed.

    This holds for the thread that enters the block. The weights are those that ``torch.manual_seed(seed)`` would give;
    torch's own generator, default type and default device have no influence and do not change.

    Examples
    --------
    >>> with DrawingFrom(3):
    ...     a = torch.nn.Linear(2, 1)
    >>> with DrawingFrom(3):
    ...     bool((torch.nn.Linear(2, 1).weight == a.weight).all())
    True
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function with our generator and our type where it asks for none."""
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in DRAWS and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        if name in MAKES:
            if kwargs.get("dtype") is None:
                kwargs["dtype"] = torch.float32
            if kwargs.get("device") is None:
                kwargs["device"] = "cpu"
        return func(*args, **kwargs)
