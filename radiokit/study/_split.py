"""Who trains and who tests; only patients of centres without a patient in training are called external."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import CaseTableError, DataWarning, LeakageError, OutcomeError, ParameterError
from radiokit.study._cohort import Patients
from radiokit.utils import cell_text, level_key

KEYS = ("random", "external", "column", "cv", "leave_one_center_out")
COLUMN_VALUES = {
    "train": "training", "training": "training", "development": "training",
    "test": "test", "validation": "test", "internal": "test",
    "external": "external",
}  # fmt: skip
SOURCE_OF = {"training": "out-of-fold", "test": "test", "external": "external"}


@dataclass(frozen=True)
class Split:
    """How patients are divided; all that is not test or external trains.

    Parameters
    ----------
    random : float
        Share of patients of the (remaining) cohort that is set aside at random, stratified by outcome.
    external : tuple of str
        Centres that give no patient to training.
    column : str
        Column of the case table that holds train, test or external.
    by_center : bool
        Cross-validate in training by leaving one centre out at a time.
    """

    random: float = 0.0
    external: tuple[str, ...] = ()
    column: str = ""
    by_center: bool = False


def as_split(value: Any) -> Split:
    """Return the split that the user wrote; None is cross-validation only."""
    if isinstance(value, Split):
        return value
    if value is None or value == "cv":
        return Split()
    if isinstance(value, str):
        value = {value: {"random": 0.3, "leave_one_center_out": True}.get(value)}
    if not isinstance(value, Mapping):
        raise ParameterError(f"split is {value!r}; required: a mapping with {', '.join(KEYS)}.")
    unknown = sorted(set(map(str, value)) - set(KEYS))
    if unknown:
        raise ParameterError(f"split holds {', '.join(unknown)}; known: {', '.join(KEYS)}.")
    share = value.get("random") or 0.0
    if not isinstance(share, int | float) or not 0 <= share < 1:
        raise ParameterError(f"split random is {share!r}; required: the share of patients to test on, such as 0.3.")
    named = value.get("external")
    external = () if named is None else tuple(named) if isinstance(named, list | tuple | set) else (named,)
    wrong = [name for name in external if not isinstance(name, str | int | float) or isinstance(name, bool)]
    if wrong:
        raise ParameterError(f"split external holds {wrong[0]!r}; required: names of centres, such as ['Lyon'].")
    asked = [key for key in ("random", "external", "column") if value.get(key)]
    if ("column" in asked or value.get("cv")) and len(asked) + bool(value.get("cv")) > 1:
        raise ParameterError(
            f"split holds {', '.join([*asked, *(['cv'] if value.get('cv') else [])])}, which divide the patients in "
            "different ways; required: one of column, cv, or random and external (which go together)."
        )
    return Split(
        float(share),
        tuple(map(cell_text, external)),
        str(value.get("column") or ""),
        bool(value.get("leave_one_center_out")),
    )


def divide(patients: Patients, split: Split, random_state: int) -> pd.Series:
    """Cohort of each patient: training, test or external."""
    index = patients.table.index
    if split.column:
        cohort = _from_column(patients, split)
    else:
        cohort = pd.Series("training", index=index)
        if split.external:
            cohort[_of_centers(patients, split)] = "external"
        if split.random:
            cohort[_draw(patients, cohort, split.random, random_state)] = "test"
    if split.by_center and patients.center is None:
        raise ParameterError("split leave_one_center_out needs `center`, the column of the centre.")
    _check(patients, cohort)
    return cohort.rename("cohort")


def _of_centers(patients: Patients, split: Split) -> pd.Series:
    if patients.center is None:
        raise ParameterError("split external names centres; `center`, the column of the centre, is required too.")
    known, wanted = patients.center.map(level_key), {level_key(c): c for c in split.external}
    absent = [name for key, name in wanted.items() if key not in set(known)]
    if absent:
        raise ParameterError(
            f"split external names {', '.join(absent)}; the centres are {', '.join(sorted(set(patients.center)))}."
        )
    return known.isin(wanted.keys())


def _from_column(patients: Patients, split: Split) -> pd.Series:
    if split.column not in patients.table:
        raise CaseTableError(f"split column {split.column!r} is not in the case table.")
    given = patients.table[split.column].map(level_key)
    unknown = sorted(set(given) - set(COLUMN_VALUES))
    if unknown:
        raise CaseTableError(
            f"split column {split.column!r} holds {', '.join(unknown[:5])}; required: {', '.join(COLUMN_VALUES)}."
        )
    return given.map(COLUMN_VALUES)


def warn_of_torn_patients(cases: pd.DataFrame, group: pd.Series, split: Split) -> None:
    """Warn where the column of the split puts the cases of one patient into different cohorts."""
    if split.column not in cases:
        return
    sides = cases[split.column].map(level_key).groupby(group).nunique()
    torn = sides.index[sides > 1]
    if len(torn):
        warnings.warn(
            f"column {split.column!r} puts cases of {len(torn)} patients ({', '.join(map(str, torn[:5]))}) into "
            "different cohorts. A patient is one row here, with the cohort of the case that stands for the patient; in "
            "any other analysis of this column these patients train and test.",
            DataWarning,
            stacklevel=2,
        )


def _draw(patients: Patients, cohort: pd.Series, share: float, random_state: int) -> pd.Index:
    """Patients set aside at random, the same share of those with and without the event."""
    rng = np.random.default_rng(random_state)
    event = strata(patients)
    drawn: list[Any] = []
    pool = cohort.index[cohort == "training"]
    for kind in sorted(event[pool].unique()):
        members = pool[event[pool] == kind]
        # By name, so that the order of the case table does not decide who is drawn.
        ordered = members[np.argsort(patients.group[members].to_numpy(dtype=str), kind="stable")]
        drawn.extend(rng.permutation(ordered.to_numpy())[: round(share * len(ordered))])
    return pool[patients.group[pool].isin(patients.group[drawn])]  # and their copies, where a scan was entered twice


def strata(patients: Patients) -> pd.Series:
    """Outcome by which a split is stratified."""
    values = patients.outcome if patients.outcome is not None else patients.event
    if values is None:
        raise ParameterError("a study needs an outcome or a survival outcome.")
    return values.astype(bool)


def _check(patients: Patients, cohort: pd.Series) -> None:
    sides = cohort.groupby(patients.group).nunique()
    if (sides > 1).any():
        twice = patients.group.index[patients.group.isin(sides.index[sides > 1])]
        raise LeakageError(
            f"the cases {', '.join(map(str, twice[:5]))} hold the same measurements, but are in different cohorts; "
            "drop the copies, or call all of them training."
        )
    if (cohort == "external").any():
        if patients.center is None:
            raise LeakageError(
                "patients are called external, but no `center` is named; external means centres that gave no patient "
                "to training. Name the column, or call them test."
            )
        plain, external = patients.center.map(level_key), cohort == "external"
        shared = set(patients.center[external & plain.isin(set(plain[cohort == "training"]))])
        if shared:
            raise LeakageError(
                f"centres {', '.join(sorted(shared))} have patients in training and among the external; call them test."
            )
    training = cohort == "training"
    for values, name in ((patients.outcome, "outcome"), (patients.event, "event")):
        if values is None:
            continue
        positive, negative = int(values[training].sum()), int((~values[training].astype(bool)).sum())
        if positive == 0 or (negative == 0 and name == "outcome"):
            raise OutcomeError(
                f"the training cohort ({int(training.sum())} patients) has {positive} with the {name} and {negative} "
                "without; required: some of both."
            )
