"""Facts of results: validation, measures, uncertainty, calibration, usefulness, subgroups and centres."""

from __future__ import annotations

import math

from radiokit.report._contents import Place, places
from radiokit.report._fact import Fact, author, met, out, partly, unmet
from radiokit.report._facts_models import clinical_baseline, tests_of
from radiokit.report._result import Reportable, endpoints, evidence, honest, table
from radiokit.report._view import METHODS, label
from radiokit.validation.evidence import HONEST, StudyEndpoint

SHOWN = ("auc", "c_index", "sensitivity", "specificity", "ppv", "npv", "accuracy", "brier", "calibration_slope")
CONFUSION = ("sensitivity", "specificity", "ppv", "npv")
CALIBRATION = {False: ("calibration",), True: ("survival_calibration", "survival_accuracy")}
USEFULNESS = {False: "decision_curve", True: "decision_curve_survival"}


def guideline(result: Reportable) -> Fact:
    """Name the three checklists, filled as far as the study knows."""
    return met("CLEAR, METRICS and TRIPOD+AI, filled here as far as the study knows", (Place("checklists"),))


def validation(result: Reportable) -> Fact:
    """In whom the models were judged, with numbers of patients."""
    words = {"external": "external patients", "test": "patients set aside", "out-of-fold": "cross-validation"}
    found = {e.source: f"{words[e.source]} ({e.n})" for p in endpoints(result) for e in honest(result, p, p.main)}
    if not found:
        return unmet("no validation")
    return met(", ".join(found.values()), places(result, "performance"))


def internal_test(result: Reportable) -> Fact:
    """Say whether patients were set aside before training."""
    found = evidence(result, source="test")
    if not found:
        return unmet("no patients were set aside")
    return met(f"{found[0].n} patients set aside before training", places(result, "performance"))


def external_test(result: Reportable) -> Fact:
    """Say whether patients of centres that gave none to training were judged."""
    found = evidence(result, source="external")
    if not found:
        return unmet("no patients of other centres")
    return met(f"{found[0].n} patients of centres that gave none to training", places(result, "performance"))


def _measures(result: Reportable, endpoint: StudyEndpoint) -> list[str]:
    known = {e.metric for e in evidence(result, model=endpoint.main) if e.source in HONEST}
    return [m for m in SHOWN if m in known]


def metrics(result: Reportable) -> Fact:
    """Say which measures there are of each outcome; for a binary one the confusion matrix at the threshold too."""
    found = {e.name: _measures(result, e) for e in endpoints(result)}
    if not found or not all(found.values()):
        return unmet("no measures")
    text = "; ".join(f"{name}: {', '.join(map(label, names))}" for name, names in found.items())
    whole = all(e.survival or set(CONFUSION) <= set(found[e.name]) for e in endpoints(result))
    where = places(result, "performance", "time_auc")
    return met(text, where) if whole else partly(text, where)


def uncertainty(result: Reportable) -> Fact:
    """Say whether every estimate of discrimination in other patients has an interval."""
    found = [e for p in endpoints(result) for e in honest(result, p, p.main)]
    if not found:
        return unmet("no estimates")
    without = [f"{e.metric} in {e.cohort}" for e in found if not e.has_interval]
    if without:
        return partly(f"no interval of {', '.join(without)}", places(result, "performance"))
    methods = dict.fromkeys(METHODS.get(e.method, e.method) for e in found)
    return met(f"{result.facts.level} intervals ({', '.join(methods)})", places(result, "performance"))


def calibration(result: Reportable) -> Fact:
    """Say whether the calibration of every outcome is shown."""
    found = {e: places(result, *CALIBRATION[e.survival]) for e in endpoints(result)}
    without = [e.name for e, where in found.items() if not where]
    if not found or len(without) == len(found):
        return unmet("no calibration")
    where = tuple(place for own in found.values() for place in own)
    if without:
        return partly(f"no calibration of {', '.join(without)}", where)
    measured = {
        "slope": any(not math.isnan(own.slope) for own in result.calibrations),
        "o_e": any(not math.isnan(own.ratio) for own in result.calibrations),
    }
    names = [label(name) for name, known in measured.items() if known]
    return met(", ".join(names) or "predicted against observed", where)


def uncertainty_and_calibration(result: Reportable) -> Fact:
    """Both of the above."""
    both = (uncertainty(result), calibration(result))
    where = tuple(dict.fromkeys(place for fact in both for place in fact.where))
    text = "; ".join(fact.evidence for fact in both)
    return met(text, where) if {fact.status for fact in both} == {"met"} else partly(text, where)


