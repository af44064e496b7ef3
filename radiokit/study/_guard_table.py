"""The usual mistakes, each with what was looked at in this run: nothing is called checked that was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from radiokit import stats
from radiokit.study._assessment import Assessment
from radiokit.study._cohort import Flow, Patients, Roles
from radiokit.study._endpoint import Modelled
from radiokit.study._options import Options
from radiokit.study._over_repeats import by_patient
from radiokit.study._pipelines import describe
from radiokit.study._repeatability import TrainingRepeats, repeatability_guard
from radiokit.study._scores import as_numbers
from radiokit.study._sources import Source
from radiokit.study.deep import is_deep
from radiokit.validation.evidence import select

CHECKED, VIOLATED, BY_CONSTRUCTION = "checked", "violated", "by construction"
NOT_POSSIBLE, NOT_NEEDED, STATED = "not possible", "does not apply", "stated"
Line = tuple[str, str, str]


def guard_table(
    found: Sequence[Assessment],
    roles: Roles,
    sources: Mapping[str, Source],
    repeats: Mapping[str, TrainingRepeats],
    options: Options,
    flow: Flow,
) -> pd.DataFrame:
    """Return one row for each usual mistake: what this run shows of it, and the status.

    ``checked``: looked at in the data of this run and found in order; ``violated``: found not to be; ``by
    construction``: the mistake cannot be made in a study, and nothing was looked at; ``does not apply``; ``not
    possible``: this study lacks what the check needs; ``stated``: a limit that the tables mark.
    """
    data = found[0].data
    models = [m for a in found for m in a.endpoint.models]
    rows = [
        _folds(models, data),
        _steps(models),
        repeatability_guard(sources, repeats, data.X.index[data.training]),
        _cohorts(data, roles),
        _one_row(data, options),
        _cross_fitted(models, data),
        _cutoffs(models, options),
        _delong(found),
        _frozen(models, data),
        (
            "the outcome among the predictors",
            f"{data.X.shape[1]} columns were compared with it in any spelling",
            CHECKED,
        ),
        _external(data),
        _baselines(found),
        *_operating_points(found),
        _volume(found),
        _scanner(found),
        _settings(sources),
        _lost(flow),
    ]
    if not (data.cohort != "training").any():
        rows.append(("no patients held out", f"cross-validation by patient, {options.repeats} times", STATED))
    return pd.DataFrame(rows, columns=["guard", "how", "status"])


def _verdict(right: bool) -> str:
    return CHECKED if right else VIOLATED


def _folds(models: list[Modelled], data: Patients) -> Line:
    """Check that each training patient was predicted once in each repeat, in one fold with all copies."""
    fits, right = 0, True
    everyone = set(data.X.index[data.training])
    for model in models:
        p = model.cv.predictions
        place = pd.DataFrame({"repeat": p.repeat, "fold": p.fold, "group": p.groups, "id": p.ids})
        fits += len(place[["repeat", "fold"]].drop_duplicates())
        right &= not place.duplicated(["repeat", "id"]).any() and set(p.ids) == everyone
        right &= bool((place.groupby(["repeat", "group"])["fold"].nunique() == 1).all())
    how = f"{fits} fits of whole pipelines in cross-validation; none had a patient that it predicted among its own"
    return "selection before the split", how, _verdict(right)


def _steps(models: list[Modelled]) -> Line:
    """Name the steps of the pipelines, which are fitted anew in each fold: `_folds` has checked who was in each."""
    guard = "imputation or scaling before the split"
    facts = {
        name: describe(estimator)
        for m in models
        for name, (estimator, _) in m.signatures.items()
        if not is_deep(estimator)
    }
    steps = []
    for name, fact in facts.items():
        does = [f"imputes by {fact.imputes}"] if fact.imputes else []
        does += ["standardises"] if fact.scales else []
        steps += [f"{name}: {' and '.join(does)}"] if does else []
    clinical = sum(len(m.frozen.clinical) for m in models if m.kind == "clinical")
    steps += [f"{clinical} clinical columns: imputed"] if clinical else []
    if not steps:
        return guard, "no step imputes or scales", NOT_NEEDED
    return guard, f"inside the pipeline, learnt anew in each fold ({'; '.join(steps)})", BY_CONSTRUCTION


def _cohorts(data: Patients, roles: Roles) -> Line:
    shared = int((data.cohort.groupby(data.group).nunique() > 1).sum())
    by = f"column {roles.groups!r}" if roles.groups else "case ids, for no `groups` were named"
    how = f"{data.group.nunique()} patients (by {by}), {shared} of them in two cohorts"
    return "a patient in training and test", how, _verdict(shared == 0)


def _one_row(data: Patients, options: Options) -> Line:
    how = f"{len(data.X)} rows of {data.group.nunique()} patients; rule for several lesions: {options.aggregate}"
    copies = len(data.X) - data.group.nunique()
    if copies:
        how += f"; {copies} rows are copies of others and stay with them"
    return "several lesions counted as patients", how, _verdict(data.X.index.is_unique)


def _cross_fitted(models: list[Modelled], data: Patients) -> Line:
    """Compare the scores that the final weights were learnt from with those of the signatures fitted to everybody.

    Equal ones would have been fitted to the patients they were weighted on. Networks, which take minutes, are left out.
    """
    guard = "score fitted and fused on the same patients"
    names, right = set(), True
    for model in (m for m in models if m.kind == "combined"):
        networks = {name for name, (estimator, _) in model.signatures.items() if is_deep(estimator)}
        for score in model.frozen.scores:
            if score.name in model.stack.design_ and score.name not in networks:
                names.add(score.name)
                refitted = score.values(as_numbers(data.X[data.training], [f.name for f in score.features]))
                right &= refitted != model.stack.design_[score.name].tolist()
    if not names:
        return guard, "no model combines scores", NOT_NEEDED
    listed = ", ".join(sorted(names))
    how = f"the scores {listed} were cross-fitted before the final model saw them: they differ from the refitted ones"
    return guard, how, _verdict(right)


def _cutoffs(models: list[Modelled], options: Options) -> Line:
    """Learn each operating point again from out-of-fold scores of training patients, and compare."""
    same = []
    for model in models:
        p = by_patient(model.cv.predictions)
        if p.survival:
            same.append(float(np.median(p.risk)) == model.frozen.cut)
        else:
            again = stats.optimal_threshold(p.y_true, p.probability, criterion=options.threshold).value
            same.append(float(np.clip(again, 0.0, 1.0)) == model.frozen.threshold)
    how = f"{sum(same)} of {len(same)} thresholds and cut-offs are those of the out-of-fold scores of training, frozen"
    return "threshold or cut-off chosen on test patients", how, _verdict(all(same))


def _delong(found: Sequence[Assessment]) -> Line:
    guard = "pooled folds or training scores in DeLong's test"
    pairs = [pair for a in found for pair in a.comparisons]
    if not pairs:
        return guard, "no models are compared", NOT_NEEDED
    counts = Counter(pair.method for pair in pairs)
    how = "; ".join(f"{number} comparisons by {method}" for method, number in counts.most_common())
    wrong = any(p.source == "train" or (p.source == "out-of-fold" and p.method == "delong") for p in pairs)
    return guard, how, _verdict(not wrong)


def _frozen(models: list[Modelled], data: Patients) -> Line:
    """Predict held-out patients with the frozen numbers again; networks, which take minutes, are left out."""
    guard = "calibration or decision curves of a refitted model"
    count, right = 0, True
    for model in models:
        if any(is_deep(estimator) for estimator, _ in model.signatures.values()):
            continue
        for (cohort, source), p in model.predictions.items():
            if source not in ("test", "external"):
                continue
            again = model.frozen.predict(data.X[(data.cohort == cohort).to_numpy()])
            count += p.n
            right &= bool((again["risk" if p.survival else "probability"].to_numpy() == p.score).all())
    if not count:
        return guard, "no patients were held out", NOT_NEEDED
    return (
        guard,
        f"{count} predictions of held-out patients equal those of the frozen files to the bit",
        _verdict(right),
    )


def _external(data: Patients) -> Line:
    guard = "a random split called external"
    external = data.cohort == "external"
    if not external.any() or data.center is None:
        return guard, "the word is not used: no centre was held out", NOT_NEEDED
    plain = data.center.astype(str).str.strip().str.casefold()
    shared = set(plain[external]) & set(plain[data.training])
    how = f"{plain[external].nunique()} external centres, {len(shared)} of them with patients in training"
    return guard, how, _verdict(not shared)


def _baselines(found: Sequence[Assessment]) -> Line:
    """Look which simple models have evidence beside the main one, for every outcome."""
    guard = "no clinical or volume baseline"
    shown = [{m.kind for m in a.endpoint.models if select(a.evidence, model=m.name)} for a in found]
    kinds = set.intersection(*shown)
    volume = "volume alone" if "volume" in kinds else "no volume known"
    how = f"{'clinical alone' if 'clinical' in kinds else 'no clinical columns named'}; {volume}; prevalence"
    return guard, how, CHECKED if kinds & {"clinical", "volume"} else NOT_POSSIBLE


def _operating_points(found: Sequence[Assessment]) -> Iterator[Line]:
    own = [e for a in found for e in select(a.evidence, source="out-of-fold", metric="sensitivity")]
    if own:
        marked = sum(e.threshold_reused for e in own)
        yield (
            "operating point on out-of-fold scores",
            f"{marked} of {len(own)} marked optimistic in performance",
            STATED if marked == len(own) else VIOLATED,
        )


def _volume(found: Sequence[Assessment]) -> Line:
    guard, data = "features that only measure the volume", found[0].data
    if data.volume is None:
        return guard, "no volume is known", NOT_POSSIBLE
    features = [f.volume_correlation for a in found for f in a.features]
    models = [c.volume_correlation for a in found for c in a.confounding]
    return guard, *_compared("correlation with the volume", features, models)


def _scanner(found: Sequence[Assessment]) -> Line:
    guard, data = "features that only show the scanner", found[0].data
    if data.center is None or data.center[data.training].nunique() < 2:
        return guard, "one centre in training, or none named", NOT_POSSIBLE
    features = [f.center_p_value for a in found for f in a.features]
    models = [c.center_p_value for a in found for c in a.confounding]
    return guard, *_compared("difference between centres", features, models)


def _compared(measure: str, features: Iterable[float], models: Iterable[float]) -> tuple[str, str]:
    """Count the features and models of which a measure of confounding is known."""
    counts = [int(np.isfinite(list(values)).sum()) for values in (features, models)]
    if not sum(counts):
        return f"no {measure} could be computed", NOT_POSSIBLE
    return f"{measure} of {counts[0]} features and {counts[1]} models, in the tables selected and confounding", CHECKED


def _settings(sources: Mapping[str, Source]) -> Line:
    guard = "settings not reported"
    if not sources:
        return guard, "nothing was measured in images", NOT_NEEDED
    known = [name for name, s in sources.items() if s.settings() is not None]
    how = f"settings of {len(known)} of {len(sources)} signatures stand in the frozen files"
    if len(known) < len(sources):
        return guard, f"{how}; the others are tables that were computed elsewhere", NOT_POSSIBLE
    return guard, how, CHECKED


def _lost(flow: Flow) -> Line:
    """Add up the flow: who came in is in a cohort, or stands there with a reason."""
    came, kept, named = flow.came_in, flow.in_cohorts, flow.left
    how = f"{came} patients came in, {kept} are in a cohort, {named} are listed with a reason in the table flow"
    # A patient of several cases may lose some of them and stay.
    return "cases lost without a record", how, _verdict(kept <= came <= kept + named)
