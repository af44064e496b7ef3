"""Robustness of features against small changes of image and region."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.features._cases import CaseTask
from radiokit.features._extractor import RadiomicsExtractor
from radiokit.io.case_extractor import CaseTable
from radiokit.io.case_rows import HOW, case_key, case_table
from radiokit.io.reading import Reading
from radiokit.preprocessing import Perturbation
from radiokit.utils import CaseResult, one_thread, run_cases, spawn_seeds
from radiokit.utils.notebook import failures_table, notebook_table

ORIGINAL = "original"
Perturbations = Sequence[Perturbation] | Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Repeats(Mapping[str, pd.DataFrame]):
    """Features of the same cases, measured again after each perturbation: a mapping of description to table.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Of each perturbation: index ``case_id`` in the order of the case table, one column for each feature.
    failures : DataFrame
        One row for each measurement that failed: ``case_id``, ``perturbation``, ``error``, ``message``; its row is NaN.

    Examples
    --------
    >>> again = Repeats({"rotation 5°": pd.DataFrame({"mean": [1.0]}, index=["P1"])}, pd.DataFrame())
    >>> again
    Repeats(1 perturbations of 1 cases, 1 features, 0 failures)
    """

    tables: dict[str, pd.DataFrame]
    failures: pd.DataFrame

    def __getitem__(self, description: str) -> pd.DataFrame:
        return self.tables[description]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __repr__(self) -> str:
        cases, features = next(iter(self.tables.values())).shape
        return (
            f"Repeats({len(self)} perturbations of {cases} cases, {features} features, {len(self.failures)} failures)"
        )

    def _repr_html_(self) -> str:
        """Show a notebook the perturbations with the cases that could be measured, and the first failures."""
        rows = [(description, int(table.notna().any(axis="columns").sum())) for description, table in self.items()]
        return notebook_table(repr(self), ("perturbation", "cases measured"), rows) + failures_table(self.failures)


def robustness(
    extractor: RadiomicsExtractor,
    cases: CaseTable,
    perturbations: Perturbations,
    *,
    form: str = "ICC(1,1)",
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Intraclass correlation of each feature between the original images and perturbed ones.

    Parameters
    ----------
    extractor : RadiomicsExtractor
        What to measure and how to run: its `n_jobs`, `cache`, `on_error` and `progress` count.
    {cases}
    perturbations : sequence of Perturbation, or dict of arguments of `perturb`
        ``{"rotations": (-10, 10), "translations": (0.25, 0.75), "growth": (-0.1, 0.1)}`` is every combination.
    form : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"}
        As `radiokit.stats.icc`. Zwanenburg et al. take the one-way form.
    {confidence_level}
    random_state : int
        Seed: one for each case and perturbation, whatever the other cases.

    Returns
    -------
    DataFrame
        One row for each feature, as `radiokit.stats.icc`: ``feature, form, icc, ci_low, ci_high, f_statistic, df1, df2,
        p_value, n_subjects, n_raters``. Raters are the original image and each perturbation.

    Raises
    ------
    ParameterError
        If no perturbation is given.
    RadiokitError
        With ``on_error="raise"``: the error of the first measurement that fails, with case and perturbation.

    Warns
    -----
    DataWarning
        With ``on_error="nan"``, if measurements failed; the case is left out of the features concerned.

    Notes
    -----
    After Zwanenburg et al. 2019 (doi:10.1038/s41598-018-36938-4), who chain perturbations, take ICC(1,1), and compare
    with scans that were repeated. Repeated scans remain the better evidence: no perturbation imitates breathing or
    another scanner.

    *How to read it.* A lower confidence limit of 0.9 is a strict bound, 0.75 is usual. Perturb as much as scans really
    differ: after a shift of 1 % of a voxel every feature is robust. The ICC depends on how much the patients differ, so
    report the cohort. To select features inside of a study, give `remeasure` to `RepeatabilitySelector`, which uses
    training cases only.

    Examples
    --------
    >>> from radiokit.io import Mask, Volume
    >>> rng = np.random.default_rng(0)
    >>> region = Mask(np.pad(np.ones((6, 8, 8), bool), 3))
    >>> images = [Volume(100 * k + 20 * rng.normal(size=region.shape)) for k in range(5)]
    >>> cases = pd.DataFrame({"image": images, "mask": [region] * 5}, index=[f"P{k}" for k in range(5)])
    >>> extractor = RadiomicsExtractor(families={"firstorder": ["Mean", "Skewness"]})
    >>> table = robustness(extractor, cases, {"translations": (0.3, 0.6)})
    >>> (table.set_index("feature")["icc"] > 0.9).to_dict()
    {'original_firstorder_Mean': True, 'original_firstorder_Skewness': False}
    """
    table = case_table(cases)
    again = remeasure(extractor, table, perturbations, random_state=random_state)
    ratings = {ORIGINAL: extractor.extract(table).features, **again}
    from radiokit.stats import icc  # which loads scipy.stats, 40 MB that extraction does without

    return icc(ratings, form=form, confidence_level=confidence_level)


