"""Problems of a cohort, found before a long run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from radiokit.io._pair import read_pair
from radiokit.io.case_rows import reading_of
from radiokit.io.cases import read_cases
from radiokit.io.geometry import other_frame
from radiokit.io.sequences import PARTS, sequences_of
from radiokit.utils import CaseResult, collect_warnings, content_hash, run_cases

COLUMNS = ("case_id", "sequence", "severity", "check", "message")
# A region of fewer voxels has hardly any texture (4 x 4 x 4).
FEW_VOXELS = 64
# Distance from the median, in robust standard deviations, from which a case is pointed out.
FAR = 5.0
SPACING_RATIO = 2.0
Finding = tuple[str, str, str, str, str]


def check_cases(
    cases: pd.DataFrame | str | os.PathLike[str], *, n_jobs: int | None = None, progress: bool = False
) -> pd.DataFrame:
    """Read every case of a cohort and list what should be corrected or known before it is analysed.

    Parameters
    ----------
    cases : DataFrame or path
        As for `read_cases`.
    {n_jobs} {progress}

    Returns
    -------
    DataFrame
        One row for each finding, errors first: `case_id` (empty where it concerns the table), `sequence`, `severity`
        (``"error"``: the case cannot be used; ``"warning"``: look at it), `check`, `message`. Checks: ``read`` (files,
        geometry, mask, voxels that are not finite), ``frame`` (DICOM: the region was drawn in another frame of
        reference than the image's, so perhaps on another patient), ``duplicate`` (the same bytes as another case),
        ``small`` (fewer than 64 voxels), ``flat`` (one slice), ``border`` (the region touches the edge of the image),
        ``spacing`` (twice or half the cohort's median), ``intensity`` and ``volume`` (more than 5 robust standard
        deviations, median absolute deviation · 1.4826, from the median; and by a quarter of the usual range, or a
        factor of 2), ``missing`` (clinical values).

    Raises
    ------
    CaseTableError
        If the table itself is wrong.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from radiokit.io import Mask, Volume, write_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.ones((5, 5, 5))), f"{folder}/image.nii.gz")
    ...     write_volume(Mask(np.ones((5, 5, 5), bool)), f"{folder}/mask.nii.gz")
    ...     table = pd.DataFrame({"image": [f"{folder}/image.nii.gz"], "mask": [f"{folder}/mask.nii.gz"]}, index=["a"])
    ...     check_cases(table)["check"].tolist()
    ['border']
    """
    table = read_cases(cases, on_error="nan")
    findings: list[Finding] = []
    for name, sequence in sequences_of(table).items():
        with collect_warnings() as caught:
            done = run_cases(sequence, _look, n_jobs=n_jobs, on_error="nan", progress=progress, description="Checking")
        failed = done.failures.itertuples(index=False)
        findings += [(case_id, name, "error", "read", message) for case_id, _, message in failed]
        findings += [("", name, "warning", "read", str(w.message)) for w in caught]
        facts = (
            done.features.join(done.provenance[["content", "frame"]]).dropna() if "content" in done.provenance else None
        )
        if facts is not None:
            findings += [(str(i), name, s, c, m) for i, s, c, m in (*_of_case(facts), *_in_cohort(facts))]
    findings += list(_missing(table))
    found = pd.DataFrame(findings, columns=list(COLUMNS))
    return found.sort_values("severity", kind="stable").reset_index(drop=True)


def _look(case_id: str, row: pd.Series) -> CaseResult:
    """Numbers of a case that tell whether something is odd."""
    how = reading_of(row)
    image, mask = read_pair(row["image"], row["mask"], case_id=case_id, **how)
    where = np.nonzero(mask.array)
    values = image.array[mask.array].astype(float)
    low, middle, high = np.percentile(values, [1, 50, 99])
    edge = any(w.min() == 0 or w.max() == n - 1 for w, n in zip(where, mask.shape, strict=True) if n > 1)
    facts = {
        "n_voxels": values.size,
        "n_slices": len(np.unique(where[0])),
        "log10_volume": float(np.log10(values.size * np.prod(image.spacing))),
        "median": middle,
        "range": high - low,
        "edge": edge,
        **{f"spacing_{axis}": step for axis, step in zip("zyx", image.spacing, strict=True)},
    }
    how_read = repr([how.get(part) for part in PARTS[2:]])
    content = content_hash(how_read, [row["image"], row["mask"]])
    return CaseResult(facts, {"content": content, "frame": other_frame(image, mask) or ""})


def _of_case(facts: pd.DataFrame) -> Iterator[tuple[Any, str, str, str]]:
    for case_id, row in facts.iterrows():
        if row["frame"]:
            yield case_id, "error", "frame", row["frame"]
        if row["n_voxels"] < FEW_VOXELS:
            yield case_id, "warning", "small", f"the region has {int(row['n_voxels'])} voxels: hardly any texture"
        if row["n_slices"] == 1:
            yield case_id, "warning", "flat", "the region lies in one slice: extract it in 2-D, or leave out 3-D shape"
        if row["edge"]:
            yield case_id, "warning", "border", "the region touches the edge of the image: is the tumour cut off?"


def _in_cohort(facts: pd.DataFrame) -> Iterator[tuple[Any, str, str, str]]:
    first: dict[str, Any] = {}
    for case_id, content in facts["content"].items():
        if content in first:
            yield case_id, "error", "duplicate", f"image and mask are those of case {first[content]}, byte for byte"
        first.setdefault(content, case_id)
    for axis in "zyx":
        steps = facts[f"spacing_{axis}"]
        usual = steps.median()
        for case_id, step in steps[(steps > SPACING_RATIO * usual) | (steps < usual / SPACING_RATIO)].items():
            yield case_id, "warning", "spacing", f"{step:.4g} mm along {axis}, {usual:.4g} mm in the cohort: resample"
    usual_range = facts["range"].median()
    yield from _far(facts["median"], usual_range / 4, "intensity", "the median intensity of the region is {:.4g}")
    yield from _far(facts["range"], usual_range / 4, "intensity", "intensities of the region (1 to 99 %) span {:.4g}")
    yield from _far(facts["log10_volume"], np.log10(2), "volume", "log10 of the region's volume in mm³ is {:.3g}")


def _far(values: pd.Series, least: float, check: str, text: str) -> Iterator[tuple[Any, str, str, str]]:
    """Point out what lies far from the median, in robust standard deviations and in what matters at all."""
    usual = values.median()
    limit = max(FAR * 1.4826 * float((values - usual).abs().median()), least)
    for case_id, value in values[(values - usual).abs() > limit].items():
        yield case_id, "warning", check, f"{text.format(value)}, the median of the cohort is {usual:.4g}"


def _missing(table: pd.DataFrame) -> Iterator[Finding]:
    files = tuple(f"{part}_" for part in PARTS)
    for column in table.columns:
        lost = table.index[table[column].isna()]
        if len(lost) and column not in PARTS and not str(column).startswith(files):
            some = ", ".join(map(str, lost[:5])) + (", ..." if len(lost) > 5 else "")
            yield "", "", "warning", "missing", f"{column} is missing in {len(lost)} of {len(table)} cases: {some}"
