"""``radiokit study``: the study that a file describes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from radiokit.cli._common import add_reading, add_running, command, output_folder, say, with_reading_options


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "study",
        run,
        "run the study that a file describes: tables, figures, frozen models, report.html",
        "radiokit study study.yaml -o results --jobs 2",
    )
    parser.add_argument("file", help="study file (YAML)")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="where to write (default: FILE without .yaml)")
    parser.add_argument("--cache", metavar="FOLDER", help="keep finished work here; a new run does only the rest")
    add_reading(parser)
    add_running(parser)


def run(options: argparse.Namespace) -> int:
    """Run it; return how many cases have no features."""
    from radiokit.study import Study

    study = Study.from_yaml(options.file)
    folder = output_folder(options.output or Path(options.file).with_suffix(""))
    if options.roi or options.suv:
        from radiokit.io import read_cases
        from radiokit.study.deep import optional_sequences

        cases = read_cases(study.cases, optional=optional_sequences(dict(study.signatures)))
        study.cases = with_reading_options(cases, options)
    result = study.run(n_jobs=options.jobs, cache=options.cache, progress=not options.quiet)
    result.save(folder)
    print(f"report: {result.report(folder / 'report.html').absolute()}")
    failed = int(result.tables["failures"]["case_id"].nunique())
    if failed:
        say(f"warning: {failed} cases have no features and are left out: see {folder / 'tables' / 'failures.csv'}")
    return failed
