"""Convolution with one short kernel an axis, in every orientation, and how the responses are pooled.

Source: IBSI 2 reference manual (arXiv 2006.05470), sections on boundary conditions, rotational invariance and pooling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rotation = tuple[tuple[int, int], ...]  # for each axis: which kernel it gets, and 1 or -1 (reversed)

# scipy's names: its "reflect" repeats the border voxel, which is IBSI's mirror.
SCIPY_MODES = {"zero": "constant", "nearest": "nearest", "periodic": "wrap", "mirror": "reflect"}


@lru_cache(maxsize=4)
def rotations(n_axes: int) -> tuple[Rotation, ...]:
    """All rotations of the grid by right angles: 24 in three dimensions, 4 in two; the identity comes first."""
    return tuple(
        tuple(zip(order, signs, strict=True))
        for order in permutations(range(n_axes))
        for signs in product((1, -1), repeat=n_axes)
        if _parity(order) * np.prod(signs) == 1
    )


def _parity(order: Sequence[int]) -> int:
    swaps = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return -1 if swaps % 2 else 1


def centred(kernel: Array) -> Array:
    """Append a zero to an even kernel, so that its centre, the sample len // 2, stays it when reversed."""
    return kernel if kernel.size % 2 else np.append(kernel, 0.0)


def turned(kernels: Sequence[Array], rotation: Rotation) -> tuple[Array, ...]:
    """Return the kernel of each axis after a rotation."""
    return tuple(kernels[source][::sign] for source, sign in rotation)


def distinct(turns: Sequence[Rotation], *kernel_sets: Sequence[Array]) -> list[Rotation]:
    """Leave out rotations that turn all kernel sets into what another one did already.

    Each outcome comes from the same number of rotations, so that pooling over distinct ones gives the same.
    """
    found = {tuple(k.tobytes() for kernels in kernel_sets for k in turned(kernels, turn)): turn for turn in turns}
    return list(found.values())


def convolve(array: Array, kernels: Sequence[Array], axes: Sequence[int], boundary: str) -> Array:
    """Convolve each axis of `axes` with its odd kernel."""
    from scipy import ndimage  # takes 0.2 s: only where these filters are used

    for kernel, axis in zip(kernels, axes, strict=True):
        array = ndimage.convolve1d(array, kernel, axis=axis, mode=SCIPY_MODES[boundary])
    return array


def pool(responses: Iterable[Array], pooling: str) -> Array:
    """Maximum, mean or minimum of the responses, voxel by voxel; one response is held beside the result."""
    total: Array | None = None
    count = 0
    for response in responses:
        count += 1
        if total is None:
            total = response.copy()
        elif pooling == "mean":
            total += response
        elif pooling == "max":
            np.maximum(total, response, out=total)
        else:
            np.minimum(total, response, out=total)
    if total is None:
        raise ValueError("nothing to pool")
    return total / count if pooling == "mean" else total
