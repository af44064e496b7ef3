"""Ids that look like several lesions or scans of a patient: P01_1 and P01_2, K7-left and K7-right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

ENDING = re.compile(
    r"^(.*\w)[ _.\-]+(?:[a-zA-Z]|left|right|\d{1,2}|(?:lesion|scan|tumou?r)[ _.\-]?\d*)$", re.IGNORECASE
)
MANY = 6  # more cases a stem, and it is the name of a centre or of the cohort
SHARE = 1 / 3  # of the cases have to look so


def suspected_lesions(ids: Iterable[Any]) -> str | None:
    """Return the stem of ids that look like several cases of one patient, with how often it comes; None without any.

    Where it finds some and no patients are named, cases of one patient may be in training and test at once.
    """
    texts = pd.Series([str(i).strip() for i in ids], dtype=object)
    stems = texts.str.extract(ENDING, expand=False).dropna()
    several = stems[stems.duplicated(keep=False)]
    if several.empty or len(several) < SHARE * len(texts) or len(several) > MANY * several.nunique():
        return None
    return f"{several.iloc[0]!r} comes {int((several == several.iloc[0]).sum())} times"
