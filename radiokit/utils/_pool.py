"""Child processes that work on items: started when needed, started again when they die, ended when idle."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from radiokit.exceptions import ExtractionError, WorkerDiedError
from radiokit.utils._limits import ADVICE, Limits, no_memory
from radiokit.utils._process import Answer, NotBegunError, Process

STARTS = 4  # how often a process is started for one item
IDLE_SECONDS = 5.0  # how long a process waits for the next run

Setup = tuple[Any, ...]


@dataclass(frozen=True, eq=False, repr=False)  # joblib hashes and names what it sends to a cluster
class ChildWork:
    """The work of one run, as it is sent to child processes, here or on a machine of a cluster."""

    task: bytes
    limits: Limits
    run: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def of(cls, function: Callable[[Any], Any], limits: Limits) -> ChildWork:
        """Return the work as it is sent to processes."""
        import cloudpickle

        return cls(cloudpickle.dumps((function, limits)), limits)

    def __call__(self, item: Any, busy: Busy | None = None) -> Answer:
        """Work on an item in a child process; what ends that process is returned as an error."""
        busy = busy or Busy()
        how = ""
        for attempt in range(STARTS):
            time.sleep(0.2 * attempt)
            busy.require_going_on()
            try:
                with _pool.borrowed(self.limits) as process, busy.holding(process):
                    return process.work(item, self.run, self.task, self.limits)
            except NotBegunError as error:
                how = str(error)
            except MemoryError as error:  # outside of what the task itself looks after
                return Answer(no_memory(error))
        return Answer(
            WorkerDiedError(f"{STARTS} processes ended before they began to work on it: the last one {how}. {ADVICE}")
        )


class Busy:
    """The processes that work for one run, so that all can be ended when it is stopped."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.processes: list[Process] = []
        self.stopped = False

    def require_going_on(self) -> None:
        """Raise ExtractionError where the run was stopped."""
        if self.stopped:
            raise ExtractionError("The run was stopped.")

    @contextmanager
    def holding(self, process: Process) -> Iterator[None]:
        """Note, for a block, that the process works for this run."""
        with self.lock:
            self.require_going_on()
            self.processes.append(process)
        try:
            yield
        finally:
            with self.lock:
                self.processes.remove(process)

    def stop(self) -> None:
        """End all processes; the threads that wait for them find out."""
        with self.lock:
            self.stopped = True
            for process in self.processes:
                process.process.kill()


class _Pool:
    """Idle processes, each with the settings that it was started with."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start without processes: a copy of this process (a fork) must not use those of the original."""
        self.lock = threading.Lock()
        self.idle: list[tuple[Setup, Process]] = []
        self.clock: threading.Timer | None = None

    @contextmanager
    def borrowed(self, limits: Limits) -> Iterator[Process]:
        """Give a process to the block; afterwards it is kept for the next item for a while, if it is still alive."""
        setup = _setup(limits)
        process = self._idle_with(setup) or Process()
        try:
            yield process
        except MemoryError:
            process.end()
            raise
        finally:
            if process.alive:
                self._keep(setup, process)

    def _idle_with(self, setup: Setup) -> Process | None:
        """Return an idle process that was started as a new one would be."""
        with self.lock:
            for k in reversed(range(len(self.idle))):
                if self.idle[k][0] == setup:
                    process = self.idle.pop(k)[1]
                    if process.alive:
                        return process
                    process.end()
                    break
        return None

    def _keep(self, setup: Setup, process: Process) -> None:
        process.idle_since = time.monotonic()
        with self.lock:
            self.idle.append((setup, process))
            if self.clock is None:
                self._start_clock()

    def _start_clock(self) -> None:
        self.clock = threading.Timer(IDLE_SECONDS / 2, self._end_idle)
        self.clock.daemon = True
        self.clock.start()

    def _end_idle(self) -> None:
        now = time.monotonic()
        with self.lock:
            old = [(setup, process) for setup, process in self.idle if now - process.idle_since >= IDLE_SECONDS]
            self.idle = [pair for pair in self.idle if pair not in old]
            self.clock = None
            if self.idle:
                self._start_clock()
        for _, process in old:
            process.end()


def _setup(limits: Limits) -> Setup:
    """Return all that a process gets from this one when it starts: a change of it needs another process."""
    try:
        folder = os.getcwd()
    except OSError:
        folder = ""
    return limits.memory, folder, tuple(sys.path), tuple(sorted(os.environ.items()))


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)
