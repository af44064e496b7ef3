"""Work is estimated before it is done: what a setting asks of a machine is refused before anything is allocated.

A step that may be large states, before it allocates anything, how many bytes it holds and how many seconds of one core
it takes; both follow from sizes and settings. Times were measured on one core of an
AMD EPYC, and are rough.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from radiokit.exceptions import ParameterError

# Seconds of one core for one step of one case: what takes longer is nearly always a mistake in a setting.
MOST_SECONDS = 900.0  # filtering an image
MOST_SECONDS_OF_A_GRID = 120.0  # resampling, whose voxels every later step visits again
MOST_SECONDS_OF_A_TEXTURE = 45.0  # one matrix of one image, of which a case may have a hundred
MOST_SECONDS_OF_A_WAVELET = 180.0  # one matrix of all sub-bands of one level
MOST_SECONDS_OF_MAPS = 12 * 3600.0  # which are asked for voxel by voxel, and shared out among workers
MOST_MEMORY = 1e12
BYTES_OF_A_VOXEL = 40.0  # of a new grid: image, region, and what measuring them adds
SECONDS_OF_A_VOXEL = 2.5e-7
ALWAYS_THERE = 2.0**26  # bytes; for less, the machine is not asked
GB = 1e9
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def require(
    what: str, *, memory: float = 0.0, seconds: float = 0.0, most_seconds: float = MOST_SECONDS, instead: str
) -> None:
    """Refuse a step that this machine, or the memory that a case may take, is too small for.

    Parameters
    ----------
    what : str
        The step, with the setting and its value: ``"resampling to (0.001, 1, 1) mm (a grid of ... voxels)"``.
    memory : float
        Bytes that the step holds at a time.
    seconds : float
        Time that the step takes on one core.
    most_seconds : float
        Time that it may take.
    instead : str
        What to do about it.

    Raises
    ------
    ParameterError
        With both numbers: what is needed, and what there is.
    """
    if memory > ALWAYS_THERE and memory > (there := memory_there_is()):
        raise ParameterError(
            f"{what} needs about {memory / GB:.3g} GB of memory; there are {there / GB:.3g} GB. {instead}"
        )
    if seconds > most_seconds:
        raise ParameterError(
            f"{what} needs about {_in_words(seconds)} of one core; allowed are {_in_words(most_seconds)}. {instead}"
        )


def by(sizes: Iterable[float]) -> str:
    """Return the sizes of a grid as text: ``512 x 512 x 300``."""
    return " x ".join(f"{size:g}" for size in sizes)


def memory_there_is() -> float:
    """Return the bytes that this process may hold: of the machine, its container, or the limit set for a case."""
    found = [MOST_MEMORY]
    with suppress(ValueError, OSError, AttributeError):
        found.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ImportError, OSError):
        import resource

        limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS)]
        found += [float(limit) for limit in limits if limit != resource.RLIM_INFINITY]
    for name in CGROUP_LIMITS:
        with suppress(ValueError, OSError):
            found.append(float(Path(name).read_text(encoding="ascii")))
    return min(found)


def _in_words(seconds: float) -> str:
    for unit, size in (("years", 365 * 86400.0), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} seconds"
