"""From the case table to one row for each patient: outcomes checked, lesions aggregated, every loss recorded."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit.exceptions import CaseTableError, DataWarning, InputError, OutcomeError, ParameterError
from radiokit.study._options import Options
from radiokit.study._sources import FAILURES, Measured
from radiokit.study._tables import joined
from radiokit.utils import Table
from radiokit.utils.predictors import asked_for
from radiokit.validation.copies import one_patient
from radiokit.validation.facts import FlowKind, FlowStep

COHORTS = ("training", "test", "external")
FLOW = ("step", "n_patients", "n_cases", "reason")
VOLUME = re.compile(r"(^|_)(shape_(meshvolume|voxelvolume|volume)|morph_volume\w*|volume)$", re.IGNORECASE)


@dataclass(eq=False)
class Flow:
    """Who enters the study, who leaves it and why, and who is in which cohort."""

    steps: list[FlowStep] = field(default_factory=list)

    def add(self, step: str, patients: pd.Series, reason: str = "", kind: FlowKind = "stage") -> None:
        """Record a step; `patients` holds the patient of each case."""
        self.steps.append(FlowStep(step, kind, patients.nunique(), len(patients), reason))

    def exclude(self, patients: pd.Series, reason: str) -> None:
        """Record cases that leave the study."""
        self.add("excluded", patients, reason, "excluded")

    @property
    def came_in(self) -> int:
        """Patients in the case table."""
        return self.steps[0].n_patients

    @property
    def in_cohorts(self) -> int:
        """Patients in a cohort."""
        return sum(s.n_patients for s in self.steps if s.kind == "cohort")

    @property
    def left(self) -> int:
        """Patients who left with a reason."""
        return sum(s.n_patients for s in self.steps if s.kind == "excluded")


@dataclass(frozen=True, eq=False)
class Roles:
    """Which column of the case table plays which part."""

    outcome: str | None
    event: str | None
    time: str | None
    clinical: tuple[str, ...]
    center: str | None
    groups: str | None

    @property
    def named(self) -> list[str]:
        """Columns of outcome, centre and patient."""
        return [c for c in (self.outcome, self.event, self.time, self.center, self.groups) if c is not None]

    def check(self, cases: pd.DataFrame) -> None:
        """Raise CaseTableError where a named column is absent."""
        Table(cases, "the case table").require([*self.named, *self.clinical])
        doubled = [c for c in self.clinical if c in (self.outcome, self.event, self.time)]
        if doubled:
            raise ParameterError(f"{', '.join(doubled)} is the outcome; it cannot be a clinical predictor too.")


@dataclass(frozen=True, eq=False)
class Patients:
    """One row for each patient: predictors, outcomes and cohort; the index is the case that stands for the patient.

    `X` holds the clinical columns, the features and the volume; `features` names those of each signature; `table` holds
    the rows of the case table.
    """

    X: pd.DataFrame
    group: pd.Series
    cohort: pd.Series
    center: pd.Series | None
    volume: pd.Series | None
    clinical: tuple[str, ...]
    features: dict[str, list[str]]
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    outcome: pd.Series | None = None
    event: pd.Series | None = None
    time: pd.Series | None = None

    @property
    def training(self) -> NDArray[np.bool_]:
        """Who trains."""
        return (self.cohort == "training").to_numpy()


def outcome_known(cases: pd.DataFrame, roles: Roles, flow: Flow) -> pd.DataFrame:
    """Leave out cases whose outcome is missing, with a warning; check the values of the others."""
    patients = patient_of(cases, roles)
    flow.add("in the case table", patients)
    needed = [c for c in (roles.outcome, roles.event, roles.time) if c is not None]
    missing = cases[needed].isna().any(axis="columns") | (cases[needed] == "").any(axis="columns")
    if missing.any():
        flow.exclude(patients[missing], "outcome missing")
        warnings.warn(
            f"{int(missing.sum())} of {len(cases)} cases have no outcome and are left out.", DataWarning, stacklevel=4
        )
    kept = cases[~missing]
    if kept.empty:
        raise OutcomeError(f"no case has a value in {', '.join(needed)}.")
    return kept


def patient_of(cases: pd.DataFrame, roles: Roles) -> pd.Series:
    """Return the patient of each case; the case itself without `groups`."""
    if roles.groups is None:
        return pd.Series(cases.index, index=cases.index, name="group")
    return Table(cases, "the case table").identities(roles.groups, role="patient").rename("group")


def complete(
    cases: pd.DataFrame, measured: dict[str, Measured], roles: Roles, flow: Flow
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], pd.DataFrame]:
    """Leave out cases whose features could not be had; return them in a table of failures."""
    failed = [m.failures.assign(signature=name) for name, m in measured.items() if len(m.failures)]
    failures = joined(failed, *FAILURES, "signature")
    empty = pd.Series(False, index=cases.index)
    for name, m in measured.items():
        blank = m.features.isna().all(axis="columns")
        new = blank & ~blank.index.isin(failures["case_id"])
        if new.any():
            rows = pd.DataFrame({"case_id": blank.index[new], "error": "InputError", "message": "all features missing"})
            failures = pd.concat([failures, rows.assign(signature=name)], ignore_index=True)
        empty |= blank | blank.index.isin(failures["case_id"])
    if empty.any():
        flow.exclude(patient_of(cases, roles)[empty], "features could not be computed")
        warnings.warn(
            f"{int(empty.sum())} of {len(cases)} cases have no features and are left out; see the failures table.",
            DataWarning,
            stacklevel=4,
        )
    if empty.all():
        first = failures.iloc[0]
        raise InputError(f"no case has features; the first failure: {first['case_id']}: {first['message']}")
    return cases[~empty], {name: m.features[~empty] for name, m in measured.items()}, failures


def find_volume(cases: pd.DataFrame, features: dict[str, pd.DataFrame], wanted: str | None) -> pd.Series | None:
    """Return the tumour volume of each case: the column that is named, or the first that is called so."""
    if wanted is not None:
        for table in (cases, *features.values()):
            if wanted in table:
                return table[wanted].astype(float)
        raise CaseTableError(f"options.volume is {wanted!r}, which is not a column of the cases or the features.")
    for table in (*features.values(), cases):
        found = [c for c in table.columns if VOLUME.search(str(c)) and pd.api.types.is_numeric_dtype(table[c])]
        if found:
            return table[found[0]].astype(float)
    return None


def aggregate(
    cases: pd.DataFrame, features: dict[str, pd.DataFrame], roles: Roles, options: Options, flow: Flow
) -> Patients:
    """Return one row for each patient, by the rule of the options."""
    group = patient_of(cases, roles)
    volume = find_volume(cases, features, options.volume)
    named = [c for c in (roles.outcome, roles.event, roles.time, roles.center) if c is not None]
    for column in named:
        _require_one_value(cases[column], group, column)
    if group.is_unique:
        rows = cases.index
    else:
        rows = _representatives(group, volume, options.aggregate)
        flow.add("one row for each patient", group[rows], f"rule for several lesions: {options.aggregate}")
        if options.aggregate == "mean":
            features = {name: _mean(table, group, rows) for name, table in features.items()}
            volume = None if volume is None else _mean(volume.to_frame(), group, rows).iloc[:, 0]
    table, group = cases.loc[rows], group[rows]
    volume = None if volume is None else volume[rows].rename(str(volume.name))
    return Patients(
        X=_predictors(table[list(roles.clinical)], [f.loc[rows] for f in features.values()], volume),
        group=group,
        cohort=pd.Series("training", index=table.index),
        center=table[roles.center].rename("center") if roles.center else None,
        volume=volume,
        clinical=roles.clinical,
        features={name: list(map(str, f.columns)) for name, f in features.items()},
        table=table,
        outcome=_binary(table[roles.outcome]) if roles.outcome else None,
        event=_binary(table[roles.event]) if roles.event else None,
        time=_time(table[roles.time]) if roles.time else None,
    )


def _predictors(clinical: pd.DataFrame, features: list[pd.DataFrame], volume: pd.Series | None) -> pd.DataFrame:
    """Return all that models predict from, each column once."""
    X = pd.concat([clinical, *features], axis=1)
    X = X.loc[:, ~X.columns.duplicated()]  # two deep models may read one image
    if volume is not None and volume.name not in X:
        X = X.assign(**{str(volume.name): volume})
    return asked_for(X)


def copies_as_one(patients: Patients) -> Patients:
    """Give patients with the same measurements one name: a scan under two names stays on one side of every split."""
    measured = patients.X[list(dict.fromkeys(c for own in patients.features.values() for c in own))]
    merged = one_patient(measured, patients.group.to_numpy())
    return replace(patients, group=pd.Series(merged, index=patients.group.index, name=patients.group.name))


def _require_one_value(values: pd.Series, group: pd.Series, column: str) -> None:
    several = values.astype(str).groupby(group).nunique()
    wrong = several.index[several > 1]
    if len(wrong):
        raise InputError(
            f"column {column!r} differs between the cases of {len(wrong)} patients ({', '.join(map(str, wrong[:5]))}); "
            "required: one value for each patient, since a study counts patients."
        )


def _representatives(group: pd.Series, volume: pd.Series | None, rule: str) -> pd.Index:
    """Return the case that stands for each patient: the largest, the first of equals; order of the case table."""
    if rule == "mean" and volume is None:
        return group.index[~group.duplicated()]
    if volume is None:
        raise InputError(
            "several cases of a patient, and no volume by which to take the largest; set options aggregate: mean, or "
            "name the column of the volume in options volume."
        )
    order = volume.fillna(-np.inf).sort_values(ascending=False, kind="stable").index
    chosen = group[order][~group[order].duplicated()].index
    return group.index[group.index.isin(chosen)]


def holds_numbers(table: pd.DataFrame) -> bool:
    """Whether a table holds features, not paths of the images that a deep model reads itself."""
    return all(pd.api.types.is_numeric_dtype(table[c]) for c in table.columns)


def _mean(table: pd.DataFrame, group: pd.Series, rows: pd.Index) -> pd.DataFrame:
    if not holds_numbers(table):
        raise InputError(
            "several cases of a patient, and a deep model, which has no features to average: set options aggregate: "
            "largest, and name the column of the volume in options volume."
        )
    means = table.groupby(group).mean()
    return means.loc[group[rows]].set_axis(rows, axis="index")


def _binary(values: pd.Series) -> pd.Series:
    if values.dtype == object and values.map(lambda v: isinstance(v, bool | np.bool_)).all():
        values = values.astype(bool)
    found = sorted(values.unique().tolist(), key=str)
    if not all(v in (0, 1) for v in found):
        # Which of the values is the event, only the user knows.
        column = f"cases[{str(values.name)!r}]"
        raise OutcomeError(
            f"column {values.name!r} holds {', '.join(map(repr, found[:5]))}; required: the numbers 0 and 1, where 1 "
            f"is the event. Recode it: {column} = ({column} == EVENT).astype(int), with the value that means the event."
        )
    return (values == 1).rename(values.name)


def _time(values: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values):
        kind = "dates" if pd.api.types.is_datetime64_any_dtype(values) else "text"
        raise OutcomeError(
            f"column {values.name!r} holds {kind}; required: the time from start to event or last visit, as a number."
        )
    return values.astype(float)
