"""The neighbourhoods of many voxels at once: their matrices, and the features of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from radiokit.features._binning import GreyLevels
from radiokit.features._firstorder import Intensities
from radiokit.features._glcm import JointProbability
from radiokit.features._matrices._counts import CountMatrix
from radiokit.features._matrices._lattice import directions
from radiokit.features._matrices._patches import patch_dependence, patch_pairs, patch_runs, patch_tones, patch_zones
from radiokit.features._measure import FORMULAS
from radiokit.features._ngtdm import ToneDifference
from radiokit.features._options import TextureOptions
from radiokit.features._texture import direction_lengths, pair_weights
from radiokit.utils import one_thread

BATCH = 64  # neighbourhoods at a time: their matrices fit into the cache of a core
Formula = Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    """An image cut to the box of the region and surrounded by empty voxels, so that every neighbourhood fits.

    Parameters
    ----------
    values : ndarray of float
        Intensities.
    levels : ndarray of int
        Grey levels; 0 does not count.
    n_levels : int
        Highest grey level of the image.
    n_present : int
        How many grey levels occur in it.
    reach : tuple of 3 int
        Voxels of a neighbourhood on each side, (z, y, x).
    spacing : tuple of 3 float
        In mm.
    """

    values: np.ndarray
    levels: np.ndarray
    n_levels: int
    n_present: int
    reach: tuple[int, int, int]
    spacing: tuple[float, float, float]

    @classmethod
    def around(
        cls,
        values: np.ndarray,
        counted: np.ndarray,
        levels: GreyLevels,
        reach: tuple[int, int, int],
        spacing: tuple[float, float, float],
    ) -> Field:
        """Make the field of the voxels that count."""
        field = np.zeros(values.shape, dtype=np.int64)
        field[counted] = levels.level
        margin = [(r, r) for r in reach]
        present = len(levels.histogram[0])
        return cls(np.pad(values, margin), np.pad(field, margin), levels.n_levels, present, reach, spacing)

    def stacks(self, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grey levels and intensities around voxels, given by their places in the box; shape (n_voxels, k, k, k)."""
        window = tuple(2 * r + 1 for r in self.reach)
        index = tuple(voxels.T)
        return (sliding_window_view(self.levels, window)[index], sliding_window_view(self.values, window)[index])


@dataclass(frozen=True)
class VoxelTask:
    """The features of one family around some voxels of an image; what goes to a worker."""

    field: Field
    family: str
    features: list[str]
    options: TextureOptions
    shift: float

    def __call__(self, voxels: np.ndarray) -> np.ndarray:
        """Return values of shape (n_voxels, n_features)."""
        formulas = [FORMULAS[self.family][name] for name in self.features]
        with one_thread():
            batches = [voxels[k : k + BATCH] for k in range(0, len(voxels), BATCH)]
            return np.concatenate([self._batch(batch, formulas) for batch in batches])

    def _batch(self, voxels: np.ndarray, formulas: list[Formula]) -> np.ndarray:
        levels, values = self.field.stacks(voxels)
        options, size = self.options, levels.shape[1:]
        near = directions(size, (1,), flat_axis=options.flat_axis)
        offsets = directions(size, options.distances, flat_axis=options.flat_axis)
        if self.family == "firstorder":
            return _one_by_one(self._intensities(levels, values), formulas)
        if self.family == "ngtdm":
            return _one_by_one((ToneDifference.count(*tones) for tones in patch_tones(levels, offsets)), formulas)
        norm, spacing = options.weighting_norm, np.array(self.field.spacing)
        if self.family == "glcm":
            matrix = patch_pairs(levels, offsets)
            matrix = matrix.symmetrical() if options.symmetrical_glcm else matrix
            if norm is not None:
                matrix = _weighted(matrix, pair_weights(offsets, spacing, norm))
        elif self.family == "glrlm":
            matrix = patch_runs(levels, near)
            if norm is not None:
                matrix = _weighted(matrix, direction_lengths(near, spacing, norm))
        elif self.family == "glszm":
            matrix = patch_zones(levels, near)
        else:
            matrix = patch_dependence(levels, offsets, options.alpha)
        return _by_voxel(matrix, self.field, self.family, formulas, len(voxels))

    def _intensities(self, levels: np.ndarray, values: np.ndarray) -> Iterator[Intensities]:
        volume = float(np.prod(self.field.spacing))
        for n, v in zip(levels, values, strict=True):
            yield Intensities(v[n > 0], GreyLevels(n[n > 0], self.field.n_levels), volume, self.shift)


def _one_by_one(subjects: Iterable[Intensities | ToneDifference], formulas: list[Formula]) -> np.ndarray:
    return np.array([[formula(subject) for formula in formulas] for subject in subjects])


def _weighted(matrix: CountMatrix, weights: np.ndarray) -> CountMatrix:
    """Sum the matrices of each voxel over directions."""
    n = matrix.n.reshape(-1, len(weights), len(matrix.i))
    return CountMatrix(matrix.i, matrix.j, np.einsum("vdc,d->vc", n, weights))


def _by_voxel(matrix: CountMatrix, field: Field, family: str, formulas: list[Formula], n_voxels: int) -> np.ndarray:
    """Evaluate formulas on matrices that hold something, and average those of one voxel."""
    filled = matrix.n.any(axis=1)
    owner = np.flatnonzero(filled) // (len(matrix.n) // n_voxels)
    some = CountMatrix(matrix.i, matrix.j, matrix.n[filled])
    # The number of levels is that of the image: one level in a neighbourhood does not make the image flat.
    subject = JointProbability(some, field.n_levels, field.n_present) if family == "glcm" else some
    out = np.empty((n_voxels, len(formulas)))
    for column, formula in zip(out.T, formulas, strict=True):
        value = formula(subject) if len(some.n) else np.zeros(0)
        known = ~np.isnan(value)
        number = np.bincount(owner[known], minlength=n_voxels)
        total = np.bincount(owner[known], value[known], minlength=n_voxels)
        column[:] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return out
