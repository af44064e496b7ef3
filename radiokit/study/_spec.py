"""The study as it was asked for, in words and numbers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StudySpec:
    """What `Study` was given.

    Parameters
    ----------
    title, time_unit : str
        For the report.
    outcome : str or None
        Column of the binary outcome.
    survival : dict or None
        Columns of event and time.
    clinical : list of str
        Clinical columns.
    signatures : dict
        Name to a description of the source.
    center, groups : str or None
        Columns of centre and patient.
    split : object
        As given.
    random_state : int
        The seed.
    options : dict
        All settings.
    """

    title: str = "Radiomics study"
    time_unit: str = ""
    outcome: str | None = None
    survival: dict[str, str] | None = None
    clinical: list[str] = field(default_factory=list)
    signatures: dict[str, Any] = field(default_factory=dict)
    center: str | None = None
    groups: str | None = None
    split: Any = None
    random_state: int = 0
    options: dict[str, Any] = field(default_factory=dict)
