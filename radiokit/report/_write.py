"""The report on disk: one page that needs nothing else, or a folder of tables and figures."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from radiokit import __version__
from radiokit.exceptions import FileError
from radiokit.report._checklists import TITLES, checklist
from radiokit.report._figures import figures
from radiokit.report._headline import headline, outcome_name
from radiokit.report._methods import methods_text, settings_rows
from radiokit.report._result import Reportable, endpoints
from radiokit.report._sections import Picture, picture, sections
from radiokit.report._view import csv_uri
from radiokit.utils import write_text
from radiokit.utils.files import unused_name, write_csv
from radiokit.utils.json import plain

HERE = Path(__file__).parent


def write_report(
    result: Reportable, path: str | os.PathLike[str], *, figures_folder: str | os.PathLike[str] | None = None
) -> Path:
    """Write one self-contained HTML page: summary, tables, figures, methods text and provenance.

    Parameters
    ----------
    result : StudyResult
        What `radiokit.study.Study.run` returned.
    path : path
        Target, ``report.html`` in it where it is a folder.
    figures_folder : path, optional
        Where to write each figure as PNG and SVG besides; made if absent.

    Returns
    -------
    Path
        Where the page lies.

    Raises
    ------
    FileError
        If it cannot be written.

    Notes
    -----
    The page loads nothing and runs nothing: figures, style and tables (as files behind links, at full precision) are
    inside it. Every text that comes from data or settings is escaped.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from radiokit.study import StudyResult
    >>> tables = {"failures": pd.DataFrame({"case_id": ["P1"], "error": ["MaskError"], "message": ["empty mask"]})}
    >>> result = StudyResult(tables, pd.DataFrame())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "empty mask" in write_report(result, folder).read_text()
    True
    """
    target = Path(path)
    if target.is_dir():
        target = target / "report.html"
    try:
        pictures = _draw(result, None if figures_folder is None else Path(figures_folder))
    except OSError as error:
        raise FileError(
            f"The report cannot be written to {target}: {error.strerror}. Does the folder exist?"
        ) from error
    write_text(target, _render(result, pictures))
    return target


def write_folder(result: Reportable, folder: str | os.PathLike[str]) -> Path:
    """Write tables (CSV), figures (PNG and SVG), predictions, provenance and the report.

    Parameters
    ----------
    result : StudyResult
        What `radiokit.study.Study.run` returned.
    folder : path
        Target folder; made if absent.

    Returns
    -------
    Path
        The report in the folder.

    Raises
    ------
    FileError
        If something cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from radiokit.study import StudyResult
    >>> result = StudyResult({"flow": pd.DataFrame({"step": ["read"], "n_patients": [3]})}, pd.DataFrame())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_folder(result, folder)
    ...     sorted(p.name for p in Path(folder).rglob("*") if p.is_file())
    ['flow.csv', 'flow.png', 'flow.svg', 'methods.txt', 'predictions.csv', 'provenance.json', 'report.html']
    """
    root = Path(folder)
    try:
        (root / "tables").mkdir(parents=True, exist_ok=True)
        for name, frame in result.tables.items():
            keep_index = not isinstance(frame.index, pd.RangeIndex)
            write_csv(frame, root / "tables" / f"{safe_name(name)}.csv", index=keep_index)
        if endpoints(result):
            (root / "checklists").mkdir(exist_ok=True)
            for name in TITLES:
                write_csv(checklist(result, name), root / "checklists" / f"{name}.csv")
        write_csv(result.predictions, root / "predictions.csv")
        write_text(root / "provenance.json", json.dumps(plain(result.provenance), indent=2))
        write_text(root / "methods.txt", "\n\n".join(methods_text(result)) + "\n")
    except OSError as error:
        raise FileError(f"The results cannot be written to {root}: {error.strerror} ({error.filename}).") from error
    return write_report(result, root / "report.html", figures_folder=root / "figures")


def _draw(result: Reportable, folder: Path | None) -> list[Picture]:
    """Draw the figures one after the other: each is closed before the next is opened."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    taken: set[str] = set()
    for figure in figures(result):
        try:
            svg = figure.display.svg()
            pictures.append(picture(figure, svg))
            if folder is not None:
                name = unused_name(safe_name(figure.name), taken)
                write_text(folder / f"{name}.svg", svg)
                figure.display.save(folder / f"{name}.png", dpi=200)
        finally:
            figure.display.close()
    return pictures


def _render(result: Reportable, pictures: list[Picture]) -> str:
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    provenance = json.dumps(plain(result.provenance), indent=2)
    return environment.get_template("report.html").render(
        title=result.spec.title or f"Radiomics study of {outcome_name(result)}",
        version=__version__,
        style=(HERE / "report.css").read_text(encoding="utf-8"),
        headline=headline(result),
        sections=sections(result, pictures),
        methods=methods_text(result),
        settings=settings_rows(result),
        predictions=csv_uri(result.predictions),
        provenance="data:application/json;base64," + base64.b64encode(provenance.encode()).decode(),
    )


def safe_name(name: str) -> str:
    """Return a file name without anything a file system might refuse."""
    kept = "".join(c if c.isalnum() or c in "-_." else "_" for c in str(name)).strip("._")
    return kept[:80] or "unnamed"
