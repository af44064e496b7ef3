"""Predictions with their source, so that no function can mistake training for validation."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiokit.engine.inputs import Target
from radiokit.exceptions import InputError, LeakageError, ParameterError
from radiokit.utils import check_binary_target, check_survival_target, is_survival_target, same_rows
from radiokit.utils.notebook import notebook_table

SOURCES = ("train", "out-of-fold", "test", "external")
MOST_ROWS = 10  # shown in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Frozen predictions of one model for n rows, with the outcome and their source.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Binary outcome (0/1 or booleans), or a survival target with fields `event` and `time`.
    probability : array-like of shape (n,), optional
        Predicted probability of the positive outcome, in [0, 1]. Required for a binary outcome.
    risk : array-like of shape (n,), optional
        Predicted risk, larger is worse (log relative hazard). Required for a survival outcome.
    ids : array-like of shape (n,), optional
        Case ids; 0, 1, ... if absent. With repeated cross-validation each id occurs once in each repeat.
    groups : array-like of shape (n,), optional
        Patient of each row; the ids if absent. Intervals are computed by patient.
    source : {"train", "out-of-fold", "test", "external"}
        Where the predictions come from. ``"external"`` is for centres that gave no case to training.
    fold, repeat : array-like of shape (n,), optional
        Fold and repeat of each row, mandatory for ``"out-of-fold"``: scores of different folds come from different
        models, so only cases of one fold are compared with each other.

    Raises
    ------
    OutcomeError
        If the outcome is not valid.
    InputError
        If lengths differ, or scores are missing, infinite or (probabilities) outside [0, 1].
    LeakageError
        If out-of-fold predictions come without folds.

    Examples
    --------
    >>> p = Predictions([0, 1, 1], probability=[0.2, 0.7, 0.9], source="test")
    >>> p
    Predictions(source='test', n=3, n_events=2)
    """

    y_true: Any
    probability: Any = None
    risk: Any = None
    ids: Any = None
    groups: Any = None
    source: str = "test"
    fold: Any = None
    repeat: Any = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ParameterError(f"source is {self.source!r}; required: one of {', '.join(map(repr, SOURCES))}.")
        same_rows(**{f.name: getattr(self, f.name) for f in fields(self) if f.name != "source"})
        survival = is_survival_target(self.y_true)
        y = check_survival_target(self.y_true) if survival else check_binary_target(self.y_true, both_classes=False)
        needed, other = ("risk", "probability") if survival else ("probability", "risk")
        if getattr(self, needed) is None or getattr(self, other) is not None:
            kind = "survival" if survival else "binary"
            raise InputError(f"A {kind} outcome needs `{needed}` and no `{other}`.")
        self._set("y_true", y)
        self._set(needed, _check_score(getattr(self, needed), y.size, needed))
        self._set("ids", _labels(self.ids, np.arange(y.size), "ids"))
        self._set("groups", _labels(self.groups, self.ids, "groups"))
        if self.source == "out-of-fold" and self.fold is None:
            raise LeakageError(
                "Out-of-fold predictions need `fold`: the scores of different folds come from different models, and "
                "pooling them as if from one would mislead. Take them from nested_cv, or give the fold of each row."
            )
        for name in ("fold", "repeat"):
            self._set(name, _labels(getattr(self, name), np.zeros(y.size, dtype=int), name))

    @classmethod
    def of_score(cls, y_true: Target, score: NDArray[np.float64], **labels: Any) -> Self:
        """Return predictions whose score is a risk where the outcome is a time to an event, else a probability."""
        named: dict[str, Any] = {"risk" if y_true.dtype.names else "probability": score}
        return cls(y_true, **named, **labels)

    def _set(self, name: str, value: NDArray[Any]) -> None:
        value = value.copy()
        value.flags.writeable = False
        object.__setattr__(self, name, value)

    @property
    def survival(self) -> bool:
        """Whether the outcome is a time to an event."""
        return self.risk is not None

    @property
    def score(self) -> NDArray[np.float64]:
        """The probability or the risk, whichever there is."""
        return self.risk if self.survival else self.probability

    @property
    def events(self) -> NDArray[np.bool_]:
        """True where the outcome is positive or the event was observed."""
        return self.y_true["event"] if self.survival else self.y_true

    @property
    def n(self) -> int:
        """Number of different cases."""
        return len(pd.unique(self.ids))

    @property
    def n_events(self) -> int:
        """Number of different cases with the event."""
        return len(pd.unique(self.ids[self.events]))

    def __repr__(self) -> str:
        return f"Predictions(source={self.source!r}, n={self.n}, n_events={self.n_events})"

    def _repr_html_(self) -> str:
        rows = self.to_frame()
        title = repr(self) if len(rows) <= MOST_ROWS else f"{self!r}: first {MOST_ROWS} of {len(rows)} rows"
        return notebook_table(title, rows.columns, rows.head(MOST_ROWS).itertuples(index=False))

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        """Refuse to become an array, which would lose source, folds and patients."""
        raise LeakageError(
            f"These predictions ({self!r}) were given to a function of arrays, which does not know their source; "
            "required: radiokit.validation.performance and compare_models, which pool no folds and refuse training."
        )

    def require_validation(self, what: str) -> None:
        """Refuse training predictions.

        Parameters
        ----------
        what : str
            What is to be computed, for the message.

        Raises
        ------
        LeakageError
            If the source is ``"train"``.

        Examples
        --------
        >>> Predictions([0, 1], probability=[0.2, 0.7], source="test").require_validation("DeLong's test")
        """
        if self.source == "train":
            raise LeakageError(
                f"{what} on the cases the model was fitted to says nothing about new patients. Use out-of-fold "
                "predictions (nested_cv), a test or external cohort, or correct for optimism (optimism_bootstrap)."
            )

    def take(self, rows: ArrayLike) -> Predictions:
        """Return the predictions of some rows.

        Parameters
        ----------
        rows : array-like
            Boolean mask or positions.

        Returns
        -------
        Predictions
            The same kind of predictions for these rows.

        Examples
        --------
        >>> Predictions([0, 1], probability=[0.2, 0.7], source="test").take([1]).probability
        array([0.7])
        """
        index = np.asarray(rows)
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "source"}
        taken: dict[str, Any] = {name: None if v is None else v[index] for name, v in kept.items()}
        return replace(self, **taken)

    def to_frame(self) -> pd.DataFrame:
        """Return the predictions as a table, one row for each.

        Returns
        -------
        DataFrame
            Columns `case_id, group, source, repeat, fold`, then `y_true, probability` or `event, time, risk`.

        Examples
        --------
        >>> Predictions([0, 1], probability=[0.2, 0.7], source="test").to_frame().columns.tolist()
        ['case_id', 'group', 'source', 'repeat', 'fold', 'y_true', 'probability']
        """
        common = {"case_id": self.ids, "group": self.groups, "source": self.source}
        place = {"repeat": self.repeat, "fold": self.fold}
        if self.survival:
            outcome = {"event": self.y_true["event"], "time": self.y_true["time"], "risk": self.risk}
        else:
            outcome = {"y_true": self.y_true.astype(int), "probability": self.probability}
        return pd.DataFrame({**common, **place, **outcome})


def _check_score(values: ArrayLike, n: int, name: str) -> NDArray[np.float64]:
    score = np.asarray(values, dtype=float)
    if score.shape != (n,):
        raise InputError(f"{name} has shape {score.shape}; required: ({n},), one value for each outcome.")
    if not np.isfinite(score).all():
        raise InputError(f"{name} has {int((~np.isfinite(score)).sum())} missing or infinite values; required: none.")
    if name == "probability" and ((score < 0) | (score > 1)).any():
        raise InputError(f"probability ranges over [{score.min():g}, {score.max():g}]; required: within [0, 1].")
    return score


def _labels(values: Any, default: NDArray[Any], name: str) -> NDArray[Any]:
    labels = np.asarray(default if values is None else values)
    if labels.shape != default.shape:
        raise InputError(f"{name} has shape {labels.shape}; required: {default.shape}, one for each row.")
    return labels
