"""What a study result knows of itself, in the words of reporting checklists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiokit.report._result import Reportable, endpoints, kind, setting, table

MET, PARTLY, AUTHOR, UNMET, OUT = "met", "partly", "author", "not met", "does not apply"


@dataclass(frozen=True)
class Fact:
    """Whether something is done, and where to see it or what is missing."""

    status: str
    evidence: str


def fact(result: Reportable, name: str) -> Fact:
    """Return the fact of that name; what no program can know is for the author."""
    return Fact(AUTHOR, "for the author") if name == AUTHOR else FACTS[name](result)


def _always(evidence: str) -> Callable[[Reportable], Fact]:
    return lambda result: Fact(MET, evidence)


def _table(name: str, there: str, absent: str, status: str = UNMET) -> Callable[[Reportable], Fact]:
    return lambda result: Fact(MET, there) if table(result, name) is not None else Fact(status, absent)


def _images(evidence: Callable[[str], str]) -> Callable[[Reportable], Fact]:
    """Return a fact that the settings of the extraction tell, where the study extracted the features itself."""

    def found(result: Reportable) -> Fact:
        signatures = setting(result, "signatures") or {}
        own = {k: v for k, v in dict(signatures).items() if _extracted(v)}
        if signatures and len(own) == len(signatures):
            return Fact(MET, evidence("; ".join(f"{k}: {_short(v)}" for k, v in own.items())))
        if own:
            return Fact(PARTLY, "settings of " + ", ".join(own) + " are known; the other features came as a table")
        return Fact(AUTHOR, "features came as a table: how they were made is not known here")

    return found


def _extracted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool({"image", "extractor", "params"} & set(value))
    return "Extractor" in str(value)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else f"{text[:160]} …"


def _sources(result: Reportable) -> set[str]:
    performance = table(result, "performance")
    return set() if performance is None else set(performance["source"])


def _option(result: Reportable, name: str) -> Any:
    options = setting(result, "options")
    return options.get(name) if isinstance(options, Mapping) else getattr(options, name, None)


def _models(result: Reportable) -> set[str]:
    return {kind(m) for e in endpoints(result) for m in e.models}


def _warned(result: Reportable, words: str) -> list[str]:
    return [text for text in map(str, result.warnings) if words in text]


def _sample_size(result: Reportable) -> Fact:
    performance = table(result, "performance")
    if performance is None:
        return Fact(AUTHOR, "for the author")
    few = _warned(result, "Riley") + _warned(result, "events for each") + _warned(result, "candidate predictors")
    sizes = performance.groupby("cohort", sort=False)[["n", "n_events"]].max()
    text = "; ".join(f"{c}: {int(r['n'])} patients, {int(r['n_events'])} events" for c, r in sizes.iterrows())
    return Fact(PARTLY, f"{text}. {' '.join(few[:2])} Why these patients: for the author".replace("  ", " "))


def _clinical(result: Reportable) -> Fact:
    clinical = setting(result, "clinical") or []
    if not clinical:
        return Fact(UNMET, "no clinical columns were named")
    return Fact(PARTLY, f"{', '.join(map(str, clinical))}; their definitions: for the author")


def _outcome(result: Reportable) -> Fact:
    named = [setting(result, "outcome"), *(dict(setting(result, "survival") or {}).values())]
    known = ", ".join(str(v) for v in named if v)
    return Fact(PARTLY if known else AUTHOR, f"columns {known}; their definition and time: for the author")


def _centres(result: Reportable) -> Fact:
    center = setting(result, "center")
    return (
        Fact(PARTLY, f"centres are in column {center}") if center else Fact(AUTHOR, "no column of the centre was named")
    )


def _multicentre(result: Reportable) -> Fact:
    several = {"leave_one_center_out"} & {str(setting(result, "split"))} or "external" in _sources(result)
    names = _centre_names(result)
    if several or len(names) > 1:
        return Fact(MET, f"{len(names)} centres" if names else "centres are kept apart")
    return Fact(UNMET, "one centre, or no column of the centre was named")


def _centre_names(result: Reportable) -> list[str]:
    found = table(result, "table_one_cohort")
    if found is None or not {"variable", "level"} <= set(found.columns):
        return []
    levels = found.loc[found["variable"].astype(str).str.strip("_") == "center", "level"]
    return sorted({str(v) for v in levels.dropna() if str(v) not in ("", "missing")})


def _imbalance(result: Reportable) -> Fact:
    weights = _option(result, "class_weight")
    how = f"class weights: {weights}" if weights else "cases were neither weighted nor resampled"
    return Fact(MET, f"events and patients stand in the performance table; {how}")


def _reduction(result: Reportable) -> Fact:
    if _option(result, "pipeline") == "lasso":
        text = (
            f"Spearman above {_option(result, 'correlation')}, univariable p above {_option(result, 'alpha')}, LASSO; "
            "learnt in each training part"
        )
        return Fact(MET, text)
    return Fact(MET, "constant features removed, all others in the penalised model; learnt in each training part")


def _redundancy(result: Reportable) -> Fact:
    if _option(result, "pipeline") == "lasso":
        return Fact(MET, f"absolute Spearman correlation above {_option(result, 'correlation')}")
    return Fact(UNMET, "correlated features were kept and share their weight in a penalised model")


def _feature_number(result: Reportable) -> Fact:
    few = _warned(result, "candidate predictors")
    return Fact(UNMET, few[0]) if few else Fact(MET, "10 events and more for each candidate")


def _confounding(result: Reportable) -> Fact:
    found = table(result, "confounding")
    if found is None:
        return Fact(UNMET, "neither volume nor centre is known")
    known = [n for n in ("volume_correlation", "center_p_value") if n in found and found[n].notna().any()]
    words = {"volume_correlation": "volume", "center_p_value": "centre"}
    listed = " and ".join(words[n] for n in known)
    return Fact(MET if len(known) == 2 else PARTLY, f"scores and features against {listed}, under Safeguards")


def _validation(result: Reportable) -> Fact:
    sources = _sources(result)
    named = [w for s, w in (("external", "external test"), ("test", "internal test")) if s in sources]
    return Fact(MET, "; ".join([*named, "cross-validation by patient in training; frozen models, applied once"]))


def _internal(result: Reportable) -> Fact:
    if "test" in _sources(result):
        return Fact(MET, "patients set aside before training")
    return Fact(UNMET, "no patients were set aside; cross-validation only")


def _external(result: Reportable) -> Fact:
    if "external" in _sources(result):
        return Fact(MET, "centres that gave no patient to training")
    return Fact(UNMET, "no patients of other centres")


def _baseline(result: Reportable) -> Fact:
    if "clinical" in _models(result):
        return Fact(MET, "the clinical model is in every table")
    return Fact(UNMET, "no clinical columns were named, so there is no clinical model")


def _simple(result: Reportable) -> Fact:
    simple = {"clinical", "volume"} & _models(result)
    if simple:
        return Fact(MET, f"{' and '.join(sorted(simple))} model, with paired tests")
    return Fact(UNMET, "neither a clinical nor a volume model could be built")


def _clinical_comparison(result: Reportable) -> Fact:
    base = _baseline(result)
    if base.status == MET and table(result, "decision_curve") is not None:
        return Fact(MET, "clinical, radiomics and combined models; decision curves")
    return Fact(PARTLY, f"decision curves; {base.evidence}") if table(result, "decision_curve") is not None else base


def _several_sets(result: Reportable) -> Fact:
    count = len(setting(result, "signatures") or {})
    if count <= 1:
        return Fact(MET, "one set of image features")
    return Fact(MET, f"{count} sets, each alone and all together, with paired tests")


def _code(result: Reportable) -> Fact:
    return Fact(PARTLY, "the study file reproduces all; where it is published: for the author")


def _centre_performance(result: Reportable) -> Fact:
    if table(result, "subgroups") is not None and setting(result, "center"):
        return Fact(MET, "performance by centre in the table of subgroups")
    return Fact(UNMET, "no performance by centre")


def _limitations(result: Reportable) -> Fact:
    count = len(result.warnings)
    return Fact(PARTLY, f"{count} warnings in the summary say what limits the numbers; discussion: for the author")


def _formula(result: Reportable) -> Fact:
    return Fact(MET, "formula in the report, and a frozen model that computes it (radiokit predict)")


def _pandas(result: Reportable) -> str:
    about = result.provenance
    return f"radiokit {about.get('radiokit', '')}, Python {about.get('python', '')}".strip(", ")


FACTS: dict[str, Callable[[Reportable], Fact]] = {
    "abstract": lambda r: Fact(PARTLY, "the numbers are in the summary; the text: for the author"),
    "aim": lambda r: Fact(PARTLY, "models were developed and validated; the aim: for the author"),
    "guideline": _always("CLEAR, METRICS and TRIPOD+AI, filled here as far as the study knows"),
    "sample_size": _sample_size,
    "pipeline": _table("funnel", "steps of each signature, under Features", "no steps are known", AUTHOR),
    "data_source": lambda r: Fact(AUTHOR, "the table of cases is known by its hash; its source: for the author"),
    "split": _table("leak_guards", "by patient, before anything is learnt; see Safeguards", "not known", AUTHOR),
    "acquisition": lambda r: Fact(AUTHOR, "scanners and protocols: for the author"),
    "clinical_predictors": _clinical,
    "outcome": _outcome,
    "reference_standard": lambda r: Fact(AUTHOR, "how the outcome was established: for the author"),
    "centres": _centres,
    "multicentre": _multicentre,
    "lesions": lambda r: Fact(
        PARTLY, f"several lesions: {_option(r, 'aggregate')}; how they were drawn: for the author"
    ),
    "preprocessing": _images(lambda text: text),
    "resampling": _images(lambda text: f"in the settings: {text}"),
    "discretization": _images(lambda text: f"in the settings: {text}"),
    "image_types": _images(lambda text: f"in the settings: {text}"),
    "extraction_software": _images(lambda text: "radiokit, definitions of pyradiomics or IBSI as set"),
    "feature_classes": _images(lambda text: f"in the settings: {text}"),
    "feature_count": _table("funnel", "first line of the funnel", "not known", AUTHOR),
    "defaults": _images(lambda text: "all settings are written in provenance and frozen models"),
    "missing_data": _always("median or most frequent value, learnt in each training part; counts under Patients"),
    "imbalance": _imbalance,
    "reliability": _table(
        "repeatability",
        "by their ICC in training patients who were measured again, inside of every fold",
        "no repeated segmentations were given to this study",
        UNMET,
    ),
    "scaling": _always("standardised in each training part; no harmonisation unless the settings name it"),
    "reduction": _reduction,
    "redundancy": _redundancy,
    "feature_number": _feature_number,
    "algorithm": lambda r: Fact(MET, f"methods text; {_pandas(r)}"),
    "tuning": _always("penalty by inner cross-validation in each training part; see the methods text"),
    "confounding": _confounding,
    "model_choice": _always("all planned models are shown; none was chosen by its result"),
    "validation": _validation,
    "metrics": _always("AUC or C-index; sensitivity, specificity, predictive values at a frozen threshold"),
    "uncertainty": _always("95% intervals with their method in every table; calibration slope, intercept, curve"),
    "calibration": lambda r: (
        Fact(MET, "slope, intercept, curves")
        if table(r, "calibration") is not None or "c_index" in {e.metric for e in endpoints(r)}
        else Fact(UNMET, "no calibration")
    ),
    "comparison_test": lambda r: (
        Fact(MET, "paired tests, p-values adjusted by Holm")
        if table(r, "delong") is not None or table(r, "concordance_comparison") is not None
        else Fact(UNMET, "one model only")
    ),
    "clinical_comparison": _clinical_comparison,
    "clinical_baseline": _baseline,
    "simple_baseline": _simple,
    "several_sets": _several_sets,
    "interpretability": lambda r: (
        Fact(MET, "contribution of each predictor to each prediction")
        if table(r, "attributions") is not None
        else Fact(PARTLY, "coefficients and formula")
    ),
    "baseline_table": _table("table_one_cohort", "under Patients", "no table of characteristics"),
    "cohort_table": _table("table_one_cohort", "cohorts side by side, under Patients", "no table of cohorts"),
    "flow": _table("flow", "under Patients", "not known", AUTHOR),
    "selected": _table("selected", "under Features", "no features"),
    "performance": _table("performance", "under Discrimination", "none"),
    "comparison": lambda r: (
        Fact(MET, "under Discrimination and Clinical usefulness") if _baseline(r).status == MET else _baseline(r)
    ),
    "internal_test": _internal,
    "external_test": _external,
    "centre_differences": _confounding,
    "centre_performance": _centre_performance,
    "updating": lambda r: (
        Fact(MET, f"recalibration: {_option(r, 'calibration')}")
        if _option(r, "calibration") not in (None, "none")
        else Fact(OUT, "no model was updated")
    ),
    "formula": _formula,
    "fairness": lambda r: (
        Fact(PARTLY, "performance in subgroups; what was done about it: for the author")
        if table(r, "subgroups") is not None
        else Fact(AUTHOR, "for the author")
    ),
    "output": _always("probability or risk; threshold learnt in training and frozen"),
    "subgroups": lambda r: (
        Fact(MET, "intervals in every table; subgroups under Discrimination")
        if table(r, "subgroups") is not None
        else Fact(PARTLY, "intervals in every table; no subgroups")
    ),
    "limitations": _limitations,
    "input_quality": _always("missing, out-of-range, unknown and untypical values are flagged or refused"),
    "settings": lambda r: Fact(PARTLY, "provenance and frozen models hold them; sharing: for the author"),
    "code": _code,
    "model": lambda r: Fact(PARTLY, "written as a frozen file; sharing: for the author"),
    "ready_to_use": lambda r: Fact(PARTLY, "radiokit predict runs the frozen file; sharing: for the author"),
}


def frame_of(facts: list[Fact]) -> pd.DataFrame:
    """Return status and evidence as columns."""
    return pd.DataFrame([(f.status, f.evidence) for f in facts], columns=["status", "evidence"])
