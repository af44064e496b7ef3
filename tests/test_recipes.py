"""The study files of the recipes: every key is known, every signature can be built."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiokit.study import Options, Study
from radiokit.study._sources import as_source

RECIPES = sorted((Path(__file__).parents[1] / "examples" / "recipes").glob("*.yaml"))
IMAGES = ("", "_ct", "_t2", "_dwi", "_adc", "_CT", "_PET", "_MR_T1")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_study_file_is_understood(path: Path) -> None:
    study = Study.from_yaml(path)
    Options.from_mapping(study.options)
    cases = pd.DataFrame({f"{part}{name}": ["a"] for name in IMAGES for part in ("image", "mask")})
    for name, value in study.signatures.items():
        as_source(name, value, cases, path.parent)
    assert path.with_suffix(".py").exists()
