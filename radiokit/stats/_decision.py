"""Decision curves: what acting on a prediction gains, in dcurves' vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.horizon import FollowUp, follow_up, is_competing_target
from radiokit.engine.inputs import (
    FloatArray,
    SurvivalOutcome,
    check_named_columns,
    check_probability,
    check_shares,
    columns_of,
)
from radiokit.exceptions import InputError
from radiokit.utils import check_binary_target, is_survival_target, same_rows

Rates = tuple[FloatArray, FloatArray, FloatArray]


def decision_curve(
    y_true: ArrayLike | SurvivalOutcome,
    probabilities: pd.DataFrame | Mapping[str, ArrayLike],
    *,
    thresholds: ArrayLike | None = None,
    prevalence: float | None = None,
    time: float | None = None,
    harm: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    r"""Net benefit of treating by a model, by threshold probability, as dcurves ``dca``.

    Parameters
    ----------
    {decision_inputs} {decision_options}

    Returns
    -------
    DataFrame
        One row per model and threshold, models ``all`` and ``none`` first: ``model, threshold, n, prevalence,
        test_pos_rate, tp_rate, fp_rate, net_benefit, net_intervention_avoided`` (the last per patient).

    Raises
    ------
    OutcomeError
        If a binary outcome has missing or other values, or the horizon lies beyond the follow-up.
    InputError
        If probabilities are missing or outside [0, 1], a model is called ``all`` or ``none``, a threshold is outside
        [0, 1), or `time` and the kind of outcome do not fit.

    Notes
    -----
    :math:`NB(t) = TP/n - FP/n \cdot t/(1-t) - \text{harm}`, positive is :math:`p \ge t`
    (doi:10.1177/0272989X06295361). Case-control: :math:`TP/n = \mathrm{se}\,\pi`,
    :math:`FP/n = (1-\mathrm{sp})(1-\pi)`.
    Survival: :math:`TP/n = P(+)\,F(\text{time} \mid +)` with F from Kaplan-Meier (Aalen-Johansen with competing causes)
    among the positive (doi:10.1186/1472-6947-8-53); NaN at thresholds where nobody positive is followed to the horizon.
    Net interventions avoided: :math:`[NB(t) - NB_{all}(t)](1-t)/t`.

    *How to read it.* Take the threshold at which you would treat: at 0.2 you would treat five patients to help one.
    The model with the highest net benefit there is the one to use, if it beats both ``all`` and ``none``. A difference
    of 0.01 is one more patient in a hundred rightly treated, without any more treated unnecessarily. Only the range of
    thresholds that doctors would consider matters. On training data every curve flatters.

    Examples
    --------
    >>> table = decision_curve([0, 0, 1, 1], {"model": [0.1, 0.4, 0.35, 0.8]}, thresholds=[0.2, 0.5])
    >>> table.loc[table["model"] == "model", "net_benefit"].tolist()
    [0.4375, 0.25]
    """
    return DecisionProblem(y_true, probabilities, thresholds, prevalence, time, harm).curves()


class DecisionProblem:
    """The checked inputs: outcome, models, thresholds, and how positives are counted.

    A model is kept as the number of thresholds that each probability reaches.
    """

    def __init__(
        self,
        y_true: ArrayLike | SurvivalOutcome,
        probabilities: pd.DataFrame | Mapping[str, ArrayLike],
        thresholds: ArrayLike | None = None,
        prevalence: float | None = None,
        time: float | None = None,
        harm: Mapping[str, float] | None = None,
    ) -> None:
        same_rows(y_true=y_true, **columns_of(probabilities, "probabilities"))
        self.thresholds = _check_thresholds(thresholds)
        self.outcome = _outcome(y_true, prevalence, time)
        self.n, self.strata = self.outcome.n, self.outcome.strata
        columns = check_named_columns(probabilities, self.n, name="probabilities")
        self._order = np.argsort(self.thresholds, kind="stable")
        steps = self.thresholds[self._order]
        self.models = {
            key: np.searchsorted(steps, check_probability(p, self.n, name=f"model {key!r}"), side="right")
            for key, p in columns.items()
        }
        self.harm = dict(harm or {})
        for names, problem in (
            ({"all", "none"} & set(self.models), "are reserved names; rename the model"),
            (set(self.harm) - set(self.models), "have a harm and are no model"),
        ):
            if names:
                raise InputError(f"{', '.join(sorted(names))}: {problem}.")

    def rates(self, name: str, cases: NDArray[np.intp]) -> Rates:
        """Test-positive, true-positive and false-positive rates by threshold."""
        zeros = np.zeros(self.thresholds.size)
        if name == "none":
            return zeros, zeros, zeros
        if name == "all":
            prevalence = self.outcome.prevalence(cases)
            return zeros + 1.0, zeros + prevalence, zeros + 1 - prevalence
        result = np.empty((3, self.thresholds.size))
        result[:, self._order] = self.outcome.rates(self.models[name][cases], cases, self.thresholds.size)
        return result[0], result[1], result[2]

    def net_benefit(self, name: str, cases: NDArray[np.intp]) -> FloatArray:
        """Net benefit by threshold."""
        _, tp, fp = self.rates(name, cases)
        return self._benefit(name, tp, fp)

    def curves(self) -> pd.DataFrame:
        """Rows of all models in the whole sample, ``all`` and ``none`` first."""
        whole = np.arange(self.n)
        return pd.concat([self.table(name, whole) for name in ("all", "none", *self.models)], ignore_index=True)

    def table(self, name: str, cases: NDArray[np.intp]) -> pd.DataFrame:
        """Rows of one model."""
        positive, tp, fp = self.rates(name, cases)
        benefit = self._benefit(name, tp, fp)
        with np.errstate(divide="ignore", invalid="ignore"):
            avoided = (benefit - self.net_benefit("all", cases)) * (1 - self.thresholds) / self.thresholds
        return pd.DataFrame(
            {
                "model": name,
                "threshold": self.thresholds,
                "n": cases.size,
                "prevalence": self.outcome.prevalence(cases),
                "test_pos_rate": positive,
                "tp_rate": tp,
                "fp_rate": fp,
                "net_benefit": benefit,
                "net_intervention_avoided": avoided,
            }
        )

    def _benefit(self, name: str, tp: FloatArray, fp: FloatArray) -> FloatArray:
        return tp - fp * self.thresholds / (1 - self.thresholds) - self.harm.get(name, 0.0)


class _Outcome(Protocol):
    """What a decision curve needs of an outcome; `reached` is the number of thresholds that each of `cases` reaches."""

    n: int
    strata: tuple[NDArray[np.intp], ...]

    def prevalence(self, cases: NDArray[np.intp]) -> float: ...

    def rates(self, reached: NDArray[np.intp], cases: NDArray[np.intp], n_thresholds: int) -> Rates: ...


class _Binary:
    """A binary outcome in a cohort, or, with a known prevalence, in cases and controls that were sampled apart."""

    def __init__(self, event: NDArray[np.bool_], known_prevalence: float | None = None) -> None:
        self.event, self.n, self.known_prevalence = event, event.size, known_prevalence
        cohort, case_control = (np.arange(event.size),), (np.flatnonzero(event), np.flatnonzero(~event))
        self.strata: tuple[NDArray[np.intp], ...] = cohort if known_prevalence is None else case_control

    def prevalence(self, cases: NDArray[np.intp]) -> float:
        return float(self.event[cases].mean()) if self.known_prevalence is None else self.known_prevalence

    def rates(self, reached: NDArray[np.intp], cases: NDArray[np.intp], n_thresholds: int) -> Rates:
        cells = np.bincount(2 * reached + self.event[cases], minlength=2 * (n_thresholds + 1)).reshape(-1, 2)
        fp, tp = np.cumsum(cells[::-1], axis=0)[::-1][1:].T.astype(float)
        if self.known_prevalence is None:
            return (tp + fp) / cases.size, tp / cases.size, fp / cases.size
        n_events = int(self.event[cases].sum())
        tp = tp / n_events * self.known_prevalence
        fp = fp / (cases.size - n_events) * (1 - self.known_prevalence)
        return tp + fp, tp, fp


class _Survival:
    """A time to event, possibly with competing causes."""

    def __init__(self, known: FollowUp) -> None:
        self.known, self.n = known, known.time.size
        self.strata: tuple[NDArray[np.intp], ...] = (np.arange(self.n),)

    def prevalence(self, cases: NDArray[np.intp]) -> float:
        return self.known.risk(cases)

    def rates(self, reached: NDArray[np.intp], cases: NDArray[np.intp], n_thresholds: int) -> Rates:
        positive, risk = np.empty(n_thresholds), np.empty(n_thresholds)
        for i in range(n_thresholds):
            called = cases[reached > i]
            positive[i] = called.size / cases.size
            risk[i] = self.known.risk(called) if called.size else 0.0
        return positive, positive * risk, positive * (1 - risk)


def _outcome(y_true: ArrayLike | SurvivalOutcome, prevalence: float | None, time: float | None) -> _Outcome:
    if prevalence is not None:
        check_shares(prevalence=prevalence)
    if is_survival_target(y_true) or is_competing_target(y_true):
        if time is None or prevalence is not None:
            raise InputError("A survival outcome needs time= (the horizon), and takes no prevalence=.")
        return _Survival(follow_up(y_true, time))
    if time is not None:
        raise InputError("time= is given and y_true is binary; required: a survival outcome, or no time=.")
    return _Binary(check_binary_target(y_true, both_classes=prevalence is not None), prevalence)


def _check_thresholds(thresholds: ArrayLike | None) -> FloatArray:
    values = np.arange(1, 100) / 100 if thresholds is None else np.asarray(thresholds, dtype=float)
    if values.ndim != 1 or not values.size or not ((values >= 0) & (values < 1)).all():
        raise InputError("thresholds must be a list of probabilities p with 0 <= p < 1.")
    return values
