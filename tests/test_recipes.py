"""The recipes: every study file is understood, and each of the four runs from its script to its last figure."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from radiokit.cli import main as radiokit
from radiokit.plotting import Display
from radiokit.study import Options, Study
from radiokit.study._as_source import as_source

FOLDER = Path(__file__).parents[1] / "examples" / "recipes"
RECIPES = sorted(FOLDER.glob("*.yaml"))
IMAGES = ("", "_ct", "_t2", "_dwi", "_adc", "_CT", "_PET", "_MR_T1")
needs_torch = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("monai") is None, reason="the extra deep is not installed"
)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_study_file_is_understood(path: Path) -> None:
    study = Study.from_yaml(path)
    Options.from_mapping(study.options)
    cases = pd.DataFrame({f"{part}{name}": ["a"] for name in IMAGES for part in ("image", "mask")})
    for name, value in study.signatures.items():
        as_source(name, value, cases, path.parent)
    assert path.with_suffix(".py").exists() or path.name in (FOLDER / "peritoneal.py").read_text()


@pytest.mark.parametrize(
    ("name", "patients", "printed", "figures"),
    [
        pytest.param(
            "peritoneal",
            32,
            ["at the cut-off locked in training", "Is the signature independent?", "Net benefit"],
            ["roc_external", "decision_curves_by_hospital", "calibration_by_hospital", "nomogram_combined"],
            marks=needs_torch,
        ),
        pytest.param(
            "rectal",
            36,
            ["0.876 (0.728-1.000)", "Differences", "Calibration"],
            ["roc_training", "roc_external", "decision_curve_external", "calibration_external"],
            marks=needs_torch,
        ),
        pytest.param(
            "ablation",
            40,
            ["Features that were selected", "$ radiokit predict", "What happened to the 40 new patients"],
            ["roc_test", "decision_curve_test", "nomogram_combined", "new_roc", "new_calibration"],
        ),
        pytest.param(
            "response",
            72,
            ["The nomogram", "log-rank test", "Cox model", "C-index of the nomogram"],
            ["nomogram_combined", "calibration_by_hospital", "decision_curves_by_hospital", "pfs"],
            marks=needs_torch,
        ),
    ],
)
def test_the_recipe_runs_from_end_to_end(
    name: str,
    patients: int,
    printed: list[str],
    figures: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = FOLDER / f"{name}.py"
    arguments = [str(tmp_path), "--quick", "--patients", str(patients), "--jobs", "1"]
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(Display, "svg", lambda self: "<svg></svg>")  # once as PNG is enough
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    runpy.run_path(str(script), run_name="__main__")
    text = capsys.readouterr().out
    assert all(line in text for line in [*printed, "best possible", "Reading ("]), text
    assert all((tmp_path / "figures" / f"{figure}.png").stat().st_size > 5_000 for figure in figures)

    monkeypatch.setattr("radiokit.report._write.figures", lambda result: iter(()))  # they have been drawn once
    again = ["study", str(tmp_path / "study.yaml"), "-o", str(tmp_path / "again"), "--cache", str(tmp_path / "cache")]
    assert radiokit([*again, "--quiet"]) == 0
    by_script, by_shell = (pd.read_csv(folder / "predictions.csv") for folder in (tmp_path, tmp_path / "again"))
    pd.testing.assert_frame_equal(by_script, by_shell)
    assert (tmp_path / "again" / "report.html").stat().st_size > 20_000
