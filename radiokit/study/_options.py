"""What can be set in a study beyond its data; every default is what papers use, or what is safer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_args

from radiokit.engine.inputs import check_choice
from radiokit.exceptions import ParameterError
from radiokit.models.kinds import KINDS
from radiokit.utils.parameters import Count, CountOrZero, Range, ShareAboveZero, ShareBetween, check_parameters

PIPELINES = ("default", "lasso", *dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds))
Calibration = Literal["none", "platt", "beta", "isotonic"]
CALIBRATIONS = get_args(Calibration)
Folds = Annotated[int, Range(2)]


@dataclass(frozen=True)
class Options:
    """Settings of a study; all have defaults.

    Parameters
    ----------
    aggregate : {"largest", "mean"}
        How several lesions or scans of a patient become one row: the largest lesion, where one tumour decides; the mean
        of the features, where the whole burden does. Repeated measurements and networks need ``largest``.
    folds, repeats : int
        Folds of the cross-validation in the training cohort, by patient, and how often it is repeated: 5 times 5 for
        some hundred patients; fewer folds where a fold would hold fewer than about 5 events.
    bootstraps : int
        Resamples of the optimism bootstrap of the whole pipeline; 0 leaves it out, where time is short.
    subsamples : int
        80 % subsamples of the training patients in which it is counted how often each feature is chosen.
    threshold : {"youden", "closest_topleft"}
        How the operating point is chosen on out-of-fold training scores: the largest sum of sensitivity and
        specificity, or the point of the ROC curve nearest to a perfect test, which balances the two more.
    pipeline : str
        What a signature is built by: ``default`` (`radiokit.models.default_pipeline`), for accuracy; ``lasso``, what
        most papers do, where few features have to be named: correlation filter, univariate filter and LASSO, to which
        four of the settings below belong; or a model of `radiokit.models.signature_pipeline`: ``ridge, elastic_net,
        logistic, svm_linear, svm_rbf, forest, xgboost, xgboost_aft``.
    class_weight : {"balanced"} or None
        Let both classes of a binary outcome weigh the same in training, and learn the intercept anew afterwards.
    calibration : {"none", "platt", "beta", "isotonic"}
        Calibrate the final model on cross-fitted predictions of training patients: ``platt`` where few patients train,
        ``beta`` where probabilities pile up near 0 and 1, ``isotonic`` from about 1,000 patients. A support vector
        machine and a forest are calibrated by Platt's method without it. Of a survival model the slope is learnt.
    correlation : float
        Of two features with a larger absolute Spearman correlation in training, the less relevant one is removed.
    alpha : float
        Univariate p-value above which a feature is removed.
    penalty_folds : int
        Folds in which the penalty of the LASSO is chosen.
    rule : {"min", "1se"}
        Which penalty of the LASSO path is taken: the least error, or the largest penalty within one standard error of
        it, for fewer features.
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

    aggregate: Literal["largest", "mean"] = "largest"
    folds: Folds = 5
    repeats: Count = 5
    bootstraps: CountOrZero = 100
    subsamples: Count = 20
    threshold: Literal["youden", "closest_topleft"] = "youden"
    pipeline: str = "default"
    class_weight: Literal["balanced"] | None = None
    calibration: Calibration = "none"
    correlation: ShareAboveZero = 0.9
    alpha: ShareAboveZero = 0.05
    penalty_folds: Folds = 10
    rule: Literal["min", "1se"] = "min"
    volume: str | None = None
    confidence_level: ShareBetween = 0.95
    title: str = "Radiomics study"
    time_unit: str = ""

    def __post_init__(self) -> None:
        check_parameters(self)
        check_choice(self.pipeline, PIPELINES, name="pipeline")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any] | None) -> Options:
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
