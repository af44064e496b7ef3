"""A study that trains networks, killed in the middle: it goes on where it was, and ends with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("monai", reason="the extra deep is not installed")

from radiokit.datasets import make_cohort
from radiokit.study import Study

STUDY = """
cases: cases.csv
outcome: outcome
clinical: [age]
center: center
groups: patient_id
signatures:
  deep:
    deep:
      backbone: resnet_small
      crop: {size: [8, 16, 16], spacing: [6, 3, 3], window: [-100, 150]}
      training: {epochs: 2, patience: null}
split: {external: [B]}
options: {folds: 2, repeats: 1, bootstraps: 0}
"""


def test_killed_and_resumed_is_the_uninterrupted_study(tmp_path: Path) -> None:
    make_cohort(40, centers=2, second_lesions=0, necrosis=60, folder=tmp_path, random_state=0)
    study_file = tmp_path / "study.yaml"
    study_file.write_text(STUDY)
    whole = Study.from_yaml(study_file).run(cache=tmp_path / "whole")
    assert "funnel" not in whole.tables, "a network selects no features"

    cache = tmp_path / "cache"
    command = [sys.executable, "-m", "radiokit", "study", str(study_file), "--cache", str(cache), "--quiet"]
    child = subprocess.Popen(command, start_new_session=True)
    while len(_networks(cache)) < 3:
        assert child.poll() is None, "the study ended before its third network"
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    finished = {path: path.stat().st_mtime_ns for path in _networks(cache) if _epochs(path) == 2}
    assert 2 <= len(finished) < len(_networks(tmp_path / "whole"))

    resumed = Study.from_yaml(study_file).run(cache=cache)
    pd.testing.assert_frame_equal(resumed.predictions, whole.predictions)
    for name in ("performance", "delong", "multivariable"):
        pd.testing.assert_frame_equal(resumed.tables[name], whole.tables[name])
    assert {path.name for path in _networks(cache)} == {path.name for path in _networks(tmp_path / "whole")}
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items()), "trained again"


def _networks(cache: Path) -> list[Path]:
    return list((cache / "fits" / "networks").glob("*.pt"))


def _epochs(network: Path) -> int:
    import torch

    return torch.load(network, weights_only=True)["progress"]["epoch"]
