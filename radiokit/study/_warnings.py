"""What a reader has to be warned of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from radiokit.study._assessment import Assessment
from radiokit.study._cohort import Patients, Roles
from radiokit.study._conclusions import chooses
from radiokit.study._endpoint import Endpoint
from radiokit.study._missing import Gaps, missing_warnings
from radiokit.study._sample_size import rarer_outcome
from radiokit.validation.lesion_ids import suspected_lesions

FEW = 10
STRONG = 0.7
DIFFERENT = 0.001
TOO_FLEXIBLE = 0.05
FEW_EVENTS = 20
DOUBTS = {
    "unknown_level": "a category that training never saw (taken for the reference)",
    "out_of_range": "a value outside the range of training",
    "imputed": "a missing value, filled as in training",
}


def study_warnings(found: Assessment, roles: Roles, gaps: list[Gaps]) -> list[str]:
    """Return what a reader has to know of the models of one outcome."""
    data, endpoint = found.data, found.endpoint
    texts = [*_size(found), *_cohort_sizes(found)]
    if data.center is None:
        texts.append("No centre is named: nothing here shows how the models do elsewhere.")
    elif not (data.cohort == "external").any():
        texts.append("No external cohort: the results hold for patients of the same centres at best.")
    texts += _center_alone(found)
    texts += _constant(endpoint)
    texts += _doubtful(endpoint)
    if not data.clinical:
        texts.append("No clinical columns are named: whether radiomics adds to what is known anyway cannot be judged.")
    if data.volume is None and data.features:
        texts.append("No tumour volume is known: a signature may only measure the volume. Name it in options volume.")
    if roles.groups is None:
        texts += _suspicious_ids(data)
    texts += missing_warnings(gaps)
    texts += _confounded(found)
    texts += _too_flexible(endpoint)
    return texts + [f"{model.name}: {text}" for model in endpoint.models for text in model.cv.warnings]


def _size(found: Assessment) -> Iterator[str]:
    size, endpoint = found.sample_size, found.endpoint
    if size.per_candidate < FEW:
        yield (
            f"{size.events} events in training for {size.candidates} candidate predictors{endpoint.suffix}: "
            f"{size.per_candidate:.2g} each. {_chance(endpoint)}judge the validated accuracy only."
        )
    for model in endpoint.models:
        parameters = len(model.frozen.weights)
        if parameters and size.events / parameters < FEW:
            yield (
                f"{model.name}: {size.events / parameters:.3g} events for each of {parameters} parameters of the final "
                f"model (10 and more are usual)."
            )
    if size.patients < size.required:
        yield (
            f"{endpoint.main.name}: Riley's criteria ask for {int(size.required)} patients for {size.parameters} "
            f"parameters at this accuracy; training has {size.patients}."
        )


def _chance(endpoint: Endpoint) -> str:
    """Return what few events mean: chance in the choice of features, or, where none are chosen, in their weights."""
    if any(chooses(estimator) for m in endpoint.models for estimator, _ in m.signatures.values()):
        return "Which features were chosen is largely chance: "
    return "Their weights are uncertain: "


def _cohort_sizes(found: Assessment) -> Iterator[str]:
    endpoint, cohort = found.endpoint, found.data.cohort.to_numpy()
    for name in ("training", "test", "external"):
        own = endpoint.y[cohort == name]
        rarer = rarer_outcome(own)
        if len(own) and rarer < FEW_EVENTS:
            what = "events" if endpoint.survival else "patients of the rarer outcome"
            yield f"The {name} cohort has {rarer} {what}{endpoint.suffix}: its intervals are wide."


def _center_alone(found: Assessment) -> Iterator[str]:
    """Warn where the centre alone predicts the outcome: then nobody knows whether a feature predicts more."""
    if found.center_effect.alone:
        yield (
            f"The centre alone predicts the outcome with an AUC of {found.center_effect.auc:.2f}"
            f"{found.endpoint.suffix}: a model may know the scanner, not the disease. Cross-validate by "
            "leave_one_center_out, or take both kinds of cases from each."
        )


def _constant(endpoint: Endpoint) -> Iterator[str]:
    """Name the models that give every patient the same prediction: right on noise, and no discovery."""
    for model in endpoint.models:
        score = model.predictions["training", "train"].score
        if np.ptp(score) == 0:
            what = "the same risk" if endpoint.survival else f"the prevalence, {score[0]:.2g}"
            yield f"{model.name}: it predicts {what} for every patient; nothing in its predictors was used."


def _doubtful(endpoint: Endpoint) -> Iterator[str]:
    """Count, for each cohort that was held out, the patients whose values the main model did not know from training."""
    model = endpoint.main
    for cohort, flags in model.flags.items():
        for flag, what in DOUBTS.items() if cohort != "train" else ():
            named = flags[flag][flags[flag] != ""]
            if named.empty:
                continue
            counts = named.str.split("; ").explode().value_counts()
            which = ", ".join(f"{name} {number}" for name, number in counts.head(3).items())
            yield (
                f"{model.name}: {len(named)} of {len(flags)} {cohort} patients have {what}: {which}"
                f"{', ...' if len(counts) > 3 else ''}. The predictions name them."
            )


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


def _too_flexible(endpoint: Endpoint) -> Iterator[str]:
    """Warn where the usual optimism bootstrap corrects too little: its two corrections of the AUC or C-index differ."""
    listed = []
    for model in endpoint.models:
        if model.optimism.empty:
            continue
        row = model.optimism.iloc[0]  # the AUC or C-index stands first
        if row["corrected"] - row["corrected_632plus"] > TOO_FLEXIBLE:
            listed.append(f"{model.name} {row['corrected']:.2f} and {row['corrected_632plus']:.2f}")
    if listed:
        yield (
            f"The optimism bootstrap corrects these models too little, for they can fit anything ({', '.join(listed)} "
            "by .632+): the corrected calibration is too good as well. Rely on the cross-validation."
        )


def _confounded(found: Assessment) -> Iterator[str]:
    models = list(dict.fromkeys(f.model for f in found.features))
    for model in sorted(models):
        own = [f for f in found.features if f.model == model]
        strong = [f.feature for f in own if abs(f.volume_correlation) > STRONG]
        if strong:
            yield (
                f"{model}: {len(strong)} of {len(own)} features go with the volume (|rho| > {STRONG}): "
                f"{', '.join(strong[:3])}. Compare with the volume model."
            )
        scanner = [f.feature for f in own if f.center_p_value < DIFFERENT]
        if scanner:
            yield (
                f"{model}: {len(scanner)} of {len(own)} features differ between centres (p < {DIFFERENT}): "
                f"{', '.join(scanner[:3])}. They may show the scanner."
            )
