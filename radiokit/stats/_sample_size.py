"""How many patients a prediction model needs: the criteria of Riley and colleagues."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import pandas as pd
from scipy.integrate import quad
from scipy.special import log_expit, ndtri

from radiokit.engine.inputs import check_shares
from radiokit.engine.results import Result
from radiokit.exceptions import InputError

# The paper's and pmsampsize's rounded quantile; 1.959964 can give one patient fewer.
_Z = 1.96


@dataclass(frozen=True, repr=False)
class SampleSize(Result):
    """The number of patients that a prediction model needs.

    Parameters
    ----------
    n : int
        Patients: the largest of the criteria.
    n_events : float
        Expected events among them.
    events_per_parameter : float
        ``n_events`` over the number of parameters.
    shrinkage : float
        Expected shrinkage factor at `n`.
    r2_cs, r2_max, r2_nagelkerke : float
        Cox-Snell R2 assumed, the largest possible, and their ratio.
    criteria : DataFrame
        ``criterion, description, n``, one row per criterion.

    Examples
    --------
    >>> from radiokit.stats import sample_size_binary
    >>> sample_size_binary(n_parameters=10, prevalence=0.5, r2_cs=0.5).n
    385
    """

    n: int
    n_events: float
    events_per_parameter: float
    shrinkage: float
    r2_cs: float
    r2_max: float
    r2_nagelkerke: float
    criteria: pd.DataFrame


def sample_size_binary(
    *,
    n_parameters: int,
    prevalence: float,
    r2_cs: float | None = None,
    r2_nagelkerke: float | None = None,
    c_statistic: float | None = None,
    shrinkage: float = 0.9,
    margin: float = 0.05,
) -> SampleSize:
    r"""Patients needed to develop a model of a binary outcome.

    Parameters
    ----------
    n_parameters : int
        Candidate predictor parameters: all that are looked at, not only those kept.
    prevalence : float
        Expected share of events.
    r2_cs, r2_nagelkerke, c_statistic : float, optional
        What the model is expected to reach; exactly one of them.
    shrinkage : float
        Least acceptable shrinkage factor.
    margin : float
        Acceptable difference of apparent and adjusted Nagelkerke R2, and error of the overall risk.

    Returns
    -------
    SampleSize
        Number of patients and events, and the number by each criterion.

    Raises
    ------
    InputError
        If not exactly one performance is given, or an argument is out of range.

    Notes
    -----
    With P parameters, :math:`R^2` Cox-Snell and :math:`\phi` the prevalence: (1) shrinkage S:
    :math:`n = P/[(S-1)\ln(1 - R^2/S)]`; (2) optimism: the same with
    :math:`S = R^2/(R^2 + \delta R^2_{max})`, :math:`R^2_{max} = 1 - [\phi^\phi (1-\phi)^{1-\phi}]^2`; (3) overall risk:
    :math:`n = (1.96/\delta)^2 \phi(1-\phi)` (doi:10.1136/bmj.m441, doi:10.1002/sim.7992; R package pmsampsize). A C
    statistic is turned into :math:`R^2` by normal linear predictors in events and non-events
    (doi:10.1002/sim.8806), here by integration where pmsampsize simulates.

    *How to read it.* A lower bound for a model without selection of predictors. With hundreds of radiomic features no
    cohort is large enough: reduce them without looking at the outcome first, and penalise.

    Examples
    --------
    >>> sample_size_binary(n_parameters=10, prevalence=0.5, r2_cs=0.5).criteria["n"].tolist()
    [124, 186, 385]
    """
    given = {"r2_cs": r2_cs, "r2_nagelkerke": r2_nagelkerke, "c_statistic": c_statistic}
    expected = {name: value for name, value in given.items() if value is not None}
    if len(expected) != 1:
        raise InputError(f"Give exactly one of {', '.join(given)}.")
    _check_numbers(prevalence=prevalence, **expected)
    _check(n_parameters, shrinkage, margin)
    check_shares(prevalence=prevalence)
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    r2_max = 1 - math.exp(2 * null)
    if r2_nagelkerke is not None:
        r2_cs = r2_nagelkerke * r2_max
    elif c_statistic is not None:
        r2_cs = _r2_of_c(c_statistic, prevalence)
    r2 = _check_r2(r2_cs, r2_max, shrinkage)
    risk = (_Z / margin) ** 2 * prevalence * (1 - prevalence)
    sizes = [_by_shrinkage(n_parameters, r2, shrinkage), _by_optimism(n_parameters, r2, r2_max, margin), risk]
    return _result(sizes, n_parameters, prevalence, r2, r2_max)


def sample_size_survival(
    *,
    n_parameters: int,
    r2_cs: float,
    event_rate: float,
    time_point: float,
    mean_follow_up: float,
    shrinkage: float = 0.9,
    margin: float = 0.05,
) -> SampleSize:
    r"""Patients needed to develop a model of a time to event.

    Parameters
    ----------
    n_parameters : int
        Candidate predictor parameters: all that are looked at, not only those kept.
    r2_cs : float
        Cox-Snell R2 that the model is expected to reach.
    event_rate : float
        Events per unit of follow-up time.
    time_point : float
        When risks are predicted, in the same unit.
    mean_follow_up : float
        Mean follow-up, in the same unit.
    shrinkage : float
        Least acceptable shrinkage factor.
    margin : float
        Acceptable optimism in Nagelkerke R2, and error of the overall risk at the time point.

    Returns
    -------
    SampleSize
        Number of patients and events, and the number by each criterion.

    Raises
    ------
    {out_of_range}

    Notes
    -----
    Criteria 1 and 2 as in `sample_size_binary` with :math:`R^2_{max} = 1 - \exp[2 e(\ln e - 1)]`, e the events per
    patient; (3) the upper confidence limit of the risk of an exponential model,
    :math:`1 - \exp[-(\lambda + 1.96\sqrt{\lambda/(n F)})t]`, exceeds the risk by no more than the margin
    (doi:10.1002/sim.7992; R package pmsampsize, which lets criterion 3 start at the largest of the others).
    *How to read it.* Events count, not patients: with few events a long table of patients does not help.

    Examples
    --------
    >>> sample_size_survival(n_parameters=30, r2_cs=0.051, event_rate=0.065, time_point=2, mean_follow_up=2.07).n
    5143
    """
    _check_numbers(r2_cs=r2_cs, event_rate=event_rate, time_point=time_point, mean_follow_up=mean_follow_up)
    _check(n_parameters, shrinkage, margin)
    for name, value in (("event_rate", event_rate), ("time_point", time_point), ("mean_follow_up", mean_follow_up)):
        if not value > 0:
            raise InputError(f"{name} is {value!r}; required: above 0.")
    events = event_rate * mean_follow_up
    r2_max = 1 - math.exp(2 * events * (math.log(events) - 1))
    r2 = _check_r2(r2_cs, r2_max, shrinkage)
    sizes = [
        _by_shrinkage(n_parameters, r2, shrinkage),
        _by_optimism(n_parameters, r2, r2_max, margin),
        _by_cumulative_risk(event_rate, time_point, mean_follow_up, margin),
    ]
    return _result(sizes, n_parameters, events, r2, r2_max)


def _by_shrinkage(parameters: int, r2: float, shrinkage: float) -> float:
    return parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage))


def _by_optimism(parameters: int, r2: float, r2_max: float, margin: float) -> float:
    return _by_shrinkage(parameters, r2, r2 / (r2 + margin * r2_max))


def _by_cumulative_risk(rate: float, time: float, follow_up: float, margin: float) -> float:
    """Solve the third criterion for n; 0 where the risk is so high that its limit cannot exceed it by the margin."""
    survival = math.exp(-rate * time)
    if survival <= margin:
        return 0.0
    reach = -math.log(survival - margin) / time - rate
    return rate / follow_up * (_Z / reach) ** 2


def _r2_of_c(c: float, prevalence: float) -> float:
    """Cox-Snell R2 of normal linear predictors with unit variance that reach a C statistic."""
    if not 0.5 < c < 1:
        raise InputError(f"c_statistic is {c!r}; required: between 0.5 and 1.")
    shift = math.sqrt(2) * float(ndtri(c))
    start = math.log(prevalence / (1 - prevalence)) - shift**2 / 2

    def gain(x: float) -> float:
        density = math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        without = (1 - prevalence) * density * (float(log_expit(-start - shift * x)) - math.log(1 - prevalence))
        above = x + shift
        with_event = prevalence * density * (float(log_expit(start + shift * above)) - math.log(prevalence))
        return without + with_event

    return 1 - math.exp(-2 * quad(gain, -12, 12, epsabs=1e-12)[0])


def _check_numbers(**arguments: object) -> None:
    for name, value in arguments.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            raise InputError(f"{name} is {value!r}; required: a finite number.")


def _check(n_parameters: int, shrinkage: float, margin: float) -> None:
    _check_numbers(n_parameters=n_parameters, shrinkage=shrinkage, margin=margin)
    if n_parameters < 1:
        raise InputError(f"n_parameters is {n_parameters}; required: 1 or more.")
    check_shares(shrinkage=shrinkage, margin=margin)


def _check_r2(r2: float | None, r2_max: float, shrinkage: float) -> float:
    if r2 is None or not 0 < r2 < min(r2_max, shrinkage):
        raise InputError(
            f"The Cox-Snell R2 is {r2!r}; required: above 0, below the largest possible here, {r2_max:.3g}, and below "
            f"the shrinkage, {shrinkage:g}."
        )
    return float(r2)


def _result(sizes: list[float], parameters: int, events: float, r2: float, r2_max: float) -> SampleSize:
    wanted = [math.ceil(size - 1e-9) for size in sizes]
    n = max(wanted)
    descriptions = ("shrinkage of predictor effects", "optimism in the apparent R2", "precision of the overall risk")
    # n = P/[(S-1) ln(1 - R2/S)] solved for S by bisection: the shrinkage that this n buys.
    low, high = r2 + 1e-12, 1 - 1e-12
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _by_shrinkage(parameters, r2, middle) < n else (low, middle)
    return SampleSize(
        n=n,
        n_events=n * events,
        events_per_parameter=n * events / parameters,
        shrinkage=(low + high) / 2,
        r2_cs=r2,
        r2_max=r2_max,
        r2_nagelkerke=r2 / r2_max,
        criteria=pd.DataFrame({"criterion": [1, 2, 3], "description": descriptions, "n": wanted}),
    )
