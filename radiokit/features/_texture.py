"""The texture matrices of one discretised image, as pyradiomics chooses neighbours, directions and weights."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import numpy as np

from radiokit.features._binning import GreyLevels
from radiokit.features._glcm import JointProbability
from radiokit.features._matrices._counts import CountMatrix
from radiokit.features._matrices._lattice import require_visits
from radiokit.features._matrices._neighbours import count_dependent, sum_neighbours
from radiokit.features._matrices._pairs import cooccurrence, require_pairs, seconds_of_pairs
from radiokit.features._matrices._runs import run_lengths
from radiokit.features._matrices._zones import label_zones
from radiokit.features._ngtdm import ToneDifference, require_tones, seconds_of_tones
from radiokit.features._options import TextureOptions
from radiokit.features._region import Region


class Texture:
    """Matrices that are counted when they are asked for.

    Parameters
    ----------
    region : Region
        The region.
    levels : GreyLevels
        Its grey levels.
    options : TextureOptions
        How neighbours are chosen.
    """

    def __init__(self, region: Region, levels: GreyLevels, options: TextureOptions) -> None:
        self.region, self.levels, self.options = region, levels, options
        self.flat_axis = options.flat_axis
        self.offsets = region.directions(options.distances, options.flat_axis)
        require_visits(region.n_voxels, len(self.offsets), options.distances)
        self.lattice = region.lattice(max(options.distances))
        self.steps = self.lattice.steps(self.offsets)

    @cached_property
    def field(self) -> np.ndarray:
        """Grey levels in the lattice."""
        return self.lattice.place(self.levels.level)

    @cached_property
    def near_offsets(self) -> np.ndarray:
        """Offsets of distance 1, for runs and zones, which know no other."""
        return self.region.directions((1,), self.flat_axis)

    def require(self, families: Collection[str]) -> None:
        """Refuse families whose matrices would take too long, before one is counted."""
        n_present = len(self.levels.histogram[0])
        if "glcm" in families:
            require_pairs(self.region.n_voxels, len(self.offsets), self.levels.n_levels, n_present)
        if "ngtdm" in families:
            require_tones(n_present)

    @cached_property
    def glcm(self) -> JointProbability:
        """Co-occurrence, a matrix for each direction that has pairs, or one weighted sum."""
        pairs = cooccurrence(self.field, self.lattice.index, self.steps, self.levels.n_levels)
        if self.options.symmetrical_glcm:
            pairs = pairs.symmetrical()
        if self.options.weighting_norm is not None:
            pairs = pairs.merged(pair_weights(self.offsets, self.region.spacing, self.options.weighting_norm))
        return JointProbability(pairs.without_empty(), self.levels.n_levels, len(self.levels.histogram[0]))

    @cached_property
    def glrlm(self) -> CountMatrix:
        """Runs, a matrix for each direction in which two voxels share a line, or one weighted sum."""
        offsets = self.region.line_directions(self.flat_axis)
        steps = self.lattice.steps(offsets)
        longest = max(self.region.mask.shape)
        runs = run_lengths(self.field, self.lattice.rows, steps, self.levels.n_levels, longest)
        if self.options.weighting_norm is not None:
            runs = runs.merged(direction_lengths(offsets, self.region.spacing, self.options.weighting_norm))
        return runs

    @cached_property
    def glszm(self) -> CountMatrix:
        """Sizes of zones."""
        zone, first = label_zones(self.field, self.lattice, self.near_offsets)
        return CountMatrix.from_events([(self.levels.level[first], np.bincount(zone))])

    @cached_property
    def gldm(self) -> CountMatrix:
        """Numbers of dependent neighbours, plus one."""
        found = count_dependent(self.field, self.lattice.rows, self.steps, self.options.alpha)
        return CountMatrix.from_events([(self.levels.level, found + 1)])

    @cached_property
    def ngtdm(self) -> ToneDifference:
        """Distances to the mean of the neighbours."""
        around = sum_neighbours(self.field, self.lattice.rows, self.steps)
        neighbours = self.region.neighbours(self.options.distances, self.flat_axis)
        return ToneDifference.count(self.levels.level, around, neighbours)


def seconds_of(families: Collection[str], region: Region, options: TextureOptions, n_levels: float) -> float:
    """Return about how long the matrices take whose time grows faster than the number of grey levels."""
    n_levels = min(n_levels, region.n_voxels)
    n_steps = len(region.directions(options.distances, options.flat_axis))
    pairs = seconds_of_pairs(region.n_voxels, n_steps, n_levels, n_levels) if "glcm" in families else 0.0
    return pairs + (seconds_of_tones(n_levels) if "ngtdm" in families else 0.0)


def pair_weights(offsets: np.ndarray, spacing: np.ndarray, norm: str) -> np.ndarray:
    """Return exp(-length²) for each offset; 1 for ``"no_weighting"``."""
    if norm == "no_weighting":
        return np.ones(len(offsets))
    return np.exp(-(direction_lengths(offsets, spacing, norm) ** 2))


def direction_lengths(offsets: np.ndarray, spacing: np.ndarray, norm: str) -> np.ndarray:
    """Return the length of each offset in mm in a norm; 1 for ``"no_weighting"``."""
    steps = np.abs(offsets) * spacing
    if norm == "no_weighting":
        return np.ones(len(offsets))
    if norm == "infinity":
        return steps.max(axis=1, initial=0)
    if norm == "manhattan":
        return steps.sum(axis=1)
    return np.sqrt((steps**2).sum(axis=1))
