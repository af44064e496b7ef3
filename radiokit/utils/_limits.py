"""The time and memory that one case may take."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from radiokit.exceptions import CaseMemoryError, ParameterError

ADVICE = "Run it alone, on a coarser grid or cropped to its region, or take it out."


@dataclass(frozen=True)
class Limits:
    """What one case may take; each case runs in a process that is ended when it takes more.

    ``Limits()`` sets none: then a case that crashes its process costs that case only, also with one worker.

    Parameters
    ----------
    timeout : float, optional
        Seconds for one case, from its first byte read to its last feature.
    memory : float, optional
        GiB that the process working on a case may allocate, the libraries it has loaded (about 0.4 GiB) included.
        Linux only: other systems do not enforce it.

    Raises
    ------
    ParameterError
        If a limit is not a positive number, or `memory` is set where it cannot be enforced.

    Examples
    --------
    >>> Limits(timeout=600).timeout
    600
    """

    timeout: float | None = None
    memory: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("timeout", self.timeout), ("memory", self.memory)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
                raise ParameterError(f"{name} is {value!r}; required: a positive number, or None.")
        if self.memory is not None and sys.platform != "linux":
            raise ParameterError(f"A limit of memory cannot be enforced on {sys.platform}; leave it out.")


def no_memory(error: MemoryError) -> CaseMemoryError:
    """Return the error of a case whose memory was not enough."""
    detail = f" ({error})" if str(error) else ""
    return CaseMemoryError(f"it needs more memory than there is, or than its limit allows{detail}. {ADVICE}")
