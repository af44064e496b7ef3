"""Facts of patients, data and images, as reporting checklists ask for them."""

from __future__ import annotations

import numpy as np

from radiokit.report._contents import Place, places
from radiokit.report._fact import Fact, FactOf, author, met, out, partly, unmet
from radiokit.report._result import Reportable, endpoints, evidence, table
from radiokit.validation.facts import SampleSize

METHODS = (Place("methods"),)


def sample_size(result: Reportable) -> Fact:
    """Say how many patients and events there are for what was learnt; why these, the author has to say."""
    if not result.facts.sample_sizes:
        return author()
    text = ". ".join(_size(size) for size in result.facts.sample_sizes)
    return partly(f"{text}. Why these patients: for the author", places(result, "performance"))


def _size(size: SampleSize) -> str:
    text = f"{size.endpoint}: {size.patients} patients and {size.events} events in training"
    if np.isfinite(size.per_candidate):
        text += f", {size.candidates} candidate predictors ({size.per_candidate:.2g} events each)"
    if np.isfinite(size.required):
        text += f"; Riley's criteria ask for {int(size.required)} patients"
    return text


def feature_number(result: Reportable) -> Fact:
    """Say whether there are ten events for each candidate predictor, of every outcome."""
    sizes = [s for s in result.facts.sample_sizes if s.candidates]
    if not sizes:
        return out("no table of features to choose from")
    listed = "; ".join(f"{s.endpoint}: {s.events} events for {s.candidates} candidates" for s in sizes)
    if min(s.per_candidate for s in sizes) < 10:
        return unmet(f"{listed}; 10 events for each are usual")
    return met(f"{listed}: 10 and more for each", places(result, "performance"))


def split(result: Reportable) -> Fact:
    """Say how patients were divided, with the size of each cohort and the measures against leaks."""
    cohorts = ", ".join(f"{c.name} {c.n_patients} patients" for c in result.facts.cohorts)
    groups = result.spec.groups
    by = f"by patient (column {groups})" if groups else "a case is a patient (no column of the patient was named)"
    return met(f"{cohorts}; {by}, before anything is learnt", places(result, "leak_guards"), "not known")


def clinical_predictors(result: Reportable) -> Fact:
    """Say which clinical columns went in."""
    columns = list(dict.fromkeys(c for e in endpoints(result) for m in e.models for c in m.clinical))
    if not columns:
        return unmet("no clinical columns were named")
    return partly(f"{', '.join(columns)}; their definitions: for the author", places(result, "table_one_cohort"))


def outcome(result: Reportable) -> Fact:
    """Say which columns hold the outcome."""
    named = [e.name for e in endpoints(result)]
    if not named:
        return author()
    listed = f"columns {', '.join(named)}; definition and time: for the author"
    return partly(listed, places(result, "table_one_cohort"))


def centres(result: Reportable) -> Fact:
    """Say how many centres there are; what they are, the author has to say."""
    names = result.facts.centers
    if not names:
        return author("no column of the centre was named")
    text = f"{_count(names)} ({', '.join(names[:12])}); what they are: for the author"
    return partly(text, places(result, "table_one_cohort"))


def multicentre(result: Reportable) -> Fact:
    """Say whether patients come from more than one centre."""
    names = result.facts.centers
    if len(names) < 2:
        return unmet("one centre only" if names else "no column of the centre was named")
    by_cohort = "; ".join(f"{c.name}: {_count(c.centers)}" for c in result.facts.cohorts)
    return met(f"{_count(names)} ({by_cohort})", places(result, "table_one_center", "table_one_cohort"))


def _count(names: tuple[str, ...]) -> str:
    return f"{len(names)} centre{'' if len(names) == 1 else 's'}"


def lesions(result: Reportable) -> Fact:
    """Say what became of several lesions of a patient; how they were drawn, the author has to say."""
    if not result.facts.several_cases:
        return author("one case for each patient; how regions were drawn: for the author")
    rule = result.spec.options.get("aggregate")
    return partly(f"several lesions of a patient: {rule}; how they were drawn: for the author", places(result, "flow"))


def extraction(*steps: str) -> FactOf:
    """Return the fact of some steps of the extraction, which a study knows where it measured the features itself."""

    def found(result: Reportable) -> Fact:
        signatures = {s.name: s for s in result.facts.signatures}
        if not signatures:
            return out("no image features")
        own = {name: s for name, s in signatures.items() if s.origin == "images"}
        if not own:
            return author("the study did not measure handcrafted features itself: how they were made is not known here")
        text = "; ".join(
            f"{name}: {', '.join(f'{step} {s.extraction[step]}' for step in steps)}" for name, s in own.items()
        )
        if len(own) < len(signatures):
            return partly(f"{text}; of the other signatures: for the author", METHODS)
        return met(text, METHODS)

    return found


