"""Names that the study's own models have: no signature may take one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import ParameterError
from radiokit.study import Options, Study
from radiokit.study._names import RESERVED, refuse_reserved


@pytest.mark.parametrize("name", [*RESERVED, "Clinical", " volume ", "COMBINED"])
def test_a_reserved_name_is_refused_by_name(name: str) -> None:
    X = pd.DataFrame(np.eye(8), index=[f"P{i}" for i in range(8)])
    cases = pd.DataFrame({"y": [0, 1] * 4}, index=X.index)
    with pytest.raises(ParameterError, match=rf"called {name!r}.*clinical, volume, combined, prevalence"):
        Study(cases, outcome="y", signatures={name: X}).run()


def test_names_that_only_begin_so_are_fine() -> None:
    allowed = ["clinical_ct", "volumetric", "combined PET"]
    refuse_reserved(allowed)
    for name in RESERVED:  # each beside names that are allowed
        with pytest.raises(ParameterError, match=f"called '{name}'"):
            refuse_reserved([*allowed, name])


def test_the_end_of_a_survival_models_name_is_refused() -> None:
    """With both outcomes `clinical (survival)` would be the name of two models."""
    with pytest.raises(ParameterError, match="called 'clinical \\(Survival\\)'"):
        refuse_reserved(["clinical (Survival)"])


def test_names_that_differ_in_capitals_only_are_refused() -> None:
    with pytest.raises(ParameterError, match="'ct' and 'CT '"):
        refuse_reserved(["ct", "CT "])
    with pytest.raises(ParameterError, match="empty name"):
        refuse_reserved([" "])


def test_an_interval_of_all_is_no_interval() -> None:
    with pytest.raises(ParameterError, match="confidence_level is 1"):
        Options(confidence_level=1)
