"""Riesz transform of another filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter
from radiokit.filters._fourier import apply_transfer, continued, radius
from radiokit.filters._log import LoG
from radiokit.filters._separable import Array
from radiokit.filters._simoncelli import NonSeparableWavelet
from radiokit.io import Volume


@dataclass(frozen=True)
class Riesz(Filter):
    """Riesz transform of a filter's response: it keeps the frequencies of the filter and separates directions.

    Parameters
    ----------
    filter : LoG or NonSeparableWavelet
        The isotropic filter, three-dimensional.
    order : tuple of 3 int
        Order along z, y and x: ``(0, 0, 1)`` is the first-order transform along x.

    Notes
    -----
    Transfer function: (-i)^L sqrt(L! / (l_z! l_y! l_x!)) nu_z^l_z nu_y^l_y nu_x^l_x / abs(nu)^L, L the sum of orders
    (IBSI 2, A1RK, arXiv 2006.05470; Unser and Van De Ville 2010, doi 10.1109/TIP.2009.2038832).

    Examples
    --------
    >>> impulse = np.zeros((17, 17, 17)); impulse[8, 8, 8] = 1.0
    >>> response = Riesz(LoG(sigma=1.0), order=(0, 0, 1)).apply(Volume(impulse)).array
    >>> bool(np.isclose(response[8, 8, 7], -response[8, 8, 9]))
    True
    """

    filter: LoG | NonSeparableWavelet
    order: tuple[int, int, int]

    def __post_init__(self) -> None:
        if not isinstance(self.filter, LoG | NonSeparableWavelet) or self.filter.dimension != "3D":
            raise ParameterError(f"Riesz(filter={self.filter!r}); required: a LoG or NonSeparableWavelet in 3D.")
        order = tuple(self.order)
        if len(order) != 3 or any(n != int(n) or n < 0 for n in order) or not any(order):
            raise ParameterError(f"Riesz(order={self.order!r}); required: 3 whole numbers (z, y, x), not all 0.")
        object.__setattr__(self, "order", tuple(int(n) for n in order))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return (f"riesz-{''.join(map(str, self.order))}-{self.filter.names[0]}",)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        if isinstance(self.filter, NonSeparableWavelet):
            band = self.filter
            yield apply_transfer(volume.array, lambda f: band.transfer(f) * self.transfer(f), "3D")
            return
        # The tails of the transform are long, so the image is continued before it is filtered.
        reach = int(2 * self.filter.truncate * self.filter.sigma / min(volume.spacing)) + 1
        wide = Volume(continued(volume.array, (reach,) * 3, self.filter.boundary), volume.spacing)
        response = apply_transfer(self.filter.apply(wide).array, self.transfer, "3D")
        yield response[(slice(reach, -reach),) * 3]

    def transfer(self, frequencies: tuple[Array, ...]) -> NDArray[np.complex128]:
        """Transfer function on a grid of frequencies, 0 at the origin."""
        total = sum(self.order)
        length = radius(frequencies)
        length = np.where(length == 0, np.inf, length)
        scale = (-1j) ** total * sqrt(factorial(total) / prod(factorial(n) for n in self.order))
        out = np.full(length.shape, scale)
        for frequency, n in zip(frequencies, self.order, strict=True):
            out = out * (frequency / length) ** n
        return out
