"""How a study is run; never what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, eq=False)
class Run:
    """The seed, the workers, the folder of finished work and the progress bar of one run."""

    random_state: int
    by_center: bool = False
    n_jobs: int | None = None
    cache: Path | None = None
    progress: bool = False
    place: str = ""  # what the bars show of where the study is

    @property
    def cases(self) -> Path | None:
        """Folder of the measured cases."""
        return self.cache and self.cache / "cases"

    @property
    def fits(self) -> Path | None:
        """Folder of finished folds and resamples."""
        return self.cache and self.cache / "fits"
