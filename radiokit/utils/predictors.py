"""A table of predictors without the columns that name or count its rows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from pandas.api.types import is_complex_dtype, is_numeric_dtype

from radiokit.exceptions import DataWarning
from radiokit.utils.id_names import CASE_NAMES, PATIENT_NAMES, id_name
from radiokit.utils.levels import cell_text
from radiokit.utils.row_numbers import running_numbers, warn_of_order
from radiokit.utils.table import column_text, id_texts, is_labelled, require_agreement

ASKED_FOR = "radiokit_asked_for"


def predictors(frame: pd.DataFrame, what: str = "X") -> pd.DataFrame:
    """Return a table of predictors without the columns that name or count its rows.

    A column `case_id`, `case` or `id` becomes the index; others that name patients, or count the rows, are left out
    with a warning. Columns that a study chose by name stay (`asked_for`), and so does a table that has no others.
    """
    if frame.attrs.get(ASKED_FOR):
        return frame
    if frame.columns.has_duplicates:
        return frame  # the caller refuses it
    names = {c: id_name(column_text(c)) for c in frame.columns}
    column = next((c for name in CASE_NAMES for c in frame.columns if names[c] == name), None)
    if column is not None:
        ids = id_texts(frame[column], what)
        if is_labelled(frame.index, cell_text(frame.index.name)):
            require_agreement(ids, frame.index, str(column), what)
        frame = frame.drop(columns=column).set_axis(pd.Index(ids, name="case_id", dtype=object), axis="index")
    numeric = [c for c, dtype in frame.dtypes.items() if is_numeric_dtype(dtype) and not is_complex_dtype(dtype)]
    values = frame[numeric].to_numpy(dtype=float, na_value=np.nan)
    plain = pd.DataFrame(values, columns=pd.Index([column_text(c) for c in numeric], dtype=object))
    counts = set(running_numbers(plain))
    # Text cannot pass for a measurement, and patients that repeat may be what an estimator groups by.
    patients = {c for c in numeric if names[c] in PATIENT_NAMES and frame[c].is_unique}
    out = [c for c in frame.columns if c in patients or column_text(c) in counts]
    if out and len(out) < frame.shape[1]:
        warnings.warn(
            f"{what} has {', '.join(map(str, out))}, which names cases or counts rows and is no measurement; it is "
            "left out.",
            DataWarning,
            stacklevel=3,
        )
        frame = frame.drop(columns=out)
    others = [c not in counts and not id_name(c) for c in plain.columns]
    warn_of_order(plain.loc[:, others], what, stacklevel=3)
    return frame


def asked_for(frame: pd.DataFrame) -> pd.DataFrame:
    """Mark a table whose columns were chosen by name, so that `predictors` leaves none out."""
    frame.attrs[ASKED_FOR] = True
    return frame
