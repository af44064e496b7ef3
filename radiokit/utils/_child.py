"""A process that works on one item after the other, for a parent that may end it at any time; see `_isolation`.

Both ends speak pickles: the parent's are of its own making, and the child's come from code that the parent chose.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
from typing import Any, BinaryIO

# How much later than the parent's clock the child's own rings; only where the parent is gone does it get so far.
GRACE_SECONDS = 10.0


def serve() -> None:
    """Answer requests on standard input until it is closed: first the task and its limits, then items."""
    # Whoever stops the parent with Ctrl-C stops this process too, as its standard input then ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _own_streams()
    _prefer_as_victim()
    try:
        task, limits = pickle.load(requests)
        if limits.memory is not None:
            _limit_memory(limits.memory)
        _send(replies, True, None)
    except Exception as error:  # noqa: BLE001 - the parent says it
        _send(replies, False, error)
        return
    with open(os.devnull, "w") as silence:
        while True:
            try:
                item = pickle.load(requests)
            except EOFError:
                return
            except MemoryError as error:
                _send(replies, False, error)
                return
            if limits.timeout is not None:
                faulthandler.dump_traceback_later(limits.timeout + GRACE_SECONDS, exit=True, file=silence)
            try:
                answer = True, task(item)
            except Exception as error:  # noqa: BLE001 - raised by the parent
                answer = False, error
            faulthandler.cancel_dump_traceback_later()
            _send(replies, *answer)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes to the parent away from whatever a library reads or prints."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


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
        content = pickle.dumps((False, RuntimeError(f"{value!r} cannot be sent between processes: {error}")))
    try:
        replies.write(content)
        replies.flush()
    except BrokenPipeError:
        os._exit(0)
