"""The methods section of the paper, written from what was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from radiokit._version import __version__
from radiokit.models import default_pipeline
from radiokit.report._result import Reportable, endpoints, setting, table

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
    "wilson": "Wilson, J Am Stat Assoc 1927, doi 10.1080/01621459.1927.10502953 (intervals of proportions)",
}

# What the models of `radiokit.models.signature_pipeline` did, by name.
MODELS = {
    "elastic_net": "all features entered an elastic net (half LASSO, half ridge), penalised by cross-validation",
    "logistic": "all features entered a ridge logistic regression with a fixed penalty, recalibrated by Platt's method",
    "svm_linear": "all features entered a linear support vector machine, recalibrated by Platt's method",
    "svm_rbf": "all features entered a support vector machine with a Gaussian kernel, recalibrated by Platt's method",
    "forest": "all features entered a random forest, recalibrated by Platt's method",
    "xgboost": "all features entered gradient-boosted trees (XGBoost)",
    "xgboost_aft": "all features entered gradient-boosted trees for survival times (XGBoost)",
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
    cited = "; ".join(REFERENCES[key] for key in sorted(_cited(result)))
    return [text for text in paragraphs if text] + [f"References: {cited}."]


def _patients(result: Reportable) -> str:
    flow = table(result, "flow")
    texts = []
    if flow is not None:
        steps = flow["step"].astype(str)
        texts.append(f"Of {_counts(flow.iloc[0])} in the case table, ")
        excluded = flow[steps == "excluded"]
        if len(excluded):
            reasons = "; ".join(f"{_counts(row)}: {row['reason']}" for _, row in excluded.iterrows())
            texts.append(f"some were excluded ({reasons}). ")
        else:
            texts.append("none was excluded. ")
        cohorts = flow[steps.isin(["training", "test", "external"])]
        parts = [f"{int(row['n_patients'])} patients in the {row['step']} cohort" for _, row in cohorts.iterrows()]
        if parts:
            texts.append(f"The analysis included {_join(parts)}. ")
    outcome, survival = setting(result, "outcome"), setting(result, "survival")
    if outcome:
        texts.append(f"The binary outcome was {outcome}. ")
    if survival:
        texts.append(f"The survival outcome was the time {survival['time']} to the event {survival['event']}. ")
    if any((flow["step"] == "one row a patient") if flow is not None else ()):
        rule = _option(result, "aggregate")
        how = "the mean of the features was used" if rule == "mean" else "the largest lesion was used"
        texts.append(f"Where a patient had several lesions, {how}. ")
    return "".join(texts).strip()


def _counts(row: pd.Series) -> str:
    patients = f"{int(row['n_patients'])} patients"
    cases = row.get("n_cases")
    return patients if pd.isna(cases) or cases == row["n_patients"] else f"{patients} ({int(cases)} lesions)"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _features(result: Reportable) -> str:
    signatures = setting(result, "signatures")
    if not isinstance(signatures, Mapping) or not signatures:
        return ""
    plain = {name: value for name, value in signatures.items() if not _is_network(value)}
    text = ""
    if plain:
        described = "; ".join(f"{name}: {_described(value)}" for name, value in plain.items())
        text = f"Image features were taken from these sources: {described}. "
        text += "".join(_repeatability(n, v) for n, v in plain.items() if _is_repeated(v))
    return (text + " ".join(_network(n, v["deep"]) for n, v in signatures.items() if _is_network(v))).strip()


REPEATED = ("repeat", "perturb", "icc", "icc_form", "icc_use")


def _is_repeated(value: Any) -> bool:
    return isinstance(value, Mapping) and "icc_form" in value


def _repeatability(name: str, value: Mapping[str, Any]) -> str:
    again = "in perturbed images of" if "perturb" in value else "by repeated measurements of"
    reached = "whose lower 95% limit was" if value["icc_use"] == "ci_low" else "that was"
    return (
        f"Of the signature {name} only features with an intraclass correlation, {value['icc_form']}, {reached} at "
        f"least {value['icc']:g} {again} training patients were used. "
    )


def _is_network(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("deep"), Mapping)


def _network(name: str, about: Mapping[str, Any]) -> str:
    crop, training = about["crop"], about["training"]
    size, spacing = ("x".join(f"{v:g}" for v in crop[k]) for k in ("size", "spacing"))
    channels = f" of {_join(list(map(str, about['sequences'])))}" if about["sequences"] else ""
    stop = ""
    if training["patience"] is not None:
        stop = (
            f", until the loss in {training['validation']:.0%} of the training patients, who did not train, had not "
            f"fallen for {training['patience']} epochs"
        )
    return (
        f"The signature {name} is a convolutional network ({about['backbone']}, {about['dimension']}) trained end to "
        f"end from random weights on crops{channels} around the tumour ({size} voxels of {spacing} mm, z y x), for at "
        f"most {training['epochs']} epochs by AdamW (learning rate {training['learning_rate']:g}, batches of "
        f"{training['batch_size']}){stop}."
    )


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items() if k not in REPEATED)
    return " ".join(str(value).split())


def _models(result: Reportable) -> str:
    if not setting(result, "options"):
        return ""
    text = ""
    signatures = setting(result, "signatures")
    if isinstance(signatures, Mapping) and not all(_is_network(v) for v in signatures.values()):
        text = "For each signature of features, missing feature values were imputed by the median, "
        text += f"{_signature(result)} "
    clinical = setting(result, "clinical")
    if clinical:
        text += (
            f"The clinical model used {_join([str(c) for c in clinical])}; missing values were imputed by the median "
        )
        text += "or the most frequent category. "
    if any("combined" in m for e in endpoints(result) for m in e.models):
        text += "The combined model was fitted on cross-fitted signature scores and the clinical variables. "
    return text + "All steps were learnt from training patients only, and anew in every fold and resample."


def _signature(result: Reportable) -> str:
    kind = _option(result, "pipeline")
    if kind in ("default", "ridge"):
        return _default_signature()
    return _named_signature(kind) if kind in MODELS else _lasso_signature(result)


def _named_signature(kind: str) -> str:
    tails = "" if kind in ("forest", "xgboost", "xgboost_aft") else "the tails of the others cut, all standardised, "
    return f"constant features were removed, {tails}and {MODELS[kind]}."


def _default_signature() -> str:
    steps = default_pipeline().named_steps
    final = steps["signature"]
    return (
        "constant features were removed, values further from the median than "
        f"{steps['winsorize'].spread} robust standard deviations (interquartile range / 1.349) were set to that bound, "
        "and all features entered a ridge regression on standardised features, its penalty chosen by "
        f"{final.cv}-fold cross-validation."
    )


def _lasso_signature(result: Reportable) -> str:
    correlation, alpha, rule, folds = (
        _option(result, name) for name in ("correlation", "alpha", "rule", "penalty_folds")
    )
    penalty = "the largest penalty within one standard error of the minimum" if rule == "1se" else "the minimum"
    return (
        "constant features were removed, of two features with an absolute Spearman correlation above "
        f"{correlation} the less relevant was removed, features with a univariable p above {alpha} were removed, and "
        f"the rest entered a LASSO regression on standardised features with the penalty at {penalty} of the deviance "
        f"in {folds or 10}-fold cross-validation."
    )


def _validation(result: Reportable) -> str:
    if not setting(result, "options"):
        return ""
    folds, repeats, bootstraps = (_option(result, name) for name in ("folds", "repeats", "bootstraps"))
    scheme = f"{folds}-fold cross-validation by patient, repeated {repeats} times"
    if "leave_one_center_out" in str(setting(result, "split")):
        scheme = "leave-one-centre-out cross-validation"
    text = f"In the training cohort the models were validated by {scheme}"
    text += (
        f", and by an optimism bootstrap of the whole pipeline with {bootstraps} resamples. " if bootstraps else ". "
    )
    performance = result.tables["performance"]
    sources = set(performance["source"])
    text += "Thresholds and risk cut-offs were chosen on out-of-fold training scores and frozen. "
    if "test" in sources:
        text += "The frozen models were applied once to the test patients, who were set aside before training. "
    if "external" in sources:
        text += (
            "The frozen models were applied once to the external patients, whose centres gave no patient to training. "
        )
    return text.strip()


def _statistics(result: Reportable) -> str:
    sentences = []
    metrics = {e.metric for e in endpoints(result)}
    if "auc" in metrics:
        sentences.append(
            "Discrimination was measured by the area under the ROC curve with DeLong's interval; sensitivity, "
            "specificity and predictive values at the frozen threshold have Wilson intervals. In cross-validation only "
            "patients of the same fold are compared with each other."
        )
        sentences.append("Calibration was measured by slope, intercept and Brier score, and shown by lowess curves.")
    if table(result, "decision_curve") is not None:
        sentences.append("Clinical usefulness was judged by decision curves.")
    if "c_index" in metrics:
        sentences.append("Time to event was modelled by Cox regression and judged by Harrell's C-index.")
    if table(result, "kaplan_meier") is not None:
        sentences.append("Risk groups were compared by Kaplan-Meier curves and the log-rank test.")
    if table(result, "delong") is not None:
        sentences.append("Models were compared on the same patients; p-values were adjusted by Holm's method.")
    level = _option(result, "confidence_level")
    sentences.append(f"Intervals are {float(level or 0.95):.0%} confidence intervals; tests are two-sided.")
    return " ".join(sentences)


def _software(result: Reportable) -> str:
    about = result.provenance
    packages = about.get("packages")
    named = ", ".join(f"{k} {v}" for k, v in packages.items() if v != "absent") if isinstance(packages, Mapping) else ""
    text = f"Analyses were done with radiokit {about.get('radiokit', __version__)}"
    text += f" on Python {about['python']}" if "python" in about else ""
    text += f" ({named})" if named else ""
    return text + (f"; the random seed was {about['random_state']}." if "random_state" in about else ".")


def _cited(result: Reportable) -> Iterator[str]:
    metrics = {e.metric for e in endpoints(result)}
    yield from ("delong", "wilson") if "auc" in metrics else ()
    yield from ("cox",) if "c_index" in metrics else ()
    if "c_index" in metrics or "optimism-corrected" in set(result.tables["performance"]["source"]):
        yield "harrell"
    for name, key in (("decision_curve", "dca"), ("kaplan_meier", "km")):
        if table(result, name) is not None:
            yield key
    if table(result, "lasso_path") is not None:
        yield "ridge" if _option(result, "pipeline") in ("default", "ridge") else "lasso"
    signatures = setting(result, "signatures")
    features = str(
        {k: v for k, v in signatures.items() if not _is_network(v)} if isinstance(signatures, Mapping) else ""
    )
    if "Extractor" in features or "extractor" in features or "image" in features:
        yield "ibsi" if "ibsi" in features else "pyradiomics"


def _option(result: Reportable, name: str) -> Any:
    options = setting(result, "options")
    return options.get(name) if isinstance(options, Mapping) else getattr(options, name, None)


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