def remeasure(
    extractor: RadiomicsExtractor, cases: CaseTable, perturbations: Perturbations, *, random_state: int = 0
) -> Repeats:
    """Measure each case again after each perturbation: the repeats that `RepeatabilitySelector` takes.

    Parameters
    ----------
    extractor : RadiomicsExtractor
        As in `robustness`.
    {cases}
    perturbations : sequence of Perturbation, or dict of arguments of `perturb`
        As in `robustness`.
    random_state : int
        As in `robustness`.

    Returns
    -------
    Repeats
        Mapping of description to features.

    Raises
    ------
    ParameterError
        If no perturbation is given, or two are the same.
    RadiokitError
        As `robustness`.

    Notes
    -----
    The original images are not among the repeats: ``RepeatabilitySelector(remeasure(...))`` adds the table it is
    fitted on. No outcome is used, so the repeats of all cases may be measured at once; the selector then takes
    those of its training cases.

    Examples
    --------
    >>> from radiokit.io import Mask, Volume
    >>> region = Mask(np.pad(np.ones((4, 4, 4), bool), 3))
    >>> cases = pd.DataFrame({"image": [Volume(np.ones(region.shape))], "mask": [region]}, index=["P1"])
    >>> extractor = RadiomicsExtractor(families={"firstorder": ["Mean"]})
    >>> remeasure(extractor, cases, {"growth": (-0.1, 0.1)})
    Repeats(2 perturbations of 1 cases, 1 features, 0 failures)
    """
    changes = Perturbation.grid(**perturbations) if isinstance(perturbations, Mapping) else tuple(perturbations)
    names = [str(change) for change in changes]
    if not names or len(set(names)) < len(names):
        raise ParameterError(
            f"perturbations={names!r}; required: at least one, all different (repeat= numbers draws of one kind)."
        )
    table = case_table(cases)
    task = extractor.case_task()
    done = run_cases(
        _work(table, changes, spawn_seeds(random_state, len(changes))),
        PerturbedTask(task),
        columns=task.names,
        key=partial(_key, settings=task.settings, label=task.rules.label),
        n_jobs=extractor.n_jobs,
        on_error=extractor.on_error,
        cache=extractor.cache,
        limits=extractor.limits,
        progress=extractor.progress,
        description="Perturbed cases",
    )
    # Rows are case by case, so that images of one case are read one after the other.
    values = done.features.to_numpy().reshape(len(table), len(names), -1)
    index = table.index.rename("case_id")
    tables = {
        name: pd.DataFrame(values[:, k], index=index, columns=done.features.columns) for k, name in enumerate(names)
    }
    return Repeats(tables, _failures(done.failures))


@dataclass(frozen=True)
class PerturbedTask:
    """The work on one case and one perturbation; what goes to a worker."""

    task: CaseTask

    def __call__(self, case_id: str, row: pd.Series) -> CaseResult:
        """Return the features of the perturbed pair."""
        image, mask = self.task.read(row["image"], row["mask"], Reading.of_row(row), case_id)
        rng = np.random.default_rng(row["seed"])
        with one_thread():
            return self.task.pipeline.measure(*row["perturbation"].apply(image, mask, random_state=rng))


def _work(table: pd.DataFrame, changes: Sequence[Perturbation], seeds: Sequence[int]) -> pd.DataFrame:
    """Return a row for each case and perturbation."""
    columns = [name for name in ("image", "mask", *HOW) if name in table.columns]
    rows = table[columns].loc[table.index.repeat(len(changes))]
    ids = [(str(case), str(change)) for case in table.index for change in changes]
    # From the id and not the position: a case keeps its values whatever the other cases are.
    drawn = [(seed, zlib.crc32(str(case).encode())) for case in table.index for seed in seeds]
    return rows.assign(perturbation=list(changes) * len(table), seed=drawn).set_axis(
        pd.Index([" | ".join(pair) for pair in ids], name="case_id")
    )


def _key(row: pd.Series, *, settings: str, label: int | None) -> str:
    return case_key(row, settings=f"{settings}|{row['perturbation']!r}|{row['seed']}", label=label)


def _failures(failures: pd.DataFrame) -> pd.DataFrame:
    """Split ids into case and perturbation again, and warn of measurements that are missing."""
    parts = failures["case_id"].astype(str).str.rsplit(" | ", n=1)
    found = failures.assign(case_id=parts.str[0], perturbation=parts.str[1])
    if len(found):
        warnings.warn(
            f"{len(found)} measurements of {found['case_id'].nunique()} cases failed ({found['message'].iloc[0]} ...); "
            "they are NaN, and `remeasure(...).failures` lists them.",
            DataWarning,
            stacklevel=4,
        )
    return found[["case_id", "perturbation", "error", "message"]]
