"""`radiokit demo`: a whole study on a cohort whose truth is known."""

from __future__ import annotations

import os
from pathlib import Path

from radiokit.datasets import make_cohort
from radiokit.features import RadiomicsExtractor
from radiokit.study._options import Options
from radiokit.study._study import Study


def run_demo(
    folder: str | os.PathLike[str] = "radiokit-demo", *, n_jobs: int | None = None, progress: bool = False
) -> Path:
    """Write a synthetic cohort of three centres, study it with one centre held out, and write the report.

    Parameters
    ----------
    folder : path
        Where to: ``cohort/`` (images, masks, case table), ``cache/``, and the result with ``report.html``.
    n_jobs : int or None
        joblib workers; None is up to two.
    progress : bool
        Show bars on standard error.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    FileError
        If the folder cannot be written.

    Examples
    --------
    >>> run_demo("my-demo")  # doctest: +SKIP
    """
    folder = Path(folder)
    workers = min(2, os.cpu_count() or 1) if n_jobs is None else n_jobs
    cohort = make_cohort(120, centers=3, folder=folder / "cohort", random_state=0, n_jobs=workers, progress=progress)
    study = Study(
        cohort.cases,
        outcome="outcome",
        survival={"event": "event", "time": "time"},
        clinical=["age", "sex", "cea", "stage"],
        signatures={"radiomics": RadiomicsExtractor()},
        center="center",
        groups="patient_id",
        split={"external": ["C"]},
        random_state=0,
        options=Options(
            pipeline="lasso",
            repeats=2,
            bootstraps=20,
            penalty_folds=5,
            time_unit="months",
            title="Demo: a cohort of known truth",
        ),
    )
    result = study.run(n_jobs=workers, cache=folder / "cache", progress=progress)
    result.save(folder)
    return result.report(folder / "report.html")
