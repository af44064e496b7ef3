"""The names by which a column of ids is known."""

from __future__ import annotations

import re

CASE_NAMES = ("case_id", "case", "id")
PATIENT_NAMES = ("patient_id", "patient", "subject_id", "subject", "pid")  # the case too, if nothing else names it
ID_NAMES = (*CASE_NAMES, *PATIENT_NAMES)


def id_name(column: str) -> str:
    """Return which of `ID_NAMES` a column is called by, "" if by none: `PatientID`, `Patient ID` are `patient_id`."""
    return KNOWN.get(_letters(column), "")


def _letters(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.lower())


KNOWN = {_letters(name): name for name in ID_NAMES}
