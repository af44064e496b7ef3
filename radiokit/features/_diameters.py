"""The longest distances between corners of a mesh, exact without comparing all pairs.

The corners of the mesh lie half way between a voxel inside and a neighbour outside. In a plane, the two ends of the
longest distance are corners of the convex hull; in space, they are corners of the hulls of their planes, whichever
way the planes lie.
"""

from __future__ import annotations

import numpy as np

from radiokit.utils.jit import compiled


def longest_distances(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, float, float, float]:
    """Return the longest distance between mesh corners within a plane of constant z, y and x, and in space, in mm.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region.
    spacing : ndarray of shape (3,)
        In mm, (z, y, x).
    """
    points, planar = extreme_corners(mask, spacing)
    return planar[0], planar[1], planar[2], _longest_between(points * np.asarray(spacing, dtype=float) / 2)


def extreme_corners(mask: np.ndarray, spacing: np.ndarray | None = None) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return the mesh corners on the hull of every plane they lie in, in half voxels, and the longest planar distances.

    All corners of the convex hull of the mesh are among them.
    """
    half = np.ones(3) / 2 if spacing is None else np.asarray(spacing, dtype=float) / 2
    shape = [2 * size + 4 for size in mask.shape]
    planar, corners = [], []
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        turned = np.ascontiguousarray(mask.transpose(order))
        low, high = row_ends(np.pad(turned, 1))
        longest, hull = _plane_hulls(low, high, half[list(order)])
        planar.append(float(longest))
        corners.append(np.ravel_multi_index(list(hull[:, np.argsort(order)].T), shape))
    common = np.intersect1d(np.intersect1d(corners[0], corners[1]), corners[2])
    return np.stack(np.unravel_index(common, shape), axis=1), tuple(planar)


@compiled
def row_ends(mask):  # type: ignore[no-untyped-def]
    """First and last mesh corner of each row, in half voxels; planes and rows at half voxels too. -1: none."""
    n_planes, n_rows, n = mask.shape
    low = np.full((2 * n_planes - 1, 2 * n_rows - 1), -1, dtype=np.int64)
    high = np.full((2 * n_planes - 1, 2 * n_rows - 1), -1, dtype=np.int64)
    for plane in range(2 * n_planes - 1):
        for row in range(2 * n_rows - 1):
            if plane & 1 and row & 1:
                continue
            here = mask[plane // 2, row // 2]
            there = mask[(plane + 1) // 2, (row + 1) // 2]
            along = not (plane & 1 or row & 1)  # a row of voxels: corners lie between its own voxels
            first = 0
            while first < n and not (here[first] if along else here[first] != there[first]):
                first += 1
            if first == n:
                continue
            last = n - 1
            while not (here[last] if along else here[last] != there[last]):
                last -= 1
            low[plane, row] = 2 * first - along
            high[plane, row] = 2 * last + along
    return low, high


@compiled
def _turn(a, b, c):  # type: ignore[no-untyped-def]
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@compiled
def _plane_hulls(low, high, half):  # type: ignore[no-untyped-def]
    # Longest distance within a plane in mm, and the corners of all hulls in half voxels. Rows come in order, so each
    # side of a hull is a monotone chain over the row ends.
    longest = 0.0
    hulls = np.empty((2 * low.size, 3), dtype=np.int64)
    n_hulls = 0
    chain = np.empty((low.shape[1], 2), dtype=np.int64)
    for plane in range(low.shape[0]):
        begin = n_hulls
        for side in (1, -1):
            size = 0
            for row in range(low.shape[1]):
                if low[plane, row] < 0:
                    continue
                point = (row, low[plane, row] if side > 0 else high[plane, row])
                while size > 1 and side * _turn(chain[size - 2], chain[size - 1], point) <= 0:
                    size -= 1
                chain[size, 0], chain[size, 1] = point
                size += 1
            for k in range(size):
                hulls[n_hulls, 0] = plane
                hulls[n_hulls, 1] = chain[k, 0]
                hulls[n_hulls, 2] = chain[k, 1]
                n_hulls += 1
        for a in range(begin, n_hulls):
            for b in range(begin, a):
                rows, columns = (hulls[a, 1] - hulls[b, 1]) * half[1], (hulls[a, 2] - hulls[b, 2]) * half[2]
                longest = max(longest, rows**2 + columns**2)
    return np.sqrt(longest), hulls[:n_hulls].copy()


def _longest_between(points: np.ndarray) -> float:
    # From the outermost inwards: two points are no further apart than the sum of their distances to the middle.
    radius = np.sqrt(((points - (points.min(axis=0) + points.max(axis=0)) / 2) ** 2).sum(axis=1))
    order = np.argsort(-radius)
    return float(_longest_pair(points[order], radius[order]))


@compiled
def _longest_pair(points, radius):  # type: ignore[no-untyped-def]
    longest = 0.0
    for a in range(len(points)):
        if 2 * radius[a] <= longest:
            break
        square = longest**2
        for b in range(a + 1, len(points)):
            if radius[a] + radius[b] <= longest:
                break
            square = max(
                square,
                (points[a, 0] - points[b, 0]) ** 2
                + (points[a, 1] - points[b, 1]) ** 2
                + (points[a, 2] - points[b, 2]) ** 2,
            )
        longest = np.sqrt(square)
    return longest
