"""A page to look at: every case's region over its middle slice."""

from __future__ import annotations

import html
import os

import pandas as pd

from radiokit.exceptions import DataWarning, RadiokitError
from radiokit.io._drawing import slice_picture
from radiokit.io._pair import read_pair
from radiokit.io.case_rows import reading_of
from radiokit.io.cases import read_cases
from radiokit.io.sequences import sequences_of
from radiokit.utils import drop_warnings, parallel_map, write_text

SIDE = 256
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>radiokit: contact sheet</title>
<style>body{{font:14px sans-serif;margin:1.5em;background:#fff;color:#222}}figure{{display:inline-block;margin:.4em;
vertical-align:top;width:200px}}img{{width:200px;background:#000}}figcaption{{overflow-wrap:anywhere}}.error{{color:#b00}}
</style><h1>{count} regions over their largest slice</h1>
{figures}</html>
"""


def write_contact_sheet(
    cases: pd.DataFrame | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> None:
    """Write a self-contained HTML page with a picture of each case: its largest slice, with the outline in red.

    Parameters
    ----------
    cases : DataFrame or path
        As for `read_cases`.
    {path}
    {n_jobs} {progress}

    Raises
    ------
    CaseTableError
        If the table itself is wrong. A case that cannot be read is shown with its error.
    FileError
        If the page cannot be written; nothing half-written stays behind.

    Notes
    -----
    Grey levels run from the 1st to the 99th percentile of the slice; pixels have the shape of the voxels.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from radiokit.io import Mask, Volume, write_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.ones((5, 5, 5))), f"{folder}/image.nii.gz")
    ...     write_volume(Mask(np.ones((5, 5, 5), bool)), f"{folder}/mask.nii.gz")
    ...     table = pd.DataFrame({"image": [f"{folder}/image.nii.gz"], "mask": [f"{folder}/mask.nii.gz"]}, index=["a"])
    ...     write_contact_sheet(table, f"{folder}/sheet.html")
    ...     "data:image/png" in Path(folder, "sheet.html").read_text()
    True
    """
    items = [
        (str(case_id), name, row)
        for name, table in sequences_of(read_cases(cases, on_error="nan")).items()
        for case_id, row in table.iterrows()
    ]
    figures = parallel_map(_figure, items, n_jobs=n_jobs, progress=progress, description="Drawing")
    write_text(path, PAGE.format(count=len(figures), figures="\n".join(figures)))


def _figure(item: tuple[str, str, pd.Series]) -> str:
    case_id, name, row = item
    caption = html.escape(f"{case_id} {name}".strip())
    try:
        with drop_warnings(DataWarning):  # `check_cases` gives these
            image, mask = read_pair(row["image"], row["mask"], case_id=case_id, **reading_of(row))
    except RadiokitError as error:
        return f'<figure><figcaption>{caption}<p class="error">{html.escape(str(error))}</p></figcaption></figure>'
    z = int(mask.array.sum(axis=(1, 2)).argmax())
    picture = slice_picture(image.array[z], mask.array[z], image.spacing[1] / image.spacing[2], SIDE)
    size = f"slice {z}, {int(mask.array.sum())} voxels"
    return f"<figure>{picture}<figcaption>{caption}<br>{size}</figcaption></figure>"
