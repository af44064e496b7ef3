"""One child process, which may die or be ended without harm to this one; see `_child` for its other end."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, cast

from radiokit.exceptions import CaseTimeoutError, ExtractionError, WorkerDiedError
from radiokit.utils._limits import ADVICE, Limits

# A process has one core: several of them share the machine, and no sum is split between threads.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
START = "from radiokit.utils._child import serve; serve()"
EXIT_SECONDS = 5.0  # how long a process that closed its pipes may take to end by itself


class NotBegunError(Exception):
    """The process ended before it began with the item, which another process may therefore take."""


@dataclass(frozen=True)
class Answer:
    """The result of an item, or the error that stands for it, and the warnings that were given."""

    value: Any
    warned: list[warnings.WarningMessage] = field(default_factory=list)


class Process:
    """A process, its pipes, and how it ended."""

    def __init__(self) -> None:
        self.run = ""  # the run whose task it knows
        self.idle_since = 0.0
        self.limits = Limits()
        self.too_late = False
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        inherited, self.life = _pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, "-1" if inherited is None else str(inherited.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
                pass_fds=[] if inherited is None else [inherited.fileno()],
            )
        except OSError as error:
            raise NotBegunError(f"cannot be started: {error}") from error
        finally:
            if inherited is not None:
                inherited.close()
        # Popen has both where a pipe is asked for.
        self.requests, self.replies = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)

    def work(self, item: Any, run: str, task: bytes, limits: Limits) -> Answer:
        """Return the result of an item; an exception of the work is raised, what ended the process is returned."""
        self.limits = limits
        self._begin(item, run, task)
        clock = threading.Timer(limits.timeout or 0.0, self._end_late)
        if limits.timeout is not None:
            clock.start()
        try:
            succeeded, (value, warned) = pickle.load(self.replies)
        except (OSError, EOFError, pickle.UnpicklingError):
            return Answer(self._reason())
        finally:
            clock.cancel()
        if not succeeded:
            raise value
        return Answer(value, [warnings.WarningMessage(*each) for each in warned])

    def _begin(self, item: Any, run: str, task: bytes) -> None:
        """Send the item, and the task unless the process knows it, and wait until the work begins."""
        import cloudpickle

        content = cloudpickle.dumps(item)
        try:
            pickle.dump((None if self.run == run else task, content), self.requests)
            self.requests.flush()
            succeeded, error = pickle.load(self.replies)
        except (OSError, EOFError, pickle.UnpicklingError):
            raise NotBegunError(self._how_it_ended()) from None
        if not succeeded:
            self.end()
            if isinstance(error, MemoryError):  # of this item
                raise error
            raise ExtractionError(
                f"The work cannot be handed to another process ({type(error).__name__}: {error}). Use n_jobs=1 without "
                "limits, or define it in a module."
            ) from error
        self.run = run

    def _reason(self) -> ExtractionError:
        how = self._how_it_ended()
        if self.too_late:
            return CaseTimeoutError(
                f"it took longer than the limit of {self.limits.timeout:g} s and was stopped. {ADVICE}"
            )
        return WorkerDiedError(f"the process that worked on it died: it {how}. {ADVICE}")

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(EXIT_SECONDS)
        self.end()
        code = self.process.returncode
        if code >= 0:
            how = f"ended with status {code}"
        elif -code == signal.SIGKILL:
            how = "was killed, most likely for want of memory"
        else:
            how = f"crashed in a library ({signal.Signals(-code).name})"
        if self.limits.memory is not None:
            how += f"; its limit of memory was {self.limits.memory:g} GiB"
        return how

    def _end_late(self) -> None:
        self.too_late = True
        self.process.kill()

    @property
    def alive(self) -> bool:
        """Whether it can take an item."""
        return self.process.poll() is None

    def end(self) -> None:
        """End the process, and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.life, self.requests, self.replies):
            if pipe is not None:
                with suppress(OSError):  # bytes that nobody will read
                    pipe.close()


def _pipe() -> tuple[IO[bytes] | None, IO[bytes] | None]:
    """Return the two ends of a pipe whose closing ends the process, on Linux."""
    if sys.platform != "linux":
        return None, None
    theirs, ours = os.pipe()
    return open(theirs, "rb", buffering=0), open(ours, "wb", buffering=0)
