"""A process that works on one item after the other, for a parent that may end it at any time; see `_process`.

Both ends speak pickles: the parent's are of its own making, and the child's come from code that the parent chose.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import struct
import sys
import threading
import traceback
from queue import SimpleQueue
from typing import Any, BinaryIO

# How much later than the parent's clock the child's own rings; only where the parent is gone does it get so far.
GRACE_SECONDS = 10.0
HEAD = struct.Struct("<cQ")  # kind of a request, number of its bytes
TASK, ITEM = b"t", b"i"
BEGUN = "begun"


def serve() -> None:
    """Answer requests until the parent is gone: a task (a function with its limits), then its items, another task."""
    # Whoever stops the parent with Ctrl-C stops this process too, as its standard input then ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _own_streams()
    _end_with_parent(int(sys.argv[1]))
    _prefer_as_victim()
    waiting: SimpleQueue[tuple[bytes, bytes]] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    task, timeout = None, None
    with open(os.devnull, "w") as silence:
        while True:
            kind, content = waiting.get()
            try:
                if kind == TASK:
                    task, timeout = _learn(content)
                    _send(replies, True, None)
                    continue
                item = pickle.loads(content)
                _send(replies, True, BEGUN)
            except Exception as error:  # noqa: BLE001 - the parent says it
                _send(replies, False, error)
                continue
            if timeout is not None:
                faulthandler.dump_traceback_later(timeout + GRACE_SECONDS, exit=True, file=silence)
            succeeded, value, warned = _work(task, item)
            faulthandler.cancel_dump_traceback_later()
            _send(replies, succeeded, (value, warned))


def _work(task: Any, item: Any) -> tuple[bool, Any, list[Any]]:
    from radiokit.utils.warned import collect_warnings

    with collect_warnings() as warned:
        try:
            succeeded, value = True, task(item)
        except Exception as error:  # noqa: BLE001 - raised by the parent
            error.add_note(f"In the process that worked on it:\n{traceback.format_exc()}")
            succeeded, value = False, error
    return succeeded, value, [(w.message, w.category, w.filename, w.lineno) for w in warned]


def _learn(content: bytes) -> tuple[Any, float | None]:
    """Return the task and its limit of time; whatever it does in turn, it does in this process."""
    from joblib import parallel_config

    task, limits = pickle.loads(content)
    if limits.memory is not None:
        _limit_memory(limits.memory)
    parallel_config(backend="sequential")
    return task, limits.timeout


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes to the parent away from whatever a library reads or prints."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _listen(requests: BinaryIO, waiting: SimpleQueue[tuple[bytes, bytes]]) -> None:
    """Pass requests on; where they end the parent is gone, and nobody waits for what is being worked on."""
    while True:
        head = requests.read(HEAD.size)
        if len(head) < HEAD.size:
            os._exit(0)
        kind, size = HEAD.unpack(head)
        waiting.put((kind, requests.read(size)))


def _end_with_parent(life: int) -> None:
    """Let Linux end this process when the parent's end of a pipe is closed.

    `_listen` does so everywhere, but needs Python's lock, which a library may hold for long.
    """
    if sys.platform != "linux" or life < 0:
        return
    import fcntl

    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    import select

    if select.select([life], [], [], 0)[0]:  # it was closed before anyone looked
        os._exit(0)


def _prefer_as_victim() -> None:
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
    except Exception as error:  # noqa: BLE001 - whatever pickle meets in a foreign object
        content = pickle.dumps((False, (RuntimeError(f"{value!r} cannot be sent between processes: {error}"), [])))
    try:
        replies.write(content)
        replies.flush()
    except BrokenPipeError:
        os._exit(0)
