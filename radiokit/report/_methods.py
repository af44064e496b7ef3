"""The methods section of the paper, written from what was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radiokit import __version__
from radiokit.report._result import Reportable, endpoints, table
from radiokit.report._view import METHODS, label
from radiokit.validation.evidence import HONEST
from radiokit.validation.facts import FlowStep, NetworkFacts, SignatureFacts

REFERENCES = {
    "cox": "Cox, J R Stat Soc B 1972, doi 10.1111/j.2517-6161.1972.tb00899.x (proportional hazards)",
    "dca": "Vickers and Elkin, Med Decis Making 2006, doi 10.1177/0272989X06295361 (decision curves)",
    "delong": "DeLong et al., Biometrics 1988, doi 10.2307/2531595 (AUC, its interval and test)",
    "harrell": "Harrell et al., Stat Med 1996, doi 10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4 "
    "(C-index, calibration, optimism bootstrap)",
    "ibsi": "Zwanenburg et al., Radiology 2020, doi 10.1148/radiol.2020191145 (standardised features)",
    "km": "Kaplan and Meier, J Am Stat Assoc 1958, doi 10.1080/01621459.1958.10501452 (survival curves)",
    "ridge": "le Cessie and van Houwelingen, Appl Stat 1992, doi 10.2307/2347628 (ridge regression)",
    "lasso": "Tibshirani, J R Stat Soc B 1996, doi 10.1111/j.2517-6161.1996.tb02080.x (LASSO)",
    "pyradiomics": "van Griethuysen et al., Cancer Res 2017, doi 10.1158/0008-5472.CAN-17-0339 (feature definitions)",
    "follow_up": "Schemper and Smith, Control Clin Trials 1996, doi 10.1016/0197-2456(96)00075-X (follow-up)",
    "wilson": "Wilson, J Am Stat Assoc 1927, doi 10.1080/01621459.1927.10502953 (intervals of proportions)",
}


def methods_text(result: Reportable) -> list[str]:
    """Return the paragraphs: patients, features, models, validation, statistics, software, references."""
    if not endpoints(result):
        return []
    paragraphs = [
        _patients(result),
        _features(result),
        _models(result),
        _validation(result),
        _statistics(result),
        _software(result),
    ]
    cited = "; ".join(REFERENCES[key] for key in sorted(set(_cited(result))))
    return [text for text in paragraphs if text] + [f"References: {cited}."]


def _patients(result: Reportable) -> str:
    flow, spec = result.facts.flow, result.spec
    texts = []
    if flow:
        reasons = "; ".join(f"{_counts(step)}: {step.reason}" for step in flow if step.kind == "excluded")
        texts.append(f"Of {_counts(flow[0])} in the case table, ")
        texts.append(f"some were excluded ({reasons}). " if reasons else "none was excluded. ")
        parts = [f"{step.n_patients} patients in the {step.step} cohort" for step in flow if step.kind == "cohort"]
        if parts:
            texts.append(f"The analysis included {_join(parts)}. ")
    if spec.outcome:
        texts.append(f"The binary outcome was {spec.outcome}. ")
    if spec.survival:
        texts.append(
            f"The survival outcome was the time {spec.survival['time']} to the event {spec.survival['event']}. "
        )
    if result.facts.several_cases:
        rule = spec.options.get("aggregate")
        how = "the mean of the features was used" if rule == "mean" else "the largest lesion was used"
        texts.append(f"Where a patient had several lesions, {how}. ")
    return "".join(texts).strip()


def _counts(step: FlowStep) -> str:
    patients = f"{step.n_patients} patients"
    return patients if step.n_cases == step.n_patients else f"{patients} ({step.n_cases} lesions)"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _features(result: Reportable) -> str:
    signatures = {s.name: s for s in result.facts.signatures}
    if not signatures:
        return ""
    measured = [s for s in signatures.values() if s.origin != "network"]
    text = f"Image features were taken from these sources: {'; '.join(map(_source, measured))}. " if measured else ""
    text += _missing(result)
    return (text + " ".join(_network(s.name, s.network) for s in signatures.values() if s.network)).strip()


def _source(signature: SignatureFacts) -> str:
    """Return where features come from, with every setting that is known."""
    count = f"{signature.n_features} feature{'' if signature.n_features == 1 else 's'}"
    settings = ", ".join(f"{step}: {value}" for step, value in signature.extraction.items())
    where = f"measured by radiokit ({settings})" if settings else "out of a table"
    again = f", measured again in training patients ({signature.measured_again})" if signature.measured_again else ""
    return f"{signature.name}, {count} {where}{again}"


def _missing(result: Reportable) -> str:
    facts = result.facts
    if not facts.n_predictors:
        return ""
    if not facts.n_missing:
        return f"No value was missing in the {facts.n_predictors} predictors. "
    return f"In the {facts.n_predictors} predictors {facts.n_missing} values were missing. "


def _network(name: str, network: NetworkFacts) -> str:
    size, spacing = ("x".join(f"{v:g}" for v in values) for values in (network.size, network.spacing))
    channels = f" of {_join(list(network.sequences))}" if network.sequences else ""
    stop = ""
    if network.patience is not None:
        stop = (
            f", until the loss in {network.validation:.0%} of the training patients, who did not train, had not "
            f"fallen for {network.patience} epochs"
        )
    return (
        f"The signature {name} is a convolutional network ({network.backbone}, {network.dimension}) trained end to "
        f"end from random weights on crops{channels} around the tumour ({size} voxels of {spacing} mm, z y x), for at "
        f"most {network.epochs} epochs by AdamW (learning rate {network.learning_rate:g}, batches of "
        f"{network.batch_size}){stop}."
    )


def _models(result: Reportable) -> str:
    sentences = _pipelines(result)
    models = [m for e in endpoints(result) for m in e.models]
    clinical = list(dict.fromkeys(c for m in models for c in m.clinical))
    if clinical:
        sentences.append(
            f"The clinical model used {_join(clinical)}; missing values were imputed by the median or the most "
            "frequent category."
        )
    if any(m.kind == "volume" for m in models):
        sentences.append("A model of the logarithm of the tumour volume alone was the baseline.")
    if any(m.kind == "combined" for m in models):
        parts = "cross-fitted signature scores and the clinical variables" if clinical else "cross-fitted scores"
        sentences.append(f"The combined model was fitted on {parts}.")
    if (how := result.spec.options.get("calibration")) not in (None, "none"):
        sentences.append(
            f"The final models were recalibrated ({how}) on cross-fitted predictions of training patients."
        )
    sentences.append("All steps were learnt from training patients only, and anew in every fold and resample.")
    return " ".join(filter(None, sentences))


def _pipelines(result: Reportable) -> list[str]:
    """Return what each signature does with its features; what is the same for several outcomes is written once."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for signature in result.facts.signatures:
        if not signature.pipeline.network:
            entries = found.setdefault((signature.name, signature.pipeline.before), {})
            entries.setdefault(signature.pipeline.entry, []).append(signature.endpoint)
    sentences = []
    for (name, before), entries in found.items():
        several = len(entries) > 1
        steps = [f"{entry} (for {_join(outcomes)})" if several else entry for entry, outcomes in entries.items()]
        sentences.append(f"For the signature {name}, {before + ', and ' if before else ''}{'; '.join(steps)}.")
    return sentences


