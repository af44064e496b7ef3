"""Sparse counts: several matrices over one list of the cells that any of them fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radiokit.preprocessing.budget import require
from radiokit.utils.jit import compiled

# Above this size a table of all cells gives way to sorting: thousands of grey levels need it.
TABLE_BYTES = 32 * 2**20
MOST_TABLE_BYTES = 2**30
TIMES_HELD = 4  # counts, probabilities, and what a formula makes of them
ADVICE = "Use wider bins (binWidth), fewer bins (binCount), or fewer and shorter distances."


@dataclass(frozen=True)
class CountMatrix:
    """How often each grey level i meets each second index j (grey level, run length, zone size, ...).

    Parameters
    ----------
    i : ndarray of shape (n_cells,)
        Grey level of each cell, ascending.
    j : ndarray of shape (n_cells,)
        Second index of each cell.
    n : ndarray of float, shape (n_matrices, n_cells)
        Counts: a row for each direction, slice or whatever was counted apart.
    """

    i: np.ndarray
    j: np.ndarray
    n: np.ndarray

    @classmethod
    def from_table(cls, table: np.ndarray) -> CountMatrix:
        """Collect the filled cells of counts of shape (n_matrices, levels + 1, extents + 1); index 0 is no cell."""
        i, j = np.nonzero(table[:, 1:, 1:].any(axis=0))
        return cls((i + 1).astype(float), (j + 1).astype(float), table[:, i + 1, j + 1].astype(float))

    @classmethod
    def from_events(cls, events: Sequence[tuple[np.ndarray, np.ndarray]]) -> CountMatrix:
        """Count pairs (i, j), a sequence of pairs of arrays for each matrix; pairs with a 0 are no event."""
        width = 1 + max((int(j.max()) for _, j in events if j.size), default=0)
        height = 1 + max((int(i.max()) for i, _ in events if i.size), default=0)
        n_events = sum(i.size for i, _ in events)
        if width * height <= 4 * n_events and 4 * len(events) * width * height <= MOST_TABLE_BYTES:
            # Counting beats sorting.
            table = np.zeros((len(events), height, width), dtype=np.uint32)
            for cells, (i, j) in zip(table, events, strict=True):
                _tally(i, j, cells)
            return cls.from_table(table)
        require(f"Sorting the {n_events:.3g} pairs of a texture matrix", memory=16 * n_events, instead=ADVICE)
        counted = []
        for i, j in events:
            keys = i.astype(np.int64) * width + j
            counted.append(np.unique(keys[(i > 0) & (j > 0)], return_counts=True))
        cells = np.unique(np.concatenate([keys for keys, _ in counted]))
        size = f"{len(cells):,} cells in {len(counted):,} directions"
        require(f"A texture matrix of {size}", memory=TIMES_HELD * 8 * len(counted) * len(cells), instead=ADVICE)
        n = np.zeros((len(counted), len(cells)))
        for row, (keys, counts) in zip(n, counted, strict=True):
            row[np.searchsorted(cells, keys)] = counts
        return cls((cells // width).astype(float), (cells % width).astype(float), n)

    @cached_property
    def total(self) -> np.ndarray:
        """Sum of each matrix; NaN where it is empty."""
        total = self.n.sum(axis=1)
        return np.where(total == 0, np.nan, total)

    @cached_property
    def by_level(self) -> tuple[np.ndarray, np.ndarray]:
        """Grey levels that occur and the sums over j, shape (n_matrices, n_levels)."""
        return marginal(self.i, self.n)

    @cached_property
    def by_extent(self) -> tuple[np.ndarray, np.ndarray]:
        """Second indices that occur and the sums over i, shape (n_matrices, n_extents)."""
        return marginal(self.j, self.n)

    def symmetrical(self) -> CountMatrix:
        """Return the matrices plus their transposes; i and j must be the same kind."""
        width = int(max(self.i.max(initial=0), self.j.max(initial=0))) + 1
        here, there = (self.i * width + self.j).astype(np.int64), (self.j * width + self.i).astype(np.int64)
        cells = np.unique(np.concatenate([here, there]))
        n = np.zeros((len(self.n), len(cells)))
        n[:, np.searchsorted(cells, here)] = self.n
        n[:, np.searchsorted(cells, there)] += self.n
        return CountMatrix((cells // width).astype(float), (cells % width).astype(float), n)

    def merged(self, weights: np.ndarray | None = None) -> CountMatrix:
        """Return one matrix, the (weighted) sum of all."""
        rows = self.n.sum(axis=0) if weights is None else weights @ self.n
        return CountMatrix(self.i, self.j, rows[None])

    def without_empty(self) -> CountMatrix:
        """Leave out matrices that hold nothing, unless there is only one."""
        if len(self.n) <= 1:
            return self
        return CountMatrix(self.i, self.j, self.n[self.n.any(axis=1)])


@compiled
def _tally(i, j, table):  # type: ignore[no-untyped-def]
    for n in range(i.size):
        table[i[n], j[n]] += 1


def marginal(index: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum the columns of `weights` that share a value of `index`: values that occur, sums a row of weights."""
    values, inverse = np.unique(index, return_inverse=True)
    sums = np.empty((len(weights), len(values)))
    for row, weight in zip(sums, weights, strict=True):
        row[:] = np.bincount(inverse, weight, minlength=len(values))
    return values, sums
