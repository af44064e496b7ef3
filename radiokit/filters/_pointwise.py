"""Functions of one voxel's value, scaled so that the largest magnitude stays what it was."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.filters._base import Filter
from radiokit.io import Volume


class Pointwise(Filter):
    """A function f(x; p) of the value x of a voxel and of the largest magnitude p = max abs(x) of the whole image."""

    @abstractmethod
    def curve(self, x: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
        """Return f(x) for an image whose largest magnitude is `peak`, which is above 0."""

    def respond(self, values: NDArray[np.generic], peak: float) -> NDArray[np.float64]:
        """Return f of an array cut out of an image with largest magnitude `peak`; an image of zeros stays one."""
        x = np.asarray(values, dtype=np.float64)
        return self.curve(x, peak) if peak > 0 else x.copy()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return (type(self).__name__.lower(),)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        yield self.respond(volume.array, magnitude(volume.array))


def magnitude(array: NDArray[np.generic]) -> float:
    """Return ``max |x|`` as float (the magnitude of the lowest int16 would overflow in int16)."""
    return max(abs(float(array.max())), abs(float(array.min())))


@dataclass(frozen=True)
class Square(Pointwise):
    """Squared intensities: f(x) = (x / sqrt(p))², p = max abs(x) of the image.

    Examples
    --------
    >>> import numpy as np
    >>> Square().apply(Volume(np.array([[[1.0, -4.0]]]))).array.tolist()
    [[[0.25, 4.0]]]
    """

    def curve(self, x: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
        """Return (x / sqrt(p))²."""
        return (x * (1 / np.sqrt(peak))) ** 2


@dataclass(frozen=True)
class SquareRoot(Pointwise):
    """Square root of the magnitude with the sign kept: f(x) = sign(x) sqrt(p abs(x)), p = max abs(x).

    Examples
    --------
    >>> import numpy as np
    >>> SquareRoot().apply(Volume(np.array([[[1.0, -4.0]]]))).array.tolist()
    [[[2.0, -4.0]]]
    """

    def curve(self, x: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
        """Return ``sign(x) sqrt(p |x|)``."""
        return np.copysign(np.sqrt(np.abs(x) * peak), x)


@dataclass(frozen=True)
class Logarithm(Pointwise):
    """Logarithm of the magnitude with the sign kept: f(x) = sign(x) log(abs(x) + 1) p / log(p + 1), p = max abs(x).

    Examples
    --------
    >>> import numpy as np
    >>> Logarithm().apply(Volume(np.array([[[0.0, -4.0]]]))).array.tolist()
    [[[0.0, -4.0]]]
    """

    def curve(self, x: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
        """Return ``sign(x) log(|x| + 1) p / log(p + 1)``."""
        return np.copysign(np.log(np.abs(x) + 1), x) * (peak / np.log(peak + 1))


@dataclass(frozen=True)
class Exponential(Pointwise):
    """Exponential: f(x) = exp(x log(p) / p), p = max abs(x).

    Examples
    --------
    >>> import numpy as np
    >>> Exponential().apply(Volume(np.array([[[0.0, 4.0]]]))).array.round(9).tolist()
    [[[1.0, 4.0]]]
    """

    def curve(self, x: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
        """Return exp(x log(p) / p)."""
        return np.exp(np.log(peak) / peak * x)
