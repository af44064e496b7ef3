"""What a study found: outcomes, models and evidence as objects, tables as views of them, and where it comes from."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.exceptions import FileError
from radiokit.study._frozen_file import FrozenSignature
from radiokit.utils import write_text
from radiokit.utils.files import unused_name, write_csv
from radiokit.utils.json import plain
from radiokit.utils.notebook import notebook_table
from radiokit.validation.evidence import (
    HONEST,
    CalibrationEvidence,
    Comparison,
    Evidence,
    StudyEndpoint,
    Verdict,
    select,
)
from radiokit.validation.facts import StudyFacts, StudySpec


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult:
    """The result of `Study.run`.

    Parameters
    ----------
    tables : dict of str to DataFrame
        One tidy table for each topic, at full precision: a view of the objects below.
    predictions : DataFrame
        One row for each patient, model, cohort and source.
    models : dict of str to FrozenSignature
        The frozen models, ready for new cases.
    warnings : list of str
        What a reader has to know.
    provenance : dict
        Versions, settings, hashes, seeds, date.
    spec : StudySpec
        The study as it was asked for.
    endpoints : tuple of StudyEndpoint
        Each outcome with its models: ``name, survival, models``; a model has a ``name`` and a ``kind`` (clinical,
        volume, signature, combined, or prevalence).
    evidence : tuple of Evidence
        Each estimate of how good a model is, with its source, interval, confidence level and method.
    comparisons : tuple of Comparison
        The difference of each pair of models in each cohort, with its test.
    calibrations : tuple of CalibrationEvidence
        Whether the predictions of each model are right in each cohort.
    verdicts : tuple of Verdict
        What these data can show of the main model of each outcome, and what they cannot.
    facts : StudyFacts
        What is true of this run: cohorts and their centres, what each pipeline did, sample sizes.

    Examples
    --------
    >>> StudyResult({}, pd.DataFrame({"case_id": [], "model": []}))
    StudyResult(0 patients, models: none, 0 warnings)
    """

    tables: dict[str, pd.DataFrame]
    predictions: pd.DataFrame
    models: dict[str, FrozenSignature] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    spec: StudySpec = field(default_factory=StudySpec)
    endpoints: tuple[StudyEndpoint, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    calibrations: tuple[CalibrationEvidence, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    facts: StudyFacts = field(default_factory=StudyFacts)

    def __repr__(self) -> str:
        names = ", ".join(self.models) or "none"
        patients = self.predictions["case_id"].nunique() if "case_id" in self.predictions else 0
        return f"StudyResult({patients} patients, models: {names}, {len(self.warnings)} warnings)"

    def _repr_html_(self) -> str:
        """Return cohorts, discrimination with intervals, verdicts and warnings, for a notebook."""
        judged = [e for e in self.performance() if e.metric in {p.metric for p in self.endpoints}]
        interval = f"{self.facts.level} interval"
        cohorts = [(c.name, c.n_patients, ", ".join(c.centers)) for c in self.facts.cohorts]
        performance = [(e.model, e.cohort, e.source, e.metric, e.estimate, _limits(e), e.n, e.n_events) for e in judged]
        verdicts = [(v.model, v.claim, v.verdict, v.reason) for v in self.verdicts]
        outcomes = ", ".join(e.name for e in self.endpoints) or "no outcome"
        columns = ("model", "cohort", "source", "metric", "estimate", interval, "patients", "events")
        tables = (
            (f"{self.spec.title}: {outcomes}", ("cohort", "patients", "centres"), cohorts),
            ("Performance in patients whom the models were not trained on", columns, performance),
            ("What these data can show, and what they cannot", ("model", "claim", "verdict", "reason"), verdicts),
            (f"Warnings: {len(self.warnings)}", ("warning",), [(text,) for text in self.warnings]),
        )
        return "".join(notebook_table(title, names, rows) for title, names, rows in tables if rows) or repr(self)

    def performance(
        self,
        *,
        model: str | None = None,
        cohort: str | None = None,
        source: str | None = None,
        metric: str | None = None,
    ) -> list[Evidence]:
        """Return how good models are, in patients whom they were not trained on.

        Parameters
        ----------
        model, cohort, metric : str, optional
            Only these; all where nothing is named.
        source : {"external", "test", "out-of-fold", "optimism-corrected", "train"}, optional
            Where the predictions come from. Absent: all but the last two, which are no predictions of other patients.

        Returns
        -------
        list of Evidence
            In the order of the table ``performance``.

        Examples
        --------
        >>> StudyResult({}, pd.DataFrame()).performance(metric="auc")
        []
        """
        found = select(self.evidence, model=model, cohort=cohort, source=source, metric=metric)
        return [e for e in found if source is not None or e.source in HONEST]

    def to_json(self) -> str:
        """Return outcomes, models, evidence, verdicts, facts, tables, warnings and provenance as JSON.

        Returns
        -------
        str
            An object with ``spec, endpoints, evidence, comparisons, calibrations, verdicts, facts, tables, warnings,
            provenance``; a table is a list of rows; NaN and infinity are null. Predictions of patients and frozen
            models are left out: `save` writes them.

        Examples
        --------
        >>> json.loads(StudyResult({}, pd.DataFrame()).to_json())["warnings"]
        []
        """
        lists = ("endpoints", "evidence", "comparisons", "calibrations", "verdicts")
        parts = {
            "spec": asdict(self.spec),
            **{name: [asdict(one) for one in getattr(self, name)] for name in lists},
            "facts": asdict(self.facts),
            "tables": {name: frame.to_dict("records") for name, frame in self.tables.items()},
            "warnings": self.warnings,
            "provenance": self.provenance,
        }
        return json.dumps(plain(parts), indent=1, allow_nan=False)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write everything but the report into a folder.

        Parameters
        ----------
        folder : path
            Made if absent. ``tables/<name>.csv``, ``predictions.csv``, ``<model>.rk`` (frozen models, for ``radiokit
            predict``), ``provenance.json``, ``warnings.txt``. Numbers are written so that they read back bit for bit.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        FileError
            If it cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = StudyResult({"flow": pd.DataFrame({"step": ["all"]})}, pd.DataFrame({"case_id": ["a"]}))
        ...     done = result.save(folder)
        ...     sorted(p.name for p in done.iterdir())
        ['predictions.csv', 'provenance.json', 'tables', 'warnings.txt']
        """
        folder = Path(folder)
        try:
            (folder / "tables").mkdir(parents=True, exist_ok=True)
            for name, table in self.tables.items():
                write_csv(table, folder / "tables" / f"{name}.csv")
            write_csv(self.predictions, folder / "predictions.csv")
            origin = {"provenance": self.provenance, "study": asdict(self.spec)}
            write_text(folder / "provenance.json", json.dumps(origin, indent=1, default=str))
            write_text(folder / "warnings.txt", "".join(f"{w}\n" for w in self.warnings))
        except OSError as error:
            raise FileError(f"cannot write the study to {folder}: {error.strerror or error}.") from error
        for name, model in zip(file_names(self.models), self.models.values(), strict=True):
            model.save(folder / f"{name}.rk")
        return folder

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one self-contained HTML page.

        Parameters
        ----------
        path : path
            The page; figures go into ``figures`` beside it.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        FileError
            If it cannot be written.

        Examples
        --------
        >>> result.report("report.html")  # doctest: +SKIP
        """
        from radiokit.report import write_report

        path = Path(path)
        write_report(self, path, figures_folder=path.parent / "figures")
        return path


def _limits(evidence: Evidence) -> str:
    return f"{evidence.ci_low:.2f} to {evidence.ci_high:.2f}" if evidence.has_interval else ""


def file_name(model: str) -> str:
    """Return a model's name as a file name."""
    return re.sub(r"[^\w.-]+", "_", model).strip("_") or "model"


def file_names(models: dict[str, Any]) -> list[str]:
    """Return a file name for each model; where two would share one, the later ones get a number.

    Examples
    --------
    >>> file_names({"CT 1": None, "CT_1": None})
    ['CT_1', 'CT_1_2']
    """
    taken: set[str] = set()
    return [unused_name(file_name(model), taken) for model in models]
