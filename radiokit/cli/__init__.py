"""The command line: radiokit demo | doctor | extract | study | predict | params."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from radiokit import __version__
from radiokit.cli import _demo, _doctor, _extract, _params, _predict, _study
from radiokit.cli._common import say
from radiokit.exceptions import RadiokitError, RadiokitWarning

COMMANDS = (_demo, _doctor, _extract, _study, _predict, _params)
DONE, DONE_WITH_FAILURES, NOTHING_WRITTEN, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        Exit status: 0, all done; 1, done, but cases failed (`doctor`: errors were found); 2, nothing was written, after
        a line ``error: ...`` on standard error; 130, interrupted.
    """
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold what no terminal can show
    try:
        options = _parser().parse_args(arguments)
        with _plain_warnings():
            failures = options.run(options)
        return DONE_WITH_FAILURES if failures else DONE
    except RadiokitError as error:
        return _failed(str(error))
    except BrokenPipeError:  # the reader of a pipe has seen enough, as `head` does
        return DONE
    except OSError as error:
        return _failed(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        say("stopped; with --cache a new run goes on where this one was")
        return INTERRUPTED
    finally:
        _end_output()


def _failed(message: str) -> int:
    say(f"error: {message}")
    return NOTHING_WRITTEN


def _end_output() -> None:
    """Write what is left, quietly where nobody reads it; Python would complain while it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _plain_warnings() -> Iterator[None]:
    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", RadiokitWarning)
        warnings.showwarning = show
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="radiokit",
        description="Radiomics studies from segmented tumours to a report. Try: radiokit demo",
        epilog="exit status: 0 all done, 1 done but cases failed or errors were found, 2 nothing written, 130 stopped",
    )
    parser.add_argument("--version", action="version", version=f"radiokit {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
