"""Local binary patterns within slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import ParameterError
from radiokit.filters._base import Filter
from radiokit.io import Volume
from radiokit.preprocessing.boxes import Box
from radiokit.preprocessing.choices import check_positive, check_setting
from radiokit.utils.jit import compiled

METHODS = ("default", "ror", "uniform", "var")


@compiled
def _pixel(image, row, column):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if row < 0 or column < 0 or row >= image.shape[0] or column >= image.shape[1]:
        return 0.0
    return image[row, column]


@compiled
def _bilinear(image, row, column):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    top, left = int(np.floor(row)), int(np.floor(column))
    bottom, right = int(np.ceil(row)), int(np.ceil(column))
    down, along = row - top, column - left
    upper = (1 - along) * _pixel(image, top, left) + along * _pixel(image, top, right)
    lower = (1 - along) * _pixel(image, bottom, left) + along * _pixel(image, bottom, right)
    return (1 - down) * upper + down * lower


@compiled
def _patterns(image, rows, columns, method, first, last, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Codes of the pixels of `image` from corner `first` to `last`; method as the index in METHODS."""
    samples = rows.size
    signs = np.zeros(samples, np.int64)
    for r in range(first[0], last[0]):
        for c in range(first[1], last[1]):
            total = squares = 0.0
            ones = changes = code = 0
            for i in range(samples):
                value = _bilinear(image, r + rows[i], c + columns[i])
                total += value
                squares += value * value
                signs[i] = 1 if value - image[r, c] >= 0 else 0
                ones += signs[i]
                code += signs[i] << i
                if i > 0 and signs[i] != signs[i - 1]:
                    changes += 1
            if method == 1:
                smallest = code
                for _ in range(1, samples):
                    code = (code >> 1) | ((code & 1) << (samples - 1))
                    smallest = min(smallest, code)
                code = smallest
            elif method == 2:
                code = ones if changes <= 2 else samples + 1
            if method == 3:
                variance = (squares - total * total / samples) / samples
                out[r - first[0], c - first[1]] = variance if total != 0 else np.nan
            else:
                out[r - first[0], c - first[1]] = code


@dataclass(frozen=True)
class LBP2D(Filter):
    """Local binary pattern of each slice.

    Parameters
    ----------
    radius : float
        Radius of the circle of samples, in pixels.
    samples : int
        Samples on the circle.
    method : {"uniform", "default", "ror", "var"}
        ``"uniform"``: number of samples not below the centre where the pattern changes at most twice, else samples + 1.
        ``"default"``: the pattern read as a binary number. ``"ror"``: its smallest rotation. ``"var"``: the variance of
        the samples.

    Notes
    -----
    Samples lie at 2 pi p / P, positions rounded to 5 digits, bilinear between pixels, 0 outside of the slice (Ojala et
    al. 2002, doi 10.1109/TPAMI.2002.1017623; as scikit-image's ``local_binary_pattern``). In the pyradiomics standard
    the slices are those across the axis that ``force2D`` leaves out, and codes are stored in the type of the image.

    Examples
    --------
    >>> import numpy as np
    >>> bright = np.zeros((1, 3, 3)); bright[0, 1, 1] = 1.0
    >>> float(LBP2D().apply(Volume(bright)).array[0, 1, 1])
    0.0
    """

    radius: float = 1.0
    samples: int = 8
    method: str = "uniform"

    def __post_init__(self) -> None:
        check_positive("LBP2D", "radius", self.radius)
        check_positive("LBP2D", "samples", self.samples)
        check_setting("LBP2D", "method", self.method, METHODS)
        if self.samples != int(self.samples) or self.samples > 62:
            raise ParameterError(f"LBP2D(samples={self.samples!r}); required: a whole number up to 62.")

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the image."""
        return ("lbp-2D",)

    def _responses(self, volume: Volume) -> Iterator[NDArray[Any]]:
        everything = tuple(slice(0, n) for n in volume.shape)
        codes = self.codes(volume.array.astype(np.float64), 0, everything)  # type: ignore[arg-type]
        yield codes

    def codes(self, array: NDArray[Any], axis: int, box: Box) -> NDArray[Any]:
        """Codes of the slices across `axis` inside a box, in the type of the array."""
        angles = 2 * np.pi * np.arange(self.samples) / self.samples
        rows, columns = np.round(-self.radius * np.sin(angles), 5), np.round(self.radius * np.cos(angles), 5)
        # pyradiomics exchanges axis 0 and the chosen one, so that the other two keep their order or are turned round.
        turned, region = array.swapaxes(0, axis), list(box)
        region[0], region[axis] = region[axis], region[0]
        out = np.empty([s.stop - s.start for s in region])
        first, last = (region[1].start, region[2].start), (region[1].stop, region[2].stop)
        for i, plane in enumerate(turned[region[0]]):
            image = np.ascontiguousarray(plane, dtype=np.float64)
            _patterns(image, rows, columns, METHODS.index(self.method), first, last, out[i])
        with np.errstate(invalid="ignore"):  # the variance of a black patch is NaN, which whole numbers cannot hold
            return np.ascontiguousarray(out.swapaxes(0, axis)).astype(array.dtype)
