"""Cox's partial likelihood by Newton's method: the one computation under every Cox model here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.inputs import FloatArray
from radiokit.engine.newton import inverse, maximise

# Largest last step of the linear predictor, in standard deviations of a covariate, that still counts as converged.
DIVERGENT_STEP = 1e-3
# Log hazard ratios, of any case to the mean and of a standard deviation, that no finite maximum has: exp(100) is 1e43.
DIVERGENT_PREDICTOR, DIVERGENT_COEFFICIENT = 100.0, 10.0
# Smallest pivot of the standardised information; R's coxph uses eps ** 0.75.
ALIASED = 1e-11


@dataclass(frozen=True, eq=False)
class RiskSets:
    """The cases at risk at every event, as steps.

    Rows are the cases in `order`: by stratum, then time. Breslow's ties make one step of all deaths at a time; Efron's
    make one of each, from whose risk set the share of the tied deaths that is already gone is taken away (a block is a
    set of tied deaths).
    """

    order: NDArray[np.intp]
    strata: tuple[slice, ...]
    event: NDArray[np.bool_]
    weight: FloatArray
    block_start: NDArray[np.intp]
    block_of_death: NDArray[np.intp]
    block_time: FloatArray
    block_stratum: NDArray[np.intp]
    step_row: NDArray[np.intp]
    step_block: NDArray[np.intp]
    step_share: FloatArray
    step_weight: FloatArray
    row_first: NDArray[np.intp]
    row_last: NDArray[np.intp]

    def at_steps(self, v: FloatArray) -> FloatArray:
        """Sum of v over the risk set of each step."""
        total = np.empty_like(v)
        for rows in self.strata:
            total[rows] = np.cumsum(v[rows][::-1], axis=0)[::-1]
        dying = np.add.reduceat(v[self.event], self.block_start, axis=0)
        share = self.step_share if v.ndim == 1 else self.step_share[:, None]
        return total[self.step_row] - share * dying[self.step_block]

    def lived(self, h: FloatArray) -> FloatArray:
        """Sum of h over the steps that each row lives through, of its own tied deaths by its share in them."""
        running = np.concatenate([np.zeros_like(h[:1]), np.cumsum(h, axis=0)])
        total = running[self.row_last] - running[self.row_first]
        share = self.step_share if h.ndim == 1 else self.step_share[:, None]
        total[self.event] -= self.by_block(share * h)[self.block_of_death]
        return total

    def by_block(self, h: FloatArray) -> FloatArray:
        """Sum of h over the steps of each block of tied deaths."""
        first = np.flatnonzero(np.r_[True, self.step_block[1:] != self.step_block[:-1]])
        return np.add.reduceat(h, first, axis=0)


def risk_sets(
    time: FloatArray,
    event: NDArray[np.bool_],
    *,
    ties: str = "efron",
    strata: NDArray[np.intp] | None = None,
    weights: FloatArray | None = None,
) -> RiskSets:
    """Lay out the risk sets of right-censored data; `strata` are numbers from 0, and there is an event at least."""
    layer = np.zeros(time.size, dtype=np.intp) if strata is None else strata
    weight = np.ones(time.size) if weights is None else weights
    order = np.lexsort((time, layer))
    time, event, layer, weight = time[order], event[order], layer[order], weight[order]
    edges = np.flatnonzero(np.r_[True, layer[1:] != layer[:-1], True])
    parts = tuple(slice(int(a), int(b)) for a, b in pairwise(edges))
    new_time = np.r_[True, (time[1:] != time[:-1]) | (layer[1:] != layer[:-1])]
    first_row = np.flatnonzero(new_time)[np.cumsum(new_time) - 1]
    deaths = np.flatnonzero(event)
    block_start = np.flatnonzero(np.r_[True, first_row[deaths][1:] != first_row[deaths][:-1]])
    size = np.diff(np.append(block_start, deaths.size))
    block_of_death = np.repeat(np.arange(size.size), size)
    total = np.add.reduceat(weight[deaths], block_start)
    if ties == "efron":
        step_block = block_of_death
        step_share = (np.arange(deaths.size) - block_start[step_block]) / size[step_block]
        step_weight = (total / size)[step_block]
    else:
        step_block, step_share, step_weight = np.arange(size.size), np.zeros(size.size), total
    step_row = first_row[deaths[block_start]][step_block]
    begin = np.repeat([part.start for part in parts], [part.stop - part.start for part in parts])
    last_row = np.r_[np.flatnonzero(new_time)[1:], time.size][np.cumsum(new_time) - 1]
    return RiskSets(
        order=order,
        strata=parts,
        event=event,
        weight=weight,
        block_start=block_start,
        block_of_death=block_of_death,
        block_time=time[deaths[block_start]],
        block_stratum=layer[deaths[block_start]],
        step_row=step_row,
        step_block=step_block,
        step_share=step_share,
        step_weight=step_weight,
        row_first=np.searchsorted(step_row, begin, side="left"),
        row_last=np.searchsorted(step_row, last_row, side="left"),
    )


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Log partial likelihood at one linear predictor, with score and information; rows as in the risk sets.

    `risk` is the weighted hazard ratio of each row, `hazard` the increment of the baseline hazard at each step, `mean`
    the weighted mean of the covariates in each risk set.
    """

    value: float
    score: FloatArray
    information: FloatArray
    risk: FloatArray
    hazard: FloatArray
    mean: FloatArray


