"""What a process has to load before the first feature: a worker of a cohort pays for it, in time and in memory."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "SimpleITK",
    "scipy.stats",
    "scipy.ndimage",
    "scipy.sparse",
    "scipy.spatial",
    "sklearn",
    "pydicom",
    "rich",
    "joblib",
)


def loaded_by(code: str) -> list[str]:
    program = f"import sys; {code}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_the_engine_loads_what_it_needs_and_no_more() -> None:
    assert loaded_by("import radiokit.features") == []


def test_a_case_on_a_straight_grid_needs_no_itk() -> None:
    code = (
        "import numpy as np; from radiokit.features import RadiomicsExtractor, Resampling; "
        "x = np.random.default_rng(0).normal(size=(8, 9, 10)) * 100; "
        "e = RadiomicsExtractor(filters=['original', 'wavelet'], resampling=Resampling(spacing=(1, 1, 1))); "
        "e.extract_case(x, x > -200, spacing=(2, 1, 1))"
    )
    # numba itself loads the linear algebra of scipy.
    assert not {"SimpleITK", "scipy.stats", "scipy.ndimage", "sklearn"} & set(loaded_by(code))
