"""The warnings of one piece of work, kept apart from those of other threads.

`warnings.catch_warnings` exchanges what the whole process does with warnings: of two threads that use it at once, each
gets some warnings of the other, and the filters stay changed when the first to enter is the first to leave. Here the
exchange is made once, by the first thread that collects, and undone by the last; each thread finds its own warnings by
a context variable.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

Warned = tuple[type[Warning], str]


@contextmanager
def collect_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings of a block instead of showing them, in this thread only.

    Yields
    ------
    list of warnings.WarningMessage
        Grows with each warning of the block; an inner block takes its own.

    Examples
    --------
    >>> with collect_warnings() as collected:
    ...     warnings.warn("flat region", stacklevel=1)
    >>> each_once(collected)
    [(<class 'UserWarning'>, 'flat region')]
    """
    collected: list[warnings.WarningMessage] = []
    token = _collected.set(collected)
    try:
        with _router.in_use():
            yield collected
    finally:
        _collected.reset(token)


@contextmanager
def drop_warnings(category: type[Warning] = Warning, match: str = "") -> Iterator[None]:
    """Drop some warnings of a block, in this thread only; the others are given at its end.

    Parameters
    ----------
    category : type
        Class of the warnings to drop.
    match : str
        Regular expression that the beginning of their text matches.

    Yields
    ------
    None
        The block.

    Examples
    --------
    >>> with drop_warnings(UserWarning):
    ...     warnings.warn("known already", stacklevel=1)
    """
    with collect_warnings() as collected:
        yield
    give_again(w for w in collected if not (issubclass(w.category, category) and re.match(match, str(w.message))))


def each_once(collected: Iterable[warnings.WarningMessage]) -> list[Warned]:
    """Return class and text of warnings, each once, in order."""
    return list(dict.fromkeys((w.category, str(w.message)) for w in collected))


def give_again(collected: Iterable[warnings.WarningMessage]) -> None:
    """Give collected warnings, with the places where they arose."""
    for warning in collected:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


_collected: ContextVar[list[warnings.WarningMessage] | None] = ContextVar("radiokit_collected", default=None)


class _Router:
    """Sends each warning to the block that collects in its thread, or to where it would have gone."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.users = 0

    def renew_lock(self) -> None:
        self.lock = threading.RLock()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with self.lock:
            self.users += 1
            if self.users == 1:
                self._start()
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if self.users == 0:
                    self.kept.__exit__(None, None, None)

    def _start(self) -> None:
        self.filters, self.show = list(warnings.filters), warnings.showwarning
        self.kept = warnings.catch_warnings()
        self.kept.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self._route

    def _route(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        collected = _collected.get()
        if collected is not None:
            collected.append(warnings.WarningMessage(message, category, filename, lineno, file, line))
            return
        action = self._action(str(message), category, filename, lineno)
        if action == "error":
            raise message if isinstance(message, Warning) else category(message)
        if action != "ignore":
            self.show(message, category, filename, lineno, file, line)

    def _action(self, text: str, category: type[Warning], filename: str, lineno: int) -> str:
        """Return what the filters of the process would have done with a warning of another thread."""
        module = filename.removesuffix(".py")
        for action, message, kind, where, line in self.filters:
            if (
                issubclass(category, kind)
                and (message is None or _pattern(message).match(text))
                and (where is None or _pattern(where).match(module))
                and line in (0, lineno)
            ):
                return action
        return "default"


def _pattern(text: str | re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(text)


_router = _Router()
if hasattr(os, "register_at_fork"):  # a copy of this process must not wait for a thread that it does not have
    os.register_at_fork(after_in_child=_router.renew_lock)