def partial_likelihood(sets: RiskSets, X: FloatArray, eta: FloatArray) -> PartialLikelihood:
    r"""Evaluate the partial likelihood of Cox 1972 (doi:10.1111/j.2517-6161.1972.tb00899.x) with its derivatives.

    With steps k of weight c_k, risk sums :math:`S_k = \sum w e^{\eta}` and means :math:`\bar x_k`,
    :math:`\ell = \sum_{deaths} w\eta - \sum_k c_k \log S_k`, the score is :math:`\sum_{deaths} w x - \sum_k c_k
    \bar x_k`, and the information :math:`\sum_k c_k \{(\sum w e^\eta x x^\top)/S_k - \bar x_k \bar x_k^\top\}`, whose
    first part is :math:`X^\top diag(w e^\eta H) X` with H the hazard that each row has lived through.
    """
    risk = sets.weight * np.exp(eta)
    total = sets.at_steps(risk)
    mean = sets.at_steps(risk[:, None] * X) / total[:, None]
    hazard = sets.step_weight / total
    dead, dead_weight = sets.event, sets.weight[sets.event]
    value = dead_weight @ eta[dead] - sets.step_weight @ np.log(total)
    score = dead_weight @ X[dead] - sets.step_weight @ mean
    lived = risk * sets.lived(hazard)
    information = (X * lived[:, None]).T @ X - (mean * sets.step_weight[:, None]).T @ mean
    return PartialLikelihood(float(value), score, information, risk, hazard, mean)


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model.

    `coef` and `covariance` are NaN for aliased covariates (constant, or linear in those before them). `infinite` marks
    coefficients that were still running away when Newton's method stopped. `centre` holds the weighted means of the
    covariates; the baseline hazard is that of a case with these values. `X` is centred, its rows ordered as in `sets`.
    """

    coef: FloatArray
    covariance: FloatArray
    log_likelihood: float
    log_likelihood_null: float
    score_statistic: float
    infinite: NDArray[np.bool_]
    centre: FloatArray
    sets: RiskSets
    X: FloatArray
    state: PartialLikelihood

    @property
    def used(self) -> NDArray[np.bool_]:
        """Covariates that are not aliased."""
        return np.isfinite(self.coef)


def fit_cox(
    X: FloatArray,
    time: FloatArray,
    event: NDArray[np.bool_],
    *,
    ties: str = "efron",
    strata: NDArray[np.intp] | None = None,
    weights: FloatArray | None = None,
) -> CoxFit:
    """Maximise Cox's partial likelihood by Newton's method with step halving.

    Parameters are taken as checked: finite X of shape (n, p), times >= 0, an event at least, positive weights. The
    iteration runs on standardised covariates until the log-likelihood cannot gain more than rounding.
    """
    sets = risk_sets(time, event, ties=ties, strata=strata, weights=weights)
    X = X[sets.order]
    centre = np.average(X, axis=0, weights=sets.weight)
    centred = X - centre
    scale = spread(centred, centre, sets.weight)
    Z = centred / np.where(scale > 0, scale, 1.0)
    start = partial_likelihood(sets, Z, np.zeros(len(Z)))
    used = independent_columns(start.information, float(sets.step_weight.sum())) & (scale > 0)
    Z = Z[:, used]
    gamma, state, step = maximise(lambda beta: partial_likelihood(sets, Z, Z @ beta), np.zeros(Z.shape[1]))
    begun = partial_likelihood(sets, Z, np.zeros(len(Z)))
    p = X.shape[1]
    coef, covariance, infinite = np.full(p, np.nan), np.full((p, p), np.nan), np.zeros(p, dtype=bool)
    coef[used] = gamma / scale[used]
    covariance[np.ix_(used, used)] = inverse(state.information) / np.outer(scale[used], scale[used])
    infinite[used] = runs_away(gamma, step, Z)
    return CoxFit(
        coef=coef,
        covariance=covariance,
        log_likelihood=state.value,
        log_likelihood_null=begun.value,
        score_statistic=float(begun.score @ np.linalg.solve(begun.information, begun.score)),
        infinite=infinite,
        centre=centre,
        sets=sets,
        X=centred,
        state=state,
    )


def spread(centred: FloatArray, centre: FloatArray, weight: FloatArray) -> FloatArray:
    """Return standard deviations (divisor n) of centred columns of any magnitude; 0 where only rounding is left."""
    largest = np.abs(centred).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    scale = unit * np.sqrt(np.average((centred / unit) ** 2, axis=0, weights=weight))
    return np.where(scale > 1e-12 * np.abs(centre), scale, 0.0)


def runs_away(beta: FloatArray, step: FloatArray, Z: FloatArray) -> NDArray[np.bool_]:
    """Mark the coefficients of standardised covariates that the last step had not brought to rest."""
    predictor = float(np.abs(Z @ beta).max())
    huge = (predictor > DIVERGENT_PREDICTOR) & (np.abs(beta) > DIVERGENT_COEFFICIENT)
    return (np.abs(step) > DIVERGENT_STEP) | huge


def quadratic_form(u: FloatArray, matrix: FloatArray) -> float:
    """Return ``u' matrix^-1 u`` of a covariance or information matrix, whatever the units of its rows."""
    size = np.sqrt(matrix.diagonal())
    size = np.where(size > 0, size, 1.0)
    v = u / size
    return float(v @ np.linalg.lstsq(matrix / np.outer(size, size), v, rcond=None)[0])


def independent_columns(information: FloatArray, events: float) -> NDArray[np.bool_]:
    """Mark the columns that are not linear in those before them, by Cholesky's elimination without pivoting."""
    rest = information.copy()
    keep = np.zeros(len(rest), dtype=bool)
    for j in range(len(rest)):
        if rest[j, j] > ALIASED * events:
            keep[j] = True
            rest[j + 1 :, j + 1 :] -= np.outer(rest[j + 1 :, j], rest[j, j + 1 :]) / rest[j, j]
    return keep
