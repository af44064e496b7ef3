"""Work in processes that may die: each item has a time, an amount of memory, and a process that only it can bring down.

The threads or workers of any joblib backend each hold such a process. So no pool breaks, and no other item is lost.
"""

from __future__ import annotations

import os
import pickle
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from radiokit.exceptions import CaseMemoryError, CaseTimeoutError, ExtractionError, ParameterError, WorkerDiedError

Item = TypeVar("Item")
Result = TypeVar("Result")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
START = "from radiokit.utils._child import serve; serve()"
LAST_WORDS = 5.0  # seconds
ADVICE = "Run it alone, on a coarser grid or cropped to its region, or take it out."


@dataclass(frozen=True)
class Limits:
    """What one case may take; each runs in a process that is ended when it takes more.

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
    """Return what a case failed with whose memory was not enough."""
    detail = f" ({error})" if str(error) else ""
    return CaseMemoryError(f"it needs more memory than there is, or than its limit allows{detail}. {ADVICE}")


def isolated_iter(
    function: Callable[[Item], Result], items: Iterable[Item], *, n_jobs: int | None, limits: Limits
) -> Iterator[Result | ExtractionError]:
    """Yield the results in order; where a process died or took too long, the error that says so.

    Which workers hold the processes is the choice of ``joblib.parallel_config``; by default it is threads of this one.
    """
    import cloudpickle
    from joblib import Parallel, cpu_count, delayed, effective_n_jobs

    threads = max(1, cpu_count() // effective_n_jobs(n_jobs))
    setup = cloudpickle.dumps((function, limits))
    work = _Isolated(setup, limits, {name: str(threads) for name in THREADS}, secrets.token_hex(8))
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(delayed(work)(item) for item in items)
    try:
        yield from results
    finally:
        _processes.end(work.run)
        results.close()


@dataclass(frozen=True, eq=False, repr=False)  # joblib hashes and names what it sends to a cluster
class _Isolated:
    """Hand an item to a process of this run that has nothing to do, or to a new one; what travels to a worker."""

    setup: bytes
    limits: Limits
    environment: dict[str, str]
    run: str

    def __call__(self, item: Any) -> Any:
        process = _processes.take(self)
        try:
            return process.work(item)
        except (WorkerDiedError, CaseTimeoutError) as error:
            return error
        except MemoryError as error:  # outside of what the task itself looks after
            process.end()
            return no_memory(error)
        finally:
            _processes.give_back(self.run, process)


class _Process:
    """One process, its pipes, and how it ended."""

    def __init__(self, work: _Isolated) -> None:
        self.limits = work.limits
        self.timed_out = False
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**work.environment, **os.environ, "PYTHONPATH": paths},
        )
        try:
            self._request(work.setup)
        except WorkerDiedError as error:
            raise ExtractionError(f"A process for the cases cannot be started: {error}") from error

    def work(self, item: Any) -> Any:
        import cloudpickle

        clock = threading.Timer(self.limits.timeout or 0.0, self._end_late)
        if self.limits.timeout is not None:
            clock.start()
        try:
            return self._request(cloudpickle.dumps(item))
        finally:
            clock.cancel()

    def _request(self, content: bytes) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(content)
            self.process.stdin.flush()
            succeeded, value = pickle.load(self.process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(LAST_WORDS)  # to learn how it ended by itself
            self.end()
            raise self._reason() from None
        if not succeeded:
            raise value
        return value

    def _reason(self) -> ExtractionError:
        if self.timed_out:
            return CaseTimeoutError(
                f"it took longer than the limit of {self.limits.timeout:g} s and was stopped. {ADVICE}"
            )
        code = self.process.returncode
        if code >= 0:
            how = f"ended with status {code}"
        elif -code == signal.SIGKILL:
            how = "was killed, most likely for want of memory"
        else:
            how = f"crashed in a library ({signal.Signals(-code).name})"
        if self.limits.memory is not None:
            how += f"; its limit of memory was {self.limits.memory:g} GiB"
        return WorkerDiedError(f"the process that worked on it died: it {how}. {ADVICE}")

    def _end_late(self) -> None:
        self.timed_out = True
        self.process.kill()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """End the process, and leave neither it nor its pipes behind."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # bytes that nobody will read
                pipe.close()  # type: ignore[union-attr]


class _Processes:
    """The processes of each run: those at work are known too, so that all can be ended at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: dict[str, list[_Process]] = {}
        self.busy: dict[str, list[_Process]] = {}
        self.ended: set[str] = set()

    def take(self, work: _Isolated) -> _Process:
        with self.lock:
            self._end_other_runs(work.run)
            idle = self.idle.setdefault(work.run, [])
            process = idle.pop() if idle else None
        if process is None or not process.alive:
            process = _Process(work)
        with self.lock:
            if work.run in self.ended:
                process.end()
                raise ExtractionError("The run was stopped.")
            self.busy.setdefault(work.run, []).append(process)
        return process

    def give_back(self, run: str, process: _Process) -> None:
        with self.lock:
            self.busy[run].remove(process)
            if process.alive and run not in self.ended:
                self.idle.setdefault(run, []).append(process)
            else:
                process.end()

    def end(self, run: str) -> None:
        with self.lock:
            self.ended.add(run)
            for process in self.idle.pop(run, []):
                process.end()
            for process in self.busy.get(run, []):
                process.process.kill()  # the thread that waits for it does the rest

    def _end_other_runs(self, run: str) -> None:
        """End what is left of earlier runs: a worker on another machine learns that one is over from the next."""
        for other in [name for name in self.idle if name != run]:
            for process in self.idle.pop(other):
                process.end()


_processes = _Processes()
