"""A process that works on one item after the other for a parent, which may end it at any time; see `_process`.

Both ends exchange pickles: the child unpickles only what its parent made, the parent what its own code returned.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, BinaryIO

# A task to learn, unless it is known, and an item to work on.
Request = tuple[bytes | None, bytes]

# How much later than the parent's clock the child's own clock ends the process; needed only when the parent is gone.
GRACE_SECONDS = 10.0
BEGUN = "begun"


def serve() -> None:
    """Answer requests until the parent is gone: first that the work has begun, then what became of it."""
    # Ctrl-C in a terminal reaches this process too; it ends when its parent does, as its standard input then ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _own_streams()
    _end_with_parent(int(sys.argv[1]))
    _end_first_when_memory_runs_out()
    waiting: SimpleQueue[Request] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    task: Callable[[Any], Any] = _no_task
    timeout: float | None = None
    with open(os.devnull, "w") as silence:
        while True:
            new_task, content = waiting.get()
            try:
                if new_task is not None:
                    task, timeout = _learn(new_task)
                item = pickle.loads(content)
            except Exception as error:  # noqa: BLE001 - raised by the parent, whatever unpickling met
                _send(replies, False, error)
                continue
            _send(replies, True, BEGUN)
            if timeout is not None:
                faulthandler.dump_traceback_later(timeout + GRACE_SECONDS, exit=True, file=silence)
            succeeded, value, warned = _work(task, item)
            faulthandler.cancel_dump_traceback_later()
            _send(replies, succeeded, (value, warned))


def _no_task(item: Any) -> Any:
    raise RuntimeError("an item came before its task")


def _work(task: Callable[[Any], Any], item: Any) -> tuple[bool, Any, list[Any]]:
    from radiokit.utils.warned import collect_warnings

    with collect_warnings() as warned:
        try:
            succeeded, value = True, task(item)
        except Exception as error:  # noqa: BLE001 - raised by the parent, with the traceback of this process
            error.add_note(f"In the process that worked on it:\n{traceback.format_exc()}")
            succeeded, value = False, error
    return succeeded, value, [(w.message, w.category, w.filename, w.lineno) for w in warned]


def _learn(content: bytes) -> tuple[Callable[[Any], Any], float | None]:
    """Return the task and its time limit; parallel loops inside the task run in this process."""
    from joblib import parallel_config

    task, limits = pickle.loads(content)
    if limits.memory is not None:
        _limit_memory(limits.memory)
    parallel_config(backend="sequential")
    return task, limits.timeout


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the parent, so that no library reads from them or prints to them."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _listen(requests: BinaryIO, waiting: SimpleQueue[Request]) -> None:
    """Pass requests on; end this process when they end, for then the parent is gone."""
    while True:
        try:
            waiting.put(pickle.load(requests))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)


def _end_with_parent(life: int) -> None:
    """Let Linux end this process when the parent's end of a pipe is closed.

    `_listen` does so on every system, but needs Python's lock, which a library may hold for long.
    """
    if sys.platform != "linux" or life < 0:
        return
    import fcntl

    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    import select

    if select.select([life], [], [], 0)[0]:  # it was closed before the signal was asked for
        os._exit(0)


def _end_first_when_memory_runs_out() -> None:
    """Ask Linux to end this process, and not its parent, when the machine runs out of memory."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        return


def _limit_memory(gib: float) -> None:
    if sys.platform == "linux":
        import resource

        size = int(gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _send(replies: BinaryIO, succeeded: bool, value: Any) -> None:
    try:
        content = pickle.dumps((succeeded, value))
    except Exception as error:  # noqa: BLE001 - pickling runs code of the objects, which may raise anything
        content = pickle.dumps((False, (RuntimeError(f"{value!r} cannot be sent between processes: {error}"), [])))
    try:
        replies.write(content)
        replies.flush()
    except BrokenPipeError:
        os._exit(0)
