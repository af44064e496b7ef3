"""The study: from cases to results, with every step inside its split."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.exceptions import InputError, ParameterError, RadiokitWarning, SeparationWarning
from radiokit.study._as_source import as_source
from radiokit.study._assess import assess, joined_tables
from radiokit.study._cohort import (
    COHORTS,
    FLOW,
    Flow,
    Patients,
    Roles,
    aggregate,
    complete,
    copies_as_one,
    holds_numbers,
    outcome_known,
    patient_of,
)
from radiokit.study._conclusions import COLUMNS as CLAIMS
from radiokit.study._conclusions import verdicts
from radiokit.study._endpoint import Endpoint, model_endpoint
from radiokit.study._facts import study_endpoint, study_facts
from radiokit.study._freeze import freeze_all, with_domains
from radiokit.study._guard_table import guard_table
from radiokit.study._inputs import case_table, spelled
from radiokit.study._missing import COLUMNS as GAPS
from radiokit.study._missing import gaps_of
from radiokit.study._names import SURVIVAL, refuse_reserved
from radiokit.study._options import Options
from radiokit.study._outcome_copies import refuse_outcome_copies
from radiokit.study._performance import prediction_table
from radiokit.study._pipelines import make_signature
from radiokit.study._provenance import provenance
from radiokit.study._repeatability import failed_repeats, repeat_failures, training_repeats
from radiokit.study._result import StudyResult
from radiokit.study._run import Run
from radiokit.study._sources import NetworkSource, Source
from radiokit.study._split import as_split, divide, warn_of_torn_patients
from radiokit.study._table_one import patient_tables
from radiokit.study._tables import table_of
from radiokit.study._warnings import study_warnings
from radiokit.study._yaml import read_study
from radiokit.study.deep import deep_arguments, describe_deep
from radiokit.utils import as_survival_target, collect_warnings
from radiokit.utils.warned import give_again
from radiokit.validation.facts import StudySpec


class Study:
    """A radiomics study as one object, from cases to honest results.

    Parameters
    ----------
    cases : DataFrame or path
        The case table: index or column ``case_id``; one row for each lesion or scan, with images and masks
        where they are needed.
    outcome : str or None
        Column of the binary outcome (0/1).
    survival : mapping, optional
        ``{"event": column, "time": column}`` of the survival outcome. With `outcome` too, both are studied.
    clinical : sequence of str
        Clinical columns, numbers or categories; missing values are imputed inside the models.
    signatures : mapping of str to source
        What the features of each signature are: a DataFrame or path of a feature table, a `RadiomicsExtractor`, or a
        mapping with ``features`` (table), ``columns`` (of the case table), or ``image`` (column) with ``params``
        (parameter file) or ``extractor`` (``filters, families, spacing, bin_width, bin_count``). A mapping may add
        ``repeat`` (tables of cases measured again) or ``perturb`` (arguments of `radiokit.preprocessing.perturb`),
        ``icc``, ``icc_form``, ``icc_use``: only features that repeat in training patients are used.
    center : str, optional
        Column of the centre.
    groups : str, optional
        Column of the patient. A patient is never in two cohorts or folds.
    split : mapping or str, optional
        ``{"random": 0.3}`` sets patients aside at random, ``{"external": ["C"]}`` centres (both together are fine),
        ``{"column": "set"}`` takes a column with train, test, external; ``"leave_one_center_out"`` cross-validates by
        centre. None: cross-validation only.
    random_state : int
        Seed of everything.
    options : Options or mapping, optional
        Further settings.

    Raises
    ------
    InputError
        At `run`, if columns are missing, values are not what they should be, or a patient's values differ.
    LeakageError
        At `run`, if patients called external share a centre with training.

    Notes
    -----
    For each outcome there is a clinical model, a model of the volume alone, one of each signature, and one of all
    together whose signature scores are cross-fitted. Each is cross-validated by patient in training, its operating
    point or cut-off is learnt from those out-of-fold scores, and then it is frozen; test and external patients are
    shown to the frozen models only. Whoever is not in training is never used to fit, impute, scale, select or cut
    anything.

    Examples
    --------
    >>> from radiokit.datasets import make_feature_table
    >>> made = make_feature_table(80, n_features=6, n_informative=2, block=3, effect=1.5, random_state=0)
    >>> study = Study(made.y.to_frame(), outcome="outcome", signatures={"radiomics": made.X},
    ...     split={"random": 0.3}, options={"repeats": 1, "bootstraps": 0})
    >>> result = study.run()
    >>> sorted(result.models)
    ['radiomics']
    """

    def __init__(
        self,
        cases: pd.DataFrame | str | os.PathLike[str],
        *,
        outcome: str | None,
        survival: Mapping[str, str] | None = None,
        clinical: Sequence[str] = (),
        signatures: Mapping[str, Any],
        center: str | None = None,
        groups: str | None = None,
        split: Mapping[str, Any] | str | None = None,
        random_state: int = 0,
        options: Options | Mapping[str, Any] | None = None,
    ) -> None:
        self.cases = cases
        self.outcome = outcome
        self.survival = survival
        self.clinical = clinical
        self.signatures = signatures
        self.center = center
        self.groups = groups
        self.split = split
        self.random_state = random_state
        self.options = options
        self._base = Path.cwd()

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> Study:
        r"""Read a study file.

        Parameters
        ----------
        path : path
            YAML with the arguments of `Study` as keys. Relative paths start from its folder; ``$NAME`` in a path is an
            environment variable.

        Returns
        -------
        Study
            Not yet run.

        Raises
        ------
        FileError
            If the file cannot be read, or is not YAML.
        ParameterError
            If keys are missing or unknown.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "study.yaml")
        ...     _ = path.write_text("cases: cases.csv\noutcome: died\nsignatures: {ct: {features: ct.csv}}")
        ...     Study.from_yaml(path).outcome
        'died'
        """
        arguments, base = read_study(path)
        study = cls(**{"outcome": None, **{k: v for k, v in arguments.items() if v is not None}})
        study._base = base
        return study

    def run(
        self,
        *,
        n_jobs: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> StudyResult:
        """Do all of it.

        Parameters
        ----------
        n_jobs : int or None
            joblib workers; never changes a result.
        cache : path, optional
            Folder of finished cases, folds and resamples: a run that was killed goes on where it was.
        progress : bool
            Show bars on standard error.

        Returns
        -------
        StudyResult
            Tables, predictions, frozen models, warnings, provenance.

        Raises
        ------
        InputError, OutcomeError, CaseTableError, ParameterError, LeakageError
            If the study cannot be done honestly; the message says why and what would mend it.

        Examples
        --------
        >>> Study("cases.csv", outcome="died", signatures={"ct": "ct.csv"}).run()  # doctest: +SKIP
        """
        with collect_warnings() as caught:
            result = self._run(n_jobs, Path(cache) if cache is not None else None, progress)
        own = dict.fromkeys(_in_words_of_a_study(w) for w in caught if issubclass(w.category, RadiokitWarning))
        give_again(w for w in caught if not issubclass(w.category, RadiokitWarning))
        return replace(result, warnings=list(dict.fromkeys([*own, *result.warnings])))

    def _run(self, n_jobs: int | None, cache: Path | None, progress: bool) -> StudyResult:
        options = self.options if isinstance(self.options, Options) else Options.from_mapping(self.options)
        refuse_reserved(self.signatures)
        split, roles = as_split(self.split), self._roles()
        _refuse_weights(options, roles)
        flow = Flow()
        cases = outcome_known(case_table(self.cases, roles, split, dict(self.signatures)), roles, flow)
        cases = spelled(cases, roles, split)
        sources = self._sources(cases)
        run = Run(self.random_state, split.by_center, n_jobs, cache, progress)
        measured = {name: source.measure(name, cases, run) for name, source in sources.items()}
        cases, features, failures = complete(cases, measured, roles, flow)
        features = _prefixed(features, roles)
        patients = copies_as_one(aggregate(cases, features, roles, options, flow))
        warn_of_torn_patients(cases, patient_of(cases, roles), split)
        data = replace(patients, cohort=divide(patients, split, self.random_state))
        for name in COHORTS:
            if (data.cohort == name).any():
                flow.add(name, data.group[data.cohort == name], kind="cohort")
        refuse_outcome_copies(data)
        several_cases = len(cases) > len(patients.group)
        averaged = several_cases and options.aggregate == "mean"
        repeats = training_repeats(sources, cases, data, averaged=averaged, run=run)
        make = partial(make_signature, sources=sources, repeats=repeats, options=options, run=run)
        endpoints = [model_endpoint(e, data, make, options, run) for e in self._endpoints(data)]
        found = [assess(e, data, options, run) for e in endpoints]
        gaps = gaps_of(data)
        warned = failed_repeats(repeats)
        warned += [text for own in found for text in study_warnings(own, roles, gaps)]
        spec = self._spec(options, sources)
        origin = provenance(spec, data, sources)
        claims = tuple(verdict for own in found for verdict in verdicts(own))
        tables = {
            **joined_tables(found),
            "conclusions": table_of(claims, CLAIMS),
            "missing": table_of(gaps, GAPS),
            **patient_tables(data),
            "flow": table_of(flow.steps, FLOW),
            "failures": failures,
            "repeat_failures": repeat_failures(repeats),
            "leak_guards": guard_table(found, roles, sources, repeats, options, flow),
        }
        return StudyResult(
            tables,
            pd.concat([prediction_table(e) for e in endpoints], ignore_index=True),
            with_domains(freeze_all(found, sources, warned, origin), data, measured),
            list(dict.fromkeys(warned)),
            origin,
            spec,
            endpoints=tuple(study_endpoint(e) for e in endpoints),
            evidence=tuple(e for own in found for e in own.evidence),
            comparisons=tuple(c for own in found for c in own.comparisons),
            calibrations=tuple(c for own in found for c in own.calibrations),
            verdicts=claims,
            facts=study_facts(found, gaps, flow, sources, split, options, several_cases=several_cases),
        )

    def _roles(self) -> Roles:
        survival = dict(self.survival or {})
        if survival and set(survival) != {"event", "time"}:
            raise ParameterError(f"survival is {survival!r}; required: {{'event': column, 'time': column}}.")
        if self.outcome is None and not survival:
            raise ParameterError("a study needs `outcome` (a binary column), `survival` (event and time), or both.")
        if not self.signatures and not self.clinical:
            raise ParameterError("a study needs `signatures` or `clinical` columns to predict with.")
        if isinstance(self.clinical, str):
            raise ParameterError(f"clinical is {self.clinical!r}; required: a list of columns.")
        clinical = tuple(map(str, self.clinical))
        if len(set(clinical)) < len(clinical):
            raise ParameterError(f"clinical names a column twice: {', '.join(clinical)}; name it once.")
        return Roles(self.outcome, survival.get("event"), survival.get("time"), clinical, self.center, self.groups)

    def _sources(self, cases: pd.DataFrame) -> dict[str, Source]:
        return {str(k): as_source(str(k), v, cases, self._base) for k, v in dict(self.signatures).items()}

    def _endpoints(self, patients: Patients) -> list[Endpoint]:
        found = []
        if patients.outcome is not None:
            found.append(Endpoint(str(self.outcome), False, patients.outcome.to_numpy(dtype=bool)))
        if patients.event is not None and patients.time is not None:
            y = as_survival_target(patients.event.to_numpy(), patients.time.to_numpy())
            found.append(Endpoint(str(patients.event.name), True, y, SURVIVAL if found else ""))
        return found

    def _spec(self, options: Options, sources: Mapping[str, Source]) -> StudySpec:
        return StudySpec(
            title=options.title,
            time_unit=options.time_unit,
            outcome=self.outcome,
            survival=dict(self.survival) if self.survival else None,
            clinical=list(self.clinical),
            signatures={str(k): _describe(v, sources[str(k)]) for k, v in dict(self.signatures).items()},
            center=self.center,
            groups=self.groups,
            split=dict(self.split) if isinstance(self.split, Mapping) else self.split,
            random_state=self.random_state,
            options=asdict(options),
        )


def _in_words_of_a_study(warned: warnings.WarningMessage) -> str:
    """Return the text of a warning in words that help the author of a study, who chooses no estimators."""
    if issubclass(warned.category, SeparationWarning):
        return (
            "The predictors of a model separate the outcomes perfectly: its coefficients run to infinity, and their "
            "intervals and tests are void. Name fewer clinical columns or signatures, or take more patients."
        )
    return str(warned.message)


def _refuse_weights(options: Options, roles: Roles) -> None:
    if options.class_weight is not None and roles.outcome is None:
        raise ParameterError(
            f"options class_weight is {options.class_weight!r}, but the study has a survival outcome only, which has "
            "no classes to weigh. Leave it out, or name a binary `outcome`."
        )


def _describe(value: Any, source: Source) -> Any:
    if isinstance(source, NetworkSource):
        return describe_deep(deep_arguments("", value, Path()))
    return _in_words(value) | source.repeat.plain() if source.repeat is not None else _in_words(value)


def _in_words(value: Any) -> Any:
    """Return numbers, text, lists and mappings of these; of a table only how wide it is."""
    if isinstance(value, pd.DataFrame):
        return f"table of {value.shape[1]} columns"
    if isinstance(value, Mapping):
        return {str(k): _in_words(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_in_words(v) for v in value]
    return value if isinstance(value, str | int | float) else str(value)


def _prefixed(features: dict[str, pd.DataFrame], roles: Roles) -> dict[str, pd.DataFrame]:
    """One name for each column: of several signatures each feature carries the signature's name."""
    if len(features) > 1:
        features = {k: t.add_prefix(f"{k}_") if holds_numbers(t) else t for k, t in features.items()}
    for name, table in features.items():
        shared = [c for c in table.columns if c in roles.clinical]
        if shared:
            raise InputError(f"{', '.join(shared[:5])} is clinical and a feature of signature {name!r}; name it once.")
        taken = [c for c in (roles.outcome, roles.event, roles.time) if c in table.columns]
        if taken:
            raise InputError(
                f"signature {name!r} holds the outcome {', '.join(map(str, taken))} as a feature; drop it."
            )
    return features