def _useful(result: Reportable) -> tuple[tuple[Place, ...], list[str]]:
    """Return where decision curves stand, and the outcomes that have none."""
    found = {e.name: places(result, USEFULNESS[e.survival]) for e in endpoints(result)}
    return tuple(p for own in found.values() for p in own), [name for name, own in found.items() if not own]


def clinical_comparison(result: Reportable) -> Fact:
    """Clinical and combined models side by side, and decision curves."""
    where, without = _useful(result)
    base = clinical_baseline(result)
    shown = [base.evidence, *(["decision curves"] if where else [])]
    if base.where and where and not without:
        return met("; ".join(shown), (*base.where, *where))
    if base.where or where:
        missing = [f"no decision curve of {', '.join(without)}"] if without else []
        return partly("; ".join([*shown, *missing]), (*base.where, *where))
    return unmet(f"{base.evidence}; no decision curve")


def comparison(result: Reportable) -> Fact:
    """Models compared with intervals, the confusion matrix, net benefit: what of it there is."""
    where, without = _useful(result)
    confusion = all(e.survival or set(CONFUSION) <= set(_measures(result, e)) for e in endpoints(result))
    there = {"paired tests": bool(tests_of(result)), "confusion matrix": confusion, "net benefit": not without}
    if any(e.survival for e in endpoints(result)) and not any(not e.survival for e in endpoints(result)):
        there.pop("confusion matrix")  # a time has none
    shown = [name for name, known in there.items() if known]
    where = (*places(result, "delong", "concordance_comparison", "performance"), *where)
    if all(there.values()):
        return met(", ".join(shown), where)
    absent = [name for name, known in there.items() if not known]
    return partly(f"{', '.join(shown) or 'performance'}; not in this report: {', '.join(absent)}", where)


def performance(result: Reportable) -> Fact:
    """Patients, events and performance of each cohort."""
    counted = dict.fromkeys(
        f"{e.cohort}: {e.n} patients, {e.n_events} events" for p in endpoints(result) for e in honest(result, p, p.main)
    )
    return met("; ".join(counted), places(result, "performance"), "no performance")


def _divided(result: Reportable) -> dict[str, list[str]]:
    """Return the subgroups with an estimate, by variable."""
    frame = table(result, "subgroups")
    if frame is None:
        return {}
    known = frame[(frame["variable"] != "all") & frame["estimate"].notna()]
    return {str(name): own["level"].unique().tolist() for (name,), own in known.groupby(["variable"], sort=False)}


def subgroups(result: Reportable) -> Fact:
    """Show performance with intervals, and in subgroups."""
    found = _divided(result)
    if not found:
        return partly(f"{uncertainty(result).evidence}; no subgroups", places(result, "performance"))
    return met(
        f"{result.facts.level} intervals; subgroups by {', '.join(found)}", places(result, "performance", "subgroups")
    )


def fairness(result: Reportable) -> Fact:
    """Show performance in subgroups; what was done about it, the author has to say."""
    if not _divided(result):
        return author()
    return partly("performance in subgroups; what was done about it: for the author", places(result, "subgroups"))


def centre_performance(result: Reportable) -> Fact:
    """Show performance in each centre, of at least two that could be judged."""
    frame = table(result, "performance_by_center")
    if frame is not None:
        judged = frame.loc[frame["estimate"].notna(), "center"].nunique()
        if judged > 1:
            return met(f"{judged} centres", places(result, "performance_by_center"))
    centres = _divided(result).get("centre", [])
    if centres:
        return met(f"{len(centres)} centres", places(result, "subgroups"))
    return unmet("no performance by centre: one centre, none named, or too few patients in each")


def updating(result: Reportable) -> Fact:
    """Say that a study never updates a model on new patients."""
    return out("no model was updated on other patients")


def limitations(result: Reportable) -> Fact:
    """Say what the study warns of; the discussion is for the author."""
    text = f"{len(result.warnings)} warnings say what limits the numbers; discussion: for the author"
    return partly(text, (Place("summary"),))


def input_quality(result: Reportable) -> Fact:
    """Say what a frozen model says of poor input; what users should do then, the author has to say."""
    if not result.facts.frozen:
        return author()
    text = "frozen models name values that are missing, out of range or unknown; what to do then: for the author"
    return partly(text, (Place("methods"),))
