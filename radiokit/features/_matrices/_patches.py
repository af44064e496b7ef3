"""Texture matrices of many small neighbourhoods at once.

A stack of patches has shape (n, k, k, k) with grey levels from 1 and 0 where no voxel counts. The functions return one
matrix for each patch, or one for each patch and direction (patch by patch), over the cells that any of them fills.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from radiokit.features._matrices._counts import CountMatrix
from radiokit.utils.jit import compiled

Stack = NDArray[np.int64]


def _sides(edges: tuple[int, ...], offset: np.ndarray) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of a stack for the first and the second voxel of each pair that is `offset` apart."""
    first = [slice(max(-o, 0), k - max(o, 0)) for o, k in zip(offset, edges, strict=True)]
    second = [slice(max(o, 0), k - max(-o, 0)) for o, k in zip(offset, edges, strict=True)]
    return (slice(None), *first), (slice(None), *second)


def _fits(edges: tuple[int, ...], offset: np.ndarray) -> bool:
    return all(abs(int(o)) < k for o, k in zip(offset, edges, strict=True))


def _counted(events: NDArray[np.int64], n_matrices: int) -> CountMatrix:
    """Count events, rows (matrix, i, j)."""
    matrix, i, j = events
    width = int(j.max(initial=0)) + 1
    keys = i * width + j
    if keys.size and keys.max() <= 4 * keys.size:  # counting beats sorting
        cells = np.flatnonzero(np.bincount(keys))
        number = np.empty(keys.max() + 1, dtype=np.int64)
        number[cells] = np.arange(len(cells))
        place = number[keys]
    else:
        cells, place = np.unique(keys, return_inverse=True)
    n = np.bincount(matrix * len(cells) + place, minlength=n_matrices * len(cells)).reshape(n_matrices, len(cells))
    return CountMatrix((cells // width).astype(float), (cells % width).astype(float), n.astype(float))


def patch_pairs(stack: Stack, offsets: np.ndarray) -> CountMatrix:
    """Pairs of levels in each direction (GLCM): n × n_directions matrices."""
    events = np.empty((3, stack.size * len(offsets)), dtype=np.int64)
    n = _collect_pairs(stack, offsets, events)
    return _counted(events[:, :n], n_matrices=len(stack) * len(offsets))


def patch_runs(stack: Stack, offsets: np.ndarray) -> CountMatrix:
    """Lengths of runs in each direction (GLRLM); empty where no two voxels of a patch share a line."""
    events = np.empty((3, stack.size * len(offsets)), dtype=np.int64)
    n = _collect_runs(stack, offsets, events)
    return _counted(events[:, :n], n_matrices=len(stack) * len(offsets))


def patch_zones(stack: Stack, offsets: np.ndarray) -> CountMatrix:
    """Sizes of connected zones of one level (GLSZM): one matrix for each patch."""
    events = np.empty((3, stack.size), dtype=np.int64)
    n = _collect_zones(stack.copy(), np.concatenate([offsets, -offsets]), events)
    return _counted(events[:, :n], n_matrices=len(stack))


@compiled
def _collect_pairs(stack, offsets, events):  # type: ignore[no-untyped-def]
    n = 0
    _, depth, height, width = stack.shape
    for p in range(len(stack)):
        patch = stack[p]
        for d in range(len(offsets)):
            dz, dy, dx = offsets[d]
            for z in range(max(-dz, 0), depth - max(dz, 0)):
                for y in range(max(-dy, 0), height - max(dy, 0)):
                    for x in range(max(-dx, 0), width - max(dx, 0)):
                        here, there = patch[z, y, x], patch[z + dz, y + dy, x + dx]
                        if here > 0 and there > 0:
                            events[0, n], events[1, n], events[2, n] = p * len(offsets) + d, here, there
                            n += 1
    return n


@compiled
def _collect_runs(stack, offsets, events):  # type: ignore[no-untyped-def]
    n = 0
    _, depth, height, width = stack.shape
    for p in range(len(stack)):
        patch = stack[p]
        for d in range(len(offsets)):
            dz, dy, dx = offsets[d]
            first, shared = n, False
            for z in range(depth):
                for y in range(height):
                    for x in range(width):
                        level = patch[z, y, x]
                        if level == 0:
                            continue
                        a, b, c = z - dz, y - dy, x - dx
                        if 0 <= a < depth and 0 <= b < height and 0 <= c < width and patch[a, b, c] == level:
                            continue  # the run began before
                        length, going = 1, True
                        a, b, c = z + dz, y + dy, x + dx
                        while 0 <= a < depth and 0 <= b < height and 0 <= c < width and (going or not shared):
                            shared = shared or patch[a, b, c] > 0
                            going = going and patch[a, b, c] == level
                            length += going
                            a, b, c = a + dz, b + dy, c + dx
                        events[0, n], events[1, n], events[2, n] = p * len(offsets) + d, level, length
                        n += 1
            if not shared:
                n = first
    return n


@compiled
def _collect_zones(stack, offsets, events):  # type: ignore[no-untyped-def]
    # Each zone is flooded from its first voxel and taken out of the stack, which is a copy.
    n = 0
    _, depth, height, width = stack.shape
    waiting = np.empty((depth * height * width, 3), dtype=np.int64)
    for p in range(len(stack)):
        patch = stack[p]
        for z in range(depth):
            for y in range(height):
                for x in range(width):
                    level = patch[z, y, x]
                    if level == 0:
                        continue
                    patch[z, y, x] = 0
                    waiting[0, 0], waiting[0, 1], waiting[0, 2] = z, y, x
                    size, found = 0, 1
                    while size < found:
                        az, ay, ax = waiting[size]
                        size += 1
                        for d in range(len(offsets)):
                            a, b, c = az + offsets[d, 0], ay + offsets[d, 1], ax + offsets[d, 2]
                            if 0 <= a < depth and 0 <= b < height and 0 <= c < width and patch[a, b, c] == level:
                                patch[a, b, c] = 0
                                waiting[found, 0], waiting[found, 1], waiting[found, 2] = a, b, c
                                found += 1
                    events[0, n], events[1, n], events[2, n] = p, level, size
                    n += 1
    return n


def patch_dependence(stack: Stack, offsets: np.ndarray, alpha: int) -> CountMatrix:
    """Numbers of neighbours within `alpha` levels, plus one (GLDM): one matrix for each patch."""
    dependent = np.ones(stack.shape, dtype=np.int64)
    for here, there in _neighbours(stack, offsets):
        alike = (stack[here] > 0) & (stack[there] > 0) & (np.abs(stack[here] - stack[there]) <= alpha)
        dependent[here] += alike
        dependent[there] += alike
    inside = stack > 0
    return _counted(np.stack([np.nonzero(inside)[0], stack[inside], dependent[inside]]), n_matrices=len(stack))


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
