"""Polygons on the pixels of a slice, and how several of them make one region."""

from __future__ import annotations

from dataclasses import dataclass

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
    """The region that the contours of one plane make, and what was odd about them."""

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
    fills: list[np.ndarray] = []
    areas: list[float] = []
    twice = 0
    for points in contours:
        fill, area = polygon(points, shape), _area(points)
        if any(_same(fill, area, *other) for other in zip(fills, areas, strict=True)):
            twice += 1
        else:
            fills.append(fill)
            areas.append(area)
    groups, crossing = _joined(fills, join=not exclusive)
    array = np.zeros(shape, dtype=bool)
    for fill in groups:
        array ^= fill
    cancelled = not array.any() and any(fill.any() for fill in fills)
    return Filled(array, twice, crossing, cancelled)


def _joined(fills: list[np.ndarray], *, join: bool) -> tuple[list[np.ndarray], bool]:
    """Join the fills that cross, one after the other; also say whether any two crossed, which XOR allows."""
    groups: list[np.ndarray] = []
    crossing = False
    for fill in fills:
        apart = []
        for group in groups:
            overlap = int(np.count_nonzero(group & fill))
            smaller = min(int(np.count_nonzero(group)), int(np.count_nonzero(fill)))
            crossing |= join and 0 < overlap < smaller
            if join and 0 < overlap < WITHIN * smaller:
                fill = fill | group
            else:
                apart.append(group)
        groups = [*apart, fill]
    return groups, crossing


def _same(fill: np.ndarray, area: float, other: np.ndarray, other_area: float) -> bool:
    if min(area, other_area) < TWICE * max(area, other_area):
        return False
    return bool(np.count_nonzero(fill & other) >= TWICE * np.count_nonzero(fill | other))


def _area(points: np.ndarray) -> float:
    """Area of a polygon, pixels."""
    (y1, x1), (y2, x2) = points.T, np.roll(points, -1, axis=0).T
    return float(abs(np.sum(x1 * y2 - x2 * y1)) / 2)