def _validation(result: Reportable) -> str:
    folds, repeats, bootstraps = (result.spec.options.get(name) for name in ("folds", "repeats", "bootstraps"))
    scheme = f"{folds}-fold cross-validation by patient, repeated {repeats} times"
    if repeats == 1:
        scheme = f"{folds}-fold cross-validation by patient"
    if result.facts.by_center:
        scheme = "leave-one-centre-out cross-validation"
    sources = {e.source for e in result.evidence}
    corrected = "optimism-corrected" in sources
    more = f", and by an optimism bootstrap of the whole pipeline with {bootstraps} resamples" if corrected else ""
    sentences = [f"In the training cohort the models were validated by {scheme}{more}.", *result.facts.rules]
    sentences.append("Thresholds and risk cut-offs were chosen on out-of-fold training scores and frozen.")
    if "test" in sources:
        sentences.append(
            "The frozen models were applied once to the test patients, who were set aside before training."
        )
    if "external" in sources:
        sentences.append(
            "The frozen models were applied once to the external patients, whose centres gave no patient to training."
        )
    return " ".join(sentences)


# Tables that say what else was computed, with the sentence that goes with each.
COMPUTED = {
    "calibration": "Calibration was measured by slope, intercept and Brier score, and shown by lowess curves.",
    "decision_curve": "Clinical usefulness was judged by decision curves.",
    "kaplan_meier": "Risk groups were shown by Kaplan-Meier curves.",
    "logrank": "Risk groups were compared by the log-rank test.",
    "hazard_ratio": "The hazard of high against low risk was estimated by Cox regression.",
    "follow_up": "Follow-up was estimated by reverse Kaplan-Meier.",
    "survival_calibration": "Predicted survival at the horizon was compared with Kaplan-Meier in groups of risk.",
    "survival_accuracy": "Predicted survival was judged by observed over expected events and the Brier score.",
    "decision_curve_survival": "Net benefit was computed for the risk of an event by the horizon.",
}


