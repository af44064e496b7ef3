"""Filters that are defined by their transfer function on the frequencies of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from radiokit.filters._separable import Array

NUMPY_MODES = {"zero": "constant", "nearest": "edge", "periodic": "wrap", "mirror": "symmetric"}
Transfer = Callable[[tuple[Array, ...]], NDArray[np.float64] | NDArray[np.complex128]]


def apply_transfer(image: NDArray[np.generic], transfer: Transfer, dimension: str) -> Array:
    """Multiply the spectrum of an image with a transfer function.

    The frequencies are those of the image itself (IBSI 2: the support of the filter is the image), so the image repeats
    beyond its border. A padded image has other frequencies, and the response would depend on the padding.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        The image.
    transfer : callable
        From frequencies in units of Nyquist's (one broadcastable array an axis) to the transfer function.
    dimension : {"3D", "2D"}
        In space, or within each axial slice.
    """
    from scipy import fft

    axes = (0, 1, 2) if dimension == "3D" else (1, 2)
    array = image.astype(np.float64)
    grid = frequencies(array.shape, axes)
    # The image is real, and so is what is kept of the response: half a spectrum is enough, if the transfer function is
    # averaged with its conjugate at the opposite frequency, which on this grid is not the mirrored one.
    half = _half(grid)
    opposite = _half(tuple(np.roll(np.flip(f), 1) for f in grid))
    spectrum = fft.rfftn(array, axes=axes)
    spectrum *= (transfer(half) + np.conj(transfer(opposite))) / 2
    return np.asarray(fft.irfftn(spectrum, [array.shape[a] for a in axes], axes=axes, overwrite_x=True))


def _half(grid: tuple[Array, ...]) -> tuple[Array, ...]:
    """Frequencies of the half spectrum along the last axis."""
    *others, last = grid
    return (*others, last[..., : last.shape[-1] // 2 + 1])


def continued(array: NDArray[np.generic], pad: Sequence[int], boundary: str) -> Array:
    """Continue an array beyond its border by `pad` voxels an axis, on both sides."""
    widths = [(p, p) for p in pad]
    return np.pad(array.astype(np.float64), widths, mode=NUMPY_MODES[boundary])  # type: ignore[call-overload]


def frequencies(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[Array, ...]:
    """Frequencies along each of `axes` in units of the Nyquist frequency, each of a shape that broadcasts.

    The samples run evenly from -1 to 1. An even axis has no sample at 0 then, half a step beside the grid of the
    discrete Fourier transform: this is the grid on which the consensus maps of IBSI 2 were made (they differ by up to
    8 % of their range on the other).
    """
    found = []
    for axis in axes:
        view = [1] * len(shape)
        view[axis] = shape[axis]
        samples = np.linspace(-1.0, 1.0, shape[axis]) if shape[axis] > 1 else np.zeros(1)
        found.append(np.fft.ifftshift(samples).reshape(view))
    return tuple(found)


def radius(axes: tuple[Array, ...]) -> Array:
    """Length of the frequency vector."""
    total: Array = sum((f**2 for f in axes), np.zeros(()))
    return np.sqrt(total)
