"""Kernels compile where neither the installation nor the home folder can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import radiokit
from radiokit.utils.jit import compiled

NOBODY = 65534
IS_ROOT = hasattr(os, "getuid") and os.getuid() == 0
USES = """
import numpy as np
import radiokit.stats as stats
from radiokit.survival import as_target
from radiokit.features import RadiomicsExtractor
image = np.arange(216.0).reshape(6, 6, 6)
time = np.r_[1.0, 2.0, 3.0]
row = RadiomicsExtractor(families=["firstorder"]).extract_case(image, image > 40, spacing=(1, 1, 1))
print(float(row["original_firstorder_Mean"]), stats.concordance_index(as_target(np.ones(3), time), -time).estimate)
"""

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or (IS_ROOT and not shutil.which("setpriv")),
    reason="needs the rights of POSIX, and setpriv",
)


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """Copy the package to a folder that is read-only, beside a folder for temporary files."""
    root = Path(tempfile.mkdtemp())
    shutil.copytree(
        Path(radiokit.__file__).parent, root / "lib/radiokit", ignore=shutil.ignore_patterns("__pycache__", "*.nb?")
    )
    for folder, _, files in os.walk(root / "lib"):
        os.chmod(folder, 0o555)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o444)
    root.chmod(0o755)
    yield root
    for folder, _, _ in os.walk(root / "lib"):
        os.chmod(folder, 0o755)
    shutil.rmtree(root)


def run(root: Path, temporary: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python as someone who may write to `temporary` only; root gives up the right to write everywhere."""
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if IS_ROOT else []
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(root / "lib"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(root / "lib/home"),
        "TMPDIR": str(temporary),
    }
    words = (*powerless, sys.executable, *words)
    return subprocess.run(words, env=environment, cwd=root, capture_output=True, text=True, check=False)


def test_a_private_folder_keeps_the_code_and_is_said_once(installation: Path) -> None:
    temporary = installation / "tmp"
    temporary.mkdir()
    first = run(installation, temporary, "-c", USES)
    assert first.returncode == 0, first.stderr
    assert first.stdout.split()[0] == "128.0"
    assert len(first.stderr.splitlines()) == 1 and "radiokit-numba-" in first.stderr
    (folder,) = temporary.glob("radiokit-numba-*")
    assert folder.stat().st_mode & 0o777 == 0o700 and list(folder.rglob("*.nbc"))
    again = run(installation, temporary, "-m", "radiokit", "params")
    assert (again.returncode, again.stderr) == (0, "")
    assert "binWidth" in again.stdout


@pytest.mark.skipif(not IS_ROOT, reason="only root makes folders of someone else")
def test_a_folder_that_someone_else_made_is_not_used(installation: Path) -> None:
    temporary = installation / "shared"
    folder = temporary / f"radiokit-numba-{os.getuid()}"
    folder.mkdir(parents=True)
    os.chown(folder, NOBODY, NOBODY)
    done = run(installation, temporary, "-c", "import radiokit.features")
    assert done.returncode == 0 and "belongs to someone else" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_compiled_function_equals_its_source() -> None:
    @compiled
    def total(values: np.ndarray) -> float:
        found = 0.0
        for value in values:
            found += value
        return found

    values = np.arange(5.0)
    assert total(values) == total.py_func(values) == 10.0  # type: ignore[attr-defined]
