"""What can be set in a study beyond its data; every default is what papers use, or what is safer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from radiokit.exceptions import ParameterError
from radiokit.models.kinds import KINDS

AGGREGATES = ("largest", "mean")
THRESHOLDS = ("youden", "closest_topleft")
PIPELINES = ("default", "lasso", *dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds))
CALIBRATIONS = ("none", "platt", "beta", "isotonic")


@dataclass(frozen=True)
class Options:
    """Settings of a study; all have defaults.

    Parameters
    ----------
    aggregate : {"largest", "mean"}
        How several lesions or scans of a patient become one row: the largest lesion, or the mean of the features.
    folds : int
        Folds of the cross-validation in the training cohort, by patient.
    repeats : int
        How often it is repeated.
    bootstraps : int
        Resamples of the optimism bootstrap of the whole pipeline; 0 leaves it out.
    subsamples : int
        80 % subsamples of the training patients in which it is counted how often each feature is chosen.
    threshold : {"youden", "closest_topleft"}
        How the operating point is chosen on out-of-fold training scores.
    pipeline : str
        What a signature is built by: ``default`` (`radiokit.models.default_pipeline`); ``lasso``, what most papers do,
        correlation filter, univariate filter and LASSO, to which four of the settings below belong; or a model of
        `radiokit.models.signature_pipeline`: ``ridge, elastic_net, logistic, svm_linear, svm_rbf, forest, xgboost,
        xgboost_aft``.
    class_weight : {"balanced"} or None
        Let both classes of a binary outcome weigh the same in training, and learn the intercept anew afterwards.
    calibration : {"none", "platt", "beta", "isotonic"}
        Calibrate the final model on cross-fitted predictions of training patients. A support vector machine and a
        forest are calibrated by Platt's method without it. Of a survival model the slope is learnt.
    correlation : float
        Of two features with a larger absolute Spearman correlation in training, the less relevant one goes.
    alpha : float
        Univariate p-value above which a feature goes.
    penalty_folds : int
        Folds in which the penalty of the LASSO is chosen.
    rule : {"min", "1se"}
        Which penalty of the LASSO path is taken.
    volume : str, optional
        Column of the tumour volume, in the case table or among the features. Found by name if absent.
    confidence_level : float
        Of all intervals.
    title : str
        Of the report.
    time_unit : str
        Unit of the follow-up (months, days), for the report.

    Raises
    ------
    ParameterError
        If a value is unknown or out of range.

    Examples
    --------
    >>> Options(folds=10).repeats
    5
    """

    aggregate: str = "largest"
    folds: int = 5
    repeats: int = 5
    bootstraps: int = 100
    subsamples: int = 20
    threshold: str = "youden"
    pipeline: str = "default"
    class_weight: Literal["balanced"] | None = None
    calibration: str = "none"
    correlation: float = 0.9
    alpha: float = 0.05
    penalty_folds: int = 10
    rule: Literal["min", "1se"] = "min"
    volume: str | None = None
    confidence_level: float = 0.95
    title: str = "Radiomics study"
    time_unit: str = ""

    def __post_init__(self) -> None:
        for name, known in (
            ("aggregate", AGGREGATES),
            ("threshold", THRESHOLDS),
            ("rule", ("min", "1se")),
            ("pipeline", PIPELINES),
            ("class_weight", (None, "balanced")),
            ("calibration", CALIBRATIONS),
        ):
            if getattr(self, name) not in known:
                raise ParameterError(
                    f"{name} is {getattr(self, name)!r}; required: one of {', '.join(map(str, known))}."
                )
        for name, least in (("folds", 2), ("penalty_folds", 2), ("repeats", 1), ("subsamples", 1), ("bootstraps", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ParameterError(f"{name} is {value!r}; required: a whole number of at least {least}.")
        for name in ("correlation", "alpha", "confidence_level"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value <= 1:
                raise ParameterError(f"{name} is {value!r}; required: a number above 0 and at most 1.")
        if self.confidence_level == 1:
            raise ParameterError("confidence_level is 1, whose intervals hold everything; required: below 1, as 0.95.")

    @classmethod
    def from_mapping(cls, values: Any) -> Options:
        """Build from a mapping and refuse keys that are not known.

        Parameters
        ----------
        values : mapping or None
            Names of the parameters with their values.

        Returns
        -------
        Options
            The checked settings.

        Raises
        ------
        ParameterError
            If a key is unknown.

        Examples
        --------
        >>> Options.from_mapping({"folds": 3}).folds
        3
        """
        if values is None:
            return cls()
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(map(str, values)) - set(known))
        if unknown:
            raise ParameterError(f"options holds {', '.join(unknown)}; known: {', '.join(known)}.")
        return cls(**values)
