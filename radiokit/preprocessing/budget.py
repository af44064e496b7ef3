"""Work is estimated before it is done: what a setting asks of a machine is refused before anything is allocated.

Whoever is about to allocate says what for, how many bytes and how many operations; sizes and settings tell both. The
estimates are rough, and the bounds generous: what a machine could do in hours is let through.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from radiokit.exceptions import ParameterError

MOST_OPERATIONS = 1e13  # three hours of one core at 10⁹ a second, for one step of one case
MOST_MEMORY = 1e12
ALWAYS_THERE = 2.0**26  # bytes; for less, the machine is not asked
GB = 1e9
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def require(what: str, *, memory: float = 0.0, operations: float = 0.0, instead: str) -> None:
    """Refuse a step that this machine, or the memory that a case may take, is too small for.

    Parameters
    ----------
    what : str
        The step, with the setting and its value: ``"resampling to (0.001, 1, 1) mm (a grid of ... voxels)"``.
    memory : float
        Bytes that the step holds at a time.
    operations : float
        Additions and products of the step.
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
    if operations > MOST_OPERATIONS:
        raise ParameterError(
            f"{what} needs about {operations:.1g} operations, which takes {_in_words(operations)}. {instead}"
        )


def by(sizes: Iterable[float]) -> str:
    """Spell the sizes of a grid: ``512 x 512 x 300``."""
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


def _in_words(operations: float) -> str:
    hours = operations / 1e9 / 3600
    return f"about {hours:.0f} hours" if hours < 1e4 else "years"