def _statistics(result: Reportable) -> str:
    sentences = []
    kinds = {e.survival for e in endpoints(result)}
    if False in kinds:
        sentences.append(
            "Discrimination was measured by the area under the ROC curve; in cross-validation only patients of the "
            "same fold are compared with each other."
        )
    if True in kinds:
        sentences.append("Time to event was modelled by Cox regression and judged by Harrell's C-index.")
    sentences += [text for name, text in COMPUTED.items() if table(result, name) is not None]
    if table(result, "delong") is not None or table(result, "concordance_comparison") is not None:
        sentences.append("Models were compared on the same patients; p-values were adjusted by Holm's method.")
    sentences += _intervals(result)
    return " ".join(sentences)


def _intervals(result: Reportable) -> list[str]:
    """Return how the intervals of the main models were made, as the evidence says it."""
    used: dict[str, list[str]] = {}
    for endpoint in endpoints(result):
        for found in result.evidence:
            if found.model == endpoint.main and found.has_interval and found.method and found.source in HONEST:
                used.setdefault(METHODS.get(found.method, found.method), []).append(label(found.metric))
    listed = "; ".join(f"{method} ({', '.join(dict.fromkeys(names))})" for method, names in used.items())
    made = f", made by these methods: {listed}" if listed else ""
    return [f"Intervals are {result.facts.level} confidence intervals{made}; tests are two-sided."]


def _software(result: Reportable) -> str:
    about = result.provenance
    packages = about.get("packages")
    named = ", ".join(f"{k} {v}" for k, v in packages.items() if v != "absent") if isinstance(packages, Mapping) else ""
    text = f"Analyses were done with radiokit {about.get('radiokit', __version__)}"
    text += f" on Python {about['python']}" if "python" in about else ""
    text += f" ({named})" if named else ""
    return text + (f"; the random seed was {about['random_state']}." if "random_state" in about else ".")


def _cited(result: Reportable) -> Iterator[str]:
    kinds = {e.survival for e in endpoints(result)}
    yield from ("delong", "wilson") if False in kinds else ()
    yield from ("cox",) if True in kinds else ()
    if True in kinds or any(e.source == "optimism-corrected" for e in result.evidence):
        yield "harrell"
    for name, key in (
        ("decision_curve", "dca"), ("decision_curve_survival", "dca"), ("kaplan_meier", "km"),
        ("follow_up", "follow_up"),
    ):  # fmt: skip
        if table(result, name) is not None:
            yield key
    for signature in result.facts.signatures:
        yield from PENALTIES.get(signature.pipeline.penalty, ())
        standard = signature.extraction.get("definitions")
        yield from (standard,) if standard in REFERENCES else ()


PENALTIES = {"ridge": ("ridge",), "LASSO": ("lasso",), "elastic net": ("lasso", "ridge")}


def settings_rows(result: Reportable) -> list[tuple[str, str]]:
    """Return the provenance as pairs of name and value, nested names joined by dots."""
    return list(_flat("", result.provenance))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield prefix, text if len(text) <= 400 else f"{text[:400]} …"
