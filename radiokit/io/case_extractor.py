"""What every extractor of features shares: a case table in, a feature table or a file of features out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import pandas as pd

from radiokit.exceptions import FileError, ParameterError
from radiokit.io.case_rows import case_key, case_table, table_of_files
from radiokit.utils import Extraction, ExtractionFile, Limits, run_cases, run_cases_to
from radiokit.utils.transformer import CaseTransformer

CaseTable: TypeAlias = pd.DataFrame | str | os.PathLike[str]


@dataclass(frozen=True)
class ExtractorWork:
    """The work of an extractor: what is computed for each case, the columns it gives, and what decides a value.

    `settings` and `label` are part of the name of a cached result; `finish` is a second step for several cases at once.
    """

    compute: Callable[[str, pd.Series], Any]
    columns: Sequence[str]
    settings: str
    label: int | None = None
    finish: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    description: str = "Features"


class CaseExtractor(CaseTransformer):
    """Extractor of features of a case table; a subclass gives the work as an `ExtractorWork`, and these parameters."""

    n_jobs: int | None
    on_error: str
    cache: str | os.PathLike[str] | None
    limits: Limits | None
    progress: bool

    def _work(self) -> ExtractorWork:
        """Return the work, after all settings are checked."""
        raise NotImplementedError

    def extract(self, cases: CaseTable) -> Extraction:
        """Extract the features of each case, with the failures and the origin of each row.

        Parameters
        ----------
        {cases}
            Images and masks may also be volumes or SimpleITK images.

        Returns
        -------
        Extraction
            Features, failures and provenance. Deep features have a column ``crop_fill`` of the provenance: the extent
            of the region in the crop, above 1 where the region is larger.

        Raises
        ------
        CaseTableError
            If the table lacks columns or repeats ids.
        MissingDependencyError
            If a package that the extractor needs is not installed, with the line that installs it.
        RadiokitError
            With ``on_error="raise"``: the error of the first case that fails, with its id.

        Examples
        --------
        >>> import numpy as np
        >>> from radiokit.features import RadiomicsExtractor
        >>> from radiokit.io import Mask, Volume
        >>> image = Volume(np.arange(64.0).reshape(4, 4, 4))
        >>> cases = pd.DataFrame({"image": [image], "mask": [Mask(image.array > 31)]}, index=["P01"])
        >>> RadiomicsExtractor(families=["firstorder"]).extract(cases)
        Extraction(1 cases, 18 features, 0 failures)
        """
        work = self._work()
        return run_cases(case_table(cases, on_error=self.on_error), **self._how(work))

    def extract_to(self, cases: CaseTable, path: str | os.PathLike[str]) -> ExtractionFile:
        """Extract the features of each case to a Parquet file, in memory that does not grow with their number.

        Rows are written as they are finished, in parts beside the file; a run that was stopped continues after the last
        part. Take this form for cohorts whose table would fill the memory; `extract` otherwise.

        Parameters
        ----------
        cases : DataFrame or path
            As for `extract`, with paths of files.
        {path}
            Its name ends in ``.parquet``.

        Returns
        -------
        ExtractionFile
            Where the rows are, and what failed.

        Raises
        ------
        FileError
            If the file cannot be written, or another run is writing it.
        RadiokitError
            As for `extract`.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from radiokit.features import RadiomicsExtractor
        >>> from radiokit.io import Mask, Volume, write_volume
        >>> values = np.arange(64.0).reshape(4, 4, 4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_volume(Volume(values), f"{folder}/image.nii.gz")
        ...     write_volume(Mask(values > 31), f"{folder}/mask.nii.gz")
        ...     cases = pd.DataFrame({"image": [f"{folder}/image.nii.gz"], "mask": f"{folder}/mask.nii.gz"}, ["P01"])
        ...     done = RadiomicsExtractor(families=["firstorder"]).extract_to(cases, f"{folder}/features.parquet")
        ...     float(pd.read_parquet(done.path).loc["P01", "original_firstorder_Mean"])
        47.5
        """
        if os.path.splitext(path)[1].lower() != ".parquet":
            raise FileError(f"{path}: rows can be written as they come to .parquet only.")
        work = self._work()
        table = table_of_files(cases, on_error=self.on_error)
        return run_cases_to(table, path=path, settings=work.settings, **self._how(work))

    def _how(self, work: ExtractorWork) -> dict[str, Any]:
        """Return what to run for each case, and how."""
        return {
            "compute": work.compute,
            "columns": work.columns,
            "key": partial(case_key, settings=work.settings, label=work.label),
            "finish": work.finish,
            "n_jobs": self.n_jobs,
            "on_error": self.on_error,
            "cache": self.cache,
            "limits": as_limits(self.limits),
            "progress": self.progress,
            "description": work.description,
        }


def as_limits(limits: Limits | None) -> Limits | None:
    """Return the limits; ParameterError where they are something else."""
    if limits is not None and not isinstance(limits, Limits):
        raise ParameterError(f"limits={limits!r}; required: Limits(...) or None.")
    return limits
