"""Decision curves: what acting on a prediction gains, in dcurves' vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.exceptions import InputError
from radiokit.stats._horizon import FollowUp, follow_up, is_competing_target
from radiokit.stats._inputs import FloatArray, check_named_columns, check_probability
from radiokit.utils import check_binary_target, is_survival_target

Rates = tuple[FloatArray, FloatArray, FloatArray, float]
Count = Callable[[FloatArray, NDArray[np.intp]], Rates]


def decision_curve(
    y_true: Any,
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
    y_true : array-like of shape (n,), or a table with `time`
        Binary outcome; or a survival target (``event``, ``time``); or a table or structured array with ``cause``
        (0 censored, 1 the event, higher numbers competing events) and ``time``.
    probabilities : DataFrame or dict of name -> array-like of shape (n,)
        Predicted risk of each model, in [0, 1]. A binary test is a model with 0 and 1.
    thresholds : array-like, optional
        Threshold probabilities in [0, 1), used as given; default 0.01, 0.02, ..., 0.99.
    prevalence : float, optional
        Prevalence in the population, for a case-control sample.
    time : float, optional
        Horizon of the risk, required for a survival outcome, in the unit of the follow-up.
    harm : dict of name -> float, optional
        Harm of obtaining a model's prediction, in units of net benefit, subtracted at every threshold.

    Returns
    -------
    DataFrame
        A row a model and threshold, models ``all`` and ``none`` first: ``model, threshold, n, prevalence,
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
    of 0.01 is one more patient in a hundred treated rightly with no one more treated in vain. Only the range of
    thresholds that doctors would consider matters. On training data every curve flatters.

    Examples
    --------
    >>> table = decision_curve([0, 0, 1, 1], {"model": [0.1, 0.4, 0.35, 0.8]}, thresholds=[0.2, 0.5])
    >>> table.loc[table["model"] == "model", "net_benefit"].tolist()
    [0.4375, 0.25]
    """
    design = Design(y_true, probabilities, thresholds, prevalence, time, harm)
    whole = np.arange(design.n)
    return pd.concat([design.table(name, whole) for name in ("all", "none", *design.models)], ignore_index=True)


class Design:
    """The checked question: outcome, models, thresholds, and how positives are counted."""

    def __init__(
        self,
        y_true: Any,
        probabilities: pd.DataFrame | Mapping[str, ArrayLike],
        thresholds: ArrayLike | None = None,
        prevalence: float | None = None,
        time: float | None = None,
        harm: Mapping[str, float] | None = None,
    ) -> None:
        self.thresholds = _check_thresholds(thresholds)
        self.strata: tuple[NDArray[np.intp], ...]
        if is_survival_target(y_true) or is_competing_target(y_true):
            if time is None or prevalence is not None:
                raise InputError("A survival outcome needs time= (the horizon), and takes no prevalence=.")
            known = follow_up(y_true, time)
            self.n, self.count = known.time.size, _survival_count(known, self.thresholds)
            self.strata = (np.arange(self.n),)
        else:
            if time is not None:
                raise InputError("time= is given and y_true is binary; required: a survival outcome, or no time=.")
            event = check_binary_target(y_true, both_classes=prevalence is not None)
            self.n, self.count = event.size, _binary_count(event, self.thresholds, _check_prevalence(prevalence))
            cases = np.flatnonzero(event), np.flatnonzero(~event)
            self.strata = (np.arange(self.n),) if prevalence is None else cases
        columns = check_named_columns(probabilities, self.n, name="probabilities")
        self.models = {key: check_probability(p, self.n, name=f"model {key!r}") for key, p in columns.items()}
        self.harm = dict(harm or {})
        for names, problem in (
            ({"all", "none"} & set(self.models), "are reserved names; rename the model"),
            (set(self.harm) - set(self.models), "have a harm and are no model"),
        ):
            if names:
                raise InputError(f"{', '.join(sorted(names))}: {problem}.")

    def rates(self, name: str, cases: NDArray[np.intp]) -> Rates:
        """Test-positive, true-positive and false-positive rates by threshold, and the prevalence."""
        if name in self.models:
            return self.count(self.models[name], cases)
        zeros = np.zeros(self.thresholds.size)
        prevalence = self.count(np.ones(self.n), cases)[3]
        if name == "none":
            return zeros, zeros, zeros, prevalence
        return zeros + 1.0, zeros + prevalence, zeros + 1 - prevalence, prevalence

    def net_benefit(self, name: str, cases: NDArray[np.intp]) -> FloatArray:
        """Net benefit by threshold."""
        _, tp, fp, _ = self.rates(name, cases)
        return tp - fp * self.thresholds / (1 - self.thresholds) - self.harm.get(name, 0.0)

    def table(self, name: str, cases: NDArray[np.intp]) -> pd.DataFrame:
        """Rows of one model."""
        positive, tp, fp, prevalence = self.rates(name, cases)
        benefit = self.net_benefit(name, cases)
        with np.errstate(divide="ignore", invalid="ignore"):
            avoided = (benefit - self.net_benefit("all", cases)) * (1 - self.thresholds) / self.thresholds
        return pd.DataFrame(
            {
                "model": name,
                "threshold": self.thresholds,
                "n": cases.size,
                "prevalence": prevalence,
                "test_pos_rate": positive,
                "tp_rate": tp,
                "fp_rate": fp,
                "net_benefit": benefit,
                "net_intervention_avoided": avoided,
            }
        )


def _binary_count(event: NDArray[np.bool_], thresholds: FloatArray, prevalence: float | None) -> Count:
    order = np.argsort(thresholds, kind="stable")

    def share_at_or_above(p: FloatArray) -> FloatArray:
        # Number of thresholds that a probability reaches, counted once for all thresholds.
        reached = np.searchsorted(thresholds[order], p, side="right")
        counts = np.cumsum(np.bincount(reached, minlength=thresholds.size + 1)[::-1])[::-1][1:]
        result = np.empty(thresholds.size)
        result[order] = counts
        return result

    def count(p: FloatArray, cases: NDArray[np.intp]) -> Rates:
        chosen, outcome = p[cases], event[cases]
        tp, fp = share_at_or_above(chosen[outcome]), share_at_or_above(chosen[~outcome])
        n, n_events = cases.size, int(outcome.sum())
        if prevalence is None:
            return (tp + fp) / n, tp / n, fp / n, n_events / n
        tp, fp = tp / n_events * prevalence, fp / (n - n_events) * (1 - prevalence)
        return tp + fp, tp, fp, prevalence

    return count


def _survival_count(known: FollowUp, thresholds: FloatArray) -> Count:
    def count(p: FloatArray, cases: NDArray[np.intp]) -> Rates:
        chosen = p[cases]
        positive, risk = np.empty(thresholds.size), np.empty(thresholds.size)
        for i, threshold in enumerate(thresholds):
            called = cases[chosen >= threshold]
            positive[i] = called.size / cases.size
            risk[i] = known.risk(called) if called.size else 0.0
        return positive, positive * risk, positive * (1 - risk), known.risk(cases)

    return count


def _check_thresholds(thresholds: ArrayLike | None) -> FloatArray:
    values = np.arange(1, 100) / 100 if thresholds is None else np.asarray(thresholds, dtype=float)
    if values.ndim != 1 or not values.size or not ((values >= 0) & (values < 1)).all():
        raise InputError("thresholds must be a list of probabilities p with 0 <= p < 1.")
    return values


def _check_prevalence(prevalence: float | None) -> float | None:
    if prevalence is not None and not 0 < prevalence < 1:
        raise InputError(f"prevalence is {prevalence!r}; required: between 0 and 1.")
    return prevalence
