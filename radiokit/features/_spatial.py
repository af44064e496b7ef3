"""Spatial autocorrelation, whether neighbours resemble each other (IBSI N365, NPT7).

Sums over all pairs of voxels, weighted by 1 / distance, are convolutions: the Fourier transform takes them from N² to
N log N steps, without an approximation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairSums:
    """Sums over pairs of voxels k ≠ l with weights w_kl = 1 / distance, of d = x - mean(x)."""

    n: int
    weights: float  # Σ w_kl
    products: float  # Σ w_kl d_k d_l
    squares: float  # Σ w_kl (x_k - x_l)²
    variation: float  # Σ d_k²


def pair_sums(mask: np.ndarray, values: np.ndarray, spacing: np.ndarray) -> PairSums:
    """Collect the sums for a region cut to its box, with the values of its voxels, in mm."""
    from scipy import fft

    d = values - values.mean()
    field = np.zeros(mask.shape)
    field[mask] = d
    shape = [fft.next_fast_len(2 * size - 1, real=True) for size in mask.shape]
    steps = [np.minimum(np.arange(n), n - np.arange(n)) * h for n, h in zip(shape, spacing, strict=True)]
    distance = np.sqrt(steps[0][:, None, None] ** 2 + steps[1][:, None] ** 2 + steps[2] ** 2)
    distance[0, 0, 0] = np.inf
    kernel = fft.rfftn(1 / distance)

    def around(array: np.ndarray) -> np.ndarray:
        from scipy import fft

        box = tuple(slice(size) for size in mask.shape)
        return fft.irfftn(fft.rfftn(array, shape) * kernel, shape)[box][mask]

    weights, products = around(mask.astype(float)), around(field)
    return PairSums(
        n=len(d),
        weights=float(weights.sum()),
        products=float(d @ products),
        squares=float(2 * (d**2 @ weights - d @ products)),
        variation=float(d @ d),
    )


def morans_i(s: PairSums) -> float:
    """N / Σw · Σ w_kl d_k d_l / Σ d²: 1 resembling, 0 random, -1 alternating."""
    return s.n / s.weights * s.products / s.variation if s.variation and s.weights else float("nan")


def gearys_c(s: PairSums) -> float:
    """(N - 1) / (2 Σw) · Σ w_kl (x_k - x_l)² / Σ d²: 0 resembling, 1 random."""
    return (s.n - 1) / (2 * s.weights) * s.squares / s.variation if s.variation and s.weights else float("nan")
