"""Eigenvalues of small symmetric matrices, one at a time and on one thread.

Linear algebra libraries lose more time in waking their threads than such matrices need.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def second_singular_value(matrix):  # type: ignore[no-untyped-def]
    """Second largest absolute eigenvalue of a symmetric matrix; the matrix is overwritten."""
    diagonal, side = _tridiagonal(matrix)
    n = diagonal.size
    largest, second = _eigenvalue(diagonal, side, n - 1), _eigenvalue(diagonal, side, n - 2)
    smallest = _eigenvalue(diagonal, side, 0)
    if -smallest > largest:  # the largest in absolute value is the negative end
        return max(largest, -_eigenvalue(diagonal, side, 1))
    return max(second, -smallest)


@njit(cache=True, nogil=True)
def _tridiagonal(a):  # type: ignore[no-untyped-def]
    # Householder reflections, Golub & Van Loan, algorithm 8.3.1.
    n = a.shape[0]
    side = np.zeros(n)
    v = np.zeros(n)
    w = np.zeros(n)
    for k in range(n - 2):
        square = 0.0
        for i in range(k + 1, n):
            square += a[i, k] ** 2
        alpha = -np.sqrt(square) if a[k + 1, k] > 0 else np.sqrt(square)
        side[k] = alpha
        norm = square - alpha * a[k + 1, k]  # half of the squared length of v
        if norm <= 1e-300:
            side[k] = a[k + 1, k]
            continue
        for i in range(k + 1, n):
            v[i] = a[i, k]
        v[k + 1] -= alpha
        inner = 0.0
        for i in range(k + 1, n):
            total = 0.0
            for j in range(k + 1, n):
                total += a[i, j] * v[j]
            w[i] = total / norm
            inner += w[i] * v[i]
        inner /= 2 * norm
        for i in range(k + 1, n):
            w[i] -= inner * v[i]
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                a[i, j] -= v[i] * w[j] + w[i] * v[j]
    if n > 1:
        side[n - 2] = a[n - 1, n - 2]
    return np.diag(a).copy(), side[: n - 1].copy()


@njit(cache=True, nogil=True)
def _eigenvalue(diagonal, side, rank):  # type: ignore[no-untyped-def]
    # Bisection: the signs of a Sturm sequence say how many eigenvalues lie below a value.
    reach = 0.0
    for i in range(diagonal.size):
        around = abs(diagonal[i])
        if i > 0:
            around += abs(side[i - 1])
        if i < side.size:
            around += abs(side[i])
        reach = max(reach, around)
    low, high = -reach, reach
    while high - low > 1e-15 * reach:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        below = 0
        pivot = 1.0
        for i in range(diagonal.size):
            coupling = side[i - 1] ** 2 / pivot if i > 0 else 0.0
            pivot = diagonal[i] - middle - coupling
            if pivot == 0:
                pivot = 1e-300
            below += pivot < 0
        if below > rank:
            high = middle
        else:
            low = middle
    return (low + high) / 2
