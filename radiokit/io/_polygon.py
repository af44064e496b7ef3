"""Polygons on the pixels of a slice, and how several of them make one region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Two contours whose areas and pixels agree to this part were drawn, or stored, twice.
TWICE = 0.98
# A contour of which this part lies in another one is an inner one of it; with less the two cross.
WITHIN = 0.9


def polygon(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Fill a closed polygon by the even-odd rule.

    A ray from a voxel centre in the direction of rising x crosses an odd number of edges if the centre is inside.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Corners as continuous (y, x) indices.
    shape : tuple of 2 int
        Rows and columns.
    """
    rows, columns = shape
    (y1, x1), (y2, x2) = points.T, np.roll(points, -1, axis=0).T
    y = np.arange(rows, dtype=float)[:, None]
    row, edge = np.nonzero((y1 > y) != (y2 > y))
    at = (x2 - x1)[edge] * (y[row, 0] - y1[edge]) / (y2 - y1)[edge] + x1[edge]
    # The crossing at `at` is to the right of the centres x < at, which are the first ceil(at) ones.
    crossings = np.zeros((rows, columns + 1), dtype=np.int64)
    np.add.at(crossings, (row, np.clip(np.ceil(at), 0, columns).astype(int)), 1)
    to_the_right = crossings[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return to_the_right % 2 == 1


@dataclass
class Filled:
    """The region that the contours of one plane make, and their irregularities."""

    array: np.ndarray
    twice: int = 0
    crossing: bool = False
    cancelled: bool = False


def combine(contours: list[np.ndarray], shape: tuple[int, ...], *, exclusive: bool) -> Filled:
    """Combine the contours of one plane, each of shape (n, 2) in continuous (y, x) indices.

    PS3.3 C.8.8.6.3 combines contours of type CLOSEDPLANAR_XOR by exclusion (`exclusive`). Of CLOSED_PLANAR contours it
    asks for keyholes where a region has a hole; much software stores the hole as a contour of its own, so an inner
    contour is taken out of the outer one here too, while contours that cross are joined. A contour that is stored
    twice counts once.
    """
    parts: list[_Part] = []
    twice = 0
    for points in contours:
        part = _Part(polygon(points, shape), points.min(axis=0), points.max(axis=0), _area(points))
        if any(part.is_same(other) for other in parts):
            twice += 1
        else:
            parts.append(part)
    filled = any(part.array.any() for part in parts)
    groups, crossing = (parts, False) if exclusive else _joined(parts)
    array = np.zeros(shape, dtype=bool)
    for part in groups:
        array ^= part.array
    return Filled(array, twice, crossing, cancelled=filled and not array.any())


@dataclass(frozen=True)
class _Part:
    """Pixels of a contour, or of several that cross, with corners of the box around it."""

    array: np.ndarray
    low: np.ndarray
    high: np.ndarray
    area: float

    @cached_property
    def n_pixels(self) -> int:
        return int(np.count_nonzero(self.array))

    def overlap(self, other: _Part) -> int:
        """Pixels that two have in common."""
        if (self.low > other.high).any() or (self.high < other.low).any():
            return 0
        return int(np.count_nonzero(self.array & other.array))

    def is_same(self, other: _Part) -> bool:
        """Whether two are one contour, drawn or stored twice."""
        if min(self.area, other.area) < TWICE * max(self.area, other.area):
            return False
        overlap = self.overlap(other)
        return overlap >= TWICE * (self.n_pixels + other.n_pixels - overlap) and bool(
            np.abs(self.low - other.low).max() < 1 and np.abs(self.high - other.high).max() < 1
        )

    def joined(self, other: _Part) -> _Part:
        """Return both as one."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return _Part(self.array | other.array, low, high, self.area)


def _joined(parts: list[_Part]) -> tuple[list[_Part], bool]:
    """Join the parts that cross, one after the other; also say whether any two crossed."""
    groups: list[_Part] = []
    crossing = False
    for part in parts:
        apart = []
        for group in groups:
            overlap, smaller = group.overlap(part), min(group.n_pixels, part.n_pixels)
            crossing |= 0 < overlap < smaller
            if 0 < overlap < WITHIN * smaller:
                part = part.joined(group)
            else:
                apart.append(group)
        groups = [*apart, part]
    return groups, crossing


def _area(points: np.ndarray) -> float:
    """Area of a polygon, pixels."""
    (y1, x1), (y2, x2) = points.T, np.roll(points, -1, axis=0).T
    return float(abs(np.sum(x1 * y2 - x2 * y1)) / 2)
