"""Grey level co-occurrence matrix (GLCM; IBSI LFYI; Haralick 1973, doi 10.1109/TSMC.1973.4309314).

p_ij is the probability that level i has level j beside it; p_x, p_y are its marginals; p_diff(k), p_sum(k) the
probabilities that |i - j| = k and i + j = k. Each function returns one value for each matrix (a direction, or whatever
was counted apart).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from radiokit.features._emphasis import EPS, entropy_of
from radiokit.features._matrices._counts import CountMatrix, marginal
from radiokit.features._matrices._pairs import DENSE_LEVELS


class JointProbability:
    """The matrices of `CountMatrix` as probabilities, with what several formulas need.

    Parameters
    ----------
    matrix : CountMatrix
        Counts of pairs of levels.
    n_levels : int
        Highest grey level, N_g of the normalised inverse differences.
    n_present : int, optional
        How many different levels the region has, with or without neighbours; None counts those of the matrix.
    """

    def __init__(self, matrix: CountMatrix, n_levels: int, n_present: int | None = None) -> None:
        self.i, self.j, self.n_levels = matrix.i, matrix.j, n_levels
        self.total = matrix.total
        self.p = matrix.n / matrix.total[:, None]
        self.levels = np.union1d(self.i, self.j)
        self.n_present = len(self.levels) if n_present is None else n_present

    def over_levels(self, index: np.ndarray) -> np.ndarray:
        """Sum p over cells of one `index`, shape (n_matrices, n_levels)."""
        out = np.zeros((len(self.p), len(self.levels)))
        values, sums = marginal(index, self.p)
        out[:, np.searchsorted(self.levels, values)] = sums
        return out

    @cached_property
    def px(self) -> np.ndarray:
        """p_x(i), shape (n_matrices, n_levels)."""
        return self.over_levels(self.i)

    @cached_property
    def py(self) -> np.ndarray:
        """p_y(j), shape (n_matrices, n_levels)."""
        return self.over_levels(self.j)

    @cached_property
    def difference(self) -> tuple[np.ndarray, np.ndarray]:
        """K and p_diff(k)."""
        return marginal(np.abs(self.i - self.j), self.p)

    @cached_property
    def addition(self) -> tuple[np.ndarray, np.ndarray]:
        """K and p_sum(k)."""
        return marginal(self.i + self.j, self.p)

    @cached_property
    def mean_x(self) -> np.ndarray:
        """Σ i p_ij."""
        return self.p @ self.i

    @cached_property
    def mean_y(self) -> np.ndarray:
        """Σ j p_ij."""
        return self.p @ self.j

    @cached_property
    def joint_entropy(self) -> np.ndarray:
        """HXY = -Σ p_ij log2 p_ij."""
        return _entropy(self.p)

    @cached_property
    def centred_sum(self) -> np.ndarray:
        """I + j - μ_x - μ_y, a row for each matrix."""
        return (self.i + self.j) - (self.mean_x + self.mean_y)[:, None]


def _entropy(p: np.ndarray) -> np.ndarray:
    # With the rounding error of pyradiomics, which differences of entropies have to share.
    return -(p * np.log2(p + EPS)).sum(axis=1)


def autocorrelation(g: JointProbability) -> np.ndarray:
    """Σ i j p_ij."""
    return g.p @ (g.i * g.j)


def joint_average(g: JointProbability) -> np.ndarray:
    """Σ i p_ij."""
    return g.mean_x


def cluster_tendency(g: JointProbability) -> np.ndarray:
    """Σ (i + j - μ_x - μ_y)² p_ij."""
    return (g.p * g.centred_sum**2).sum(axis=1)


def cluster_shade(g: JointProbability) -> np.ndarray:
    """Σ (i + j - μ_x - μ_y)³ p_ij."""
    return (g.p * g.centred_sum**2 * g.centred_sum).sum(axis=1)


def cluster_prominence(g: JointProbability) -> np.ndarray:
    """Σ (i + j - μ_x - μ_y)⁴ p_ij."""
    return (g.p * (g.centred_sum**2) ** 2).sum(axis=1)


def contrast(g: JointProbability) -> np.ndarray:
    """Σ (i - j)² p_ij."""
    return g.p @ (g.i - g.j) ** 2


def correlation(g: JointProbability) -> np.ndarray:
    """Σ (i - μ_x)(j - μ_y) p_ij / (σ_x σ_y); 1 where a marginal has one level only."""
    x, y = g.i - g.mean_x[:, None], g.j - g.mean_y[:, None]
    sd_x, sd_y = np.sqrt((g.p * x**2).sum(axis=1)), np.sqrt((g.p * y**2).sum(axis=1))
    one_level = ((g.px > 0).sum(axis=1) == 1) | ((g.py > 0).sum(axis=1) == 1)  # where rounding leaves no exact 0
    return np.where(one_level, 1.0, (g.p * x * y).sum(axis=1) / (sd_x * sd_y + EPS))


def difference_average(g: JointProbability) -> np.ndarray:
    """Σ k p_diff(k)."""
    k, p = g.difference
    return p @ k


def difference_entropy(g: JointProbability) -> np.ndarray:
    """-Σ p_diff log2 p_diff."""
    return entropy_of(g.difference[1])


def difference_variance(g: JointProbability) -> np.ndarray:
    """Σ (k - μ_diff)² p_diff(k)."""
    k, p = g.difference
    return (p * (k - difference_average(g)[:, None]) ** 2).sum(axis=1)


def inverse_difference(g: JointProbability) -> np.ndarray:
    """Σ p_diff(k) / (1 + k)."""
    k, p = g.difference
    return p @ (1 / (1 + k))


def inverse_difference_moment(g: JointProbability) -> np.ndarray:
    """Σ p_diff(k) / (1 + k²)."""
    k, p = g.difference
    return p @ (1 / (1 + k**2))


def inverse_difference_normalised(g: JointProbability) -> np.ndarray:
    """Σ p_diff(k) / (1 + k / N_g)."""
    k, p = g.difference
    return p @ (1 / (1 + k / g.n_levels))


def inverse_difference_moment_normalised(g: JointProbability) -> np.ndarray:
    """Σ p_diff(k) / (1 + k² / N_g²)."""
    k, p = g.difference
    return p @ (1 / (1 + k**2 / g.n_levels**2))


def inverse_variance(g: JointProbability) -> np.ndarray:
    """Σ p_diff(k) / k² over k > 0."""
    k, p = g.difference
    return p[:, k > 0] @ k[k > 0] ** -2.0


def joint_energy(g: JointProbability) -> np.ndarray:
    """Σ p_ij² (angular second moment)."""
    return (g.p**2).sum(axis=1)


def joint_entropy(g: JointProbability) -> np.ndarray:
    """-Σ p_ij log2 p_ij."""
    return np.maximum(g.joint_entropy, 0.0) + 0.0


def maximum_probability(g: JointProbability) -> np.ndarray:
    """Max p_ij (joint maximum)."""
    return g.p.max(axis=1, initial=0)


def sum_average(g: JointProbability) -> np.ndarray:
    """Σ k p_sum(k)."""
    k, p = g.addition
    return p @ k


def sum_entropy(g: JointProbability) -> np.ndarray:
    """-Σ p_sum log2 p_sum."""
    return entropy_of(g.addition[1])


def sum_squares(g: JointProbability) -> np.ndarray:
    """Σ (i - μ_x)² p_ij (joint variance)."""
    return (g.p * (g.i - g.mean_x[:, None]) ** 2).sum(axis=1)


def information_correlation_1(g: JointProbability) -> np.ndarray:
    """(HXY - HXY1) / max(HX, HY) with HXY1 = -Σ p_ij log2(p_x(i) p_y(j))."""
    px, py = (m[:, np.searchsorted(g.levels, index)] for m, index in ((g.px, g.i), (g.py, g.j)))
    hxy1 = -(g.p * np.log2(px * py + EPS)).sum(axis=1)
    largest = np.fmax(_entropy(g.px), _entropy(g.py))
    return np.where(largest == 0, 0.0, (g.joint_entropy - hxy1) / np.where(largest == 0, 1.0, largest))


def information_correlation_2(g: JointProbability) -> np.ndarray:
    """sqrt(1 - exp(-2 (HXY2 - HXY))) with HXY2 = -Σ p_x(i) p_y(j) log2(p_x(i) p_y(j)); 0 where they are equal."""
    if len(g.levels) <= DENSE_LEVELS:
        product = g.px[:, :, None] * g.py[:, None, :]
        hxy2 = -(product * np.log2(product + EPS)).sum(axis=(1, 2))
    else:
        hxy2 = np.array([_product_entropy(px, py) for px, py in zip(g.px, g.py, strict=True)])
    gain = 1 - np.exp(-2 * (hxy2 - g.joint_entropy))
    return np.where(gain < 0, np.nan, np.sqrt(np.abs(gain)))


def _product_entropy(px: np.ndarray, py: np.ndarray) -> float:
    """-Σ_ij of p_x(i) p_y(j) log2(p_x(i) p_y(j)); levels of equal probability are taken together."""
    (x, nx), (y, ny) = (np.unique(p, return_counts=True) for p in (px, py))
    product = np.multiply.outer(x, y)
    return -float(nx @ (product * np.log2(product + EPS)) @ ny)


def maximal_correlation_coefficient(g: JointProbability) -> np.ndarray:
    """Second largest singular value of p_ij / sqrt(p_x(i) p_y(j)).

    Haralick's Q = Σ_k p_ik p_jk / (p_x(i) p_y(k)) is similar to the square of that matrix; its second largest
    eigenvalue is the square of the value sought. pyradiomics solves the eigenproblem of Q itself with a constant added
    to the denominators, which costs it up to 2e-4. 1 where there is one level only.
    """
    if g.n_present < 2:
        return np.ones(len(g.p))
    if len(g.levels) < 2:
        return np.zeros(len(g.p))
    rows, columns = np.searchsorted(g.levels, g.i), np.searchsorted(g.levels, g.j)
    values = np.full(len(g.p), np.nan)
    known = np.flatnonzero(~np.isnan(g.total))
    product = g.px[known][:, rows] * g.py[known][:, columns]
    scaled = np.divide(g.p[known], np.sqrt(product), out=np.zeros_like(product), where=product > 0)
    if len(g.levels) <= DENSE_LEVELS:
        tables = np.zeros((len(known), len(g.levels), len(g.levels)))
        tables[:, rows, columns] = scaled
        values[known] = _second_of_tables(tables)
    else:
        values[known] = [_second_of_cells(cells, rows, columns, len(g.levels)) for cells in scaled]
    return values


def _second_of_tables(tables: np.ndarray) -> np.ndarray:
    if np.array_equal(tables, tables.transpose(0, 2, 1)):
        return np.sort(np.abs(np.linalg.eigvalsh(tables)), axis=1)[:, -2]
    return np.linalg.svd(tables, compute_uv=False)[:, 1]


def _second_of_cells(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, n: int) -> float:
    """Second singular value of a table of which few cells are filled, from these."""
    from scipy import sparse
    from scipy.sparse.linalg import svds

    filled = values > 0
    matrix = sparse.csr_array((values[filled], (rows[filled], columns[filled])), shape=(n, n))
    if _n_blocks(matrix) > 1:
        return 1.0  # each block has a first singular value of its own, and each is 1
    # Lanczos' method needs no table. Its start must not be random.
    return float(min(svds(matrix, k=2, v0=np.linspace(1, 2, n), return_singular_vectors=False)))


def _n_blocks(matrix: Any) -> int:
    """Into how many parts without a common row or column the filled cells fall."""
    from scipy import sparse

    _, block = sparse.csgraph.connected_components(sparse.block_array([[None, matrix], [matrix.T, None]]))
    return len(np.unique(block[matrix.tocoo().coords[0]]))


FEATURES = {
    "Autocorrelation": autocorrelation,
    "ClusterProminence": cluster_prominence,
    "ClusterShade": cluster_shade,
    "ClusterTendency": cluster_tendency,
    "Contrast": contrast,
    "Correlation": correlation,
    "DifferenceAverage": difference_average,
    "DifferenceEntropy": difference_entropy,
    "DifferenceVariance": difference_variance,
    "Id": inverse_difference,
    "Idm": inverse_difference_moment,
    "Idmn": inverse_difference_moment_normalised,
    "Idn": inverse_difference_normalised,
    "Imc1": information_correlation_1,
    "Imc2": information_correlation_2,
    "InverseVariance": inverse_variance,
    "JointAverage": joint_average,
    "JointEnergy": joint_energy,
    "JointEntropy": joint_entropy,
    "MCC": maximal_correlation_coefficient,
    "MaximumProbability": maximum_probability,
    "SumAverage": sum_average,
    "SumEntropy": sum_entropy,
    "SumSquares": sum_squares,
    "Dissimilarity": difference_average,
    "Homogeneity1": inverse_difference,
    "Homogeneity2": inverse_difference_moment,
    "SumVariance": cluster_tendency,
}
