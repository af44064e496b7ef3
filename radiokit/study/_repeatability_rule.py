"""What a signature asks of repeated measurements, as the user wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from radiokit.engine.inputs import ICC_FORMS, check_choice
from radiokit.exceptions import ParameterError

REPEAT_KEYS = ("repeat", "perturb", "icc", "icc_form", "icc_use")
Use = Literal["ci_low", "estimate"]
USES = get_args(Use)


@dataclass(frozen=True, eq=False)
class RepeatabilityRule:
    """Tables of repeated measurements, or how images are perturbed; and the ICC that a feature has to reach."""

    tables: tuple[pd.DataFrame | Path, ...] = ()
    perturbations: Mapping[str, Any] | None = None
    form: str = "ICC(2,1)"
    threshold: float = 0.75
    use: Use = "ci_low"

    @property
    def measured(self) -> str:
        """What was repeated, in words."""
        if self.perturbations is None:
            return f"{len(self.tables)} repeated measurement{'s' if len(self.tables) > 1 else ''}"
        return f"perturbed images ({', '.join(f'{k} {v}' for k, v in self.perturbations.items())})"

    def plain(self) -> dict[str, Any]:
        """Return the settings with their defaults."""
        return {"icc": self.threshold, "icc_form": self.form, "icc_use": self.use}


def as_repeatability_rule(name: str, value: Mapping[str, Any], base: Path) -> RepeatabilityRule | None:
    """Return what the keys of a signature ask of repeated measurements; None where no key does."""
    given = {key: value[key] for key in REPEAT_KEYS if value.get(key) is not None}
    if not given:
        return None
    if ("repeat" in given) == ("perturb" in given):
        raise ParameterError(
            f"signature {name!r} holds {', '.join(given)}; required for a filter by repeatability: either repeat "
            "(feature tables of cases measured again) or perturb (how training images are changed)."
        )
    perturbations = _perturbations(name, given["perturb"]) if "perturb" in given else None
    # Perturbations are no raters with habits of their own: the one-way form, as in Zwanenburg et al. 2019.
    form = given.get("icc_form", "ICC(2,1)" if perturbations is None else "ICC(1,1)")
    check_choice(form, ICC_FORMS, name=f"icc_form of signature {name!r}")
    use = given.get("icc_use", "ci_low")
    check_choice(use, USES, name=f"icc_use of signature {name!r}")
    threshold = given.get("icc", 0.75)
    if not isinstance(threshold, int | float) or not 0 < threshold < 1:
        raise ParameterError(f"icc of signature {name!r} is {threshold!r}; required: a number between 0 and 1.")
    tables = () if perturbations is not None else _tables(name, given["repeat"], base)
    return RepeatabilityRule(tables, perturbations, form, float(threshold), use)


def _tables(name: str, value: Any, base: Path) -> tuple[pd.DataFrame | Path, ...]:
    if isinstance(value, pd.DataFrame | str | os.PathLike):
        value = [value]
    listed = list(value.values()) if isinstance(value, Mapping) else list(value) if isinstance(value, Sequence) else []
    if not listed or not all(isinstance(v, pd.DataFrame | str | os.PathLike) for v in listed):
        raise ParameterError(
            f"repeat of signature {name!r} is a {type(value).__name__}; required: a feature table (path or DataFrame) "
            "of cases measured again, or a list of these."
        )
    return tuple(v if isinstance(v, pd.DataFrame) else base / os.path.expandvars(os.fspath(v)) for v in listed)


def _perturbations(name: str, value: Any) -> dict[str, Any]:
    from radiokit.preprocessing import Perturbation

    try:
        Perturbation.grid(**value)
    except TypeError:
        raise ParameterError(
            f"perturb of signature {name!r} is {value!r}; required: a mapping of rotations, translations, noise, "
            "growth, randomize_contour, as radiokit.preprocessing.perturb."
        ) from None
    return dict(value)
