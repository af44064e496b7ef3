"""One outcome from models to predictions: cross-validated in training, frozen, and only then shown other patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit import stats
from radiokit.engine.baseline import Baseline, baseline_hazard
from radiokit.exceptions import RadiokitError
from radiokit.study._cohort import Patients
from radiokit.study._frozen import Frozen
from radiokit.study._options import Options
from radiokit.study._over_repeats import by_patient
from radiokit.study._run import Run
from radiokit.study._split import SOURCE_OF
from radiokit.study._stack import Stack
from radiokit.study.deep import trains_networks
from radiokit.validation import CrossValidation, Predictions, leave_one_center_out, nested_cv
from radiokit.validation.calibration_curve import default_grid, smooth
from radiokit.validation.evidence import BASELINES, METRICS, ModelKind
from radiokit.validation.metrics import accuracy, metric_names
from radiokit.validation.optimism import Optimism, add_632plus, bootstrap_statistic


@dataclass(frozen=True, eq=False)
class Modelled:
    """A model of one endpoint with everything known about it."""

    name: str
    stack: Stack
    frozen: Frozen
    cv: CrossValidation
    predictions: dict[tuple[str, str], Predictions]
    optimism: pd.DataFrame
    calibration: pd.DataFrame
    flags: dict[str, pd.DataFrame]
    baseline: Baseline | None

    @property
    def kind(self) -> ModelKind:
        """What it was built from: clinical, volume, signature or combined; never read off its name."""
        if self.stack.volume is not None:
            return "volume"
        if not self.stack.signatures:
            return "clinical"
        return "combined" if len(self.stack.signatures) > 1 or len(self.stack.clinical) else "signature"

    @property
    def signatures(self) -> dict[str, tuple[Any, Sequence[str]]]:
        """The unfitted pipelines of its signatures, and the features each may use, by name."""
        return dict(self.stack.signatures or {})

    @property
    def by_center(self) -> bool:
        """Whether its cross-validation left out one centre at a time."""
        return "center" in self.cv.folds

    def honest(self, cohort: str) -> Predictions:
        """Return the predictions of a cohort that may be judged: out-of-fold in training."""
        return self.predictions[cohort, SOURCE_OF[cohort]]


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A binary or survival outcome of all patients, and the models for it.

    `name` is the column of the outcome or event; the names of all its models end in `suffix`, which is empty for the
    first outcome of a study.
    """

    name: str
    survival: bool
    y: NDArray[Any]
    suffix: str = ""
    models: tuple[Modelled, ...] = ()

    @property
    def main(self) -> Modelled:
        """The model the study is about: the last that is no baseline."""
        return next((m for m in reversed(self.models) if m.kind not in BASELINES), self.models[-1])

    def of_kind(self, kind: ModelKind) -> Modelled | None:
        """Return the model of a kind, beside the main one."""
        return next((m for m in self.models if m.kind == kind and m is not self.main), None)

    @property
    def metric(self) -> str:
        """The index of discrimination: ``auc`` or ``c_index``."""
        return METRICS[self.survival]

    def cohorts(self) -> list[str]:
        """Cohorts with patients, training first."""
        return list(dict.fromkeys(cohort for m in self.models for cohort, _ in m.predictions))

    @property
    def farthest(self) -> str:
        """The cohort that is farthest from training: where the main model is judged."""
        return next(c for c in ("external", "test", "training") if c in self.cohorts())

    def judged(self) -> Iterator[tuple[Modelled, dict[str, str], Predictions]]:
        """Yield each model in each cohort: its labels in tables, and the predictions that may be judged."""
        for model in self.models:
            for cohort in self.cohorts():
                labels = {"model": model.name, "cohort": cohort, "source": SOURCE_OF[cohort]}
                yield model, labels, model.honest(cohort)


def model_endpoint(
    endpoint: Endpoint,
    data: Patients,
    make_signature: Callable[[str, bool], Any],
    options: Options,
    run: Run,
) -> Endpoint:
    """Fit and validate every model of an endpoint."""
    planned = plan_models(endpoint, data, make_signature, run.random_state)
    stacks = [stack.set_params(calibration=options.calibration) for stack in planned]
    models = []
    for k, stack in enumerate(stacks, start=1):
        placed = replace(run, place=f"Model {k} of {len(stacks)}, {stack.name}")
        models.append(_model(stack, endpoint, data, options, placed))
    return replace(endpoint, models=tuple(models))


def plan_models(
    endpoint: Endpoint, data: Patients, make_signature: Callable[[str, bool], Any], seed: int
) -> list[Stack]:
    """Return the baselines first, then each signature, then all together."""
    suffix = endpoint.suffix
    stacks = []
    if data.clinical:
        stacks.append(Stack(f"clinical{suffix}", clinical=data.clinical, random_state=seed))
    if data.volume is not None:
        stacks.append(Stack(f"volume{suffix}", volume=str(data.volume.name), random_state=seed))
    signatures = {k: (make_signature(k, endpoint.survival), pd.Index(names)) for k, names in data.features.items()}
    stacks += [Stack(f"{name}{suffix}", {name: part}, random_state=seed) for name, part in signatures.items()]
    if len(signatures) + bool(data.clinical) > 1:
        stacks.append(Stack(f"combined{suffix}", signatures, clinical=data.clinical, random_state=seed))
    return stacks


