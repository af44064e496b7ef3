"""Every parameter of every estimator: a value of a wrong type ends in an error of ours that names the parameter."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimators import ESTIMATORS, Entry

from radiokit.exceptions import ParameterError
from radiokit.utils import as_survival_target
from radiokit.utils.parameters import declared_parameters

TABLES = [e for e in ESTIMATORS if e.name.split(".")[0] in ("models", "selection", "survival")]
WRONG: tuple[Any, ...] = ("three", [1, 2], object(), np.nan)


def outcome(entry: Entry, n: int) -> Any:
    rng = np.random.default_rng(0)
    event = np.arange(n) % 2 == 0
    return as_survival_target(event, rng.exponential(size=n)) if entry.survival else event.astype(int)


@pytest.mark.parametrize("entry", TABLES, ids=lambda e: e.name)
def test_a_wrong_type_is_refused_by_name(entry: Entry) -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=list("abc"))
    y = outcome(entry, len(X))
    for name, accepted in declared_parameters(type(entry.make()).__init__).items():
        for value in WRONG:
            if any(part.fits(value) for part in accepted):
                continue
            estimator = entry.make().set_params(**{name: value})
            with warnings.catch_warnings(), pytest.raises(ParameterError, match=f"^{name} is "):
                warnings.simplefilter("ignore")
                estimator.fit(X, y)
