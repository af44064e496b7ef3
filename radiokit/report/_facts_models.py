"""Facts of models: how features are prepared and chosen, what models are compared with, what explains them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from radiokit.models.describe import PipelineFacts
from radiokit.report._contents import Place, places
from radiokit.report._explained import is_explained
from radiokit.report._fact import Fact, FactOf, author, met, out, partly, unmet
from radiokit.report._facts_data import METHODS
from radiokit.report._result import Reportable, endpoints, evidence, table
from radiokit.validation.evidence import Comparison, StudyEndpoint

COMPARISONS = ("delong", "concordance_comparison")


def pipelines(result: Reportable) -> list[tuple[str, PipelineFacts]]:
    """Return what each signature does with its features, for each outcome; networks are left out."""
    return [(s.name, s.pipeline) for s in result.facts.signatures if not s.pipeline.network]


def _each(found: Iterable[tuple[str, PipelineFacts]], text: Callable[[PipelineFacts], str]) -> str:
    """Describe each signature; what is the same for two outcomes is written once."""
    return "; ".join(dict.fromkeys(f"{name}: {text(pipeline)}" for name, pipeline in found))


def pipeline(result: Reportable) -> Fact:
    """Show the steps: number of features after each."""
    if not pipelines(result):
        return author("no table of features: the steps are for the author")
    return met("number of features after each step of each signature", places(result, "funnel"), "no steps are known")


def reliability(result: Reportable) -> Fact:
    """Say whether features had to repeat in patients who were measured again."""
    if result.facts.repeatable is None:
        return unmet("no repeated segmentations were given to this study")
    kept, measured = result.facts.repeatable
    return met(
        f"{kept} of {measured} features kept by their ICC, in training patients who were measured again",
        places(result, "repeatability"),
    )


def scaling(result: Reportable) -> Fact:
    """Say whether features are standardised, and that no step harmonises centres."""
    if not result.facts.signatures:
        return partly("clinical numbers enter as they are, categories as indicators", places(result, "multivariable"))
    if not pipelines(result):
        return author("a network reads the images; how they were harmonised: for the author")
    unknown = list(dict.fromkeys(name for _, p in pipelines(result) for name in p.unknown))
    if unknown:
        return author(f"what {', '.join(unknown)} does to the features: for the author")
    text = _each(pipelines(result), lambda p: "standardised in each training part" if p.scales else "not scaled")
    return met(f"{text}; no step harmonises centres", METHODS)


def reduction(result: Reportable) -> Fact:
    """Say what takes features out before the model, and whether the model leaves features out."""
    if not pipelines(result):
        return out("no table of features")

    def text(p: PipelineFacts) -> str:
        last = f"{p.model} leaves features out" if p.selects else f"all others in {p.model}"
        return "; ".join([*p.reduces, last])

    return met(f"{_each(pipelines(result), text)}; learnt in each training part", places(result, "funnel"))


def redundancy(result: Reportable) -> Fact:
    """Say whether features that repeat each other are taken out, in every signature."""
    known = pipelines(result)
    if not known:
        return out("no table of features")
    without = list(dict.fromkeys(name for name, p in known if not p.redundancy))
    if without:
        return unmet(f"features that repeat each other were kept ({', '.join(without)})")
    return met(_each(pipelines(result), lambda p: p.redundancy), METHODS)


def tuning(result: Reportable) -> Fact:
    """Say how each model was trained, what of it was tuned and where."""
    if not result.facts.signatures:
        return met("a regression without penalty: nothing is tuned", METHODS)

    def text(p: PipelineFacts) -> str:
        if p.network:
            return f"{p.model}; settings are fixed beforehand"
        return f"{p.training} in each training part" if p.tuning else p.training

    return met(_each([(s.name, s.pipeline) for s in result.facts.signatures], text), METHODS)


def algorithm(result: Reportable) -> Fact:
    """Models and software with versions."""
    about = result.provenance
    software = f"radiokit {about.get('radiokit', '')}, Python {about.get('python', '')}".strip(", ")
    return met(software, METHODS)


def confounding(result: Reportable) -> Fact:
    """Say whether scores were compared with the volume and between centres."""
    found = result.facts.confounders
    if not found:
        return unmet("neither volume nor several centres are known")
    text = f"scores against {' and '.join(found)}"
    where = places(result, "confounding")
    return met(text, where) if len(found) == 2 else partly(text, where)


def centre_differences(result: Reportable) -> Fact:
    """Say whether differences between centres were looked at, in scores or in performance."""
    where = places(result, "performance_by_center")
    if "centre" in result.facts.confounders:
        where = (*places(result, "confounding"), *where)
    if not where or len(result.facts.centers) < 2:
        return unmet("differences between centres cannot be seen: one centre in training, or none named")
    return met(f"{len(result.facts.centers)} centres compared", where)


def model_choice(result: Reportable) -> Fact:
    """Say whether every planned model is shown, so that none was chosen by its result."""
    planned = [m for e in endpoints(result) for m in e.names]
    shown = {e.model for e in result.evidence}
    if not planned or not set(planned) <= shown:
        return unmet("not every planned model has results")
    return met(f"all {len(planned)} planned models are shown ({', '.join(planned)})", places(result, "performance"))


def clinical_baseline(result: Reportable) -> Fact:
    """Say whether a clinical model stands beside the main one, for every outcome."""
    return _beside(result, ("clinical",), "clinical model", "no clinical model beside one with image features")


def simple_baseline(result: Reportable) -> Fact:
    """Say whether a simple model stands beside the main one and the two were tested."""
    found = _beside(result, ("clinical", "volume"), "simple model", "neither a clinical nor a volume model beside it")
    if found.where and not all(_tested(result, e, ("clinical", "volume")) for e in endpoints(result)):
        return partly(f"{found.evidence}; without a paired test", found.where)
    if not found.where:
        return found
    return met(f"{found.evidence}, with paired tests", (*found.where, *places(result, *COMPARISONS)))


def _beside(result: Reportable, kinds: tuple[str, ...], what: str, absent: str) -> Fact:
    found = [[m.name for m in e.models if m.kind in kinds and m.name != e.main] for e in endpoints(result)]
    shown = {e.model for e in result.evidence}
    if not found or not all(names and set(names) <= shown for names in found):
        return unmet(absent)
    return met(f"{what}: {', '.join(n for names in found for n in names)}", places(result, "performance"))


def _tested(result: Reportable, endpoint: StudyEndpoint, kinds: tuple[str, ...]) -> bool:
    pairs = [{endpoint.main, m.name} for m in endpoint.models if m.kind in kinds]
    return any({c.model_a, c.model_b} in pairs for c in tests_of(result))


def tests_of(result: Reportable) -> list[Comparison]:
    """Return the comparisons of models that gave a p-value."""
    return [c for c in result.comparisons if np.isfinite(c.p_value)]


def comparison_test(result: Reportable) -> Fact:
    """Say whether models were compared by a test."""
    tests = tests_of(result)
    if not tests:
        return unmet("no two models could be compared by a test")
    holm = ", p-values adjusted by Holm's method" if all(np.isfinite(c.p_adjusted) for c in tests) else ""
    text = f"{len(tests)} paired tests on the same patients{holm}"
    return met(text, places(result, *COMPARISONS))


def several_sets(result: Reportable) -> Fact:
    """Say whether one set of image features was used, or the gain of several is shown."""
    names = list(dict.fromkeys(s.name for s in result.facts.signatures))
    if not names:
        return out("no image features")
    if len(names) == 1:
        return met(f"one set of image features ({names[0]})", METHODS)
    alone = {m.signatures for e in endpoints(result) for m in e.models if m.kind == "signature"}
    if not {(name,) for name in names} <= alone:
        return unmet(f"{len(names)} sets, not each alone")
    text = f"{len(names)} sets ({', '.join(names)}), each alone and all together"
    return met(text, places(result, "performance", *COMPARISONS))


def interpretability(result: Reportable) -> Fact:
    """Say whether it is shown what each predictor adds to each prediction."""
    if any(is_explained(result, e) for e in endpoints(result)):
        return met("contribution of each predictor to each prediction", places(result, "attributions"))
    return partly("coefficients and formula", places(result, "selected", "multivariable"))


def selected(result: Reportable) -> Fact:
    """Show the features that were chosen."""
    if not pipelines(result):
        return out("no table of features")
    frame = table(result, "selected")
    return met(f"{0 if frame is None else len(frame)} rows of features and coefficients", places(result, "selected"))


def formula(result: Reportable) -> Fact:
    """Show the equation of every model; of a survival model the baseline too, without which it gives no probability."""
    formulas = result.facts.formulas
    if not formulas:
        return unmet("no formula")
    where = (Place("features"), *places(result, "baseline_survival"))
    if any(e.survival for e in endpoints(result)) and not places(result, "baseline_survival"):
        return partly("relative hazards only: the baseline survival is not printed", where)
    return met(f"formulas of {len(formulas)} models", where)


def frozen(what: str) -> FactOf:
    """Return the fact of the frozen models; whether they are shared, the author has to say."""

    def found(result: Reportable) -> Fact:
        names = result.facts.frozen
        return partly(f"{len(names)} models {what}; sharing: for the author", METHODS) if names else author()

    return found


def output(result: Reportable) -> Fact:
    """Say what the models give, and the threshold by which it is read."""
    outputs, where = [], places(result, "performance")
    for endpoint in endpoints(result):
        if not endpoint.survival and evidence(result, model=endpoint.main, metric="sensitivity"):
            outputs.append(f"{endpoint.name}: a probability, with a threshold learnt in training and frozen")
        if endpoint.survival and places(result, "logrank"):
            outputs.append(
                f"{endpoint.name}: a log relative hazard, with a cut-off of the risk groups learnt in training"
            )
            where = (*where, *places(result, "logrank"))
    if len(outputs) < len(endpoints(result)) or not outputs:
        return partly("; ".join(outputs) or "a probability or a relative hazard", where)
    return met("; ".join(outputs), where)