def _model(stack: Stack, endpoint: Endpoint, data: Patients, options: Options, run: Run) -> Modelled:
    training = data.training
    X, y = data.X[training], endpoint.y[training]
    groups = data.group[training].to_numpy()
    try:
        cv = _cross_validate(stack, X, y, groups, data, options, run)
        fitted = Stack(**stack.get_params(deep=False)).fit(X, y if endpoint.survival else y.astype(int))
    except RadiokitError as error:
        raise type(error)(f"model {stack.name!r}: {error}") from error
    frozen, baseline = _with_cutoffs(fitted, cv.predictions, X, y, options)
    optimism, curve = _optimism(stack, fitted, X, y, groups, options, run)
    predictions, flags = _predict(frozen, endpoint, data, cv.predictions)
    return Modelled(
        name=stack.name,
        stack=fitted,
        frozen=frozen,
        cv=cv,
        predictions=predictions,
        optimism=optimism,
        calibration=curve,
        flags=flags,
        baseline=baseline,
    )


def _cross_validate(
    stack: Stack, X: pd.DataFrame, y: NDArray[Any], groups: NDArray[Any], data: Patients, options: Options, run: Run
) -> CrossValidation:
    common: dict[str, Any] = {
        "groups": groups,
        "random_state": run.random_state,
        "n_jobs": run.n_jobs,
        "progress": run.progress,
        "cache": run.fits,
        "confidence_level": options.confidence_level,
        "description": f"{run.place}: cross-validation",
    }
    if run.by_center and data.center is not None:
        return leave_one_center_out(stack, X, y, data.center[data.training].to_numpy(), **common)
    return nested_cv(stack, X, y, outer=options.folds, repeats=options.repeats, **common)


def _with_cutoffs(
    fitted: Stack, held_out: Predictions, X: pd.DataFrame, y: NDArray[Any], options: Options
) -> tuple[Frozen, Baseline | None]:
    """Return the model with its operating point, or with its risk cut-off and baseline survival, and the baseline.

    All are learnt in training, never again; a patient's score is the mean over the repeats.
    """
    frozen, mean = fitted.frozen_, by_patient(held_out)
    if not held_out.survival:
        chosen = stats.optimal_threshold(mean.y_true, mean.probability, criterion=options.threshold)
        return replace(frozen, threshold=float(np.clip(chosen.value, 0.0, 1.0))), None
    horizon = float(np.median(y["time"][y["event"]]))
    baseline = baseline_hazard(y["time"], y["event"], fitted.fitted_risk(X), ties="efron")
    at_horizon = float(baseline.survival(np.zeros(1), [horizon])[0, 0])
    cut = float(np.median(mean.risk))
    return replace(frozen, cut=cut, horizon=(horizon,), baseline=(at_horizon,)), baseline


def _optimism(
    stack: Stack,
    fitted: Stack,
    X: pd.DataFrame,
    y: NDArray[Any],
    groups: NDArray[Any],
    options: Options,
    run: Run,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Optimism-corrected accuracy and calibration curve, from one bootstrap."""
    # A network for each resample would take days; the cross-validation stands.
    if options.bootstraps == 0 or trains_networks(stack.signatures):
        return pd.DataFrame(), pd.DataFrame()
    survival = bool(y.dtype.names)
    names = list(metric_names(survival))
    grid = np.array([]) if survival else default_grid(fitted.predict_proba(X)[:, 1])
    result = bootstrap_statistic(
        stack, X, y, AccuracyAndCurve(tuple(grid.tolist())),
        n_bootstraps=options.bootstraps, groups=groups, random_state=run.random_state,
        n_jobs=run.n_jobs, progress=run.progress, cache=run.fits, description=f"{run.place}: bootstrap",
    )  # fmt: skip
    k = len(names)
    metrics, curve = (_part(result, slice(0, k)), _part(result, slice(k, None)))
    table = add_632plus(metrics.table(metric=names), result.left_out, options.confidence_level)
    return table, curve.table(predicted=grid) if grid.size else pd.DataFrame()


@dataclass(frozen=True)
class AccuracyAndCurve:
    """The indices of accuracy, then the calibration curve on a grid."""

    grid: tuple[float, ...]

    def __call__(self, y: NDArray[Any], score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Both as one vector."""
        indices = accuracy(y, score)
        return np.concatenate([indices, smooth(y, score, grid=np.array(self.grid))]) if self.grid else indices


def _part(result: Optimism, columns: slice) -> Optimism:
    return Optimism(result.apparent[columns], result.training[:, columns], result.test[:, columns], result.warnings)


FLAGS = ("imputed", "out_of_range", "unknown_level")


def _predict(
    frozen: Frozen, endpoint: Endpoint, data: Patients, held_out: Predictions
) -> tuple[dict[tuple[str, str], Predictions], dict[str, pd.DataFrame]]:
    """Predictions by cohort and source, and by source what a reader should doubt of each patient.

    All but the out-of-fold predictions come from the frozen model, with the flags that it gives any new patient.
    """
    kind = "risk" if endpoint.survival else "probability"
    found: dict[tuple[str, str], Predictions] = {("training", "out-of-fold"): held_out}
    flags = {}
    for cohort, source in (("training", "train"), ("test", "test"), ("external", "external")):
        rows = (data.cohort == cohort).to_numpy()
        if not rows.any():
            continue
        predicted = frozen.predict(data.X[rows])
        flags[source] = predicted[list(FLAGS)]
        found[cohort, source] = Predictions(
            endpoint.y[rows],
            **{kind: predicted[kind].to_numpy()},
            ids=data.X.index[rows].to_numpy(),
            groups=data.group[rows].to_numpy(),
            source=source,
        )
    return found, flags
