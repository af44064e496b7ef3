"""``radiokit demo``: a whole study on an embedded cohort."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from radiokit.cli._common import add_running, command, output_folder


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "demo",
        run,
        "run a whole study on an embedded cohort, and write its report",
        "radiokit demo my-demo",
    )
    parser.add_argument("folder", nargs="?", default="radiokit-demo", help="where to write (default: %(default)s)")
    add_running(parser, jobs="up to 2")


def run(options: argparse.Namespace) -> None:
    """Run it."""
    from radiokit.study import run_demo

    folder = output_folder(options.folder)
    report = run_demo(folder, n_jobs=options.jobs, progress=not options.quiet)
    print(f"report: {Path(report).absolute()}")
