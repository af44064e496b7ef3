"""kill -9 in the middle of a cross-validation: what was finished is not done again, and the result is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

MODULE = '''
import os, sys, time
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from radiokit.validation import nested_cv

class Slow(LogisticRegression):
    """Leaves a line for each fit."""

    def fit(self, X, y):
        with open(os.environ["FITS"], "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(float(os.environ["NAP"]))
        return super().fit(X, y)

def run(cache, target):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 5)), columns=list("abcde"))
    y = (X["a"] + rng.normal(size=60) > 0).to_numpy()
    result = nested_cv(Slow(), X, y, repeats=2, random_state=0, cache=cache or None)
    result.predictions.to_frame().to_csv(target, index=False)
    result.summary.to_csv(target + ".summary", index=False)

if __name__ == "__main__":
    run(*sys.argv[1:])
'''
FOLDS = 10


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_killed_cross_validation_goes_on_and_gives_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(MODULE)
    fits, cache = tmp_path / "fits", tmp_path / "cache"

    def start(cache: str, target: str, nap: float) -> subprocess.Popen[bytes]:
        call = f"import slow; slow.run({cache!r}, {str(tmp_path / target)!r})"
        environment = {**os.environ, "FITS": str(fits), "NAP": str(nap), "PYTHONPATH": str(tmp_path)}
        return subprocess.Popen([sys.executable, "-c", call], env=environment)

    def finished() -> list[Path]:
        """Return the entries that are whole; one that is being written lies in a hidden folder."""
        return [path for path in cache.rglob("*.case") if not path.parent.name.startswith(".")]

    def done() -> int:
        return len(finished())

    process = start(str(cache), "killed.csv", 0.5)
    patience = time.monotonic() + 120
    while done() < 3 and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.csv").exists()
    kept = done()
    assert 3 <= kept < FOLDS
    before = {path: path.stat().st_mtime_ns for path in finished()}
    fits.write_text("")
    assert start(str(cache), "resumed.csv", 0).wait() == 0
    assert len(fits.read_text().split()) == FOLDS - kept
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert start("", "whole.csv", 0).wait() == 0
    for name in ("csv", "csv.summary"):
        assert (tmp_path / f"resumed.{name}").read_bytes() == (tmp_path / f"whole.{name}").read_bytes()
    assert len(pd.read_csv(tmp_path / "whole.csv")) == 120