def predictors(result: Reportable) -> Fact:
    """Say how the image features are defined; clinical predictors are for the author."""
    steps = extraction("definitions", "image types", "feature classes")(result)
    if not steps.where:
        return author()
    return partly(f"{steps.evidence}; definitions of clinical predictors: for the author", steps.where)


def defaults(result: Reportable) -> Fact:
    """Say whether all settings are written down, those that were left as they are too."""
    steps = extraction("definitions")(result)
    if steps.where:
        return Fact(steps.status, "every setting with its value, defaults too", (*METHODS, Place("provenance")))
    return steps


def feature_count(result: Reportable) -> Fact:
    """Say how many features each signature had to choose from."""
    counted = {s.name: s.n_features for s in result.facts.signatures if s.origin != "network"}
    if not counted:
        return out("no table of features")
    return met("; ".join(f"{k}: {n} features" for k, n in counted.items()), METHODS)


def missing_data(result: Reportable) -> Fact:
    """Say how many values are missing, where they are counted, and how they were filled."""
    facts = result.facts
    if not facts.n_predictors:
        return author()
    if facts.n_missing == 0:
        return met(f"no value is missing in {facts.n_predictors} predictors", METHODS)
    how = dict.fromkeys(s.pipeline.imputes for s in facts.signatures if s.pipeline.imputes)
    filled = [f"features by {', '.join(how)}"] if how else []
    if any(m.clinical for e in endpoints(result) for m in e.models):
        filled.append("clinical columns by the median or the most frequent category")
    text = f"{facts.n_missing} values are missing in {facts.n_predictors} predictors; {', '.join(filled)}, learnt in "
    where = places(result, "missing")
    return met(text + "each training part", where) if where else partly(text + "each training part", METHODS)


def imbalance(result: Reportable) -> Fact:
    """Say how common each outcome is, and what was done about it."""
    if not any(not e.survival for e in endpoints(result)):
        return out("no binary outcome")
    counts = dict.fromkeys(
        f"{e.cohort}: {e.n_events} of {e.n}" for p in endpoints(result) for e in evidence(result, model=p.main)
        if e.metric == "auc" and e.source in ("external", "test", "out-of-fold")
    )  # fmt: skip
    weights = result.spec.options.get("class_weight")
    how = f"class weights: {weights}" if weights else "cases were neither weighted nor resampled"
    return met(f"patients with the outcome, {', '.join(counts)}; {how}", places(result, "performance"))


def flow(result: Reportable) -> Fact:
    """Say how many patients came in and how many were studied."""
    if not result.facts.flow:
        return author("not known")
    kept = sum(c.n_patients for c in result.facts.cohorts)
    return met(f"{result.facts.flow[0].n_patients} patients in the case table, {kept} studied", places(result, "flow"))


def cleaning(result: Reportable) -> Fact:
    """Say what was left out while data were prepared; the rest is for the author."""
    return partly("who was left out and why; other cleaning: for the author", places(result, "flow"))


def baseline_table(result: Reportable) -> Fact:
    """Characteristics by cohort and by outcome."""
    return _described(result, "table_one_cohort", "table_one_outcome")


def cohort_table(result: Reportable) -> Fact:
    """Characteristics of the cohorts side by side, where there are several."""
    if len(result.facts.cohorts) < 2:
        return unmet("one cohort only: there are no evaluation data to compare with")
    return _described(result, "table_one_cohort")


def centre_table(result: Reportable) -> Fact:
    """Characteristics, and by centre."""
    if len(result.facts.centers) > 1 and places(result, "table_one_center"):
        return _described(result, "table_one_cohort", "table_one_center")
    return partly("characteristics by cohort; by centre: not in this report", places(result, "table_one_cohort"))


def _described(result: Reportable, *names: str) -> Fact:
    where = places(result, *names)
    if len(where) < len(names):
        return partly("characteristics of the cohorts", where) if where else unmet("no table of characteristics")
    frame = table(result, names[0])
    listed = "" if frame is None or "variable" not in frame else f"{frame['variable'].nunique()} characteristics"
    return met(listed or "characteristics of the patients", where)
