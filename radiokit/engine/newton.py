"""Newton's method with step halving: the one iteration under the logistic, the Cox and Fine and Gray's model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from radiokit.engine.inputs import FloatArray

MAX_ITERATIONS = 60
# Newton's decrement (twice the expected gain in log-likelihood) at which the next step, still taken, is the last.
TOLERANCE = 1e-10


class Likelihood(Protocol):
    """A log-likelihood at some coefficients, its gradient, and its information matrix."""

    @property
    def value(self) -> float:
        """The log-likelihood."""

    @property
    def score(self) -> FloatArray:
        """Its gradient."""

    @property
    def information(self) -> FloatArray:
        """Its negative second derivatives."""


L = TypeVar("L", bound=Likelihood)


def maximise(evaluate: Callable[[FloatArray], L], start: FloatArray) -> tuple[FloatArray, L, FloatArray]:
    """Return the coefficients of the maximum, the likelihood there, and the last step."""
    beta, state, step = start, evaluate(start), np.zeros_like(start)
    for _ in range(MAX_ITERATIONS):
        proposal = inverse(state.information) @ state.score
        last = float(state.score @ proposal) < TOLERANCE
        step, state = _ascend(evaluate, beta, state, proposal)
        beta = beta + step
        if last:
            break
    return beta, state, step


def _ascend(evaluate: Callable[[FloatArray], L], beta: FloatArray, state: L, step: FloatArray) -> tuple[FloatArray, L]:
    """Take the step, halved until the likelihood does not fall by more than rounding."""
    slack = 1e-12 * (1 + abs(state.value))
    for _ in range(30):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            following = evaluate(beta + step)
        if following.value >= state.value - slack and np.isfinite(following.information).all():
            return step, following
        step = step / 2
    return np.zeros_like(step), state


def inverse(information: FloatArray) -> FloatArray:
    """Inverse of an information matrix; the pseudo-inverse where a likelihood without maximum has flattened it."""
    try:
        return np.asarray(np.linalg.inv(information), dtype=float)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)
