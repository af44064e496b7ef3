"""What a network is trained to make small: weighted cross-entropy, and Cox's partial likelihood with ties.

The module imports torch: only code that trains may import it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radiokit.exceptions import OutcomeError, ParameterError

TIES = ("efron", "breslow")


def cross_entropy(score: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    r"""Weighted mean of :math:`\log(1 + e^{s}) - y s`, the negative log-likelihood of log-odds s."""
    loss = torch.nn.functional.softplus(score) - y * score
    return (weight * loss).sum() / weight.sum()


def risk_weights(time: NDArray[Any], event: NDArray[np.bool_], ties: str = "efron") -> NDArray[np.float64]:
    r"""How much each case counts in the risk set of each event.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Right-censored times.
    ties : {"efron", "breslow"}
        Breslow leaves all tied deaths in the risk set; Efron takes from it, at the k-th of d tied deaths (from 0), the
        share k/d of each (doi:10.1080/01621459.1977.10480613).

    Returns
    -------
    ndarray of shape (n_events, n)
        Rows in the order of the events among the cases; 0 outside of the risk set.

    Raises
    ------
    OutcomeError
        If there is no event.
    """
    if ties not in TIES:
        raise ParameterError(f"ties is {ties!r}; required: one of {', '.join(TIES)}.")
    deaths = np.flatnonzero(event)
    if not deaths.size:
        raise OutcomeError(f"none of {time.size} cases has an event; the partial likelihood needs one.")
    at_risk = (time[None, :] >= time[deaths, None]).astype(float)
    if ties == "breslow":
        return at_risk
    together = (time[None, :] == time[deaths, None]) & event[None, :]
    before = np.tril(together[:, deaths], -1).sum(axis=1)
    return at_risk - (before / together.sum(axis=1))[:, None] * together


def cox_loss(risk: torch.Tensor, time: NDArray[Any], event: NDArray[np.bool_], *, ties: str = "efron") -> torch.Tensor:
    r"""Return the negative log partial likelihood of Cox (doi:10.1111/j.2517-6161.1972.tb00899.x) per event.

    With log relative hazards :math:`\eta` and the weights w of `risk_weights`,
    :math:`-\frac1d \sum_i \{\eta_i - \log \sum_j w_{ij} e^{\eta_j}\}` over the d events i. The sums are over a matrix:
    no order is needed, and none changes between devices.
    """
    weights = torch.as_tensor(risk_weights(time, event, ties), dtype=risk.dtype, device=risk.device)
    deaths = torch.as_tensor(np.flatnonzero(event), device=risk.device)
    return (torch.logsumexp(risk[None, :] + weights.log(), dim=1) - risk[deaths]).mean()


@dataclass(frozen=True, eq=False)
class BinaryTarget:
    """A binary outcome with a weight for each class (negative, positive)."""

    y: NDArray[np.bool_]
    weights: tuple[float, float] = (1.0, 1.0)

    @property
    def events(self) -> NDArray[np.bool_]:
        """What batches and splits are stratified by."""
        return self.y

    def loss(self, score: torch.Tensor, rows: NDArray[np.intp]) -> torch.Tensor:
        """Weighted cross-entropy of these rows."""
        y = torch.as_tensor(self.y[rows], dtype=score.dtype, device=score.device)
        return cross_entropy(score, y, torch.where(y > 0, self.weights[1], self.weights[0]).to(score.dtype))

    def offset(self, risks: Callable[[], NDArray[np.float64]]) -> float:
        """Log-odds that the class weights add: without it the probabilities belong to another prevalence."""
        return math.log(self.weights[1] / self.weights[0])


@dataclass(frozen=True, eq=False)
class SurvivalTarget:
    """A survival outcome; the risk set of an event is made of the rows it is asked for."""

    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    ties: str = "efron"

    @property
    def events(self) -> NDArray[np.bool_]:
        """What batches and splits are stratified by."""
        return self.event

    def loss(self, score: torch.Tensor, rows: NDArray[np.intp]) -> torch.Tensor:
        """Cox's partial likelihood of these rows."""
        return cox_loss(score, self.time[rows], self.event[rows], ties=self.ties)

    def offset(self, risks: Callable[[], NDArray[np.float64]]) -> float:
        """Mean of the training risks: without it risks of different folds are on different scales."""
        return float(risks().mean())


Target = BinaryTarget | SurvivalTarget
