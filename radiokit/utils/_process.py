"""One process that works for this one, and may die or be ended without harm to it; see `_child` for its other end."""

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
from typing import IO, Any

from radiokit.exceptions import CaseTimeoutError, ExtractionError, WorkerDiedError
from radiokit.utils._child import HEAD, ITEM, TASK
from radiokit.utils._limits import ADVICE, Limits

# A process has one core: several of them share the machine, and no sum is split.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
START = "from radiokit.utils._child import serve; serve()"
LAST_WORDS = 5.0  # seconds


class NotBegunError(Exception):
    """The process ended before it began with the item, which another process may therefore take."""


@dataclass(frozen=True)
class Answer:
    """What became of an item, and what was warned of."""

    value: Any
    warned: list[warnings.WarningMessage] = field(default_factory=list)


class Process:
    """A process, its pipes, and how it ended."""

    def __init__(self) -> None:
        self.run = ""  # whose task it knows
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

    def learn(self, run: str, task: bytes, limits: Limits) -> None:
        """Give the process its task, unless it knows it."""
        if self.run == run:
            return
        self.limits = limits
        succeeded, error = self._before_it_begins(TASK, task)
        if not succeeded:
            self.end()
            raise ExtractionError(
                f"The work cannot be handed to another process ({type(error).__name__}: {error}). Use n_jobs=1 without "
                "limits, or define it in a module."
            ) from error
        self.run = run

    def work(self, item: Any) -> Answer:
        """Return what became of an item; an exception of the work is raised, what ended the process is returned."""
        import cloudpickle

        succeeded, value = self._before_it_begins(ITEM, cloudpickle.dumps(item))
        if not succeeded:
            raise value
        clock = threading.Timer(self.limits.timeout or 0.0, self._end_late)
        if self.limits.timeout is not None:
            clock.start()
        try:
            succeeded, (value, warned) = self._receive()
        except (OSError, EOFError, pickle.UnpicklingError):
            return Answer(self._reason())
        finally:
            clock.cancel()
        if not succeeded:
            raise value
        return Answer(value, [warnings.WarningMessage(*each) for each in warned])

    def _before_it_begins(self, kind: bytes, content: bytes) -> tuple[bool, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(HEAD.pack(kind, len(content)))
            self.process.stdin.write(content)
            self.process.stdin.flush()
            return self._receive()
        except (OSError, EOFError, pickle.UnpicklingError):
            raise NotBegunError(self._how_it_ended()) from None

    def _receive(self) -> tuple[bool, Any]:
        assert self.process.stdout is not None
        return pickle.load(self.process.stdout)

    def _reason(self) -> ExtractionError:
        how = self._how_it_ended()
        if self.too_late:
            return CaseTimeoutError(
                f"it took longer than the limit of {self.limits.timeout:g} s and was stopped. {ADVICE}"
            )
        return WorkerDiedError(f"the process that worked on it died: it {how}. {ADVICE}")

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(LAST_WORDS)
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
        """End the process, and leave neither it nor its pipes behind."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.life, self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):  # bytes that nobody will read
                    pipe.close()


def _pipe() -> tuple[IO[bytes] | None, IO[bytes] | None]:
    """Return the two ends of a pipe whose closing ends the process, on Linux."""
    if sys.platform != "linux":
        return None, None
    theirs, ours = os.pipe()
    return open(theirs, "rb", buffering=0), open(ours, "wb", buffering=0)
