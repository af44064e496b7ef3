"""What makes the usual mistakes impossible here, and what a reader has to be warned of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiokit.exceptions import LeakageError
from radiokit.study._cohort import Patients, Roles
from radiokit.study._conclusions import chooses
from radiokit.study._endpoint import Data, Endpoint
from radiokit.study._missing import missing_warnings
from radiokit.study._sample_size import sample_size
from radiokit.study._within_centers import center_effect
from radiokit.utils import as_survival_target, spells_outcome
from radiokit.validation.lesion_ids import suspected_lesions

FEW = 10
STRONG = 0.7
TOO_FLEXIBLE = 0.05


def refuse_outcome_copies(X: pd.DataFrame, patients: Patients) -> None:
    """Raise LeakageError where a predictor is the outcome, the event or the follow-up time in another spelling."""
    found = _spelling(X, patients)
    if found is not None:
        column, name = found
        raise LeakageError(
            f"the predictor {column!r} is the {name} in another spelling: who knows one knows the other. Drop it."
        )


def _spelling(X: pd.DataFrame, patients: Patients) -> tuple[str, str] | None:
    suspects = {"outcome": patients.outcome, "event": patients.event}
    for column in X.columns:
        values = X[column]
        for name, outcome in suspects.items():
            if outcome is not None and _suspicious(values, outcome) and spells_outcome(values, outcome):
                return str(column), name
        if patients.time is not None and patients.event is not None:
            both = as_survival_target(patients.event.to_numpy(), patients.time.to_numpy())
            numeric = pd.api.types.is_numeric_dtype(values)
            if numeric and _monotone(values, patients.time) and spells_outcome(values, both):
                return str(column), "time"
    return None


def _suspicious(values: pd.Series, outcome: pd.Series) -> bool:
    """Look quickly before looking slowly, for there may be thousands of columns."""
    if pd.api.types.is_numeric_dtype(values):
        number, positive = values.to_numpy(dtype=float), outcome.to_numpy(dtype=bool)
        a, b = number[positive], number[~positive]
        if not a.size or not b.size:
            return False
        if a.min() > b.max() or b.min() > a.max():
            return True
    return values.head(50).nunique() <= max(2, len(values) // 10)


def _monotone(values: pd.Series, time: pd.Series) -> bool:
    order = np.argsort(time.to_numpy(), kind="stable")[:20]
    steps = np.diff(values.to_numpy(dtype=float)[order])
    return bool((steps >= 0).all() or (steps <= 0).all())


def study_warnings(
    endpoint: Endpoint, data: Data, patients: Patients, roles: Roles, tables: dict[str, pd.DataFrame]
) -> list[str]:
    """Say what has to be said aloud about this study."""
    said = [*_size(endpoint, data), *_cohort_sizes(endpoint, data)]
    if data.center is None:
        said.append("No centre is named: nothing here shows how the models do elsewhere.")
    elif not (data.cohort == "external").any():
        said.append("No external cohort: the results hold for patients of the same centres at best.")
    said += _telling_centres(endpoint, data)
    said += _constant(endpoint)
    said += _doubtful(endpoint)
    if not data.clinical:
        said.append("No clinical columns are named: whether radiomics adds to what is known anyway cannot be judged.")
    if data.volume is None and data.features:
        said.append("No tumour volume is known: a signature may be the volume in disguise. Name it in options volume.")
    if roles.groups is None:
        said += _suspicious_ids(patients)
    said += missing_warnings(tables.get("missing", pd.DataFrame()))
    said += _confounded(tables.get("selected", pd.DataFrame()))
    said += _too_flexible(tables.get("optimism", pd.DataFrame()), endpoint)
    for model in endpoint.models:
        said += [f"{model.name}: {text}" for text in model.cv.warnings if not text.startswith("In 0")]
    return said


def _size(endpoint: Endpoint, data: Data) -> list[str]:
    size = sample_size(endpoint, data, endpoint.suffix)
    said = []
    if size.per_candidate < FEW:
        said.append(
            f"{size.events} events in training for {size.candidates} candidate predictors{endpoint.suffix}: "
            f"{size.per_candidate:.2g} each. {_chance(endpoint)}judge the validated accuracy only."
        )
    for model in endpoint.models:
        parameters = len(model.frozen.weights)
        if parameters and size.events / parameters < FEW:
            said.append(
                f"{model.name}: {size.events / parameters:.3g} events for each of {parameters} parameters of the final "
                f"model (10 and more are usual)."
            )
    if size.patients < size.required:
        said.append(
            f"{endpoint.main.name}: Riley's criteria ask for {int(size.required)} patients for {size.parameters} "
            f"parameters at this accuracy; training has {size.patients}."
        )
    return said


def _chance(endpoint: Endpoint) -> str:
    """Say what few events mean: chance in the choice of features, or, where none are chosen, in their weights."""
    estimators = [estimator for m in endpoint.models for estimator, _ in dict(m.stack.signatures or {}).values()]
    if any(map(chooses, estimators)):
        return "Which features were chosen is largely chance: "
    return "Their weights are uncertain: "


def _cohort_sizes(endpoint: Endpoint, data: Data) -> list[str]:
    events = pd.Series(endpoint.y["event"] if endpoint.survival else endpoint.y, index=data.X.index)
    said = []
    for cohort in ("training", "test", "external"):
        own = events[data.cohort == cohort]
        rarer = int(own.sum()) if endpoint.survival else int(min(own.sum(), (~own).sum()))
        if len(own) and rarer < 20:
            what = "events" if endpoint.survival else "patients of the rarer outcome"
            said.append(
                f"The {cohort} cohort has {rarer} {what}{endpoint.suffix}: its intervals are wide, and meant to be."
            )
    return said


def _telling_centres(endpoint: Endpoint, data: Data) -> list[str]:
    """Say where the centre alone tells the outcome: then nobody knows whether a feature tells more."""
    effect = center_effect(endpoint, data)
    if not effect.alone:
        return []
    return [
        f"The centre alone tells the outcome with an AUC of {effect.auc:.2f}{endpoint.suffix}: a model may know "
        "the scanner, not the disease. Cross-validate by leave_one_center_out, or take both kinds of cases from "
        "each."
    ]


def _constant(endpoint: Endpoint) -> list[str]:
    """Say which models give every patient the same prediction: right on noise, and no discovery."""
    said = []
    for model in endpoint.models:
        score = model.predictions["training", "train"].score
        if np.ptp(score) == 0:
            what = "the same risk" if endpoint.survival else f"the prevalence, {score[0]:.2g}"
            said.append(f"{model.name}: it predicts {what} for every patient; nothing in its predictors was used.")
    return said


def _doubtful(endpoint: Endpoint) -> list[str]:
    """Say, for each cohort that was held out, in how many patients the main model had to guess or to reach."""
    words = {
        "unknown_level": "a category that training never saw (taken for the reference)",
        "out_of_range": "a value outside the range of training",
        "imputed": "a missing value, filled as in training",
    }
    model = endpoint.main
    said = []
    for cohort, flags in model.flags.items():
        for flag, what in words.items() if cohort != "train" else ():
            named = flags[flag][flags[flag] != ""]
            if named.empty:
                continue
            counts = named.str.split("; ").explode().value_counts()
            which = ", ".join(f"{name} {number}" for name, number in counts.head(3).items())
            said.append(
                f"{model.name}: {len(named)} of {len(flags)} {cohort} patients have {what}: {which}"
                f"{', ...' if len(counts) > 3 else ''}. The predictions name them."
            )
    return said


def _suspicious_ids(patients: Patients) -> list[str]:
    for column in patients.table.columns:
        name = str(column).lower()
        if ("patient" in name or "subject" in name) and patients.table[column].duplicated().any():
            return [
                f"Column {column!r} repeats values, but no `groups` are named: cases of one patient may be in training "
                f"and test. Set groups: {column}."
            ]
    found = suspected_lesions(patients.group.index)
    if found is None:
        return []
    return [
        f"Case ids look like several lesions or scans of a patient ({found}), but no `groups` are named: cases of one "
        "patient may be in training and test. Name the column of the patient as groups."
    ]


def _too_flexible(optimism: pd.DataFrame, endpoint: Endpoint) -> list[str]:
    """Say where the usual optimism bootstrap corrects too little: its two corrections of the AUC or C-index differ."""
    if optimism.empty:
        return []
    names = {m.name for m in endpoint.models}
    rows = optimism[optimism["metric"].isin(["auc", "c_index"]) & optimism["model"].isin(names)]
    rows = rows[rows["corrected"] - rows["corrected_632plus"] > TOO_FLEXIBLE]
    if rows.empty:
        return []
    listed = ", ".join(f"{r.model} {r.corrected:.2f} and {r.corrected_632plus:.2f}" for r in rows.itertuples())
    return [
        f"The optimism bootstrap corrects these models too little, for they can fit anything ({listed} by .632+): the "
        "corrected calibration is too good as well. Believe the cross-validation."
    ]


def _confounded(selected: pd.DataFrame) -> list[str]:
    said = []
    for model, own in selected.groupby("model") if len(selected) else []:
        strong = own[own["volume_correlation"].abs() > STRONG]
        if len(strong):
            said.append(
                f"{model}: {len(strong)} of {len(own)} features go with the volume (|rho| > {STRONG}): "
                f"{', '.join(strong['feature'].head(3))}. Compare with the volume model."
            )
        scanner = own[own["center_p_value"] < 0.001]
        if len(scanner):
            said.append(
                f"{model}: {len(scanner)} of {len(own)} features differ between centres (p < 0.001): "
                f"{', '.join(scanner['feature'].head(3))}. They may show the scanner."
            )
    return said
