"""The losses of training: weighted cross-entropy, and Cox's partial likelihood with ties. No torch at import."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from radiokit.deep._torch import require_torch
from radiokit.exceptions import OutcomeError
from radiokit.preprocessing.choices import check_setting

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.intp]

TIES = ("efron", "breslow")


def cross_entropy(score: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    r"""Weighted mean of :math:`\log(1 + e^{s}) - y s`, the negative log-likelihood of log-odds s."""
    loss = require_torch().nn.functional.softplus(score) - y * score
    return (weight * loss).sum() / weight.sum()


def risk_weights(time: NDArray[Any], event: NDArray[np.bool_], ties: str = "efron") -> NDArray[np.float64]:
    """Return how much each case counts in the risk set of each event, (n_events, n); 0 outside of it.

    Breslow's ties leave all tied deaths in the risk set; Efron's take from it, at the k-th of d tied deaths (from 0),
    the share k/d of each (doi:10.1080/01621459.1977.10480613). OutcomeError where there is no event.
    """
    check_setting("", "ties", ties, TIES)
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
    torch = require_torch()
    weights = torch.as_tensor(risk_weights(time, event, ties), dtype=risk.dtype, device=risk.device)
    deaths = torch.as_tensor(np.flatnonzero(event), device=risk.device)
    return (torch.logsumexp(risk[None, :] + weights.log(), dim=1) - risk[deaths]).mean()


class Loss(Protocol):
    """What a network is trained to make small, for any rows of a table.

    Whatever chooses rows (early stopping, batches, the folds of a cross-fitting) asks the loss whether it can be
    computed from them.
    """

    @property
    def events(self) -> NDArray[np.bool_]:
        """What batches and splits are stratified by, for all rows of the table."""

    def usable(self, rows: Rows) -> bool:
        """Whether a network can learn from these rows, or be judged by them."""

    def has_gradient(self, rows: Rows) -> bool:
        """Whether one step can be taken with these rows alone."""

    def lack(self, rows: Rows) -> str:
        """Return why rows are not usable, and what is required."""

    def __call__(self, score: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Return the loss of these rows, given their scores."""

    def offset(self, scores: Callable[[], NDArray[np.float64]]) -> float:
        """Return what is subtracted from every score; `scores` computes those of the training rows."""

    def key(self) -> list[Any]:
        """Return everything that decides the loss, for the name of a checkpoint."""


@dataclass(frozen=True, eq=False)
class BinaryLoss:
    """Cross-entropy of a binary outcome with a weight for each class (negative, positive)."""

    events: NDArray[np.bool_]
    weights: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def balanced(cls, y: NDArray[np.bool_], rows: Rows) -> BinaryLoss:
        """Give both classes of these rows the same weight."""
        share = float(y[rows].mean())
        return cls(y, (0.5 / (1 - share), 0.5 / share))

    def usable(self, rows: Rows) -> bool:
        """Whether both classes are present."""
        return bool(self.events[rows].any() and not self.events[rows].all())

    def has_gradient(self, rows: Rows) -> bool:
        """Whether there is a row: each has a gradient of its own."""
        return rows.size > 0

    def lack(self, rows: Rows) -> str:
        """Return that a class is absent."""
        return f"{rows.size} cases of one class; required: cases of both"

    def __call__(self, score: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Weighted cross-entropy of these rows."""
        torch = require_torch()
        y = torch.as_tensor(self.events[rows], dtype=score.dtype, device=score.device)
        weight = torch.as_tensor(self.weights, dtype=score.dtype, device=score.device)
        return cross_entropy(score, y, torch.where(y > 0, weight[1], weight[0]))

    def offset(self, scores: Callable[[], NDArray[np.float64]]) -> float:
        """Log-odds that the class weights add: without it the probabilities belong to another prevalence."""
        return math.log(self.weights[1] / self.weights[0])

    def key(self) -> list[Any]:
        """Outcome and weights."""
        return ["binary", self.events, self.weights]


@dataclass(frozen=True, eq=False)
class CoxLoss:
    """Partial likelihood of a survival outcome; the risk set of an event is made of the rows it is asked for."""

    time: NDArray[np.float64]
    events: NDArray[np.bool_]
    ties: str = "efron"

    def usable(self, rows: Rows) -> bool:
        """Whether at some event another case is at risk: else every risk is as likely as any other."""
        time, event = self.time[rows], self.events[rows]
        return bool(event.any() and (time >= time[event].min()).sum() > 1)

    def has_gradient(self, rows: Rows) -> bool:
        """As `usable`: a single row has no gradient."""
        return self.usable(rows)

    def lack(self, rows: Rows) -> str:
        """Return that there is no event, or no case to compare it with."""
        if not self.events[rows].any():
            return f"{rows.size} cases without an event; required: one at least"
        return f"{rows.size} cases none of which is at risk at the event of another; required: longer follow-up"

    def __call__(self, score: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Cox's partial likelihood of these rows."""
        return cox_loss(score, self.time[rows], self.events[rows], ties=self.ties)

    def offset(self, scores: Callable[[], NDArray[np.float64]]) -> float:
        """Mean of the training risks: without it risks of different folds are on different scales."""
        return float(scores().mean())

    def key(self) -> list[Any]:
        """Outcome and ties."""
        return ["cox", self.time, self.events, self.ties]
