"""Texture matrices of many small neighbourhoods at once.

A stack of patches has shape (n, k, k, k) with grey levels from 1 and 0 where no voxel counts. The functions return one
matrix a patch, or one a patch and direction (patch by patch), over the cells that any of them fills.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from radiokit.features._matrices._counts import CountMatrix

Stack = NDArray[np.int64]


def _sides(edges: tuple[int, ...], offset: np.ndarray) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of a stack for the first and the second voxel of each pair that is `offset` apart."""
    first = [slice(max(-o, 0), k - max(o, 0)) for o, k in zip(offset, edges, strict=True)]
    second = [slice(max(o, 0), k - max(-o, 0)) for o, k in zip(offset, edges, strict=True)]
    return (slice(None), *first), (slice(None), *second)


def _fits(edges: tuple[int, ...], offset: np.ndarray) -> bool:
    return all(abs(int(o)) < k for o, k in zip(offset, edges, strict=True))


def _counted(matrix: np.ndarray, i: np.ndarray, j: np.ndarray, n_matrices: int) -> CountMatrix:
    """Count events (matrix, i, j)."""
    width = int(j.max(initial=0)) + 1
    cells, place = np.unique(i.astype(np.int64) * width + j, return_inverse=True)
    n = np.bincount(matrix * len(cells) + place, minlength=n_matrices * len(cells)).reshape(n_matrices, len(cells))
    return CountMatrix((cells // width).astype(float), (cells % width).astype(float), n.astype(float))


def patch_pairs(stack: Stack, offsets: np.ndarray) -> CountMatrix:
    """Pairs of levels in each direction (GLCM): n × n_directions matrices."""
    events = []
    for d, offset in enumerate(offsets):
        if not _fits(stack.shape[1:], offset):
            continue
        a, b = (stack[side] for side in _sides(stack.shape[1:], offset))
        both = (a > 0) & (b > 0)
        events.append((np.nonzero(both)[0] * len(offsets) + d, a[both], b[both]))
    return _counted(*_joined(events), n_matrices=len(stack) * len(offsets))


def patch_runs(stack: Stack, offsets: np.ndarray) -> CountMatrix:
    """Lengths of runs in each direction (GLRLM); empty where no two voxels of a patch share a line."""
    events = []
    for d, offset in enumerate(offsets):
        inside = stack > 0
        start, going, length = inside.copy(), inside, inside.astype(np.int64)
        lines = np.zeros(len(stack), dtype=bool)
        for step in range(1, max(stack.shape[1:])):
            if not _fits(stack.shape[1:], step * offset):
                break
            here, there = _sides(stack.shape[1:], step * offset)
            lines |= (inside[here] & inside[there]).reshape(len(stack), -1).any(axis=1)
            same = inside[here] & (stack[here] == stack[there])
            if step == 1:
                start[there] &= ~same
            longer = np.zeros_like(inside)
            longer[here] = going[here] & same
            going = longer
            length += going
        start &= lines[:, None, None, None]
        events.append((np.nonzero(start)[0] * len(offsets) + d, stack[start], length[start]))
    return _counted(*_joined(events), n_matrices=len(stack) * len(offsets))


def patch_zones(stack: Stack, offsets: np.ndarray) -> CountMatrix:
    """Sizes of connected zones of one level (GLSZM): a matrix a patch."""
    size = int(np.prod(stack.shape[1:]))
    places = np.arange(len(stack) * size).reshape(stack.shape)
    zone = np.where(stack > 0, places, -1)
    links = [(a, b, (stack[a] > 0) & (stack[a] == stack[b])) for a, b in _neighbours(stack, offsets)]
    while True:  # each zone takes the lowest place in it, one step of the neighbourhood at a time
        before = zone.copy()
        for here, there, same in links:
            low = np.minimum(zone[here], zone[there])
            zone[here] = np.where(same, low, zone[here])
            # The two sides overlap: what has just become lower stays so.
            zone[there] = np.where(same, np.minimum(low, zone[there]), zone[there])
        if np.array_equal(zone, before):
            break
    roots, sizes = np.unique(zone[zone >= 0], return_counts=True)
    return _counted(roots // size, stack.reshape(-1)[roots], sizes, n_matrices=len(stack))


def patch_dependence(stack: Stack, offsets: np.ndarray, alpha: int) -> CountMatrix:
    """Numbers of neighbours within `alpha` levels, plus one (GLDM): a matrix a patch."""
    dependent = np.ones(stack.shape, dtype=np.int64)
    for here, there in _neighbours(stack, offsets):
        alike = (stack[here] > 0) & (stack[there] > 0) & (np.abs(stack[here] - stack[there]) <= alpha)
        dependent[here] += alike
        dependent[there] += alike
    inside = stack > 0
    return _counted(np.nonzero(inside)[0], stack[inside], dependent[inside], n_matrices=len(stack))


def patch_tones(stack: Stack, offsets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield of each patch the level of its voxels, the sum of levels around each, and how many those are (NGTDM)."""
    around, number = np.zeros_like(stack), np.zeros_like(stack)
    for here, there in _neighbours(stack, offsets):
        around[here] += stack[there]
        around[there] += stack[here]
        number[here] += stack[there] > 0
        number[there] += stack[here] > 0
    for levels, total, count in zip(stack, around, number, strict=True):
        inside = levels > 0
        yield levels[inside], total[inside], count[inside]


def _neighbours(stack: Stack, offsets: np.ndarray) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    return [_sides(stack.shape[1:], offset) for offset in offsets if _fits(stack.shape[1:], offset)]


def _joined(events: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    empty = np.zeros(0, dtype=np.int64)
    matrix, i, j = (np.concatenate([empty, *parts]) for parts in zip(*events, strict=True)) if events else (empty,) * 3
    return matrix, i, j
