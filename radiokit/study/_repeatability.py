"""Repeated measurements of training patients, and the filter they feed: the first step of a signature's pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from radiokit.exceptions import InputError
from radiokit.selection import RepeatabilitySelector
from radiokit.selection.repeatability import MIN_SUBJECTS
from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._repeatability_rule import RepeatabilityRule
from radiokit.study._run import Run
from radiokit.study._sources import ImageSource, Source
from radiokit.study._tables import joined
from radiokit.utils import Table, as_table, drop_warnings

STEP = "repeatability"
COLUMNS = ("model", "signature", "feature", "icc", "ci_low", "ci_high", "n_subjects", "kept")
FAILED = ("signature", "case_id", "perturbation", "error", "message")


@dataclass(frozen=True, eq=False)
class TrainingRepeats(Mapping[str, pd.DataFrame]):
    """Tables of training patients measured again; `left_out` counts the other cases that the tables held.

    `failures` lists the measurements of perturbed images that failed; their rows are empty. Copies share the tables,
    for every fold clones the pipeline.
    """

    tables: dict[str, pd.DataFrame]
    left_out: int = 0
    failures: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(FAILED), dtype=object))

    def __getitem__(self, key: str) -> pd.DataFrame:
        return self.tables[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __deepcopy__(self, memo: Any) -> TrainingRepeats:
        return self


def training_repeats(
    sources: Mapping[str, Source], cases: pd.DataFrame, data: Patients, *, averaged: bool, run: Run
) -> dict[str, TrainingRepeats]:
    """Return the repeats of each signature that asks for them: rows of training patients only, whatever was given."""
    found = {}
    for name, source in sources.items():
        if source.repeat is None:
            continue
        if averaged:
            raise InputError(
                f"signature {name!r} has repeated measurements, but features are means over the lesions of a patient; "
                "required: one lesion for each patient, options aggregate: largest."
            )
        prefix = f"{name}_" if len(sources) > 1 else ""
        training = data.X.index[data.training]
        if source.repeat.perturbations is None or not isinstance(source, ImageSource):
            given = _given(name, source.repeat, training)
        else:
            with drop_warnings(match=r"\d+ measurements of"):  # failed_repeats gives it, with the cases
                measured = source.measure_again(cases.loc[training], source.repeat.perturbations, run)
            failures = measured.failures.assign(signature=name)[list(FAILED)]
            given = TrainingRepeats(dict(measured), failures=failures)
        columns = [c.removeprefix(prefix) for c in data.features[name]]
        tables = {key: _of_training(name, table, columns).add_prefix(prefix) for key, table in given.items()}
        found[name] = replace(given, tables=tables)
        _require_enough(name, found[name], len(training))
    return found


def _given(name: str, spec: RepeatabilityRule, training: pd.Index) -> TrainingRepeats:
    """Return the rows of training patients, and how many other cases the tables hold."""
    given = [as_table(table, f"repeat {k} of signature {name!r}").frame for k, table in enumerate(spec.tables, start=1)]
    everyone = {case for table in given for case in table.index}
    kept = {f"repeat {k}": table[table.index.isin(training)] for k, table in enumerate(given, start=1)}
    return TrainingRepeats(kept, len(everyone.difference(training)))


def _of_training(name: str, table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise InputError(
            f"a repeat of signature {name!r} lacks {len(absent)} of its {len(columns)} features: "
            f"{', '.join(absent[:5])}. It needs the same columns, measured with the same settings."
        )
    return Table(table, f"a repeat of signature {name!r}").numbers(columns).frame


def _require_enough(name: str, repeats: TrainingRepeats, n: int) -> None:
    tables = list(repeats.values())
    shared = tables[0].index
    for table in tables[1:]:
        shared = shared.intersection(table.index)
    if len(shared) < MIN_SUBJECTS:
        raise InputError(
            f"{len(shared)} of {n} training patients of signature {name!r} were measured again ({repeats.left_out} "
            f"cases outside of training are left out); required: {MIN_SUBJECTS} or more in every fold, 30 to conclude "
            "anything. Are the case ids the same?"
        )


def with_repeatability(pipeline: Pipeline, spec: RepeatabilityRule | None, repeats: TrainingRepeats | None) -> Pipeline:
    """Return the pipeline behind the filter; as it is where nothing was measured again."""
    if spec is None or repeats is None:
        return pipeline
    first = RepeatabilitySelector(repeats, form=spec.form, threshold=spec.threshold, use=spec.use)
    return Pipeline([(STEP, first), *pipeline.steps]).set_output(transform="pandas")


def filters_of(model: Modelled) -> Iterator[tuple[str, RepeatabilitySelector]]:
    """Yield each signature of a model with its filter as it was fitted to all training patients."""
    for name, fitted in model.stack.fitted_.items():
        if isinstance(fitted, Pipeline) and STEP in fitted.named_steps:
            yield name, fitted.named_steps[STEP]


def repeatability_table(endpoint: Endpoint) -> pd.DataFrame:
    """Return the ICC of each feature over the training patients that were measured again, and whether it was kept."""
    parts = [
        step.scores_.reset_index().assign(model=model.name, signature=name, kept=step.support_)
        for model in endpoint.models
        if model.kind == "signature"  # the combined model's is the same
        for name, step in filters_of(model)
    ]
    return joined(parts, *COLUMNS)[list(COLUMNS)]


def repeat_failures(repeats: Mapping[str, TrainingRepeats]) -> pd.DataFrame:
    """Return a row for each measurement of a perturbed image that failed."""
    found = [r.failures for r in repeats.values() if len(r.failures)]
    return pd.concat(found, ignore_index=True) if found else TrainingRepeats({}).failures


def failed_repeats(repeats: Mapping[str, TrainingRepeats]) -> list[str]:
    """Return warnings of how many measurements of perturbed images failed, and of which patients."""
    texts = []
    for name, given in repeats.items():
        if not len(given.failures):
            continue
        cases = pd.unique(given.failures["case_id"])
        total = sum(len(table) for table in given.values())
        texts.append(
            f"{len(given.failures)} of {total} measurements of perturbed images of signature {name!r} failed, of "
            f"{len(cases)} patients ({', '.join(map(str, cases[:5]))}{', ...' if len(cases) > 5 else ''}): they count "
            "for no feature's repeatability; the table repeat_failures names each with its reason."
        )
    return texts


def repeatability_card(model: Modelled, sources: Mapping[str, Source]) -> list[dict[str, Any]]:
    """Return what the card of a frozen model holds of its filters."""
    card = []
    for name, step in filters_of(model):
        spec = sources[name].repeat
        if spec is not None:
            counts = {"patients": len(step.case_ids_), "features": len(step.support_), "kept": int(step.support_.sum())}
            card.append({"signature": name, "measured": spec.measured, **spec.plain(), **counts})
    return card


def repeatability_guard(
    sources: Mapping[str, Source], repeats: Mapping[str, TrainingRepeats], training: pd.Index
) -> tuple[str, str, str]:
    """Return the line of the table of guards: whose repeats the pipelines were given."""
    guard = "repeated measurements of test patients"
    if not repeats:
        return guard, "no features were measured again: which of them are repeatable is not known", "not possible"
    out = sum(r.left_out for r in repeats.values())
    how = "; ".join(f"{name}: {spec.measured}" for name in repeats if (spec := sources[name].repeat) is not None)
    left_out = f", {out} cases outside of training were left out" if out else ""
    right = all(table.index.isin(training).all() for given in repeats.values() for table in given.values())
    return (
        guard,
        f"each fold looks at those of its own training patients ({how}){left_out}",
        "checked" if right else "violated",
    )
