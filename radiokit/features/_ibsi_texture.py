"""Texture matrices in the six aggregations of the IBSI manual (chapter 3.6 on), and the features of each family.

| aggregation | IBSI | neighbours | matrices |
|---|---|---|---|
| 2D_avg | BTW3 | in the slice | one for each slice and direction, features averaged |
| 2D_merge | SUJT | in the slice | one for each slice, features averaged |
| 2.5D_avg | JJUI | in the slice | one for each direction, features averaged |
| 2.5D_merge | ZW7Z | in the slice | one |
| 3D_avg | ITBB | in space | one for each direction, features averaged |
| 3D_merge | IAZD | in space | one |

Families without directions (GLSZM, GLDZM, NGTDM, NGLDM) have one for each slice (8QNN), one over all slices (62GR), or
one in space (KOBO).

A distance d other than 1 is d times each of the 13 directions in GLCM, and every voxel within Chebyshev distance d in
NGTDM and NGLDM (IBSI manual, "Distances and distance weighting"; pyradiomics takes the voxels at distance d, a shell).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from radiokit.features import _emphasis as formula
from radiokit.features import _glcm, _ngtdm
from radiokit.features._binning import GreyLevels
from radiokit.features._extents import dependence_percentage
from radiokit.features._glcm import JointProbability
from radiokit.features._matrices._counts import CountMatrix
from radiokit.features._matrices._lattice import directions, require_visits
from radiokit.features._matrices._neighbours import count_dependent, sum_neighbours
from radiokit.features._matrices._pairs import cooccurrence, require_pairs
from radiokit.features._matrices._runs import run_lengths
from radiokit.features._matrices._zones import label_zones
from radiokit.features._ngtdm import ToneDifference
from radiokit.features._options import TextureOptions
from radiokit.features._region import Region

AGGREGATIONS = ("2D_avg", "2D_merge", "2.5D_avg", "2.5D_merge", "3D_avg", "3D_merge")
ANYWHERE = (10**9, 10**9, 10**9)  # a box that no offset leaves

_SHARED: Mapping[str, Callable[[CountMatrix], np.ndarray]] = {
    "low_grey_level_{0}_emphasis": formula.low_level_emphasis,
    "high_grey_level_{0}_emphasis": formula.high_level_emphasis,
    "{1}_low_grey_level_emphasis": formula.small_low_emphasis,
    "{1}_high_grey_level_emphasis": formula.small_high_emphasis,
    "{2}_low_grey_level_emphasis": formula.large_low_emphasis,
    "{2}_high_grey_level_emphasis": formula.large_high_emphasis,
    "grey_level_non_uniformity": formula.level_nonuniformity,
    "normalised_grey_level_non_uniformity": formula.level_nonuniformity_normalised,
    "{3}_non_uniformity": formula.extent_nonuniformity,
    "normalised_{3}_non_uniformity": formula.extent_nonuniformity_normalised,
    "{4}_percentage": formula.percentage,
    "grey_level_variance": formula.level_variance,
    "{3}_variance": formula.extent_variance,
    "{5}_entropy": formula.entropy,
}


def _family(small: str, large: str, *words: str) -> dict[str, Callable[[Any], Any]]:
    emphases = {f"{small}_emphasis": formula.small_emphasis, f"{large}_emphasis": formula.large_emphasis}
    return emphases | {name.format(*words): function for name, function in _SHARED.items()}


def zone_percentage(m: ZoneDistance) -> np.ndarray:
    """Zones divided by voxels."""
    return m.total / m.n_voxels


_ZONE_DISTANCE = ("zone_distance", "zone", "zone_distance")
_DEPENDENCE = ("dependence_count", "dependence_count", "dependence_count")
FEATURES: dict[str, Mapping[str, Callable[[Any], Any]]] = {
    "glcm": {
        "joint_maximum": _glcm.maximum_probability,
        "joint_average": _glcm.joint_average,
        "joint_variance": _glcm.sum_squares,
        "joint_entropy": _glcm.joint_entropy,
        "difference_average": _glcm.difference_average,
        "difference_variance": _glcm.difference_variance,
        "difference_entropy": _glcm.difference_entropy,
        "sum_average": _glcm.sum_average,
        "sum_variance": _glcm.cluster_tendency,
        "sum_entropy": _glcm.sum_entropy,
        "angular_second_moment": _glcm.joint_energy,
        "contrast": _glcm.contrast,
        "dissimilarity": _glcm.difference_average,
        "inverse_difference": _glcm.inverse_difference,
        "normalised_inverse_difference": _glcm.inverse_difference_normalised,
        "inverse_difference_moment": _glcm.inverse_difference_moment,
        "normalised_inverse_difference_moment": _glcm.inverse_difference_moment_normalised,
        "inverse_variance": _glcm.inverse_variance,
        "correlation": _glcm.correlation,
        "autocorrelation": _glcm.autocorrelation,
        "cluster_tendency": _glcm.cluster_tendency,
        "cluster_shade": _glcm.cluster_shade,
        "cluster_prominence": _glcm.cluster_prominence,
        "information_correlation_1": _glcm.information_correlation_1,
        "information_correlation_2": _glcm.information_correlation_2,
    },
    "glrlm": _family("short_runs", "long_runs", "run", "short_run", "long_run", "run_length", "run", "run"),
    "glszm": _family("small_zone", "large_zone", "zone", "small_zone", "large_zone", "zone_size", "zone", "zone_size"),
    "gldzm": {
        **_family("small_distance", "large_distance", "zone", "small_distance", "large_distance", *_ZONE_DISTANCE),
        "zone_percentage": zone_percentage,
    },
    "ngtdm": {
        "coarseness": _ngtdm.coarseness,
        "contrast": _ngtdm.contrast,
        "busyness": _ngtdm.busyness,
        "complexity": _ngtdm.complexity,
        "strength": _ngtdm.strength,
    },
    "ngldm": {
        **_family("low_dependence", "high_dependence", "count", "low_dependence", "high_dependence", *_DEPENDENCE),
        "dependence_count_percentage": dependence_percentage,
        "dependence_count_energy": formula.energy,
    },
}


@dataclass(frozen=True)
class ZoneDistance(CountMatrix):
    """Zones by grey level and distance to the border, with the number of voxels they were found among."""

    n_voxels: float

    @classmethod
    def count(cls, level: np.ndarray, distance: np.ndarray, n_voxels: int) -> ZoneDistance:
        """Count zones."""
        counted = CountMatrix.from_events([(level, distance)])
        return cls(counted.i, counted.j, counted.n, float(n_voxels))


class IbsiTexture:
    """The matrices of one discretised image in one aggregation.

    Parameters
    ----------
    region : Region
        The region (intensity mask).
    levels : GreyLevels
        Its grey levels.
    border : callable
        Returns, for ``flat`` True or False, the distance of each voxel of the region to the border of the body, in
        steps within the slice or in space.
    aggregation : str
        One of `AGGREGATIONS`.
    options : TextureOptions
        `distances`: how many steps apart the voxels of a pair are in GLCM (several: matrices of all of them); the
        largest is the Chebyshev radius of the neighbourhood in NGTDM and NGLDM. `gldm_alpha`: coarseness of NGLDM.
    """

    def __init__(
        self,
        region: Region,
        levels: GreyLevels,
        border: Callable[[bool], np.ndarray],
        aggregation: str,
        options: TextureOptions,
    ) -> None:
        self.region, self.levels, self.border = region, levels, border
        self.alpha = options.alpha
        distances = options.distances
        dimension, combination = aggregation.split("_")
        self.flat = dimension != "3D"
        self.merge = combination == "merge"
        self.lattice = region.lattice(max(distances))
        flat_axis = 0 if self.flat else None
        self.near = directions(ANYWHERE, (1,), flat_axis=flat_axis)
        shape = region.mask.shape
        apart = np.concatenate([self.near * d for d in sorted(set(distances))])
        self.pair_offsets = apart[(np.abs(apart) < shape).all(axis=1)]  # others lead out of the region from anywhere
        radius = min(max(distances), max(shape))
        self.offsets = directions(shape, range(1, radius + 1), flat_axis=flat_axis)
        require_visits(region.n_voxels, len(self.offsets), distances)
        cuts = self.lattice.starts if dimension == "2D" else np.array([0, region.n_voxels])
        self.parts = [slice(a, b) for a, b in pairwise(cuts) if b > a]

    @cached_property
    def field(self) -> np.ndarray:
        """Grey levels in the lattice."""
        return self.lattice.place(self.levels.level)

    def matrices(self, family: str) -> Iterator[Any]:
        """Yield what the formulas of a family are applied to: one object for each slice, or one."""
        return getattr(self, family)()

    def glcm(self) -> Iterator[JointProbability]:
        """Symmetrical co-occurrence."""
        steps = self.lattice.steps(self.pair_offsets)
        n_present = len(self.levels.histogram[0])
        for part in self.parts:
            require_pairs(part.stop - part.start, len(steps), self.levels.n_levels, n_present)
            pairs = cooccurrence(self.field, self.lattice.index[part], steps, self.levels.n_levels).symmetrical()
            yield JointProbability(pairs.merged() if self.merge else pairs, self.levels.n_levels)

    def glrlm(self) -> Iterator[CountMatrix]:
        """Yield runs."""
        steps = self.lattice.steps(self.near)
        longest = max(self.region.mask.shape)
        for part in self.parts:
            runs = run_lengths(self.field, self.lattice.rows_of(part), steps, self.levels.n_levels, longest)
            yield runs.merged() if self.merge else runs

    @cached_property
    def zones(self) -> tuple[np.ndarray, np.ndarray]:
        """Zone of each voxel, first voxel of each zone."""
        return label_zones(self.field, self.lattice, self.near)

    def _zones_of_parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        for part in self.parts:
            yield part, (self.zones[1] >= part.start) & (self.zones[1] < part.stop)

    def glszm(self) -> Iterator[CountMatrix]:
        """Sizes of zones."""
        zone, first = self.zones
        sizes = np.bincount(zone)
        for _, mine in self._zones_of_parts():
            yield CountMatrix.from_events([(self.levels.level[first[mine]], sizes[mine])])

    def gldzm(self) -> Iterator[ZoneDistance]:
        """Shortest distance of zones to the border of the body."""
        zone, first = self.zones
        nearest = np.full(len(first), np.iinfo(np.int64).max)
        np.minimum.at(nearest, zone, self.border(self.flat))
        for part, mine in self._zones_of_parts():
            yield ZoneDistance.count(self.levels.level[first[mine]], nearest[mine], part.stop - part.start)

    def ngtdm(self) -> Iterator[ToneDifference]:
        """Distances to the mean of the neighbours, of voxels that have any."""
        steps = self.lattice.steps(self.offsets)
        around = sum_neighbours(self.field, self.lattice.rows, steps)
        neighbours = sum_neighbours(self.lattice.inside, self.lattice.rows, steps)
        for part in self.parts:
            some = neighbours[part] > 0
            if some.any():
                level = self.levels.level[part][some]
                yield ToneDifference.count(level, around[part][some], neighbours[part][some])

    def ngldm(self) -> Iterator[CountMatrix]:
        """Numbers of dependent neighbours, plus one."""
        found = count_dependent(self.field, self.lattice.rows, self.lattice.steps(self.offsets), self.alpha) + 1
        for part in self.parts:
            yield CountMatrix.from_events([(self.levels.level[part], found[part])])

    def measure(self, family: str, names: tuple[str, ...]) -> dict[str, float]:
        """Return features of one family, averaged over slices and directions."""
        values: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for subject in self.matrices(family):
            filled = np.ones(1, bool) if isinstance(subject, ToneDifference) else np.isfinite(subject.total)
            for name in names:
                values[name].append(np.atleast_1d(FEATURES[family][name](subject))[filled])
        return {name: _mean(found) for name, found in values.items()}


def _mean(found: list[np.ndarray]) -> float:
    known = np.concatenate(found) if found else np.empty(0)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else float("nan")


def border_distance(body: np.ndarray, *, flat: bool) -> np.ndarray:
    """Count steps along the axes from each voxel of a body to the first one outside; 1 for a voxel at the border."""
    from scipy import ndimage

    padded = np.pad(body, 1)
    if not flat:
        return ndimage.distance_transform_cdt(padded, metric="taxicab")[1:-1, 1:-1, 1:-1]
    slices = [ndimage.distance_transform_cdt(plane, metric="taxicab") for plane in padded[1:-1]]
    return np.stack(slices)[:, 1:-1, 1:-1]
