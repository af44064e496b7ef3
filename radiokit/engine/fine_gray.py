"""The proportional subdistribution hazards model of Fine and Gray: likelihood, Newton's method, sandwich."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiokit.engine.censoring import survival_function
from radiokit.engine.cox import independent_columns, runs_away, spread
from radiokit.engine.inputs import FloatArray
from radiokit.engine.newton import inverse, maximise
from radiokit.exceptions import InputError


@dataclass(frozen=True, eq=False)
class SubdistributionSets:
    r"""Cases in the order of time, with the weights of those that had a competing event.

    At an event time t, a case with :math:`T_i \ge t` counts fully, one with a competing event before t with
    :math:`\hat G(t-)/\hat G(T_i-)`, where G is the Kaplan-Meier estimate of remaining uncensored (as survfit on the
    censorings, the convention of cmprsk::crr).
    """

    order: NDArray[np.intp]
    time: FloatArray
    mine: NDArray[np.bool_]
    competing: NDArray[np.bool_]
    censored: NDArray[np.bool_]
    gone: FloatArray
    times: FloatArray
    events: FloatArray
    uncensored: FloatArray
    first: NDArray[np.intp]
    reached: NDArray[np.intp]

    def at_events(self, v: FloatArray) -> FloatArray:
        """Weighted sum of v over the risk set of each event time."""
        alive = np.cumsum(v[::-1], axis=0)[::-1][self.first]
        gone = self.gone if v.ndim == 1 else self.gone[:, None]
        lost = np.concatenate([np.zeros_like(v[:1]), np.cumsum(v * gone, axis=0)])[self.first]
        return alive + (self.uncensored if v.ndim == 1 else self.uncensored[:, None]) * lost

    def lived(self, h: FloatArray) -> FloatArray:
        """Sum of h over the event times of each row, weighted as the row is at risk at them."""
        weighted = h * (self.uncensored if h.ndim == 1 else self.uncensored[:, None])
        before = np.concatenate([np.zeros_like(h[:1]), np.cumsum(h, axis=0)])[self.reached]
        running = np.concatenate([np.zeros_like(h[:1]), np.cumsum(weighted, axis=0)])
        gone = self.gone if h.ndim == 1 else self.gone[:, None]
        return before + gone * (running[-1] - running[self.reached])


def subdistribution_sets(time: FloatArray, cause: NDArray[np.int_], of_interest: int) -> SubdistributionSets:
    """Lay out the risk sets of one cause."""
    order = np.argsort(time, kind="stable")
    t, c = time[order], cause[order]
    mine, competing, censored = c == of_interest, (c > 0) & (c != of_interest), c == 0
    uncensored = survival_function(t, censored)
    times, events = np.unique(t[mine], return_counts=True)
    return SubdistributionSets(
        order=order,
        time=t,
        mine=mine,
        competing=competing,
        censored=censored,
        gone=np.where(competing, 1 / np.where(competing, uncensored.before(t), 1.0), 0.0),
        times=times,
        events=events.astype(float),
        uncensored=uncensored.before(times),
        first=np.searchsorted(t, times, side="left"),
        reached=np.searchsorted(times, t, side="right"),
    )


@dataclass(frozen=True, eq=False)
class FineGrayFit:
    """A fitted model; NaN for aliased covariates. `hazard` are the jumps of the baseline at `times`, at the centre."""

    coef: FloatArray
    covariance: FloatArray
    log_likelihood: float
    log_likelihood_null: float
    infinite: NDArray[np.bool_]
    centre: FloatArray
    times: FloatArray
    hazard: FloatArray


@dataclass(frozen=True, eq=False)
class _State:
    value: float
    score: FloatArray
    information: FloatArray
    risk: FloatArray
    total: FloatArray
    mean: FloatArray


def fit_fine_gray(X: FloatArray, time: FloatArray, cause: NDArray[np.int_], of_interest: int) -> FineGrayFit:
    """Maximise the weighted partial likelihood (Breslow's ties); the covariance is Fine and Gray's sandwich.

    Source: Fine and Gray 1999, doi:10.1080/01621459.1999.10474144; as cmprsk::crr.
    """
    sets = subdistribution_sets(time, cause, of_interest)
    X = X[sets.order]
    centre = X.mean(axis=0)
    scale = spread(X - centre, centre, np.ones(len(X)))
    Z = (X - centre) / np.where(scale > 0, scale, 1.0)
    start = _evaluate(sets, Z, np.zeros(Z.shape[1]))
    used = independent_columns(start.information, float(sets.events.sum())) & (scale > 0)
    if not used.any():
        raise InputError(f"None of the {X.shape[1]} covariates varies; required: one at least that does.")
    Z = Z[:, used]
    beta, state, step = maximise(lambda beta: _evaluate(sets, Z, beta), np.zeros(Z.shape[1]))
    bread = inverse(state.information)
    meat = _influence(sets, Z, state)
    sandwich = bread @ (meat.T @ meat) @ bread / np.outer(scale[used], scale[used])
    p = X.shape[1]
    coef, covariance, infinite = np.full(p, np.nan), np.full((p, p), np.nan), np.zeros(p, dtype=bool)
    coef[used], covariance[np.ix_(used, used)] = beta / scale[used], sandwich
    infinite[used] = runs_away(beta, step, Z)
    return FineGrayFit(
        coef=coef,
        covariance=covariance,
        log_likelihood=state.value,
        log_likelihood_null=start.value,
        infinite=infinite,
        centre=centre,
        times=sets.times,
        hazard=sets.events / state.total,
    )


def _evaluate(sets: SubdistributionSets, Z: FloatArray, beta: FloatArray) -> _State:
    eta = Z @ beta
    risk = np.exp(eta)
    total = sets.at_events(risk)
    mean = sets.at_events(risk[:, None] * Z) / total[:, None]
    value = float(eta[sets.mine].sum() - sets.events @ np.log(total))
    score = Z[sets.mine].sum(axis=0) - sets.events @ mean
    lived = risk * sets.lived(sets.events / total)
    information = (Z * lived[:, None]).T @ Z - (mean * sets.events[:, None]).T @ mean
    return _State(value, score, information, risk, total, mean)


def _influence(sets: SubdistributionSets, Z: FloatArray, state: _State) -> FloatArray:
    r"""Contribution of each case to the score, :math:`\eta_i + \psi_i` (psi: through the estimated censoring)."""
    hazard = sets.events / state.total
    lived, lived_mean = sets.lived(hazard), sets.lived(hazard[:, None] * state.mean)
    eta = -state.risk[:, None] * (Z * lived[:, None] - lived_mean)
    eta[sets.mine] += Z[sets.mine] - state.mean[np.searchsorted(sets.times, sets.time[sets.mine])]
    return eta + _censoring_term(sets, Z, state)


def _censoring_term(sets: SubdistributionSets, Z: FloatArray, state: _State) -> FloatArray:
    r""":math:`\psi_i = \int q(u)/Y(u)\,dM^c_i(u)`, with Y at risk and the martingale of the censoring of case i.

    q(u) sums, over event times from u on and cases with a competing event before u, the difference of their
    covariates to the mean of the risk set, weighted as they count there.
    """
    lost = sets.competing * state.risk * sets.gone
    times = np.unique(sets.time[sets.censored])
    if not times.size:
        return np.zeros_like(Z)
    gone = np.searchsorted(sets.time, times, side="left")
    weight = np.append(0.0, np.cumsum(lost))[gone]
    moment = np.concatenate([np.zeros((1, Z.shape[1])), np.cumsum(lost[:, None] * Z, axis=0)])[gone]
    share = sets.uncensored * sets.events / state.total
    ahead = np.searchsorted(sets.times, times, side="left")
    later = np.append(np.cumsum(share[::-1])[::-1], 0.0)[ahead]
    running = np.cumsum((share[:, None] * state.mean)[::-1], axis=0)[::-1]
    later_mean = np.concatenate([running, np.zeros((1, Z.shape[1]))])[ahead]
    q = moment * later[:, None] - weight[:, None] * later_mean
    at_risk = (sets.time.size - gone).astype(float)
    censored = np.bincount(np.searchsorted(times, sets.time[sets.censored]), minlength=times.size)
    drift = np.concatenate([np.zeros((1, Z.shape[1])), np.cumsum(q * (censored / at_risk**2)[:, None], axis=0)])
    psi = -drift[np.searchsorted(times, sets.time, side="right")]
    place = np.searchsorted(times, sets.time[sets.censored])
    psi[sets.censored] += q[place] / at_risk[place][:, None]
    return psi
