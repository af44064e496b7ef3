"""Formulas that GLRLM, GLSZM, GLDZM, GLDM and NGLDM share: moments of a matrix of grey level i and extent j.

i is the grey level; j the run length, zone size, zone distance or dependence; n_ij a count; N its sum. Each function
returns one value for each matrix. The numbers are those of the IBSI reference manual (doi 10.1148/radiol.2020191145);
where a family has its own code for the same formula, `catalogue` has it.
"""

from __future__ import annotations

import numpy as np

from radiokit.features._matrices._counts import CountMatrix

EPS = np.spacing(1.0)  # pyradiomics adds it inside logarithms; it moves a value by less than 1e-12


def entropy_of(p: np.ndarray) -> np.ndarray:
    """-Σ p log2 p along the last axis; 0, and not the rounding error below it, where one p is 1."""
    return np.maximum(-(p * np.log2(p + EPS)).sum(axis=-1), 0.0) + 0.0


def _mean(m: CountMatrix, weight: np.ndarray) -> np.ndarray:
    return m.n @ weight / m.total


def _variance(values: np.ndarray, sums: np.ndarray, total: np.ndarray) -> np.ndarray:
    p = sums / total[:, None]
    mean = p @ values
    return (p * (values - mean[:, None]) ** 2).sum(axis=1)


def small_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij / j²."""
    return _mean(m, 1 / m.j**2)


def large_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij j²."""
    return _mean(m, m.j**2)


def low_level_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij / i²."""
    return _mean(m, 1 / m.i**2)


def high_level_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij i²."""
    return _mean(m, m.i**2)


def small_low_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij / (i² j²)."""
    return _mean(m, 1 / (m.i**2 * m.j**2))


def small_high_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij i² / j²."""
    return _mean(m, m.i**2 / m.j**2)


def large_low_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij j² / i²."""
    return _mean(m, m.j**2 / m.i**2)


def large_high_emphasis(m: CountMatrix) -> np.ndarray:
    """1/N Σ n_ij i² j²."""
    return _mean(m, m.i**2 * m.j**2)


def level_nonuniformity(m: CountMatrix) -> np.ndarray:
    """1/N Σ_i (Σ_j n_ij)²."""
    return (m.by_level[1] ** 2).sum(axis=1) / m.total


def level_nonuniformity_normalised(m: CountMatrix) -> np.ndarray:
    """1/N² Σ_i (Σ_j n_ij)²."""
    return (m.by_level[1] ** 2).sum(axis=1) / m.total**2


def extent_nonuniformity(m: CountMatrix) -> np.ndarray:
    """1/N Σ_j (Σ_i n_ij)²."""
    return (m.by_extent[1] ** 2).sum(axis=1) / m.total


def extent_nonuniformity_normalised(m: CountMatrix) -> np.ndarray:
    """1/N² Σ_j (Σ_i n_ij)²."""
    return (m.by_extent[1] ** 2).sum(axis=1) / m.total**2


def level_variance(m: CountMatrix) -> np.ndarray:
    """Σ p_ij (i - μ)² with μ = Σ p_ij i."""
    return _variance(*m.by_level, m.total)


def extent_variance(m: CountMatrix) -> np.ndarray:
    """Σ p_ij (j - μ)² with μ = Σ p_ij j."""
    return _variance(*m.by_extent, m.total)


def entropy(m: CountMatrix) -> np.ndarray:
    """-Σ p_ij log2 p_ij."""
    return entropy_of(m.n / m.total[:, None])


def energy(m: CountMatrix) -> np.ndarray:
    """Σ p_ij²."""
    return ((m.n / m.total[:, None]) ** 2).sum(axis=1)


def percentage(m: CountMatrix) -> np.ndarray:
    """N / Σ n_ij j: the share of the number that there would be if all had extent 1."""
    return m.total / (m.n @ m.j)
