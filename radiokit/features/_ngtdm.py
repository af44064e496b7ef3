"""Neighbourhood grey tone difference matrix (NGTDM; IBSI IPET; Amadasun & King 1989, doi 10.1109/21.44046).

Of each grey level i that occurs: n_i voxels, p_i = n_i / N, and s_i, the sum over its voxels of the distance between i
and the mean level of the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radiokit.preprocessing.budget import MOST_SECONDS_OF_A_TEXTURE, require
from radiokit.utils.jit import compiled


@dataclass(frozen=True)
class ToneDifference:
    """The columns of an NGTDM.

    Parameters
    ----------
    i : ndarray of shape (n_levels,)
        Grey levels that occur.
    n : ndarray of shape (n_levels,)
        Voxels of each level.
    s : ndarray of shape (n_levels,)
        Sum of distances to the mean of the neighbours.
    """

    i: np.ndarray
    n: np.ndarray
    s: np.ndarray

    @classmethod
    def count(cls, level: np.ndarray, around: np.ndarray, neighbours: np.ndarray) -> ToneDifference:
        """Collect the matrix from each voxel's level, the sum of the levels around it and how many those are.

        A voxel without neighbours counts in n with distance 0.
        """
        n, s = _sum_by_level(level, around, neighbours, int(level.max()) + 1)
        i = np.flatnonzero(n)
        return cls(i.astype(float), n[i].astype(float), s[i])

    @cached_property
    def n_voxels(self) -> float:
        """N, the voxels of all levels."""
        return float(self.n.sum())

    @cached_property
    def p(self) -> np.ndarray:
        """p_i."""
        return self.n / self.n_voxels

    @cached_property
    def roughness(self) -> float:
        """Σ p_i s_i."""
        return float(self.p @ self.s)

    @cached_property
    def pairs(self) -> tuple[float, float, float, float]:
        """Sums over pairs of levels, see `_sum_over_pairs`."""
        require_tones(len(self.i))
        return _sum_over_pairs(self.i, self.p, self.s)


def seconds_of_tones(n_present: float) -> float:
    """Return about how long it takes to compare all pairs of grey levels."""
    return 2e-9 * n_present**2


def require_tones(n_present: int) -> None:
    """Refuse more grey levels than can be compared in pairs."""
    require(
        f"The NGTDM of {n_present:,} grey levels",
        seconds=seconds_of_tones(n_present),
        most_seconds=MOST_SECONDS_OF_A_TEXTURE,
        instead="Use wider bins (FixedBinWidth, binWidth), or fewer (FixedBinCount, binCount).",
    )


@compiled
def _sum_by_level(level, around, neighbours, size):  # type: ignore[no-untyped-def]
    n = np.zeros(size, dtype=np.int64)
    s = np.zeros(size)
    for k in range(level.size):
        i = level[k]
        n[i] += 1
        if neighbours[k]:
            s[i] += abs(i - around[k] / neighbours[k])
    return n, s


@compiled
def _sum_over_pairs(i, p, s):  # type: ignore[no-untyped-def]
    contrast = busyness = complexity = strength = 0.0
    for a in range(i.size):
        for b in range(i.size):
            gap = i[a] - i[b]
            contrast += p[a] * p[b] * gap**2
            busyness += abs(i[a] * p[a] - i[b] * p[b])
            complexity += abs(gap) * (p[a] * s[a] + p[b] * s[b]) / (p[a] + p[b])
            strength += (p[a] + p[b]) * gap**2
    return contrast, busyness, complexity, strength


def coarseness(t: ToneDifference) -> float:
    """1 / Σ p_i s_i; 10⁶ where that is 0."""
    return 1 / t.roughness if t.roughness else 1e6


def contrast(t: ToneDifference) -> float:
    """Σ_ij p_i p_j (i - j)² / (N_g (N_g - 1)) · Σ s_i / N, N_g the number of levels that occur; 0 for one level."""
    n_levels = len(t.i)
    return t.pairs[0] / (n_levels * (n_levels - 1)) * float(t.s.sum()) / t.n_voxels if n_levels > 1 else 0.0


def busyness(t: ToneDifference) -> float:
    """Σ p_i s_i / Σ_ij |i p_i - j p_j|; 0 where the denominator is 0."""
    return t.roughness / t.pairs[1] if t.pairs[1] else 0.0


def complexity(t: ToneDifference) -> float:
    """1/N Σ_ij |i - j| (p_i s_i + p_j s_j) / (p_i + p_j)."""
    return t.pairs[2] / t.n_voxels


def strength(t: ToneDifference) -> float:
    """Σ_ij (p_i + p_j) (i - j)² / Σ s_i; 0 where the denominator is 0."""
    total = float(t.s.sum())
    return t.pairs[3] / total if total else 0.0


FEATURES = {
    "Busyness": busyness,
    "Coarseness": coarseness,
    "Complexity": complexity,
    "Contrast": contrast,
    "Strength": strength,
}
