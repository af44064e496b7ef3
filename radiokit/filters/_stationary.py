"""One level of the undecimated wavelet transform, sub-band by sub-band, on arrays that carry their own margin.

The sums run in the order of PyWavelets, in the precision of the image, so that the responses are equal to the bit: taps
0 to F - 1, but where they reach across the end of a periodic axis those beyond it come first, in reverse (`turns`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.utils.jit import compiled

Array = NDArray[Any]


@compiled
def _along_last(x, taps, turn, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    n, length = out.shape[1], taps.size
    for a in range(out.shape[0]):
        for j in range(length):
            tap = taps[j]
            shift = length - 1 - j
            for i in range(n):
                out[a, i] += tap * x[a, i + shift]
        for i in range(n):
            if turn[i] > 1:  # few, at one end
                out[a, i] = 0
                for k in range(length):
                    j = turn[i] - 1 - k if k < turn[i] else k
                    out[a, i] += taps[j] * x[a, i + length - 1 - j]


@compiled
def _along_middle(x, taps, turn, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    n, length = out.shape[1], taps.size
    for a in range(out.shape[0]):
        for i in range(n):
            for k in range(length):
                j = turn[i] - 1 - k if k < turn[i] else k
                tap = taps[j]
                row = i + length - 1 - j
                for b in range(out.shape[2]):
                    out[a, i, b] += tap * x[a, row, b]


def turns(start: int, stop: int, period: int, length: int) -> NDArray[np.intp]:
    """How many of the taps reach across the end of a periodic axis, for the responses `start` to `stop` - 1."""
    return np.maximum(np.arange(start, stop) % period + length // 2 + 1 - period, 0)


def convolve_valid(x: Array, taps: Array, axis: int, turn: NDArray[np.intp]) -> Array:
    """Convolve along one axis where the taps lie fully inside: out[i] = sum_j taps[j] x[i + len(taps) - 1 - j]."""
    x = np.ascontiguousarray(x)
    shape = list(x.shape)
    shape[axis] -= taps.size - 1
    out = np.zeros(shape, dtype=x.dtype)
    if axis == x.ndim - 1:
        _along_last(x.reshape(-1, x.shape[-1]), taps, turn, out.reshape(-1, shape[-1]))
    else:
        inner = int(np.prod(shape[axis + 1 :]))
        _along_middle(x.reshape(-1, x.shape[axis], inner), taps, turn, out.reshape(-1, shape[axis], inner))
    return out


def sub_bands(
    x: Array, low: Array, high: Array, axes: Sequence[int], turn: Mapping[int, NDArray[np.intp]]
) -> Iterator[tuple[str, Array]]:
    """Yield (name, response) for each combination of low (L) and high (H) pass along `axes`, first axis first.

    Depth first, so that no more than two arrays an axis are held at a time.
    """
    if not axes:
        yield "", x
        return
    for letter, taps in (("L", low), ("H", high)):
        part = convolve_valid(x, taps, axes[0], turn[axes[0]])
        for rest, response in sub_bands(part, low, high, axes[1:], turn):
            yield letter + rest, response


def band_names(n_axes: int) -> tuple[str, ...]:
    """Name the sub-bands of n axes, details first and the approximation last: LLH, LHL, ..., HHH, LLL."""
    names = [format(k, f"0{n_axes}b").replace("0", "L").replace("1", "H") for k in range(2**n_axes)]
    return (*names[1:], names[0])
