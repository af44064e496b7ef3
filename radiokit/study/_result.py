"""What a study found: tables, predictions, frozen models, warnings, and where all of it comes from."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from radiokit.exceptions import FileError
from radiokit.study._signature_file import FrozenSignature
from radiokit.study._spec import StudySpec


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult:
    """The result of `Study.run`.

    Parameters
    ----------
    tables : dict of str to DataFrame
        One tidy table a topic, at full precision.
    predictions : DataFrame
        A row a patient, model, cohort and source.
    models : dict of str to FrozenSignature
        The frozen models, ready for new cases.
    warnings : list of str
        What a reader has to know.
    provenance : dict
        Versions, settings, hashes, seeds, date.
    spec : StudySpec
        The study as it was asked for.

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

    def __repr__(self) -> str:
        names = ", ".join(self.models) or "none"
        patients = self.predictions["case_id"].nunique()
        return f"StudyResult({patients} patients, models: {names}, {len(self.warnings)} warnings)"

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
                table.to_csv(folder / "tables" / f"{name}.csv", index=False)
            self.predictions.to_csv(folder / "predictions.csv", index=False)
            about = {"provenance": self.provenance, "study": asdict(self.spec)}
            (folder / "provenance.json").write_text(json.dumps(about, indent=1, default=str), encoding="utf-8")
            (folder / "warnings.txt").write_text("".join(f"{w}\n" for w in self.warnings), encoding="utf-8")
        except OSError as error:
            raise FileError(f"cannot write the study to {folder}: {error.strerror or error}.") from error
        for name, model in self.models.items():
            model.save(folder / f"{file_name(name)}.rk")
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


def file_name(model: str) -> str:
    """Return a model's name as a file name."""
    return re.sub(r"[^\w.-]+", "_", model).strip("_") or "model"
